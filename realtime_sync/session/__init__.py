"""What both WebSocket APIs share: the reader thread, the mailbox, routing and callbacks."""

from realtime_sync.session._acknowledgements import Rule, error_fields, server_error
from realtime_sync.session._api import DISCARD, Api
from realtime_sync.session._context import ClosesOnExit
from realtime_sync.session._core import Core
from realtime_sync.session._local_events import CallbackError, Closed, LocalEvent, Opened
from realtime_sync.session._observers import Registration
from realtime_sync.session._queue import Empty, Entry, EventQueue
from realtime_sync.session._session import REQUEST_TIMEOUT, Session
from realtime_sync.session._stats import Stats
from realtime_sync.session._subscription import Subscription
from realtime_sync.transport import Deadline, Waiter

__all__ = [
    "DISCARD",
    "REQUEST_TIMEOUT",
    "Api",
    "CallbackError",
    "Closed",
    "ClosesOnExit",
    "Core",
    "Deadline",
    "Empty",
    "Entry",
    "EventQueue",
    "LocalEvent",
    "Opened",
    "Registration",
    "Rule",
    "Session",
    "Stats",
    "Subscription",
    "Waiter",
    "error_fields",
    "server_error",
]
