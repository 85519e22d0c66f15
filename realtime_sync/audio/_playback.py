"""What was heard: the queue between the audio that arrives and the device that plays it."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol, TypeAlias

from attrs import define, field, frozen

from realtime_sync.audio._convert import Buffer, as_bytes
from realtime_sync.audio._format import PCM16_24K, AudioFormat
from realtime_sync.errors import LocalProtocolError
from realtime_sync.session import Deadline, Waiter

__all__ = ["Playback", "Position"]

_REMEMBERED = 1024
"""Ids of what was cleared, so that late audio of it is dropped."""
_COUNTED = 64
"""Parts that others have followed, and that go on if more of them comes."""

_Key: TypeAlias = tuple[str | None, int]


class AudioDelta(Protocol):
    """An event that brings audio. Its ``item_id``, ``content_index`` and ``response_id`` are read where it has them."""

    @property
    def audio(self) -> bytes: ...


@frozen(kw_only=True)
class Position:
    """How far somebody has listened.

    Attributes:
        item_id: the item that was being heard, or was next; None: audio without an id, or none at all.
        content_index: which of its content parts.
        played_ms: how much of that part was heard, in whole milliseconds.
        dropped_ms: how much audio was dropped that had not been heard, of all items.
        unheard: the items behind it of which nothing was heard.
    """

    item_id: str | None = None
    content_index: int = 0
    played_ms: int = 0
    dropped_ms: int = 0
    unheard: tuple[str, ...] = ()


@define(eq=False, kw_only=True)
class _Part:
    """The audio of one content part of one item. Guarded by the playback's lock."""

    key: _Key
    response_id: str | None
    heard: int = 0
    """Bytes that were heard; with a latency, bytes that were pulled and are not heard yet are in flight."""
    in_flight: int = 0
    waiting: int = 0
    cleared: bool = False
    _pieces: deque[memoryview] = field(init=False, factory=deque)

    def put(self, data: bytes) -> None:
        self._pieces.append(memoryview(data))
        self.waiting += len(data)

    def pull(self, nbytes: int) -> list[memoryview]:
        """Take `nbytes`, of which there must be as many."""
        self.waiting -= nbytes
        pulled = []
        while nbytes > 0:
            piece = self._pieces.popleft()
            if len(piece) > nbytes:
                self._pieces.appendleft(piece[nbytes:])
                piece = piece[:nbytes]
            pulled.append(piece)
            nbytes -= len(piece)
        return pulled

    def drop(self) -> int:
        """Forget what was not heard; return how many bytes that was."""
        dropped = self.waiting + self.in_flight
        self._pieces.clear()
        self.waiting = self.in_flight = 0
        self.cleared = True
        return dropped


class Playback:
    """Queue audio for a device, and know what of it was *heard*.

        playback = Playback()
        rt.on("response.output_audio.delta", playback.add)
        stream = sounddevice.RawOutputStream(24000, channels=1, dtype="int16", callback=fill)

        def fill(buffer, frames, time, status):
            buffer[:] = playback.read(len(buffer), pad=True)

        @rt.on("input_audio_buffer.speech_started", urgent=True)
        def barge_in(event):
            heard = playback.clear()
            rt.interrupt(played_ms=heard.played_ms, item_id=heard.item_id)

    Content parts play in the order in which they began to arrive, each to the end of what has arrived before the next
    begins. The *current* part is the first that was not heard to the end, or else the last one.

    Threads: any, a sound device's callback too: no call but `wait_heard` ever waits.
    Locks: `_lock` guards everything below it; it is held for a few steps of bookkeeping, never while waiting, decoding
    or joining audio.

    Args:
        format: of the audio.
        latency: seconds from `read` to the ear: what was pulled counts as heard that much later. 0: at once.
        clock: seconds, monotonic; a test's own.
    """

    def __init__(
        self,
        format: AudioFormat = PCM16_24K,  # noqa: A002  (the field's own name)
        *,
        latency: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.format = format
        self.latency = latency
        self._clock = clock
        # guarded by _lock
        self._lock = Lock()
        self._parts: deque[_Part] = deque()
        self._past: OrderedDict[_Key, _Part] = OrderedDict()
        self._in_flight: deque[tuple[float, _Part, int]] = deque()
        self._gone: OrderedDict[str, None] = OrderedDict()
        # An ordered dict, because leaving it is one call of a built-in, which no interrupt can cut in two.
        self._waiters: OrderedDict[Waiter, None] = OrderedDict()

    def add(self, audio: Buffer | AudioDelta, item_id: str | None = None, content_index: int = 0) -> bool:
        """Queue audio; return False if it was dropped, because its item or response was cleared.

        Args:
            audio: an audio delta of either API, or bytes-like audio of any length, in `format`.
            item_id: of bytes: the item that they belong to. Audio without one is taken for one endless item.
            content_index: of bytes: the content part that they belong to.

        Raises:
            LocalProtocolError: it is neither.
            DecodeError: a delta is not base64.
        """
        response_id = None
        data: Any = getattr(audio, "audio", audio)
        if data is not audio:
            item_id = getattr(audio, "item_id", None)
            content_index = getattr(audio, "content_index", None) or 0
            response_id = getattr(audio, "response_id", None)
        data = as_bytes(data, "audio to play")
        with self._lock:
            if item_id in self._gone or response_id in self._gone:
                return False
            if data:
                self._part_locked((item_id, content_index), response_id).put(data)
        return True

    def read(self, nbytes: int, *, pad: bool = False) -> bytes:
        """Pull the audio that is to be played next: whole samples, fewer than asked for if there are no more.

        Args:
            nbytes: the most to return.
            pad: return exactly `nbytes`, with silence for what is missing. Silence is not counted.

        Raises:
            LocalProtocolError: `nbytes` are not whole samples.
        """
        if nbytes < 0 or nbytes % self.format.sample_width:
            msg = f"audio is read in whole samples of {self.format.sample_width} bytes; got {nbytes}"
            raise LocalProtocolError(msg)
        pulled: list[memoryview] = []
        with self._lock:
            now = self._settle_locked()
            left = nbytes
            for part in self._parts:
                take = min(left, self._whole(part))
                if take:
                    pulled += part.pull(take)
                    self._play_locked(part, take, now)
                    left -= take
                if not left:
                    break
            self._retire_locked()
            self._wake_locked()
        return b"".join(pulled) + (self.format.silence(left / self.format.bytes_per_second) if pad else b"")

    @property
    def played_ms(self) -> int:
        """How much of the current part was heard, in whole milliseconds."""
        return self.position.played_ms

    @property
    def item_id(self) -> str | None:
        """The current item; None: audio without an id, or none yet."""
        return self.position.item_id

    @property
    def content_index(self) -> int:
        """The current content part of the item."""
        return self.position.content_index

    @property
    def position(self) -> Position:
        """All three at one moment; `dropped_ms` and `unheard` are for `clear` to tell."""
        with self._lock:
            self._settle_locked()
            return self._position_locked()

    @property
    def buffered_seconds(self) -> float:
        """How much audio waits to be pulled."""
        with self._lock:
            return self.format.seconds(sum(part.waiting for part in self._parts))

    def clear(self, response_id: str | None = None) -> Position:
        """Drop what was not heard, and what still comes of items and responses that have begun; return what was heard.

        Audio without an item id cannot be told apart, so that what is added of it later plays.

        Args:
            response_id: a response of which nothing may play any more, even if nothing of it has arrived yet.
        """
        with self._lock:
            self._settle_locked()
            position = self._position_locked()
            behind = [part.key[0] for part in list(self._parts)[1:] if not part.heard]
            unheard = tuple(dict.fromkeys(each for each in behind if each is not None and each != position.item_id))
            dropped = sum(part.drop() for part in self._parts)
            self._in_flight.clear()
            for part in (*self._past.values(), *self._parts):
                self._forget_locked(part.key[0])
                self._forget_locked(part.response_id)
            self._forget_locked(response_id)
            self._past.clear()
            while len(self._parts) > 1:
                self._parts.pop()
            self._wake_locked()
        return Position(
            item_id=position.item_id,
            content_index=position.content_index,
            played_ms=position.played_ms,
            dropped_ms=self.format.ms(dropped),
            unheard=unheard,
        )

    def wait_heard(self, timeout: float | None = None) -> bool:
        """Wait until all that was added has been heard or cleared; return whether that came about.

        Somebody has to `read` meanwhile: a device, or a `Player`. What is added while this waits is waited for too.

        Args:
            timeout: seconds (None: no limit, 0: do not wait).
        """
        deadline = Deadline(timeout)
        while True:
            waiter = Waiter()
            try:
                with self._lock:
                    self._settle_locked()
                    idle = not any(self._whole(part) for part in self._parts)
                    if idle and not self._in_flight:
                        return True
                    if deadline.passed():
                        return False
                    self._waiters[waiter] = None
                    # What is in flight is heard by the passing of time alone.
                    due = self._in_flight[-1][0] - self._clock() if idle else None
                waits = [each for each in (deadline.remaining(), due) if each is not None]
                waiter.wait(max(0.0, min(waits)) if waits else None)
            finally:
                self._waiters.pop(waiter, None)

    def _whole(self, part: _Part) -> int:
        """Return how many bytes of whole samples wait: a delta may end inside one."""
        return part.waiting // self.format.sample_width * self.format.sample_width

    def _part_locked(self, key: _Key, response_id: str | None) -> _Part:
        """Return the part that audio of this key belongs to."""
        known = next((part for part in self._parts if part.key == key and not part.cleared), None)
        if known is not None and (self._whole(known) or known is self._parts[-1]):
            return known
        # More of a part that was pulled to its end and that others follow plays behind them, and counts on.
        if known is not None:
            self._parts.remove(known)
        elif key in self._past:
            known = self._past.pop(key)
        self._parts.append(known or _Part(key=key, response_id=response_id))
        self._retire_locked()
        return self._parts[-1]

    def _retire_locked(self) -> None:
        """Leave parts behind that were heard to the end of what there is of them, if others follow."""
        while len(self._parts) > 1 and not self._parts[0].in_flight and not self._whole(self._parts[0]):
            part = self._parts.popleft()
            if not part.cleared:
                self._past[part.key] = part
                if len(self._past) > _COUNTED:
                    self._past.popitem(last=False)

    def _play_locked(self, part: _Part, nbytes: int, now: float) -> None:
        if self.latency > 0:
            part.in_flight += nbytes
            self._in_flight.append((now + self.latency, part, nbytes))
        else:
            part.heard += nbytes

    def _settle_locked(self) -> float:
        """Count as heard what was in flight long enough; return the time."""
        now = self._clock()
        while self._in_flight and self._in_flight[0][0] <= now:
            _, part, nbytes = self._in_flight.popleft()
            part.in_flight -= nbytes
            part.heard += nbytes
            self._retire_locked()
        return now

    def _position_locked(self) -> Position:
        if not self._parts:
            return Position()
        part = self._parts[0]
        item_id, content_index = part.key
        return Position(item_id=item_id, content_index=content_index, played_ms=self.format.ms(part.heard))

    def _forget_locked(self, id_: str | None) -> None:
        """Remember an id of which nothing more is to be heard."""
        if id_ is not None:
            self._gone[id_] = None
            if len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)

    def _wake_locked(self) -> None:
        """Let those who wait look again, once nothing waits to be pulled."""
        if self._waiters and not any(self._whole(part) for part in self._parts):
            while self._waiters:
                self._waiters.popitem(last=False)[0].wake()
