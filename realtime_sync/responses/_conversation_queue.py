"""One turn at a time: the line in which the turns of a conversation wait."""

from __future__ import annotations

from collections import deque

from attrs import define, field

from realtime_sync.session import Deadline, Waiter

__all__ = ["Ticket", "TurnQueue"]

_LOOK_AGAIN = 0.5
"""Seconds after which a waiter looks by itself: an interrupt may have kept whoever left from waking the next."""


@define(eq=False)
class Ticket:
    """A place in the line."""

    waiter: Waiter = field(factory=Waiter, repr=False)


@define(eq=False)
class TurnQueue:
    """First come, first served; whoever is at the head has the turn.

    Threads: any; `leave` may be called by finalizers and signal handlers. No lock: `_line` changes by single built-in
    operations, and `_closed` only ever becomes true. A wait ends by becoming the head, by `close`, or by the deadline.
    """

    _line: deque[Ticket] = field(init=False, factory=deque)
    _closed: bool = field(init=False, default=False)

    def enter(self, ticket: Ticket, deadline: Deadline) -> bool:
        """Wait for the turn; return False at the deadline or after `close`: then `ticket` is in the line no more."""
        granted = False
        self._line.append(ticket)
        try:
            while not (granted := self._is_first(ticket)) and not self._closed and not deadline.passed():
                left = deadline.remaining()
                ticket.waiter.wait(_LOOK_AGAIN if left is None else min(left, _LOOK_AGAIN))
            granted = granted and not self._closed
        finally:
            if not granted:
                self.leave(ticket)
        return granted

    def leave(self, ticket: Ticket) -> None:
        """Give the turn back, or the place in the line; may be called again."""
        try:
            self._line.remove(ticket)
        except ValueError:
            return
        for first in tuple(self._line)[:1]:
            first.waiter.wake()

    def close(self) -> None:
        """End every wait."""
        self._closed = True
        for ticket in tuple(self._line):
            ticket.waiter.wake()

    @property
    def is_busy(self) -> bool:
        return bool(self._line)

    def _is_first(self, ticket: Ticket) -> bool:
        for first in tuple(self._line)[:1]:
            return first is ticket
        return False
