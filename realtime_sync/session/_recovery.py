"""Getting a lost connection back: what the reader does between two connections."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Mapping, Sequence
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
from realtime_sync.session._acknowledgements import Pending
from realtime_sync.session._ledger import Held, Ledger
from realtime_sync.session._local_events import Reconnected, Reconnecting
from realtime_sync.transport import Connection, Deadline
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
        """Tell the user's hook; return whether to go on."""
        ...

    def dial(self, deadline: Deadline) -> Connection:
        """Dial once.

        Raises:
            RealtimeSyncError: it did not work.
        """
        ...


class Resumption(Protocol):
    """What an API does about a lost connection. Methods run under the session's lock."""

    def lost_locked(self, unwritten: Sequence[Held], error: ConnectionClosed) -> None:
        """Fail what was under way; what is wholly among `unwritten` survives."""
        ...

    def restoring_locked(self) -> list[dict[str, Any]]:
        """Return the events that make the new session what the old one was, in order."""
        ...

    def restored_locked(self, event: Mapping[str, Any], pending: Pending) -> None:
        """Note that one of them was answered: accepted, or refused with `pending.error`.

        Raises:
            RealtimeSyncError: without it there is no point in going on.
        """
        ...

    def admits_locked(self, held: Held) -> bool:
        """Return whether an event that waited still makes sense in the new session. Asked in order."""
        ...

    def restored_items_locked(self) -> tuple[str, ...]:
        """Return the ids of the items that the new session has again."""
        ...


@define(eq=False)
class Recovery:
    """Replaces the connection of one session, as its `RetryPolicy` says.

    Threads: the reader runs every method; the session's lock guards `ledger` and everything of `_resumption`.
    """

    _core: Core
    ledger: Ledger
    _redial: Redial
    _resumption: Resumption
    _attempts: int = field(init=False, default=0)
    """Since the last good connection."""
    _since: float = field(init=False, default=0.0)
    """When the outage began that is not over until a connection proves good; monotonic."""
    _connected_at: float = field(init=False, factory=time.monotonic)
    _answers: int = field(init=False, default=0)
    _unconfirmed: list[str] = field(init=False, factory=list)

    def wants(self, end: ConnectionClosed) -> bool:
        """Tell whether a connection that ended so is to be replaced."""
        return not self._core.closing and end.closed_by != "local" and self.ledger.returns(end.code)

    def replace(self, end: ConnectionClosed) -> ConnectionClosed | None:
        """Get a new connection; return None, or what ends the session."""
        self._lost(end)
        error: RealtimeSyncError = end
        while True:
            if self._core.closing:
                return self._closed()
            next_attempt = self._next_attempt(error, end)
            if next_attempt is None:
                return self._failed(error, end)
            try:
                self._pause(next_attempt.delay)
                if self._core.closing:
                    return self._closed()
                self._connect()
            except (ConnectError, ConnectionClosed) as failed:
                error = failed
                self._drop(failed)
            except RealtimeSyncError as failed:
                return self._failed(failed, end)  # A refused configuration, a broken key function: trying is no use.
            else:
                return self._closed() if self._core.closing else None

    # -- steps ------------------------------------------------------------------------------------------------------

    def _lost(self, end: ConnectionClosed) -> None:
        core = self._core
        now = time.monotonic()
        with core.lock:
            good = core.acknowledgements.answers > self._answers or now - self._connected_at >= SETTLED_SECONDS
            if good or not self._attempts:
                self._attempts, self._since = 0, now
            unwritten = self.ledger.lost_locked(core.connection.messages_written)
            for each in unwritten:
                if each.pending is not None:
                    core.acknowledgements.forget(each.pending)
            self._unconfirmed += core.acknowledgements.unanswered()
            core.acknowledgements.end(lambda: core.error_of(end))
            core.reader.unsent.clear()  # The library's own events are about what is lost.
            self._resumption.lost_locked(unwritten, end)
            core.note_traffic_locked()

    def _next_attempt(self, error: RealtimeSyncError, end: ConnectionClosed) -> Retrying | None:
        """Decide on another attempt and tell the user; None: no more."""
        policy = self._redial.policy
        if self._attempts >= policy.reconnect_retries or (error is not end and not self._may_help(error)):
            return None
        delay = policy.delay(self._attempts + 1, retry_after=getattr(error, "retry_after", None))
        if policy.deadline is not None and time.monotonic() + delay > self._since + policy.deadline:
            return None
        self._attempts += 1
        retrying = Retrying(
            attempt=self._attempts,
            max_attempts=policy.reconnect_retries,
            delay=delay,
            error=error,
            close_code=end.code,
            extra_query=self._redial.extra_query,
            extra_headers=self._redial.extra_headers,
        )
        if not self._announced(retrying):
            return None
        logger.info("reconnecting in %.1f s, attempt %d: %s", delay, self._attempts, error)
        self._core.emit(
            Reconnecting(
                attempt=retrying.attempt,
                max_attempts=retrying.max_attempts,
                delay=delay,
                error=error,
                close_code=end.code,
            )
        )
        return retrying

    def _may_help(self, error: RealtimeSyncError) -> bool:
        if isinstance(error, ConnectionClosed):
            return self.ledger.returns(error.code)
        return self._redial.policy.retries(error)

    def _announced(self, retrying: Retrying) -> bool:
        try:
            return self._redial.announce(retrying)
        except Exception:
            logger.exception("the on_retry hook raised: the session is not reconnected")
            return False

    def _pause(self, delay: float) -> None:
        """Wait, doing meanwhile what is posted; a close ends it at once."""
        until = time.monotonic() + delay
        core = self._core
        while not core.closing:
            core.callbacks.tend()
            core.urgent.tend()
            try:
                core.posted.get(timeout=max(0.0, until - time.monotonic()))()
            except queue.Empty:
                return

    def _connect(self) -> None:
        """Dial, and make the new session what the old one was.

        Raises:
            RealtimeSyncError: it did not work.
        """
        core = self._core
        deadline = Deadline(core.options.open_timeout)
        try:
            connection = self._redial.dial(deadline)
        except RealtimeSyncError:
            raise
        except Exception as error:
            msg = f"the function that gives the key raised: {error!r}"
            raise ConfigurationError(msg) from error
        core.use_connection(connection)
        self._restore(deadline)
        with core.lock:
            gone = self.ledger.keep_locked(self._resumption.admits_locked)
            for each in gone:
                if each.pending is not None:
                    each.pending.resolve_locked(error=_unsendable(each))
            unsent = tuple(each.data for each in gone if each.claim is None)  # Turns report for themselves.
            self._connected_at = time.monotonic()
            self._answers = core.acknowledgements.answers
            event = Reconnected(
                attempt=self._attempts,
                restored_items=self._resumption.restored_items_locked(),
                unsent=unsent,
                unconfirmed=tuple(self._unconfirmed),
            )
            self._unconfirmed.clear()
            core.mailbox.put_locked((core.number, event, 0))
        core.emit(event)

    def _restore(self, deadline: Deadline) -> None:
        core = self._core
        with core.lock:
            events = [core.complete(each) for each in self._resumption.restoring_locked()]
        waiting: list[tuple[Mapping[str, Any], Pending]] = []
        with core.connection.lease() as lease:
            while events or waiting:
                while events and (pending := self._offer(events[0])) is not None:
                    waiting.append((events.pop(0), pending))
                core.connection.pump()
                while waiting and waiting[0][1].done:
                    with core.lock:
                        self._resumption.restored_locked(*waiting.pop(0))
                if not (events or waiting):
                    return
                if core.closing:
                    return
                if deadline.passed():
                    msg = "the server did not answer while the session was being restored"
                    raise ClosedError(msg)
                core.reader.take_in(lease.service(deadline.remaining()))

    def _offer(self, event: dict[str, Any]) -> Pending | None:
        core = self._core
        pending = core.acknowledgements.make(event, waited_for=True)
        assert pending is not None  # noqa: S101  (only events that are answered restore anything)
        outgoing = core.connection.prepare(json.write(event))
        with core.lock:
            if not core.connection.offer(outgoing):
                return None
            core.acknowledgements.place(pending)
            core.events_sent += 1
            self.ledger.queued_locked(None, core.connection.messages_written)
        return pending

    def _drop(self, error: RealtimeSyncError) -> None:
        """Let go of a connection that did not make it to the end of `_connect`."""
        core = self._core
        core.connection.abort()
        with core.lock:
            core.acknowledgements.end(lambda: error)
            core.note_traffic_locked()

    # -- the end ----------------------------------------------------------------------------------------------------

    def _closed(self) -> ConnectionClosed:
        code, reason = self._core.close_asked or (1000, "")
        self._core.connection.abort()
        return ClosedOK(code=code, reason=reason, closed_by="local")

    def _failed(self, error: RealtimeSyncError, end: ConnectionClosed) -> ConnectionClosed:
        core = self._core
        core.connection.abort()
        with core.lock:
            unsent = tuple(each.data for each in self.ledger.held)
        msg = f"the connection was lost (code {end.code}) and could not be got back: {error}"
        failed = ReconnectFailed(
            msg,
            unsent=unsent,
            unconfirmed=tuple(self._unconfirmed),
            attempts=self._attempts,
            code=end.code,
            reason=end.reason,
            closed_by=end.closed_by,
        )
        failed.__cause__ = error
        return failed


def _unsendable(held: Held) -> ConnectionClosed:
    return ClosedError(f"{held.data['type']} was not sent: it belongs to a session that is lost", replay_safe=True)
