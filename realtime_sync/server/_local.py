"""The local server as an object, and as a program."""

from __future__ import annotations

import contextlib
import logging
import queue
import signal
import ssl
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from attrs import Attribute, define, field

from realtime_sync.errors import ConfigurationError
from realtime_sync.server._backend import Backend
from realtime_sync.server._faults import Fault, Faults
from realtime_sync.server._journal import Handshake, ReceivedEvent
from realtime_sync.server._listener import Connection, Listener, bind
from realtime_sync.server._reply import Responder
from realtime_sync.server._rules import answer_by_rules
from realtime_sync.server._speaker import Speaker, default_speaker, speak_by_espeak
from realtime_sync.server._transcriber import Transcriber, transcribe_by_likeness
from realtime_sync.server._web import HttpFront, make_app
from realtime_sync.server.realtime import realtime_routes
from realtime_sync.server.responses import Desk, responses_routes

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LocalServer", "serve"]

logger = logging.getLogger("realtime_sync.server")

_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
_WAIT_SLICE = 0.5
_MAX_PORT = 65_535


def _tls_context(tls: ssl.SSLContext | tuple[str, str] | None) -> ssl.SSLContext | None:
    """Return the context to serve with, from one, from (certificate file, key file), or None."""
    if tls is None or isinstance(tls, ssl.SSLContext):
        return tls
    certificate, key = tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Session tickets arrive while a client writes its first request. Clients that read and write one TLS socket from
    # two threads, the official SDK among them, lost that request in about one of 1,000 connections.
    context.num_tickets = 0
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        msg = f"cannot load the certificate {certificate!r} with the key {key!r}: {error}"
        raise ConfigurationError(msg) from error
    return context


def _is_port(_: object, __: object, value: int) -> None:
    # The name lookup takes larger numbers, too, and wraps them round.
    if not isinstance(value, int) or not 0 <= value <= _MAX_PORT:
        msg = f"port must be 0 to {_MAX_PORT}; got {value!r}"
        raise ConfigurationError(msg)


def _positive(_: object, attribute: Attribute[float], value: float) -> None:
    if not value > 0:
        msg = f"{attribute.alias} must be above 0; got {value!r}"
        raise ConfigurationError(msg)


def _not_negative(_: object, __: object, value: float) -> None:
    if not value >= 0:
        msg = f"time_scale must be 0 or more; got {value!r}"
        raise ConfigurationError(msg)


@define(eq=False, kw_only=True, repr=False)
class LocalServer:
    """A server on loopback that speaks the Realtime and the Responses API, with rules instead of a model.

    Use it in a ``with`` statement, or call `start` and `close`. It runs once.

    Threads: any thread may call anything; the server's own are daemons named ``rts-server-…``.
    Locks: _lock guards _listener, _closed and _port.
    """

    host: str = "127.0.0.1"
    """The address to bind."""
    _requested_port: int = field(default=0, alias="port", validator=_is_port)
    """The port to bind; 0 lets the system choose."""
    _api_key: str | None = field(default=None)
    """The key that clients must send; None: any, or none."""
    _responder: Responder | None = None
    """Makes the answers; None: the built-in rules."""
    _transcriber: Transcriber | None = None
    """Hears the user's audio; None: a stand-in that knows this package's sample recording."""
    _speaker: Speaker | None = None
    """Speaks the answers; None: espeak-ng where it is installed, else a tone."""
    _speech_pace: float = field(default=5.0, validator=_positive)
    """How many times faster than real time speech is delivered, before `time_scale`."""
    _faults: Faults | Fault | Iterable[Fault] | None = None
    """How to misbehave, and when."""
    _tls: ssl.SSLContext | tuple[str, str] | None = field(default=None)
    """Serve TLS with this context, or with (certificate file, key file)."""
    _time_scale: float = field(default=1.0, validator=_not_negative)
    """Factor on pauses, the idle time-out and the 60 minutes of a session; 0: no pauses, and no time ever runs out."""
    _backend: Backend = field(init=False)
    _desk: Desk = field(init=False)
    _context: ssl.SSLContext | None = field(init=False)
    _closing: threading.Event = field(init=False, factory=threading.Event)
    """Ends the waits of faults at "connect"."""
    _lock: threading.Lock = field(init=False, factory=threading.Lock)
    _listener: Listener | None = field(init=False, default=None)
    _port: int | None = field(init=False, default=None)
    _closed: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Check what can be checked before anything is opened."""
        self._context = _tls_context(self._tls)
        self._backend = Backend(
            responder=self._responder or answer_by_rules,
            speaker=self._speaker or default_speaker(),
            transcriber=self._transcriber or transcribe_by_likeness,
            speech_pace=self._speech_pace,
            faults=Faults.of(self._faults),
            time_scale=self._time_scale,
        )
        self._desk = Desk(backend=self._backend)

    def start(self) -> Self:
        """Bind and begin to serve; return self.

        Raises:
            OSError: the address cannot be bound.
            ConfigurationError: it was started before.
        """
        with self._lock:
            if self._listener is not None or self._closed:
                msg = "a LocalServer runs once: make a new one"
                raise ConfigurationError(msg)
            listening = bind(self.host, self._requested_port)
            self._port = int(listening.getsockname()[1])
            app = make_app(self._api_key, self._backend.secrets)
            app.register_blueprint(realtime_routes(self._backend), url_prefix="/v1")
            app.register_blueprint(responses_routes(self._desk), url_prefix="/v1")
            front = HttpFront(listening, app)
            self._listener = Listener(
                socket=listening, handle=front.handle, tls=self._context, before=self._before_connection
            )
            self._listener.start()
        logger.debug("serving at %s", self.base_url)
        return self

    def close(self) -> None:
        """Accept no more, close every session (code 1001), join every thread; within about 5 seconds, once."""
        with self._lock:
            listener = None if self._closed else self._listener
            self._closed = True
        self._closing.set()
        self._desk.close()
        if listener is not None:
            listener.close()
        self._backend.journal.close()

    def __repr__(self) -> str:
        with self._lock:
            state = "closed" if self._closed else "not started" if self._port is None else None
        return f"LocalServer({state or repr(self.base_url)})"

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def port(self) -> int:
        """The port it listens on.

        Raises:
            ConfigurationError: it has not been started.
        """
        with self._lock:
            if self._port is None:
                msg = "the LocalServer has no address before start()"
                raise ConfigurationError(msg)
            return self._port

    @property
    def base_url(self) -> str:
        """What to give a client as ``base_url``."""
        return self._url("http")

    @property
    def websocket_base_url(self) -> str:
        """The same for WebSockets."""
        return self._url("ws")

    @property
    def received(self) -> list[ReceivedEvent]:
        """A copy of what clients sent so far, in order, of all connections (the newest 100,000 events, 64 MiB)."""
        return self._backend.journal.events()

    @property
    def handshakes(self) -> list[Handshake]:
        """A copy of the records of WebSockets so far, in order (the newest 10,000)."""
        return self._backend.handshakes()

    @property
    def faults(self) -> Faults:
        """The faults, to add to or to count."""
        return self._backend.faults

    def wait_received(self, type: str, timeout: float | None = 5.0, *, nth: int = 1) -> ReceivedEvent:  # noqa: A002
        """Return the `nth` event of this type that clients sent, waiting for it if need be.

        Args:
            type: an event type.
            timeout: seconds; None: no limit, 0: do not wait.
            nth: 1 is the first that was ever received.

        Raises:
            ReceiveTimeout: it did not arrive in time.
            ConnectionClosed: the server was closed first.
        """
        return self._backend.journal.wait(type, timeout, nth)

    def _url(self, scheme: str) -> str:
        host = _WILDCARDS.get(self.host, self.host)
        host = f"[{host}]" if ":" in host else host
        secure = "" if self._context is None else "s"
        return f"{scheme}{secure}://{host}:{self.port}/v1"

    def _before_connection(self, connection: Connection) -> bool:
        """Commit faults at "connect"; false: the connection is over."""
        fault = self._backend.faults.take("connect")
        if fault is None:
            return True
        if fault.do == "garbage":
            connection.socket.sendall(b"\xff\xfe this is neither HTTP nor TLS\r\n")
        elif fault.do != "drop":
            self._closing.wait(None if fault.do == "stall" else fault.seconds)
        return fault.do == "delay"


def serve(
    host: str = "127.0.0.1",
    port: int = 8765,
    *,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    api_key: str | None = None,
    responder: Responder | None = None,
    time_scale: float = 1.0,
) -> None:
    """Serve until Ctrl-C or SIGTERM; print the base URL, and what is served there.

    Args:
        host: the address to bind.
        port: 0 lets the system choose.
        tls_cert: certificate file; with `tls_key`, serve TLS.
        tls_key: its key file.
        api_key: the key that clients must send; None: any.
        responder: makes the answers; None: the built-in rules.
        time_scale: see `LocalServer`.

    Raises:
        OSError: the address cannot be bound.
        ConfigurationError: an option that cannot work.
    """
    if (tls_cert is None) != (tls_key is None):
        msg = "give both the certificate and its key, or neither"
        raise ConfigurationError(msg)
    tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None
    server = LocalServer(host=host, port=port, api_key=api_key, responder=responder, tls=tls, time_scale=time_scale)
    with _stop_requests() as stop, server, contextlib.suppress(KeyboardInterrupt):
        voice = "espeak-ng" if default_speaker() is speak_by_espeak else "a tone, since espeak-ng is not installed"
        print(f"realtime_sync local server (rules, no model) at {server.base_url}")  # noqa: T201
        print(f"Realtime: text, voice ({voice}), voice detection, function calls.")  # noqa: T201
        print("Responses: WebSocket lanes, HTTP, streams, tools. Ctrl-C ends it.", flush=True)  # noqa: T201
        _wait(stop)


@contextlib.contextmanager
def _stop_requests() -> Iterator[queue.SimpleQueue[int]]:
    """Yield a queue that gets an item on SIGTERM (in the main thread; elsewhere it stays empty)."""
    stop: queue.SimpleQueue[int] = queue.SimpleQueue()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # A SimpleQueue may be put to from a signal handler, whatever the main thread is doing.
    before = signal.signal(signal.SIGTERM, lambda number, _: stop.put(number))
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait(stop: queue.SimpleQueue[int]) -> None:
    """Wait for an item; in slices, because on Windows Ctrl-C interrupts no wait."""
    while True:
        with contextlib.suppress(queue.Empty):
            stop.get(timeout=_WAIT_SLICE)
            return
