"""TLS inside TLS: an encrypted connection through a proxy that is itself spoken to over TLS."""

from __future__ import annotations

import contextlib
import ssl
from typing import final

__all__ = ["NestedTls"]

_RECORD = 16 * 1024


@final
class NestedTls:
    """The inner of two TLS connections, with as much of a socket's surface as `Stream` uses.

    Like a non-blocking `ssl.SSLSocket`: no call waits; `ssl.SSLWantReadError` and `ssl.SSLWantWriteError` say what the
    outer connection waits for, and a `send` that raised is repeated with the same bytes.

    Threads: one call at a time; `Stream` holds its TLS lock round each.

    Attributes:
        outer: the TLS connection to the proxy, which owns the descriptor.
        inner: the TLS connection to the server.
    """

    __slots__ = ("_incoming", "_outgoing", "_promised", "_record", "inner", "outer")

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self.outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._record = b""  # taken from _outgoing and not yet taken by the outer connection
        self._promised = 0  # plain bytes that are encrypted and not yet all on their way

    def do_handshake(self) -> None:
        """Take the handshake as far as it goes; raises until it is complete."""
        while True:
            try:
                self.inner.do_handshake()
            except ssl.SSLWantReadError:
                self._push()
                self._pull()
            except ssl.SSLError:
                self._try_to_push()  # The alert that tells the server why.
                raise
            else:
                self._push()
                return

    def recv_into(self, space: memoryview) -> int:
        """Read what is there; 0 at the end of the stream."""
        while True:
            try:
                count = self.inner.read(len(space), space)
            except ssl.SSLWantReadError:
                self._try_to_push()  # What TLS itself had to answer.
                self._pull()
            else:
                self._try_to_push()
                return int(count)

    def pending(self) -> int:
        """Return how many bytes may be here that no poll tells of, more or less."""
        return self.inner.pending() + self._incoming.pending + self.outer.pending()

    def send(self, data: memoryview) -> int:
        """Write one record's worth; returns how much when the kernel has all of it."""
        if not self._promised:
            self._promised = self.inner.write(data[:_RECORD])
        self._push()
        promised, self._promised = self._promised, 0
        return promised

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self.outer.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """Do as the outer connection."""
        self.outer.settimeout(seconds)

    def detach(self) -> int:
        """Give the descriptor up without closing it."""
        return self.outer.detach()

    def close(self) -> None:
        """Close the descriptor."""
        self.outer.close()

    def _push(self) -> None:
        while self._record or self._outgoing.pending:
            self._record = self._record or self._outgoing.read(_RECORD)
            self.outer.send(self._record)  # All or nothing, being at most one record.
            self._record = b""

    def _try_to_push(self) -> None:
        # The next call goes on with it; if the connection is broken, that one says so.
        with contextlib.suppress(OSError):
            self._push()

    def _pull(self) -> None:
        data = self.outer.recv(_RECORD)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
