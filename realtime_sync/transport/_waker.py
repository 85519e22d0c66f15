"""Waking a thread that waits in poll: an eventfd where there is one, else a pair of sockets."""

from __future__ import annotations

import functools
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

    __slots__ = ("_ends", "_eventfd", "_tenancy", "fd")

    def __init__(self) -> None:
        self._eventfd: list[int] = []
        self._ends: tuple[socket.socket, ...] = ()
        if hasattr(os, "eventfd"):
            # From the system call into the list in one built-in call: an interrupt cannot lose the descriptor.
            self._eventfd.extend(map(os.eventfd, (0,), (os.EFD_CLOEXEC | os.EFD_NONBLOCK,)))
            self.fd = self._eventfd[0]
        else:
            self._ends = socket.socketpair()
            for end in self._ends:
                end.settimeout(0)
            self.fd = self._ends[0].fileno()
        # Nothing of ours in it: a cycle would leave the descriptor to the garbage collector.
        self._tenancy = Tenancy(functools.partial(_close, self._eventfd, self._ends))

    def wake(self) -> None:
        """Make the descriptor readable."""
        token = object()
        try:
            if not self._tenancy.enter(token):
                return
            if self._ends:
                self._ends[1].send(b"\0")
            else:
                os.eventfd_write(self.fd, 1)
        except BlockingIOError:
            pass  # Full of rings already: it is readable.
        finally:
            self._tenancy.users.discard(token)
            self._tenancy.settle()

    def drain(self) -> None:
        """Forget the rings so far. For the thread that polls."""
        token = object()
        try:
            if not self._tenancy.enter(token):
                return
            if self._ends:
                self._ends[0].recv(4096)
            else:
                os.eventfd_read(self.fd)
        except BlockingIOError:
            pass  # Nobody rang.
        finally:
            self._tenancy.users.discard(token)
            self._tenancy.settle()

    def close(self) -> None:
        """Release the descriptor as soon as no `wake` is under way. May be called again."""
        self._tenancy.retire()

    def discard(self) -> None:
        """Close the descriptors of a forked child without asking who uses them: those threads are not here."""
        self._tenancy.evict()

    def __del__(self) -> None:
        if hasattr(self, "_ends"):  # Else an interrupt came before there was anything to close.
            _close(self._eventfd, self._ends)


def _close(eventfd: list[int], ends: tuple[socket.socket, ...]) -> None:
    """Close what is not closed yet; out of the list and closed in one built-in call."""
    list(map(os.close, map(list.pop, [eventfd] * len(eventfd))))
    for end in ends:
        end.close()
