"""How loud audio is, frame by frame: what voice detection and the stand-in transcriber both look at."""

from __future__ import annotations

import math
import operator
import struct

__all__ = ["FRAME_MS", "decibels", "loudness"]

FRAME_MS = 20
"""Milliseconds of one frame."""
_FULL_SCALE = 32768.0
_QUIETEST = -100.0
"""Decibels that stand for digital silence."""


def loudness(pcm: bytes, rate: int) -> list[float]:
    """Return the root mean square (0 to 32768) of each whole frame of little-endian PCM16; a part frame is left out."""
    size = rate * FRAME_MS // 1000
    frames = struct.iter_unpack(f"<{size}h", pcm[: len(pcm) // (2 * size) * 2 * size])
    return [math.sqrt(sum(map(operator.mul, frame, frame)) / size) for frame in frames]


def decibels(level: float) -> float:
    """Return a root mean square relative to full scale, in decibels (0 is the loudest, -100 silence)."""
    return max(_QUIETEST, 20 * math.log10(level / _FULL_SCALE)) if level > 0 else _QUIETEST
