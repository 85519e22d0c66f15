"""One turn at a time: the line in which the turns of a conversation wait."""

from __future__ import annotations

import weakref
from collections import deque

from attrs import define, field

from realtime_sync.session import Deadline, Waiter

__all__ = ["Turn", "TurnQueue"]

_LOOK_AGAIN = 0.5
"""Seconds after which a waiter looks by itself: an interrupt may have kept whoever left from waking the next."""


@define(eq=False)
class Turn:
    """Something that can have the turn, where there is nothing else that could."""


@define(eq=False)
class _Place:
    """A place in the line."""

    holder: weakref.ref[object]
    """Whose it is. Where an interrupt kept that from leaving, its end does."""
    waiter: Waiter = field(factory=Waiter, repr=False)


@define(eq=False)
class TurnQueue:
    """First come, first served; whoever is at the head has the turn.

    Threads: any; `leave` may be called by finalizers and signal handlers. No lock: `_line` changes by single built-in
    operations, and `_closed` only ever becomes true. A wait ends by becoming the head, by `close`, or by the deadline.
    """

    _line: deque[_Place] = field(init=False, factory=deque)
    _closed: bool = field(init=False, default=False)

    def enter(self, holder: object, deadline: Deadline) -> bool:
        """Wait for the turn; return False at the deadline or after `close`: then there is no place in the line left.

        Args:
            holder: who is to have it, until `leave` or its end; to be kept alive by the caller.
            deadline: of the wait.
        """
        place = _Place(weakref.ref(holder))
        granted = False
        self._line.append(place)
        try:
            while not (granted := self._is_first(place)) and not self._closed and not deadline.passed():
                left = deadline.remaining()
                place.waiter.wait(_LOOK_AGAIN if left is None else min(left, _LOOK_AGAIN))
            granted = granted and not self._closed
        finally:
            if not granted:
                self._give_up(place)
        return granted

    def leave(self, holder: object) -> None:
        """Give the turn back, or the place in the line; may be called again, and by the holder's finalizer."""
        for place in tuple(self._line):
            if place.holder() in (holder, None):  # Some finalizers run when nothing refers to the holder any more.
                self._give_up(place)

    def close(self) -> None:
        """End every wait."""
        self._closed = True
        for place in tuple(self._line):
            place.waiter.wake()

    @property
    def is_busy(self) -> bool:
        """Whether somebody has the turn."""
        return any(place.holder() is not None for place in tuple(self._line))

    def _is_first(self, place: _Place) -> bool:
        for each in tuple(self._line):
            if each is place:
                return True
            if each.holder() is not None:
                return False
            self._give_up(each)
        return False

    def _give_up(self, place: _Place) -> None:
        try:
            self._line.remove(place)
        except ValueError:
            return
        for first in tuple(self._line)[:1]:
            first.waiter.wake()
