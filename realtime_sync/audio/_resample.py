"""Which way to change a rate.

All keep to one interface, make the same number of samples, and leave no trace of how their input was cut into pieces.
"""

from __future__ import annotations

from typing import Protocol

from realtime_sync.audio._interpolation import Interpolation
from realtime_sync.audio._polyphase import Polyphase
from realtime_sync.audio._soxr import Soxr, soxr_is_installed

__all__ = ["Resampler", "resampler"]


class Resampler(Protocol):
    """A change of rate of one stream of PCM16: n inputs make n * target / source outputs, rounded up."""

    def feed(self, data: bytes) -> bytes:
        """Take whole samples; return what can be made so far."""
        ...

    def finish(self) -> bytes:
        """Return the rest, as if silence followed. Called once."""
        ...


def resampler(source_rate: int, target_rate: int) -> Resampler:
    """Return the best there is for these rates: soxr if installed, else our own."""
    if soxr_is_installed():
        return Soxr(source_rate, target_rate)
    if Polyphase.suits(source_rate, target_rate):
        return Polyphase(source_rate, target_rate)
    return Interpolation(source_rate, target_rate)
