"""The surface that both WebSocket APIs share: send, receive, wait, subscribe, callbacks, close."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from realtime_sync.errors import ConnectionClosed, LocalProtocolError, ReceiveTimeout
from realtime_sync.session._context import ClosesOnExit
from realtime_sync.session._core import Core
from realtime_sync.session._local_events import LOCAL_EVENT_TYPES
from realtime_sync.session._names import body_of, warn_if_misspelt
from realtime_sync.session._observers import Registration
from realtime_sync.session._queue import Empty
from realtime_sync.session._stats import Stats
from realtime_sync.session._subscription import Subscription
from realtime_sync.transport import Deadline

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["REQUEST_TIMEOUT", "Session"]

REQUEST_TIMEOUT = 10.0

H = TypeVar("H", bound=Callable[[Any], object])
ServerEventT = TypeVar("ServerEventT")
NameT = TypeVar("NameT", bound=str)
ClientEventT = TypeVar("ClientEventT")


class Session(ClosesOnExit, Generic[ServerEventT, NameT, ClientEventT]):
    """One open connection to a WebSocket API.

    For type checkers, an API gives its unions of events and the literals of its server events' names, so that editors
    complete a name wherever any string will do.

    Every method may be called from any thread, callbacks included. A context manager that only closes.
    Dropped without `close`, a session warns (`ResourceWarning`) and closes.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    # -- sending ------------------------------------------------------------------------------------------------

    def send(self, event: ClientEventT | Mapping[str, Any], *, extra_body: Mapping[str, Any] | None = None) -> str:
        """Send one client event: an event class or a dict.

        Returns when the event is queued and what the kernel takes is written; blocks only while `write_limit` is
        reached.

        Args:
            event: its fields are those that this library knows for its type; of an unknown type, any.
            extra_body: fields to send beside them.

        Returns:
            The event's `event_id`; one is added if it is missing. An `error` about the event names it. Events of the
            Responses API have none: there it is empty.

        Raises:
            LocalProtocolError: it has no type, a field that events of its type do not have, or a value that cannot be
                encoded; nothing was sent.
            SendTimeout: the peer took no data for `send_timeout` seconds; nothing was sent.
            ConnectionClosed: the connection is closed or closing.
        """
        core = self._core
        data = core.complete(body_of(core.client_fields, event, extra_body))
        core.send(data)
        event_id: str = data.get("event_id", "")
        return event_id

    def request(
        self,
        event: ClientEventT | Mapping[str, Any],
        timeout: float | None = REQUEST_TIMEOUT,
        *,
        extra_body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send one client event and return the server event that acknowledges it.

        Args:
            event: an event class or a dict, of a type that the server acknowledges.
            timeout: seconds in all (None: no limit).
            extra_body: as in `send`.

        Raises:
            ServerError: an error event names this event.
            RequestTimeout: no answer in time; whether the server acted on it is not known.
            AcknowledgementUnknown: answers to several events can no longer be told apart.
            LocalProtocolError: as `send`; or the server never acknowledges events of this type.
            ConnectionClosed: the connection ended first.
        """
        self._core.check()
        return self._core.request(body_of(self._core.client_fields, event, extra_body), Deadline(timeout))

    # -- receiving ----------------------------------------------------------------------------------------------

    def receive(self, timeout: float | None = None) -> ServerEventT:
        """Return the next event that belongs to nobody else (see "delivery" in the docs).

        Args:
            timeout: seconds (None: no limit, 0: only what has arrived).

        Raises:
            ReceiveTimeout: none came in time; the session goes on.
            ConnectionClosed: the connection ended, and everything that had arrived was handed out.
            SlowConsumer: events were dropped before the next one; the call after this goes on.
        """
        core = self._core
        core.check()
        mailbox = core.mailbox
        if not mailbox.attended:
            mailbox.attend()
        try:
            entry = mailbox.take_routed() or mailbox.take(Deadline(timeout))
        except Empty:
            msg = f"no event within {timeout} s"
            raise ReceiveTimeout(msg) from None
        core.seen(entry[0])
        event: ServerEventT = entry[1]
        return event

    recv = receive

    def events(self, timeout: float | None = None) -> Iterator[ServerEventT]:
        """Iterate over events as `receive` returns them, at most `timeout` seconds apart (None: no limit).

        Ends quietly after a close that this side asked for, or a normal one by the server with no turn open.

        Raises:
            ReceiveTimeout: the gap grew too long; iterate again to go on.
            ConnectionClosed: the connection ended in another way.
        """
        while True:
            try:
                event = self.receive(timeout)
            except ConnectionClosed:
                if self._core.ended_quietly:
                    return
                raise
            yield event

    def __iter__(self) -> Iterator[ServerEventT]:
        return self.events()

    def wait_for(self, name: NameT, timeout: float | None = None, where: Callable[[Any], object] | None = None) -> Any:
        """Return the first event called `name` (patterns as in `on`) since the calling thread last sent.

        Looks from the latest of: the calling thread's last send, the event that its last `wait_for` or `receive`
        returned, the start of the connection. So ``session.update(…)`` followed by ``wait_for("session.updated")``
        works however fast the answer is. The event is not taken away from `receive()`.

        Args:
            name: an event type or a pattern.
            timeout: seconds (None: no limit).
            where: only an event for which this returns true; runs on the calling thread.

        Raises:
            ReceiveTimeout: none came in time.
            LocalProtocolError: too much has happened since then to look back; subscribe before sending instead.
            ConnectionClosed: the connection ended first.
        """
        core = self._core
        core.check()
        self._check_server_event(name)
        deadline = Deadline(timeout)
        matching: Subscription[Any] = Subscription(core, (name,), since=core.position)
        with matching:
            while True:
                try:
                    number, event = matching.take(deadline)
                except Empty:
                    msg = f"no {name} within {timeout} s"
                    raise ReceiveTimeout(msg) from None
                if where is None or where(event):
                    core.seen(number)
                    return event

    def _check_server_event(self, name: str) -> None:
        if name in LOCAL_EVENT_TYPES:
            msg = f"{name!r} is an event of this library, which only callbacks get: use on({name!r}, …)"
            raise LocalProtocolError(msg)
        warn_if_misspelt(self._core.api.registry, name)

    def subscribe(self, *names: NameT) -> Subscription[ServerEventT]:
        """Open a consumer for all events whose names match any of `names` (patterns as in `on`).

        Active when the call returns. Use it as a context manager, iterate over it, or call its `get`.
        """
        self._core.check()
        if not names:
            msg = "subscribe to what? Name at least one event type or pattern ('*' for all)"
            raise LocalProtocolError(msg)
        for name in names:
            self._check_server_event(name)
        return Subscription(self._core, names)

    # -- callbacks ----------------------------------------------------------------------------------------------

    @overload
    def on(self, name: NameT, handler: Callable[[Any], object], *, urgent: bool = ...) -> Registration: ...
    @overload
    def on(self, name: NameT, handler: None = ..., *, urgent: bool = ...) -> Callable[[H], H]: ...
    def on(
        self, name: str, handler: Callable[[Any], object] | None = None, *, urgent: bool = False
    ) -> Registration | Callable[[H], H]:
        """Call `handler(event)` for every event called `name`, in event order, on the callbacks thread.

        Args:
            name: an event type, "prefix.*" (any depth), "*" (alias "event") for every server event, or a local event:
                "open", "close", "reconnecting", "reconnected", "callback_error".
            handler: may block, send, wait and close. Without it, `on` is a decorator.
            urgent: run on a second thread, not behind other callbacks.

        An exception in a handler goes to "callback_error" handlers, or to the log; the next callback runs.
        """
        return self._register(name, handler, once=False, urgent=urgent)

    @overload
    def once(self, name: NameT, handler: Callable[[Any], object], *, urgent: bool = ...) -> Registration: ...
    @overload
    def once(self, name: NameT, handler: None = ..., *, urgent: bool = ...) -> Callable[[H], H]: ...
    def once(
        self, name: str, handler: Callable[[Any], object] | None = None, *, urgent: bool = False
    ) -> Registration | Callable[[H], H]:
        """As `on`, for the next matching event only."""
        return self._register(name, handler, once=True, urgent=urgent)

    def _register(
        self, name: str, handler: Callable[[Any], object] | None, *, once: bool, urgent: bool
    ) -> Registration | Callable[[H], H]:
        core = self._core
        core.check()
        warn_if_misspelt(core.api.registry, name)
        if handler is None:

            def decorate(function: H) -> H:
                self._register(name, function, once=once, urgent=urgent)
                return function

            return decorate
        if not callable(handler):
            msg = f"a handler must be callable; got {handler!r}"
            raise LocalProtocolError(msg)
        registration = Registration(name=name, handler=handler, once=once, urgent=urgent, cancel=core.unregister)
        core.callbacks.register(registration)
        return registration

    def off(self, name: NameT, handler: Callable[[Any], object]) -> None:
        """Cancel every registration of `handler` under `name`. Does not wait for a call that is running."""
        core = self._core
        core.check()
        with core.lock:
            known = (*core.observers.registrations, *core.observers.claimed)
            mine = [each for each in known if each.name == name and each.handler == handler]
            for each in mine:
                core.observers.remove(each)

    def dispatch_events(self, timeout: float | None = None) -> bool:
        """Run callbacks on the calling thread, instead of on the callbacks thread, until the session ends.

        Args:
            timeout: seconds (None: until the end).

        Returns:
            True if the session ended, False if the time ran out first.

        Raises:
            LocalProtocolError: called from a callback.
        """
        core = self._core
        core.check()
        if core.callbacks.is_dispatching_here():
            msg = "dispatch_events() was called from a callback, which already runs on a dispatching thread"
            raise LocalProtocolError(msg)
        return core.callbacks.ordinary.run_here(Deadline(timeout))

    # -- the end ------------------------------------------------------------------------------------------------

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the session and wait for its threads, at most `close_timeout` and a moment in all.

        Idempotent; the first caller decides code and reason. May be called from a callback or a signal handler.
        Callbacks not yet started are discarded; "close" handlers run last. In a forked child it does nothing.
        """
        self._core.close(code, reason)

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        """Ask for the close and return at once; `wait_closed` or `close` wait for it."""
        if not self._core.forked:
            self._core.start_close(code, reason)

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait until the session is over, at most `timeout` seconds (None: no limit); return whether it is."""
        self._core.check()
        return self._core.wait_end(Deadline(timeout))

    @property
    def closed(self) -> bool:
        """Whether the session is over. A hint: it may end at any moment, so act and handle the error."""
        return self._core.finished

    @property
    def close_code(self) -> int | None:
        """The close code once the session is over (1006: lost without a close frame), else None."""
        return self._core.ended.code if self._core.ended is not None else None

    @property
    def close_reason(self) -> str | None:
        """The close reason once the session is over, else None."""
        return self._core.ended.reason if self._core.ended is not None else None

    @property
    def stats(self) -> Stats:
        """Counters, taken now."""
        self._core.check()
        return self._core.stats()

    def __repr__(self) -> str:
        ended = self._core.ended
        return f"{type(self).__name__}({'open' if ended is None else f'closed, code {ended.code}'})"

    def enter(self) -> Self:
        """Return the session itself, for code written for SDKs whose `connect` returns a manager."""
        return self

    def __del__(self) -> None:
        """Warn about a session that nobody closed, and close it without waiting or taking a lock."""
        core = getattr(self, "_core", None)
        if core is None or core.forked or core.finished or core.closing or sys.is_finalizing():
            return
        core.start_close(1000, "")
        warnings.warn(f"{type(self).__name__} was dropped without close()", ResourceWarning, stacklevel=2, source=self)
