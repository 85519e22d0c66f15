"""What was handed over for sending and need not be lost with a connection: for sessions that reconnect."""

from __future__ import annotations

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
    number: int = 0
    """Of its message on the connection that it is queued on."""
    is_old: bool = False
    """It was queued on a connection that is lost."""
    since: float = 0.0
    """When it was first offered to the `Holder`, monotonic seconds."""

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
    the deadline. What a caller's thread changes is changed by assignments with at most one call, the last: an interrupt
    comes behind a call.
    """

    _marks: tuple[int, int] | None
    returns: Callable[[int], bool]
    """Whether a connection that ended with this close code is replaced."""
    holding: bool = field(init=False, default=False)
    held: deque[Held] = field(init=False, factory=deque)
    bytes: int = field(init=False, default=0)
    _in_flight: deque[Held] = field(init=False, factory=deque)
    """Queued on the connection, not all of it known to be with the kernel."""
    _full: bool = field(init=False, default=False)
    _waiters: list[Waiter] = field(init=False, factory=list)

    # -- with a connection ------------------------------------------------------------------------------------------

    def queued_locked(self, held: Held, number: int, written: int) -> None:
        """Note an event that the connection took as its message `number`; of its messages the kernel has `written`."""
        held.number = number
        in_flight = self._in_flight
        while in_flight and in_flight[0].number < written:
            in_flight.popleft()
        in_flight.append(held)

    def knows_locked(self, held: Held) -> bool:
        """Tell whether an event was noted as the newest that the connection took."""
        return bool(self._in_flight) and self._in_flight[-1] is held

    # -- without ----------------------------------------------------------------------------------------------------

    def hold_locked(self, held: Held) -> bool:
        """Keep an event for the next connection; False: too much waits."""
        if self._full:
            return False
        size = self.bytes + len(held.outgoing)
        self.bytes = size
        self._full = self._marks is not None and size >= self._marks[0]
        self.held.append(held)
        return True

    def lost_locked(self, written: int) -> list[Held]:
        """Take back what a lost connection never wrote, to the front; return it."""
        unwritten = [each for each in self._in_flight if each.number >= written]
        for each in unwritten:
            each.is_old = True
        self.held.extendleft(reversed(unwritten))
        self._in_flight.clear()
        self.bytes += sum(len(each.outgoing) for each in unwritten)
        self._full = self._full or (self._marks is not None and self.bytes >= self._marks[0])
        self.holding = True
        return unwritten

    def pop_locked(self) -> None:
        """Take the oldest event out."""
        self.bytes -= len(self.held.popleft().outgoing)
        self._shrunk_locked()

    def keep_locked(self, wanted: Callable[[Held], bool]) -> list[Held]:
        """Take out what is not wanted, in order, and return it. `wanted` is asked in order."""
        kept: list[Held] = []
        gone: list[Held] = []
        for each in self.held:
            (kept if wanted(each) else gone).append(each)
        self._replace_locked(kept, gone)
        return gone

    def withdraw_locked(self, event_id: str) -> bool:
        """Forget an event whose sender gave up on it; return whether it was still here."""
        gone = [each for each in self.held if each.data["event_id"] == event_id]
        if gone:
            self._replace_locked([each for each in self.held if each.data["event_id"] != event_id], gone)
        return bool(gone)

    def _replace_locked(self, kept: list[Held], gone: list[Held]) -> None:
        size = self.bytes - sum([len(each.outgoing) for each in gone])
        held = deque(kept)
        self.held, self.bytes = held, size
        self._shrunk_locked()

    def _shrunk_locked(self) -> None:
        if self._full and (self._marks is None or self.bytes <= self._marks[1]):
            self._full = False
            self.wake_locked()

    # -- waiting for room -------------------------------------------------------------------------------------------

    def wake_locked(self) -> None:
        """Let all who wait for room look again."""
        while self._waiters:
            self._waiters.pop().wake()

    def wait_locked(self, waiter: Waiter) -> bool:
        """Have a sender woken when there may be room; False: there is."""
        if self.holding and self._full:
            self._waiters.append(waiter)
            return True
        return False

    def leave_locked(self, waiter: Waiter) -> None:
        """Take back a `wait_locked`."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
