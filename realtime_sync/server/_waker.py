"""Wake a thread that waits in a selector."""

from __future__ import annotations

import contextlib
import socket
import threading

from attrs import define, field

__all__ = ["Waker"]


@define(eq=False)
class Waker:
    """A socket pair: `wake` from any thread makes `fileno` readable until `clear`.

    Threads: any thread: wake. The waiting thread: fileno, clear, close.
    Locks: _lock guards _closed, so that no late `wake` writes to a descriptor that was closed and reused.
    """

    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _closed: bool = field(init=False, default=False)
    # set once
    _pair: tuple[socket.socket, socket.socket] = field(init=False, factory=socket.socketpair, repr=False)

    def __attrs_post_init__(self) -> None:
        """Neither end may ever block: a full pipe is already a wake-up."""
        for end in self._pair:
            end.settimeout(0)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._pair[0].fileno()

    def wake(self) -> None:
        """Make the waiting thread return; does nothing after `close`."""
        with self._lock:
            if not self._closed:
                with contextlib.suppress(BlockingIOError):
                    self._pair[1].send(b"\0")

    def clear(self) -> None:
        """Take back every wake-up so far."""
        with contextlib.suppress(BlockingIOError):
            while self._pair[0].recv(4096):
                continue

    def close(self) -> None:
        """Give the descriptors back."""
        with self._lock:
            self._closed = True
            for end in self._pair:
                end.close()
