"""Waiting for readiness of a few descriptors, with `select.poll` where there is one.

The select module's attributes are looked up at every use, so that monkey patching (gevent) takes effect
whenever it happens.
"""

from __future__ import annotations

import contextlib
import math
import select
import time
from typing import final

from realtime_sync.transport._deadline import Deadline

__all__ = ["BROKEN", "READ", "WRITE", "Poller", "wait_for"]

READ = 1
"""There is something to read, or the end of it."""
WRITE = 4
"""The kernel takes bytes."""
BROKEN = 8 | 16 | 32
"""Error, hang-up, or not an open descriptor: reported whether asked for or not."""

_LONGEST = 86400.0
"""Seconds of one wait; poll counts milliseconds in a C int."""
_SLICE = 0.25
"""Seconds of one `select.select`: on Windows it does not notice Ctrl-C before it returns."""


@final
class Poller:
    """Wait for any of a few descriptors. For one thread at a time."""

    __slots__ = ("_poll", "_watched")

    def __init__(self) -> None:
        self._watched: dict[int, int] = {}
        self._poll = select.poll() if hasattr(select, "poll") else None

    def watch(self, fd: int, events: int | None) -> None:
        """Wait for `events` (0: only errors and hang-up) of `fd` from now on; None forgets it."""
        if events is not None:
            self._watched[fd] = events
            if self._poll is not None:
                self._poll.register(fd, events)
            return
        self._watched.pop(fd, None)
        if self._poll is not None:
            with contextlib.suppress(KeyError):  # An interrupt came behind it the last time.
                self._poll.unregister(fd)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Return (descriptor, events) of what is ready, [] after `timeout` seconds (None: no limit) at the latest."""
        if self._poll is None:
            return self._select(timeout)
        return self._poll.poll(None if timeout is None else math.ceil(min(timeout, _LONGEST) * 1000))

    def _select(self, timeout: float | None) -> list[tuple[int, int]]:
        readers = [fd for fd, events in self._watched.items() if events & READ]
        writers = [fd for fd, events in self._watched.items() if events & WRITE]
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            readable, writable, failed = select.select(readers, writers, list(self._watched), max(0, min(left, _SLICE)))
            if readable or writable or failed or left <= 0:
                break
        ready: dict[int, int] = {}
        for fds, event in ((readable, READ), (writable, WRITE), (failed, 8)):
            for fd in fds:
                ready[fd] = ready.get(fd, 0) | event
        return list(ready.items())


def wait_for(fd: int, events: int, deadline: Deadline) -> bool:
    """Wait until one descriptor is ready; return False when the deadline came first."""
    poller = Poller()
    poller.watch(fd, events)
    if deadline.waker is not None:
        poller.watch(deadline.waker.fd, READ)
    ready = poller.wait(deadline.remaining())
    return any(found == fd for found, _ in ready)
