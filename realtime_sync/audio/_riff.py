"""The chunks of a WAV file, up to the first byte of its audio.

Tolerant of what real writers leave behind: chunks that nobody knows, odd ones with and without the byte that evens them
out, sizes of 0 and 0xFFFFFFFF by programs that could not go back to fill them in, RF64. Facts: Microsoft and IBM,
"Multimedia Programming Interface and Data Specifications 1.0"; EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import struct

from realtime_sync.audio._reader import PREFIX, Reader, read_exactly
from realtime_sync.errors import ConfigurationError

__all__ = ["find_audio", "riff_of"]

_CHUNK = struct.Struct("<4sI")
_RF64_SIZES = struct.Struct("<QQ")  # of RIFF, of the audio
_UNKNOWN = 0xFFFFFFFF
_LARGEST = 0xFFFFFFFF
_KEPT = 1024  # more of a format is a broken file
_STEP = 1 << 16


def find_audio(source: Reader, prefix: bytes, what: str) -> tuple[bytes, int | None]:
    """Read on to the audio; return the body of the format chunk, and how many bytes of audio there are.

    Args:
        source: read on from byte 12.
        prefix: the bytes before.
        what: how to name the file.

    Returns:
        The length is None if it is not known: the audio goes to the end of the file.

    Raises:
        ConfigurationError: the file has no format, or no audio behind it.
    """
    riff_end = 8 + int.from_bytes(prefix[4:8], "little")
    position = PREFIX
    fmt, long_size, early = b"", 0, b""
    while True:
        head = early + read_exactly(source, _CHUNK.size - len(early))
        if len(head) < _CHUNK.size:
            msg = f"{what} is a WAV file without {'audio' if fmt else 'a format'}"
            raise ConfigurationError(msg)
        name, size = _CHUNK.unpack(head)
        position += _CHUNK.size
        if name == b"data":
            break
        body, early = _body(source, size)
        position += size + size % 2
        if name == b"fmt ":
            fmt = body
        elif name == b"ds64" and len(body) >= _RF64_SIZES.size:
            _, long_size = _RF64_SIZES.unpack_from(body)
    if not fmt:
        msg = f"{what} is a WAV file whose audio comes before its format"
        raise ConfigurationError(msg)
    if size == _UNKNOWN:
        return fmt, long_size or None
    # 0 is true of an empty file; but where the whole file's size is wrong too, nobody came back to fill it in.
    if size == 0 and (riff_end in (8, 8 + _UNKNOWN) or riff_end <= position):
        return fmt, None
    return fmt, size


def _body(source: Reader, size: int) -> tuple[bytes, bytes]:
    """Read past a chunk; return its beginning, and what was read of the next one."""
    body = read_exactly(source, min(size, _KEPT))
    left = size - len(body)
    while left > 0 and read_exactly(source, min(left, _STEP)):
        left -= _STEP
    if size % 2 == 0:
        return body, b""
    # The byte that evens a chunk out is 0; some writers forget it, and then this is the first letter of a name.
    even = read_exactly(source, 1)
    return body, even.strip(b"\0")


def riff_of(fmt: bytes, data: bytes, *, samples: int | None = None) -> bytes:
    """Return a WAV file.

    Args:
        fmt: the body of its format chunk.
        data: its audio.
        samples: how many there are, for encodings that need it said.

    Raises:
        ConfigurationError: it is more than a WAV file can hold (4 GiB).
    """
    chunks = _CHUNK.pack(b"fmt ", len(fmt)) + fmt
    if samples is not None:
        chunks += _CHUNK.pack(b"fact", 4) + samples.to_bytes(4, "little")
    size = 4 + len(chunks) + _CHUNK.size + len(data) + len(data) % 2
    if size > _LARGEST:
        msg = f"{len(data)} bytes of audio are more than a WAV file can hold"
        raise ConfigurationError(msg)
    head = _CHUNK.pack(b"RIFF", size) + b"WAVE" + chunks + _CHUNK.pack(b"data", len(data))
    return b"".join((head, data, b"\0" * (len(data) % 2)))
