"""Events and objects of the Responses API in WebSocket mode, under the names the official SDK gives them.

What a connection receives is a `ServerEvent`, what it sends a `ClientEvent`. Field names are the wire's. Each module
lists the names that it adds:

- events: `_lifecycle_events` (a response from its beginning to its end, errors), `_text_events` (what it says),
  `_tool_events` (what it does), `_steering`, `_client_events`; the unions in `_server_events` and `_client_events`,
  the names as literals in `_names`.
- a response: `_response`, `_usage`, `_items` (messages, reasoning, and the unions of all items), `_content`,
  and the calls of tools in `_function_calls`, `_hosted_calls`, `_computer_calls` and `_shell_calls`.
- a request: `_requests`, `_text_format`, `_tools` (with the union of all), `_hosted_tools`, `_containers`,
  `_tool_choice`; `_build` makes input items in one call.
- `_results`: what the HTTP companions return. `_official_names`: further names that the official SDK has.
"""

from realtime_sync.types._common import (
    PromptCacheBreakpoint,
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
from realtime_sync.types.responses import (
    _build,
    _client_events,
    _computer_calls,
    _containers,
    _content,
    _function_calls,
    _hosted_calls,
    _hosted_tools,
    _items,
    _lifecycle_events,
    _names,
    _official_names,
    _requests,
    _response,
    _results,
    _server_events,
    _shell_calls,
    _steering,
    _text_events,
    _text_format,
    _tool_choice,
    _tool_events,
    _tools,
    _usage,
)
from realtime_sync.types.responses._build import *
from realtime_sync.types.responses._client_events import *
from realtime_sync.types.responses._computer_calls import *
from realtime_sync.types.responses._containers import *
from realtime_sync.types.responses._content import *
from realtime_sync.types.responses._function_calls import *
from realtime_sync.types.responses._hosted_calls import *
from realtime_sync.types.responses._hosted_tools import *
from realtime_sync.types.responses._items import *
from realtime_sync.types.responses._lifecycle_events import *
from realtime_sync.types.responses._names import *
from realtime_sync.types.responses._official_names import *
from realtime_sync.types.responses._requests import *
from realtime_sync.types.responses._response import *
from realtime_sync.types.responses._results import *
from realtime_sync.types.responses._server_events import *
from realtime_sync.types.responses._shell_calls import *
from realtime_sync.types.responses._steering import *
from realtime_sync.types.responses._text_events import *
from realtime_sync.types.responses._text_format import *
from realtime_sync.types.responses._tool_choice import *
from realtime_sync.types.responses._tool_events import *
from realtime_sync.types.responses._tools import *
from realtime_sync.types.responses._usage import *

__all__ = [
    "PromptCacheBreakpoint",
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
__all__ += _build.__all__
__all__ += _client_events.__all__
__all__ += _computer_calls.__all__
__all__ += _containers.__all__
__all__ += _content.__all__
__all__ += _function_calls.__all__
__all__ += _hosted_calls.__all__
__all__ += _hosted_tools.__all__
__all__ += _items.__all__
__all__ += _lifecycle_events.__all__
__all__ += _names.__all__
__all__ += _official_names.__all__
__all__ += _requests.__all__
__all__ += _response.__all__
__all__ += _results.__all__
__all__ += _server_events.__all__
__all__ += _shell_calls.__all__
__all__ += _steering.__all__
__all__ += _text_events.__all__
__all__ += _text_format.__all__
__all__ += _tool_choice.__all__
__all__ += _tool_events.__all__
__all__ += _tools.__all__
__all__ += _usage.__all__
