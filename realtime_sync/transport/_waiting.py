"""The one primitive that threads wait on.

Neither `threading.Condition` nor `threading.Event` is used where a caller's thread may be interrupted: a
KeyboardInterrupt between their Python-level steps leaves them locked. A `Waiter` is one C-level queue that
belongs to one waiting thread, so an interrupt can at worst lose that one wait.
"""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections.abc import Callable
from typing import ClassVar, TypeVar

from realtime_sync.transport._deadline import Deadline

__all__ = ["Waiter", "park_at_exit", "take"]

T = TypeVar("T")

# Ctrl-C does not interrupt a lock on Windows, so the main thread waits there in slices.
_SLICE = 0.1 if os.name == "nt" else None


class Waiter:
    """A one-shot wake-up for one thread.

    Threads: the creator calls `wait`; any thread may call `wake`, again too, and wakes before it takes the waiter
    out of a list: an interrupt between the two then leaves nobody asleep whom no list knows.

    Attributes:
        wake: ends the wait, now or when it begins. All of it is built in, so that no interrupt can skip it.
        exiting: set at the exit of the process, before what is open is closed: see `park_at_exit`.
    """

    __slots__ = ("_rung", "wake")

    exiting: ClassVar[bool] = False

    def __init__(self) -> None:
        self._rung: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.wake: Callable[[], None] = functools.partial(self._rung.put, None)

    def wait(self, timeout: float | None) -> bool:
        """Block until `wake`, at most `timeout` seconds (None: no limit); return whether it was woken."""
        try:
            take(self._rung, timeout)
        except queue.Empty:
            woken = False
        else:
            woken = True
        if Waiter.exiting:
            park_at_exit()
        return woken


def take(source: queue.SimpleQueue[T], timeout: float | None) -> T:
    """Return the next item of a queue with one consumer; wait at most `timeout` seconds (None: no limit).

    Not plainly ``get(timeout=…)``: up to CPython 3.12 that may never return if the time is over before it has looked
    at the queue twice, as it does if it finds the queue's own lock free. A `get_nowait` in vain leaves that locked.

    Raises:
        queue.Empty: nothing came in time.
    """
    if _SLICE is not None and threading.current_thread() is threading.main_thread():
        return _take_in_slices(source, Deadline(timeout), _SLICE)
    if timeout is None:
        return source.get()
    return _take_within(source, timeout)


def _take_within(source: queue.SimpleQueue[T], timeout: float) -> T:
    try:
        return source.get_nowait()
    except queue.Empty:
        if timeout <= 0:
            raise
    return source.get(timeout=min(timeout, threading.TIMEOUT_MAX))


def _take_in_slices(source: queue.SimpleQueue[T], deadline: Deadline, slice_seconds: float) -> T:
    while True:
        left = deadline.remaining()
        try:
            return _take_within(source, slice_seconds if left is None else min(slice_seconds, left))
        except queue.Empty:
            if deadline.passed():
                raise


def park_at_exit() -> None:
    """Keep a daemon thread for ever if the process is exiting; call it before raising that the connection is closed.

    At the exit only the thread that exits, and daemon threads, which it does not wait for, are left. An exception
    in one of those could only be printed, over the last words of a script that ended as it should.
    """
    if Waiter.exiting and threading.current_thread().daemon:
        queue.SimpleQueue[None]().get()
