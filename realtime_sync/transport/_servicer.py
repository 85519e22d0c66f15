"""One round of a connection's life: read, write, answer, ping, close. Run by whoever holds the reading role."""

from __future__ import annotations

import math
import time
from typing import final

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ConnectionClosed
from realtime_sync.transport._closing import Closing, Ending, Phase, Step
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._frames import Control, FrameParser, Opcode, build_close, build_frame
from realtime_sync.transport._liveness import KeepAlive
from realtime_sync.transport._poll import BROKEN, READ, WRITE, Poller
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._waker import Waker
from realtime_sync.transport._writer import Writer

__all__ = ["CloseRequest", "Servicer"]

_ROUND = 256 * 1024
"""Bytes read before the messages are handed out."""
_IDLE = 1.0
"""Seconds without traffic after which a large receive buffer is given back."""
_MAX_REASON = 123
_UNKNOWN = -1


@final
class CloseRequest:
    """A `start_close`: what to say, and until when the peer may answer."""

    __slots__ = ("code", "deadline", "reason")

    def __init__(self, code: int, reason: str, close_timeout: float) -> None:
        self.code = code
        self.reason = reason
        self.deadline = Deadline(close_timeout)


@final
class Servicer:
    """Drive one connection.

    Threads: `run`, and everything else here but `error`: whoever holds the connection's reading role, one at
    a time. Any thread, signal handler or finalizer may append to `requests` (the first entry counts), set
    `aborted`, and read `ending` and `gone`.

    Attributes:
        ending: why the connection ends: the first cause, from the moment it is known.
        gone: whether the socket is dropped.
    """

    __slots__ = (
        "_alarm",
        "_close_deadline",
        "_close_timeout",
        "_closing",
        "_hung_up",
        "_keepalive",
        "_more",
        "_parser",
        "_paused",
        "_poller",
        "_stream",
        "_waker",
        "_watched",
        "_writer",
        "aborted",
        "bytes_received",
        "ending",
        "gone",
        "messages_received",
        "requests",
    )

    def __init__(
        self, stream: Stream, writer: Writer, waker: Waker, parser: FrameParser, options: ConnectionOptions
    ) -> None:
        self._stream = stream
        self._writer = writer
        self._waker = waker
        self._parser = parser
        self._keepalive = KeepAlive(options.ping_interval, options.ping_timeout, time.monotonic())
        self._closing = Closing()
        self._close_timeout = options.close_timeout
        self._close_deadline = Deadline(None)
        self._alarm = -math.inf  # when the clock has something to decide, or earlier: to find out
        self._poller = Poller()
        self._poller.watch(waker.fd, READ)
        self._more = True  # whether to read before polling: TLS may hold decrypted bytes that no poll reports
        self._paused = False
        self._watched: int | None = None  # events of the socket that the poll waits for; None: it is not polled
        self._hung_up = False  # seen while paused: poll would report it again and again
        self.requests: list[CloseRequest] = []
        self.aborted = False
        self.ending: Ending | None = None
        self.gone = False
        self.bytes_received = 0
        self.messages_received = 0

    def error(self) -> ConnectionClosed | None:
        """Return what ends the connection, once it is closing or closed. For any thread."""
        if self.ending is None and not self.requests and not self.aborted:
            return None
        ending = self.ending or self._asked_for()
        return None if ending is None else ending.error()

    def _asked_for(self) -> Ending | None:
        """Return the ending that this side asked for, if it did."""
        if self.requests:
            return Ending(self.requests[0].code, self.requests[0].reason, "local")
        return Ending(1006, "aborted by this side", "local") if self.aborted else None

    def run(self, until: float, *, read: bool) -> list[str | bytes]:
        """Go on until there are messages, a wake-up, or that monotonic time comes; return [] for the last two.

        Raises:
            ConnectionClosed: it is over.
        """
        polled = False
        while True:
            now = time.monotonic()
            if messages := self._catch_up(now, read=read):
                return messages
            if self.gone and self.ending is not None:
                raise self.ending.error()
            if polled and now >= until:
                return []
            woken = self._wait(until, now)
            # Read at once: somebody waits for this, and nobody for what comes first above.
            if self._more and (messages := self._read()):
                return messages
            if woken:
                return []
            polled = True

    def _catch_up(self, now: float, *, read: bool) -> list[str | bytes]:
        """Do what takes no waiting: begin to end, write, look at the clock, read what no poll may tell of."""
        if self.requests or self.aborted or self._parser.fault is not None:
            self._begin_to_end()
        if self.gone:
            return []
        if self._paused or not read:
            # Not while TLS has to read before it can write.
            paused = not read and self._closing.phase is Phase.OPEN and self._stream.write_events == WRITE
            self._pause_or_resume(now, paused=paused)
        if self._writer.outbox.backlog:
            self._writer.pump()
        is_due = now >= self._alarm
        overdue = is_due and self._is_overdue(now)
        if (self._more or overdue) and (messages := self._read()):
            return messages
        if (is_due or self._writer.broken is not None) and not self.gone:
            self._check_clocks(now, overdue=overdue)
        return []

    def _is_overdue(self, now: float) -> bool:
        return self._keepalive.is_overdue(now, self.bytes_received) and self._is_open()

    def _is_open(self) -> bool:
        return self._closing.phase is Phase.OPEN and not self._paused

    def _pause_or_resume(self, now: float, *, paused: bool) -> None:
        if self._paused and not paused:
            self._keepalive.restart(now)
            self._alarm = -math.inf
            self._more = True
            self._hung_up = False
        self._paused = paused

    def _wait(self, until: float, now: float) -> bool:
        """Poll, and write if the kernel takes bytes; True: somebody woke us."""
        until = min(until, self._alarm)
        timeout = None if until == math.inf else max(0.0, until - now)
        if self._more and not self._paused:
            timeout = 0.0
        is_large = self._parser.is_large
        if is_large:
            timeout = _IDLE if timeout is None else min(timeout, _IDLE)
        self._watch()
        ready = self._poller.wait(timeout)
        self._writer.servicer_watches = False
        if not ready and is_large and timeout == _IDLE:
            self._parser.shrink()
        woken = False
        for fd, events in ready:
            if fd == self._waker.fd:
                self._waker.drain()
                woken = True
            elif self._paused and events & BROKEN:
                self._hung_up = True
            elif events & (READ | BROKEN):
                self._more = True
        return woken

    def _watch(self) -> None:
        # Cleared before looking at the backlog: see Writer.servicer_watches.
        self._writer.servicer_watches = False
        writing = self._writer.outbox.backlog > 0
        self._writer.servicer_watches = writing
        events = 0 if self._paused else READ
        if writing:
            events |= self._stream.write_events
        watched = None if self._hung_up else events
        if watched != self._watched:
            self._watched = _UNKNOWN  # An interrupt may come on either side of the call.
            self._poller.watch(self._stream.fd, watched)
            self._watched = watched

    def _read(self) -> list[str | bytes]:
        """Read what is there, a round's worth at most; return the messages it completes."""
        messages: list[str | bytes] = []
        if self._paused:
            return messages
        stream, parser = self._stream, self._parser
        budget = _ROUND
        try:
            while budget > 0 and not self.gone:
                space = parser.space()
                count = stream.receive_into(space)
                if count is None:
                    self._more = False
                    break
                if not count:
                    self._lose("the server ended the connection without a close frame")
                    break
                self.bytes_received += count
                arrived = parser.parse(count)
                if self._closing.phase is Phase.OPEN:
                    messages += arrived
                if parser.controls or parser.fault is not None:
                    self._heed(messages)
                budget -= count
                if stream.is_drained:
                    self._more = False
                    break
        except OSError as error:
            self._lose(f"the connection broke: {error}", error)
        except BaseException as error:
            # An interrupt between taking bytes and filing them: what follows would be read as nonsense.
            self._lose("interrupted while reading", error)
            raise
        self.messages_received += len(messages)
        return messages

    def preload(self, data: bytes) -> list[str | bytes]:
        """Take in what arrived together with the upgrade response; return the messages. Before any `run`."""
        self.bytes_received += len(data)
        messages = self._parser.feed(data)
        self._heed(messages)
        self.messages_received += len(messages)
        return messages

    def _heed(self, messages: list[str | bytes]) -> None:
        """Act upon the control frames and the fault that the parser found; `messages` are to be handed out first."""
        controls = self._parser.controls
        if controls:
            self._parser.controls = []
            for control in controls:
                self._answer(control)
        # A fault behind messages waits until they are handed out and somebody asks for more: see `run`.
        if self._parser.fault is not None and not (messages and self._closing.phase is Phase.OPEN):
            self._on_fault()
        if controls:
            self._writer.pump()

    def _answer(self, control: Control) -> None:
        if control.opcode is Opcode.PING:
            self._writer.outbox.control(build_frame(Opcode.PONG, control.payload))
        elif control.opcode is Opcode.CLOSE:
            if self._closing.phase is Phase.OPEN:
                self._end_with(Ending(control.code, control.reason, "remote"), Step.PEER_CLOSE, control.code, "")
            elif self._closing.phase is Phase.CLOSING and not self._writer.outbox.backlog:
                self._finish(Step.PEER_CLOSE)
            # Else our own close frame is not out yet: it goes, and the server's end of file or the deadline ends this.

    def _on_fault(self) -> None:
        """Act upon the parser's fault, once. May be called again."""
        fault = self._parser.fault
        if self._closing.phase is Phase.OPEN and fault is not None:
            ending = Ending(fault.code, str(fault), "lost", fault)
            self._end_with(ending, Step.FAULT, fault.code, str(fault)[:_MAX_REASON])
        elif self._closing.phase is Phase.CLOSING and self.ending is not None and self.ending.cause is not fault:
            # Nonsense in answer to our close: no close frame will be found behind it.
            self._finish(Step.FAULT)

    def _begin_to_end(self) -> None:
        """Act upon what ends the connection, as far as that has not been done."""
        if self.aborted and not self.gone:
            self.ending = self.ending or self._asked_for()
            self._finish(Step.END)
        elif self.requests and self._closing.phase is Phase.OPEN:
            if self._writer.broken is not None:  # No close frame can go out, so no answer will come.
                self._fail_sending()
                return
            request = self.requests[0]
            ending = Ending(request.code, request.reason, "local")
            self._end_with(ending, Step.LOCAL_CLOSE, request.code, request.reason)
            self._close_deadline = request.deadline
        if self._parser.fault is not None:
            self._on_fault()

    def _end_with(self, ending: Ending, step: Step, code: int, reason: str) -> None:
        """Begin to end: settle the cause, queue the close frame, let waiting senders know."""
        self.ending = ending
        self._close_deadline = Deadline(self._close_timeout)
        self._alarm = -math.inf
        self._closing.step(step)
        self._writer.outbox.seal(build_close(code, reason), discard=step is not Step.LOCAL_CLOSE)
        self._writer.ring()
        self._writer.pump()

    def _check_clocks(self, now: float, *, overdue: bool) -> None:
        if self._close_deadline.passed():
            self._finish(Step.END)
        elif self._writer.broken is not None and not self._more and not self._paused:
            self._fail_sending()
        elif overdue and self._is_overdue(now) and not self._more:
            # A read after the deadline found nothing either: it was not this process that slept.
            self._lose("the server did not answer a ping in time")
        elif self._is_open() and self._keepalive.ping_is_due(now, self.bytes_received):
            self._writer.outbox.control(build_frame(Opcode.PING, b""))
            self._writer.pump()
        next_due = self._keepalive.due(self.bytes_received) if self._is_open() else math.inf
        self._alarm = min(self._close_deadline.at, next_due)

    def _fail_sending(self) -> None:
        broken = self._writer.broken
        self.ending = self.ending or Ending(1006, f"sending failed: {broken!r}", "lost", broken)
        self._finish(Step.END)

    def _lose(self, reason: str, cause: BaseException | None = None) -> None:
        """End without a handshake, for a cause of its own unless there is one already."""
        self.ending = self.ending or self._asked_for() or Ending(1006, reason, "lost", cause)
        self._finish(Step.END)

    def _finish(self, step: Step) -> None:
        """Drop the socket and wake everybody."""
        self._closing.step(step)
        self.gone = True
        self._stream.shutdown()
        self._writer.outbox.clear()
        self._writer.ring()
        self._stream.close()
        self._waker.close()
