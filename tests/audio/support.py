"""Signals, and how good they are."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st


def sine(frequency: float, rate: int, seconds: float, amplitude: float = 20000) -> bytes:
    """A tone as PCM16."""
    step = 2 * math.pi * frequency / rate
    return pcm(round(amplitude * math.sin(step * i)) for i in range(round(rate * seconds)))


def pcm(samples) -> bytes:
    """Numbers as little-endian PCM16."""
    values = list(samples)
    return struct.pack(f"<{len(values)}h", *values)


def numbers(data: bytes) -> list[int]:
    """PCM16 as numbers."""
    return list(struct.unpack(f"<{len(data) // 2}h", data))


def rms(samples: Sequence[float]) -> float:
    return math.sqrt(math.fsum(each * each for each in samples) / len(samples))


def fit(samples: Sequence[int], frequency: float, rate: int) -> tuple[float, float]:
    """Return the amplitude of a tone of which there are whole periods, and the dB between it and all the rest."""
    step = 2 * math.pi * frequency / rate
    sin = math.fsum(each * math.sin(step * i) for i, each in enumerate(samples)) * 2 / len(samples)
    cos = math.fsum(each * math.cos(step * i) for i, each in enumerate(samples)) * 2 / len(samples)
    power = (sin * sin + cos * cos) / 2
    noise = math.fsum(each * each for each in samples) / len(samples) - power
    return math.hypot(sin, cos), 10 * math.log10(power / max(noise, 1e-9))


def cut(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Cut data into pieces of these sizes, over and over."""
    at, number = 0, 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        yield data[at : at + size]
        at, number = at + size, number + 1


CUTS = st.lists(st.integers(0, 700), min_size=1, max_size=6).filter(any)
"""Sizes for `cut`."""


def wav(
    data: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 24000,
    bits: int = 16,
    width: int | None = None,
    riff: bytes = b"RIFF",
    riff_size: int | None = None,
    data_size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    extension: bytes = b"",
) -> bytes:
    """A WAV file, put together without the code under test."""
    frame = channels * (width or bits // 8)
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits) + extension
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data + b"\0" * (len(data) % 2)
    body += after
    return riff + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def mean(*channels: int) -> int:
    """What stereo is mixed down to."""
    return math.floor(sum(channels) / len(channels) + 0.5)
