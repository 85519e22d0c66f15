"""What was handed over for sending and need not be lost with a connection: for sessions that reconnect."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from realtime_sync.session._acknowledgements import Pending
from realtime_sync.transport import Outgoing, Waiter

__all__ = ["Held", "Ledger"]


@define(eq=False)
class Held:
    """One event on its way out. The session's lock guards every field."""

    data: Mapping[str, Any]
    outgoing: Outgoing
    claim: object
    pending: Pending | None
    is_old: bool = False
    """It was queued on a connection that is lost."""
    since: float = field(factory=time.monotonic)

    @property
    def event_id(self) -> str:
        event_id: str = self.data["event_id"]
        return event_id


@define(eq=False)
class Ledger:
    """The events that no server can have seen yet, in order.

    While `holding`, there is no connection to queue them on (or older ones come first), so they wait here, up to the
    same limits in bytes as a connection's own queue.

    Threads: any. Locks: the session's lock guards everything. A wait for room ends by room, by the session's end, or by
    the deadline.
    """

    _marks: tuple[int, int] | None
    returns: Callable[[int], bool]
    """Whether a connection that ended with this close code is replaced."""
    holding: bool = field(init=False, default=False)
    held: deque[Held] = field(init=False, factory=deque)
    bytes: int = field(init=False, default=0)
    _in_flight: deque[Held | None] = field(init=False, factory=deque)
    """Queued on the connection, not all of it known to be with the kernel. None: nothing that outlives a connection."""
    _settled: int = field(init=False, default=0)
    """How many of this connection's messages have left `_in_flight`."""
    _full: bool = field(init=False, default=False)
    _waiters: list[Waiter] = field(init=False, factory=list)

    # -- with a connection ------------------------------------------------------------------------------------------

    def queued_locked(self, held: Held | None, written: int) -> None:
        """Note a message that the connection took, of all whose messages the kernel has `written`."""
        self._in_flight.append(held)
        while self._settled < written and self._in_flight:
            self._in_flight.popleft()
            self._settled += 1

    def knows_locked(self, held: Held) -> bool:
        """Tell whether an event was noted as the newest that the connection took."""
        return bool(self._in_flight) and self._in_flight[-1] is held

    # -- without ----------------------------------------------------------------------------------------------------

    def hold_locked(self, held: Held) -> bool:
        """Keep an event for the next connection; False: too much waits."""
        if self._full:
            return False
        self.held.append(held)
        self.bytes += len(held.outgoing)
        self._full = self._marks is not None and self.bytes >= self._marks[0]
        return True

    def lost_locked(self, written: int) -> list[Held]:
        """Take back what a lost connection never wrote, to the front; return it."""
        unwritten = [each for each in list(self._in_flight)[max(0, written - self._settled) :] if each is not None]
        for each in unwritten:
            each.is_old = True
            self.bytes += len(each.outgoing)
        self.held.extendleft(reversed(unwritten))
        self._in_flight.clear()
        self._settled = 0
        self.holding = True
        return unwritten

    def pop_locked(self) -> Held:
        """Take the oldest event out."""
        held = self.held.popleft()
        self._shrunk_locked(held)
        return held

    def keep_locked(self, wanted: Callable[[Held], bool]) -> list[Held]:
        """Take out what is not wanted, in order, and return it. `wanted` is asked in order."""
        gone = [each for each in self.held if not wanted(each)]
        for each in gone:
            self.held.remove(each)
            self._shrunk_locked(each)
        return gone

    def withdraw_locked(self, event_id: str) -> bool:
        """Forget an event whose sender gave up on it; return whether it was still here."""
        return bool(self.keep_locked(lambda each: each.event_id != event_id))

    def _shrunk_locked(self, gone: Held) -> None:
        self.bytes -= len(gone.outgoing)
        if self._marks is None or self.bytes <= self._marks[1]:
            self._full = False
            self.wake_locked()

    def wake_locked(self) -> None:
        """Let all who wait for room look again."""
        while self._waiters:
            self._waiters.pop().wake()

    def waiter_locked(self) -> Waiter | None:
        """Return what a sender waits on for room; None: there is room."""
        if not (self.holding and self._full):
            return None
        waiter = Waiter()
        self._waiters.append(waiter)
        return waiter

    def leave_locked(self, waiter: Waiter) -> None:
        """Take back a `waiter_locked`."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
