"""One WebSocket connection of the server: bytes and frames on one side, an application on the other.

One thread does everything: it waits in a selector for the socket and for the waker, so the TLS socket is never
used by two threads at once, and the application needs no locks. Other threads only `post` and `stop`.
"""

from __future__ import annotations

import codecs
import collections
import contextlib
import logging
import queue
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field
from websockets.frames import Frame, Opcode
from websockets.protocol import SEND_EOF, State

from realtime_sync.server._faults import Fault
from realtime_sync.server._waker import Waker

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

__all__ = ["Application", "Channel"]

logger = logging.getLogger("realtime_sync.server")

CLOSE_TIMEOUT = 1.0
"""Seconds for the peer to answer a close frame."""
ROOM = 2**20
"""Bytes waiting for the peer above which posted items stay where they are."""
LIMIT = 64 * 2**20
"""Bytes waiting for the peer above which it is dropped."""
_READ = 64 * 1024
_READS_A_ROUND = 16
_ITEMS_A_ROUND = 256
_GARBAGE = b"\xff\xfe this is no WebSocket frame"


class Application(Protocol):
    """What runs on a channel. Every method is called on the connection's thread."""

    def on_open(self) -> None:
        """Begin: the upgrade is done."""

    def on_message(self, data: str) -> None:
        """Take one message (a binary one is decoded as UTF-8)."""

    def on_post(self, item: Any) -> None:
        """Take what another thread posted."""

    def on_timer(self) -> float | None:
        """Do what is due; return the seconds until the next time (None: never)."""

    def on_close(self) -> None:
        """End: nothing can be sent any more."""


@define(eq=False, kw_only=True)
class Channel:
    """Drive one upgraded socket until it is closed. The socket itself is closed by the caller of `run`.

    Threads: the connection's thread: everything. Any thread: post, stop.
    Shared: _inbox, _waker and _stopping, each safe by itself.
    What ends the wait in `run`: bytes, room to write, `post`, `stop`, the application's timer, the close deadline.
    """

    # set once
    _socket: socket.socket
    """Connected, upgraded and non-blocking."""
    _protocol: ServerProtocol
    _inbox: queue.SimpleQueue[Any] = field(init=False, factory=queue.SimpleQueue)
    _waker: Waker = field(init=False, factory=Waker)
    _stopping: threading.Event = field(init=False, factory=threading.Event)
    # the connection's thread only
    _application: Application = field(init=False)
    """Set by `run`."""
    _out: collections.deque[bytes | memoryview] = field(init=False, factory=collections.deque)
    _backlog: int = field(init=False, default=0)
    _parts: list[bytes] = field(init=False, factory=list)
    _deadline: float | None = field(init=False, default=None)
    _dropped: bool = field(init=False, default=False)
    _eof_wanted: bool = field(init=False, default=False)
    _peer_eof: bool = field(init=False, default=False)
    _read_again: bool = field(init=False, default=False)
    _wants: set[str] = field(init=False, factory=set)
    """TLS: "read" when a write waits for incoming bytes, "write" when a read waits for room to write."""

    def post(self, item: Any) -> None:
        """Hand something to the application's `on_post`, from any thread. After the end it goes nowhere."""
        self._inbox.put(item)
        self._waker.wake()

    def stop(self) -> None:
        """Ask for a close with code 1001, from any thread."""
        self._stopping.set()
        self._waker.wake()

    def run(self, application: Application, early: bytes = b"") -> None:
        """Serve until the connection has ended; `early` are bytes that came with the upgrade request."""
        self._application = application
        selector = selectors.DefaultSelector()
        try:
            selector.register(self._waker, selectors.EVENT_READ)
            selector.register(self._socket, selectors.EVENT_READ)
            going = self._attempt(lambda: self._begin(early))
            while going:
                going = self._attempt(lambda: self._step(selector))
        finally:
            self._dropped = True
            application.on_close()
            selector.close()
            self._waker.close()

    # for the application

    @property
    def is_open(self) -> bool:
        """True while messages can be sent."""
        return not self._dropped and self._protocol.state is State.OPEN

    def send(self, text: str, fault: Fault | None = None) -> None:
        """Queue one text message, or what the fault makes of it; does nothing when the connection is ending."""
        # A lone surrogate, which JSON can carry in, has no UTF-8: it goes out as a question mark.
        payload = text.encode(errors="replace")
        frame = b"" if fault is None else Frame(Opcode.TEXT, payload).serialize(mask=False)
        if self.is_open and (fault is None or self.commit(fault, frame)):
            self._protocol.send_text(payload)
            self._collect()

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; does nothing when it has begun."""
        if self.is_open:
            self._protocol.send_close(code, reason)
            self._collect()

    def drop(self) -> None:
        """End the connection without a close frame."""
        self._dropped = True
        self._out.clear()

    def commit(self, fault: Fault, due: bytes) -> bool:
        """Commit a fault; `due` are the bytes that it strikes. True: go on and send them, or handle the event."""
        logger.debug("fault: %s at %s", fault.do, fault.at)
        if fault.do in {"delay", "stall"}:
            self._flush()
            self._stopping.wait(None if fault.do == "stall" else fault.seconds)
        if fault.do == "close":
            self.close(fault.code, fault.reason)
        elif fault.do == "bad_json":
            self.send('{"type": "half of a')
        elif fault.do in {"drop", "stall", "cut", "garbage"}:
            self._queue({"cut": due[: len(due) // 2], "garbage": _GARBAGE}.get(fault.do, b""))
            self._flush()
            self.drop()
        return fault.do == "delay"

    # one round

    def _attempt(self, act: Callable[[], bool]) -> bool:
        """Do one round; a fault of the application closes the connection with 1011. False: it is over."""
        was_open = self.is_open
        try:
            return act()
        except (OSError, ssl.SSLError) as error:
            logger.debug("connection lost: %r", error)
            return False
        except Exception:
            logger.exception("a session failed")
            self.close(1011, "internal error")
            return was_open

    def _begin(self, early: bytes) -> bool:
        self._collect()
        self._application.on_open()
        if early:
            self._take_in(early)
        # TLS may hold decrypted bytes already, which no selector sees.
        self._read_again = True
        return True

    def _step(self, selector: selectors.BaseSelector) -> bool:
        timer = self._application.on_timer() if self.is_open else None
        self._flush()
        if self._finished():
            return False
        events = 0 if self._peer_eof else selectors.EVENT_READ
        if (self._out and "read" not in self._wants) or "write" in self._wants:
            events |= selectors.EVENT_WRITE
        selector.modify(self._socket, events)
        ready = selector.select(self._timeout(timer))
        self._waker.clear()
        if self._stopping.is_set():
            self.close(1001, "the server is shutting down")
        if self._read_again or any(key.fileobj is self._socket for key, _ in ready):
            self._read()
        if self._backlog <= ROOM:
            self._drain_inbox()
        if self._backlog > LIMIT:
            logger.debug("a peer that does not read is dropped, with %d bytes waiting for it", self._backlog)
            self.drop()
        return True

    def _timeout(self, timer: float | None) -> float | None:
        if self._read_again or (self._backlog <= ROOM and not self._inbox.empty()):
            return 0
        if self._deadline is not None:
            return max(0.0, self._deadline - time.monotonic())
        return timer

    def _finished(self) -> bool:
        if self._dropped or (self._peer_eof and (not self._out or "read" in self._wants)):
            return True
        if self._protocol.state is not State.OPEN and self._deadline is None:
            self._deadline = time.monotonic() + CLOSE_TIMEOUT
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _drain_inbox(self) -> None:
        for _ in range(_ITEMS_A_ROUND):
            try:
                item = self._inbox.get_nowait()
            except queue.Empty:
                return
            if self.is_open:
                self._application.on_post(item)

    # incoming

    def _read(self) -> None:
        self._wants.discard("read")
        self._wants.discard("write")
        self._read_again = False
        for _ in range(_READS_A_ROUND):
            try:
                data = self._socket.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except ssl.SSLWantWriteError:
                self._wants.add("write")
                return
            except (OSError, ssl.SSLError) as error:
                logger.debug("connection lost while reading: %r", error)
                data = b""
            if not data:
                self._peer_eof = True
                self._protocol.receive_eof()
                self._take_events()
                return
            self._take_in(data)
        self._read_again = True

    def _take_in(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._take_events()

    def _take_events(self) -> None:
        self._collect()
        for frame in self._protocol.events_received():
            if not self.is_open:
                return
            if isinstance(frame, Frame) and frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    data, self._parts = b"".join(self._parts), []
                    self._message(data)

    def _message(self, data: bytes) -> None:
        try:
            text, _ = codecs.utf_8_decode(data, "strict", True)  # noqa: FBT003 - the C function takes it by position
        except UnicodeDecodeError:
            self.close(1007, "a message is not UTF-8")
            return
        self._application.on_message(text)

    # outgoing

    def _collect(self) -> None:
        """Take what the protocol wants sent."""
        for data in self._protocol.data_to_send():
            if data is SEND_EOF or not data:
                self._eof_wanted = True
            else:
                self._queue(data)

    def _queue(self, data: bytes) -> None:
        if data and not self._dropped:
            self._out.append(data)
            self._backlog += len(data)

    def _flush(self) -> None:
        """Write what the kernel takes. A head that TLS refused is offered again as it was."""
        while self._out:
            if len(self._out) > 1 and "read" not in self._wants and len(self._out[0]) < _READ:
                self._join_small()
            head = self._out[0]
            try:
                sent = self._socket.send(head)
            except (BlockingIOError, ssl.SSLWantWriteError):
                return
            except ssl.SSLWantReadError:
                self._wants.add("read")
                return
            self._backlog -= sent
            if sent == len(head):
                self._out.popleft()
            else:
                self._out[0] = memoryview(head)[sent:]
        if self._eof_wanted and not self._dropped:
            self._eof_wanted = False
            self._half_close()

    def _join_small(self) -> None:
        """Join small messages into one write; only ever grows the head, which a repeated TLS write allows."""
        joined: list[bytes | memoryview] = []
        size = 0
        while self._out and size < _READ:
            joined.append(self._out.popleft())
            size += len(joined[-1])
        self._out.appendleft(b"".join(joined))

    def _half_close(self) -> None:
        """Say that nothing more will come; reading goes on, so that what was sent is not lost to a reset."""
        with contextlib.suppress(OSError, ssl.SSLError):
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.unwrap()
            # Not the method of SSLSocket, which would forget the TLS session that is still being read.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
