"""The threads that tools run in: few, daemons, replaced when a tool hangs, gone when there is nothing to do.

Not `concurrent.futures`, whose threads are waited for at exit: one tool that hangs would keep the program from ending.
"""

from __future__ import annotations

import _thread
import contextlib
import itertools
import logging
import os
import threading
import time
from collections import deque

from attrs import define, field

from realtime_sync.errors import ForkedError
from realtime_sync.session import Deadline, Waiter
from realtime_sync.tools._batch import Batch, FunctionOutput, Job
from realtime_sync.tools._tool import error_text

__all__ = ["Executor", "thread_name"]

logger = logging.getLogger("realtime_sync")

MAX_RUNNING = 8
MAX_THREADS = 32
"""Those included that a tool never gave back, and those that wait for other tools."""
IDLE_SECONDS = 5.0

_numbers = itertools.count(1)


def thread_name() -> str:
    """Return the name for another thread of tools."""
    return f"rts-tools-{next(_numbers)}"


@define(eq=False)
class _Worker:
    """One thread."""

    ident: int
    job: Job | None = None
    waits: int = 0
    """How many batches it waits for, inside a tool that asked for a turn of its own."""


@define(eq=False)
class Executor:
    """Runs batches of calls. Threads start with the first call and end when they have been idle for a while.

    A call that takes too long gets an error for its output; its thread is given up and replaced. Whoever waits for a
    batch sees to that, for all of them: the threads that run tools cannot.

    Threads: `submit`, `wait`, `expire` and `close` from any; `_work` is what rts-tools-N run.
    Locks: `_lock` guards every field; it is never held while waiting, logging, or calling a tool or `Batch.on_done`,
    and no other lock is taken under it. A worker's wait ends by a job, by the end, or after `IDLE_SECONDS`.
    """

    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _pid: int = field(init=False, factory=os.getpid)
    _queue: deque[Job] = field(init=False, factory=deque)
    _workers: dict[int, _Worker] = field(init=False, factory=dict)
    """By the thread's ident."""
    _lost: set[_Worker] = field(init=False, factory=set)
    """Those whose tool took too long and has not come back."""
    _idle: list[Waiter] = field(init=False, factory=list)
    _closed: bool = field(init=False, default=False)

    # -- for callers --------------------------------------------------------------------------------------------

    def submit(self, batch: Batch) -> None:
        """Have the calls of a batch run as soon as there are threads for them.

        Raises:
            ForkedError: this executor was made in the parent process.
        """
        self._check_process()
        with self._lock:
            batch.missing = len(batch.jobs)
            batch.cancelled = self._closed
            if self._closed:
                return
            batch.parent = self._workers.get(threading.get_ident())
            if batch.parent is not None:
                batch.parent.waits += 1
            self._queue.extend(batch.jobs)
        self.expire()
        self._staff()

    def wait(self, batch: Batch, deadline: Deadline) -> bool:
        """Wait until a batch is done or cancelled, or the deadline; return whether it is done. One thread a batch."""
        self._check_process()
        while True:
            waiter = Waiter()
            try:
                with self._lock:
                    if batch.done or batch.cancelled:
                        return batch.done
                    batch.waiter = waiter
                expiry, left = self.next_expiry(), deadline.remaining()
                waiter.wait(min((each for each in (expiry, left) if each is not None), default=None))
            finally:
                batch.waiter = None
            if deadline.passed():
                return batch.done
            self.expire()

    def next_expiry(self) -> float | None:
        """Return the seconds until some call may have taken too long; None: there is none with a limit."""
        now = time.monotonic()
        with self._lock:
            running = [each.job.expires_at for each in self._workers.values() if each.job is not None]
            due = [each - now for each in running if each is not None]
            due += [job.limit for job in self._queue if job.limit is not None]
        return max(0.0, min(due)) if due else None

    def expire(self) -> None:
        """Give up the calls that have taken too long. Waiting threads call it when `next_expiry` is over."""
        now = time.monotonic()
        late: list[Job] = []
        done: list[Batch] = []
        lost = 0
        with self._lock:
            for worker in list(self._workers.values()):
                job = worker.job
                if job is None or job.expires_at is None or job.expires_at > now:
                    continue
                del self._workers[worker.ident]
                self._lost.add(worker)
                lost += 1
                if not job.unwanted:
                    late.append(job)
                    text = error_text(f"{job.call.name} gave no result within {job.limit:g} s")
                    done += self._settle_locked(job, FunctionOutput(job.call.call_id, text, failed=True))
        for job in late:
            logger.warning("tool %s gave no result within %g s; its thread is left to itself", job.call.name, job.limit)
        if lost:
            self._staff()
        self._tell(done)

    def cancel(self, batch: Batch) -> None:
        """Drop what comes of a batch; calls that have not begun never do. Takes no lock but the executor's own."""
        if self._pid == os.getpid():
            with self._lock:
                self._cancel_locked(batch)

    def close(self) -> None:
        """Cancel everything and let the threads end, without waiting for them: a tool that runs may take its time."""
        if self._pid != os.getpid():
            return
        with self._lock:
            self._closed = True
            batches = {job.batch for job in self._queue}
            batches |= {each.job.batch for each in self._workers.values() if each.job is not None}
            for batch in batches:
                self._cancel_locked(batch)
            for waiter in self._idle:
                waiter.wake()

    def running(self) -> tuple[str, ...]:
        """Return the names of the tools that run, or hang, on other threads than this one."""
        me = threading.get_ident()
        with self._lock:
            both = (*self._workers.values(), *self._lost)
            return tuple(each.job.call.name for each in both if each.job is not None and each.ident != me)

    # -- threads ------------------------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Start or wake the threads that the queue needs; fail what no thread is ever going to take."""
        with self._lock:
            waiting = len(self._queue)
            for _ in range(min(waiting, len(self._idle))):
                self._idle[-1].wake()  # Before it leaves the list: see `Waiter`.
                self._idle.pop()
                waiting -= 1
            wanted = min(waiting, self._room_locked())
        started = 0
        with contextlib.suppress(RuntimeError):  # No thread can be started.
            while started < wanted:
                # Not Thread.start, which an interrupt on this thread can leave broken: it waits for the new thread.
                _thread.start_new_thread(self._start_worker, ())
                started += 1
        if not started:
            self._fail_the_hopeless()

    def _start_worker(self) -> None:  # pragma: no cover  (coverage does not see bare threads)
        """Start a worker, from a bare thread that nothing interrupts and nobody sees."""
        try:
            threading.Thread(target=self._work, name=thread_name(), daemon=True).start()
        except RuntimeError:
            self._fail_the_hopeless()

    def _room_locked(self) -> int:
        """Return how many more threads may take jobs. One that waits for other tools does not count as running."""
        running = len([each for each in self._workers.values() if not each.waits])
        return min(MAX_RUNNING - running, MAX_THREADS - len(self._workers) - len(self._lost))

    def _fail_the_hopeless(self) -> None:
        """Fail what waits, if no thread is left that could ever take it."""
        done: list[Batch] = []
        with self._lock:
            if [each for each in self._workers.values() if not each.waits]:
                return
            while self._queue:
                job = self._queue.popleft()
                text = error_text(f"{job.call.name} could not be called: too many tools hang")
                done += self._settle_locked(job, FunctionOutput(job.call.call_id, text, failed=True))
        self._tell(done)

    def _work(self) -> None:
        worker = _Worker(threading.get_ident())
        with self._lock:
            if self._closed or self._room_locked() <= 0:
                return
            self._workers[worker.ident] = worker
        while True:
            job = self._next(worker)
            if job is None:
                return
            self._serve(worker, job)
            del job  # Or the session would be kept alive by a thread that waits for work.

    def _next(self, worker: _Worker) -> Job | None:
        """Return the next job, or None: the thread is not needed any more."""
        waiter = None
        while True:
            with self._lock:
                idle_for_long = waiter in self._idle
                if waiter is not None and idle_for_long:
                    self._idle.remove(waiter)
                if worker in self._lost:  # Its tool came back late.
                    self._lost.discard(worker)
                    self._workers[worker.ident] = worker
                if self._closed or self._room_locked() < 0 or (idle_for_long and not self._queue):
                    del self._workers[worker.ident]
                    return None
                if self._queue:
                    worker.job = self._queue.popleft()
                    worker.job.begin_locked()
                    return worker.job
                waiter = Waiter()
                self._idle.append(waiter)
            waiter.wait(IDLE_SECONDS)

    def _serve(self, worker: _Worker, job: Job) -> None:
        output = job.run()
        with self._lock:
            worker.job = None
            done = self._settle_locked(job, output)
        self._tell(done)

    # -- outcomes -----------------------------------------------------------------------------------------------

    def _settle_locked(self, job: Job, output: FunctionOutput) -> list[Batch]:
        """Note an output, the first one only; return the batch if it is done with that."""
        batch = job.batch
        if job.unwanted:
            return []
        job.output = output
        batch.missing -= 1
        if batch.missing:
            return []
        self._let_go_locked(batch)
        return [batch]

    def _cancel_locked(self, batch: Batch) -> None:
        if batch.cancelled or not batch.missing:
            return
        batch.cancelled = True
        for job in batch.jobs:
            if job in self._queue:
                self._queue.remove(job)
        self._let_go_locked(batch)

    @staticmethod
    def _let_go_locked(batch: Batch) -> None:
        """Wake whoever waits for a batch."""
        if batch.parent is not None:
            batch.parent.waits -= 1
            batch.parent = None
        if batch.waiter is not None:
            batch.waiter.wake()

    @staticmethod
    def _tell(batches: list[Batch]) -> None:
        for batch in batches:
            batch.on_done(batch)

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            msg = "these tools were registered before a fork, in the parent process; open a new session in this one"
            raise ForkedError(msg)
