"""What both WebSocket APIs share: the reader thread, the mailbox, routing and callbacks."""

from realtime_sync.session._acknowledgements import Pending, Rule, error_fields, server_error
from realtime_sync.session._api import DISCARD, DROP, Api
from realtime_sync.session._context import ClosesOnExit
from realtime_sync.session._core import Core
from realtime_sync.session._ledger import Held
from realtime_sync.session._local_events import (
    CallbackError,
    Closed,
    LocalEvent,
    LocalEventName,
    Opened,
    Reconnected,
    Reconnecting,
)
from realtime_sync.session._names import body_of
from realtime_sync.session._observers import Registration
from realtime_sync.session._queue import Empty, Entry, EventQueue
from realtime_sync.session._quoting import QUOTING, without_secrets
from realtime_sync.session._recovery import Redial, Resumption
from realtime_sync.session._session import REQUEST_TIMEOUT, Session
from realtime_sync.session._stats import Stats
from realtime_sync.session._subscription import Subscription
from realtime_sync.transport import Deadline, Waiter

__all__ = [
    "DISCARD",
    "DROP",
    "QUOTING",
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
    "Held",
    "LocalEvent",
    "LocalEventName",
    "Opened",
    "Pending",
    "Reconnected",
    "Reconnecting",
    "Redial",
    "Registration",
    "Resumption",
    "Rule",
    "Session",
    "Stats",
    "Subscription",
    "Waiter",
    "body_of",
    "error_fields",
    "server_error",
    "without_secrets",
]
