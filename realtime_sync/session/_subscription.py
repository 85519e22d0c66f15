"""A consumer of its own: every event that matches, from the moment of subscribing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from attrs import define, field

from realtime_sync.errors import ConnectionClosed, LocalProtocolError, ReceiveTimeout
from realtime_sync.session._context import ClosesOnExit
from realtime_sync.session._core import Core
from realtime_sync.session._observers import Pattern
from realtime_sync.session._queue import Empty, EventQueue
from realtime_sync.transport import Deadline

__all__ = ["Subscription"]

E = TypeVar("E")


@define(eq=False)
class Subscription(ClosesOnExit, Generic[E]):
    """Events whose names match, without taking them away from `receive()`.

    A context manager and an iterator. Dropped without `close`, it closes itself.

    Threads: any, any number at once; each event goes to one of them.
    """

    _core: Core = field(repr=False)
    names: tuple[str, ...]
    _since: int | None = field(default=None, repr=False, kw_only=True)
    """Begin with the recent events after this number, and do not count as a consumer: for `wait_for`."""
    _queue: EventQueue = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Begin: the subscription is active when the constructor returns."""
        core = self._core
        core.check()
        self._queue = core.new_queue()
        patterns = tuple(Pattern(name) for name in self.names)
        with core.lock:
            if self._since is None:
                core.open_queue_locked(self._queue)
            else:
                self._look_back_locked(self._since, patterns)
            core.observers.add_queue(patterns, self._queue)

    def _look_back_locked(self, since: int, patterns: tuple[Pattern, ...]) -> None:
        core = self._core
        for entry in core.since_locked(since):
            names = (entry[1].type, entry[1].wire_type)
            if any(pattern.matches(name) for pattern in patterns for name in names):
                self._queue.put_locked(entry)
        if core.ended is not None:
            self._queue.end_locked(core.closed_error)

    def take(self, deadline: Deadline) -> tuple[int, E]:
        """Return the number of the next matching event, and the event. Raises as `EventQueue.take` does."""
        number, event, _ = self._queue.take(deadline)
        return number, event

    def get(self, timeout: float | None = None) -> E:
        """Return the next matching event.

        Args:
            timeout: seconds (None: no limit, 0: only what has arrived).

        Raises:
            ReceiveTimeout: none came in time.
            SlowConsumer: this subscription fell behind; it is over.
            ConnectionClosed: the connection ended, and everything before was handed out.
            LocalProtocolError: the subscription was closed.
        """
        self._core.check()
        try:
            entry = self._queue.take(Deadline(timeout))
        except Empty:
            msg = f"no {' or '.join(self.names)} within {timeout} s"
            raise ReceiveTimeout(msg) from None
        except StopIteration:
            msg = "this subscription was closed"
            raise LocalProtocolError(msg) from None
        event: E = entry[1]
        return event

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        """Return the next matching event; stop when the session or the subscription was closed in order."""
        self._core.check()
        try:
            event: E = self._queue.take(Deadline(None))[1]
        except ConnectionClosed:
            if self._core.ended_quietly:
                raise StopIteration from None
            raise
        return event

    def close(self) -> None:
        """Stop. What has not been read is forgotten. Any thread, any number of times."""
        core = self._core
        if core.forked:
            return
        with core.lock:
            _close_locked(core, self._queue)

    def __del__(self) -> None:
        """Close on the reader."""
        queue = getattr(self, "_queue", None)
        if queue is not None and not queue.ended:
            self._core.post_locked(_close_locked, self._core, queue)


def _close_locked(core: Core, queue: EventQueue) -> None:
    core.observers.remove_queue(queue)
    core.close_queue_locked(queue)
    queue.clear_locked()
    queue.end_locked(lambda: None)
