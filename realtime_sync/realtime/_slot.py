"""The one response that a conversation may have active at a time, and the calls that wait for it."""

from __future__ import annotations

import time
from collections import deque
from threading import Lock

from attrs import define, field

from realtime_sync.session import Deadline, Waiter

__all__ = ["UNKNOWN_RESPONSE", "ResponseSlot"]

UNKNOWN_RESPONSE = ""
"""The occupant, when all that is known is that the server refused a create because of one."""

UNKNOWN_SECONDS = 3.0


@define(eq=False)
class _Claimant:
    """One waiting call."""

    owner: object
    waiter: Waiter = field(factory=Waiter)


@define(eq=False)
class ResponseSlot:
    """Held by one turn of ours, or occupied by a response that somebody else started.

    Waiters are served first come first; a turn whose create was refused comes back at the front.
    Threads: any. Locks: `_lock`, the session's, guards every field. A wait ends by the grant, by `end_locked`, or by
    the caller's deadline.
    """

    _lock: Lock
    holder: object | None = field(init=False, default=None)
    occupant: str | None = field(init=False, default=None)
    """The id of an active response that is not ours."""
    _occupied_at: float = field(init=False, default=0.0)
    ended: bool = field(init=False, default=False)
    _claimants: deque[_Claimant] = field(init=False, factory=deque)
    _done_waiters: list[Waiter] = field(init=False, factory=list)

    def acquire(self, owner: object, deadline: Deadline, *, front: bool = False) -> bool:
        """Wait until `owner` holds the slot; return False at the deadline, True also when it need not wait any more."""
        claimant = _Claimant(owner)
        granted = False
        try:
            with self._lock:
                if self.ended or self._take_locked(owner, front=front):
                    granted = True
                    return True
                if front:
                    self._claimants.appendleft(claimant)
                else:
                    self._claimants.append(claimant)
            granted = claimant.waiter.wait(deadline.remaining())
            return granted
        finally:
            with self._lock:
                if claimant in self._claimants:
                    self._claimants.remove(claimant)
                if not granted:
                    # A grant that raced with the time-out or an interrupt passes to the next in line.
                    self.release_locked(owner)

    def _take_locked(self, owner: object, *, front: bool) -> bool:
        if front and self.occupant == UNKNOWN_RESPONSE:
            self.occupant = None  # Whoever was refused has waited, and is the one to try again.
        if self.holder is not None or self.occupant is not None or (self._claimants and not front):
            return False
        self.holder = owner
        return True

    def release_locked(self, owner: object) -> None:
        """Give the slot back, if `owner` holds it."""
        if self.holder is owner:
            self.holder = None
            self._grant_locked()

    def dismiss_locked(self, owner: object) -> None:
        """Have an owner that waits for the slot go on without it: it will find that it has nothing left to do."""
        for claimant in tuple(self._claimants):
            if claimant.owner is owner:
                claimant.waiter.wake()
                self._claimants.remove(claimant)

    def occupy_locked(self, response_id: str) -> None:
        """Note a response that is not ours."""
        self.occupant = response_id
        self._occupied_at = time.monotonic()

    def tick_locked(self, now: float) -> None:
        """Forget an unknown response after a while: whoever was refused may never come back to try again."""
        if self.occupant == UNKNOWN_RESPONSE and now - self._occupied_at > UNKNOWN_SECONDS:
            self.occupant = None
        self._grant_locked()  # Also what an interrupt kept a leaving holder from doing.

    def done_locked(self, response_id: str | None) -> None:
        """Note that a response ended."""
        if self.occupant == UNKNOWN_RESPONSE or (self.occupant is not None and response_id in (self.occupant, None)):
            self.occupant = None
            self._grant_locked()
        while self._done_waiters:
            self._done_waiters.pop().wake()

    def wait_response_done(self, deadline: Deadline) -> None:
        """Wait until some response ends, the session ends, or the deadline."""
        waiter = Waiter()
        try:
            with self._lock:
                if self.ended:
                    return
                self._done_waiters.append(waiter)
            waiter.wait(deadline.remaining())
        finally:
            with self._lock:
                if waiter in self._done_waiters:
                    self._done_waiters.remove(waiter)

    def end_locked(self) -> None:
        """Wake everybody: the session is over, and what they do next will say so."""
        self.ended = True
        while self._claimants:
            self._claimants.popleft().waiter.wake()
        self.done_locked(None)

    def _grant_locked(self) -> None:
        if self.holder is None and self.occupant is None and self._claimants:
            # Awake before it leaves the line, or an interrupt in between would leave it asleep with the slot.
            claimant = self._claimants[0]
            self.holder = claimant.owner
            claimant.waiter.wake()
            self._claimants.remove(claimant)
