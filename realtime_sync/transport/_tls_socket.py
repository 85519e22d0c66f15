"""TLS over a connected, non-blocking socket, or over another TLS connection: a proxy may itself be spoken to over TLS.

Through memory, and not by the socket of the ssl module. That one reads a record at a time, with two system calls, and
as OpenSSL forbids two threads inside one connection, a lock of ours had to be held round these: whoever was woken by
what another thread had just sent met the lock held by the sender, which was not back from its system call yet. Here one
system call brings whatever has come, and none is made inside OpenSSL.
"""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any, final

__all__ = ["TLS_PIECE", "TlsSocket"]

TLS_PIECE = 16 * 1024
"""A TLS write is all or nothing: pieces of one record each make its progress visible."""
_PULL = 32 * 1024
"""Encrypted bytes read at once: OpenSSL keeps as much memory as it was ever given at once."""
_SMALL = 4 * 1024
"""Where there is room for less, encrypted bytes are read into a space of their own."""


@final
class TlsSocket:
    """A TLS connection with as much of a non-blocking socket's surface as `Stream` uses.

    No call waits: `BlockingIOError` says that there is nothing to read, or no room for what is to be written, and
    `ssl.SSLWantReadError` that TLS has to read before it can write. A `send` that raised is repeated with the same
    bytes.

    Threads: one reads, one writes, at the same time if they like.
    Locks: `_lock` is held round each call into OpenSSL, never round a system call. `_wire_lock` guards `_record` and
    `_promised`, and is held from encrypting to handing on, which keeps the order; the reader only ever tries to take
    it. Order: `_wire_lock`, `_lock`, those of the layer below.

    Attributes:
        inner: what encrypts and decrypts.
        plain: the socket at the bottom.
        is_drained: whether a poll will tell of all that is still to be read; the last read found out.
    """

    __slots__ = (
        "_below",
        "_incoming",
        "_is_last",
        "_lock",
        "_outgoing",
        "_promised",
        "_record",
        "_wire_lock",
        "inner",
        "is_drained",
        "plain",
    )

    def __init__(self, below: socket.socket | TlsSocket, context: ssl.SSLContext, host: str) -> None:
        self._below = below
        self.plain: socket.socket = below.plain if isinstance(below, TlsSocket) else below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._lock = threading.Lock()
        self._wire_lock = threading.Lock()
        self._record = b""  # taken from _outgoing and not yet taken by the layer below
        self._promised = 0  # plain bytes that are encrypted and not yet all on their way
        self._is_last = False  # whether the last read from below left nothing there; the reader's
        self.is_drained = False  # Behind the handshake there may be more already.

    def do_handshake(self) -> None:
        """Take the handshake as far as it goes; raises until it is complete. Before anything else, on one thread.

        Raises:
            ssl.SSLWantReadError: it waits for the other side.
            BlockingIOError: it waits for room.
        """
        while True:
            try:
                self.inner.do_handshake()
            except ssl.SSLWantReadError:
                self._push()
                try:
                    self._pull(memoryview(bytearray(_SMALL)))
                except BlockingIOError:
                    raise ssl.SSLWantReadError from None
            except ssl.SSLError:
                self._answer()  # The alert that tells the server why.
                raise
            else:
                self._push()
                return

    def recv_into(self, space: memoryview) -> int:
        """Read at most one record of what is there; 0 at the end of the stream, whether it was announced or not."""
        try:
            count = None if self.is_drained else self._decrypt(space)
            while count is None:
                self._pull(space[:_PULL] if len(space) >= _SMALL else memoryview(bytearray(_SMALL)))
                count = self._decrypt(space)
        except ssl.SSLEOFError:
            return 0
        return count

    def send(self, data: bytes | memoryview) -> int:
        """Write one record's worth; returns how much when the layer below has all of it."""
        with self._wire_lock:
            if not self._promised:
                self._promised = self._encrypt_locked(data[:TLS_PIECE])
            self._push_locked()
            promised, self._promised = self._promised, 0
        if self._outgoing.pending:
            self._answer()  # The reader found the lock taken.
        return promised

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self.plain.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """Do as the socket at the bottom."""
        self.plain.settimeout(seconds)

    def shutdown(self, how: int) -> None:
        """End the connection at the bottom, without a word of TLS."""
        self.plain.shutdown(how)

    def detach(self) -> int:
        """Give the descriptor up without closing it."""
        return self.plain.detach()

    def close(self) -> None:
        """Close the descriptor."""
        self.plain.close()

    def _pull(self, room: memoryview) -> None:
        """Take what has come from below."""
        received = self._below.recv_into(room)
        self._is_last = self._below.is_drained if isinstance(self._below, TlsSocket) else received < len(room)
        with self._lock:
            if received:
                self._incoming.write(room[:received])
            else:
                self._incoming.write_eof()

    def _decrypt(self, space: memoryview) -> int | None:
        """Decrypt a record into `space`; None: no more than a part of one is here."""
        count: Any
        try:
            with self._lock:
                count = self.inner.read(len(space), space)
        except ssl.SSLWantReadError:
            count = None
        except ssl.SSLError:
            self._answer()  # The alert that tells the server why.
            raise
        # Where there was room to spare OpenSSL has kept nothing of a record.
        self.is_drained = count is None or (self._is_last and count < len(space) and not self._incoming.pending)
        if self._outgoing.pending:
            self._answer()
        read: int | None = count
        return read

    def _encrypt_locked(self, data: bytes | memoryview) -> int:
        try:
            with self._lock:
                return self.inner.write(data)
        except ssl.SSLWantReadError:
            self._push_locked()  # What the other side waits for before it says what is to be read.
            raise

    def _push(self) -> None:
        """Hand on what OpenSSL made."""
        with self._wire_lock:
            self._push_locked()

    def _push_locked(self) -> None:
        while self._record or self._outgoing.pending:
            if not self._record:
                with self._lock:
                    self._record = self._outgoing.read()
            self._record = self._record[self._below.send(self._record) :]

    def _answer(self) -> None:
        """Hand on what TLS itself has to say, unless the writer is at it, or waits for room: it hands on everything.

        Were the rest of the writer's record handed on here, it would not know that the peer has it.
        """
        if not self._wire_lock.acquire(blocking=False):
            return
        try:
            if not self._promised:
                self._push_locked()
        except OSError:
            pass  # The next call goes on with it; if the connection is broken, that one says so.
        finally:
            self._wire_lock.release()
