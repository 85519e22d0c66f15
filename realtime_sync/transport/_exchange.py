"""Questions and answers on a new connection, before the frames: every wait ends at the deadline."""

from __future__ import annotations

import ssl
from typing import Final, final

from realtime_sync.errors import ConnectError
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._poll import READ, wait_for
from realtime_sync.transport._stream import Stream

__all__ = ["MAX_HEAD", "Exchange", "status_of"]

MAX_HEAD: Final = 64 * 1024
"""Bytes of the head of an HTTP response; more is refused."""


@final
class Exchange:
    """Send and receive on a stream that nobody else uses yet. One thread.

    `what` says, for the message of a `ConnectTimeout`, what is being done. A broken connection is an OSError.
    """

    def __init__(self, stream: Stream, hop: Hop, what: str) -> None:
        self._stream = stream
        self._hop = hop
        self._what = what

    def send(self, data: bytes, deadline: Deadline) -> None:
        """Send all of it."""
        wire = memoryview(data)
        sent: list[int] = []
        try:
            while (done := sum(sent)) < len(wire):
                if not self._stream.send(wire[done:], sent):
                    self._wait(self._stream.write_events, deadline)
        except ConnectError:
            raise
        except OSError as error:
            raise self._last_words() or error from None

    def receive(self, deadline: Deadline, size: int = 4096) -> bytes:
        """Wait for bytes and return at most `size` of them; b"" at the end of the stream."""
        buffer = memoryview(bytearray(size))
        while (count := self._stream.receive_into(buffer)) is None:
            self._wait(READ, deadline)
        return bytes(buffer[:count])

    def read_exactly(self, count: int, deadline: Deadline) -> bytes:
        """Return `count` bytes.

        Raises:
            ConnectError: the stream ended before that.
        """
        received = b""
        while len(received) < count:
            piece = self.receive(deadline, count - len(received))
            if not piece:
                raise self._closed()
            received += piece
        return received

    def read_head(self, deadline: Deadline) -> tuple[bytes, bytes]:
        """Read the head of the final HTTP response; return it, and what came behind it.

        Raises:
            ConnectError: the stream ended before that, or the head is longer than `MAX_HEAD`.
        """
        received = b""
        while True:
            head, end, rest = received.partition(b"\r\n\r\n")
            if len(head) > MAX_HEAD:
                msg = f"{self._hop.name} answered {self._what} with more than {MAX_HEAD} bytes of headers"
                raise self._hop.failed(msg, transient=False)
            if end:
                status = status_of(head)
                if not 100 <= status < 200 or status == 101:  # noqa: PLR2004
                    return head, rest
                received = rest  # An interim response such as 103; the real one follows.
                continue
            piece = self.receive(deadline)
            if not piece:
                raise self._closed()
            received += piece

    def _last_words(self) -> OSError | None:
        """Return the TLS alert that the peer sent before it hung up, which says more than a broken pipe."""
        try:
            self._stream.receive_into(memoryview(bytearray(1)))
        except ssl.SSLError as alert:
            return alert
        except OSError:
            return None
        return None

    def _closed(self) -> Exception:
        return self._hop.failed(f"{self._hop.name} closed the connection instead of answering {self._what}")

    def _wait(self, events: int, deadline: Deadline) -> None:
        if not wait_for(self._stream.fd, events, deadline):
            raise self._hop.timed_out(deadline, self._what)


def status_of(head: bytes) -> int:
    """Return the status of a response head; 0 for what is no HTTP at all."""
    parts = head.split(b"\r\n", 1)[0].split(None, 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/") or not parts[1].isdigit():  # noqa: PLR2004
        return 0
    return int(parts[1][:4])
