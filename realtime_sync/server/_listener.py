"""Accept TCP connections and give each a thread, in which TLS, HTTP and WebSocket happen."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable

from attrs import define, field

from realtime_sync.server._channel import Channel
from realtime_sync.server._waker import Waker

__all__ = ["Connection", "Listener", "bind"]

logger = logging.getLogger("realtime_sync.server")

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for a client to finish TLS; only its own thread waits for it."""
IO_TIMEOUT = 30.0
"""Seconds without progress on the HTTP part before a client is dropped."""
_RETRY_SECONDS = 0.1
_CLOSE_TIMEOUT = 5.0


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 lets the system choose.

    Raises:
        OSError: the address cannot be bound.
    """
    family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family, backlog=128)


@define(eq=False)
class Connection:
    """One accepted TCP connection.

    Threads: rts-server-connection-N: all but `stop` and `abort`, which any thread may call.
    Locks: _lock guards socket, _channel, _stopped and _ended: nobody shuts a reused descriptor down.
    """

    index: int
    """Counts connections of any kind, from 0."""
    socket: socket.socket
    address: tuple[str, int]
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _channel: Channel | None = field(init=False, default=None)
    _stopped: bool = field(init=False, default=False)
    _ended: bool = field(init=False, default=False)

    def secure(self, context: ssl.SSLContext) -> None:
        """Do the TLS handshake, bounded by `HANDSHAKE_TIMEOUT`."""
        with self._lock:
            # The old object gives its descriptor up to the new one.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            stopped = self._stopped
        if stopped:
            msg = "the server is closing"
            raise ConnectionAbortedError(msg)
        self.socket.settimeout(HANDSHAKE_TIMEOUT)
        self.socket.do_handshake()

    def adopt(self, channel: Channel) -> None:
        """From here on the channel drives the socket, and `stop` means to close the WebSocket."""
        with self._lock:
            self._channel = channel
            stopped = self._stopped
        if stopped:
            channel.stop()

    def stop(self) -> None:
        """End the connection soon: a WebSocket by its closing handshake, anything else at once."""
        with self._lock:
            self._stopped = True
            channel = self._channel
            if channel is None:
                self._shut_down_locked()
        if channel is not None:
            channel.stop()

    def abort(self) -> None:
        """End the connection now, whatever runs on it."""
        with self._lock:
            self._shut_down_locked()

    def end(self) -> None:
        """Close the socket: the last act of the connection's thread."""
        with self._lock:
            self._ended = True
        with contextlib.suppress(OSError):
            self.socket.close()

    def _shut_down_locked(self) -> None:
        if not self._ended:
            with contextlib.suppress(OSError):
                # Not the method of SSLSocket, which would touch TLS from a second thread.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


@define(eq=False, kw_only=True)
class Listener:
    """Accept connections until closed.

    Threads: any thread: start, close. rts-server-accept: _run. rts-server-connection-N: _serve.
    Locks: _lock guards _connections and _closing.
    What ends the wait of the accepting thread: a connection, `close`.
    """

    # set once
    _socket: socket.socket
    _handle: Callable[[Connection], None]
    """Serves one connection, on that connection's thread."""
    _tls: ssl.SSLContext | None = None
    _before: Callable[[Connection], bool]
    """Called first, before TLS; false ends the connection."""
    _waker: Waker = field(init=False, factory=Waker)
    _thread: threading.Thread = field(init=False, repr=False)
    # guarded by _lock
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _connections: dict[Connection, threading.Thread] = field(init=False, factory=dict)
    _closing: bool = field(init=False, default=False)
    # accepting thread only
    _count: int = field(init=False, default=0)

    def start(self) -> None:
        """Begin to accept."""
        self._socket.settimeout(0)
        self._thread = threading.Thread(target=self._run, name="rts-server-accept", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Accept no more, end every connection and join every thread, within about 5 seconds. Call it once."""
        with self._lock:
            self._closing = True
        self._waker.wake()
        self._thread.join(_CLOSE_TIMEOUT)
        with self._lock:
            connections = dict(self._connections)
        for end in (Connection.stop, Connection.abort):
            for connection in connections:
                end(connection)
            deadline = time.monotonic() + _CLOSE_TIMEOUT / 2
            for thread in connections.values():
                thread.join(max(0.0, deadline - time.monotonic()))
            connections = {each: thread for each, thread in connections.items() if thread.is_alive()}
        if connections:
            logger.warning("still running after close: %s", ", ".join(thread.name for thread in connections.values()))
        self._waker.close()

    def _run(self) -> None:
        with self._socket, selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._waker, selectors.EVENT_READ)
            while True:
                selector.select()
                self._waker.clear()
                with self._lock:
                    if self._closing:
                        return
                if not self._accept():
                    # Out of descriptors, most likely: the listener stays readable, so wait without it.
                    selector.unregister(self._socket)
                    selector.select(_RETRY_SECONDS)
                    selector.register(self._socket, selectors.EVENT_READ)

    def _accept(self) -> bool:
        try:
            accepted, address = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return True
        except OSError as error:
            logger.debug("cannot accept: %r", error)
            return False
        connection = Connection(self._count, accepted, address[:2])
        name = f"rts-server-connection-{self._count}"
        self._count += 1
        thread = threading.Thread(target=self._serve, args=(connection,), name=name, daemon=True)
        with self._lock:
            self._connections[connection] = thread
        try:
            thread.start()
        except RuntimeError as error:
            logger.warning("connection %d gets no thread: %s", connection.index, error)
            self._forget(connection)
        return True

    def _serve(self, connection: Connection) -> None:
        try:
            connection.socket.settimeout(IO_TIMEOUT)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._before(connection):
                if self._tls is not None:
                    connection.secure(self._tls)
                self._handle(connection)
        except (OSError, ssl.SSLError) as error:
            logger.debug("connection %d ended early: %r", connection.index, error)
        except Exception:
            # A fault of this server, not of the client: say so, and serve the others on.
            logger.exception("connection %d failed", connection.index)
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        connection.end()
        with self._lock:
            del self._connections[connection]
