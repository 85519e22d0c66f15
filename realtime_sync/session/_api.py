"""What a WebSocket API tells the session layer about itself. The session layer knows no event of either API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from realtime_sync.session._acknowledgements import Rule
from realtime_sync.session._queue import Entry, EventQueue

if TYPE_CHECKING:
    from realtime_sync.session._core import Core

__all__ = ["DISCARD", "DROP", "Api"]


class _Discard:
    """The type of `DISCARD` and `DROP`."""


DISCARD: Final = _Discard()
"""An owner for events that only observers get: the rest of a turn that was abandoned."""

DROP: Final = _Discard()
"""An owner for events that nobody gets at all: what still comes of a response that was interrupted."""


class Api(Protocol):
    """Ownership and acknowledgements of one API, as decisions: no threads, no sockets, no waiting.

    Methods that end in ``_locked`` run under the session's lock: on the reader, or on a sender for `sent_locked`.
    """

    registry: str
    """The name of the event registry in `realtime_sync.wire`."""
    rules: Mapping[str, Rule]
    """Which client event is answered by which server events."""

    tracked: frozenset[str]
    """The event types that `owner_locked` must see even while `has_routes_locked()` is false."""
    counted: frozenset[str]
    """Frequent event types that need no owner then, but have to be counted, by `count_locked`."""

    def has_routes_locked(self) -> bool:
        """Return whether any event might have another owner than the mailbox."""
        ...

    def bind(self, core: Core) -> None:
        """Meet the core, once, before the connection's first event."""
        ...

    def complete(self, data: dict[str, Any]) -> None:
        """Finish a caller's event, which has a type: give it an id, say, if events of this API have one. Any thread.

        Raises:
            LocalProtocolError: it cannot be sent.
        """
        ...

    def owner_locked(self, entry: Entry) -> EventQueue | _Discard | None:
        """Return whose event this is (None: the mailbox's), updating what the API tracks."""
        ...

    def count_locked(self, entries: Sequence[Entry]) -> None:
        """Take notice of the `counted` events among those that went to the mailbox past `owner_locked`."""
        ...

    def sent_locked(self, data: Mapping[str, Any], claim: object) -> None:
        """Note an event at the moment it gets its place in the outgoing order. `claim`: what `Core.send` was given."""
        ...

    def interrupted_locked(self, data: Mapping[str, Any], claim: object) -> None:
        """Note an event as `sent_locked` does, if that was not done: an interrupt came when it had just been queued."""
        ...

    def refused_event_id(self, event: Any) -> str | None:
        """Return the id of the client event that an error event names, if any."""
        ...

    def is_harmless(self, event: Any) -> bool:
        """Return whether an error event is only worth a debug message."""
        ...

    def has_open_calls_locked(self) -> bool:
        """Return whether a turn or stream is open, so that even a normal close is an error."""
        ...

    def ended_locked(self) -> None:
        """Let go of what is open: the connection is over, and the core ends every queue."""
        ...

    def tick_locked(self) -> None:
        """Give up on what has waited too long. Called every few seconds."""
        ...
