"""For web applications: what `realtime_sync.contrib.flask` and `realtime_sync.contrib.django` share.

Nothing here needs a framework, so that it can be used in others, too.
"""

from realtime_sync.contrib._memory import RememberedConversation, RememberedStream, SessionStore, Store, visitor_of
from realtime_sync.contrib._problem import BadInput, Problem
from realtime_sync.contrib._sealing import Sealer, StateRejected, StateTooLarge
from realtime_sync.contrib._site import Site
from realtime_sync.contrib._sse import SSE_HEADERS, ServerSentEvents, frame, text_events

__all__ = [
    "SSE_HEADERS",
    "BadInput",
    "Problem",
    "RememberedConversation",
    "RememberedStream",
    "Sealer",
    "ServerSentEvents",
    "SessionStore",
    "Site",
    "StateRejected",
    "StateTooLarge",
    "Store",
    "frame",
    "text_events",
    "visitor_of",
]
