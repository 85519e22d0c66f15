"""How answers get a voice: espeak-ng where it is installed, else a tone with the rhythm of the words."""

from __future__ import annotations

import functools
import logging
import math
import shutil
import struct
import subprocess
from collections.abc import Callable

from attrs import field, frozen

from realtime_sync.audio import PCM16_24K, AudioFormat, Recording, convert, read_wav
from realtime_sync.errors import ConfigurationError

__all__ = ["Speaker", "Speech", "cached", "default_speaker", "speak_by_espeak", "speak_by_tone"]

logger = logging.getLogger("realtime_sync.server")

Speaker = Callable[[str, str, float], Recording]
"""(text, voice, speed) to speech in any format; speed 1.0 is ordinary. Called on the threads of responses."""

_PROGRAM = "espeak-ng"
_TIMEOUT = 10.0
_WORDS_A_MINUTE = 175
_VARIANTS = {
    "alloy": "en+f2",
    "ash": "en+m1",
    "ballad": "en+m2",
    "cedar": "en+m7",
    "coral": "en+f4",
    "echo": "en+m3",
    "marin": "en+f3",
    "sage": "en+f5",
    "shimmer": "en+f1",
    "verse": "en+m4",
}
_CACHED = 64
"""Phrases kept in memory: a few seconds of audio each."""
_LETTER_SECONDS = 0.06
_GAP_SECONDS = 0.06
_LOUDNESS = 8000


def speak_by_tone(text: str, voice: str, speed: float) -> Recording:
    """Return a tone for each word, as long as the word; every voice has its own pitch."""
    pitch = 150 + sum(voice.encode()) % 101
    period = round(PCM16_24K.rate / pitch)
    samples = (round(_LOUDNESS * math.sin(2 * math.pi * n / period)) for n in range(period))
    wave = struct.pack(f"<{period}h", *samples)
    gap = PCM16_24K.silence(_GAP_SECONDS / speed)
    periods_a_letter = _LETTER_SECONDS * pitch / speed
    words = (wave * max(1, round(periods_a_letter * len(word))) for word in text.split())
    return Recording(PCM16_24K, b"".join(word + gap for word in words))


def speak_by_espeak(text: str, voice: str, speed: float) -> Recording:
    """Return what espeak-ng says; when it fails, a warning is logged and the tone speaks."""
    variant, rate = _VARIANTS.get(voice, "en"), str(round(_WORDS_A_MINUTE * speed))
    command = [_PROGRAM, "--stdout", "-b", "1", "-v", variant, "-s", rate, "--stdin"]
    try:
        # The text goes through the pipe: as an argument it could be taken for an option.
        done = subprocess.run(  # noqa: S603 - nothing of the command is a client's
            command, input=text.encode(errors="replace"), capture_output=True, timeout=_TIMEOUT, check=True
        )
        return read_wav(done.stdout)
    except (OSError, subprocess.SubprocessError, ConfigurationError) as error:
        logger.warning("%s cannot speak, so a tone does: %s", _PROGRAM, error)
        return speak_by_tone(text, voice, speed)


def default_speaker() -> Speaker:
    """Return `speak_by_espeak` where the program is installed, else `speak_by_tone`."""
    return speak_by_espeak if shutil.which(_PROGRAM) else speak_by_tone


def cached(speaker: Speaker) -> Callable[[str, str, float, AudioFormat], bytes]:
    """Return (text, voice, speed, format) -> audio, with a memory of the newest phrases. Safe from any thread."""

    @functools.lru_cache(maxsize=_CACHED)
    def speak(text: str, voice: str, speed: float, audio_format: AudioFormat) -> bytes:
        recording = speaker(text, voice, speed)
        return convert(recording.data, recording.format, audio_format)

    return speak


@frozen(kw_only=True)
class Speech:
    """The voice of one response."""

    format: AudioFormat
    """What the audio comes in."""
    pace: float
    """How many times faster than real time it is delivered."""
    _speak: Callable[[str, str, float, AudioFormat], bytes] = field(repr=False)
    _voice: str
    _speed: float

    def of(self, text: str) -> bytes:
        """Return the text spoken; nothing for blank text."""
        return self._speak(text.strip(), self._voice, self._speed, self.format) if text.strip() else b""

    def converted(self, recording: Recording) -> bytes:
        """Return audio that exists already, in this format."""
        return convert(recording.data, recording.format, self.format)
