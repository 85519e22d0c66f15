"""Events that come from the library itself, not from the server. Callbacks see them under their exact name."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias, get_args

from attrs import field, frozen

from realtime_sync.errors import ConnectionClosed, RealtimeSyncError

__all__ = ["LOCAL_EVENT_TYPES", "CallbackError", "Closed", "LocalEvent", "LocalEventName", "Opened"]


@frozen(kw_only=True)
class Opened:
    """The connection is open. A handler registered on an open session gets it once, at once."""

    type: ClassVar[str] = "open"


@frozen(kw_only=True)
class Closed:
    """The connection is over; no event follows.

    Attributes:
        code, reason: of the close (1006: no close frame came).
        error: what ended it, also for an ordinary close.
    """

    type: ClassVar[str] = "close"
    code: int
    reason: str
    error: ConnectionClosed


@frozen(kw_only=True)
class CallbackError:
    """A callback raised, or callbacks fell so far behind that events were dropped for them.

    Attributes:
        error: the exception.
        event: what the callback had been given, or None.
        handler: the callback, or None.
    """

    type: ClassVar[str] = "callback_error"
    error: BaseException | RealtimeSyncError
    event: Any = field(default=None, repr=False)
    handler: Any = None


LocalEvent = Opened | Closed | CallbackError
LocalEventName: TypeAlias = Literal["open", "close", "reconnecting", "reconnected", "callback_error"]
LOCAL_EVENT_TYPES: tuple[str, ...] = get_args(LocalEventName)
