"""The newest events of a session, kept so that `wait_for` can look back to what the caller just sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from attrs import define, field

from realtime_sync.session._queue import Entry

__all__ = ["Recent"]

MAX_EVENTS = 256
MAX_BYTES = 2**20


@define(eq=False)
class Recent:
    """A ring of the newest entries. The session's lock guards it."""

    _entries: deque[Entry] = field(init=False, factory=deque)
    _bytes: int = field(init=False, default=0)
    _lost: int = field(init=False, default=0)
    """The number of the newest event that has left the ring (0: none has)."""

    def extend(self, entries: Iterable[Entry], size: int) -> None:
        """Add entries of `size` bytes in all, letting the oldest go."""
        ring = self._entries
        ring.extend(entries)
        self._bytes += size
        while len(ring) > MAX_EVENTS or (self._bytes > MAX_BYTES and len(ring) > 1):
            self._lost, _, gone = ring.popleft()
            self._bytes -= gone

    def since(self, position: int) -> list[Entry] | None:
        """Return the entries after event number `position`, or None if some of them have left the ring."""
        if position < self._lost:
            return None
        return [entry for entry in self._entries if entry[0] > position]
