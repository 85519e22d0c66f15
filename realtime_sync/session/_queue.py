"""The queue of one consumer: filled by the reader, emptied by any thread, ended once."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeAlias

from attrs import define, field

from realtime_sync.errors import SlowConsumer
from realtime_sync.session._flow import Flow
from realtime_sync.transport import Deadline, Waiter, park_at_exit

__all__ = ["Empty", "Entry", "EventQueue"]

Entry: TypeAlias = tuple[int, Any, int]
"""(number of the event in its session, the event, bytes it came in)"""


class Empty(Exception):
    """Nothing came within the time-out. Never leaves the library."""


@define(eq=False, kw_only=True)
class EventQueue:
    """What waits for one consumer.

    Threads: `put_locked` and `end_locked` run on the reader (or under its lock), `take` on any thread.
    Locks: `_lock`, the session's, guards every field; it is never held while waiting. A wait ends by an entry,
    by the end of the queue, or by its deadline.
    """

    _lock: Lock
    _flow: Flow
    max_bytes: int | None = None
    low_mark: int = 0
    counts_as_wait: bool = True
    """Whether a thread in `take` keeps the reader from pausing. (For the mailbox itself that is pointless.)"""
    entries: deque[Entry] = field(init=False, factory=deque)
    bytes: int = field(init=False, default=0)
    dropped: int = field(init=False, default=0)
    _end: Callable[[], BaseException | None] | None = field(init=False, default=None)
    # An ordered dict, because leaving it is one call of a built-in, which no interrupt can cut in two.
    _waiters: OrderedDict[Waiter, None] = field(init=False, factory=OrderedDict)

    def __len__(self) -> int:
        return len(self.entries)

    def is_hungry(self) -> bool:
        return len(self.entries) <= self.low_mark and self._end is None

    def put_locked(self, entry: Entry) -> None:
        """Add an entry, or fail this consumer alone if it is hopelessly behind."""
        if self._end is not None:
            return
        if self.max_bytes is not None and self.bytes + entry[2] > self.max_bytes and self.entries:
            dropped = len(self.entries) + 1
            self.dropped += dropped
            self.entries.clear()
            self.bytes = 0
            self.end_locked(lambda: SlowConsumer(dropped=dropped))
            return
        self.entries.append(entry)
        self.bytes += entry[2]
        if self._waiters:
            self.wake_one_locked()

    def end_locked(self, make_error: Callable[[], BaseException | None]) -> None:
        """End the queue: `take` hands out what is there, then raises what `make_error` returns (None: StopIteration).

        A function rather than an exception, because each thread that raises needs an instance of its own.
        Only the first end counts.
        """
        if self._end is None:
            self._end = make_error
            while self._waiters:
                self.wake_one_locked()

    @property
    def ended(self) -> bool:
        return self._end is not None

    def remove_locked(self, unwanted: Callable[[Any], bool]) -> None:
        """Forget the waiting events of which `unwanted` is true."""
        kept = [entry for entry in self.entries if not unwanted(entry[1])]
        if len(kept) < len(self.entries):
            self.entries.clear()
            self.entries.extend(kept)
            self.bytes = sum(entry[2] for entry in kept)

    def clear_locked(self) -> None:
        """Forget what waits."""
        self.entries.clear()
        self.bytes = 0

    def take(self, deadline: Deadline) -> Entry:
        """Return the oldest entry, waiting for one until the deadline.

        Raises:
            Empty: nothing came in time.
            StopIteration: the queue ended in order.
            RealtimeSyncError: what the queue ended with.
        """
        while True:
            with self._lock:
                if self.entries:
                    return self._pop_locked()
                end = self._end
                if end is None and deadline.passed():
                    raise Empty
            if end is not None:
                park_at_exit()
                raise end() or StopIteration
            self._wait(deadline)

    def _wait(self, deadline: Deadline) -> None:
        """Wait until there may be something to take."""
        waiter = Waiter()
        woken = False
        # In each `finally` below a call of a built-in comes first, and only one: an interrupt right behind it
        # cannot leave a dead waiter to swallow somebody's wake-up, or a wait that keeps the reader from pausing.
        try:
            with self._lock:
                if self.entries or self._end is not None:
                    woken = True
                    return
                self._waiters[waiter] = None
            if self.counts_as_wait:
                self._flow.begin_wait(waiter)
            woken = waiter.wait(deadline.remaining())
        finally:
            try:
                self._waiters.pop(waiter, None)
            finally:
                try:
                    self._flow.waits.discard(waiter)
                finally:
                    # This thread may have been woken for an entry that it will not take. (No lock: a wake-up too
                    # many is harmless.)
                    if not woken and self.entries:
                        for following in self._waiters:
                            following.wake()
                            break

    def wake_one_locked(self) -> None:
        """Wake the thread that has waited longest, if any."""
        for waiter in self._waiters:
            waiter.wake()
            self._waiters.pop(waiter, None)
            break

    def _pop_locked(self) -> Entry:
        entry = self.entries.popleft()
        self.bytes -= entry[2]
        if self._flow.paused and len(self.entries) <= self.low_mark:
            self._flow.resume_if_paused()
        return entry
