"""The queue of one consumer: filled by the reader, emptied by any thread, ended once."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection
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

    Threads: methods called ``…_locked`` run under the session's lock, mostly on the reader; `take` on any thread.
    Locks: `_session_lock`, then `_lock`, which guards every field. Neither is held while waiting. A wait ends by an
    entry, by the end of the queue, or by its deadline.

    The session's lock is what makes the routing of an event one step: nobody may act on an event before all is noted
    that it means. So `take` goes through that lock too, but not for each event, or many consumers would queue up for it
    with the reader: once through, it may take all that was there, `_routed` entries, with the queue's own lock alone.
    """

    _session_lock: Lock
    _flow: Flow
    max_bytes: int | None = None
    low_mark: int = 0
    counts_as_wait: bool = True
    """Whether a thread in `take` keeps the reader from pausing. (For the mailbox itself that is pointless.)"""
    bytes: int = field(init=False, default=0)
    dropped: int = field(init=False, default=0)
    _lock: Lock = field(init=False, factory=Lock)
    _entries: deque[Entry] = field(init=False, factory=deque)
    _routed: int = field(init=False, default=0)
    """How many entries, from the oldest on, were routed before somebody last held the session's lock to look."""
    _end: Callable[[], BaseException | None] | None = field(init=False, default=None)
    # An ordered dict, because leaving it is one call of a built-in, which no interrupt can cut in two.
    _waiters: OrderedDict[Waiter, None] = field(init=False, factory=OrderedDict)

    def __len__(self) -> int:
        return len(self._entries)

    def is_hungry(self) -> bool:
        return len(self._entries) <= self.low_mark and self._end is None

    @property
    def ended(self) -> bool:
        return self._end is not None

    # -- filling ------------------------------------------------------------------------------------------------

    def put_locked(self, entry: Entry) -> None:
        """Add an entry, or fail this consumer alone if it is hopelessly behind."""
        with self._lock:
            if self._end is not None:
                return
            if self.max_bytes is not None and self.bytes + entry[2] > self.max_bytes and self._entries:
                self._overflow(len(self._entries) + 1)
                return
            self._entries.append(entry)
            self.bytes += entry[2]
            if self._waiters:
                self._wake_one()

    def _overflow(self, dropped: int) -> None:
        self.dropped += dropped
        self._keep(())
        self._finish(lambda: SlowConsumer(dropped=dropped))

    def end_locked(self, make_error: Callable[[], BaseException | None]) -> None:
        """End the queue: `take` hands out what is there, then raises what `make_error` returns (None: StopIteration).

        A function rather than an exception, because each thread that raises needs an instance of its own.
        Only the first end counts.
        """
        with self._lock:
            self._finish(make_error)

    def _finish(self, make_error: Callable[[], BaseException | None]) -> None:
        if self._end is None:
            self._end = make_error
            while self._waiters:
                self._wake_one()

    def _wake_one(self) -> None:
        """Wake the thread that has waited longest, if any."""
        for waiter in self._waiters:
            if self._flow.wakes is None:
                waiter.wake()
            else:
                self._flow.wakes.append(waiter.wake)
            self._waiters.pop(waiter, None)
            break

    def remove_locked(self, unwanted: Callable[[Any], bool]) -> None:
        """Forget the waiting events of which `unwanted` is true."""
        with self._lock:
            kept = [entry for entry in self._entries if not unwanted(entry[1])]
            if len(kept) < len(self._entries):
                self._keep(kept)

    def clear_locked(self) -> list[Any]:
        """Forget what waits; return the events."""
        with self._lock:
            events = [event for _, event, _ in self._entries]
            self._keep(())
        return events

    def _keep(self, entries: Collection[Entry]) -> None:
        kept = deque(entries)
        size = sum([entry[2] for entry in entries])
        # No call from here on, so that no interrupt comes in between.
        self._entries, self._routed, self.bytes = kept, 0, size

    # -- emptying -----------------------------------------------------------------------------------------------

    def take(self, deadline: Deadline) -> Entry:
        """Return the oldest entry, waiting for one until the deadline.

        Raises:
            Empty: nothing came in time.
            StopIteration: the queue ended in order.
            RealtimeSyncError: what the queue ended with.
        """
        try:
            while True:
                if not self._entries and self._end is None and not deadline.passed():
                    # Without the locks, as `_wait` looks again: whoever has just sent should wait before the answer
                    # comes, or the reader would have to wait for this thread to let it run.
                    self._wait(deadline)
                if (entry := self.take_routed()) is not None:
                    return entry
                with self._session_lock, self._lock:
                    self._look()
                    if self._routed:
                        return self._pop()
                    end = self._end
                if end is not None or deadline.passed():
                    break
        except BaseException:
            # This thread may have been woken for an entry that it will not take: an interrupt comes anywhere, and a gap
            # is told first. (No lock: a wake-up too many is harmless.)
            if self._entries:
                for following in self._waiters:
                    following.wake()
                    break
            raise
        if end is None:
            raise Empty
        park_at_exit()
        raise end() or StopIteration

    def _look(self) -> None:
        """Find out what was routed; the caller holds both locks."""
        self._routed = len(self._entries)

    def take_routed(self) -> Entry | None:
        """Return the oldest entry if it may be taken without another look, the short way of `take`; else None."""
        if not self._routed:  # Without the lock: it only ever makes the longer way be gone.
            return None
        with self._lock:
            return self._pop() if self._routed else None

    def _pop(self) -> Entry:
        """Take the oldest entry out; the caller holds `_lock` and knows that there is one."""
        entry = self._entries[0]
        self.bytes -= entry[2]
        self._routed -= 1
        self._entries.popleft()  # The only call, and the last step: an interrupt comes behind it.
        if self._flow.paused and len(self._entries) <= self.low_mark:
            self._flow.resume_if_paused()
        return entry

    def _wait(self, deadline: Deadline) -> None:
        """Wait until there may be something to take."""
        waiter = Waiter()
        # In each `finally` below a call of a built-in comes first, and only one: an interrupt right behind it
        # cannot leave a dead waiter to swallow somebody's wake-up, or a wait that keeps the reader from pausing.
        try:
            with self._lock:
                if self._entries or self._end is not None:
                    return
                self._waiters[waiter] = None
            if self.counts_as_wait:
                self._flow.begin_wait(waiter)
            waiter.wait(deadline.remaining())
        finally:
            try:
                self._waiters.pop(waiter, None)
            finally:
                self._flow.waits.discard(waiter)
