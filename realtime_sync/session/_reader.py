"""The reader thread of a session: from messages on the connection to entries on the queues."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field

from realtime_sync.errors import ClosedError, ClosedOK, ConnectionClosed
from realtime_sync.session._acknowledgements import error_fields
from realtime_sync.session._api import DISCARD, DROP
from realtime_sync.session._local_events import Closed
from realtime_sync.session._observers import Matches
from realtime_sync.session._queue import Entry, EventQueue
from realtime_sync.session._quoting import QUOTING, without_secrets
from realtime_sync.types import UndecodableEvent, UnknownEvent
from realtime_sync.wire import event_decoder, json

if TYPE_CHECKING:
    from realtime_sync.session._core import Core

__all__ = ["Reader"]

logger = logging.getLogger("realtime_sync")

NORMAL_CLOSE = 1000
TICK_SECONDS = 5.0
UNSENT_SECONDS = 0.05
PAUSE_LOG_SECONDS = 10.0
MAX_LOGGED_TYPES = 256
BATCH = 128
"""Events routed per hold of the lock, so that a consumer never waits long for it."""


@define(eq=False)
class Reader:
    """Everything that only rts-reader-N does: read, decode, route, and end the session.

    Threads: the reader runs every method; others may read the counters.
    Locks: the session's lock is taken to route, never held while reading, decoding, logging or sending.
    """

    _core: Core
    name: str
    thread: threading.Thread = field(init=False)
    unsent: deque[tuple[dict[str, Any], object]] = field(init=False, factory=deque)
    """Events of the library's own, with their claims, waiting for room in the outgoing queue."""
    unknown: int = field(init=False, default=0)
    undecodable: int = field(init=False, default=0)
    _decode: Callable[[str | bytes], Any] = field(init=False)
    _special: frozenset[str] = field(init=False)
    """Event types that more than the mailbox cares about at any time."""
    _effects: list[Callable[[], object]] = field(init=False, factory=list)
    """What routing decided under the lock and is done after it."""
    _logged_types: set[str] = field(init=False, factory=set)
    _has_unsent: bool = field(init=False, default=False)
    _next_tick: float = field(init=False, default=0.0)
    _pause_logged: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Make the thread; the session starts it."""
        core = self._core
        self._decode = event_decoder(core.api.registry)
        self._special = core.api.tracked.union(core.acknowledgements.answer_types, {"error"})
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def _run(self) -> None:
        core = self._core
        end: ConnectionClosed
        try:
            core.callbacks.open()
            while True:
                end = self._serve()
                final = end if core.recovery is None else core.recovery.replace(end)
                if final is not None:
                    end = final
                    break
        except BaseException as error:  # The reader never dies silently: whatever it was becomes the cause of the end.
            logger.exception("the reader failed; this is a bug in realtime_sync")
            end = ClosedError(f"the reader failed: {error!r}", code=1006, closed_by="lost")
            end.__cause__ = error
            core.connection.abort()
        self.attend()
        self.finish(end)
        self.attend()  # A callback registered just now still hears of the end.
        core.callbacks.tend()

    def _serve(self) -> ConnectionClosed:
        """Read until the connection is over; return what ended it."""
        core = self._core
        try:
            with core.connection.lease() as lease:
                while True:
                    paused = self._prepare()
                    # Nothing announces that there is room again for what could not be sent, so look for it.
                    timeout = UNSENT_SECONDS if self._has_unsent else TICK_SECONDS
                    self.take_in(lease.service(timeout, read=not paused))
        except ConnectionClosed as error:
            return error

    def attend(self) -> None:
        """Do what was posted."""
        posted = self._core.posted
        while not posted.empty():
            posted.get()()

    def _prepare(self) -> bool:
        """Do what was posted and what is due, decide whether to pause; return that."""
        core = self._core
        self.attend()
        self._has_unsent = self._send_waiting() if self.unsent or core.holder is not None else False
        if (now := time.monotonic()) >= self._next_tick:
            self._next_tick = now + TICK_SECONDS
            self._tick(now)
        if not core.flow.paused and core.mailbox.high_mark is not None and len(core.mailbox) < core.mailbox.high_mark:
            return False
        with core.lock:
            return core.flow.update_locked(core.mailbox.is_full)

    def _send_waiting(self) -> bool:
        """Send what waits for room, or for this connection; return whether some of it still does."""
        core = self._core
        if core.holder is not None and core.holder.ledger.holding:
            with core.lock:
                done = core.holder.release_locked()
            core.connection.pump()
            if not done:
                return True
        while self.unsent and self._send(*self.unsent[0]):
            self.unsent.popleft()
        return bool(self.unsent)

    def _send(self, data: dict[str, Any], claim: object) -> bool:
        core = self._core
        with core.lock:
            try:
                if not core.connection.offer(core.connection.prepare_encoded(json.write(data))):
                    return False
            except ConnectionClosed:
                return True  # The end is on its way to everybody who cares.
            core.acknowledgements.register(data, waited_for=False)
            core.api.sent_locked(data, claim)
        core.connection.pump()
        return True

    def _tick(self, now: float) -> None:
        core = self._core
        with core.lock:
            core.api.tick_locked()
        core.callbacks.tend()
        core.callbacks.warn_of_slow()
        since = core.flow.paused_since
        if since is not None and now - since > PAUSE_LOG_SECONDS and not self._pause_logged:
            self._pause_logged = True
            logger.warning(
                "reading is paused: %d events wait in the mailbox and nobody receives them", len(core.mailbox)
            )

    def take_in(self, messages: Sequence[str | bytes]) -> None:
        """Decode messages and route them, letting others have the lock now and then."""
        if len(messages) > BATCH:
            for start in range(0, len(messages), BATCH):
                self.take_in(messages[start : start + BATCH])
            return
        if not messages:
            return
        core = self._core
        decode = self._decode
        number = core.number
        size = 0
        entries: list[Entry] = []
        kinds: set[str] = set()
        for message in messages:
            event = decode(message)
            kind = event.type
            kinds.add(kind)
            if kind in QUOTING:
                text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                event = without_secrets(event, text, core.connection.redact, decode)
            number += 1
            length = len(message)
            size += length
            entries.append((number, event, length))
            if event.__class__ is UnknownEvent or event.__class__ is UndecodableEvent:
                self._count_unknown(event)
        wakes: list[Callable[[], None]] = []
        try:
            with core.lock:
                core.flow.wakes = wakes
                try:
                    core.number = number
                    core.recent.extend(entries, size)
                    self._route_all_locked(entries, kinds, size)
                finally:
                    core.flow.wakes = None
        finally:
            for wake in wakes:  # Not before, or they would only wait for the lock.
                wake()
        while self._effects:
            self._effects.pop(0)()

    def _route_all_locked(self, entries: list[Entry], kinds: set[str], size: int) -> None:
        """Route a batch: at once to the mailbox while nobody else can want it, else one by one."""
        core, api = self._core, self._core.api
        if core.observers.empty and self._special.isdisjoint(kinds) and not api.has_routes_locked():
            core.mailbox.extend_locked(entries, size)
            if not api.counted.isdisjoint(kinds):
                api.count_locked(entries)
            return
        for entry in entries:
            self._route_locked(entry)

    def _route_locked(self, entry: Entry) -> None:
        core = self._core
        event = entry[1]
        owner = core.api.owner_locked(entry)
        if owner is DROP:
            return
        observers = core.observers
        matches = None if observers.empty else observers.of(event.type, event.wire_type)
        if owner is None:
            core.mailbox.put_locked(entry)
        elif isinstance(owner, EventQueue):
            owner.put_locked(entry)
        if matches is not None:
            for each in matches.queues:
                each.put_locked(entry)
            if matches.registrations:
                core.callbacks.dispatch_locked(event, observers.claim(matches.registrations), entry[2])
        if event.type not in self._special:
            return
        if event.type in core.acknowledgements.answer_types:
            core.acknowledgements.answered(event)
        elif event.type == "error":
            self._route_error_locked(event, owner, matches)

    def _route_error_locked(self, event: Any, owner: object, matches: Matches | None) -> None:
        core = self._core
        event_id = core.api.refused_event_id(event)
        if event_id is None:
            core.acknowledgements.unattributed_error(event)
            claimed = owner is not None
        else:
            # Asked in any case: a turn may own the event and the order still has to forget it.
            claimed = core.acknowledgements.refused(event_id, event) or owner is not None
        if claimed or owner is DISCARD:
            return
        core.last_error = event
        if matches is None and not core.mailbox.attended:
            level = logging.DEBUG if core.api.is_harmless(event) else logging.WARNING
            self._effects.append(
                lambda: logger.log(level, "error event that nobody handles: %s", _describe_error(event))
            )

    def _count_unknown(self, event: UnknownEvent | UndecodableEvent) -> None:
        if isinstance(event, UndecodableEvent):
            self.undecodable += 1
        else:
            self.unknown += 1
        name = str(event.type)
        if name in self._logged_types or len(self._logged_types) >= MAX_LOGGED_TYPES:
            return
        self._logged_types.add(name)
        level = logging.INFO if event.error is None else logging.WARNING
        logger.log(level, "received %s %r: %s", type(event).__name__, name, event.error or "no class for it here")

    def finish(self, end: ConnectionClosed) -> None:
        """End the session; only the first end counts. The reader, or whoever closes while it is in a user's hook."""
        core = self._core
        local = end.closed_by == "local"
        with core.lock:
            if core.ended is not None:
                return
            end.server_error = end.server_error or core.last_error
            normal = isinstance(end, ClosedOK) and end.code == NORMAL_CLOSE and not core.api.has_open_calls_locked()
            core.ended_quietly = local or normal
            core.ended = end
            core.flow.end_locked()
            core.api.ended_locked()
            core.acknowledgements.end(core.closed_error)
            core.mailbox.end_locked(core.closed_error)
            for consumer in core.flow.consumers:
                if isinstance(consumer, EventQueue):
                    consumer.end_locked(core.closed_error)
            for queue in core.observers.queues():
                queue.end_locked(core.closed_error)
            core.callbacks.finish_locked(Closed(code=end.code, reason=end.reason, error=end), discard=local)
            if core.holder is not None:
                core.holder.end_locked()
            for waiter in tuple(core.end_waiters):
                waiter.wake()


def _describe_error(event: Any) -> str:
    fields = error_fields(event)
    return f"{fields.get('code')}: {fields.get('message')}" if fields else repr(event)
