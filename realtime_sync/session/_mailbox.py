"""The mailbox: every event that has no other owner, read by `receive()` and by iterating."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from realtime_sync.errors import SlowConsumer
from realtime_sync.session._queue import Entry, EventQueue

__all__ = ["Mailbox"]

UNATTENDED_MAX_BYTES = 2**20
UNATTENDED_MAX_EVENTS = 4096


@define(eq=False, kw_only=True)
class Mailbox(EventQueue):
    """The session's own queue, in one of three moods.

    - *attended* (`receive()` or iteration was called): nothing is dropped silently. Past the high mark the reader
      pauses when it may; when it may not, the mailbox grows to `max_bytes`, then the oldest go and the next
      `take` raises `SlowConsumer` once, at the gap.
    - *untouched* (nobody has opened any consumer yet): the same, since a script may begin to receive at any time.
    - *unattended* (a turn, callback or subscription was opened, and nobody ever received): a ring of the newest
      events, which never pauses the reader.

    Locks: as `EventQueue`.
    """

    high_mark: int | None
    attended: bool = field(init=False, default=False)
    others_opened: bool = field(init=False, default=False)
    dropped_unseen: int = field(init=False, default=0)
    """Dropped since the consumer was last told."""

    def put_locked(self, entry: Entry) -> None:
        """Add an entry; of what nobody waits for the oldest may have to go."""
        with self._lock:
            self._entries.append(entry)
            self.bytes += entry[2]
            if self._waiters:
                self._wake_one()
            else:
                self._limit()

    def extend_locked(self, entries: Sequence[Entry], size: int) -> None:
        """Add entries of `size` bytes in all; the same as `put_locked` for each, at the cost of one."""
        with self._lock:
            self._entries.extend(entries)
            self.bytes += size
            untaken = len(entries)
            while untaken and self._waiters:
                self._wake_one()
                untaken -= 1
            if untaken:
                self._limit()

    def _limit(self) -> None:
        """Drop the oldest entries if there are too many."""
        if self.others_opened and not self.attended:
            self._shrink(UNATTENDED_MAX_BYTES, self.high_mark or UNATTENDED_MAX_EVENTS)
        elif self.max_bytes is not None and self.bytes > self.max_bytes:
            self.dropped_unseen += self._shrink(self.max_bytes, None)

    def other_consumer_opened_locked(self) -> None:
        """Note that a turn, callback or subscription exists; an unattended mailbox becomes a ring."""
        with self._lock:
            self.others_opened = True
            if not self.attended:
                self._shrink(UNATTENDED_MAX_BYTES, self.high_mark or UNATTENDED_MAX_EVENTS)
                self._flow.resume_if_paused()

    def is_full(self) -> bool:
        """Return whether the reader should pause for it (with hysteresis between the two marks)."""
        if self.high_mark is None or (self.others_opened and not self.attended):
            return False
        return len(self._entries) > (self.low_mark if self._flow.paused else self.high_mark - 1)

    def attend(self) -> None:
        """Drop nothing silently from now on: somebody receives, whom `take` tells of a gap, once, by `SlowConsumer`."""
        with self._lock:
            self.attended = True

    def _look(self) -> None:
        # Nobody gets past a gap without coming here, as dropping entries leaves none that may be taken without a look.
        dropped, self.dropped_unseen = self.dropped_unseen, 0
        if dropped:
            raise SlowConsumer(dropped=dropped)
        self._routed = len(self._entries)

    def _shrink(self, max_bytes: int, max_events: int | None) -> int:
        """Drop the oldest entries down to the limits, keeping the newest one whatever its size."""
        gone = 0
        self._routed = 0
        while len(self._entries) > 1 and (
            self.bytes > max_bytes or (max_events is not None and len(self._entries) > max_events)
        ):
            self.bytes -= self._entries[0][2]
            self._entries.popleft()
            gone += 1
        self.dropped += gone
        return gone
