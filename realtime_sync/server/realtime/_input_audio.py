"""The input audio buffer: audio that was appended and is not yet an item, on the clock of all audio ever appended."""

from __future__ import annotations

from attrs import define, field

from realtime_sync.audio import AudioFormat, Recording, convert
from realtime_sync.server._problem import Problem

__all__ = ["InputAudio"]

MIN_COMMIT_MS = 100
MAX_BYTES = 64 * 2**20


@define(eq=False)
class InputAudio:
    """Belongs to the connection's thread. Holds at most 64 MiB. Times are milliseconds since the session began."""

    format: AudioFormat
    _data: bytearray = field(init=False, factory=bytearray, repr=False)
    start_ms: float = field(init=False, default=0.0)
    """Of the first byte that is held."""

    @property
    def end_ms(self) -> float:
        """Return the length of everything that was ever appended."""
        return self.start_ms + len(self._data) / self._bytes_a_ms

    def append(self, audio: bytes) -> None:
        """Add audio, or raise the `Problem` of a full buffer. It may end within a sample; the next goes on there."""
        if len(self._data) + len(audio) > MAX_BYTES:
            msg = f"The input audio buffer is full: it holds {MAX_BYTES} bytes. Commit or clear it."
            raise Problem(msg, code="input_audio_buffer_full")
        self._data += audio

    def take(self, start_ms: float | None = None, end_ms: float | None = None) -> Recording:
        """Remove the audio up to `end_ms` (None: all of it); return the part after `start_ms` (None: all of it)."""
        start = 0 if start_ms is None else self._offset(start_ms)
        end = self._offset(self.end_ms if end_ms is None else end_ms)
        taken = bytes(self._data[start:end])
        self._drop(end)
        return Recording(self.format, taken)

    def forget(self, before_ms: float) -> None:
        """Remove the audio before a moment."""
        self._drop(self._offset(before_ms))

    def check_commit(self) -> None:
        """Raise the `Problem` of committing too little audio."""
        held = self.end_ms - self.start_ms
        if held < MIN_COMMIT_MS:
            msg = (
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS}ms of "
                f"audio, but buffer only has {held:.2f}ms of audio."
            )
            raise Problem(msg, code="input_audio_buffer_commit_empty")

    def switch(self, audio_format: AudioFormat) -> None:
        """Go on in another format; what is held is converted."""
        if audio_format != self.format:
            held = self._data[: self._offset(self.end_ms)]
            self._data = bytearray(convert(bytes(held), self.format, audio_format))
            self.format = audio_format

    @property
    def _bytes_a_ms(self) -> float:
        return self.format.bytes_per_second / 1000

    def _offset(self, at_ms: float) -> int:
        """Return the byte at a moment, at the beginning of a sample, within what is held."""
        width = self.format.sample_width
        whole = len(self._data) // width * width
        return min(whole, max(0, round((at_ms - self.start_ms) * self._bytes_a_ms) // width * width))

    def _drop(self, size: int) -> None:
        self.start_ms += size / self._bytes_a_ms
        del self._data[:size]
