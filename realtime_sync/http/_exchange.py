"""One HTTP request and its answer."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeVar, final

from attrs import field, frozen

from realtime_sync.errors import ClosedOK, ForkedError, RealtimeSyncError, RemoteProtocolError, RequestTimeout
from realtime_sync.http._failures import FAILURES, cause_of, failed, refused
from realtime_sync.http._socket import Halt, OutOfTime
from realtime_sync.transport import Deadline, Request, forks

if TYPE_CHECKING:
    import requests

    from realtime_sync.http._carriers import Carrier

__all__ = ["Answer", "HttpRequest"]

_T = TypeVar("_T")

_PIECE: Final = 64 * 1024
_EXCERPT: Final = 64 * 1024
_PATIENCE: Final = 2.0
"""Seconds for the body of a refusal: it only makes the message better."""
_MOMENT: Final = 0.1
_TOO_BIG: Final = 1009
_SUCCESS: Final = range(200, 300)


@frozen(kw_only=True)
class HttpRequest:
    """What to send.

    Attributes:
        method, url, headers, body: as they go out, but for `Host`, `User-Agent` and what belongs to HTTP itself.
        what: what messages call it, such as "POST /responses".
    """

    method: str
    url: str = field(repr=False)  # its query may hold a key
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    what: str


@final
class Answer:
    """The answer to one request, whose body is still to come. Close it, or read to the end.

    Threads: one reads at a time; `close` and `cancel` from any, signal handlers and finalizers too.
    Locks: `_busy` is held by whoever reads, and tried by whoever closes: the last of them cleans up.

    Attributes:
        status: of the answer, 200 to 299.
        headers: names in lower case.
        request_id: the header x-request-id, if it came.
    """

    def __init__(
        self, what: str, request: Request, carrier: Carrier, deadline: Deadline, over: Callable[[Answer], None]
    ) -> None:
        self._what = what
        self._request = request
        self._carrier = carrier
        self._deadline = deadline
        self._over = over
        self._forks = forks.count
        self._busy = threading.Lock()
        self._response: requests.Response | None = None
        self._complete = False
        self._closed = False
        self._clean_up_due = True
        self.status = 0
        self.headers: Mapping[str, str] = {}

    @property
    def request_id(self) -> str | None:
        """The server's id of the request, for its support."""
        return self.headers.get("x-request-id")

    def begin(self, message: HttpRequest) -> None:
        """Send the request, and wait for the head of the answer.

        Raises:
            StatusError: the status is no success. Otherwise as `read`, and as connecting does.
        """
        self._reading(functools.partial(self._send, message))
        if self.status not in _SUCCESS:
            body = self._excerpt().decode("utf-8", "replace")
            raise refused(self._what, self._request, self.status, self.headers, body)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes, decompressed; the end closes the answer.

        Raises:
            RequestTimeout: the deadline passed.
            ClosedOK: the answer, or the client, was closed.
            ClosedError: the connection was lost before the end.
            RemoteProtocolError: what came is no HTTP.
            ForkedError: the request was sent before a fork, by the parent.
        """
        return self._pieces(1)

    def _pieces(self, least: int) -> Iterator[bytes]:
        """Yield the body; urllib3 before 2.0 waits for pieces of `least` bytes."""
        while True:
            piece = self._reading(functools.partial(self._next_piece, least))
            if not piece:
                self.close()
                return
            yield piece

    def read(self, max_size: int | None) -> bytes:
        """Return the whole body.

        Raises:
            RemoteProtocolError: it is larger than `max_size`. Otherwise as `pieces`.
        """
        body = bytearray()
        for piece in self._pieces(_PIECE):
            body += piece
            if max_size is not None and len(body) > max_size:
                msg = f"the answer to {self._what} is larger than max_size ({max_size} bytes)"
                raise RemoteProtocolError(msg, code=_TOO_BIG)
        return bytes(body)

    def finish(self) -> None:
        """Close; but give the end of the body a moment to come, when nothing in it matters, to keep the connection."""
        self._deadline.at = min(self._deadline.at, Deadline(_MOMENT).at)
        with contextlib.suppress(RealtimeSyncError):
            for _ in self.pieces():
                pass
        self.close()

    def redact(self, text: str) -> str:
        """Return text from the server without any credential of ours that it repeats."""
        return self._request.redact(text)

    def cancel(self) -> None:
        """Have whoever reads, now or later, end with `ClosedOK`."""
        self._closed = True
        self._carrier.cancel()
        self._deadline.cancel()

    def close(self) -> None:
        """End the request. What was not read is lost, and the connection with it. May be called again."""
        if self._forks != forks.count:
            return  # It is the parent's, and its locks may be held by threads that are not here.
        if not self._complete:
            self.cancel()
        self._closed = True
        self._clean_up()

    def __del__(self) -> None:
        if hasattr(self, "_response"):
            self.close()

    def _reading(self, step: Callable[[], _T]) -> _T:
        """Keep others from cleaning up during one step, and turn what goes wrong in it into our errors."""
        if self._forks != forks.count:
            msg = f"{self._what} was sent before a fork, in the parent process"
            raise ForkedError(msg)
        try:
            with self._busy:
                return step()
        except Halt as halt:
            failure, cause = halt.error, halt.error.__cause__
        except OutOfTime:
            failure, cause = self._out_of_time(), None
        except FAILURES as error:
            lost = not self._closed
            failure = failed(self._what, self._request, error) if lost else self._out_of_time()
            cause = cause_of(error) if lost else None
        except BaseException:
            self.close()  # Where it was interrupted, nobody can go on.
            raise
        finally:
            if self._closed:
                self._clean_up()
        # Outside of the handlers, so that it is not chained to what holds the request.
        self.close()
        raise failure from cause

    def _out_of_time(self) -> RealtimeSyncError:
        if self._closed:
            return ClosedOK(f"{self._what} was ended by a close", code=1000, closed_by="local")
        seconds = self._deadline.seconds
        within = "in time" if seconds is None else f"within {seconds:g} s"
        return RequestTimeout(f"{self._what} was not answered {within}", replay_safe=not self._carrier.sent)

    def _send(self, message: HttpRequest) -> None:
        if self._closed or self._deadline.passed():
            raise OutOfTime
        response = self._response = self._carrier.send(message, self._request, self._deadline)
        response.raw.enforce_content_length = True  # As is the rule since urllib3 2.0.
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    def _next_piece(self, least: int) -> bytes:
        """Return what is there of the body, waiting for something; b"" at its end."""
        if self._complete:
            return b""
        if self._closed or self._deadline.passed() or self._response is None:
            raise OutOfTime
        raw = self._response.raw
        # urllib3 before 2.0, and stand-ins for it, can only wait for a full piece, and may give nothing before the end.
        read, size = (raw.read1, _PIECE) if hasattr(raw, "read1") else (raw.read, least)
        piece: bytes = read(size, decode_content=True) or b""
        while not piece and not raw.closed:
            piece = read(size, decode_content=True) or b""
        self._complete = not piece
        return piece

    def _excerpt(self) -> bytes:
        """Return what comes of the body soon."""
        soon = Deadline(_PATIENCE)
        self._deadline.at = min(self._deadline.at, soon.at)
        body = b""
        with contextlib.suppress(RealtimeSyncError):
            for piece in self.pieces():
                body += piece
                if len(body) > _EXCERPT:
                    break
        self.close()
        return body[:_EXCERPT]

    def _clean_up(self) -> None:
        """Release everything, once, unless somebody reads, who then does it."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            if not self._clean_up_due:
                return
            # First, and any number of times: an interrupt in here leaves it due, for `__del__` to do.
            self._over(self)
            self._clean_up_due = False
            self._carrier.finish(self._response, reusable=self._complete)
            self._deadline.settle()
        finally:
            self._busy.release()
