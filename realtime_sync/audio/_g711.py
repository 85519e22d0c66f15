"""G.711, the 8-bit encodings of telephony, from and to PCM16 (ITU-T G.711, tables 1a to 2b).

Both laws keep a sign, a segment (the position of the highest bit) and the four bits below that. Mu-law works on 14
bits of a sample and A-law on 13: the rest is shifted out, which for a negative sample means rounding down. Decoding is
a table of 256 entries, applied to high and low bytes by `bytes.translate`; encoding is a table of all 65,536 samples.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import cache
from typing import Literal, TypeAlias

from realtime_sync.audio._samples import join, samples_of

__all__ = ["Law", "decode_g711", "encode_g711"]

Law: TypeAlias = Literal["g711_ulaw", "g711_alaw"]

_MU_BIAS = 33  # in units of 14 bits: makes every segment begin at a power of two
_MU_LARGEST = 8158
_A_TOGGLE = 0x55  # A-law goes out with every other bit inverted
_SIGN = 0x80


def _decode_ulaw(code: int) -> int:
    segment, steps = (~code >> 4) & 7, ~code & 15
    magnitude = (((steps << 1) + _MU_BIAS << segment) - _MU_BIAS) << 2
    return magnitude if code & _SIGN else -magnitude


def _decode_alaw(code: int) -> int:
    code ^= _A_TOGGLE
    segment, steps = (code >> 4) & 7, code & 15
    magnitude = ((steps << 1) + 1) << 3 if segment == 0 else ((steps << 1) + _MU_BIAS) << (segment + 2)
    return magnitude if code & _SIGN else -magnitude


def _encode_ulaw(sample: int) -> int:
    magnitude = min(abs(sample >> 2), _MU_LARGEST) + _MU_BIAS
    segment = magnitude.bit_length() - 6
    steps = (magnitude >> (segment + 1)) & 15
    return ~(segment << 4 | steps | (_SIGN if sample < 0 else 0)) & 0xFF


def _encode_alaw(sample: int) -> int:
    # One's complement: the negative half is the mirror of the positive one, with no zero of its own.
    magnitude = (sample if sample >= 0 else ~sample) >> 3
    segment = max(magnitude.bit_length() - 5, 0)
    steps = (magnitude >> max(segment, 1)) & 15
    return (segment << 4 | steps | (_SIGN if sample >= 0 else 0)) ^ _A_TOGGLE


_DECODE: dict[str, Callable[[int], int]] = {"g711_ulaw": _decode_ulaw, "g711_alaw": _decode_alaw}
_ENCODE: dict[str, Callable[[int], int]] = {"g711_ulaw": _encode_ulaw, "g711_alaw": _encode_alaw}


@cache
def _decoding_tables(law: Law) -> tuple[bytes, bytes]:
    """Return the low and the high byte of the sample of each code."""
    samples = [_DECODE[law](code) & 0xFFFF for code in range(256)]
    return bytes(each & 0xFF for each in samples), bytes(each >> 8 for each in samples)


@cache
def _encoding_table(law: Law) -> bytes:
    """Return the code of each sample; negative ones, as their two's complement, in the upper half."""
    encode = _ENCODE[law]
    return bytes(map(encode, range(0x8000))) + bytes(map(encode, range(-0x8000, 0)))


def decode_g711(data: bytes, law: Law) -> bytes:
    """Return G.711 as PCM16 of the same rate."""
    low, high = _decoding_tables(law)
    return join(data.translate(low), data.translate(high))


def encode_g711(data: bytes, law: Law) -> bytes:
    """Return PCM16 (whole samples) as G.711 of the same rate."""
    samples: array[int] = samples_of(data, "H")
    return bytes(map(_encoding_table(law).__getitem__, samples))
