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
    """A right that one party holds at a time, parties being told apart by a token of their own.

    `leave` with a token that never got the role does nothing, so the caller writes ``try: enter … finally:
    leave`` and an interrupt anywhere in between gives the role back: a lock acquired by a call cannot promise that.

    Locks: `_lock` guards `_holder`, `_thread` and `_waiting`; never held while waiting.
    """

    __slots__ = ("_holder", "_lock", "_thread", "_waiting")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: object | None = None
        self._thread = 0
        self._waiting: list[threading.Lock] = []

    def enter(self, token: object, deadline: Deadline) -> bool:
        """Wait for the role in line; False: the deadline passed."""
        while True:
            with self._lock:
                if self._holder is None:
                    self._holder = token
                    self._thread = threading.get_ident()
                    return True
            if not self._wait(deadline):
                return False

    def leave(self, token: object) -> None:
        """Give the role back, if `token` holds it, and let the next in line try."""
        with self._lock:
            if self._holder is not token:
                return
            self._holder = None
            self._thread = 0
            self._wake_next_locked()

    def mine(self) -> bool:
        """Tell whether the calling thread holds the role (from a frame further down, or under a signal handler)."""
        return self._thread == threading.get_ident()

    def _wait(self, deadline: Deadline) -> bool:
        turn = threading.Lock()
        turn.acquire()
        try:
            with self._lock:
                if self._holder is None:
                    return True
                self._waiting.append(turn)
            return wait_on(turn, deadline)
        finally:
            with self._lock:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                elif self._holder is None:
                    # Our wake-up may be lost to a time-out or an interrupt: pass it on. One too many is harmless.
                    self._wake_next_locked()

    def _wake_next_locked(self) -> None:
        if self._waiting:
            self._waiting.pop(0).release()
