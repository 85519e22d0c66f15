"""The queue of outgoing frames: what goes out next, how much may wait. No sockets, no threads of its own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import TypeAlias, final

from realtime_sync.transport._frames import build_frame, unbuild_frame

__all__ = ["Batch", "Outbox", "Outgoing", "Unframed", "reframed"]

_BATCH = 16 * 1024
_PONG = 0x8A
_MANY_PONGS = 32
_MANY_WRITES = 64
_MANY_MESSAGES = 256
_HEAD = 8


@final
class Unframed:
    """A message that an extension will transform when it is written: what goes out depends on what went before."""

    __slots__ = ("opcode", "payload")

    def __init__(self, opcode: int, payload: bytes) -> None:
        self.opcode = opcode
        self.payload = payload

    def __len__(self) -> int:
        """Return about the bytes on the wire, were nothing transformed."""
        return len(self.payload) + _HEAD


Outgoing: TypeAlias = bytes | Unframed
"""One message: what `Connection.prepare` returns and `Connection.offer` takes. Its length is that on the wire, about.

Framed and masked already, or, if the connection that prepared it has extensions, not yet. Every connection takes
both, so that a message may outlive its connection.
"""


def reframed(message: Outgoing) -> Outgoing:
    """Return a message that a connection with extensions prepared for one without, or the other way round."""
    if isinstance(message, bytes):
        return Unframed(*unbuild_frame(message))
    return build_frame(message.opcode, message.payload)


@final
class Batch:
    """What goes out in one write: small frames together, a large one alone. They stay queued until all of it is out.

    Attributes:
        sent: how much each write took; appended to by the write itself, so that an interrupt leaves it right.
        doubtful: bytes after those that may be out too: a write over TLS failed, which does not say how far it came.
    """

    __slots__ = ("controls", "data", "doubtful", "messages", "sent")

    def __init__(self, data: memoryview, controls: int, messages: int) -> None:
        self.doubtful = 0
        self.data = data
        self.controls = controls
        self.messages = messages
        self.sent: list[int] = []

    def rest(self) -> memoryview:
        """Return the bytes that are not out yet."""
        if not self.sent:
            return self.data
        if len(self.sent) > _MANY_WRITES:
            self.sent[:] = [sum(self.sent)]
        return self.data[sum(self.sent) :]


@final
class _Rest:
    """The batch that was on its way when the connection ended, with the sizes of what was in it."""

    __slots__ = ("_batch", "_controls", "_sizes")

    def __init__(self, batch: Batch, controls: int, sizes: list[int]) -> None:
        self._batch = batch
        self._controls = controls
        self._sizes = sizes

    def whole(self) -> int:
        """Count the messages whose last byte may be out."""
        left = sum(self._batch.sent) + self._batch.doubtful - self._controls
        return sum(end <= left for end in itertools.accumulate(self._sizes))


@final
class Outbox:
    """Outgoing frames in wire order.

    Control frames overtake messages but never cut into one. A close frame is the last thing that goes out.
    A step that changes more than one field does it without a call in between: that is where CPython lets a
    signal handler in, and an interrupt must not leave them at odds.

    Locks: `_lock` guards everything here; held for a few assignments only. `take` and `wrote` are for whoever
    holds the connection's write lock.

    Args:
        marks: bytes waiting at which messages are refused, and at which they are admitted again; None: no limit.
    """

    __slots__ = (
        "_batch",
        "_blocked",
        "_controls",
        "_last",
        "_lock",
        "_marks",
        "_messages",
        "_sealed",
        "_written",
        "accepted",
        "backlog",
    )

    def __init__(self, marks: tuple[int, int] | None) -> None:
        self._lock = threading.Lock()
        self._marks = marks
        self._messages: list[Outgoing] = []  # Unframed only where `take` is given something to frame them
        self._controls: list[bytes] = []
        self._batch: Batch | None = None
        self._blocked = False
        self._sealed = False
        self._last: _Rest | None = None
        self._written = 0
        self.accepted = 0
        """Messages that were queued: exact, also where an `offer` was interrupted."""
        self.backlog = 0
        """Bytes of all frames of which not every byte is out. Without the lock it is a hint."""

    def offer(self, message: Outgoing) -> bool:
        """Queue a message; False: too much waits, or a close frame was queued."""
        size = len(message)
        with self._lock:
            if self._blocked or self._sealed:
                return False
            self.backlog += size
            if self._marks is not None and self.backlog >= self._marks[0]:
                self._blocked = True
            self.accepted += 1  # Together with the next: no interrupt can come in between.
            self._messages.append(message)
        return True

    def admits(self) -> bool:
        """Tell whether little enough waits for a message to be queued now."""
        return not self._blocked

    def control(self, frame: bytes) -> None:
        """Queue a ping or a pong.

        When many wait, a pong takes the place of the last one (RFC 6455 section 5.5.3 lets only the newest ping be
        answered), so that a flood of pings costs nothing.
        """
        size = len(frame)
        with self._lock:
            if self._sealed:
                return
            on_their_way = self._batch.controls if self._batch is not None else 0
            waiting = len(self._controls) - on_their_way
            if waiting >= _MANY_PONGS and frame[0] == _PONG and self._controls[-1][0] == _PONG:
                size -= len(self._controls[-1])
                self._controls.pop()
            self.backlog += size
            self._controls.append(frame)

    def seal(self, close_frame: bytes, *, discard: bool) -> None:
        """Queue a close frame and nothing after it; `discard` messages of which nothing has gone out yet."""
        with self._lock:
            if self._sealed:
                return
            kept = self._batch.messages if self._batch is not None else 0
            size = len(close_frame)
            if discard:
                size -= sum(map(len, self._messages[kept:]))
                del self._messages[kept:]
            self._sealed = True
            self.backlog += size
            self._messages.append(close_frame)

    def clear(self) -> None:
        """Drop everything: nothing can be written any more. A write that is under way may yet tell how far it came."""
        with self._lock:
            last = self._rest_locked(self._batch) if self._batch is not None else self._last
            self._sealed = True
            self._messages, self._controls, self._batch, self.backlog = [], [], None, 0
            self._last = last

    def _rest_locked(self, batch: Batch) -> _Rest:
        sizes = [len(message) for message in self._messages[: batch.messages]]
        if self._sealed and len(sizes) == len(self._messages):
            del sizes[-1:]  # The close frame.
        return _Rest(batch, sum(map(len, self._controls[: batch.controls])), sizes)

    @property
    def written(self) -> int:
        """How many of the messages, in their order, the kernel may have whole; a close frame is none of them.

        Final after `clear`, once no write is under way. Until then it may grow.
        """
        last = self._last
        return self._written + (0 if last is None else last.whole())

    def take(self, encode: Callable[[Unframed], bytes] | None = None) -> Batch | None:
        """Return what to write next; None: there is nothing.

        `encode` makes frames of unframed messages, each once, in order and outside the lock. If it is interrupted,
        nothing can be written any more: it may have taken account of a message that does not go out.
        """
        if self._batch is None and self.backlog:
            if encode is not None:
                self._encode_some(encode)
            with self._lock:
                messages = self._messages
                if len(messages) == 1 and not self._controls and isinstance(messages[0], bytes):
                    self._batch = Batch(memoryview(messages[0]), 0, 1)  # As nearly always: nothing to put together.
                else:
                    self._batch = self._next_locked()
        return self._batch

    def _encode_some(self, encode: Callable[[Unframed], bytes]) -> None:
        """Put frames in the place of the messages that go out next."""
        size = 0
        for index, message in enumerate(self._messages[:_MANY_MESSAGES]):
            frame = message if isinstance(message, bytes) else encode(message)
            if frame is not message and not self._replace(index, message, frame):
                return  # Discarded meanwhile, for a close frame: no message goes out any more.
            size += len(frame)
            if size >= _BATCH:
                return

    def _replace(self, index: int, message: Outgoing, frame: bytes) -> bool:
        growth = len(frame) - len(message)
        with self._lock:
            # Only the holder of the write lock takes messages from the front, but anybody may discard them.
            if self._messages[index : index + 1] != [message]:
                return False
            self._messages[index] = frame
            self.backlog += growth
        return True

    def wrote(self) -> bool:
        """Note that more of the batch is out; True: somebody may be waiting for what this makes true."""
        batch = self._batch
        if batch is None:
            return False
        size = len(batch.data)
        if sum(batch.sent) < size:
            return False
        with self._lock:
            if self._batch is None:
                return False  # Cleared meanwhile.
            was_blocked = self._blocked
            self._batch = None
            self._written += batch.messages - (self._sealed and batch.messages == len(self._messages))
            self.backlog -= size
            del self._controls[: batch.controls]
            del self._messages[: batch.messages]
            if self._marks is not None and self.backlog <= self._marks[1]:
                self._blocked = False
            return not self.backlog or (was_blocked and not self._blocked)

    def _next_locked(self) -> Batch | None:
        frames = self._controls.copy()
        size = sum(map(len, frames))
        messages = 0
        for frame in self._messages:
            if isinstance(frame, Unframed) or (frames and size + len(frame) > _BATCH):
                break
            frames.append(frame)
            size += len(frame)
            messages += 1
        if not frames:
            return None
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        return Batch(memoryview(data), len(self._controls), messages)
