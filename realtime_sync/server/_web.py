"""The HTTP side: a Flask application, and the request handler that lets a response take the socket over.

Flask routes, authenticates and words errors for plain HTTP and for WebSocket upgrades alike. A route for an
upgrade returns a `WebSocketResponse`; when werkzeug calls it, the upgrade is done and the session runs to its end.
"""

from __future__ import annotations

import hmac
import io
import logging
import secrets
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from websockets.extensions.permessage_deflate import enable_server_permessage_deflate
from websockets.http11 import Request
from websockets.http11 import Response as Answer
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from realtime_sync.server._backend import Backend
from realtime_sync.server._channel import Application, Channel
from realtime_sync.server._faults import Fault
from realtime_sync.server._journal import Handshake
from realtime_sync.server._listener import IO_TIMEOUT, Connection
from realtime_sync.server._problem import Problem
from realtime_sync.server._secrets import ClientSecrets

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.datastructures import Headers

__all__ = ["HttpFront", "WebSocketResponse", "accepted_connection", "make_app", "offered_keys", "problem_response"]

logger = logging.getLogger("realtime_sync.server")
_frame_logger = logging.getLogger("realtime_sync.server.frames")
# At level debug it would write every header down, keys included.
_frame_logger.setLevel(logging.WARNING)

MAX_MESSAGE = 32 * 2**20
"""Bytes of one incoming message: 15 MiB of audio are 20 MiB of base64."""
_KEY_SUBPROTOCOL = "openai-insecure-api-key."
_CONNECTION = "realtime_sync.connection"
_READER = "realtime_sync.reader"


def problem_response(problem: Problem) -> Response:
    """Return the HTTP response for a problem."""
    response = jsonify(problem.body())
    response.status_code = problem.status
    response.headers.extend(problem.headers)
    return response


def accepted_connection(environ: WSGIEnvironment) -> Connection:
    """Return the connection on which a request came."""
    connection: Connection = environ[_CONNECTION]
    return connection


def make_app(api_key: str | None, client_secrets: ClientSecrets) -> Flask:
    """Return an application without routes: keys are checked (None: not at all), errors are JSON as the API's."""
    app = Flask("realtime_sync.server", static_folder=None)
    # Key order is the API's, not the alphabet's.
    app.json.sort_keys = False  # type: ignore[attr-defined]

    @app.before_request
    def authenticate() -> None:
        if api_key is None or any(hmac.compare_digest(key.encode(), api_key.encode()) for key in offered_keys()):
            return
        if client_secrets.find(offered_keys()) is None:
            msg = "No API key, or an incorrect one: send the local server's key as 'Authorization: Bearer KEY'."
            raise Problem(msg, code="invalid_api_key", status=401)

    @app.after_request
    def identify(response: Response) -> Response:
        response.headers.setdefault("x-request-id", f"req_{secrets.token_hex(16)}")
        return response

    @app.errorhandler(Problem)
    def refuse(problem: Problem) -> Response:
        return problem_response(problem)

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        status = error.code or 500
        message = f"{request.method} {request.path}: {error.description or error.name}"
        if status == 404:  # noqa: PLR2004
            message = f"Invalid URL ({request.method} {request.path})"
        kind = "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004
        return problem_response(Problem(message, kind=kind, status=status))

    return app


def offered_keys() -> Iterable[str]:
    """Yield every key the request offers, wherever a client may put one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield token.strip()
    if "api-key" in request.headers:
        yield request.headers["api-key"]
    for each in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        if each.strip().startswith(_KEY_SUBPROTOCOL):
            yield each.strip()[len(_KEY_SUBPROTOCOL) :]


class WebSocketResponse(Response):
    """A response that becomes a WebSocket.

    Called by werkzeug on the connection's thread: it answers the upgrade, runs the application that `serve` makes
    for the channel until the connection has ended, and leaves by `ConnectionAbortedError`: no HTTP may follow.
    """

    def __init__(self, backend: Backend, serve: Callable[[Channel, Handshake], Application]) -> None:
        super().__init__(status=101)
        self._backend = backend
        self._serve = serve

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Take the socket over, or answer with an ordinary response when the upgrade is not valid."""
        protocol = ServerProtocol(
            subprotocols=[Subprotocol("realtime")],
            select_subprotocol=_choose_realtime,
            extensions=enable_server_permessage_deflate(None),
            max_size=MAX_MESSAGE,
            logger=_frame_logger,
        )
        fault = None
        try:
            upgrade, answer = _accept(protocol, _request_bytes(environ))
            fault = self._backend.faults.take("upgrade")
            if fault is not None and fault.do == "reject":
                raise _rejection(fault)
        except Problem as problem:
            return problem_response(problem)(environ, start_response)
        connection = accepted_connection(environ)
        channel = Channel(socket=connection.socket, protocol=protocol)
        connection.adopt(channel)
        early = _make_non_blocking(connection.socket, environ[_READER])
        handshake = Handshake(
            connection=self._backend.next_connection(),
            path=upgrade.path,
            headers={name.lower(): value for name, value in upgrade.headers.raw_items()},
            subprotocol=protocol.subprotocol,
        )
        self._backend.shook_hands(handshake)
        application = self._serve(channel, handshake)
        if fault is None or fault.do == "close" or channel.commit(fault, answer.serialize()):
            protocol.send_response(answer)
        if fault is not None and fault.do == "close":
            channel.commit(fault, b"")
        channel.run(application, early)
        msg = "the WebSocket has ended"
        raise ConnectionAbortedError(msg)


def _accept(protocol: ServerProtocol, request_bytes: bytes) -> tuple[Request, Answer]:
    """Return the upgrade request and the answer 101 to it, or raise the `Problem` with it."""
    protocol.receive_data(request_bytes)
    upgrade = next((event for event in protocol.events_received() if isinstance(event, Request)), None)
    answer = None if upgrade is None else protocol.accept(upgrade)
    if upgrade is not None and answer is not None and answer.status_code == 101:  # noqa: PLR2004
        return upgrade, answer
    msg = f"The WebSocket upgrade failed: {protocol.handshake_exc}"
    raise Problem(msg, status=400 if answer is None else answer.status_code)


def _choose_realtime(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Agree on `realtime` when it is offered; anything else (a key, a beta flag) is no reason to refuse."""
    return next((each for each in offered if each == "realtime"), None)


def _rejection(fault: Fault) -> Problem:
    headers = {"Retry-After": f"{fault.seconds:g}"} if fault.seconds else {}
    message = fault.reason or "The server rejects this request, because a fault says so."
    kind = "server_error" if fault.status >= 500 else "invalid_request_error"  # noqa: PLR2004
    code = fault.error_code or "rejected_by_fault"
    return Problem(message, kind=kind, code=code, status=fault.status, headers=headers)


def _request_bytes(environ: WSGIEnvironment) -> bytes:
    """Write the upgrade request again, as it came, for the WebSocket protocol to judge."""
    lines = [f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']} HTTP/1.1"]
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            lines.append(f"{key[5:].replace('_', '-').title()}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _make_non_blocking(sock: socket.socket, reader: io.BufferedReader) -> bytes:
    """Switch the socket over, and return what the HTTP reader had already taken from it."""
    sock.settimeout(0)
    try:
        return reader.read1(1 << 16) or b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return b""


class _Handler(WSGIRequestHandler):
    """werkzeug's handler on a socket whose TLS handshake is done."""

    protocol_version = "HTTP/1.1"
    timeout = IO_TIMEOUT
    server_version = "realtime-sync-local-server"

    def __init__(self, accepted: Connection, server: BaseWSGIServer) -> None:
        # The base class handles the whole connection in its constructor.
        self._accepted = accepted
        super().__init__(accepted.socket, accepted.address, server)

    def run_wsgi(self) -> None:
        """Serve one request, and leave the connection open for the next one where that is safe.

        werkzeug itself closes every connection. It still serves what may need that: upgrades, and bodies whose
        length is unknown or too great to be read before anything else.
        """
        length = self.headers.get("Content-Length", "0")
        unsafe = any(name in self.headers for name in ("Upgrade", "Transfer-Encoding", "Expect"))
        if unsafe or not length.isdecimal() or int(length) > MAX_MESSAGE:
            super().run_wsgi()
            return
        environ = self.environ = self.make_environ()
        try:
            environ["wsgi.input"] = io.BytesIO(self.rfile.read(int(length)))
            self._answer(*run_wsgi_app(self.server.app, environ))
        except (ConnectionError, TimeoutError) as error:
            self.connection_dropped(error, environ)

    def _answer(self, chunks: Iterable[bytes], status: str, headers: Headers) -> None:
        """Write an answer: as it is where its length is known, else in chunks (or up to the end, in HTTP/1.0)."""
        code, _, reason = status.partition(" ")
        in_chunks = "Content-Length" not in headers and self.request_version != "HTTP/1.0"
        try:
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            if in_chunks:
                self.send_header("Transfer-Encoding", "chunked")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            for data in filter(None, chunks):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if in_chunks else data)
            if in_chunks:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            # What a WSGI application returns need not have it.
            getattr(chunks, "close", lambda: None)()

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        """Read no further request: what followed the HTTP of a WebSocket was none."""
        path = "" if environ is None else environ["PATH_INFO"]
        logger.debug("connection %d %s is over: %s", self._accepted.index, path, error)
        self.close_connection = True

    def version_string(self) -> str:
        """Name this server, not the interpreter."""
        return self.server_version

    def make_environ(self) -> WSGIEnvironment:
        """Add what a `WebSocketResponse` needs."""
        environ = super().make_environ()
        environ["wsgi.url_scheme"] = "https" if isinstance(self.connection, ssl.SSLSocket) else "http"
        environ[_CONNECTION] = self._accepted
        environ[_READER] = self.rfile
        return environ

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log without the query, where some clients put their key."""
        self.log("info", "%s %s %s %s", self.command, self.path.partition("?")[0], code, size)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Log to this package's logger, at level debug."""
        logger.debug("%s: %s", type, message % args if args else message)


class HttpFront:
    """Serve HTTP requests of accepted connections with a WSGI application.

    Threads: each connection's own. Nothing is shared but what is set once.
    """

    def __init__(self, listener: socket.socket, app: Flask) -> None:
        # The WSGI server is used for its settings only; it never accepts. Given a descriptor it keeps a copy of it.
        host, port = listener.getsockname()[:2]
        self._server = make_server(host, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno())
        self._server.server_close()

    def handle(self, connection: Connection) -> None:
        """Serve one connection until it has ended."""
        _Handler(connection, self._server)
