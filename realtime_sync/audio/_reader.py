"""What audio is read from, and what it turns out to be."""

from __future__ import annotations

from typing import Protocol

from realtime_sync.errors import ConfigurationError, LocalProtocolError

__all__ = ["PREFIX", "WHAT_CAN_BE_READ", "Reader", "is_wav", "read_exactly", "refuse_other_files"]

PREFIX = 12
"""How many bytes tell what a file is."""

WHAT_CAN_BE_READ = "PCM of 8, 16, 24 and 32 bits and G.711 can be read; convert it: ffmpeg -i IN -c:a pcm_s16le OUT.wav"

_WAV_IDS = (b"RIFF", b"RF64", b"BW64")
# Where files of other kinds have what: long enough not to be found in raw audio by chance.
_OTHERS = (
    (0, b"ID3\2\0", "an MP3"),
    (0, b"ID3\3\0", "an MP3"),
    (0, b"ID3\4\0", "an MP3"),
    (0, b"OggS", "an Ogg"),
    (0, b"fLaC", "a FLAC"),
    (0, b"FORM", "an AIFF"),
    (0, b"caff", "a CAF"),
    (0, b"#!AMR", "an AMR"),
    (0, b".snd", "an AU"),
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska"),
    (4, b"ftyp", "an MP4 or M4A"),
    (0, b"RIFX", "a big-endian WAV (RIFX)"),
    (0, b"RIFF", "a RIFF, but not a WAV"),
)


class Reader(Protocol):
    """A binary file or a pipe; it is read forwards only."""

    def read(self, size: int, /) -> bytes | None: ...


def read_exactly(source: Reader, size: int) -> bytes:
    """Read `size` bytes, or what there is before the end; an unbuffered file or pipe may give less at once.

    Raises:
        LocalProtocolError: the file gives text, or does not block.
    """
    parts = []
    while size > 0:
        part = source.read(size)
        if not isinstance(part, (bytes, bytearray, memoryview)):
            wrong = "gives text: open it in binary mode" if isinstance(part, str) else f"gives {type(part).__name__}"
            msg = f"the audio file {'has nothing to read yet: open it blocking' if part is None else wrong}"
            raise LocalProtocolError(msg)
        if not part:
            break
        parts.append(bytes(part))
        size -= len(part)
    return b"".join(parts)


def is_wav(prefix: bytes) -> bool:
    """Tell whether a file that begins with these bytes is a WAV file."""
    return prefix[:4] in _WAV_IDS and prefix[8:PREFIX] == b"WAVE"


def refuse_other_files(prefix: bytes, what: str) -> None:
    """Refuse what begins like a file of another kind: taken for raw audio, it would be noise.

    Args:
        prefix: its first bytes.
        what: how to name it.

    Raises:
        ConfigurationError: it does; the message names the kind.
    """
    for at, magic, kind in _OTHERS:
        if prefix.startswith(magic, at) and not is_wav(prefix):
            msg = f"{what} is {kind} file. {WHAT_CAN_BE_READ}"
            raise ConfigurationError(msg)
