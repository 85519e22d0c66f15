"""Many samples at once: PCM16 as arrays, and as the digits of one large integer.

A Python loop over samples costs 50 ns and more each. Arithmetic on integers of any size runs in C, and an integer
whose digits (*slots* of six bytes here) are samples adds, scales and convolves all of them in one operation: a product
of such integers is the convolution of their slots. Three things make that exact:

- Samples go in as *offset binary*, 0 to 65,535, so that no slot borrows from the next one.
- `Slots.take` reads two bytes of each slot as the result; what is below them is its fraction.
- The byte above them is the *guard*. A bias keeps it at 128 as long as the result fits into 16 bits; anything else
  there is a sample to be clipped.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence

__all__ = ["GUARD", "SLOT", "bytes_of", "flip_sign", "join", "pack", "repeated", "samples_of", "take"]

SLOT = 6
"""Bytes of a slot: 16 bits of sample, 24 of fraction, 8 of guard."""

GUARD = 0x80
"""What the guard of an unclipped sample is."""
_FLIP = bytes(each ^ 0x80 for each in range(256))


def flip_sign(high: bytes) -> bytes:
    """Turn the most significant bytes of signed samples into those of offset binary, or back."""
    return high.translate(_FLIP)


def samples_of(data: bytes | bytearray | memoryview, typecode: str = "h") -> array[int]:
    """Return little-endian data of whole samples as an array of numbers ("h": signed, "H": unsigned 16 bit)."""
    samples = array(typecode, bytes(data))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def bytes_of(samples: Iterable[int]) -> bytes:
    """Return signed 16-bit numbers as little-endian data."""
    out = array("h", samples)
    if sys.byteorder == "big":
        out.byteswap()
    return out.tobytes()


def pack(planes: Sequence[bytes | bytearray], at: int) -> int:
    """Return an integer of one slot a sample.

    Args:
        planes: byte 0 of each sample, byte 1 of each, and so on; all of one length; in offset binary.
        at: the byte within the slot at which the first plane goes.
    """
    slots = bytearray(SLOT * len(planes[0]))
    for offset, plane in enumerate(planes, at):
        slots[offset::SLOT] = plane
    return int.from_bytes(slots, "little")


def repeated(value: int, count: int) -> int:
    """Return an integer of `count` slots that all hold `value`."""
    return int.from_bytes(value.to_bytes(SLOT, "little") * count, "little")


def take(slots: int, count: int, at: int, skip: int = 0) -> tuple[bytes, bytes]:
    """Return the low and high bytes of `count` samples, signed again and clipped to 16 bits.

    Args:
        slots: an integer of at least `skip` + `count` slots, none negative.
        count: how many samples.
        at: the byte within the slot at which the samples are; the guard is two bytes on.
        skip: how many slots to leave out first.
    """
    raw = slots.to_bytes((slots.bit_length() + 7) // 8 + SLOT, "little")
    begin, end = skip * SLOT, (skip + count) * SLOT
    low, high, guard = (raw[begin + at + offset : end : SLOT] for offset in range(3))
    if guard.count(GUARD) != count:
        low, high = _clip(low, high, guard)
    return low, flip_sign(high)


def _clip(low: bytes, high: bytes, guard: bytes) -> tuple[bytes, bytes]:
    """Put the largest or the smallest sample where the guard says that one did not fit."""
    clipped_low, clipped_high = bytearray(low), bytearray(high)
    for i, kept in enumerate(guard):
        if kept != GUARD:
            clipped_low[i] = clipped_high[i] = 0xFF if kept > GUARD else 0
    return bytes(clipped_low), bytes(clipped_high)


def join(low: bytes, high: bytes) -> bytes:
    """Return PCM16 made of its low and high bytes."""
    out = bytearray(2 * len(low))
    out[0::2] = low
    out[1::2] = high
    return bytes(out)
