"""Voice detection by loudness: samples in, the beginnings and ends of speech out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from attrs import define, field, frozen

from realtime_sync.server._loudness import FRAME_MS, loudness

__all__ = ["SpeechEdge", "VoiceActivity"]

_FULL_SCALE = 32768.0
_FLOOR_DECIBELS = -60.0
_RANGE_DECIBELS = 40.0
"""A threshold of 0 is -60 dB, of 1 it is -20 dB; the API's 0.5 is -40 dB, a tenth of an ordinary voice."""
_HYSTERESIS = 0.15
"""By so much lower a threshold, speech that has begun goes on."""
_ONSET_FRAMES = 3
"""Loud frames in a row that make speech: a click is shorter."""
_SEMANTIC_SILENCE_MS = {"low": 2000, "medium": 1000, "auto": 1000, "high": 500}
"""Semantic detection waits for the end of a thought; without a model, a longer or shorter silence stands in for it."""


@frozen
class SpeechEdge:
    """Speech began or ended."""

    kind: Literal["started", "stopped"]
    at_ms: int
    """Of all audio: where the turn's audio begins (padding included), or ends (the closing silence included)."""


def _level(threshold: float) -> float:
    return float(_FULL_SCALE * 10 ** ((_FLOOR_DECIBELS + _RANGE_DECIBELS * threshold) / 20))


@define(eq=False)
class VoiceActivity:
    """Belongs to the connection's thread; free of clocks: its time is the audio's own."""

    _rate: int
    """Samples a second of the PCM16 that it is fed."""
    _position_ms: int
    """Of all audio: where the next frame begins."""
    _settings: dict[str, Any]
    """The session's turn_detection."""
    is_speaking: bool = False
    _rest: bytes = field(init=False, default=b"", repr=False)
    """Less than a frame."""
    _loud: int = field(init=False, default=0)
    """Loud frames in a row, before speech."""
    _silent_ms: int = field(init=False, default=0)
    """Since the last frame of speech."""

    def adjust(self, settings: dict[str, Any]) -> None:
        """Go on with other settings."""
        self._settings = settings

    def reset(self) -> None:
        """Forget speech that has begun: its audio was committed or cleared."""
        self.is_speaking, self._loud, self._silent_ms = False, 0, 0

    def feed(self, pcm: bytes) -> Iterator[SpeechEdge]:
        """Take the next PCM16 samples; yield what is found in them, in order."""
        data = self._rest + pcm
        size = 2 * self._rate * FRAME_MS // 1000
        self._rest = data[len(data) // size * size :]
        for level in loudness(data, self._rate):
            edge = self._frame(level)
            self._position_ms += FRAME_MS
            if edge is not None:
                yield edge

    def _frame(self, level: float) -> SpeechEdge | None:
        end = self._position_ms + FRAME_MS
        threshold = self._settings.get("threshold", 0.5)
        if self.is_speaking:
            is_speech = level >= _level(threshold - _HYSTERESIS)
            self._silent_ms = 0 if is_speech else self._silent_ms + FRAME_MS
            if self._silent_ms < max(FRAME_MS, self._silence_ms()):
                return None
            self.reset()
            return SpeechEdge("stopped", end)
        self._loud = self._loud + 1 if level >= _level(threshold) else 0
        if self._loud < _ONSET_FRAMES:
            return None
        self.reset()
        self.is_speaking = True
        padding = self._settings.get("prefix_padding_ms", 300)
        return SpeechEdge("started", max(0, end - _ONSET_FRAMES * FRAME_MS - padding))

    def _silence_ms(self) -> int:
        if self._settings["type"] == "semantic_vad":
            return _SEMANTIC_SILENCE_MS[self._settings["eagerness"]]
        return int(self._settings["silence_duration_ms"])
