"""Audio from wherever it is, as a stream of pieces to send."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, TypeAlias

from realtime_sync.audio._convert import Buffer, Converter, as_bytes, check_whole
from realtime_sync.audio._format import AudioFormat
from realtime_sync.audio._reader import PREFIX, Reader, is_wav, read_exactly, refuse_other_files
from realtime_sync.audio._recording import Path, Recording, open_audio
from realtime_sync.audio._wav import read_header
from realtime_sync.errors import ConfigurationError, LocalProtocolError

__all__ = ["AudioSource", "chunks"]

AudioSource: TypeAlias = "Buffer | Path | Reader | Recording | Iterable[Buffer]"
"""What `chunks` takes."""


def chunks(source: AudioSource, format: AudioFormat, chunk_ms: int = 100) -> Iterator[bytes]:  # noqa: A002  (the field's own name)
    """Return an iterator over audio in `format`, in pieces of whole samples.

    Files are read as the iterator goes on, never as a whole. What can be wrong with the beginning of a source is raised
    by this call, not later; except for live sources, from which nothing is taken before the first piece is asked for.

    Args:
        source: one of

            - bytes-like: the bytes of a WAV file, told by its header, or else raw audio in `format`;
            - a path (str or PathLike) of a WAV file;
            - a binary file object: a WAV file, told by its header, or raw audio in `format`. It is not closed;
            - a `Recording`;
            - an iterator or another iterable of bytes-like pieces of raw audio in `format`, for live input: each is
              passed on as it comes, but for a sample that is not whole yet.
        format: the format to send.
        chunk_ms: how long each piece is, in milliseconds; the last may be shorter. Live pieces keep their length.

    Raises:
        ConfigurationError: there is no audio, it cannot be opened or read, or it ends inside a sample.
        LocalProtocolError: the source, or a piece of it, is of a type that is none of these.
    """
    if chunk_ms <= 0:
        msg = f"chunk_ms must be positive; got {chunk_ms!r}"
        raise ConfigurationError(msg)
    size = max(format.size(chunk_ms / 1000), format.sample_width)
    if isinstance(source, (str, os.PathLike)):
        return _primed(_cut(_of_path(source, format, chunk_ms), size))
    if isinstance(source, Recording):
        return _primed(_cut(_converted(_views(source.data, source.format, chunk_ms), source.format, format), size))
    file: Any = source
    if hasattr(source, "read"):
        return _primed(_cut(_of_file(file, format, chunk_ms), size))
    try:
        memoryview(file)
    except TypeError:
        if not isinstance(source, Iterable):
            what = "bytes, a path, a binary file, a recording or an iterator of bytes"
            msg = f"audio must be {what}; got {type(source).__name__}"
            raise LocalProtocolError(msg) from None
        return _live(file, format)
    return _primed(_cut(_of_file(io.BytesIO(as_bytes(file)), format, chunk_ms), size))


def _primed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Make the first piece now, so that its errors are raised now.

    Raises:
        ConfigurationError: there is none.
    """
    for first in pieces:
        return chain((first,), pieces)
    raise ConfigurationError("there is no audio: the source is empty")


def _cut(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of `size`, the last one shorter."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        whole = len(waiting) // size * size
        for begin in range(0, whole, size):
            yield bytes(waiting[begin : begin + size])
        del waiting[:whole]
    if waiting:
        yield bytes(waiting)


def _converted(pieces: Iterable[bytes], source: AudioFormat, target: AudioFormat) -> Iterator[bytes]:
    converter = Converter(source, target)
    for piece in pieces:
        yield converter.feed(piece)
    yield converter.finish()


def _of_path(path: Path, audio_format: AudioFormat, chunk_ms: int) -> Iterator[bytes]:
    with open_audio(path) as file:
        yield from _of_wav(file, f"{os.fspath(path)!r}", None, audio_format, chunk_ms)


def _of_file(file: Reader, audio_format: AudioFormat, chunk_ms: int) -> Iterator[bytes]:
    prefix = read_exactly(file, PREFIX)
    if is_wav(prefix):
        yield from _of_wav(file, "the file", prefix, audio_format, chunk_ms)
    else:
        refuse_other_files(prefix, "the audio")
        yield from _converted(chain((prefix,), _raw(file, audio_format, chunk_ms)), audio_format, audio_format)


def _of_wav(file: Reader, what: str, prefix: bytes | None, audio_format: AudioFormat, chunk_ms: int) -> Iterator[bytes]:
    header = read_header(file, what, prefix)
    yield from _converted(header.pieces(file, chunk_ms / 1000), header.format, audio_format)


def _raw(file: Reader, audio_format: AudioFormat, chunk_ms: int) -> Iterator[bytes]:
    """Yield what a file of raw audio gives."""
    size = max(audio_format.size(chunk_ms / 1000), 1)
    while data := read_exactly(file, size):
        yield data


def _views(data: bytes, audio_format: AudioFormat, chunk_ms: int) -> Iterator[bytes]:
    size = max(audio_format.size(chunk_ms / 1000), 1)
    for begin in range(0, len(data), size):
        yield data[begin : begin + size]


def _live(pieces: Iterable[Buffer], audio_format: AudioFormat) -> Iterator[bytes]:
    """Yield live pieces as they come, cut to whole samples."""
    width = audio_format.sample_width
    taken, cut = 0, b""
    for piece in pieces:
        data = as_bytes(piece, "a piece of audio")
        taken += len(data)
        data = cut + data
        whole = len(data) // width * width
        data, cut = data[:whole], data[whole:]
        if data:
            yield data
    check_whole(taken, audio_format, "live audio")
    if not taken:
        raise ConfigurationError("there is no audio: the source is empty")
