"""The HTTP upgrade: websocket-client writes and checks it, this module carries the bytes.

websocket-client is handed an object that looks like a socket, and only its public names are used. What it would do
itself is bounded here: the time as a whole (its own time-out is one a read), the size of the response, redirects (a
3xx is a refusal), and its process-wide cookie jar, which neither learns from this response nor adds to the request. It
also prints what it sees when tracing is on, and so is not shown the path, the query or the headers of the caller.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Mapping
from typing import Any, Final, cast, final

import websocket
from attrs import frozen

from realtime_sync.errors import ConnectError, handshake_rejected
from realtime_sync.extensions import Codec
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._exchange import MAX_HEAD, Exchange, status_of
from realtime_sync.transport._extensions import agree
from realtime_sync.transport._refusal import api_error, retry_after
from realtime_sync.transport._request import Request
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tls import wants_client_certificate

__all__ = ["Upgraded", "upgrade"]

_MAX_BODY: Final = 16 * 1024
_BODY_PATIENCE: Final = 1.0
"""Seconds for the body of a refusal: it only makes the message better."""
_SWITCHING: Final = 101
_HIDDEN: Final = ("set-cookie", "content-length")
"""Response headers websocket-client does not get to see: it would keep the one and read to the other's end."""
_PLACEHOLDER: Final = "ws://-/"
"""What websocket-client believes to dial: a host no cookie can be for."""
_ADVICE: Final = {
    400: "the server did not understand the request: check the URL and its query",
    401: "check the API key (OPENAI_API_KEY): it is missing, wrong or expired",
    403: "this key may not do that here: check project, organisation, region and model access",
    404: "nothing is there: check the base URL and the model, and that proxies on the way support WebSockets",
    426: "the server or a proxy wants another protocol version: check that it supports WebSockets",
    429: "too many requests, or the quota is used up: wait, or check the plan",
}


@frozen
class Upgraded:
    """What came of an upgrade."""

    headers: Mapping[str, str]
    """Response headers, names in lower case, repeated ones joined with a comma."""
    subprotocol: str | None
    rest: bytes
    """What the server sent right behind its response: the first frames."""
    codec: Codec | None
    """Of the extensions that were agreed on; None: of none."""


@final
class _Carrier:
    """What websocket-client takes for a connected socket: it carries one request and one response head."""

    def __init__(self, stream: Stream, request: Request, deadline: Deadline) -> None:
        self.exchange = Exchange(stream, request.hop, "the WebSocket upgrade")
        self._request = request
        self._deadline = deadline
        self._shown = io.BytesIO()
        self.failure: Exception | None = None
        self.answered = False
        self.head = b""
        self.status = 0
        self.rest = b""

    def gettimeout(self) -> float:
        return 0.0  # "Non-blocking": websocket-client then adds no waiting of its own.

    def close(self) -> None:
        """Leave the stream to its owner, who closes it if the upgrade fails."""

    def send(self, data: bytes) -> int:
        """Send websocket-client's request with the real path in the first line and the caller's headers added."""
        _, _, rest = data.partition(b"\r\n")
        ours = (f"{name}: {value}" for name, value in self._request.headers)
        lines = (f"GET {self._request.resource} HTTP/1.1", *ours)
        try:
            self.exchange.send("".join(f"{line}\r\n" for line in lines).encode("latin-1") + rest, self._deadline)
        except Exception as error:
            self.failure = error
            raise
        return len(data)

    def recv(self, size: int) -> bytes:
        """Return some of the response head, which is read as a whole first."""
        try:
            if not self.answered:
                self._read_head()
        except Exception as error:
            self.failure = error
            raise
        return self._shown.read(size)

    def _read_head(self) -> None:
        self.head, self.rest = self.exchange.read_head(self._deadline)
        self.answered = True
        self.status = status_of(self.head)
        lines = self.head.split(b"\r\n")
        kept = [line for line in lines if line.partition(b":")[0].strip().lower().decode("latin-1") not in _HIDDEN]
        self._shown = io.BytesIO(b"\r\n".join([*kept, b"", b""]))


def upgrade(stream: Stream, request: Request, deadline: Deadline) -> Upgraded:
    """Do the upgrade on a connected stream.

    Raises:
        HandshakeRejected: the server answered with something else than 101.
        ConnectTimeout: the deadline passed.
        ConnectError: the connection broke, or the answer is not a WebSocket upgrade.
    """
    carrier = _Carrier(stream, request, deadline)
    client = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
    try:
        client.connect(  # type: ignore[no-untyped-call]  # websocket-client leaves it without annotations
            _PLACEHOLDER, socket=carrier, host=request.host_header, suppress_origin=True, redirect_limit=0
        )
    except (websocket.WebSocketException, OSError, ValueError, LookupError, ConnectError) as error:
        if isinstance(carrier.failure, ConnectError):
            raise carrier.failure from None
        if carrier.failure is not None:
            raise _broken(carrier.failure, request) from carrier.failure
        if carrier.answered and carrier.status != _SWITCHING:
            raise _rejection(carrier, request, deadline) from None
        # websocket-client's own text may quote headers of the response.
        msg = f"{request.address} did not answer with a WebSocket upgrade ({type(error).__name__})"
        raise ConnectError(msg, transient=False) from None
    if carrier.status != _SWITCHING:  # pragma: no cover  (the oldest version is tested without measuring coverage)
        # websocket-client before 1.9.2 takes a redirect that it may not follow for an upgrade.
        raise _rejection(carrier, request, deadline)
    headers = _headers(carrier.head)
    try:
        codec = agree(request.extensions, headers.get("sec-websocket-extensions"))
    except ValueError as error:
        msg = f"{request.address} broke the rules of the upgrade: {error}"
        raise ConnectError(msg, transient=False) from error
    subprotocol = headers.get("sec-websocket-protocol")
    if subprotocol is not None and subprotocol not in request.subprotocols:
        msg = f"{request.address} chose a subprotocol that was not offered"
        raise ConnectError(msg, transient=False)
    return Upgraded(headers, subprotocol, carrier.rest, codec)


def _broken(error: Exception, request: Request) -> ConnectError:
    msg = f"the connection to {request.address} broke during the upgrade: {error}"
    if wants_client_certificate(error):
        return ConnectError(f"{msg}; the server wants a client certificate: give it as client_cert=", transient=False)
    return ConnectError(msg)


def _headers(head: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers


def _rejection(carrier: _Carrier, request: Request, deadline: Deadline) -> Exception:
    """Build the error for a response that is not 101: what the server said, and what to do."""
    if not carrier.status:
        return ConnectError(f"{request.address} does not speak HTTP", transient=False)
    status = carrier.status
    headers = _headers(carrier.head)
    headers.pop("set-cookie", None)
    body = request.redact(_read_body(carrier, deadline))
    details = api_error(body)
    said = details.get("message")
    if 300 <= status < 400:  # noqa: PLR2004
        advice = "redirects are not followed: use the final address as the URL"
    else:
        advice = _ADVICE.get(status, "the server has a problem: try again later" if status >= 500 else "")  # noqa: PLR2004
    parts = [f"{request.address} refused the WebSocket upgrade with status {status}", said, advice]
    return handshake_rejected(
        ": ".join(str(part).rstrip(".") for part in parts if part),
        status=status,
        code=details.get("code"),
        param=details.get("param"),
        body=body,
        headers=headers,
        retry_after=retry_after(headers),
    )


class _Replay(io.RawIOBase):
    """The response from its first byte on, for `http.client` to take apart."""

    def __init__(self, carrier: _Carrier, deadline: Deadline) -> None:
        self._carrier = carrier
        self._deadline = deadline
        self._waiting = carrier.head + b"\r\n\r\n" + carrier.rest
        self._budget = MAX_HEAD + 2 * _MAX_BODY

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._waiting and self._budget > 0:
            self._waiting = self._carrier.exchange.receive(self._deadline)
        count = min(len(buffer), len(self._waiting))
        buffer[:count] = self._waiting[:count]
        self._waiting = self._waiting[count:]
        self._budget -= count
        return count


def _read_body(carrier: _Carrier, deadline: Deadline) -> str:
    """Return an excerpt of the body: as much as comes soon, whatever its transfer coding."""
    soon = Deadline(_BODY_PATIENCE)
    soon.at = min(soon.at, deadline.at)
    body = b""
    replay = _Replay(carrier, soon)
    with http.client.HTTPResponse(cast("Any", replay), method="GET") as response:
        try:
            response.begin()
            while len(body) < _MAX_BODY and (piece := response.read1(_MAX_BODY - len(body))):
                body += piece
        except (http.client.HTTPException, ConnectError, OSError, ValueError):
            body += b""  # What has come is what there is.
    return body.decode("utf-8", "replace")
