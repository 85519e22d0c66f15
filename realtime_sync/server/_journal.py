"""What clients sent, for tests to look at and to wait for."""

from __future__ import annotations

import collections
import threading
from typing import Any

from attrs import define, field, frozen

from realtime_sync.errors import ConnectionClosed, ReceiveTimeout

__all__ = ["Handshake", "Journal", "ReceivedEvent"]

_MAX_EVENTS = 100_000
_MAX_BYTES = 64 * 2**20


class ReceivedEvent(dict[str, Any]):
    """One event as a client sent it: a dict, with `connection`, the index of the WebSocket it came on (0 is the first).

    A message that is no JSON object has the one key ``raw``.
    """

    def __init__(self, event: dict[str, Any], connection: int) -> None:
        super().__init__(event)
        self.connection = connection


@frozen(kw_only=True)
class Handshake:
    """The request that opened a WebSocket."""

    connection: int
    """Index of the WebSocket, as in `ReceivedEvent.connection`."""
    path: str
    """Path and query as the client sent them."""
    headers: dict[str, str] = field(repr=False)
    """Names in lower case. They may hold a key, so they are kept out of the repr."""
    subprotocol: str | None = None
    """What was agreed on."""


@define(eq=False)
class _Waiter:
    """One thread in `Journal.wait`: it sleeps on its own lock, which is released once."""

    type: str
    lock: threading.Lock = field(factory=threading.Lock, repr=False)
    remaining: int = 1
    found: ReceivedEvent | None = None

    def __attrs_post_init__(self) -> None:
        self.lock.acquire()


@define(eq=False)
class Journal:
    """The newest events of all clients, in the order in which the server took them up.

    Threads: connection threads: record. Any thread: events, wait, close.
    Locks: _lock guards every field; nothing blocks while it is held.
    Bounds: 100,000 events and 64 MiB of text; the oldest go first.
    """

    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _events: collections.deque[tuple[int, ReceivedEvent]] = field(init=False, factory=collections.deque, repr=False)
    _bytes: int = field(init=False, default=0)
    _waiters: list[_Waiter] = field(init=False, factory=list, repr=False)
    _closed: bool = field(init=False, default=False)

    def record(self, event: ReceivedEvent, size: int) -> None:
        """Append an event that was `size` bytes on the wire, and wake who waits for it."""
        with self._lock:
            self._events.append((size, event))
            self._bytes += size
            while len(self._events) > _MAX_EVENTS or (self._bytes > _MAX_BYTES and len(self._events) > 1):
                self._bytes -= self._events.popleft()[0]
            for waiter in tuple(self._waiters):
                if waiter.type == event.get("type"):
                    waiter.remaining -= 1
                    if waiter.remaining == 0:
                        waiter.found = event
                        self._waiters.remove(waiter)
                        waiter.lock.release()

    def events(self) -> list[ReceivedEvent]:
        """Return a copy of what is held."""
        with self._lock:
            return [event for _, event in self._events]

    def wait(self, kind: str, timeout: float | None, nth: int) -> ReceivedEvent:
        """Return the `nth` event of type `kind`, waiting `timeout` seconds for it (None: no limit, 0: do not wait).

        Ends when the event arrives, when the time is over, or when `close` is called.

        Raises:
            ReceiveTimeout: it did not arrive in time.
            ConnectionClosed: the server was closed first.
        """
        waiter = _Waiter(kind)
        with self._lock:
            found = [event for _, event in self._events if event.get("type") == kind]
            if len(found) >= nth:
                return found[nth - 1]
            waiter.remaining = nth - len(found)
            if self._closed:
                waiter.lock.release()
            else:
                self._waiters.append(waiter)
        try:
            # The wait lies outside the state lock: `record` needs that one.
            waiter.lock.acquire(timeout=-1 if timeout is None else timeout)
        finally:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                closed = self._closed
        if waiter.found is not None:
            return waiter.found
        if closed:
            msg = f"the local server was closed before event {nth} of type {kind!r} arrived"
            raise ConnectionClosed(msg, code=1001, closed_by="local")
        msg = f"no event {nth} of type {kind!r} arrived within {timeout} s; {nth - waiter.remaining} did"
        raise ReceiveTimeout(msg)

    def close(self) -> None:
        """Wake everybody who waits. What was recorded stays readable."""
        with self._lock:
            self._closed = True
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.lock.release()
