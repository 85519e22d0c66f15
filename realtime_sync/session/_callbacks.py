"""All callbacks of a session: who is registered for what, and the two queues and threads that call them."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field

from realtime_sync.session._dispatcher import Call, Dispatcher
from realtime_sync.session._flow import Flow
from realtime_sync.session._local_events import CallbackError, Closed, LocalEvent, Opened
from realtime_sync.session._mailbox import Mailbox
from realtime_sync.session._observers import ObserverIndex, Registration

__all__ = ["Callbacks"]

logger = logging.getLogger("realtime_sync")


@define(eq=False, kw_only=True)
class Callbacks:
    """Hands events to the callbacks that match them: the ordinary ones and the urgent ones, each in event order.

    Threads: any; `tend` and `warn_of_slow` are the reader's. Locks: the session's lock guards everything.
    """

    number: int
    """Of the session, for the names of the threads."""
    _lock: threading.Lock
    _flow: Flow
    _mailbox: Mailbox
    _observers: ObserverIndex
    _max_bytes: int | None
    _low_mark: int
    _post: Callable[[Callable[[], object]], None]
    """Has the reader do something soon. Needs no lock."""
    ordinary: Dispatcher = field(init=False)
    urgent: Dispatcher = field(init=False)
    opened: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Make both queues; their threads are started when there is a callback."""
        self.ordinary = self._dispatcher(f"rts-callbacks-{self.number}", urgent=False)
        self.urgent = self._dispatcher(f"rts-urgent-{self.number}", urgent=True)

    def _dispatcher(self, name: str, *, urgent: bool) -> Dispatcher:
        return Dispatcher(
            name=name,
            lock=self._lock,
            flow=self._flow,
            max_bytes=self._max_bytes,
            low_mark=self._low_mark,
            report=self.emit,
            listens=functools.partial(self._observers.listens, urgent=urgent),
        )

    @property
    def both(self) -> tuple[Dispatcher, Dispatcher]:
        return self.ordinary, self.urgent

    def dispatcher_of(self, registration: Registration) -> Dispatcher:
        """Return the queue and thread of a callback."""
        return self.urgent if registration.urgent else self.ordinary

    # -- registering ------------------------------------------------------------------------------------------------

    def register(self, registration: Registration) -> None:
        """Add a callback; "open" on an open session is called at once."""
        dispatcher = self.dispatcher_of(registration)
        with self._lock:
            self._observers.add(registration)
            self._mailbox.other_consumer_opened_locked()
            dispatcher.wanted = True
            self._flow.consumers.add(dispatcher)
            if registration.name == Opened.type and self.opened:
                self.dispatch_locked(Opened(), self._observers.claim((registration,)), 0)
        self._post(dispatcher.tend)

    def unregister(self, registration: Registration) -> None:
        """Call this callback no more."""
        with self._lock:
            self._observers.remove(registration)

    # -- events -----------------------------------------------------------------------------------------------------

    def dispatch_locked(self, event: Any, registrations: Sequence[Registration], size: int) -> None:
        """Queue an event of so many bytes for the callbacks that it matched."""
        for dispatcher in self.both:
            mine = self._share(dispatcher, registrations)
            overflow = dispatcher.put_locked(Call(event, mine, size)) if mine else None
            if overflow is not None:
                self._post(functools.partial(self._emit_or_log, overflow))

    def _share(self, dispatcher: Dispatcher, registrations: Sequence[Registration]) -> list[Registration]:
        return [each for each in registrations if self.dispatcher_of(each) is dispatcher]

    def _emit_or_log(self, event: CallbackError) -> None:
        if not self.emit(event):
            logger.warning("%s", event.error)

    def open(self) -> None:
        """Call the handlers of "open"; from now on a new one is called at once."""
        with self._lock:
            self.opened = True
            self._emit_locked(Opened())

    def emit(self, event: LocalEvent) -> bool:
        """Give a local event to its handlers; return whether there are any."""
        with self._lock:
            return self._emit_locked(event)

    def _emit_locked(self, event: LocalEvent) -> bool:
        registrations = self._claimed_locked(event)
        self.dispatch_locked(event, registrations, 0)
        return bool(registrations)

    def _claimed_locked(self, event: LocalEvent) -> tuple[Registration, ...]:
        matches = self._observers.of(event.type, event.type)
        return self._observers.claim(matches.registrations) if matches else ()

    def remove_locked(self, unwanted: Callable[[Any], bool]) -> None:
        """Forget the waiting calls for events of which `unwanted` is true."""
        for dispatcher in self.both:
            dispatcher.remove_locked(unwanted)

    def finish_locked(self, event: Closed, *, discard: bool) -> None:
        """Call the handlers of "close" last; with `discard`, nothing else that has not begun."""
        registrations = self._claimed_locked(event)
        for dispatcher in self.both:
            mine = self._share(dispatcher, registrations)
            dispatcher.end_locked(discard=discard)
            dispatcher.finish_locked(Call(event, mine, 0) if mine else None)

    # -- the threads ------------------------------------------------------------------------------------------------

    def tend(self) -> None:
        """Make up for what an interrupt skipped, see `Dispatcher.tend`."""
        for dispatcher in self.both:
            dispatcher.tend()

    def warn_of_slow(self) -> None:
        """Log a warning for a callback that has been running for long."""
        for dispatcher in self.both:
            slow = dispatcher.slow_handler()
            if slow is not None:
                logger.warning("callback %r for %r has been running for over 30 s", slow.handler, slow.name)

    def is_dispatching_here(self) -> bool:
        """Return whether the calling thread is inside a callback."""
        return any(dispatcher.is_dispatching_here() for dispatcher in self.both)
