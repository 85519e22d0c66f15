"""The inside of a pool: the line before its connections, the thread that looks after them, and the one that dials."""

from __future__ import annotations

import _thread
import contextlib
import copy
import functools
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from realtime_sync.config import Retrying, RetryPolicy
from realtime_sync.errors import (
    ConnectError,
    PoolClosed,
    PoolTimeout,
    RealtimeSyncError,
    ServerError,
)
from realtime_sync.responses._events import NOT_FOUND
from realtime_sync.responses._pool_book import Member, PoolBook, Ticket
from realtime_sync.responses._pool_link import PoolLink, lost_at_once
from realtime_sync.responses._stream import ResponseStream
from realtime_sync.session import Deadline, Waiter
from realtime_sync.transport import take

__all__ = ["Ask", "PoolCore", "PoolSettings"]

logger = logging.getLogger("realtime_sync")

OWNER_SECONDS = 0.1
"""How long who goes on from a response waits for its lane, where another one will do."""
CLOSE_SECONDS = 1.5

_numbers = itertools.count(1)


@frozen(kw_only=True)
class PoolSettings:
    """What a pool was made with; see ``client.responses.pool``."""

    max_connections: int
    warm: int
    acquire_timeout: float | None
    idle_timeout: float | None
    rotate_after: float | None
    retry: RetryPolicy
    connect: Callable[[Mapping[str, Any], Mapping[str, str]], PoolLink] = field(repr=False)
    """Dials once, with these query parameters and headers."""
    extra_query: Mapping[str, Any] = field(factory=dict, repr=False)
    extra_headers: Mapping[str, str] = field(factory=dict, repr=False)

    def book(self) -> PoolBook:
        """Return an empty book."""
        policy = self.retry
        return PoolBook(
            max_connections=self.max_connections,
            warm=self.warm,
            idle_timeout=self.idle_timeout,
            rotate_after=self.rotate_after,
            retries=policy.connect_retries,
            backoff=policy.delay,
        )


@frozen(kw_only=True)
class Ask:
    """A request for the pool.

    Attributes:
        body: its fields.
        fork: others may go on from the same response.
        moves: whether who sends it can send everything instead, where its lane cannot be had at once.
        waits_long: it waits for a place as long as its time lasts, not only for `acquire_timeout`.
    """

    body: Mapping[str, Any] = field(repr=False)
    fork: bool = False
    moves: bool = False
    waits_long: bool = False

    @property
    def goes_on_from(self) -> str | None:
        found = self.body.get("previous_response_id")
        return found if isinstance(found, str) else None

    @property
    def is_stored(self) -> bool:
        return self.body.get("store") is not False


@define(eq=False)
class PoolCore:
    """What the threads of one pool share, in one process.

    Threads: any: `send`, `holds`, `start_close`, `close`. rts-pool-N, the keeper: `_keep` and what it calls; it starts
    with the first request and ends with the pool. rts-dial-N: `_dial`, one at a time.
    Locks: `lock` guards the book. It is taken under a session's lock, by `_told`, and no other lock is taken under it;
    it is never held while waiting, dialling, closing, logging or calling user code. `_inbox` needs none: what is put
    there, tickets to take back, and None to look after things, is the keeper's to do.
    A wait for a place ends by the place, a refusal, the end of the pool, or its deadline; the keeper's by what is put
    into `_inbox`, or when the book says that something is due.
    """

    settings: PoolSettings
    book: PoolBook = field(init=False)
    lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    closed: bool = field(init=False, default=False)
    """Set first of all at the end; only ever becomes true."""
    _inbox: queue.SimpleQueue[Ticket | None] = field(init=False, factory=queue.SimpleQueue, repr=False)
    _number: int = field(init=False, factory=lambda: next(_numbers))
    _keeper: threading.Thread | None = field(init=False, default=None)
    _dialler: threading.Thread | None = field(init=False, default=None)
    _links: tuple[PoolLink, ...] = field(init=False, default=())
    """Those that were open at the end."""
    # the dialling thread's own
    _extra_query: Mapping[str, Any] = field(init=False, repr=False)
    _extra_headers: Mapping[str, str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing open."""
        self.book = self.settings.book()
        self._extra_query, self._extra_headers = self.settings.extra_query, self.settings.extra_headers

    def afresh(self) -> PoolCore:
        """Return one like this for a forked child. Takes no lock, which the fork may have copied while it was held."""
        made = PoolCore(self.settings)
        made.closed = self.closed
        made.book.closed = self.closed
        return made

    # -- requests -----------------------------------------------------------------------------------------------------

    def holds(self, response_id: str) -> bool:
        """Tell whether some connection remembers a response."""
        return self._home_of(response_id) is not None

    def _home_of(self, response_id: str | None) -> Member | None:
        if response_id is None:
            return None
        members = tuple(self.book.members)  # One step, so that no lock is needed; nor may it be held for `holds`.
        return next((member for member in members if member.carrier.holds(response_id)), None)

    def send(self, ask: Ask, deadline: Deadline) -> ResponseStream:
        """Wait for a place, send a request, and return its stream. The place is given back when the request is over.

        Raises:
            PoolTimeout: no place became free in time; nothing was sent.
            PoolClosed: the pool was closed; nothing was sent.
            ConnectError, ConfigurationError: there is no connection, and dialling has failed; nothing was sent.
            ServerError: `moves` was given, and the lane cannot be had (code ``previous_response_not_found``).
            ConnectionClosed: the connection ended while the request was sent; see its `replay_safe`.
            RequestTimeout, LocalProtocolError, SendTimeout: as `Lanes.start`.
        """
        self.start()
        waiter = Waiter()
        limit = _sooner(deadline, None if ask.waits_long else self.settings.acquire_timeout)
        ticket = Ticket(wake=waiter.wake, deadline=limit.at, goes_on_from=ask.goes_on_from, is_fork=ask.fork)
        handed_over = False
        try:
            member = self._acquire(ticket, ask, waiter, limit)
            told = functools.partial(self._told, ticket)
            stream, is_early = member.carrier.start(ask.body, deadline.remaining(), fork=ask.fork, told=told)
            if is_early:
                if stream.id is not None:
                    with self.lock:
                        self.book.prove(member)
                self._inbox.put(ticket if member.carrier.is_through(stream) else None)
            handed_over = True
            return stream  # type: ignore[no-any-return]  # a carrier's
        finally:
            if not handed_over:
                self._inbox.put(ticket)  # One call of a built-in, which no interrupt can skip.

    def _acquire(self, ticket: Ticket, ask: Ask, waiter: Waiter, limit: Deadline) -> Member:
        ticket.home = self._home_of(ticket.goes_on_from)
        with self.lock:
            self.book.enter(ticket, time.monotonic())
            needs_care = self.book.needs_care()
        if needs_care:
            self._inbox.put(None)
        may_go_elsewhere = ticket.home is not None and (ask.moves or ask.is_stored)
        if may_go_elsewhere and not _is_decided(ticket):
            waiter.wait(_sooner(limit, OWNER_SECONDS).remaining())
            if not _is_decided(ticket):
                if ask.moves and not ask.is_stored:
                    raise _lane_taken(ticket)
                with self.lock:
                    self.book.forget_home(ticket)
                self._inbox.put(None)
        if not _is_decided(ticket):
            waiter.wait(limit.remaining())
        if ticket.member is not None:
            return ticket.member
        if ticket.refusal is not None:
            raise _fresh(ticket.refusal)
        raise self._timed_out(limit)

    def _timed_out(self, limit: Deadline) -> PoolTimeout:
        with self.lock:
            book = self.book
            book.counters.timeouts += 1
            running = sum(len(member.leases) for member in book.members)
            what = f"{len(book.members)} of {book.max_connections} connections open, {running} requests running on them"
            waiting, error = len(book.line), book.error
        told = f"; the newest attempt to connect failed: {error}" if error is not None else ""
        return PoolTimeout(
            f"nothing was sent: no place within {limit.seconds:g} s ({what}, {waiting} waiting){told}; "
            "raise max_connections, or ask for less at once"
        )

    def count_recovery(self) -> None:
        """Note that a request goes to another connection."""
        with self.lock:
            self.book.counters.recoveries += 1

    def _told(self, ticket: Ticket, *, over: bool, answered: bool) -> None:
        """Take a place back, or note that the server answers. A connection's reader, under its session's lock."""
        with self.lock:
            if over:
                self.book.leave(ticket, time.monotonic(), answered=answered)
            else:
                self.book.began(ticket)
            needs_care = self.book.needs_care()
        if needs_care:
            self._inbox.put(None)

    @property
    def started(self) -> bool:
        """Whether anything was ever done."""
        return self._keeper is not None

    # -- the keeper ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look after connections, and to open those that are to be kept warm. Any number of times.

        Raises:
            PoolClosed: the pool was closed.
        """
        if self.closed:
            raise PoolClosed
        if self._keeper is None:
            # Not Thread.start, which an interrupt on this thread can leave broken: it waits for the new thread.
            with contextlib.suppress(RuntimeError):  # No thread can be started; requests wait until one can.
                _thread.start_new_thread(self._start_keeper, ())

    def _start_keeper(self) -> None:  # pragma: no cover  (coverage does not see bare threads)
        """Start the keeper, from a bare thread that nothing interrupts and nobody sees."""
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._keep, name=f"rts-pool-{self._number}", daemon=True).start()

    def _keep(self) -> None:
        with self.lock:
            if self._keeper is not None:
                return
            self._keeper = threading.current_thread()
        left: list[Ticket] = []
        while True:
            now = time.monotonic()
            with self.lock:
                for ticket in left:
                    self.book.leave(ticket, now)
                if self.closed:
                    break
                done = self.book.tick(now, lost_at_once)
                self.book.dialling = dials = self.book.wants_dial(now) or self.book.dialling
                starts = dials and self._dialler is None
                due = self.book.next_due(now)
            for link in done:
                link.start_close()
            if starts:
                self._start_dialler()
            left = self._collect(due)
        self._end()

    def _collect(self, due: float | None) -> list[Ticket]:
        """Wait until there is something to do; return the tickets to take back."""
        left: list[Ticket] = []
        with contextlib.suppress(queue.Empty):
            ticket = take(self._inbox, due)
            while True:
                if ticket is not None:
                    left.append(ticket)
                ticket = self._inbox.get_nowait()
        return left

    def _end(self) -> None:
        with self.lock:
            self._links = tuple(self.book.close())
        for link in self._links:
            link.start_close()

    # -- dialling -----------------------------------------------------------------------------------------------------

    def _start_dialler(self) -> None:
        thread = threading.Thread(target=self._dial, name=f"rts-dial-{self._number}", daemon=True)
        self._dialler = thread
        try:
            thread.start()
        except RuntimeError as error:
            self._dialled(None, ConnectError(f"no thread for dialling could be started: {error}"))
            self._dialler = None
            self._inbox.put(None)

    def _dial(self) -> None:
        """Make one connection."""
        link, failure = None, None
        try:
            link = self.settings.connect(self._extra_query, self._extra_headers)
        except BaseException as error:  # noqa: BLE001  (whoever waits is told)
            failure = error
        self._dialled(link, failure)
        self._dialler = None
        self._inbox.put(None)

    def _dialled(self, link: PoolLink | None, error: BaseException | None) -> None:
        if link is not None:
            with self.lock:
                taken = self.book.dialled(link, time.monotonic())
            if taken:
                link.when_over(functools.partial(self._inbox.put, None))
            else:
                link.start_close()
        elif error is not None:
            told, delay, hopeless = self._judged(error)
            with self.lock:
                self.book.dial_failed(told, time.monotonic(), delay=delay, hopeless=hopeless)
                failures, waiting = self.book.failures, len(self.book.line)
            logger.info("pool: connecting failed (%d in a row), %d requests wait: %s", failures, waiting, told)

    def _judged(self, error: BaseException) -> tuple[BaseException, float, bool]:
        """Return what to tell those who wait, the seconds to the next dial, and whether that is of no use."""
        policy, failures = self.settings.retry, self.book.failures + 1
        delay = policy.delay(failures, retry_after=getattr(error, "retry_after", None))
        if not isinstance(error, RealtimeSyncError):
            return _failed_outside(error), delay, True
        if not policy.retries(error):
            return error, delay, True
        retrying = Retrying(
            attempt=failures,
            max_attempts=policy.connect_retries,
            delay=delay,
            error=error,
            extra_query=self._extra_query,
            extra_headers=self._extra_headers,
        )
        try:
            changes = policy.consult(retrying)
        except Exception as wrong:  # noqa: BLE001  (the caller's function; whoever waits is told)
            return _failed_outside(wrong), delay, True
        self._extra_query = changes.get("extra_query", self._extra_query)
        self._extra_headers = changes.get("extra_headers", self._extra_headers)
        return error, delay, changes.get("abort", False)

    # -- the end ------------------------------------------------------------------------------------------------------

    def start_close(self) -> None:
        """Ask for the end without waiting. Takes no lock: finalizers and signal handlers may call it."""
        self.closed = True
        self._inbox.put(None)

    def close(self) -> None:
        """End, and wait for the threads and the connections, a second or so."""
        self.start_close()
        deadline = Deadline(CLOSE_SECONDS)
        me = threading.current_thread()
        for thread in (self._keeper, self._dialler):
            if thread is not None and thread is not me:
                thread.join(deadline.remaining())
        for link in self._links:
            link.close()


def _is_decided(ticket: Ticket) -> bool:
    return ticket.member is not None or ticket.refusal is not None


def _sooner(deadline: Deadline, seconds: float | None) -> Deadline:
    """Return a deadline in that many seconds, or the one given if that is sooner."""
    left = deadline.remaining()
    return deadline if seconds is None or (left is not None and left <= seconds) else Deadline(seconds)


def _fresh(error: BaseException) -> BaseException:
    """Return an error for one more thread to raise: each needs its own."""
    made = copy.copy(error)
    made.__cause__ = error.__cause__
    made.__traceback__ = None
    return made


def _failed_outside(error: BaseException) -> ConnectError:
    msg = "no connection could be made: a function that the caller gave has failed, see __cause__"
    told = ConnectError(msg, transient=False)
    told.__cause__ = error
    return told


def _lane_taken(ticket: Ticket) -> ServerError:
    msg = f"nothing was sent: the lane that remembers {ticket.goes_on_from} is busy; send everything"
    return ServerError(msg, code=NOT_FOUND, param="previous_response_id", replay_safe=True)
