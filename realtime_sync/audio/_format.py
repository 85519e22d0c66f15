"""What bytes of audio mean: encoding, rate, and the arithmetic between bytes, seconds and milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from attrs import Attribute, Factory, field, frozen

from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import ConfigurationError

__all__ = ["G711_ALAW", "G711_ULAW", "PCM16_24K", "AudioFormat", "Encoding"]

Encoding = Literal["pcm16", "g711_ulaw", "g711_alaw"]

_ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
_G711_RATE = 8000
_PCM_RATE = 24000
_WIRE_TYPES: dict[Encoding, str] = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_BY_WIRE_TYPE: dict[str, Encoding] = {name: encoding for encoding, name in _WIRE_TYPES.items()}
_SILENCE: dict[Encoding, bytes] = {"pcm16": b"\0\0", "g711_ulaw": b"\xff", "g711_alaw": b"\xd5"}


def _check_encoding(_: AudioFormat, __: Attribute[str], value: str) -> None:
    if value not in _ENCODINGS:
        msg = f"audio encoding {value!r} is not known: use one of {', '.join(_ENCODINGS)}"
        raise ConfigurationError(msg)


def _check_rate(audio_format: AudioFormat, _: Attribute[int], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        msg = f"an audio rate is a positive whole number of samples a second; got {value!r}"
        raise ConfigurationError(msg)
    if audio_format.encoding != "pcm16" and value != _G711_RATE:
        msg = f"G.711 has {_G711_RATE} samples a second; got {value}"
        raise ConfigurationError(msg)


@frozen
class AudioFormat:
    """A format of mono audio. Equal formats are interchangeable.

    Attributes:
        encoding: "pcm16" (signed, 16 bit, little-endian), "g711_ulaw" or "g711_alaw".
        rate: samples a second; 24000 unless said otherwise, for G.711 always 8000.

    Raises:
        ConfigurationError: an encoding that is not known, or a rate that cannot be.
    """

    encoding: Encoding = field(default="pcm16", validator=_check_encoding)
    rate: int = field(
        default=Factory(lambda self: _PCM_RATE if self.encoding == "pcm16" else _G711_RATE, takes_self=True),
        validator=_check_rate,
    )

    @classmethod
    def from_wire(cls, value: Any) -> AudioFormat:
        """Return the format that a session names.

        Args:
            value: None or NOT_GIVEN (PCM16 at 24 kHz, the API's default), a name of the beta ("pcm16", "g711_ulaw",
                "g711_alaw"), a mapping such as ``{"type": "audio/pcm", "rate": 24000}``, a format of
                `realtime_sync.types.realtime`, or an `AudioFormat`.

        Raises:
            ConfigurationError: it is none of these; the message has it.
        """
        if value is None or value is NOT_GIVEN:
            return PCM16_24K
        if isinstance(value, AudioFormat):
            return value
        if isinstance(value, str) and value in _ENCODINGS:
            return cls(value)
        if hasattr(value, "to_dict"):
            value = value.to_dict()
        if isinstance(value, Mapping):
            encoding = _BY_WIRE_TYPE.get(str(value.get("type")))
            rate = value.get("rate")
            if encoding is not None:
                return cls(encoding) if rate is None else cls(encoding, rate)
        known = f"{', '.join(_ENCODINGS)}, or an object of type {', '.join(_BY_WIRE_TYPE)}"
        msg = f"audio format {value!r} is not known: use {known}"
        raise ConfigurationError(msg)

    def to_wire(self) -> dict[str, Any]:
        """Return the format as a session's ``audio.input.format`` and ``audio.output.format`` have it."""
        if self.encoding == "pcm16":
            return {"type": _WIRE_TYPES["pcm16"], "rate": self.rate}
        return {"type": _WIRE_TYPES[self.encoding]}

    @property
    def sample_width(self) -> int:
        """Bytes of one sample: 2 for PCM16, 1 for G.711."""
        return len(_SILENCE[self.encoding])

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second: 48000 for PCM16 at 24 kHz, 8000 for G.711."""
        return self.rate * self.sample_width

    def seconds(self, nbytes: int) -> float:
        """Return how long `nbytes` of audio last, in seconds."""
        return nbytes / self.bytes_per_second

    def ms(self, nbytes: int) -> int:
        """Return how many whole milliseconds `nbytes` of audio last; never more than there is."""
        return nbytes * 1000 // self.bytes_per_second

    def size(self, seconds: float) -> int:
        """Return the bytes of `seconds` of audio, to the nearest whole sample."""
        return round(seconds * self.rate) * self.sample_width

    def silence(self, seconds: float) -> bytes:
        """Return `seconds` of silence."""
        return _SILENCE[self.encoding] * round(seconds * self.rate)


PCM16_24K = AudioFormat("pcm16", 24000)
"""What the API takes and gives unless told otherwise: 48 bytes a millisecond."""

G711_ULAW = AudioFormat("g711_ulaw")
"""G.711 mu-law, telephony in North America and Japan: 8 bytes a millisecond."""

G711_ALAW = AudioFormat("g711_alaw")
"""G.711 A-law, telephony elsewhere: 8 bytes a millisecond."""
