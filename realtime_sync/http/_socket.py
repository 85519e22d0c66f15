"""What `http.client` takes for a socket: the transport's stream, with a deadline for every wait."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final, final

from attrs import define, field

from realtime_sync.errors import RealtimeSyncError
from realtime_sync.transport import READ, Deadline, Stream, wait_for

__all__ = ["Halt", "OutOfTime", "Run", "StreamSocket"]

_BUFFER: Final = 64 * 1024


class Halt(Exception):
    """Carries an error of ours through `requests` and `urllib3`, which would make another of it. Stays in here."""

    def __init__(self, error: RealtimeSyncError) -> None:
        super().__init__(str(error))
        self.error = error


class OutOfTime(Exception):
    """The deadline passed, or was brought forward to now. Neither a TimeoutError nor an OSError, as for `Halt`."""


@define(eq=False)
class Run:
    """One request on a connection: until when, and how far it has come.

    Threads: the request's own; `cancel` from any, signal handlers too.
    """

    deadline: Deadline
    """For the whole. `cancel` ends every wait."""
    connecting: Deadline | None = field(init=False, default=None)
    """While a connection is made: the same, or sooner."""
    sent: bool = field(init=False, default=False)
    """Whether something of the request may have gone out."""
    ended: bool = field(init=False, default=False)
    """Whether the server has ended the connection."""

    def cancel(self) -> None:
        """End every wait now."""
        self.deadline.cancel()
        connecting = self.connecting  # Set before it is shortened to `deadline`: one of the two sees the other.
        if connecting is not None:
            connecting.at = self.deadline.at


@final
class StreamSocket:
    """As much of a socket as `http.client` uses. For one thread at a time.

    Args:
        stream: connected; closed with the last user of it: this object, and the files it made.
        current: returns the request that runs.
    """

    def __init__(self, stream: Stream, current: Callable[[], Run]) -> None:
        self._stream = stream
        self._current = current
        self._users: set[object] = {self}

    def is_quiet(self) -> bool:
        """Tell whether nothing has come, the end neither: asked of an idle connection, from which nothing is due.

        A poll does not tell it: over TLS the end may have come together with the last answer.
        """
        try:
            return self._stream.receive_into(memoryview(bytearray(1))) is None
        except OSError:
            return False

    def settimeout(self, _seconds: float | None) -> None:
        """Do nothing: `urllib3` sets its own time-out, which is one a read. Here the deadline rules."""

    def sendall(self, data: Any) -> None:
        """Send all of it.

        Raises:
            OutOfTime: the deadline passed.
            OSError: the connection is broken.
        """
        rest = memoryview(data).cast("B")
        self._current().sent = True
        while rest:
            sent: list[int] = []
            if not self._stream.send(rest, sent):
                self.wait(self._stream.write_events)
            rest = rest[sum(sent) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a file to read from."""
        reader = _Reader(self)
        self._users.add(reader)
        return io.BufferedReader(reader, _BUFFER)

    def read_into(self, space: memoryview) -> int:
        """Read what is there, waiting for something; 0 at the end of the stream."""
        if self._current().deadline.passed():
            raise OutOfTime
        while (count := self._stream.receive_into(space)) is None:
            self.wait(READ)
        if count == 0:
            self._current().ended = True
        return count

    def wait(self, events: int) -> None:
        """Wait for the descriptor."""
        if not wait_for(self._stream.fd, events, self._current().deadline):
            raise OutOfTime

    def close(self) -> None:
        """Close the stream, unless a file still reads from it. May be called again."""
        self.release(self)

    def release(self, user: object) -> None:
        """Do without one user."""
        self._users.discard(user)
        if not self._users:
            self._stream.close()


class _Reader(io.RawIOBase):
    """The file under the buffer."""

    def __init__(self, sock: StreamSocket) -> None:
        super().__init__()
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.read_into(memoryview(buffer).cast("B"))

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._sock.release(self)
