"""Audio in the formats of the API: files, conversion, pace, and what was heard.

All of it works on the core alone, without a sound device. With the extra ``audio`` (numpy, soxr) rates are changed by
libsoxr; nothing else changes.
"""

from __future__ import annotations

from realtime_sync.audio._chunks import AudioSource, chunks
from realtime_sync.audio._convert import Converter, convert
from realtime_sync.audio._format import G711_ALAW, G711_ULAW, PCM16_24K, AudioFormat
from realtime_sync.audio._pacer import Pacer
from realtime_sync.audio._playback import Playback, Position
from realtime_sync.audio._player import Player
from realtime_sync.audio._recording import Recording, read_wav, sample_speech, write_wav

__all__ = [
    "G711_ALAW",
    "G711_ULAW",
    "PCM16_24K",
    "AudioFormat",
    "AudioSource",
    "Converter",
    "Pacer",
    "Playback",
    "Player",
    "Position",
    "Recording",
    "chunks",
    "convert",
    "read_wav",
    "sample_speech",
    "write_wav",
]
