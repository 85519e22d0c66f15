"""WAV files: the chunks of RIFF, read as far as the audio, and written.

Read from anything with ``read``, forwards only, so that pipes will do. Tolerant of what real writers leave behind:
unknown chunks, sizes of 0 or 0xFFFFFFFF by programs that could not go back, files cut short, RF64. Facts: Microsoft's
"Multiple Channel Audio Data and WAVE Files" (WAVE_FORMAT_EXTENSIBLE), EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol

from attrs import frozen

from realtime_sync.audio._format import AudioFormat
from realtime_sync.audio._frames import Frames
from realtime_sync.audio._g711 import Law
from realtime_sync.errors import ConfigurationError, LocalProtocolError

__all__ = ["Reader", "WavHeader", "header_of", "is_wav", "read_exactly", "read_header"]

_FMT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")
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
# The second half of a WAVE_EXTENSIBLE subformat that stands for an ordinary tag in its first two bytes.
_TAG_GUID = bytes.fromhex("000000001000800000aa00389b71")
_RIFF_IDS = (b"RIFF", b"RF64", b"BW64")
_UNKNOWN_SIZE = 0xFFFFFFFF
_LARGEST = 0xFFFFFFFF
_PREFIX = 12
_SKIP = 1 << 16
_BITS = (8, 16, 24, 32)
_MOST_CHANNELS = 2


class Reader(Protocol):
    """What audio is read from: a binary file, a pipe."""

    def read(self, size: int, /) -> bytes | None: ...


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
        """The format that the audio can be had in without loss of anything but bits and channels."""
        law = self.frames.law
        if law is not None and self.frames.channels == 1 and self.rate == AudioFormat(law).rate:
            return AudioFormat(law)
        return AudioFormat("pcm16", self.rate)

    def decode(self, data: bytes) -> bytes:
        """Return whole frames in `format`."""
        return data if self.format.encoding == self.frames.law else self.frames.to_pcm16(data)

    def pieces(self, source: Reader, seconds: float) -> Iterator[bytes]:
        """Yield the audio in `format`, about `seconds` at a time, from a reader that is at its beginning.

        A file cut short ends early; a last frame that is not whole is left out, for nobody can tell what it was.
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


def is_wav(prefix: bytes) -> bool:
    """Tell whether data that begins with these (at least 12) bytes is a WAV file."""
    return prefix[:4] in (*_RIFF_IDS, b"RIFX") and prefix[8:_PREFIX] == b"WAVE"


def read_exactly(source: Reader, size: int) -> bytes:
    """Read `size` bytes, or what there is before the end. A raw file or pipe may give less at once.

    Raises:
        LocalProtocolError: the file gives text, or is not blocking.
    """
    parts = []
    while size > 0:
        part = source.read(size)
        if not isinstance(part, (bytes, bytearray, memoryview)):
            what = (
                "has no data yet: open it blocking"
                if part is None
                else f"gives {type(part).__name__}: open it in binary mode"
            )
            msg = f"the audio file {what}"
            raise LocalProtocolError(msg)
        if not part:
            break
        parts.append(bytes(part))
        size -= len(part)
    return b"".join(parts)


def read_header(source: Reader, what: str, prefix: bytes | None = None) -> WavHeader:
    """Read a WAV file up to the first byte of its audio.

    Args:
        source: where to read.
        what: how to name it in an error.
        prefix: its first 12 bytes, if those have been read.

    Raises:
        ConfigurationError: it is no WAV file, or its encoding is none that can be read; the message names it.
    """
    prefix = read_exactly(source, _PREFIX) if prefix is None else prefix
    if not is_wav(prefix):
        raise ConfigurationError(
            f"{what} is not a WAV file: it begins with {prefix!r}" if prefix else f"{what} is empty"
        )
    if prefix[:4] == b"RIFX":
        msg = f"{what} is a big-endian WAV file (RIFX), which is not supported"
        raise ConfigurationError(msg)
    riff_end = 8 + int.from_bytes(prefix[4:8], "little")
    at = _PREFIX
    fmt, long_size = None, None
    while True:
        head = read_exactly(source, _CHUNK.size)
        if len(head) < _CHUNK.size:
            msg = f"{what} is a WAV file without {'audio' if fmt else 'a format'}"
            raise ConfigurationError(msg)
        name, size = _CHUNK.unpack(head)
        at += _CHUNK.size
        if name == b"data":
            break
        body = _body(source, size, keep=name in (b"fmt ", b"ds64"))
        at += size + size % 2
        if name == b"fmt ":
            fmt = body
        elif name == b"ds64" and len(body) >= 16:  # noqa: PLR2004  (two sizes of eight bytes: RIFF's, data's)
            long_size = int.from_bytes(body[8:16], "little")
    if fmt is None:
        msg = f"{what} is a WAV file whose audio comes before its format"
        raise ConfigurationError(msg)
    rate, frames = _parse_format(fmt, what)
    # A size of 0 is true of an empty file, and what a writer left that never came back to fill it in.
    endless = size == _UNKNOWN_SIZE or (size == 0 and (riff_end in (8, 8 + _UNKNOWN_SIZE) or at >= riff_end))
    length = long_size if long_size and size == _UNKNOWN_SIZE else None if endless else size
    return WavHeader(rate=rate, frames=frames, length=None if length is None else length // frames.size * frames.size)


def _body(source: Reader, size: int, *, keep: bool) -> bytes:
    """Read past a chunk and the byte that evens it out; return it, if it is to be kept."""
    if keep:
        return read_exactly(source, size + size % 2)[:size]
    left = size + size % 2
    while left > 0 and read_exactly(source, min(left, _SKIP)):
        left -= _SKIP
    return b""


def _parse_format(fmt: bytes, what: str) -> tuple[int, Frames]:
    """Return the rate and the layout that a "fmt " chunk describes."""
    if len(fmt) < _FMT.size:
        msg = f"{what} is a WAV file with a broken format: {fmt!r}"
        raise ConfigurationError(msg)
    tag, channels, rate, _, _, bits = _FMT.unpack_from(fmt)
    if tag == _EXTENSIBLE:
        subformat = fmt[24:40]
        if subformat[2:] != _TAG_GUID:
            msg = f"{what} has audio of the encoding {subformat.hex() or 'unknown'} (WAVE_EXTENSIBLE); {_CAN}"
            raise ConfigurationError(msg)
        tag = int.from_bytes(subformat[:2], "little")
    if tag != _PCM and tag not in _LAWS:
        msg = f"{what} has audio of the encoding {_NAMES.get(tag, 'unknown')} (WAV tag 0x{tag:04X}); {_CAN}"
        raise ConfigurationError(msg)
    # Samples that fill their bytes only in part are at the top of them.
    bits = -(-bits // 8) * 8
    if bits not in (_BITS if tag == _PCM else _BITS[:1]):
        msg = f"{what} has samples of {bits} bits; {_CAN}"
        raise ConfigurationError(msg)
    if not 0 < channels <= _MOST_CHANNELS:
        msg = f"{what} has {channels} channels; mono and stereo can be read"
        raise ConfigurationError(msg)
    if not rate:
        msg = f"{what} has a rate of 0"
        raise ConfigurationError(msg)
    return rate, Frames(channels=channels, width=bits // 8, law=_LAWS.get(tag))


_CAN = "PCM of 8, 16, 24 and 32 bits, and G.711, can be read; convert it, with ffmpeg -i IN -c:a pcm_s16le OUT.wav"


def header_of(audio_format: AudioFormat, length: int) -> bytes:
    """Return what comes before `length` bytes of audio in a WAV file.

    Raises:
        ConfigurationError: more than a WAV file can hold (4 GiB).
    """
    width, rate = audio_format.sample_width, audio_format.rate
    tag = _TAGS[audio_format.encoding]
    fmt = _FMT.pack(tag, 1, rate, rate * width, width, 8 * width)
    fact = b""
    if tag != _PCM:  # all others carry the length of an extension, here none, and how many samples there are
        fmt += b"\0\0"
        fact = _CHUNK.pack(b"fact", 4) + struct.pack("<I", length // width)
    parts = _CHUNK.pack(b"fmt ", len(fmt)) + fmt + fact
    total = 4 + len(parts) + _CHUNK.size + length + length % 2
    if total > _LARGEST:
        msg = f"{length} bytes of audio are more than a WAV file can hold"
        raise ConfigurationError(msg)
    return _CHUNK.pack(b"RIFF", total) + b"WAVE" + parts + _CHUNK.pack(b"data", length)
