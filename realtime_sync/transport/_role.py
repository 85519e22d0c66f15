"""Taking turns: one holder at a time, others wait in line, interrupts leave nothing locked."""

from __future__ import annotations

import os
import threading
from typing import final

from realtime_sync.transport._deadline import Deadline

__all__ = ["Role", "wait_on"]

_SLICE = 0.25
"""Seconds of one wait on Windows, where waiting for a lock does not notice Ctrl-C."""


def wait_on(lock: threading.Lock, deadline: Deadline) -> bool:
    """Wait until a private lock, locked by its maker, is released by somebody else; False: the deadline passed."""
    while True:
        left = deadline.remaining()
        if os.name == "nt":
            left = _SLICE if left is None else min(left, _SLICE)
        if lock.acquire(timeout=-1 if left is None else min(left, threading.TIMEOUT_MAX)):
            return True
        if deadline.passed():
            return False


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
            role.pass_on()

    Giving it back is an assignment and no method, and no loop stands directly in the `try`, so that no interrupt
    can skip it: see `Tenancy`. Nor is it a lock: one that was acquired by a call, as a time-out needs, stays
    locked when the interrupt comes right behind that call.

    Locks: `_lock` guards `_waiting` and taking the role; never held while waiting.
    """

    __slots__ = ("_lock", "_waiting", "holder", "thread")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[threading.Lock] = []
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

    def pass_on(self) -> None:
        """Let the next in line try, if the role is free."""
        if self._waiting:
            with self._lock:
                if self.holder is None and self._waiting:
                    self._waiting.pop(0).release()

    def mine(self) -> bool:
        """Tell whether the calling thread holds the role (in a frame further out, or under a signal handler)."""
        return self.holder is not None and self.thread == threading.get_ident()

    def _wait(self, deadline: Deadline) -> bool:
        turn = threading.Lock()
        turn.acquire()
        try:
            # In line before looking at the holder, who steps down before looking at the line.
            self._waiting.append(turn)
            return self.holder is None or wait_on(turn, deadline)
        finally:
            if turn in self._waiting:
                with self._lock:
                    if turn in self._waiting:
                        self._waiting.remove(turn)
            # If our wake-up was lost to a time-out or an interrupt, the next one gets it. One too many is harmless.
            self.pass_on()
