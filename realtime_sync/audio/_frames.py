"""Frames of a WAV file, one or two channels of 8 to 32 bits, to mono PCM16."""

from __future__ import annotations

from attrs import frozen

from realtime_sync.audio._g711 import Law, decode_g711
from realtime_sync.audio._samples import GUARD, flip_sign, join, pack, repeated, take

__all__ = ["Frames"]

_WIDEST = 4
_HALF = 1 << 15
"""Half of the lowest of the 16 bits that stay."""


@frozen(kw_only=True)
class Frames:
    """How the frames of a file are laid out.

    Attributes:
        channels: 1 or 2.
        width: bytes of one sample of one channel, 1 to 4.
        law: of G.711, whose width is 1; None for PCM.
    """

    channels: int
    width: int
    law: Law | None = None

    @property
    def size(self) -> int:
        """Bytes of one frame."""
        return self.channels * self.width

    def to_pcm16(self, data: bytes) -> bytes:
        """Return whole frames as mono PCM16: the mean of both channels, rounded to the nearest of 16 bits."""
        if self.law is not None:
            return Frames(channels=self.channels, width=2).to_pcm16(decode_g711(data, self.law))
        if self.channels == 1:
            if self.width == 1:
                return join(bytes(len(data)), flip_sign(data))
            if self.width == 2:  # noqa: PLR2004  (16 bits: nothing to do)
                return data
        count = len(data) // self.size
        # A channel fills the top of four bytes: the 16 bits of one begin at bit 16, of the sum of two at bit 17.
        halving = self.channels - 1
        bias = (GUARD << 8 * _WIDEST | _HALF) << halving
        total = sum(self._channel(data, channel) for channel in range(self.channels)) + repeated(bias, count)
        return join(*take(total >> halving, count, at=2))

    def _channel(self, data: bytes, channel: int) -> int:
        """Return the samples of one channel, scaled to 32 bits."""
        planes = [data[channel * self.width + place :: self.size] for place in range(self.width)]
        if self.width > 1:  # samples of 8 bits are in offset binary already
            planes[-1] = flip_sign(planes[-1])
        return pack(planes, _WIDEST - self.width)
