"""What a WAV file says of its audio, and how to have that as mono PCM16 or G.711.

Facts: Microsoft's "Multiple Channel Audio Data and WAVE Files" (WAVE_FORMAT_EXTENSIBLE), mmreg.h (the tags).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from attrs import frozen

from realtime_sync.audio._format import AudioFormat
from realtime_sync.audio._frames import Frames
from realtime_sync.audio._g711 import Law
from realtime_sync.audio._reader import (
    PREFIX,
    WHAT_CAN_BE_READ,
    Reader,
    is_wav,
    read_exactly,
    refuse_other_files,
)
from realtime_sync.audio._riff import find_audio, riff_of
from realtime_sync.errors import ConfigurationError

__all__ = ["WavHeader", "read_header", "wav_of"]

_FMT = struct.Struct("<HHIIHH")  # tag, channels, rate, bytes a second, bytes a frame, bits a sample
_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
_LAWS: dict[int, Law] = {_ALAW: "g711_alaw", _ULAW: "g711_ulaw"}
_TAGS = {"pcm16": _PCM, "g711_alaw": _ALAW, "g711_ulaw": _ULAW}
_NAMES = {
    0x0002: "Microsoft ADPCM",
    0x0003: "IEEE float",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0040: "G.721 ADPCM",
    0x0050: "MPEG",
    0x0055: "MP3",
    0x0064: "G.726 ADPCM",
    0x00FF: "AAC",
    0x0161: "Windows Media Audio",
    0xF1AC: "FLAC",
}
# Where an extensible format has its real tag, and what follows that in a subformat that stands for a tag.
_SUBFORMAT = slice(24, 40)
_TAG_GUID = bytes.fromhex("000000001000800000aa00389b71")
_MOST_CHANNELS = 2
_MOST_BYTES = 4


@frozen(kw_only=True)
class WavHeader:
    """What a WAV file says of its audio.

    Attributes:
        rate: frames a second.
        frames: how they are laid out.
        length: bytes of audio, whole frames; None: to the end of the file.
    """

    rate: int
    frames: Frames
    length: int | None

    @property
    def format(self) -> AudioFormat:
        """The format that `decode` returns: PCM16 at the file's rate, or G.711 if it is just that."""
        law = self.frames.law
        if law is not None and self.frames.channels == 1 and self.rate == AudioFormat(law).rate:
            return AudioFormat(law)
        return AudioFormat("pcm16", self.rate)

    def decode(self, data: bytes) -> bytes:
        """Return whole frames in `format`."""
        return data if self.format.encoding == self.frames.law else self.frames.to_pcm16(data)

    def pieces(self, source: Reader, seconds: float) -> Iterator[bytes]:
        """Yield the audio in `format`, about `seconds` at a time, from a reader that is at its beginning.

        A file cut short ends early. A last frame that is not whole is left out: nobody can tell what it was.
        """
        size = self.frames.size
        step = max(round(seconds * self.rate), 1) * size
        left = self.length
        while left is None or left > 0:
            wanted = step if left is None else min(step, left)
            data = read_exactly(source, wanted)
            whole = len(data) // size * size
            if whole:
                yield self.decode(data[:whole])
            if len(data) < wanted:
                return
            if left is not None:
                left -= wanted


def read_header(source: Reader, what: str, prefix: bytes | None = None) -> WavHeader:
    """Read a WAV file up to the first byte of its audio.

    Args:
        source: where to read.
        what: how to name it in an error.
        prefix: its first 12 bytes, if those have been read.

    Raises:
        ConfigurationError: it is no WAV file, or its encoding is none that can be read; the message names it.
    """
    prefix = read_exactly(source, PREFIX) if prefix is None else prefix
    refuse_other_files(prefix, what)
    if not is_wav(prefix):
        msg = f"{what} is {f'not a WAV file: it begins with {prefix!r}' if prefix else 'empty'}"
        raise ConfigurationError(msg)
    fmt, length = find_audio(source, prefix, what)
    try:
        rate, frames = _parse_format(fmt)
    except ConfigurationError as error:
        msg = f"{what} has {error}. {WHAT_CAN_BE_READ}"
        raise ConfigurationError(msg) from None
    return WavHeader(rate=rate, frames=frames, length=None if length is None else length // frames.size * frames.size)


def _parse_format(fmt: bytes) -> tuple[int, Frames]:
    """Return the rate and the layout that the body of a format chunk describes.

    Raises:
        ConfigurationError: it is of a kind that cannot be read; the message says what the file has.
    """
    if len(fmt) < _FMT.size:
        msg = f"a broken format, {fmt!r}"
        raise ConfigurationError(msg)
    tag, channels, rate, _, frame_size, bits = _FMT.unpack_from(fmt)
    if tag == _EXTENSIBLE:
        subformat = fmt[_SUBFORMAT]
        if subformat[2:] != _TAG_GUID:
            msg = f"audio of an unknown encoding (WAVE_FORMAT_EXTENSIBLE, {subformat.hex() or 'without a subformat'})"
            raise ConfigurationError(msg)
        tag = int.from_bytes(subformat[:2], "little")
    if tag != _PCM and tag not in _LAWS:
        msg = f"audio of the encoding {_NAMES.get(tag, 'unknown')} (WAV format tag 0x{tag:04X})"
        raise ConfigurationError(msg)
    if not 0 < channels <= _MOST_CHANNELS:
        msg = f"{channels} channels, where only mono and stereo are understood"
        raise ConfigurationError(msg)
    if not rate:
        msg = "a rate of 0 samples a second"
        raise ConfigurationError(msg)
    # Samples that fill their bytes only in part are at the top of them; the size of a frame tells how many those are.
    width = max(-(-bits // 8), frame_size // channels)
    if not 0 < bits <= 8 * width or width > (_MOST_BYTES if tag == _PCM else 1):
        msg = f"samples of {bits} bits in {width} bytes"
        raise ConfigurationError(msg)
    return rate, Frames(channels=channels, width=width, law=_LAWS.get(tag))


def wav_of(data: bytes, audio_format: AudioFormat) -> bytes:
    """Return a WAV file of whole samples.

    Raises:
        ConfigurationError: they are more than it can hold (4 GiB).
    """
    width, rate = audio_format.sample_width, audio_format.rate
    tag = _TAGS[audio_format.encoding]
    fmt = _FMT.pack(tag, 1, rate, rate * width, width, 8 * width)
    if tag == _PCM:
        return riff_of(fmt, data)
    # All other encodings carry the length of an extension, here none, and the number of samples.
    return riff_of(fmt + b"\0\0", data, samples=len(data))
