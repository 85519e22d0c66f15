"""The thread that runs user callbacks, in event order, so that user code never runs on the reader."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from attrs import define, field

from realtime_sync.errors import SlowConsumer
from realtime_sync.session._flow import Flow
from realtime_sync.session._local_events import CallbackError
from realtime_sync.session._observers import Registration
from realtime_sync.transport import Deadline, Waiter

__all__ = ["Call", "Dispatcher"]

logger = logging.getLogger("realtime_sync")

SLOW_CALLBACK_SECONDS = 30.0


@define(eq=False)
class Call:
    """One event on its way to the callbacks that matched when it was routed."""

    event: Any
    registrations: list[Registration]
    """The callbacks that have not begun. Taken out by the thread that runs them."""
    size: int


@define(eq=False, kw_only=True)
class Dispatcher:
    """Queue and thread of a session's callbacks (one for the ordinary, one for the urgent ones).

    Threads: the reader puts and ends (`*_locked`) and starts the thread in `tend`: only the reader may,
    because `Thread.start` can be left broken by an interrupt, and no signal handler runs on the reader. The
    thread itself runs `_run`; a caller of `dispatch_events` runs `run_here` and takes its place.
    Locks: `_lock`, the session's, guards every field; leaving (`_holder`, `_guests`, `_waiters`) takes no lock.
    The wait for work ends by work, by the end, or by a hand-over: at once, or by `tend`, at the reader's next tick or
    the one after.
    """

    name: str
    _lock: threading.Lock
    _flow: Flow
    _max_bytes: int | None
    _low_mark: int
    _report: Callable[[CallbackError], bool]
    """Gives a "callback_error" to its handlers; returns False if there are none. Called without the lock."""
    _listens: Callable[[], bool]
    """Whether any callback is registered for events of the server. Called under the lock."""
    _calls: deque[Call] = field(init=False, factory=deque)
    _bytes: int = field(init=False, default=0)
    _ended: bool = field(init=False, default=False)
    _guests: set[object] = field(init=False, factory=set)
    """A token for each thread in `run_here`."""
    _waiters: OrderedDict[Waiter, None] = field(init=False, factory=OrderedDict)
    _holder: object | None = field(init=False, default=None)
    """The token of the thread that runs a callback: one at a time, so that the order survives a change of threads."""
    thread: threading.Thread | None = field(init=False, default=None)
    wanted: bool = field(init=False, default=False)
    """A callback was registered, so the reader should start the thread."""
    dropped: int = field(init=False, default=0)
    discarded: int = field(init=False, default=0)
    """Calls not started because this side closed the session."""
    running: tuple[float, Registration] | None = field(init=False, default=None)
    dispatching_thread: int | None = field(init=False, default=None)
    """The thread inside a callback now. Written by that thread only."""

    def __len__(self) -> int:
        return len(self._calls)

    def is_hungry(self) -> bool:
        return len(self._calls) <= self._low_mark and not self._ended and self._listens()

    def put_locked(self, call: Call) -> CallbackError | None:
        """Queue a call. On overflow drop what waits and return the event to report for it."""
        if self._ended:
            return None
        overflow = None
        if self._max_bytes is not None and self._bytes + call.size > self._max_bytes and self._calls:
            gone = len(self._calls)
            self.dropped += gone
            self._calls.clear()
            self._bytes = 0
            overflow = CallbackError(
                error=SlowConsumer(f"callbacks fell behind: {gone} events were dropped", dropped=gone)
            )
        self._calls.append(call)
        self._bytes += call.size
        self._wake_locked()
        return overflow

    def remove_locked(self, unwanted: Callable[[Any], bool]) -> None:
        """Forget the waiting calls for events of which `unwanted` is true."""
        kept = [call for call in self._calls if not unwanted(call.event)]
        if len(kept) < len(self._calls):
            calls = deque(kept)
            size = sum([call.size for call in kept])
            # No call from here on, so that no interrupt comes in between.
            self._calls, self._bytes = calls, size

    def end_locked(self, *, discard: bool) -> None:
        """Let no more calls in; with `discard`, those not yet started are thrown away (and counted)."""
        if discard:
            self.discarded += len(self._calls)
            self._calls.clear()
            self._bytes = 0

    def finish_locked(self, last: Call | None) -> None:
        """Queue the very last call, if any, and end the thread after it."""
        if last is not None:
            self._calls.append(last)
        self._ended = True
        self._wake_locked()

    def tend(self) -> None:
        """Start the thread if callbacks are registered; hand over what a leaving guest did not. Reader thread only.

        Registering has the reader call this, and a guest wakes the others when it leaves. But an interrupt can skip
        either, so the reader also calls it now and then.
        """
        if self.wanted and self.thread is None:
            self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self.thread.start()
        if self._calls and self._waiters and self._holder is None:
            self._wake()

    def run_here(self, deadline: Deadline) -> bool:
        """Run callbacks on the calling thread until the session ends; return False at the deadline."""
        token = object()
        try:
            self._guests.add(token)
            return self._loop(guest=True, deadline=deadline)
        finally:
            self._guests.discard(token)
            self._wake()

    def is_dispatching_here(self) -> bool:
        """Return whether the calling thread is inside one of these callbacks."""
        return self.dispatching_thread == threading.get_ident()

    def slow_handler(self) -> Registration | None:
        """Return the handler that has been running for too long, once per run."""
        running = self.running
        if running is None or time.monotonic() - running[0] < SLOW_CALLBACK_SECONDS:
            return None
        self.running = None
        return running[1]

    def _run(self) -> None:
        self._loop(guest=False, deadline=Deadline(None))

    def _loop(self, *, guest: bool, deadline: Deadline) -> bool:
        while True:
            with self._lock:
                if not self._calls and self._ended:
                    return True
            if deadline.passed():
                return False
            self._step(guest=guest, deadline=deadline)

    def _step(self, *, guest: bool, deadline: Deadline) -> None:
        """Run the oldest call, or wait until there may be one to run."""
        token = Waiter()
        call = None
        # What can be interrupted is undone by assignments, and by a call of a built-in last: see `EventQueue._wait`.
        try:
            with self._lock:
                if self._holder is None and self._calls and (guest or not self._guests):
                    self._holder = token
                    call = self._calls[0]
                    del self._calls[0]
                    self._bytes -= call.size
                    if self._flow.paused and len(self._calls) <= self._low_mark:
                        self._flow.resume_if_paused()
                elif not (self._ended and not self._calls):
                    self._waiters[token] = None
            if call is not None:
                self._run_call(call, guest=guest)
            elif token in self._waiters:
                token.wait(deadline.remaining())
        finally:
            if self._holder is token:
                self._holder = None
            if call is None:
                self._waiters.pop(token, None)
            elif call.registrations:
                # An interrupt came before a callback had begun; somebody else runs it.
                self._bytes += call.size
                self._calls.appendleft(call)
        if call is not None and self._waiters:
            self._wake()  # Somebody may have waited for this call to end.

    def _run_call(self, call: Call, *, guest: bool) -> None:
        while call.registrations:
            self._call(call, call.registrations[0], guest=guest)

    def _call(self, call: Call, registration: Registration, *, guest: bool) -> None:
        event = call.event
        self.dispatching_thread = threading.get_ident()
        self.running = (time.monotonic(), registration)
        try:
            del call.registrations[0]  # Nothing can interrupt between this and the callback's first step.
            if registration.active:
                registration.handler(event)
        except BaseException as error:
            if guest and not isinstance(error, Exception):
                raise  # Ctrl-C belongs to the thread that asked for the dispatch.
            reported = not isinstance(event, CallbackError) and self._report(
                CallbackError(error=error, event=event, handler=registration.handler)
            )
            if not reported:
                logger.exception("callback %r for %r raised", registration.handler, registration.name)
        finally:
            self.running = None
            self.dispatching_thread = None

    def _wake(self) -> None:
        with self._lock:
            self._wake_locked()

    def _wake_locked(self) -> None:
        for waiter in tuple(self._waiters):
            waiter.wake()
            self._waiters.pop(waiter, None)
