"""Where a conversation's requests go: to a connection of its own, to one that it was given, or over HTTP."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from attrs import define, field

from realtime_sync.errors import ForkedError
from realtime_sync.responses._delta import Anchor
from realtime_sync.session import Deadline
from realtime_sync.types.responses import Response

__all__ = ["Exchange", "Link", "Route"]

ROTATE_AFTER = 55 * 60.0
"""Seconds after which a connection takes no new request: the API ends it after 60 minutes (API guide, checked
November 2026)."""


class Exchange(Protocol):
    """One request and its events, by whatever way."""

    def __iter__(self) -> Iterator[Any]: ...

    def __next__(self) -> Any: ...

    def response(self) -> Response:
        """Wait for the end, and return the response; raises for one that failed."""
        ...

    def close(self) -> None:
        """Leave; what still comes is of no interest."""
        ...


class Route(Protocol):
    """What takes requests: a connection, a lane, a pool."""

    @property
    def is_usable(self) -> bool:
        """Whether it takes requests."""
        ...

    @property
    def in_flight(self) -> int:
        """How many requests it has that have not ended."""
        ...

    def stream(self, body: Mapping[str, Any], timeout: float | None, *, fork: bool) -> Exchange:
        """Send a request.

        Args:
            body: its fields.
            timeout: seconds in all, up to the last event; None: no limit.
            fork: another request may go on from the same response later.
        """
        ...

    def holds(self, response_id: str) -> bool:
        """Tell whether the server is believed to remember a response that it does not store."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


@define(eq=False, kw_only=True)
class Link:
    """The way to the server, shared by a conversation and its forks.

    Threads: any. `_lock` guards what is below it; it is never held while dialling, sending or closing.

    Attributes:
        fallback: "http", or None.
    """

    _via: Route | None = None
    _dial: Callable[[float | None], Route]
    """Makes a connection within that many seconds."""
    _http: Callable[[Mapping[str, Any], float | None], Exchange]
    """Sends a request over HTTP, as `Route.stream`."""
    fallback: str | None = None
    _pid: int = field(init=False, factory=os.getpid)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _own: Route | None = field(init=False, default=None)
    _dialled_at: float = field(init=False, default=0.0)
    _retired: list[Route] = field(init=False, factory=list)
    _users: int = field(init=False, default=1)
    _over_http: bool = field(init=False, default=False)

    @property
    def over_http(self) -> bool:
        """Whether requests go over HTTP from now on."""
        return self._over_http

    def holds(self, anchor: Anchor) -> bool:
        """Tell whether a request may name this response."""
        if anchor.stored:
            return True
        route = self._via if self._via is not None else self._own
        return not self._over_http and route is not None and route.is_usable and route.holds(anchor.response_id)

    def prepare(self, deadline: Deadline) -> Route | None:
        """Return what takes the next request, dialling if need be; None: HTTP.

        Raises:
            ConnectError: no connection came about.
            ForkedError: this was made in the parent process.
        """
        if self._pid != os.getpid():
            msg = "this conversation was made before a fork, in the parent process; make a new one with its to_dict()"
            raise ForkedError(msg)
        if self._over_http:
            return None
        if self._via is not None:
            return self._via
        with self._lock:
            route, age = self._own, time.monotonic() - self._dialled_at
        if route is not None and route.is_usable and age < ROTATE_AFTER:
            return route
        return self._dialled(route, deadline)

    def _dialled(self, old: Route | None, deadline: Deadline) -> Route:
        made = self._dial(deadline.remaining())
        try:
            with self._lock:
                used = made
                if self._own is not old and self._own is not None and self._own.is_usable:
                    used = self._own  # A fork was faster.
                elif self._users:
                    self._own, self._dialled_at = made, time.monotonic()
                kept = self._own
                self._retired += [each for each in (made, old) if each is not None and each is not kept]
            self._sweep()
        except BaseException:  # An interrupt.
            if self._own is not made:
                made.close()
            raise
        return used

    def _sweep(self) -> None:
        """Close the connections that nothing goes to any more, except where a fork still has something running."""
        with self._lock:
            idle = [each for each in self._retired if not self._users or not each.in_flight]
            self._retired = [each for each in self._retired if each not in idle]
        for each in idle:
            each.close()

    def send(self, route: Route | None, body: Mapping[str, Any], deadline: Deadline, *, fork: bool) -> Exchange:
        """Send a request over what `prepare` returned; its events are to be read from what is returned."""
        if route is None:
            return self._http(body, deadline.remaining())
        return route.stream(body, deadline.remaining(), fork=fork)

    def replace(self, route: Route | None) -> bool:
        """Have the next request go to a new connection; False: this one was given, and there can be no other."""
        if self._via is not None or route is None:
            return getattr(self._via, "has_others", False)  # A pool finds another one by itself.
        with self._lock:
            if self._own is route:
                self._own = None
                self._retired.append(route)
        self._sweep()
        return True

    def go_over_http(self) -> None:
        """Have all requests from now on go over HTTP."""
        self._over_http = True

    def share(self) -> Link:
        """Return this link for another conversation, which closes it too."""
        with self._lock:
            self._users += 1
        return self

    def close(self) -> None:
        """Let go; the last conversation to do so closes a connection of their own."""
        with self._lock:
            self._users -= 1
            if not self._users and self._own is not None:
                self._retired.append(self._own)
                self._own = None
        self._sweep()
