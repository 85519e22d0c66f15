"""A change of rate by a ratio of small numbers, in exact integer arithmetic.

Going from rate S to rate T, with S / T reduced to ``down`` / ``up``, output n lies at input n * down / up. Its fraction
takes ``up`` values, the *phases*, each with filter taps of its own; output k * up + p needs inputs from
k * down + p * down // up on. So all outputs of one phase are a convolution of the ``down`` *strands* of the input
(every ``down``-th sample), which is a sum of products of large integers (see `_samples`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from attrs import frozen

from realtime_sync.audio._samples import GUARD, SLOT, flip_sign, pack, repeated, take
from realtime_sync.audio._sinc import half_length, sinc_taps

__all__ = ["Polyphase"]

_FRACTION_BITS = 24
_GAIN = 1 << _FRACTION_BITS
_ROUNDING = _GAIN >> 1
_LONGEST = 4096
"""Groups in one convolution: the integers of one fit into a processor's cache."""
_MOST_TAPS = 100_000
_LARGEST_STEP = 4096


@frozen(kw_only=True)
class _Filter:
    """All phases of one ratio.

    Attributes:
        up, down: outputs and inputs of one group.
        lead: inputs that the first output needs from before the beginning.
        reach: inputs that a group sees, from the first one on.
        depth: slots of the longest strand of taps, less one.
        phases: of each output of a group, the strands it needs and their taps: an integer of slots, last tap first.
    """

    up: int
    down: int
    lead: int
    reach: int
    depth: int
    phases: tuple[tuple[tuple[int, int], ...], ...]


def _whole_taps(ratio: float, fraction: float) -> list[int]:
    """Return whole taps, whose sum is exactly `_GAIN`, so that a steady input comes out as it went in."""
    taps = [round(each * _GAIN) for each in sinc_taps(ratio, fraction)]
    taps[taps.index(max(taps))] += _GAIN - sum(taps)
    return taps


@lru_cache(maxsize=16)
def _filter(up: int, down: int) -> _Filter:
    """Return the filter for `up` outputs every `down` inputs."""
    half = half_length(up / down)
    reach = (up - 1) * down // up + 2 * half
    depth = (reach - 1) // down
    phases = []
    for number in range(up):
        first, rest = divmod(number * down, up)
        strands: dict[int, int] = {}
        for i, tap in enumerate(_whole_taps(up / down, rest / up), first):
            delay, strand = divmod(i, down)
            strands[strand] = strands.get(strand, 0) + (tap << 8 * SLOT * (depth - delay))
        phases.append(tuple(strands.items()))
    return _Filter(up=up, down=down, lead=half - 1, reach=reach, depth=depth, phases=tuple(phases))


def _convolve(shape: _Filter, data: bytes, groups: int) -> bytes:
    """Return `groups` groups of outputs of as many groups of inputs, which `shape.reach` inputs follow."""
    low, high = data[0::2], flip_sign(data[1::2])
    length = groups + shape.depth
    strands = [
        pack([low[strand :: shape.down][:length], high[strand :: shape.down][:length]], 0)
        for strand in range(shape.down)
    ]
    bias = repeated((GUARD << 8 * (SLOT - 1)) + _ROUNDING, length + shape.depth)
    out = bytearray(2 * groups * shape.up)
    for number, phase in enumerate(shape.phases):
        total = bias
        for strand, taps in phase:
            total += strands[strand] * taps
        out[2 * number :: 2 * shape.up], out[2 * number + 1 :: 2 * shape.up] = take(
            total, groups, at=_FRACTION_BITS // 8, skip=shape.depth
        )
    return bytes(out)


class Polyphase:
    """Change the rate of a stream of PCM16. One thread at a time."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        divisor = math.gcd(source_rate, target_rate)
        self._filter = _filter(target_rate // divisor, source_rate // divisor)
        self._waiting = bytearray(2 * self._filter.lead)
        self._taken = 0
        self._made = 0

    @staticmethod
    def suits(source_rate: int, target_rate: int) -> bool:
        """Tell whether the ratio is one of numbers so small that groups are short and the taps are soon made."""
        divisor = math.gcd(source_rate, target_rate)
        up, down = target_rate // divisor, source_rate // divisor
        return down <= _LARGEST_STEP and up * 2 * half_length(up / down) <= _MOST_TAPS

    def feed(self, data: bytes) -> bytes:
        """Take whole samples; return what can be made so far."""
        self._taken += len(data) // 2
        self._waiting += data
        out = b"".join(self._blocks())
        self._made += len(out) // 2
        return out

    def finish(self) -> bytes:
        """Return the rest, as if silence followed. In all there are ``taken * up / down`` outputs, rounded up."""
        shape = self._filter
        missing = -(-self._taken * shape.up // shape.down) - self._made
        groups = -(-missing // shape.up)
        self._waiting += bytes(max(0, 2 * (shape.reach + (groups - 1) * shape.down) - len(self._waiting)))
        return b"".join(self._blocks())[: 2 * missing]

    def _blocks(self) -> Iterator[bytes]:
        """Yield the outputs of all groups that are complete; drop the inputs that nothing needs any more."""
        shape = self._filter
        groups = (len(self._waiting) // 2 - shape.reach) // shape.down + 1
        done = 0
        while done < groups:
            count = min(groups - done, _LONGEST)
            begin = 2 * done * shape.down
            end = begin + 2 * (count * shape.down + shape.reach)
            yield _convolve(shape, bytes(self._waiting[begin:end]), count)
            done += count
        if done:
            del self._waiting[: 2 * done * shape.down]
