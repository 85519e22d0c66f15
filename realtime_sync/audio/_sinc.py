"""The low-pass filter of every change of rate: a sinc under a Kaiser window.

It is flat to 0.84 of the lower of both Nyquist frequencies and 80 dB down from 1.0 on, and linear in phase.
"""

from __future__ import annotations

import math

__all__ = ["half_length", "sinc_taps"]

_ZERO_CROSSINGS = 32  # of the sinc, on each side of its middle
_KAISER_BETA = 7.857  # 80 dB
_ROLLOFF = 0.92  # of the lower Nyquist frequency: the middle of the transition band


def _bessel_i0(x: float) -> float:
    """Return the modified Bessel function of order 0, by its power series."""
    term = total = 1.0
    k = 0
    while term > total * 1e-12:
        k += 1
        term *= (x / (2 * k)) ** 2
        total += term
    return total


def half_length(ratio: float) -> int:
    """Return half the taps that a filter has for `ratio` outputs an input."""
    return math.ceil(_ZERO_CROSSINGS / min(1.0, ratio))


def sinc_taps(ratio: float, fraction: float) -> list[float]:
    """Return the taps that interpolate an input stream; their sum is 1.

    Args:
        ratio: outputs an input.
        fraction: where the output lies, from 0 to 1, between the two inputs in the middle.
    """
    half = half_length(ratio)
    cutoff = min(1.0, ratio) * _ROLLOFF
    taps = []
    for i in range(2 * half):
        at = i - half + 1 - fraction
        window = _bessel_i0(_KAISER_BETA * math.sqrt(max(0.0, 1 - (at / half) ** 2)))
        angle = math.pi * cutoff * at
        taps.append(window * (math.sin(angle) / angle if angle else 1.0))
    # Scaled phase by phase, or a steady input would come out with a ripple.
    total = math.fsum(taps)
    return [each / total for each in taps]
