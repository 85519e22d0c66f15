"""A connected, non-blocking byte stream, plain or encrypted. Nothing here waits."""

from __future__ import annotations

import os
import socket
import ssl
from typing import final

from realtime_sync.transport._poll import WRITE
from realtime_sync.transport._tenancy import Tenancy
from realtime_sync.transport._tls_socket import TlsSocket

__all__ = ["Stream"]

_WRITE = 256 * 1024


@final
class Stream:
    """Read and write a socket that somebody else waits for.

    Threads: one reads, one writes (under the caller's write lock), at the same time if they like; each
    use is announced to `tenancy`, so that `close` never pulls the descriptor away under anybody.

    Attributes:
        write_events: what to poll for before writing again. Nothing (0) while TLS has to read first, as it does when a
            server begins a new handshake (TLS 1.2): whoever reads then writes, too.
        tenancy: who uses the descriptor now.
        is_drained: whether a poll will tell of all that is still to be read; the last read found out.
    """

    __slots__ = ("_socket", "_tls", "fd", "is_drained", "tenancy", "write_events")

    def __init__(self, sock: socket.socket | TlsSocket) -> None:
        sock.settimeout(0)
        self._socket = sock
        self._tls = sock if isinstance(sock, TlsSocket) else None
        self.fd = sock.fileno()
        self.write_events = WRITE
        self.tenancy = Tenancy(sock.close)
        self.is_drained = False

    @property
    def is_tls(self) -> bool:
        """Whether an interrupted write leaves its fate unknown."""
        return self._tls is not None

    def receive_into(self, space: memoryview) -> int | None:
        """Read what is there into `space`; return how much, 0 at the end of the stream, None if nothing is there yet.

        Raises:
            OSError: the connection is broken.
        """
        try:
            count = self._socket.recv_into(space)
        except BlockingIOError:
            return None
        self.is_drained = count < len(space) if self._tls is None else self._tls.is_drained
        return count

    def send(self, data: memoryview, sent: list[int]) -> bool:
        """Write what the kernel takes now and append to `sent` how much that was; False: it takes nothing yet.

        After False over TLS the next call must bring the same bytes.

        Raises:
            OSError: the connection is broken.
        """
        try:
            # From the system call into the list without a step of Python between (but for TLS): an interrupt (Ctrl-C)
            # can not come in between and leave it unknown how much has gone out.
            sent.extend(map(self._socket.send, (data[:_WRITE],)))
        except BlockingIOError:
            self.write_events = WRITE
            return False
        except ssl.SSLWantReadError:
            self.write_events = 0
            return False
        self.write_events = WRITE
        return True

    def shutdown(self) -> None:
        """End both directions, which wakes everybody who polls. The descriptor stays theirs until they leave."""
        token = object()
        try:
            if self.tenancy.enter(token):
                self._socket.shutdown(socket.SHUT_RDWR)
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
