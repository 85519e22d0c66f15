"""Sends HTTP requests to servers: many threads, each request on a connection of its own while it runs."""

from __future__ import annotations

import functools
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import LocalProtocolError
from realtime_sync.http._carriers import Carrier, OnUsersSession, OwnLine, UsersSession
from realtime_sync.http._exchange import Answer, HttpRequest
from realtime_sync.http._line import Line
from realtime_sync.transport import Deadline, Request, forks

if TYPE_CHECKING:
    import requests

__all__ = ["HttpClient"]

_MAX_IDLE: Final = 16
"""Connections that are kept for the next request."""
_IDLE_SECONDS: Final = 60.0
"""How long they are kept: many servers and proxies close sooner or later, some without saying so."""


@final
class HttpClient:
    """Makes single attempts; whoever calls decides about others.

    Threads: any, signal handlers too. No lock: every field changes by single built-in operations, and whoever adds to
    `_running` or `_idle` looks at `_closed` afterwards, which `close` sets before it looks at either.

    Args:
        options: how connections are made: `open_timeout`, proxy, TLS, `max_size`, headers…
        session: the user's own session of `requests`, used instead of ours; `options` then say nothing about proxies
            and TLS. It stays the user's: `close` leaves it open.
    """

    def __init__(self, options: ConnectionOptions, session: requests.Session | None = None) -> None:
        self._options = options
        self._shared = None if session is None else UsersSession(session)
        self._running: dict[int, weakref.ref[Answer]] = {}
        self._idle: dict[str, deque[Line]] = {}
        self._forks = forks.count
        self._closed = False

    def open(self, message: HttpRequest, deadline: Deadline) -> Answer:
        """Send a request, and return the answer, of which only the head has come.

        Raises:
            ConfigurationError: something in it cannot work, or would send credentials in the clear.
            ConnectError: no connection came about; nothing was sent.
            StatusError: the status is no success.
            RequestTimeout: the deadline passed.
            ClosedError: the connection was lost before the answer.
            RemoteProtocolError: what answers is no HTTP.
            ClosedOK: this object was closed meanwhile.
            LocalProtocolError: it was closed before.
        """
        self._check_process()
        self.check_open()
        request = Request.build_http(message.url, self._options, message.headers)
        own = Deadline.cancellable(deadline.seconds)
        own.at = deadline.at
        answer = Answer(message.what, request, self._carrier(request, message.url), own, self._over)
        try:
            # Leaves with the answer at the latest, by built-ins alone: an interrupt may keep it from `_over`.
            self._running[id(answer)] = weakref.ref(answer, functools.partial(self._running.pop, id(answer)))
            if self._closed:
                answer.cancel()
            answer.begin(message)
        except BaseException:
            answer.close()
            raise
        return answer

    def check_open(self) -> None:
        """Raise `LocalProtocolError` if this was closed."""
        if self._closed:
            msg = "this client was closed; make a new one"
            raise LocalProtocolError(msg)

    def close(self) -> None:
        """End every request that runs, and close every connection. Any number of times."""
        self._closed = True
        # A list, which is there before it looks: answers that are collected meanwhile leave, and making a tuple on the
        # way may be what collects them (up to CPython 3.11).
        for reference in list(self._running.values()):
            answer = reference()
            if answer is not None:
                answer.close()
        for lines in tuple(self._idle.values()):
            while lines:
                lines.pop().close()

    def _carrier(self, request: Request, url: str) -> Carrier:
        if self._shared is not None:
            return OnUsersSession(self._shared, self._options.open_timeout)
        origin = f"{urlsplit(url).scheme}://{request.address}"
        lines = self._idle.setdefault(origin, deque())
        oldest = time.monotonic() - _IDLE_SECONDS
        while lines:
            try:
                line = lines.pop()
            except IndexError:  # Another thread was faster.
                break
            if line.idle_since >= oldest:
                return OwnLine(line, lambda done: self._give_back(lines, done))
            line.close()
        line = Line(request, url, self._options)
        return OwnLine(line, lambda done: self._give_back(lines, done))

    def _give_back(self, lines: deque[Line], line: Line) -> None:
        line.idle_since = time.monotonic()
        lines.append(line)
        while self._closed or len(lines) > _MAX_IDLE:
            try:
                lines.popleft().close()
            except IndexError:
                break

    def _over(self, answer: Answer) -> None:
        self._running.pop(id(answer), None)

    def _check_process(self) -> None:
        """After a fork, forget the connections: they are the parent's."""
        if self._forks != forks.count:
            self._running, self._idle, self._forks = {}, {}, forks.count
