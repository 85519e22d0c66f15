"""Taking turns: one holder at a time, others wait in line, interrupts leave nothing locked."""

from __future__ import annotations

import threading
from typing import final

from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._waiting import Waiter

__all__ = ["Role"]


@final
class Role:
    """A right that one party holds at a time.

    Parties are told apart by a token of their own::

        token = object()
        try:
            if role.enter(token, deadline):
                ...
        finally:
            if role.holder is token:
                role.holder = None
            for following in role.waiting[:1]:
                following.wake()

    Giving it back is an assignment and waking the next in line a call of a built-in, neither is a method, and no
    loop stands directly in the `try`, so that no interrupt can skip them: see `Tenancy`. Nor is it a lock: one that
    was acquired by a call, as a time-out needs, stays locked when the interrupt comes right behind that call.

    Locks: `_lock` guards taking the role; never held while waiting. `waiting` changes by single built-in operations
    of those who wait. A wake-up too many is harmless.
    """

    __slots__ = ("_lock", "holder", "thread", "waiting")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.waiting: list[Waiter] = []
        self.holder: object | None = None
        self.thread = 0

    def enter(self, token: object, deadline: Deadline) -> bool:
        """Wait for the role in line; False: the deadline passed."""
        while True:
            with self._lock:
                if self.holder is None:
                    self.holder, self.thread = token, threading.get_ident()
                    return True
            if not self._wait(deadline):
                return False

    def mine(self) -> bool:
        """Tell whether the calling thread holds the role (in a frame further out, or under a signal handler)."""
        return self.holder is not None and self.thread == threading.get_ident()

    def _wait(self, deadline: Deadline) -> bool:
        turn = Waiter()
        try:
            # In line before looking at the holder, who steps down before looking at the line.
            self.waiting.append(turn)
            return self.holder is None or turn.wait(deadline.remaining())
        finally:
            try:
                self.waiting.remove(turn)
            finally:
                # If our wake-up was lost to a time-out or an interrupt, the next one gets it.
                for following in self.waiting[:1]:
                    following.wake()
