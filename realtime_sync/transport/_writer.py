"""Getting outgoing frames into the kernel, from any thread, without ever waiting inside a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import final

from realtime_sync.errors import ClosedError
from realtime_sync.extensions import Codec
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._frames import build_frame
from realtime_sync.transport._outbox import Batch, Outbox, Unframed
from realtime_sync.transport._poll import READ, Poller
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tls_socket import TLS_PIECE
from realtime_sync.transport._waker import Waker

__all__ = ["Writer"]


@final
class Writer:
    """Write an outbox to a stream, and let senders wait for room in it.

    Threads: any. Whoever has something to write writes what the kernel takes; what remains is written by
    whoever polls for writability: the thread that services the connection and the first of the waiting senders.

    Locks: `_write_lock` is held round one non-blocking write and its booking, so that bytes (over TLS: records)
    reach the socket in the order in which they were made; it is never held while waiting, so that taking it
    costs at most as long as the kernel takes to copy 256 KB. Order: `_write_lock`, then the outbox's.
    `_waiting` changes by single built-in operations only. The codec of the extensions, if there are any, transforms
    messages under `_write_lock` too: what it makes of one may depend on those before it.

    Attributes:
        broken: why writing failed for good, once it did. What the peer had said before can still be read.
        last_progress: when bytes last went out, monotonic seconds.
    """

    __slots__ = (
        "_codec",
        "_stream",
        "_waiting",
        "_wake_servicer",
        "_write_lock",
        "broken",
        "bytes_sent",
        "last_progress",
        "outbox",
        "servicer_watches",
    )

    def __init__(
        self, stream: Stream, outbox: Outbox, wake_servicer: Callable[[], None], codec: Codec | None = None
    ) -> None:
        self._stream = stream
        self._codec = codec
        self.outbox = outbox
        self._wake_servicer = wake_servicer
        self._write_lock = threading.Lock()
        self._waiting: list[Waker] = []
        self.broken: BaseException | None = None
        self.bytes_sent = 0
        self.last_progress = time.monotonic()
        self.servicer_watches = False
        """Set by the servicing thread while its poll includes writability. It clears this before it looks at
        the backlog, and a sender adds to the backlog before it looks here: one of them sees the other."""

    def pump(self) -> None:
        """Write what the kernel takes now; never waits."""
        if not self.outbox.backlog:
            return
        token = object()
        try:
            if self._stream.tenancy.enter(token):
                self._write_all()
        finally:
            self._stream.tenancy.users.discard(token)
            self._stream.tenancy.settle()
        if self.outbox.backlog and not self.servicer_watches:
            self._wake_servicer()

    def _write_all(self) -> None:
        more = True
        while more:
            with self._write_lock:
                more, ring = self._write_once()
            if ring:
                self.ring()

    def _write_once(self) -> tuple[bool, bool]:
        """Write once; return whether to go on, and whether waiting senders should look. Caller holds `_write_lock`."""
        batch = self.outbox.take() if self._codec is None else self._take_encoded(self._codec)
        if batch is None or self.broken is not None:
            return False, False
        rest = batch.rest()
        if rest:  # All of it is out already when an interrupt came between the write and its booking.
            try:
                if not self._stream.send(rest, batch.sent):
                    return False, False
            except OSError as error:
                batch.doubtful = TLS_PIECE if self._stream.is_tls else 0
                self.fail(error)
                return False, False
            except BaseException as error:
                # An interrupt inside a TLS write: whether the record is out cannot be known, and the
                # stream bears neither a gap nor a double.
                if self._stream.is_tls:
                    batch.doubtful = TLS_PIECE
                    self.fail(error)
                raise
            self.bytes_sent += batch.sent[-1]
            self.last_progress = time.monotonic()
        ring = self.outbox.wrote()
        return self.outbox.backlog > 0, ring

    def _take_encoded(self, codec: Codec) -> Batch | None:
        """Return what to write next, transformed by the extensions. Caller holds `_write_lock`."""

        def encode(message: Unframed) -> bytes:
            rsv, payload = codec.encode(message.opcode, message.payload)
            return build_frame(message.opcode, payload, rsv=rsv)

        try:
            return self.outbox.take(encode)
        except BaseException as error:
            # The codec may count on a message now that does not go out, and the peer would not understand the next.
            self.fail(error)
            if isinstance(error, Exception):
                return None  # A fault of the codec, told as the cause of the end.
            raise

    def written(self) -> int:
        """Return how many messages may be out, after a write that is under way."""
        with self._write_lock:
            return self.outbox.written

    def fail(self, error: BaseException) -> None:
        """Give up writing for good; the servicing thread still reads what came, then ends the connection."""
        if self.broken is None:
            self.broken = error
        self.outbox.clear()
        self.ring()
        self._wake_servicer()

    def ring(self) -> None:
        """Let all waiting senders look again."""
        for waker in tuple(self._waiting):
            waker.wake()

    def broken_error(self) -> ClosedError:
        """Return what a sender gets after `fail`."""
        error = ClosedError(code=1006, reason=f"sending failed: {self.broken!r}", closed_by="lost")
        error.__cause__ = self.broken
        return error

    def wait(self, ready: Callable[[], bool], deadline: Deadline, patience: float | None) -> bool:
        """Wait until `ready()`; False: `deadline` passed, or nothing went out for `patience` seconds (None: no limit).

        `ready` raises to end the wait otherwise. Ends also when the connection does: `ring` is called then. Works
        whether or not a thread services the connection.
        """
        if ready():
            return True
        me = Waker()
        try:
            self._waiting.append(me)
            return self._wait_until(ready, deadline, patience, me)
        finally:
            try:
                self._waiting.remove(me)  # A built-in, and no loop in the try: see Tenancy.
            finally:
                self._wake_first()
                me.close()

    def _wait_until(self, ready: Callable[[], bool], deadline: Deadline, patience: float | None, me: Waker) -> bool:
        began = time.monotonic()
        while not ready():
            self.pump()
            if ready():
                break
            left = deadline.remaining()
            if patience is not None:
                quiet = max(began, self.last_progress) + patience - time.monotonic()
                left = quiet if left is None else min(left, quiet)
            if left is not None and left <= 0:
                return False
            self._wait_once(me, left)
        return True

    def _wake_first(self) -> None:
        for waker in self._waiting[:1]:
            waker.wake()

    def _wait_once(self, me: Waker, timeout: float | None) -> None:
        # Only the first in line polls the socket: one writable byte should not wake them all.
        poller = Poller()
        poller.watch(me.fd, READ)
        token = object()
        try:
            if self._waiting[:1] == [me] and self._stream.tenancy.enter(token):
                poller.watch(self._stream.fd, self._stream.write_events)
            poller.wait(timeout)
        finally:
            self._stream.tenancy.users.discard(token)
            self._stream.tenancy.settle()
        me.drain()
