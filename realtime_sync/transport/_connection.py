"""A WebSocket connection with blocking calls, for any number of threads."""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, final

from realtime_sync.config import NOT_GIVEN, ConnectionOptions, NotGiven
from realtime_sync.errors import ConnectionClosed, ForkedError, LocalProtocolError, ReceiveTimeout, SendTimeout
from realtime_sync.extensions import Codec
from realtime_sync.transport._closing import check_close
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._frames import FrameParser, Opcode, build_frame
from realtime_sync.transport._outbox import Outbox, Outgoing, Unframed, reframed
from realtime_sync.transport._process import forks
from realtime_sync.transport._request import redacted
from realtime_sync.transport._role import Role
from realtime_sync.transport._servicer import CloseRequest, Servicer
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tenancy import Tenancy
from realtime_sync.transport._waker import Waker
from realtime_sync.transport._writer import Writer

__all__ = ["Connection", "Lease"]

_MAX_PING = 125
_MARGIN = 0.1
"""Seconds beyond `close_timeout` for another thread to notice that it has passed."""


@final
class Connection:
    """One WebSocket connection, made by `connect`.

    Threads: every method may be called from any thread; `wake`, `start_close` and garbage collection also
    from signal handlers and finalizers, as they take no lock. One thread at a time reads: concurrent `receive`,
    `receive_many` and `service` calls wait their turn. Nobody reads by itself: pings are answered, and a lost
    connection is noticed, while some thread is in one of these calls.

    Locks: the reading role (`_role`) is held while reading; nothing here waits with another lock held. The queue
    and the write locks are described in their own modules.

    An interrupt (Ctrl-C) ends every wait and leaves the connection usable. In the few microseconds in which bytes are
    being moved by the interrupted thread itself their fate can be unknown: then the connection ends, with code 1006.

    After a fork the child's copy is dead: its methods raise `ForkedError`, and the parent's goes on.
    """

    __slots__ = (
        "__weakref__",
        "_forks",
        "_inbox",
        "_is_framed_late",
        "_options",
        "_role",
        "_secrets",
        "_servicer",
        "_stream",
        "_waker",
        "_writer",
        "response_headers",
        "subprotocol",
    )

    def __init__(
        self,
        stream: Stream,
        *,
        options: ConnectionOptions,
        response_headers: Mapping[str, str],
        subprotocol: str | None,
        received: bytes = b"",
        codec: Codec | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._forks = forks.count
        self._secrets = secrets
        self._options = options
        self._stream = stream
        self._waker = Waker()
        self._is_framed_late = codec is not None
        self._writer = Writer(stream, Outbox(options.write_limit), self._waker.wake, codec)
        parser = FrameParser(options.max_size, codec)
        self._servicer = Servicer(stream, self._writer, self._waker, parser, options)
        # Messages that `receive` has not handed out yet: appended to under the role, taken by any thread.
        self._inbox: deque[str | bytes] = deque(self._servicer.preload(received))
        self._role = Role()
        self.response_headers = response_headers
        """The headers of the upgrade response, names in lower case."""
        self.subprotocol = subprotocol
        """The subprotocol the server chose, or None."""

    # For everybody

    def send(self, data: str | bytes, timeout: float | None | NotGiven = NOT_GIVEN) -> None:
        """Send a text (str) or binary (bytes) message; return when it is queued.

        What the kernel takes at once goes out before this returns; `flush` waits for the rest.

        Args:
            data: the message.
            timeout: seconds to wait while too much is queued already (`write_limit`); 0 does not wait, None has
                no limit. Left out: as long as the peer takes some data every `send_timeout` seconds.

        Raises:
            SendTimeout: there was no room in time. Nothing was queued; the connection goes on.
            ConnectionClosed: the connection is closing or closed.
            ForkedError: the connection belongs to the parent process.
        """
        outgoing = self.prepare(data)
        deadline = Deadline(None if isinstance(timeout, NotGiven) else timeout)
        while not self.offer(outgoing):
            self._wait_for_room(deadline, self._patience(timeout))
        self.pump()

    def receive(self, timeout: float | None = None) -> str | bytes:
        """Return the next message: str for text, bytes for binary.

        Args:
            timeout: seconds; 0 does not wait, None has no limit.

        Raises:
            ReceiveTimeout: none came in time. The connection goes on.
            ConnectionClosed: it is over, and every message before that was handed out.
            ForkedError: the connection belongs to the parent process.
        """
        self._check_process()
        deadline = None
        while True:
            try:
                return self._inbox.popleft()
            except IndexError:
                deadline = deadline or Deadline(timeout)
            self._fill_inbox(deadline, timeout)

    def receive_many(self, timeout: float | None = None) -> list[str | bytes]:
        """Return all messages that are there, at least one. Otherwise like `receive`."""
        self._check_process()
        deadline = Deadline(timeout)
        messages: list[str | bytes] = []
        while not messages:
            if not self._inbox:
                self._fill_inbox(deadline, timeout)
            for _ in range(len(self._inbox)):
                try:
                    messages.append(self._inbox.popleft())
                except IndexError:
                    break
        return messages

    def ping(self, payload: bytes = b"") -> None:
        """Send a ping; the answer only counts as a sign of life.

        Raises:
            LocalProtocolError: the payload is over 125 bytes.
            ConnectionClosed: the connection is closing or closed.
        """
        if len(payload) > _MAX_PING:
            msg = f"a ping carries at most {_MAX_PING} bytes; this payload has {len(payload)}"
            raise LocalProtocolError(msg)
        self._check_open()
        self._writer.outbox.control(build_frame(Opcode.PING, bytes(payload)))
        self.pump()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until the kernel has taken everything that was queued.

        Args:
            timeout: seconds; 0 does not wait, None has no limit.

        Raises:
            SendTimeout: something still waits.
            ConnectionClosed: the connection ended with something waiting.
        """
        self._check_process()
        if not self._writer.wait(self._is_flushed, Deadline(timeout), None):
            msg = f"{self.backlog} bytes still waited for the server to take them after {timeout} s"
            raise SendTimeout(msg)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in order, within `close_timeout`, then drop the socket. Calling it again does nothing.

        Messages that are queued go out first, if the peer takes them in time. What arrives from now on is thrown
        away. May be called while another thread is in `receive`. From a signal handler use `start_close`.

        Raises:
            LocalProtocolError: `code` or `reason` cannot be sent.
        """
        check_close(code, reason)
        if self._forks != forks.count or self._servicer.gone:
            return
        self._post_close(code, reason)
        if self._role.mine():
            return  # Called from under this thread's own `receive`, which drives the rest.
        deadline = Deadline(self._options.close_timeout + _MARGIN)
        while not self._servicer.gone and not deadline.passed():
            try:
                self._service(deadline, read=True)
            except ConnectionClosed:
                break
        if not self._servicer.gone:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once, without a closing handshake. Does nothing in a forked child."""
        if self._forks != forks.count:
            return
        self._servicer.aborted = True
        self._stream.shutdown()
        self._waker.wake()
        if not self._role.mine():
            try:
                # Whoever holds the role does the rest; if nobody does, this call does.
                self._service(Deadline(0), read=True)
            except ConnectionClosed:
                return

    @property
    def close_code(self) -> int | None:
        """The close code once the connection is ending (1005: a frame without one, 1006: no frame), else None."""
        return self._servicer.ending.code if self._servicer.ending is not None else None

    @property
    def close_reason(self) -> str | None:
        """The close reason once the connection is ending, else None."""
        return self._servicer.ending.reason if self._servicer.ending is not None else None

    @property
    def is_open(self) -> bool:
        """Whether no end is known yet. A hint: act, and handle the error."""
        return self._servicer.error() is None and self._writer.broken is None

    @property
    def backlog(self) -> int:
        """Bytes that are queued and that the kernel has not taken yet."""
        return self._writer.outbox.backlog

    @property
    def messages_written(self) -> int:
        """How many messages, in the order in which they were queued, the kernel may have taken whole.

        Final once the connection is over: a message that is not among them cannot have been seen by the peer.
        """
        return self._writer.written() if self._servicer.gone else self._writer.outbox.written

    @property
    def bytes_sent(self) -> int:
        """Bytes of frames that the kernel has taken."""
        return self._writer.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes of frames that were read."""
        return self._servicer.bytes_received

    @property
    def messages_sent(self) -> int:
        """Messages that were queued for sending."""
        return self._writer.outbox.accepted

    @property
    def messages_received(self) -> int:
        """Messages that were read, handed out or not."""
        return self._servicer.messages_received

    def redact(self, text: str) -> str:
        """Return text from the server without any credential of the upgrade request that it repeats."""
        return redacted(text, self._secrets)

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is dropped. Not for reading or writing."""
        return -1 if self._servicer.gone else self._stream.fd

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        self.close()
        return False

    def __repr__(self) -> str:
        state = "open" if self.is_open else f"closed, code {self.close_code}" if self._servicer.gone else "closing"
        return f"<realtime_sync.transport.Connection {state}>"

    # For the thread that reads, and for a layer with a queue and locks of its own

    def service(self, timeout: float | None, *, read: bool = True) -> list[str | bytes]:
        """Do one round of I/O and return the messages that are complete; for the thread that reads.

        Reads at most about 256 KB, writes what waits, answers pings, sends ours, checks for life, drives a close.

        Args:
            timeout: seconds to wait for something to happen; 0 does not wait, None has no limit.
            read: False while paused: nothing is read, our pings and the check for life stop (and start afresh
                afterwards); writing and waking go on. A close ends the pause.

        Returns:
            The messages in order; [] when woken, or after `timeout`.

        Raises:
            ConnectionClosed: it is over and every message was handed out; every later call raises it too.
            ForkedError: the connection belongs to the parent process.
        """
        self._check_process()
        if self._inbox:
            return self.receive_many(0)
        return self._service(Deadline(timeout), read=read)

    def lease(self) -> Lease:
        """Return a context manager that makes `service` the calling thread's alone, for the life of the connection.

        For a thread that does nothing else: it saves the taking of turns in each round.
        """
        return Lease(self, self._inbox, self._role, self._stream.tenancy, self._servicer)

    def wake(self) -> None:
        """Make the `service` in progress, or the next one, return early. Takes no lock."""
        if self._forks == forks.count:
            self._waker.wake()

    def start_close(self, code: int = 1000, reason: str = "") -> None:
        """Ask for a close and return at once; `service` does it. The first caller decides. Takes no lock.

        Raises:
            LocalProtocolError: `code` or `reason` cannot be sent.
        """
        check_close(code, reason)
        if self._forks == forks.count:
            self._post_close(code, reason)

    def prepare(self, data: str | bytes) -> Outgoing:
        """Encode and mask a message, which takes time with its size; needs no lock.

        With an extension, which has to see messages in the order of the wire, masking is left for the writing.

        Raises:
            TypeError: it is neither str nor bytes-like.
            LocalProtocolError: a str that UTF-8 cannot hold.
        """
        if not isinstance(data, str):
            return self.prepare_encoded(_as_bytes(data), Opcode.BINARY)
        try:
            payload = data.encode()
        except UnicodeEncodeError as error:
            msg = f"a text message must be valid Unicode: {error.reason} at position {error.start}"
            raise LocalProtocolError(msg) from None
        return self.prepare_encoded(payload)

    def prepare_encoded(self, payload: bytes, opcode: Opcode = Opcode.TEXT) -> Outgoing:
        """As `prepare`, of bytes; those of a text must be valid UTF-8, which is not checked."""
        return Unframed(opcode, payload) if self._is_framed_late else build_frame(opcode, payload)

    def offer(self, outgoing: Outgoing) -> bool:
        """Queue a prepared message without waiting or writing; False: too much is queued already.

        Cheap, and safe under a lock of the caller's. Call `pump` afterwards, outside that lock.

        Raises:
            ConnectionClosed: the connection is closing or closed.
            ForkedError: the connection belongs to the parent process.
        """
        servicer, writer = self._servicer, self._writer
        # `_check_open`, if it is to raise: this is asked for every message that goes out.
        if servicer.ending or servicer.requests or servicer.aborted or writer.broken or self._forks != forks.count:
            self._check_open()
        if isinstance(outgoing, bytes) is self._is_framed_late:
            outgoing = reframed(outgoing)  # Another connection prepared it.
        if not writer.outbox.offer(outgoing):
            self._check_open()
            return False
        return True

    def pump(self) -> None:
        """Write what the kernel takes now; never waits. The rest is up to `service`, which is woken for it."""
        self._check_process()
        self._writer.pump()

    def wait_admission(self, timeout: float | None | NotGiven = NOT_GIVEN) -> None:
        """Wait until `offer` may succeed; needs no thread in `service`.

        Args:
            timeout: seconds in all (None or left out: no limit but `send_timeout` without progress).

        Raises:
            SendTimeout: there was no room in time (`replay_safe`).
            ConnectionClosed: the connection is closing or closed.
            ForkedError: the connection belongs to the parent process.
        """
        deadline = Deadline(None if isinstance(timeout, NotGiven) else timeout)
        self._wait_for_room(deadline, self._options.send_timeout)

    def discard_after_fork(self) -> None:
        """Close the descriptors in a forked child, and nothing else: no lock, no shutdown, no frame."""
        self._forks = -1
        self._stream.discard()
        self._waker.discard()

    # Internal

    def _check_process(self) -> None:
        if self._forks != forks.count:
            msg = "this connection was made before a fork, by the parent process: connect again in the child"
            raise ForkedError(msg)

    def _check_open(self) -> None:
        self._check_process()
        error = self._servicer.error()
        if error is not None:
            raise error
        if self._writer.broken is not None:
            raise self._writer.broken_error()

    def _is_admitted(self) -> bool:
        self._check_open()
        return self._writer.outbox.admits()

    def _is_flushed(self) -> bool:
        if not self._servicer.gone and self._writer.broken is None:
            return not self.backlog
        error = self._servicer.error()
        raise error if error is not None else self._writer.broken_error()

    def _patience(self, timeout: float | None | NotGiven) -> float | None:
        return self._options.send_timeout if isinstance(timeout, NotGiven) else None

    def _wait_for_room(self, deadline: Deadline, patience: float | None) -> None:
        self._check_process()
        if not self._writer.wait(self._is_admitted, deadline, patience):
            msg = f"the server takes no data: {self.backlog} bytes are waiting for it (see write_limit, send_timeout)"
            raise SendTimeout(msg, replay_safe=True)

    def _fill_inbox(self, deadline: Deadline, timeout: float | None) -> None:
        """Wait for messages; return when there may be some."""
        token = object()
        try:
            if self._role.enter(token, deadline):
                self._read_some(token, deadline)
        finally:
            if self._role.holder is token:
                self._role.holder = None
            for following in self._role.waiting[:1]:
                following.wake()
        if not self._inbox and deadline.passed():
            msg = f"no message arrived within {timeout} s"
            raise ReceiveTimeout(msg)

    def _read_some(self, token: object, deadline: Deadline) -> None:
        while not self._inbox:
            messages = self._run(token, deadline, read=True)
            self._inbox.extend(messages)
            if not messages and deadline.passed():
                break

    def _service(self, deadline: Deadline, *, read: bool) -> list[str | bytes]:
        token = object()
        try:
            if not self._role.enter(token, deadline):
                return []
            return self._run(token, deadline, read=read)
        finally:
            if self._role.holder is token:
                self._role.holder = None
            for following in self._role.waiting[:1]:
                following.wake()

    def _run(self, token: object, deadline: Deadline, *, read: bool) -> list[str | bytes]:
        """Let the servicer run with the descriptor kept open; the caller holds the role."""
        try:
            self._stream.tenancy.enter(token)  # Refused when it is gone, which `run` knows before it touches it.
            return self._servicer.run(deadline.at, read=read)
        finally:
            self._writer.servicer_watches = False
            self._stream.tenancy.users.discard(token)
            self._stream.tenancy.settle()

    def _post_close(self, code: int, reason: str) -> None:
        self._servicer.requests.append(CloseRequest(code, reason, self._options.close_timeout))
        self._waker.wake()

    def __del__(self) -> None:
        if getattr(self, "_role", None) is None or self._servicer.gone or self._forks != forks.count:
            return
        self._stream.shutdown()
        self._stream.close()
        self._waker.close()
        warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=1)


@final
class Lease:
    """The reading role and the descriptor, kept by one thread from `with` to the end of the block."""

    __slots__ = ("_connection", "_inbox", "_role", "_servicer", "_tenancy")

    def __init__(
        self, connection: Connection, inbox: deque[str | bytes], role: Role, tenancy: Tenancy, servicer: Servicer
    ) -> None:
        self._connection = connection
        self._inbox = inbox
        self._role = role
        self._tenancy = tenancy
        self._servicer = servicer

    def __enter__(self) -> Lease:
        self._role.enter(self, Deadline(None))
        self._tenancy.enter(self)  # Refused when it is gone, which `run` knows before it touches it.
        return self

    def __exit__(self, *_: object) -> None:
        self._tenancy.users.discard(self)
        self._tenancy.settle()
        self._role.holder = None
        for following in self._role.waiting[:1]:
            following.wake()

    def service(self, timeout: float | None, *, read: bool = True) -> list[str | bytes]:
        """Do one round of I/O: as `Connection.service`."""
        if self._inbox:
            return self._connection.receive_many(0)
        return self._servicer.run(math.inf if timeout is None else time.monotonic() + timeout, read=read)


def _as_bytes(data: object) -> bytes:
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    msg = f"a message must be str or bytes, not {type(data).__name__}"
    raise TypeError(msg)
