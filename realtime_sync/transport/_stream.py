"""A connected, non-blocking byte stream: a plain socket, or TLS with one lock round each of its calls.

Nothing here waits. OpenSSL forbids two threads inside one connection, and the records must reach the
socket in the order in which they were made: the first is the lock here, the second the caller's write lock.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from typing import final

from realtime_sync.transport._nested import NestedTls
from realtime_sync.transport._poll import READ, WRITE
from realtime_sync.transport._tenancy import Tenancy

__all__ = ["TLS_PIECE", "Stream"]

TLS_PIECE = 16 * 1024
"""A TLS write is all or nothing: pieces of one record each make its progress visible."""
_WRITE = 256 * 1024


@final
class Stream:
    """Read and write a socket that somebody else waits for.

    Threads: one reads, one writes (under the caller's write lock), at the same time if they like; each
    use is announced to `tenancy`, so that `close` never pulls the descriptor away under anybody.
    Locks: `_tls_lock` is held round each call into OpenSSL, never while waiting.

    Attributes:
        read_events, write_events: what to poll for before trying again; TLS may want the other direction.
        tenancy: who uses the descriptor now.
        is_tls: whether reads end only when told to try later, and an interrupted write leaves its fate unknown.
        is_drained: over TLS, whether a poll will tell of all that is still to be read; the last read found out.
    """

    __slots__ = (
        "_plain",
        "_socket",
        "_tls",
        "_tls_lock",
        "fd",
        "is_drained",
        "is_tls",
        "read_events",
        "tenancy",
        "write_events",
    )

    def __init__(self, sock: socket.socket | NestedTls) -> None:
        sock.settimeout(0)
        self._socket = sock
        self._plain = sock.outer if isinstance(sock, NestedTls) else sock
        self.fd = sock.fileno()
        self.read_events = READ
        self.write_events = WRITE
        self.tenancy = Tenancy(sock.close)
        self._tls = sock if isinstance(sock, ssl.SSLSocket | NestedTls) else None
        self.is_tls = self._tls is not None
        self.is_drained = False
        self._tls_lock = threading.Lock()

    def receive_into(self, space: memoryview) -> int | None:
        """Read what is there into `space`; return how much, 0 at the end of the stream, None if nothing is there yet.

        Raises:
            OSError: the connection is broken.
        """
        tls = self._tls
        if tls is None:
            try:
                return self._socket.recv_into(space)
            except BlockingIOError:
                return None
        try:
            with self._tls_lock:
                count = tls.recv_into(space)
                self.is_drained = not tls.pending()
        except ssl.SSLWantReadError:
            self.read_events = READ
            return None
        except ssl.SSLWantWriteError:
            self.read_events = WRITE
            return None
        except ssl.SSLEOFError:
            return 0
        self.read_events = READ
        return count

    def send(self, data: memoryview, sent: list[int]) -> bool:
        """Write what the kernel takes now and append to `sent` how much that was; False: it takes nothing yet.

        After False over TLS the next call must bring the same bytes.

        Raises:
            OSError: the connection is broken.
        """
        tls = self._tls
        if tls is None:
            try:
                # From the system call into the list without a step of Python between: an interrupt (Ctrl-C) can
                # not come in between and leave it unknown how much has gone out.
                sent.extend(map(self._socket.send, (data[:_WRITE],)))
            except BlockingIOError:
                return False
            return True
        try:
            with self._tls_lock:
                sent.append(tls.send(data[:TLS_PIECE]))
        except ssl.SSLWantWriteError:
            self.write_events = WRITE
            return False
        except ssl.SSLWantReadError:
            self.write_events = READ
            return False
        self.write_events = WRITE
        return True

    def shutdown(self) -> None:
        """End both directions, which wakes everybody who polls. The descriptor stays theirs until they leave."""
        token = object()
        try:
            if self.tenancy.enter(token):
                # The plain method: SSLSocket's own would drop the TLS state under the reader's feet.
                socket.socket.shutdown(self._plain, socket.SHUT_RDWR)
        except OSError:
            pass  # The peer was faster.
        finally:
            self.tenancy.users.discard(token)
            self.tenancy.settle()

    def close(self) -> None:
        """Close the descriptor as soon as nobody uses it. May be called again."""
        self.tenancy.retire()

    def discard(self) -> None:
        """Close the descriptor of a forked child and nothing else: a shutdown would end the parent's connection."""
        fd = self._socket.detach()
        if fd >= 0:
            os.close(fd)
