"""Waking a thread that waits in poll: an eventfd where there is one, else a pair of sockets."""

from __future__ import annotations

import os
import socket
from typing import final

from realtime_sync.transport._tenancy import Tenancy

__all__ = ["Waker"]


@final
class Waker:
    """A descriptor that becomes readable when somebody rings.

    Threads: any thread, signal handler or finalizer may `wake`, at any time, also after `close`; no lock
    is taken. A ring is remembered until `drain`.
    """

    __slots__ = ("_fds", "_tenancy", "fd")

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._fds: tuple[socket.socket, socket.socket] | None = None
        else:
            ours, theirs = socket.socketpair()
            ours.settimeout(0)
            theirs.settimeout(0)
            self.fd = ours.fileno()
            self._fds = (ours, theirs)
        self._tenancy = Tenancy(self._release)

    def wake(self) -> None:
        """Make the descriptor readable."""
        token = object()
        try:
            if not self._tenancy.enter(token):
                return
            if self._fds is None:
                os.eventfd_write(self.fd, 1)
            else:
                self._fds[1].send(b"\0")
        except BlockingIOError:
            pass  # Full of rings already: it is readable.
        finally:
            self._tenancy.leave(token)

    def drain(self) -> None:
        """Forget the rings so far. For the thread that polls."""
        token = object()
        try:
            if not self._tenancy.enter(token):
                return
            if self._fds is None:
                os.eventfd_read(self.fd)
            else:
                self._fds[0].recv(4096)
        except BlockingIOError:
            pass  # Nobody rang.
        finally:
            self._tenancy.leave(token)

    def close(self) -> None:
        """Release the descriptor as soon as no `wake` is under way. May be called again."""
        self._tenancy.retire()

    def discard(self) -> None:
        """Close the descriptors of a forked child without asking who uses them: those threads are not here."""
        self._tenancy = Tenancy(self._release)
        self._tenancy.retire()

    def _release(self) -> None:
        if self._fds is None:
            os.close(self.fd)
        else:
            for end in self._fds:
                end.close()
