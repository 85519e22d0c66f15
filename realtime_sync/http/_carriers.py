"""Who sends a request: a line of our own, or the session that the user gave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, final

from realtime_sync.http._failures import FAILURES, cause_of, not_connected
from realtime_sync.http._line import Line
from realtime_sync.http._socket import Halt, OutOfTime, Run
from realtime_sync.transport import Deadline, Request, Waiter, forks

if TYPE_CHECKING:
    import requests

    from realtime_sync.http._exchange import HttpRequest

__all__ = ["Carrier", "OnUsersSession", "OwnLine", "UsersSession"]

_T = TypeVar("_T")


class Carrier(Protocol):
    """Carries one request. `cancel` from any thread; the rest under the lock of the `Answer`."""

    @property
    def sent(self) -> bool:
        """Whether something of the request may have gone out."""
        ...

    def send(self, message: HttpRequest, request: Request, deadline: Deadline) -> requests.Response:
        """Send, and return the answer as soon as its head is there."""
        ...

    def cancel(self) -> None:
        """Wake whoever waits for the connection."""
        ...

    def finish(self, response: requests.Response | None, *, reusable: bool) -> None:
        """Release the connection; `reusable`: the answer was read to its end."""
        ...


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for a log-in, so that `requests` does not look for one in ``~/.netrc``."""
    return prepared


def _send(session: requests.Session, message: HttpRequest, request: Request, timeout: Any) -> requests.Response:
    return session.request(
        message.method,
        message.url,
        headers={**dict(request.headers), "Host": request.host_header},
        data=message.body,
        auth=session.auth or _as_it_is,
        stream=True,
        allow_redirects=False,
        timeout=timeout,
    )


@final
class OwnLine:
    """One of our own lines, which goes back to the others when the answer was read to its end."""

    def __init__(self, line: Line, give_back: Callable[[Line], None]) -> None:
        self._line = line
        self._give_back = give_back
        self._run: Run | None = None

    @property
    def sent(self) -> bool:
        return self._run is not None and self._run.sent

    def send(self, message: HttpRequest, request: Request, deadline: Deadline) -> requests.Response:
        run = self._run = self._line.run = Run(deadline)
        response = _send(self._line.session, message, request, None)
        if run.ended:
            # http.client takes the end of the stream for the end of the head.
            response.close()
            msg = "it ended in the head of the answer"
            raise ConnectionResetError(msg)
        return response

    def cancel(self) -> None:
        if self._run is not None:
            self._run.cancel()

    def finish(self, response: requests.Response | None, *, reusable: bool) -> None:
        try:
            if response is not None:
                response.close()
        finally:
            if reusable:
                self._give_back(self._line)
            else:
                self._line.close()


@final
class UsersSession:
    """The session that the user gave: one thread at a time begins a request with it, first come, first served.

    Threads: any. No lock: `_line` changes by single built-in operations. A wait in it ends with its deadline, or when
    all who came before have left.
    After a fork it is emptied of the parent's connections before its first use.
    """

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._forks = forks.count
        self._line: dict[Waiter, None] = {}

    def lend(self, waiter: Waiter, deadline: Deadline, use: Callable[[requests.Session], _T]) -> _T:
        """Wait for the session, and keep it for one call.

        A function, because an interrupt can come between the steps of a context manager.

        Raises:
            OutOfTime: the deadline passed first.
        """
        if self._forks != forks.count:
            self._forks, self._line = forks.count, {}
            self._session.close()  # What it has open; it opens new connections then.
        line = self._line
        try:
            line[waiter] = None
            while next(iter(tuple(line))) is not waiter:
                if deadline.passed() or not waiter.wait(deadline.remaining()):
                    raise OutOfTime
            return use(self._session)
        finally:
            # A call of a built-in comes first, so that an interrupt right behind it leaves nobody asleep.
            try:
                line.pop(waiter, None)
            finally:
                for following in tuple(line)[:1]:
                    following.wake()


@final
class OnUsersSession:
    """One request with the user's session. What waits in there ends by the time-outs of `requests`, one a read."""

    def __init__(self, session: UsersSession, open_timeout: float | None) -> None:
        self._session = session
        self._open_timeout = open_timeout
        self._waiter = Waiter()
        self._response: requests.Response | None = None
        self.sent = False

    def send(self, message: HttpRequest, request: Request, deadline: Deadline) -> requests.Response:
        def use(session: requests.Session) -> requests.Response:
            left = deadline.remaining()
            connect = min((each for each in (left, self._open_timeout) if each is not None), default=None)
            self.sent = True
            return _send(session, message, request, (connect or None, left or None))

        try:
            self._response = self._session.lend(self._waiter, deadline, use)
        except FAILURES as error:
            failure = not_connected(message.what, request, error)
            if failure is None:
                raise
            self.sent = False
            failure.__cause__ = cause_of(error)
        else:
            return self._response
        raise Halt(failure)

    def cancel(self) -> None:
        self._waiter.wake()
        response = self._response
        shutdown = getattr(getattr(response, "raw", None), "shutdown", None)  # urllib3 has it since 2.3
        if shutdown is not None:
            with contextlib.suppress(OSError, ValueError):  # It is over already.
                shutdown()

    def finish(self, response: requests.Response | None, *, reusable: bool) -> None:  # noqa: ARG002  (it knows itself)
        if response is not None:
            response.close()
