"""The threads that run what was submitted to a pool: daemons, as many as there is work for, gone when there is none.

Not `concurrent.futures.ThreadPoolExecutor`, whose threads are waited for at exit.
"""

from __future__ import annotations

import _thread
import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from attrs import define, field, frozen

from realtime_sync.errors import PoolClosed
from realtime_sync.session import Deadline, Waiter

__all__ = ["Workers"]

IDLE_SECONDS = 5.0

_numbers = itertools.count(1)


@frozen(eq=False)
class _Job:
    """A call, and who is told what comes of it."""

    call: Callable[[], Any]
    future: Future[Any]

    def run(self) -> None:
        """Call it, unless it was cancelled; on a worker."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.call()
        except BaseException as error:  # noqa: BLE001  (it is the future's to raise)
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


@define(eq=False)
class Workers:
    """Runs calls in the order in which they were submitted, some at a time.

    Threads: `submit`, `start_close` and `close` from any; `_work` is what rts-work-N run.
    Locks: `_lock` guards `_idle` and `_threads`, and is held for no call of anything else. `_queue` and `_closed`
    change by single built-in operations. A worker's wait ends by a job, by the end, or after `IDLE_SECONDS`.

    Attributes:
        limit: how many calls run at a time.
    """

    limit: int
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _queue: deque[_Job] = field(init=False, factory=deque, repr=False)
    _idle: list[Waiter] = field(init=False, factory=list, repr=False)
    _threads: set[threading.Thread] = field(init=False, factory=set, repr=False)
    _closed: bool = field(init=False, default=False)

    def afresh(self) -> Workers:
        """Return workers with nothing to do, for a forked child; without a lock."""
        made = Workers(self.limit)
        made._closed = self._closed
        return made

    @property
    def waiting(self) -> int:
        """How many calls have not begun."""
        return len(self._queue)

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        """Have something called soon.

        Raises:
            PoolClosed: `start_close` was called.
            RuntimeError: no thread can be started, and there is none.
        """
        job = _Job(call, Future())
        self._queue.append(job)
        if self._closed:
            self._cancel_all()
            raise PoolClosed
        try:
            self._staff()
        except RuntimeError:
            if not self._threads:  # Nobody will ever take it.
                self._cancel_all()
                raise
        return job.future

    def _staff(self) -> None:
        """Wake or start a worker for what was just queued.

        Raises:
            RuntimeError: no thread can be started.
        """
        with self._lock:
            if self._idle:
                self._idle[-1].wake()  # Before it leaves the list: see `Waiter`.
                self._idle.pop()
                return
            if len(self._threads) >= self.limit:
                return
        # Not Thread.start, which an interrupt on this thread can leave broken: it waits for the new thread.
        _thread.start_new_thread(self._start_worker, ())

    def _start_worker(self) -> None:  # pragma: no cover  (coverage does not see bare threads)
        """Start a worker, from a bare thread that nothing interrupts and nobody sees."""
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._work, name=f"rts-work-{next(_numbers)}", daemon=True).start()

    def _work(self) -> None:
        me = threading.current_thread()
        with self._lock:
            if len(self._threads) >= self.limit:
                return
            self._threads.add(me)
        while (job := self._next(me)) is not None:
            job.run()
            del job  # Or what came of it would be kept while there is nothing to do.

    def _next(self, me: threading.Thread) -> _Job | None:
        """Return the next job, or None: the thread is not needed any more."""
        waiter: Waiter | None = None
        while True:
            with self._lock:
                idle_for_long = waiter in self._idle
                if waiter is not None and idle_for_long:
                    self._idle.remove(waiter)
                if self._queue and not self._closed:
                    return self._queue.popleft()
                if self._closed or idle_for_long:
                    self._threads.discard(me)
                    return None
                waiter = Waiter()
                self._idle.append(waiter)
                if self._closed:  # Set since it was looked at: the waiter came too late to be woken.
                    waiter.wake()
            waiter.wait(IDLE_SECONDS)

    def start_close(self) -> None:
        """Let nothing more begin. Takes no lock: finalizers and signal handlers may call it."""
        self._closed = True
        for waiter in tuple(self._idle):
            waiter.wake()

    def close(self, timeout: float) -> None:
        """Cancel what has not begun, and wait for the threads, at most so many seconds in all."""
        self.start_close()
        self._cancel_all()
        deadline = Deadline(timeout)
        for thread in tuple(self._threads):  # One step; a signal handler must not wait for the lock.
            if thread is not threading.current_thread():
                thread.join(deadline.remaining())

    def _cancel_all(self) -> None:
        while True:
            try:
                job = self._queue.popleft()
            except IndexError:
                return
            job.future.cancel()
            job.future.set_running_or_notify_cancel()
