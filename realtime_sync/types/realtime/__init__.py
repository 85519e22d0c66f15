"""Events and objects of the Realtime API, under the names the official SDK gives them.

What a session receives is a `ServerEvent`, what it sends a `ClientEvent`. Field names are the wire's. Each module
lists the names that it adds:

- events: `_server_events` and `_client_events`, with the unions; `_mcp_events`, `_transcription` (what was heard);
  the names as literals in `_names`.
- what they carry: `_session` (the effective configuration), `_items`, `_response`, `_mcp_objects`.
- what a client asks for: `_requests`; `_build` makes items in one call.
- `_calls`: the HTTP companions. `_beta`: the shapes that previews and older servers still speak.
"""

from realtime_sync.types._common import (
    PromptCacheBreakpoint,
    RealtimeError,
    RealtimeErrorEvent,
    ResponseInputFile,
    ResponseInputFilePromptCacheBreakpoint,
    ResponseInputImage,
    ResponseInputImagePromptCacheBreakpoint,
    ResponseInputText,
    ResponseInputTextPromptCacheBreakpoint,
    ResponsePrompt,
    ResponsePromptVariables,
    Timestamp,
    ToolChoiceFunction,
    ToolChoiceMcp,
)
from realtime_sync.types.realtime import (
    _beta,
    _build,
    _calls,
    _client_events,
    _items,
    _mcp_events,
    _mcp_objects,
    _names,
    _requests,
    _response,
    _server_events,
    _session,
    _transcription,
)
from realtime_sync.types.realtime._beta import *
from realtime_sync.types.realtime._build import *
from realtime_sync.types.realtime._calls import *
from realtime_sync.types.realtime._client_events import *
from realtime_sync.types.realtime._items import *
from realtime_sync.types.realtime._mcp_events import *
from realtime_sync.types.realtime._mcp_objects import *
from realtime_sync.types.realtime._names import *
from realtime_sync.types.realtime._requests import *
from realtime_sync.types.realtime._response import *
from realtime_sync.types.realtime._server_events import *
from realtime_sync.types.realtime._session import *
from realtime_sync.types.realtime._transcription import *

__all__ = [
    "PromptCacheBreakpoint",
    "RealtimeError",
    "RealtimeErrorEvent",
    "ResponseInputFile",
    "ResponseInputFilePromptCacheBreakpoint",
    "ResponseInputImage",
    "ResponseInputImagePromptCacheBreakpoint",
    "ResponseInputText",
    "ResponseInputTextPromptCacheBreakpoint",
    "ResponsePrompt",
    "ResponsePromptVariables",
    "Timestamp",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
]
__all__ += _beta.__all__
__all__ += _build.__all__
__all__ += _calls.__all__
__all__ += _client_events.__all__
__all__ += _items.__all__
__all__ += _mcp_events.__all__
__all__ += _mcp_objects.__all__
__all__ += _names.__all__
__all__ += _requests.__all__
__all__ += _response.__all__
__all__ += _server_events.__all__
__all__ += _session.__all__
__all__ += _transcription.__all__
