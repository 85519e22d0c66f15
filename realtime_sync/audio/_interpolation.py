"""A change of rate by any ratio, one output at a time: for such as 44099 to 24000, which no small numbers make."""

from __future__ import annotations

from functools import lru_cache
from operator import mul

from realtime_sync.audio._samples import bytes_of, samples_of
from realtime_sync.audio._sinc import half_length, sinc_taps

__all__ = ["Interpolation"]

_FRACTIONS = 1024
"""Places between two inputs that have taps; the nearest is taken. At a quarter of the rate that is noise of -67 dB."""
_LARGEST = 32767


@lru_cache(maxsize=2 * _FRACTIONS)
def _taps(ratio: float, number: int) -> tuple[float, ...]:
    return tuple(sinc_taps(ratio, number / _FRACTIONS))


class Interpolation:
    """Change the rate of a stream of PCM16. One thread at a time."""

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._source_rate = source_rate
        self._target_rate = target_rate
        self._half = half_length(target_rate / source_rate)
        self._waiting = samples_of(bytes(2 * (self._half - 1)))
        self._dropped = 0
        self._taken = 0
        self._made = 0

    def feed(self, data: bytes) -> bytes:
        """Take whole samples; return what can be made so far."""
        self._taken += len(data) // 2
        self._waiting.extend(samples_of(data))
        return self._make()

    def finish(self) -> bytes:
        """Return the rest, as if silence followed. In all there are ``taken * target / source`` outputs, rounded up."""
        missing = -(-self._taken * self._target_rate // self._source_rate) - self._made
        self._waiting.extend(samples_of(bytes(4 * self._half)))
        return self._make()[: 2 * missing]

    def _make(self) -> bytes:
        """Return the outputs whose inputs are there; drop the inputs that nothing needs any more."""
        ratio, width, waiting = self._target_rate / self._source_rate, 2 * self._half, self._waiting
        out = []
        while True:
            first, rest = divmod(self._made * self._source_rate, self._target_rate)
            # Rounding to the nearest place may lead to the next input, whose place 0 is.
            step, number = divmod(round(rest * _FRACTIONS / self._target_rate), _FRACTIONS)
            begin = first + step - self._dropped
            if begin + width > len(waiting):
                break
            value = round(sum(map(mul, _taps(ratio, number), waiting[begin : begin + width])))
            out.append(max(-_LARGEST - 1, min(_LARGEST, value)))
            self._made += 1
        drop = min(max(begin - 1, 0), len(waiting))
        del waiting[:drop]
        self._dropped += drop
        return bytes_of(out)
