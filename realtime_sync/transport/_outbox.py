"""The queue of outgoing frames: what goes out next, how much may wait. No sockets, no threads of its own."""

from __future__ import annotations

import threading
from typing import final

__all__ = ["Batch", "Outbox", "Outgoing"]

_BATCH = 16 * 1024
_PONG = 0x8A
_MANY_WRITES = 64


@final
class Outgoing:
    """One message, encoded, framed and masked: what `Connection.prepare` returns and `Connection.offer` takes."""

    __slots__ = ("frame",)

    def __init__(self, frame: bytes) -> None:
        self.frame = frame

    def __len__(self) -> int:
        """Return the bytes on the wire."""
        return len(self.frame)


@final
class Batch:
    """What goes out in one write: small frames together, a large one alone. They stay queued until all of it is out.

    Attributes:
        sent: how much each write took; appended to by the write itself, so that an interrupt leaves it right.
    """

    __slots__ = ("controls", "data", "messages", "sent")

    def __init__(self, data: memoryview, controls: int, messages: int) -> None:
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

    __slots__ = ("_batch", "_blocked", "_controls", "_gone", "_lock", "_marks", "_messages", "_sealed", "backlog")

    def __init__(self, marks: tuple[int, int] | None) -> None:
        self._lock = threading.Lock()
        self._marks = marks
        self._messages: list[bytes] = []
        self._gone = 0  # messages that have left the queue
        self._controls: list[bytes] = []
        self._batch: Batch | None = None
        self._blocked = False
        self._sealed = False
        self.backlog = 0
        """Bytes of all frames of which not every byte is out. Without the lock it is a hint."""

    def offer(self, frame: bytes) -> bool:
        """Queue a message's frame; False: too much waits, or a close frame was queued."""
        size = len(frame)
        with self._lock:
            if self._blocked or self._sealed:
                return False
            self.backlog += size
            if self._marks is not None and self.backlog >= self._marks[0]:
                self._blocked = True
            self._messages.append(frame)
        return True

    def accepted(self) -> int:
        """Return how many messages were ever queued: exact, whenever an `offer` was interrupted."""
        with self._lock:
            return self._gone + len(self._messages)

    def admits(self) -> bool:
        """Tell whether little enough waits for a message to be queued now."""
        return not self._blocked

    def control(self, frame: bytes) -> None:
        """Queue a ping or a pong; a pong takes the place of one that still waits, so a flood of pings costs nothing."""
        size = len(frame)
        with self._lock:
            if self._sealed:
                return
            on_their_way = self._batch.controls if self._batch is not None else 0
            waiting = len(self._controls) - on_their_way
            if waiting and frame[0] == _PONG and self._controls[-1][0] == _PONG:
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
            discarded = len(self._messages) - kept if discard else 0
            if discard:
                size -= sum(map(len, self._messages[kept:]))
                del self._messages[kept:]
            self._sealed = True
            self._gone += discarded - 1  # The close frame is no message.
            self.backlog += size
            self._messages.append(close_frame)

    def clear(self) -> None:
        """Drop everything: nothing can be written any more."""
        with self._lock:
            gone = self._gone + len(self._messages)
            self._sealed = True
            self._messages, self._controls, self._batch, self.backlog, self._gone = [], [], None, 0, gone

    def take(self) -> Batch | None:
        """Return what to write next; None: there is nothing."""
        if self._batch is None and self.backlog:
            with self._lock:
                self._batch = self._next_locked()
        return self._batch

    def wrote(self) -> bool:
        """Note that more of the batch is out; True: somebody may be waiting for what this makes true."""
        batch = self._batch
        if batch is None or batch.rest():
            return False
        size = len(batch.data)
        with self._lock:
            if self._batch is None:
                return False  # Cleared meanwhile.
            was_blocked = self._blocked
            self._batch = None
            self.backlog -= size
            del self._controls[: batch.controls]
            del self._messages[: batch.messages]
            self._gone += batch.messages
            if self._marks is not None and self.backlog <= self._marks[1]:
                self._blocked = False
            return not self.backlog or (was_blocked and not self._blocked)

    def _next_locked(self) -> Batch | None:
        if len(self._messages) == 1 and not self._controls:
            return Batch(memoryview(self._messages[0]), 0, 1)
        frames = self._controls.copy()
        size = sum(map(len, frames))
        messages = 0
        for frame in self._messages:
            if frames and size + len(frame) > _BATCH:
                break
            frames.append(frame)
            size += len(frame)
            messages += 1
        if not frames:
            return None
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        return Batch(memoryview(data), len(self._controls), messages)
