"""Events that come from the library itself, not from the server. Callbacks see them under their exact name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from attrs import field, frozen

from realtime_sync.errors import ConnectionClosed, RealtimeSyncError

__all__ = [
    "LOCAL_EVENT_TYPES",
    "CallbackError",
    "Closed",
    "LocalEvent",
    "LocalEventName",
    "Opened",
    "Reconnected",
    "Reconnecting",
]


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
class Reconnecting:
    """The connection was lost; another attempt to get it back begins after `delay`.

    Attributes:
        attempt: which one, from 1.
        max_attempts: how many there are at most.
        delay: seconds until then.
        error: what ended the connection, or the attempt before.
        close_code: of the lost connection.
    """

    type: ClassVar[str] = "reconnecting"
    attempt: int
    max_attempts: int
    delay: float
    error: RealtimeSyncError
    close_code: int


@frozen(kw_only=True)
class Reconnected:
    """There is a new connection, with a new session behind it. In the mailbox it separates the two.

    Attributes:
        attempt: which attempt worked, from 1.
        restored_items: the ids of the conversation's items that the new session has again, in order.
        unsent: events (dicts) that were queued and make no sense any more: they name something of the old session, or
            carry audio that is too old. They were not sent.
        unconfirmed: the ids of events that were sent on the old connection and not answered.
    """

    type: ClassVar[str] = "reconnected"
    attempt: int
    restored_items: tuple[str, ...] = field(default=(), repr=False)
    unsent: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    unconfirmed: tuple[str, ...] = ()

    @property
    def wire_type(self) -> str:
        """The same as `type`: no server sends it."""
        return self.type


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


LocalEvent = Opened | Closed | CallbackError | Reconnecting | Reconnected
LocalEventName: TypeAlias = Literal["open", "close", "reconnecting", "reconnected", "callback_error"]
LOCAL_EVENT_TYPES: tuple[str, ...] = get_args(LocalEventName)
