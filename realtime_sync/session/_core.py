"""The core of a session: one connection, one reader thread, one lock, and everything events are handed to.

Data flows one way: the reader takes messages from the connection, decodes them, finds each one's owner and
observers, and puts it on their queues. Callers send through `Core.send` and wait on queues or on `Pending`.
"""

from __future__ import annotations

import itertools
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import (
    ClosedError,
    ClosedOK,
    ConnectionClosed,
    ForkedError,
    LocalProtocolError,
    ReconnectFailed,
    RequestTimeout,
    SendTimeout,
)
from realtime_sync.session import _lifecycle
from realtime_sync.session._acknowledgements import Acknowledgements, Pending, server_error
from realtime_sync.session._api import Api
from realtime_sync.session._callbacks import Callbacks
from realtime_sync.session._flow import Flow
from realtime_sync.session._holder import Holder
from realtime_sync.session._ledger import Held, Ledger
from realtime_sync.session._mailbox import Mailbox
from realtime_sync.session._observers import ObserverIndex, Registration
from realtime_sync.session._queue import Entry, EventQueue
from realtime_sync.session._reader import Reader
from realtime_sync.session._recent import Recent
from realtime_sync.session._recovery import Recovery, Redial, Resumption
from realtime_sync.session._stats import Stats
from realtime_sync.transport import Connection, Deadline, Waiter, park_at_exit
from realtime_sync.wire import client_fields, json, to_wire

__all__ = ["Core"]

logger = logging.getLogger("realtime_sync")

_numbers = itertools.count(1)

CLOSE_MARGIN = 0.15
"""Seconds that `close` allows beyond `close_timeout` for threads to end."""


class _Position(threading.local):
    """How far each thread has looked: the number of an event."""

    position: int = 0


@define(eq=False, kw_only=True)
class Core:
    """Everything about a session that its threads share. Threads hold the core, never the public session.

    Threads: any. `Reader` does what only rts-reader-N may.
    Locks: `lock` guards all delivery state (queues, observers, acknowledgements, the API's tracking) and is never
    held while waiting, sending, logging or calling user code. `posted` and `forked` need none.
    """

    # set once, before start
    connection: Connection
    options: ConnectionOptions
    api: Api
    lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    reader: Reader = field(init=False, repr=False)
    flow: Flow = field(init=False, repr=False)
    mailbox: Mailbox = field(init=False, repr=False)
    callbacks: Callbacks = field(init=False, repr=False)
    acknowledgements: Acknowledgements = field(init=False, repr=False)
    client_fields: Mapping[str, frozenset[str]] = field(init=False, repr=False)
    _id_prefix: str = field(init=False, repr=False)
    _ids: itertools.count[int] = field(init=False, factory=lambda: itertools.count(1), repr=False)
    # no lock: written by the fork handler in a process that has one thread
    forked: bool = field(init=False, default=False)
    # no lock: only ever set, `close_asked` first
    close_asked: tuple[int, str] | None = field(init=False, default=None)
    closing: bool = field(init=False, default=False)
    # set once, before start: for sessions that reconnect
    recovery: Recovery | None = field(init=False, default=None, repr=False)
    holder: Holder | None = field(init=False, default=None, repr=False)
    # no lock: SimpleQueue is reentrant, so finalizers and signal handlers may post
    posted: queue.SimpleQueue[Callable[[], object]] = field(init=False, factory=queue.SimpleQueue, repr=False)
    # guarded by lock
    observers: ObserverIndex = field(init=False, factory=ObserverIndex, repr=False)
    recent: Recent = field(init=False, factory=Recent, repr=False)
    number: int = field(init=False, default=0)
    generation: int = field(init=False, default=0)
    """How many connections were lost: what was meant for one of them is not for this one."""
    _bytes_before: tuple[int, int] = field(init=False, default=(0, 0))
    """Received and sent on connections before this one."""
    _sent_before: int = field(init=False, default=0)
    """Events sent on connections before this one."""
    _subscriptions_dropped: int = field(init=False, default=0)
    ended: ConnectionClosed | None = field(init=False, default=None)
    ended_quietly: bool = field(init=False, default=False)
    end_waiters: set[Waiter] = field(init=False, factory=set, repr=False)
    """Joined under the lock, left without it: leaving is one call of a built-in, which no interrupt can skip."""
    last_error: Any = field(init=False, default=None, repr=False)
    """The last error event that nobody claimed."""
    # each thread its own
    _local: _Position = field(init=False, factory=_Position, repr=False)

    def __attrs_post_init__(self) -> None:
        """Put the parts together; nothing runs yet."""
        number = next(_numbers)
        high, low = self.options.max_queue or (None, 0)
        self.client_fields = client_fields(self.api.registry)
        self._id_prefix = f"evt_{secrets.token_hex(6)}_"
        self.flow = Flow(wake=self._wake)
        self.mailbox = Mailbox(
            session_lock=self.lock,
            flow=self.flow,
            high_mark=high,
            low_mark=low,
            max_bytes=self.options.max_queue_bytes,
            counts_as_wait=False,
        )
        self.callbacks = Callbacks(
            number=number,
            lock=self.lock,
            flow=self.flow,
            mailbox=self.mailbox,
            observers=self.observers,
            max_bytes=self.options.max_queue_bytes,
            low_mark=low,
            post=self.post,
        )
        self.acknowledgements = Acknowledgements(self.api.rules)
        self.reader = Reader(self, f"rts-reader-{number}")
        self.api.bind(self)

    def reconnects_with(self, redial: Redial, resumption: Resumption) -> None:
        """Have a lost connection replaced. Before `start`."""
        ledger = Ledger(self.options.write_limit, redial.policy.reconnects)
        self.holder = Holder(self, ledger, resumption)
        self.recovery = Recovery(self, self.holder, redial, resumption)
        self.acknowledgements.notes_all = True

    def use_connection(self, connection: Connection) -> None:
        """Go on with a new connection. Reader thread; the old one is over."""
        with self.lock:
            received, sent = self._bytes_before
            self._bytes_before = (received + self.connection.bytes_received, sent + self.connection.bytes_sent)
            self._sent_before += self.connection.messages_sent
            self.connection = connection
        if self.closing:  # By somebody who may have closed the old one.
            self.close_connection()

    def taken_back_locked(self, count: int) -> None:
        """Note that as many events of this connection are yet to be sent: they are counted again then."""
        self._sent_before -= count

    def _wake(self) -> None:
        self.connection.wake()

    def start(self) -> None:
        """Start the reader. Handlers that must miss nothing are registered before."""
        _lifecycle.track(self)
        self.reader.thread.start()

    # -- state --------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise `ForkedError` in a child process. Comes before any lock: the fork may have copied a held one."""
        if self.forked:
            msg = "this session was opened before a fork, in the parent process; open a new one in this process"
            raise ForkedError(msg)

    @property
    def finished(self) -> bool:
        return self.ended is not None

    def closed_error(self) -> ConnectionClosed:
        """Make a fresh exception for the end of this connection: each thread that raises needs its own."""
        end = self.ended
        if end is None:
            msg = "the connection is being closed"
            return ClosedOK(msg, code=1000, closed_by="local")
        return self.error_of(end)

    def error_of(self, end: ConnectionClosed) -> ConnectionClosed:
        """Make a fresh exception for the end of a connection."""
        what: dict[str, Any] = {
            "code": end.code,
            "reason": end.reason,
            "closed_by": end.closed_by,
            "server_error": end.server_error,
        }
        error: ConnectionClosed
        if isinstance(end, ReconnectFailed):
            error = ReconnectFailed(
                end.message, unsent=end.unsent, unconfirmed=end.unconfirmed, attempts=end.attempts, **what
            )
        else:
            error = (ClosedOK if isinstance(end, ClosedOK) else ClosedError)(end.message, **what)
        error.__cause__ = end.__cause__
        return error

    def new_queue(self) -> EventQueue:
        """Make a queue for a turn, stream or subscription."""
        _, low = self.options.max_queue or (None, 0)
        return EventQueue(session_lock=self.lock, flow=self.flow, max_bytes=self.options.max_queue_bytes, low_mark=low)

    def open_queue_locked(self, queue: EventQueue) -> None:
        """Count a queue as a consumer: the reader may not pause while it is hungry."""
        self.flow.consumers.add(queue)
        self.mailbox.other_consumer_opened_locked()
        self.flow.resume_if_paused()
        if self.ended is not None:
            queue.end_locked(self.closed_error)

    def close_queue_locked(self, queue: EventQueue) -> None:
        """Stop counting a queue, keeping what it dropped in the statistics."""
        self.flow.consumers.discard(queue)
        self._subscriptions_dropped += queue.dropped
        queue.dropped = 0

    def remove_waiting_locked(self, unwanted: Callable[[Any], bool]) -> None:
        """Forget events that wait for any consumer and of which `unwanted` is true: nobody wants them any more."""
        for consumer in self.flow.consumers:
            if isinstance(consumer, EventQueue):
                consumer.remove_locked(unwanted)
        self.mailbox.remove_locked(unwanted)
        self.callbacks.remove_locked(unwanted)
        self.flow.resume_if_paused()

    def stats(self) -> Stats:
        """Take a snapshot of the counters."""
        with self.lock:
            dropped = self._subscriptions_dropped + sum(each.dropped for each in self.observers.queues())
            return Stats(
                events_received=self.number,
                events_sent=self._sent_before + self.connection.messages_sent,
                bytes_received=self._bytes_before[0] + self.connection.bytes_received,
                bytes_sent=self._bytes_before[1] + self.connection.bytes_sent,
                unknown_events=self.reader.unknown,
                undecodable_events=self.reader.undecodable,
                mailbox_events=len(self.mailbox),
                mailbox_bytes=self.mailbox.bytes,
                mailbox_dropped=self.mailbox.dropped,
                callbacks_waiting=sum(len(each) for each in self.callbacks.both),
                callbacks_dropped=sum(each.dropped for each in self.callbacks.both),
                callbacks_discarded=sum(each.discarded for each in self.callbacks.both),
                subscriptions_dropped=dropped,
                paused_seconds=self.flow.total_paused(),
                send_backlog_bytes=self.connection.backlog + (self.holder.ledger.bytes if self.holder else 0),
            )

    # -- sending ------------------------------------------------------------------------------------------------

    def new_event_id(self) -> str:
        """Return an id that this process never used before."""
        return f"{self._id_prefix}{next(self._ids)}"

    def complete(self, event: Any) -> dict[str, Any]:
        """Turn an event into a dict of its own, with a type and whatever else the API wants of every event.

        Raises:
            LocalProtocolError: it has no type, or a value that cannot be sent.
        """
        data = to_wire(event)
        self.api.complete(data)
        return data

    def send(
        self,
        data: Mapping[str, Any],
        *,
        deadline: Deadline | None = None,
        claim: object = None,
        pending: Pending | None = None,
    ) -> None:
        """Queue one completed event and write what the kernel takes. `pending`: what waits for its answer, if anything.

        Its place in the outgoing order, its registration for an answer and the calling thread's position for
        `wait_for` are taken in one step under the lock.

        Raises:
            SendTimeout: the peer took no data for `send_timeout`, or the deadline passed; nothing was queued.
            ConnectionClosed: the connection is closed or closing.
        """
        self.check()
        outgoing = self.connection.prepare_encoded(json.write(data))
        if pending is None:
            pending = self.acknowledgements.make(data, waited_for=False)
        held = Held(data, outgoing, claim, pending)
        try:
            while True:
                with self.lock:
                    position = self.number
                    if self.ended is not None:
                        raise self.closed_error()  # noqa: TRY301  # explained below, as what the connection raises
                    if self.queue_locked(held) if self.holder is None else self.holder.offer_locked(held):
                        break
                self._wait_admission(deadline)
            self._local.position = position
            self.connection.pump()
        except ConnectionClosed as error:
            park_at_exit()
            raise self._explained(error) from error.__cause__
        except BaseException:
            self.connection.wake()  # The reader writes what an interrupt left queued.
            raise

    def _explained(self, error: ConnectionClosed) -> ConnectionClosed:
        """Add what the server said before it closed: the connection may know of the close before the reader has routed.

        Waits for the reader, which ends when the peer lets go or `close_timeout` is over.
        """
        if error.closed_by == "local" or not self.wait_end(Deadline(self.options.close_timeout + CLOSE_MARGIN)):
            return error
        return self.closed_error()

    def queue_locked(self, held: Held) -> bool:
        """Register an event and queue it on the connection, as one step; return whether there was room."""
        queued_before = self.connection.messages_sent
        try:
            if held.pending is not None:
                self.acknowledgements.place(held.pending)
            if self.connection.offer(held.outgoing):
                self._note_queued_locked(held, queued_before)
                return True
        except BaseException:
            # An interrupt may have come before or after the queueing. Everything is queued under this lock, so that
            # the connection's count tells which.
            if self.connection.messages_sent == queued_before:
                if held.pending is not None:
                    self.acknowledgements.forget(held.pending)
            elif self.holder is not None and not self.holder.ledger.knows_locked(held):
                self._note_queued_locked(held, queued_before)
            else:
                self.api.interrupted_locked(held.data, held.claim)
            raise
        if held.pending is not None:
            self.acknowledgements.forget(held.pending)
        return False

    def _note_queued_locked(self, held: Held, queued_before: int) -> None:
        if self.holder is not None:
            self.holder.ledger.queued_locked(held, queued_before, self.connection.messages_written)
        self.api.sent_locked(held.data, held.claim)

    def _wait_admission(self, deadline: Deadline | None) -> None:
        token = object()
        try:
            self.flow.begin_wait(token)
            if self.holder is not None:
                self.holder.wait_for_room(deadline)
            else:
                self.connection.wait_admission(deadline.remaining() if deadline else None)
        finally:
            self.flow.waits.discard(token)

    def request(self, event: Any, deadline: Deadline, *, claim: object = None) -> Any:
        """Send an event and return the event that acknowledges it.

        Raises:
            LocalProtocolError: events of this type are never acknowledged.
            ServerError: an error names this event.
            AcknowledgementUnknown: answers can no longer be told apart.
            RequestTimeout: no answer in time; ``__cause__`` is an error of the server that named no event and may
                have been the answer, if there was one.
        """
        data = self.complete(event)
        pending = self.acknowledgements.make(data, waited_for=True)
        waiter = pending.waiter if pending is not None else None
        if pending is None or waiter is None:
            msg = f"the server does not acknowledge {data['type']}: use send()"
            raise LocalProtocolError(msg)
        try:
            self.send(data, deadline=deadline, claim=claim, pending=pending)
            self.flow.begin_wait(waiter)
            waiter.wait(deadline.remaining())
        except SendTimeout as error:
            if not deadline.passed():
                raise
            msg = f"{data['type']} could not be sent in time: the server takes no data; nothing was sent"
            raise RequestTimeout(msg, replay_safe=True) from error
        finally:
            # From here on it swallows its answer. First, and by an assignment, so that no interrupt can skip it.
            pending.waited_for = False
            try:
                self.flow.waits.discard(waiter)
            finally:
                withdrawn = self._withdraw(pending)
        if not pending.done:
            if withdrawn:
                msg = f"the connection was lost and did not come back in time; {data['type']} was not sent"
                raise RequestTimeout(msg, replay_safe=True)
            cause = server_error(pending.suspect) if pending.suspect is not None else None
            hint = f", but an error that names no event came meanwhile: {cause}" if cause is not None else ""
            msg = f"no answer to {data['type']} ({pending.event_id}) in time; its outcome is not known{hint}"
            raise RequestTimeout(msg) from cause
        if pending.error is not None:
            raise pending.error
        return pending.answer

    def _withdraw(self, pending: Pending) -> bool:
        """Take a request back if it still waits for a connection; return whether it did."""
        if self.holder is None:
            return False
        with self.lock:
            return self.holder.ledger.withdraw_locked(pending.event_id)

    def submit(self, data: dict[str, Any], claim: object = None) -> None:
        """Have the reader send an event as soon as there is room. Any thread, also under the lock; never blocks.

        `claim`: for the API, as in `send`.
        """
        generation = self.generation

        def submit() -> None:
            if generation == self.generation:  # Otherwise it is about a session that is lost.
                self.reader.unsent.append((data, claim))

        self.post(submit)

    def post(self, action: Callable[[], object]) -> None:
        """Have the reader do something soon. Takes no lock: finalizers and signal handlers may call it."""
        self.posted.put(action)
        self.connection.wake()

    def post_locked(self, action: Callable[..., object], *arguments: Any) -> None:
        """Have the reader do something under the lock soon, unless this is a forked child.

        For finalizers, which may run on a thread that holds the lock.
        """

        def act() -> None:
            with self.lock:
                action(*arguments)

        if not self.forked:
            self.post(act)

    # -- looking back -------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The number of the event up to which the calling thread has no interest in the past."""
        return self._local.position

    def seen(self, number: int) -> None:
        """Note that the calling thread was given event `number`."""
        local = self._local
        local.position = max(local.position, number)

    def since_locked(self, position: int) -> list[Entry]:
        """Return the recent events after a position.

        Raises:
            LocalProtocolError: some have left the ring.
        """
        entries = self.recent.since(position)
        if entries is None:
            msg = "too many events have come since this thread last sent to look back: subscribe() before you send"
            raise LocalProtocolError(msg)
        return entries

    # -- callbacks ----------------------------------------------------------------------------------------------

    def unregister(self, registration: Registration) -> None:
        """Call this callback no more."""
        self.check()
        self.callbacks.unregister(registration)

    # -- closing ------------------------------------------------------------------------------------------------

    def wait_end(self, deadline: Deadline) -> bool:
        """Wait until the connection is over; return False at the deadline."""
        while self.ended is None:
            waiter = Waiter()
            try:
                with self.lock:
                    if self.ended is not None:
                        break
                    if deadline.passed():
                        return False
                    self.end_waiters.add(waiter)
                self.flow.begin_wait(waiter)
                waiter.wait(deadline.remaining())
            finally:
                try:
                    self.flow.waits.discard(waiter)
                finally:
                    self.end_waiters.discard(waiter)
        return True

    def start_close(self, code: int, reason: str) -> None:
        """Ask for the close without waiting. Takes no lock: finalizers and signal handlers may call it."""
        self.connection.start_close(code, reason)
        if self.close_asked is None:
            self.close_asked = (code, reason)
        self.closing = True
        if self.recovery is not None:
            self.post(self.close_connection)  # The reader may just have another one, or be waiting for it.
            self.recovery.interrupt()

    def close_connection(self) -> None:
        """Close the connection of the moment as this side was asked to."""
        self.connection.start_close(*(self.close_asked or (1000, "")))

    def close(self, code: int, reason: str) -> None:
        """Close, waiting at most `close_timeout` (and a moment) for everything together.

        Takes no lock, so that a signal handler may call it on top of anything.
        """
        if self.forked:
            return
        self.start_close(code, reason)
        me = threading.current_thread()
        deadline = Deadline(self.options.close_timeout + CLOSE_MARGIN)
        token = object()
        try:
            self.flow.begin_wait(token)
            left = []
            if self.recovery is not None and self.recovery.in_user_code:
                self.reader.finish(self.recovery.closed())  # The reader finds the session over, whenever that is.
            else:
                left += self._join((self.reader.thread,), deadline)
            # Looked up only now: the reader may have started one for the "close" handlers.
            both = self.callbacks.both
            if me not in (self.reader.thread, *(each.thread for each in both)):
                left += self._join([each.thread for each in both if not each.is_dispatching_here()], deadline)
        finally:
            self.flow.waits.discard(token)
        if left:
            logger.warning("close() left %s running: it is inside a callback or a system call", ", ".join(left))

    @staticmethod
    def _join(threads: Sequence[threading.Thread | None], deadline: Deadline) -> list[str]:
        """Join threads and return the names of those that do not end in time."""
        left = []
        for thread in threads:
            if thread is not None and thread is not threading.current_thread() and thread.is_alive():
                thread.join(deadline.remaining())
                left += [thread.name] if thread.is_alive() else []
        return left
