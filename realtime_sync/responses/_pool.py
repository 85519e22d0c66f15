"""`ResponsesPool`: a few connections of the Responses API, shared by any number of threads."""

from __future__ import annotations

import functools
import os
import sys
import warnings
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from attrs import evolve, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven, seconds_or
from realtime_sync.errors import LocalProtocolError, PoolClosed
from realtime_sync.responses._book import MAX_IN_FLIGHT
from realtime_sync.responses._connection import LINEAGE
from realtime_sync.responses._parameters import KEYWORDS, CreateParameters, create_body
from realtime_sync.responses._pool_core import CLOSE_SECONDS, Ask, PoolCore, PoolSettings
from realtime_sync.responses._pool_stream import PoolStream
from realtime_sync.responses._pool_workers import Workers
from realtime_sync.session import ClosesOnExit, Deadline

if TYPE_CHECKING:
    from concurrent.futures import Future

    from typing_extensions import Unpack

    from realtime_sync.responses._conversation import Conversation
    from realtime_sync.responses._conversation_core import ConversationCore
    from realtime_sync.types import responses as wire

__all__ = ["PoolRoute", "PoolStats", "ResponsesPool"]

_Timeout: TypeAlias = float | None | NotGiven
MAX_KEYS = 128
"""Whose newest response a connection may still remember: as many as four connections have lanes."""


@frozen(kw_only=True)
class PoolStats:
    """What a pool has and has done, taken at one moment.

    Attributes:
        open: connections that take requests.
        retiring: connections that only finish what they have.
        in_flight: requests that have a place, those included that nobody waits for any more.
        waiting: requests in line for a place.
        queued: calls submitted that have not begun.
        opened: connections made.
        lost: connections that ended without being asked to.
        rotated: connections replaced because of their age.
        closed_idle: connections closed because nobody used them.
        dial_failures: attempts that gave no connection, or one that ended before the server answered anything.
        full: requests sent without a response to go on from.
        delta: requests sent that go on from a response.
        reused: those of both that went over a connection that had been used before.
        waits: how many had to wait for a place, or for a connection.
        timeouts: how many of them in vain.
        recoveries: how often a request went to another connection because its own ended.
    """

    open: int
    retiring: int
    in_flight: int
    waiting: int
    queued: int
    opened: int
    lost: int
    rotated: int
    closed_idle: int
    dial_failures: int
    full: int
    delta: int
    reused: int
    waits: int
    timeouts: int
    recoveries: int


class ResponsesPool(ClosesOnExit):
    """A few connections for many threads; made by ``client.responses.pool(…)``. A context manager that closes.

    Nothing is dialled before the first request (or `open`). A pool made before a fork starts afresh in the child, with
    connections of its own.

    Threads: any, for every method; signal handlers too for `close`.
    """

    def __init__(
        self,
        settings: PoolSettings,
        *,
        defaults: Mapping[str, Any],
        timeout: float | None,
        repeat_lost: bool,
        converse: Callable[..., Conversation],
    ) -> None:
        """Put it together.

        Args:
            settings: of the connections.
            defaults: fields of every request.
            timeout: seconds for calls that say nothing else; None: no limit.
            repeat_lost: as for `PoolStream`.
            converse: makes a conversation, of ``via=`` and what else a caller gives.
        """
        self._core = PoolCore(settings)
        self._workers = Workers(settings.max_connections * MAX_IN_FLIGHT)
        self._defaults = dict(defaults)
        self._timeout = timeout
        self._repeat_lost = repeat_lost
        self._converse = converse
        self._kept: OrderedDict[str, ConversationCore] = OrderedDict()
        """By key: what a conversation knows of the server. Changed by single built-in operations only."""
        _live.add(self)

    def __repr__(self) -> str:
        state = "closed" if self._core.closed else "open"
        return f"ResponsesPool(max_connections={self._core.settings.max_connections}, {state})"

    # -- requests -----------------------------------------------------------------------------------------------------

    def create(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> wire.Response:
        """Ask for a response over some connection and return it once it has ended.

        A request with `previous_response_id` runs where that response is remembered, while it is; the pool never adds
        one by itself (`conversation` does).

        Args:
            timeout: seconds in all, waiting for a place included. None: no limit; left out: the client's `timeout`.
            extra_body: fields to send that this library does not know.
            params: see `CreateParameters`. What the pool was given holds where a call says nothing.

        Raises:
            PoolTimeout: there was no place for it within `acquire_timeout`, or the call's own time; nothing was sent.
            PoolClosed: the pool was closed.
            ConnectError: no connection came about (`HandshakeRejected`: the server refused).
            ConfigurationError: dialling cannot work: there is no key, say.
            ResponseFailed, ServerError, RequestTimeout, TurnInterrupted, LocalProtocolError, TypeError: as
                `ResponsesConnection.create`. A `TurnInterrupted` tells that asking again might do something twice.
        """
        with self._stream(params, extra_body, timeout, "create") as stream:
            return stream.response()

    def stream(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> PoolStream:
        """Ask for a response and return its stream as soon as the request is sent. Arguments and errors as `create`."""
        return self._stream(params, extra_body, timeout, "stream")

    def submit(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> Future[wire.Response]:
        """As `create`, on a thread of the pool's; return at once, with what will have the response.

        The future can be cancelled until its request begins. Any number may be submitted; they begin in order, and wait
        for a place as long as it takes: `timeout` is counted from the time a request begins.

        Raises:
            PoolClosed: the pool was closed.
            LocalProtocolError, TypeError: as `create`.
        """
        if self._core.closed:
            raise PoolClosed
        ask = self._ask(params, extra_body, "submit", waits_long=True)
        return self._workers.submit(functools.partial(self._run, ask, timeout))

    @overload
    def map(
        self, requests: Iterable[Mapping[str, Any]], *, return_exceptions: Literal[False] = ...
    ) -> Iterator[wire.Response]: ...
    @overload
    def map(
        self, requests: Iterable[Mapping[str, Any]], *, return_exceptions: bool
    ) -> Iterator[wire.Response | BaseException]: ...
    def map(self, requests: Iterable[Mapping[str, Any]], *, return_exceptions: bool = False) -> Iterator[Any]:
        """Submit requests and yield their responses in the same order, as they come.

        Args:
            requests: the keywords of a `submit` each. Taken as they are needed, a little ahead of what is yielded, so
                that there may be any number of them.
            return_exceptions: yield the error of a request instead of raising it.

        Raises:
            ResponseFailed, …: that of a request, as `create`; those behind it are cancelled, as they are when the
                iterator is closed or dropped.
            LocalProtocolError: what was given for a request is no mapping; likewise.
        """
        ahead = 2 * self._core.settings.max_connections * MAX_IN_FLIGHT
        return _results(iter(requests), self.submit, ahead, return_exceptions=return_exceptions)

    def conversation(self, *, key: str | None = None, **parameters: Any) -> Conversation:
        """Return a conversation over this pool: ``client.responses.conversation`` with ``via=`` this pool.

        Args:
            key: the caller's name for it, a visitor's say. With a key and ``state=`` it goes on from what a connection
                remembers of the conversation of that key before, if that is what the state has.
            parameters: as there. The model may be left out if the pool has one.
        """
        chat = self._converse(via=self, key=key, **parameters)
        if key is not None:
            core = chat._core  # noqa: SLF001  (one package)
            before = self._kept.pop(key, None)
            self._kept[key] = core
            while len(self._kept) > MAX_KEYS:
                self._kept.popitem(last=False)
            memory = before.memory if before is not None else None
            if memory is not None and core.memory.anchor is None and memory.items == core.memory.items:
                core.memory = evolve(core.memory, anchor=memory.anchor)
        return chat

    def as_route(self) -> PoolRoute:
        """Return what a conversation sends its requests to."""
        return PoolRoute(self)

    def _run(self, ask: Ask, timeout: _Timeout) -> wire.Response:
        with self._open(ask, timeout) as stream:
            return stream.response()

    def _stream(
        self, params: Mapping[str, Any], extra_body: Mapping[str, Any] | None, timeout: _Timeout, function: str
    ) -> PoolStream:
        return self._open(self._ask(params, extra_body, function), timeout)

    def _open(self, ask: Ask, timeout: _Timeout) -> PoolStream:
        deadline = Deadline(seconds_or("timeout", timeout, self._timeout))
        return PoolStream(self._core, ask, deadline, repeat_lost=self._repeat_lost)

    def _ask(
        self,
        params: Mapping[str, Any],
        extra_body: Mapping[str, Any] | None,
        function: str,
        *,
        waits_long: bool = False,
    ) -> Ask:
        return Ask(body=self._body(params, extra_body, function), waits_long=waits_long)

    def _body(self, params: Mapping[str, Any], extra_body: Mapping[str, Any] | None, function: str) -> dict[str, Any]:
        defaults = self._defaults
        if any(params.get(name) is not None for name in LINEAGE):
            # Each takes the place of the other, were it a default.
            defaults = {name: each for name, each in defaults.items() if name not in LINEAGE}
        return create_body(params, defaults=defaults, extra_body=extra_body, function=function)

    # -- the pool itself ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to open the connections that are to be kept ``warm``, which else the first request does.

        Returns at once. For a server's workers, once they have forked.

        Raises:
            PoolClosed: the pool was closed.
        """
        self._core.start()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.closed

    @property
    def stats(self) -> PoolStats:
        """Counters, taken now."""
        core = self._core
        with core.lock:
            book, counters = core.book, core.book.counters
            return PoolStats(
                open=len(book.members),
                retiring=len(book.retiring),
                in_flight=sum(len(member.leases) for member in (*book.members, *book.retiring)),
                waiting=len(book.line),
                queued=self._workers.waiting,
                opened=counters.opened,
                lost=counters.lost,
                rotated=counters.rotated,
                closed_idle=counters.closed_idle,
                dial_failures=counters.dial_failures,
                full=counters.full,
                delta=counters.delta,
                reused=counters.reused,
                waits=counters.waits,
                timeouts=counters.timeouts,
                recoveries=counters.recoveries,
            )

    def start_close(self) -> None:
        """Ask for the close without waiting for it: nothing more begins."""
        self._workers.start_close()
        self._core.start_close()

    def close(self) -> None:
        """Close the connections, with whatever runs on them, and wait a second or so for that.

        Whoever waits gets `PoolClosed`, what runs `TurnInterrupted`; what was submitted and has not begun is cancelled.
        Any number of times. In a forked child it closes what the child has opened.
        """
        self.start_close()
        self._core.close()
        self._workers.close(CLOSE_SECONDS)

    def __del__(self) -> None:
        """Warn about a pool that nobody closed, and close it without waiting or taking a lock."""
        core = getattr(self, "_core", None)
        if core is None or core.closed or not core.started or sys.is_finalizing():
            return
        self.start_close()
        warnings.warn("ResponsesPool was dropped without close()", ResourceWarning, stacklevel=2, source=self)

    def _start_afresh(self) -> None:
        """Forget what the parent process has. In a forked child, while that has one thread; takes no lock."""
        self._core = self._core.afresh()
        self._workers = self._workers.afresh()
        self._kept = OrderedDict()


class PoolRoute:
    """A pool as a conversation sends to it: each request may go over another connection. Any thread."""

    in_flight = 0
    """Requests look after themselves: nothing is closed here before they have ended."""
    has_others = True
    """Where one connection ends, another is found for the next request."""

    def __init__(self, pool: ResponsesPool) -> None:
        self._pool = pool

    @property
    def is_usable(self) -> bool:
        return not self._pool.closed

    def stream(self, body: Mapping[str, Any], timeout: float | None, *, fork: bool) -> PoolStream:
        """Send a request; raises as `PoolCore.send`. What is lost, the conversation itself sends again, and better."""
        pool = self._pool
        known = {name: value for name, value in body.items() if name in KEYWORDS}
        rest = {name: value for name, value in body.items() if name not in KEYWORDS}
        full = pool._body(known, rest or None, "create")  # noqa: SLF001  (same module)
        return PoolStream(pool._core, Ask(body=full, fork=fork, moves=True), Deadline(timeout), moves=False)  # noqa: SLF001

    def holds(self, response_id: str) -> bool:
        """Tell whether some connection remembers a response."""
        return self._pool._core.holds(response_id)  # noqa: SLF001  (same module)

    def close(self) -> None:
        """Leave the pool to whoever made it."""


def _results(
    requests: Iterator[Mapping[str, Any]],
    submit: Callable[..., Future[wire.Response]],
    ahead: int,
    *,
    return_exceptions: bool,
) -> Iterator[wire.Response | BaseException]:
    """Yield what comes of requests, in order, with so many of them submitted ahead."""
    futures: deque[Future[wire.Response]] = deque()
    try:
        for request in requests:
            if not isinstance(request, Mapping):
                msg = f"map() takes the keywords of a submit each, as in {{'input': …}}; got {request!r:.100}"
                raise LocalProtocolError(msg)
            futures.append(submit(**request))
            if len(futures) >= ahead:
                yield _result(futures.popleft(), return_exceptions=return_exceptions)
        while futures:
            yield _result(futures.popleft(), return_exceptions=return_exceptions)
    finally:
        for future in futures:
            future.cancel()


def _result(future: Future[wire.Response], *, return_exceptions: bool) -> wire.Response | BaseException:
    if return_exceptions:
        error = future.exception()
        if error is not None:
            return error
    return future.result()


_live: weakref.WeakSet[ResponsesPool] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for pool in list(_live):
        pool._start_afresh()  # noqa: SLF001  (same module)


if hasattr(os, "register_at_fork"):
    # Runs after the session layer's own, by which inherited connections are dead, and let go without a word.
    os.register_at_fork(after_in_child=_after_fork_in_child)
