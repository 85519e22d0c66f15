"""Every error this library raises, one class per thing a caller can do differently.

The tree (a test compares this drawing with the classes)::

    RealtimeSyncError
    ├── ConfigurationError
    │   └── MissingExtra
    ├── ConnectError
    │   ├── ConnectTimeout                  (also TimeoutError)
    │   ├── ProxyError
    │   └── HandshakeRejected               (each refused handshake is also one StatusError below)
    ├── StatusError
    │   ├── BadRequestError
    │   ├── AuthenticationError
    │   ├── PermissionDeniedError
    │   ├── NotFoundError
    │   ├── ConflictError
    │   ├── UnprocessableEntityError
    │   ├── RateLimitError
    │   └── InternalServerError
    ├── ConnectionClosed
    │   ├── ClosedOK
    │   ├── ClosedError
    │   ├── ReconnectFailed
    │   ├── ConnectionRetiring
    │   └── TurnInterrupted
    ├── ReceiveTimeout                      (also TimeoutError)
    ├── SendTimeout                         (also TimeoutError)
    ├── RequestTimeout                      (also TimeoutError)
    ├── PoolTimeout                         (also TimeoutError)
    ├── PoolClosed
    ├── ServerError
    ├── ResponseFailed
    ├── OutputInvalid
    │   └── OutputRefused
    ├── DecodeError
    ├── SlowConsumer
    ├── AcknowledgementUnknown
    ├── ForkedError
    ├── ToolError
    ├── InvalidWebhookSignatureError
    ├── LocalProtocolError
    └── RemoteProtocolError

All of them pickle. None of them carries a credential. ``replay_safe`` is true only when nothing of
the failed request can have reached the server, so that doing it again cannot do it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "AcknowledgementUnknown",
    "AuthenticationError",
    "BadRequestError",
    "ClosedError",
    "ClosedOK",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "ConnectionRetiring",
    "DecodeError",
    "ForkedError",
    "HandshakeRejected",
    "InternalServerError",
    "InvalidWebhookSignatureError",
    "LocalProtocolError",
    "MissingExtra",
    "NotFoundError",
    "OutputInvalid",
    "OutputRefused",
    "PermissionDeniedError",
    "PoolClosed",
    "PoolTimeout",
    "ProxyError",
    "RateLimitError",
    "RealtimeSyncError",
    "ReceiveTimeout",
    "ReconnectFailed",
    "RemoteProtocolError",
    "RequestTimeout",
    "ResponseFailed",
    "SendTimeout",
    "ServerError",
    "SlowConsumer",
    "StatusError",
    "ToolError",
    "TurnInterrupted",
    "UnprocessableEntityError",
    "handshake_rejected",
    "status_error",
]

TRANSIENT_STATUSES = frozenset({408, 409, 429, *range(500, 600)})
"""HTTP statuses that may be gone when the request is made again."""


def _restore(cls: type[RealtimeSyncError], args: tuple[Any, ...], state: dict[str, Any]) -> RealtimeSyncError:
    """Rebuild an unpickled error without running its constructor again."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class RealtimeSyncError(Exception):
    """The root: one ``except`` for everything this library raises."""

    replay_safe: bool = False
    """True only when nothing of the request can have reached the server."""

    def __init__(self, message: str = "", *, replay_safe: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.replay_safe = replay_safe

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, dict(self.__dict__))


class ConfigurationError(RealtimeSyncError):
    """An option, URL, header or key that cannot work. Nothing was sent."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, replay_safe=True)


class MissingExtra(ConfigurationError, ImportError):
    """A feature whose optional packages are not installed.

    Attributes:
        extra: the name to put in ``pip install realtime-sync[NAME]``.
    """

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'realtime-sync[{extra}]'")
        self.extra = extra


class ConnectError(RealtimeSyncError):
    """No connection came about: name lookup, TCP, the proxy, TLS or the upgrade failed.

    Attributes:
        transient: whether trying again may help: a refused connection, say, but not a wrong certificate.
    """

    transient: bool = True

    def __init__(self, message: str = "", *, transient: bool = True) -> None:
        super().__init__(message, replay_safe=True)
        self.transient = transient


class ConnectTimeout(ConnectError, TimeoutError):
    """Connecting as a whole took longer than ``open_timeout``."""


class ProxyError(ConnectError):
    """The proxy could not be reached, or would not or could not connect to the server.

    Attributes:
        proxy: host and port of the proxy; never its credentials.
        status: the HTTP status that the proxy answered with, or None: it did not answer, or is a SOCKS proxy.
    """

    def __init__(
        self, message: str = "", *, proxy: str = "", status: int | None = None, transient: bool = True
    ) -> None:
        super().__init__(message, transient=transient)
        self.proxy = proxy
        self.status = status


class StatusError(RealtimeSyncError):
    """The server answered with an HTTP status that is not a success.

    Attributes:
        status: the HTTP status code.
        code: the API's machine-readable code (``error.code``), if any.
        param: the parameter at fault (``error.param``), if any.
        body: an excerpt of the body as text.
        request_id: the ``x-request-id`` header, if any.
        headers: response headers, names in lower case.
        retry_after: seconds the server asks to wait, or None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int = 0,
        code: str | None = None,
        param: str | None = None,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.body = body
        self.headers = dict(headers or {})
        self.request_id = self.headers.get("x-request-id")
        self.retry_after = retry_after


class BadRequestError(StatusError):
    """Status 400."""


class AuthenticationError(StatusError):
    """Status 401: the key is missing, wrong or expired."""


class PermissionDeniedError(StatusError):
    """Status 403."""


class NotFoundError(StatusError):
    """Status 404: often a wrong base URL or model, or a proxy without WebSocket support."""


class ConflictError(StatusError):
    """Status 409."""


class UnprocessableEntityError(StatusError):
    """Status 422."""


class RateLimitError(StatusError):
    """Status 429."""


class InternalServerError(StatusError):
    """Status 5xx."""


class HandshakeRejected(ConnectError, StatusError):
    """The server answered the WebSocket upgrade with an ordinary HTTP response.

    What is raised is always also the `StatusError` of its status where one exists, so
    ``except AuthenticationError`` and ``except HandshakeRejected`` both catch a 401.
    """

    def __init__(self, message: str = "", **details: Any) -> None:
        StatusError.__init__(self, message, **details)
        self.replay_safe = True
        self.transient = self.status in TRANSIENT_STATUSES


class _RejectedBadRequest(HandshakeRejected, BadRequestError):
    """A handshake refused with 400."""


class _RejectedAuthentication(HandshakeRejected, AuthenticationError):
    """A handshake refused with 401."""


class _RejectedPermission(HandshakeRejected, PermissionDeniedError):
    """A handshake refused with 403."""


class _RejectedNotFound(HandshakeRejected, NotFoundError):
    """A handshake refused with 404."""


class _RejectedConflict(HandshakeRejected, ConflictError):
    """A handshake refused with 409."""


class _RejectedUnprocessable(HandshakeRejected, UnprocessableEntityError):
    """A handshake refused with 422."""


class _RejectedRateLimit(HandshakeRejected, RateLimitError):
    """A handshake refused with 429."""


class _RejectedInternal(HandshakeRejected, InternalServerError):
    """A handshake refused with 5xx."""


_FIRST_SERVER_STATUS = 500

_REJECTED: dict[int, type[HandshakeRejected]] = {
    400: _RejectedBadRequest,
    401: _RejectedAuthentication,
    403: _RejectedPermission,
    404: _RejectedNotFound,
    409: _RejectedConflict,
    422: _RejectedUnprocessable,
    429: _RejectedRateLimit,
}


_STATUS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error(message: str, *, status: int, **details: Any) -> StatusError:
    """Build the error for a refused HTTP request: the class follows the status."""
    cls = InternalServerError if status >= _FIRST_SERVER_STATUS else _STATUS.get(status, StatusError)
    return cls(message, status=status, **details)


def handshake_rejected(message: str, *, status: int, **details: Any) -> HandshakeRejected:
    """Build the error for a refused upgrade: the class follows the status."""
    cls = _RejectedInternal if status >= _FIRST_SERVER_STATUS else _REJECTED.get(status, HandshakeRejected)
    return cls(message, status=status, **details)


class ConnectionClosed(RealtimeSyncError):
    """The connection is over.

    Attributes:
        code: the close code (RFC 6455 section 7.4); 1005: a close frame without one, 1006: none came.
        reason: the close reason, possibly empty.
        closed_by: "local" when this side asked for the close, "remote" when the peer did,
            "lost" when the connection broke.
        server_error: the last error event of the API that nobody had claimed, or None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: int = 1006,
        reason: str = "",
        closed_by: str = "lost",
        server_error: Any = None,
        replay_safe: bool = False,
    ) -> None:
        super().__init__(message or _describe_close(code, reason, closed_by), replay_safe=replay_safe)
        self.code = code
        self.reason = reason
        self.closed_by = closed_by
        self.server_error = server_error


def _describe_close(code: int, reason: str, closed_by: str) -> str:
    who = {"local": "closed by this side", "remote": "closed by the server"}.get(closed_by, "lost")
    return f"connection {who}, code {code}" + (f": {reason}" if reason else "")


class ClosedOK(ConnectionClosed):
    """The connection ended in order (code 1000 or 1001, or a close that this side asked for)."""


class ClosedError(ConnectionClosed):
    """The connection ended in any other way. ``__cause__`` has the reason where there is one."""


class ReconnectFailed(ConnectionClosed):
    """The connection was lost and could not be got back.

    Attributes:
        unsent: the events (dicts) that were queued and never reached the server.
        unconfirmed: the ids of the events that were sent and not answered before the connection was lost: whether the
            server acted on them is not known.
        attempts: how often dialling was tried.
    """

    def __init__(
        self,
        message: str = "",
        *,
        unsent: Sequence[Mapping[str, Any]] = (),
        unconfirmed: Sequence[str] = (),
        attempts: int = 0,
        **connection: Any,
    ) -> None:
        super().__init__(message, **connection)
        self.unsent = tuple(unsent)
        self.unconfirmed = tuple(unconfirmed)
        self.attempts = attempts


class ConnectionRetiring(ConnectionClosed):
    """The connection takes no new requests, and nothing was sent; what runs goes on. Open another one."""

    def __init__(self, message: str = "", **connection: Any) -> None:
        super().__init__(message, **{"code": 1001, "closed_by": "local", "replay_safe": True, **connection})


class TurnInterrupted(ConnectionClosed):
    """The connection ended while a turn was open.

    Attributes:
        partial: what had arrived of the turn; of a response, None if not even its beginning had.
    """

    def __init__(self, message: str = "", *, partial: Any = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.partial = partial


class ReceiveTimeout(RealtimeSyncError, TimeoutError):
    """No event, or no matching event, arrived in time. The session goes on."""


class SendTimeout(RealtimeSyncError, TimeoutError):
    """The peer took no data for ``send_timeout``, or a flush did not finish in time."""


class RequestTimeout(RealtimeSyncError, TimeoutError):
    """A call that waits for a result ran out of time.

    Attributes:
        partial: what had arrived of the result, or None.
    """

    def __init__(self, message: str = "", *, partial: Any = None, replay_safe: bool = False) -> None:
        super().__init__(message, replay_safe=replay_safe)
        self.partial = partial


class PoolTimeout(RealtimeSyncError, TimeoutError):
    """No connection of a pool had a place for a request in time. Nothing was sent."""

    def __init__(self, message: str = "", *, replay_safe: bool = True) -> None:
        super().__init__(message, replay_safe=replay_safe)


class PoolClosed(RealtimeSyncError):
    """The pool was closed; the request was not sent."""

    def __init__(self, message: str = "", *, replay_safe: bool = True) -> None:
        super().__init__(message or "nothing was sent: the pool is closed", replay_safe=replay_safe)


class ServerError(RealtimeSyncError):
    """An error event of the API that names something we sent, or answers it.

    Attributes:
        type, code, param: as the server gave them.
        status: the HTTP status that this would have been, if the server said so.
        retry_after: seconds the server asks to wait, or None.
        event_id: the id of the client event at fault, in the API that has those.
        event: the whole error event; None if this library knew without asking, so that nothing was sent.
    """

    def __init__(
        self,
        message: str = "",
        *,
        type: str | None = None,  # noqa: A002  (the wire's name)
        code: str | None = None,
        param: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        event_id: str | None = None,
        event: Any = None,
        replay_safe: bool = False,
    ) -> None:
        super().__init__(message, replay_safe=replay_safe)
        self.type = type
        self.code = code
        self.param = param
        self.status = status
        self.retry_after = retry_after
        self.event_id = event_id
        self.event = event


class ResponseFailed(RealtimeSyncError):
    """The API ended a response with status "failed".

    Attributes:
        response: the response object as it arrived.
        turn: what had arrived of the turn, if the response belonged to one.
    """

    def __init__(self, message: str = "", *, response: Any = None, turn: Any = None) -> None:
        super().__init__(message)
        self.response = response
        self.turn = turn


class OutputInvalid(RealtimeSyncError):
    """An answer that does not fit the class it was asked for in (``parse=``). The turn itself is complete.

    Attributes:
        text: the answer as it came.
        response: the whole response.
    """

    def __init__(self, message: str = "", *, text: str = "", response: Any = None) -> None:
        super().__init__(message)
        self.text = text
        self.response = response


class OutputRefused(OutputInvalid):
    """The model refused to answer, in words instead of the form it was asked for.

    Attributes:
        refusal: what it said.
    """

    def __init__(self, message: str = "", *, refusal: str = "", text: str = "", response: Any = None) -> None:
        super().__init__(message, text=text, response=response)
        self.refusal = refusal


class DecodeError(RealtimeSyncError):
    """A message that is not a JSON object with a ``type``; over HTTP, an answer that is something else.

    Attributes:
        raw: the message as it came.
    """

    def __init__(self, message: str = "", *, raw: str | bytes = "") -> None:
        super().__init__(message)
        self.raw = raw


class SlowConsumer(RealtimeSyncError):
    """This consumer fell so far behind that events were dropped for it.

    Attributes:
        dropped: how many.
    """

    def __init__(self, message: str = "", *, dropped: int = 0) -> None:
        super().__init__(message or f"this consumer fell behind: {dropped} events were dropped")
        self.dropped = dropped


class AcknowledgementUnknown(RealtimeSyncError):
    """The server's answers can no longer be told apart, so the outcome of this request is not known."""


class ForkedError(RealtimeSyncError):
    """The object was made before a fork, in the parent process. Make a new one in the child."""


class ToolError(RealtimeSyncError):
    """A function that cannot be a tool; the message names the parameter and the type.

    Raised by a tool, it tells the model what went wrong in just these words; any other exception is told with its name.
    """


class InvalidWebhookSignatureError(RealtimeSyncError, ValueError):
    """A webhook that is not signed with the secret, is too old, or lacks its headers. Answer it with status 400."""


class LocalProtocolError(RealtimeSyncError):
    """This side used the API in a way that it does not allow. Nothing was sent."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message, replay_safe=True)


class RemoteProtocolError(RealtimeSyncError):
    """The peer broke the WebSocket protocol, or that of HTTP.

    Attributes:
        code: the close code that was sent for it (1002, 1007, 1009…), or over HTTP would have been.
    """

    def __init__(self, message: str = "", *, code: int = 1002) -> None:
        super().__init__(message)
        self.code = code
