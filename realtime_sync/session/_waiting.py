"""The one primitive that threads wait on.

Neither `threading.Condition` nor `threading.Event` is used where a caller's thread may be interrupted: a
KeyboardInterrupt between their Python-level steps leaves them locked. A `Waiter` is a single C-level lock that
belongs to one waiting thread, so an interrupt can at worst lose that one wait.
"""

from __future__ import annotations

import os
import threading

from realtime_sync.transport import Deadline

__all__ = ["Waiter"]

# Ctrl-C does not interrupt a lock on Windows, so the main thread waits there in slices.
_SLICE = 0.1 if os.name == "nt" else None


class Waiter:
    """A one-shot wake-up for one thread.

    Threads: the creator calls `wait`; whoever took the waiter out of its list, under that list's lock, calls
    `wake`, once.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self) -> None:
        """End the wait, now or when it begins."""
        self._lock.release()

    def wait(self, timeout: float | None) -> bool:
        """Block until `wake`, at most `timeout` seconds (None: no limit); return whether it was woken."""
        if _SLICE is not None and threading.current_thread() is threading.main_thread():
            return self._wait_in_slices(timeout, _SLICE)
        if timeout is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX))

    def _wait_in_slices(self, timeout: float | None, slice_seconds: float) -> bool:
        deadline = Deadline(timeout)
        while True:
            left = deadline.remaining()
            if self._lock.acquire(timeout=slice_seconds if left is None else min(slice_seconds, left)):
                return True
            if deadline.passed():
                return False
