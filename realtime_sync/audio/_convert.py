"""From one format to another: encoding and rate, whole or piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from realtime_sync.audio._format import AudioFormat
from realtime_sync.audio._g711 import decode_g711, encode_g711
from realtime_sync.audio._resample import resampler
from realtime_sync.errors import ConfigurationError, LocalProtocolError

__all__ = ["Buffer", "Converter", "as_bytes", "check_whole", "convert"]

Buffer: TypeAlias = "bytes | bytearray | memoryview"

# Of `memoryview.format`. Arrays of floats are what sound devices give unless asked for anything else.
_BYTES_AND_SAMPLES = frozenset({"B", "b", "c", "h", "<h"})


def as_bytes(data: Buffer, what: str = "audio") -> bytes:
    """Return any bytes-like object as bytes.

    Raises:
        LocalProtocolError: it is none, or an array of floats or of several channels; `what` names it.
    """
    if isinstance(data, bytes):
        return data
    try:
        view = memoryview(data)
    except TypeError:
        hint = ": decode base64 text first" if isinstance(data, str) else ""
        msg = f"{what} must be bytes-like; got {type(data).__name__}{hint}"
        raise LocalProtocolError(msg) from None
    if view.format not in _BYTES_AND_SAMPLES or (view.shape or ())[1:] not in ((), (1,)):
        got = f"numbers of format {view.format!r} in shape {view.shape}"
        msg = f"{what} must be bytes, or 16-bit numbers of one channel; got {type(data).__name__} of {got}"
        raise LocalProtocolError(msg)
    return view.tobytes()


def check_whole(nbytes: int, audio_format: AudioFormat, what: str = "audio") -> None:
    """Check that `nbytes` are whole samples.

    Raises:
        ConfigurationError: they are not.
    """
    if nbytes % audio_format.sample_width:
        msg = (
            f"{what} of {nbytes} bytes ends inside a sample: one of {audio_format.encoding} "
            f"has {audio_format.sample_width} bytes. Is it cut, or of another format?"
        )
        raise ConfigurationError(msg)


class Converter:
    """Convert a stream of audio. However it is cut into pieces, what comes out is the same.

    One thread at a time. Same formats pass through unchanged.

    Args:
        source: the format of what is fed.
        target: the format of what is returned. A change of rate makes n * target rate / source rate
            samples of n, rounded up.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        self._taken = 0
        self._cut = b""
        self._finished = False
        same = source == target
        self._resampler = None if source.rate == target.rate else resampler(source.rate, target.rate)
        self._decode = None if same or source.encoding == "pcm16" else source.encoding
        self._encode = None if same or target.encoding == "pcm16" else target.encoding

    def feed(self, chunk: Buffer) -> bytes:
        """Take a piece of any length; return what can be made so far, possibly nothing.

        Raises:
            LocalProtocolError: it is not bytes-like, or the converter is finished.
        """
        if self._finished:
            raise LocalProtocolError("this converter is finished: make a new one for other audio")
        data = as_bytes(chunk)
        self._taken += len(data)
        if self._cut:
            data = self._cut + data
        whole = len(data) // self.source.sample_width * self.source.sample_width
        data, self._cut = data[:whole], data[whole:]
        return self._through(data, lambda pcm: self._resampler.feed(pcm) if self._resampler else pcm)

    def finish(self) -> bytes:
        """Return the rest, and end the stream.

        Raises:
            ConfigurationError: it ended inside a sample.
            LocalProtocolError: the converter is finished already.
        """
        if self._finished:
            raise LocalProtocolError("this converter is finished already")
        self._finished = True
        check_whole(self._taken, self.source)
        return self._through(b"", lambda _: self._resampler.finish() if self._resampler else b"")

    def _through(self, data: bytes, change_rate: Callable[[bytes], bytes]) -> bytes:
        if self._decode:
            data = decode_g711(data, self._decode)
        data = change_rate(data)
        return encode_g711(data, self._encode) if self._encode else data


def convert(data: Buffer, source: AudioFormat, target: AudioFormat) -> bytes:
    """Return a whole piece of audio in another format.

    Raises:
        ConfigurationError: it ends inside a sample.
        LocalProtocolError: it is not bytes-like.
    """
    converter = Converter(source, target)
    return converter.feed(data) + converter.finish()
