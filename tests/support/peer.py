"""A raw WebSocket server for tests, which does exactly what its script says, wrong things included.

with Peer() as peer:                                # upgrades whoever connects
connection = connect(peer.url)
link = peer.link()                              # the server's end of it, for the test thread to drive
link.send("hello")                              # a text frame (bytes: a binary one)
assert link.read_frame().text == "hi"           # a client frame, unmasked
link.close(1000, "bye")                         # a close frame
link.drop()                                     # end of file; link.reset() for a reset

Peer(script)            script(link) runs in a thread per connection instead of the upgrade; what it leaves
open is then handed to `peer.link()`. `echo` is a script. A script that raises
fails the test when the peer is closed, unless the connection was just gone.
Peer(tls=context)       speaks TLS; see the fixture `tls` in conftest.py
link.read_request()     the client's request head: .path, .headers (names in lower case), .raw
link.upgrade(…)         read the request and answer 101, or something odd
link.respond(404, …)    an ordinary HTTP response
link.write(bytes)       anything at all; `frame(…)` builds frames, also illegal ones
link.stall(seconds)     do nothing, until the peer is closed at the latest
link.read_eof()         read until the client's end; returns the bytes
"""

from __future__ import annotations

import base64
import hashlib
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Frame",
    "Link",
    "Peer",
    "Request",
    "echo",
    "frame",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = None,
    length_form: int | None = None,
    announce: int | None = None,
) -> bytes:
    """Build a frame. `length_form` 7, 16 or 64 forces an encoding of the length, `announce` another length."""
    size = len(payload) if announce is None else announce
    form = length_form or (7 if size < 126 else 16 if size < 65536 else 64)
    masked = 0x80 if mask is not None else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if form == 7:
        head += bytes([masked | size])
    elif form == 16:
        head += struct.pack(">BH", masked | 126, size)
    else:
        head += struct.pack(">BQ", masked | 127, size)
    if mask is not None:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return head + (mask or b"") + payload


@dataclass
class Frame:
    """A frame the client sent, unmasked."""

    opcode: int
    payload: bytes
    fin: bool
    masked: bool
    rsv: int = 0

    @property
    def text(self) -> str:
        assert self.opcode == TEXT, f"opcode {self.opcode}, not text"
        return self.payload.decode()

    @property
    def close_code(self) -> int | None:
        assert self.opcode == CLOSE, f"opcode {self.opcode}, not close"
        return int.from_bytes(self.payload[:2], "big") if self.payload else None

    @property
    def close_reason(self) -> str:
        return self.payload[2:].decode()


@dataclass
class Request:
    """The head of the client's upgrade request."""

    raw: bytes
    path: str
    headers: dict[str, str] = field(default_factory=dict)


class Link:
    """The server's end of one connection. For one thread at a time. Reads and writes time out after 10 s."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self.sock.settimeout(10)
        self.request: Request | None = None
        self._closing = closing
        self._received = bytearray()

    # HTTP

    def read_request(self) -> Request:
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received[:] = rest
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.request = Request(head, lines[0].split(" ")[1], headers)
        return self.request

    def accept_key(self) -> str:
        assert self.request is not None
        key = self.request.headers["sec-websocket-key"].encode()
        return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()

    def upgrade(self, *headers: str, accept: str | None = None, trailing: bytes = b"") -> None:
        """Read the request and answer 101 with extra header lines, and `trailing` bytes in the same write."""
        if self.request is None:
            self.read_request()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Accept: {accept or self.accept_key()}", *headers, "", ""]
        self.write("\r\n".join(lines).encode("latin-1") + trailing)

    def respond(self, status: int, *headers: str, body: bytes = b"", length: bool = True) -> None:
        """Read the request and answer with an ordinary response."""
        if self.request is None:
            self.read_request()
        lines = [f"HTTP/1.1 {status} Reason", *headers]
        if length:
            lines.append(f"Content-Length: {len(body)}")
        self.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    # Frames

    def send(self, *messages: str | bytes) -> None:
        for message in messages:
            self.write(frame(TEXT, message.encode()) if isinstance(message, str) else frame(BINARY, message))

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame; a code of None sends one without."""
        self.write(frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode()))

    def read_frame(self) -> Frame:
        first, second = self._take(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(self._take(2), "big")
        elif size == 127:
            size = int.from_bytes(self._take(8), "big")
        mask = self._take(4) if second & 0x80 else b""
        payload = self._take(size)
        if mask:
            pad = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
            payload = (int.from_bytes(payload, "big") ^ pad).to_bytes(size, "big")
        return Frame(first & 0x0F, payload, bool(first & 0x80), bool(mask), first >> 4 & 7)

    def read_data(self) -> Frame:
        """Read the next frame that is neither ping nor pong."""
        while True:
            got = self.read_frame()
            if got.opcode not in (PING, PONG):
                return got

    def finish(self) -> None:
        """Answer the client's close in order: read up to its close frame, reply, end."""
        while (got := self.read_frame()).opcode != CLOSE:
            pass
        self.write(frame(CLOSE, got.payload[:2]))
        self.drop()

    # Bytes

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read_eof(self) -> bytes:
        """Read until the client's end (or reset) and return everything."""
        try:
            while True:
                self._more()
        except (EOFError, ConnectionError):
            return bytes(self._received)

    def stall(self, seconds: float = 30.0) -> None:
        """Do nothing, until the peer is closed at the latest."""
        self._closing.wait(seconds)

    def drip(self, data: bytes, interval: float) -> None:
        """Write byte by byte until the peer is closed or the client is gone."""
        for byte in data:
            self.write(bytes([byte]))
            if self._closing.wait(interval):
                return

    def half_close(self) -> None:
        """End our direction only (plain TCP)."""
        self.sock.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        """Close the socket: the client sees the end of the stream."""
        self.sock.close()

    def sever(self) -> None:
        """End TCP under TLS's feet: no close_notify."""
        socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def reset(self) -> None:
        """Close the socket so that the client sees a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._more()
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self._received += data


def echo(link: Link) -> None:
    """Upgrade, send every message back, and answer pings and the close."""
    link.upgrade()
    while True:
        got = link.read_frame()
        if got.opcode == CLOSE:
            link.write(frame(CLOSE, got.payload[:2]))
            link.drop()
            return
        link.write(frame(PONG if got.opcode == PING else got.opcode, got.payload, fin=got.fin))


class Peer:
    """A listening server on 127.0.0.1; see the module's docstring."""

    def __init__(
        self, script: Callable[[Link], object] = Link.upgrade, *, tls: ssl.SSLContext | None = None, listen: bool = True
    ) -> None:
        self._script = script
        self._tls = tls
        self._closing = threading.Event()
        self._links: queue.SimpleQueue[Link] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.host = "localhost" if tls else "127.0.0.1"
        if listen:
            self._start(self._accept)

    @property
    def url(self) -> str:
        return f"{'wss' if self._tls else 'ws'}://{self.host}:{self.port}/v1/realtime?model=m"

    def link(self, timeout: float = 10.0) -> Link:
        """Return the next connection whose script has ended."""
        return self._links.get(timeout=timeout)

    def close(self) -> None:
        """End everything; raise what a script raised."""
        with self._lock:
            self._closing.set()
            sockets = [self._listener, *self._open]
        for sock in sockets:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), f"{thread.name} did not end"
        for sock in [self._listener, *self._open]:  # TLS may have come to some of them meanwhile.
            sock.close()
        while not self._links.empty():
            self._links.get()
        if self.errors:
            raise self.errors[0]

    def __enter__(self) -> Peer:  # noqa: PYI034  # Self is not in typing before 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"peer-{target.__name__}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.append(sock)
                if self._closing.is_set():
                    sock.close()  # `close` may have looked at the list already.
                    return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock.settimeout(10)
                encrypted = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.append(encrypted)
                sock = encrypted
            link = Link(sock, self._closing)
            self._script(link)
            self._links.put(link)
        except (EOFError, OSError):
            sock.close()  # The client went away in the middle, which is its business.
        except BaseException as error:
            self.errors.append(error)
            sock.close()
