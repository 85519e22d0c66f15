"""Events and objects of translation sessions, under the names the official SDK gives them.

What a session receives is a `ServerEvent`, what it sends a `ClientEvent`. Field names are the wire's. Events are in
`_events`, what is configured in `_session`, keys for browsers in `_client_secrets`. Each module lists the names that it
adds.
"""

from realtime_sync.types._common import (
    RealtimeError,
    RealtimeErrorEvent,
    Timestamp,
)
from realtime_sync.types.translation import (
    _client_secrets,
    _events,
    _names,
    _session,
)
from realtime_sync.types.translation._client_secrets import *
from realtime_sync.types.translation._events import *
from realtime_sync.types.translation._names import *
from realtime_sync.types.translation._session import *

__all__ = [
    "RealtimeError",
    "RealtimeErrorEvent",
    "Timestamp",
]
__all__ += _client_secrets.__all__
__all__ += _events.__all__
__all__ += _names.__all__
__all__ += _session.__all__
