"""Getting a lost connection back: what the reader does between two connections."""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field

from realtime_sync.config import Retrying, RetryPolicy
from realtime_sync.errors import (
    ClosedError,
    ClosedOK,
    ConfigurationError,
    ConnectError,
    ConnectionClosed,
    RealtimeSyncError,
    ReconnectFailed,
)
from realtime_sync.session._acknowledgements import Pending, server_error
from realtime_sync.session._holder import Holder
from realtime_sync.session._ledger import Held
from realtime_sync.session._local_events import Reconnected, Reconnecting
from realtime_sync.transport import Connection, Deadline, take
from realtime_sync.wire import json

if TYPE_CHECKING:
    from realtime_sync.session._core import Core

__all__ = ["Recovery", "Redial", "Resumption"]

logger = logging.getLogger("realtime_sync")

SETTLED_SECONDS = 60.0
"""A connection that lived this long, or answered something, was a good one: the attempts are counted afresh."""


class Redial(Protocol):
    """Makes new connections to the same place. Used by the reader thread alone."""

    policy: RetryPolicy
    extra_query: Mapping[str, Any]
    extra_headers: Mapping[str, str]

    def announce(self, retrying: Retrying) -> bool:
        """Tell the user's hook; return whether to go on. Runs user code."""
        ...

    def prepare(self) -> Callable[[Deadline], Connection]:
        """Return what dials once, with a key fetched anew. Runs user code; dialling then runs none."""
        ...


class Resumption(Protocol):
    """What an API does about a lost connection. Methods run under the session's lock."""

    same_session: bool
    """A new connection leads to the session that the old one led to, so that nothing about it is out of date."""

    def lost_locked(self, unwritten: Sequence[Held], make_error: Callable[[], ConnectionClosed]) -> None:
        """Fail what was under way; what is wholly among `unwritten` survives."""
        ...

    def dialled_locked(self) -> None:
        """Note that there is a new connection, whose events come now."""
        ...

    def restoring_locked(self) -> Sequence[Mapping[str, Any]] | None:
        """Return the events that make the new session what the old one was, in order; None: it is too early."""
        ...

    def restored_locked(self, event: Mapping[str, Any], pending: Pending) -> Sequence[Mapping[str, Any]]:
        """Note that one of them was answered: accepted, or refused with `pending.error`; return what else to send.

        Raises:
            RealtimeSyncError: without it there is no point in going on.
        """
        ...

    def admits_locked(self, held: Held) -> bool:
        """Return whether an event that waited still makes sense in the new session. Asked once each, in order."""
        ...

    def is_over_locked(self, claim: object) -> bool:
        """Return whether nobody waits any more for what is sent under this claim."""
        ...

    def resumed_locked(self) -> tuple[str, ...]:
        """Note that all of them were answered; return the ids of the items that the new session has again."""
        ...


@define(eq=False)
class Recovery:
    """Replaces the connection of one session, as its `RetryPolicy` says.

    Threads: the reader runs every method but `interrupt` and `closed`; the session's lock guards what `_holder` and
    `_resumption` know.
    """

    _core: Core
    _holder: Holder
    _redial: Redial
    _resumption: Resumption
    # no lock: written by the reader alone
    in_user_code: bool = field(init=False, default=False)
    """The reader is inside a hook or a key function, which `close` does not wait for."""
    _dialling: Deadline | None = field(init=False, default=None)
    # reader thread only
    _attempts: int = field(init=False, default=0)
    """Since the last good connection."""
    _since: float = field(init=False, default=0.0)
    """When the outage began that is not over until a connection proves good; monotonic."""
    _connected_at: float = field(init=False, factory=time.monotonic)
    _answers: int = field(init=False, default=0)
    """Of the session, when this connection had been made what the last one was."""
    _unconfirmed: list[str] = field(init=False, factory=list)

    # -- any thread -------------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """End an attempt that is under way: nobody wants it any more. Takes no lock."""
        dialling = self._dialling
        if dialling is not None:
            dialling.cancel()

    def closed(self) -> ConnectionClosed:
        """Return what ends a session that this side closed while it had no connection."""
        code, reason = self._core.close_asked or (1000, "")
        return self._told(ClosedOK(code=code, reason=reason, closed_by="local"))

    def _told(self, end: ConnectionClosed) -> ConnectionClosed:
        """Log what a close of this side leaves unsent; return it."""
        waiting = len(self._holder.ledger.held)
        if waiting and not self._core.finished:
            logger.warning("closed while the connection was lost: %d events were not sent", waiting)
        return end

    # -- the reader -------------------------------------------------------------------------------------------------

    def replace(self, end: ConnectionClosed) -> ConnectionClosed | None:
        """Get a new connection for one that ended so; return None, or what ends the session."""
        core = self._core
        if end.closed_by == "local" or core.closing:
            return end
        # Before taking the lock: it waits for a write that is under way.
        written = core.connection.messages_written
        if not self._holder.ledger.returns(end.code):
            return self._final(end, written)
        self._lost(end, written)
        error: RealtimeSyncError = end
        while not core.closing:
            core.reader.attend()
            try:
                delay = self._next_attempt(error, end)
                if delay is None:
                    break
                self._pause(delay)
                if self._connect():
                    return None
            except ConnectError as failed:
                error = failed
            except ConnectionClosed as failed:
                error = failed
                self._drop(failed)
                if failed.closed_by == "local":  # By a `start_close` that has not come to setting `closing`.
                    return self._told(failed)
            except RealtimeSyncError as failed:
                error = failed  # A refused configuration, a broken hook: trying again is no use.
                break
        core.connection.abort()
        return self.closed() if core.closing else self._failed(error, end)

    # -- the loss ---------------------------------------------------------------------------------------------------

    def _lost(self, end: ConnectionClosed, written: int) -> None:
        """Fail what the server may have seen, keep the rest."""
        core = self._core
        now = time.monotonic()
        with core.lock:
            good = core.acknowledgements.answers > self._answers or now - self._connected_at >= SETTLED_SECONDS
            if good or not self._attempts:
                self._attempts, self._since = 0, now
            unwritten = self._take_back_locked(written)
            core.taken_back_locked(len(unwritten))
            self._fail_locked(end, unwritten)
            core.flow.end_locked()

    def _fail_locked(self, end: ConnectionClosed, unwritten: Sequence[Held]) -> None:
        """Let everybody know who waits for something of a connection that ended so."""
        core = self._core
        core.generation += 1
        end.server_error, core.last_error = core.last_error, None
        make_error = functools.partial(core.error_of, end)
        core.acknowledgements.end(make_error)
        if not self._resumption.same_session:
            core.reader.unsent.clear()  # The library's own events are about what is lost.
        self._resumption.lost_locked(unwritten, make_error)

    def _take_back_locked(self, written: int) -> list[Held]:
        """Take back what no server can have seen; note what is not answered of the rest."""
        acknowledgements = self._core.acknowledgements
        unwritten = self._holder.ledger.lost_locked(written)
        for each in unwritten:
            if each.pending is not None:
                acknowledgements.forget(each.pending)
        self._unconfirmed += acknowledgements.unanswered()
        return unwritten

    # -- another attempt --------------------------------------------------------------------------------------------

    def _next_attempt(self, error: RealtimeSyncError, end: ConnectionClosed) -> float | None:
        """Decide on another attempt and tell the user; return the seconds until then, or None: no more.

        Raises:
            ConfigurationError: the user's hook raised, or returned nonsense.
        """
        policy = self._redial.policy
        if self._attempts >= policy.reconnect_retries or (error is not end and not self._may_help(error)):
            return None
        delay = policy.delay(self._attempts + 1, retry_after=getattr(error, "retry_after", None))
        left = self._time_left()
        if left is not None and delay >= left:
            return None
        retrying = Retrying(
            attempt=self._attempts + 1,
            max_attempts=policy.reconnect_retries,
            delay=delay,
            error=error,
            close_code=end.code,
            extra_query=self._redial.extra_query,
            extra_headers=self._redial.extra_headers,
        )
        with self._user_code("on_retry") as wanted:
            if not wanted or not self._redial.announce(retrying):
                return None
        self._attempts += 1
        logger.info("reconnecting in %.1f s, attempt %d: %s", delay, self._attempts, error)
        self._core.callbacks.emit(
            Reconnecting(
                attempt=retrying.attempt,
                max_attempts=retrying.max_attempts,
                delay=delay,
                error=error,
                close_code=end.code,
            )
        )
        return delay

    def _may_help(self, error: RealtimeSyncError) -> bool:
        if isinstance(error, ConnectionClosed):
            return self._holder.ledger.returns(error.code)
        return self._redial.policy.retries(error)

    def _time_left(self) -> float | None:
        """Return the seconds left to get the connection back; None: no limit."""
        limit = self._redial.policy.deadline
        return None if limit is None else max(0.0, self._since + limit - time.monotonic())

    @contextlib.contextmanager
    def _user_code(self, what: str) -> Iterator[bool]:
        """Run code of the user's; gives whether anybody still wants it.

        Raises:
            ConfigurationError: it raised something of its own.
        """
        # Set before looking at `closing`, which `close` sets before it looks at this.
        self.in_user_code = True
        try:
            yield not self._core.closing
        except RealtimeSyncError:
            raise
        except Exception as error:
            msg = f"{what} raised: {error!r}"
            raise ConfigurationError(msg) from error
        finally:
            self.in_user_code = False

    def _pause(self, delay: float) -> None:
        """Wait, doing meanwhile what is posted; a close ends it at once."""
        until = time.monotonic() + delay
        core = self._core
        while not core.closing:
            core.reader.attend()
            core.callbacks.tend()
            try:
                take(core.posted, until - time.monotonic())()
            except queue.Empty:
                return

    def _connect(self) -> bool:
        """Dial, and make the new session what the old one was; return False if this side closes instead.

        Raises:
            RealtimeSyncError: it did not work.
        """
        core = self._core
        limits = (core.options.open_timeout, self._time_left())
        deadline = Deadline.cancellable(min((each for each in limits if each is not None), default=None))
        # Set before looking at `closing`, which `start_close` sets before it looks at this.
        self._dialling = deadline
        try:
            with self._user_code("the function that gives the key") as wanted:
                dial = self._redial.prepare() if wanted else None
            if dial is None or core.closing:
                return False
            core.use_connection(dial(deadline))
        finally:
            self._dialling = None
            deadline.settle()
        if self._restore(deadline):
            self._go_on()
        else:
            core.close_connection()  # What is held stays unsent; the reader sees the close through.
        return True

    def _restore(self, deadline: Deadline) -> bool:
        """Send what makes the new session what the old one was, and see it answered; False: this side closes.

        Raises:
            RealtimeSyncError: the connection is lost again, or the server refuses or does not answer.
        """
        core = self._core
        with core.lock:
            self._resumption.dialled_locked()
        events: deque[dict[str, Any]] | None = None
        waiting: deque[tuple[Mapping[str, Any], Pending]] = deque()
        with core.connection.lease() as lease:
            while not core.closing:
                with core.lock:
                    if events is None and (restoring := self._resumption.restoring_locked()) is not None:
                        events = deque(map(core.complete, restoring))
                    while events is not None and waiting and waiting[0][1].done:
                        events.extend(map(core.complete, self._resumption.restored_locked(*waiting.popleft())))
                while events and (pending := self._offer(events[0])) is not None:
                    waiting.append((events.popleft(), pending))
                core.connection.pump()
                if events is not None and not events and not waiting:
                    return True
                if deadline.passed():
                    raise _unanswered([pending for _, pending in waiting])
                core.reader.take_in(lease.service(deadline.remaining()))
                core.reader.attend()
        return False

    def _offer(self, event: dict[str, Any]) -> Pending | None:
        core = self._core
        pending = core.acknowledgements.make(event, waited_for=True)
        assert pending is not None  # noqa: S101  (only events that are answered restore anything)
        outgoing = core.connection.prepare_encoded(json.write(event))
        with core.lock:
            if not core.connection.offer(outgoing):
                return None
            core.acknowledgements.place(pending)
        return pending

    def _go_on(self) -> None:
        """Tell everybody that there is a connection again; what is held goes out next."""
        core = self._core
        with core.lock:
            restored = self._resumption.resumed_locked()
            gone = self._holder.ledger.keep_locked(self._resumption.admits_locked)
            for each in gone:
                if each.pending is not None:
                    each.pending.resolve_locked(error=_unsendable(each))
            self._connected_at = time.monotonic()
            self._answers = core.acknowledgements.answers
            event = Reconnected(
                attempt=self._attempts,
                restored_items=restored,
                unsent=_of_callers(gone),
                unconfirmed=tuple(self._unconfirmed),
            )
            self._unconfirmed.clear()
            core.mailbox.put_locked((core.number, event, 0))
        core.callbacks.emit(event)

    def _drop(self, end: ConnectionClosed) -> None:
        """Let go of a connection that did not make it to the end of `_connect`."""
        core = self._core
        core.connection.abort()
        with core.lock:
            self._fail_locked(end, ())

    # -- the end ----------------------------------------------------------------------------------------------------

    def _final(self, end: ConnectionClosed, written: int) -> ConnectionClosed:
        """Return what ends a session whose connection is not replaced after such an end."""
        with self._core.lock:
            self._take_back_locked(written)
        if not _of_callers(self._holder.ledger.held):
            return end
        return self._reconnect_failed(f"{end.message}; no new connection is tried after this code", end, end.__cause__)

    def _failed(self, error: RealtimeSyncError, end: ConnectionClosed) -> ReconnectFailed:
        msg = f"the connection was lost (code {end.code}) and could not be got back: {error}"
        return self._reconnect_failed(msg, end, error)

    def _reconnect_failed(self, message: str, end: ConnectionClosed, cause: BaseException | None) -> ReconnectFailed:
        with self._core.lock:
            unsent = _of_callers(self._holder.ledger.held)
        failed = ReconnectFailed(
            message,
            unsent=unsent,
            unconfirmed=tuple(self._unconfirmed),
            attempts=self._attempts,
            code=end.code,
            reason=end.reason,
            closed_by=end.closed_by,
            server_error=end.server_error,
        )
        failed.__cause__ = cause
        return failed


def _of_callers(held: Iterable[Held]) -> tuple[Mapping[str, Any], ...]:
    """Return the events that no turn sent: turns report for themselves."""
    return tuple(each.data for each in held if each.claim is None)


def _unsendable(held: Held) -> ConnectionClosed:
    return ClosedError(f"{held.data['type']} was not sent: it belongs to a session that is lost", replay_safe=True)


def _unanswered(waiting: Sequence[Pending]) -> ConnectionClosed:
    """Return the error for a server that does not answer; an error event that named nothing may be its answer."""
    error = ClosedError("the server did not answer in time while the session was being restored")
    suspect = next((each.suspect for each in waiting if each.suspect is not None), None)
    error.__cause__ = server_error(suspect) if suspect is not None else None
    return error
