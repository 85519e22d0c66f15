"""A whole piece of audio, and the files it comes from and goes to."""

from __future__ import annotations

import io
import os
from importlib.resources import files
from typing import Protocol, TypeAlias

from attrs import Attribute, field, frozen

from realtime_sync.audio._convert import Buffer, as_bytes, check_whole, convert
from realtime_sync.audio._format import PCM16_24K, AudioFormat
from realtime_sync.audio._reader import Reader
from realtime_sync.audio._wav import read_header, wav_of
from realtime_sync.errors import ConfigurationError, LocalProtocolError

__all__ = ["Path", "Recording", "Writer", "open_audio", "read_wav", "sample_speech", "write_wav"]

Path: TypeAlias = "str | os.PathLike[str]"
_READ_SECONDS = 1.0


class Writer(Protocol):
    """A binary file to write to."""

    def write(self, data: bytes, /) -> object: ...


def _check_data(recording: Recording, _: Attribute[bytes], value: bytes) -> None:
    check_whole(len(value), recording.format, "a recording")


@frozen
class Recording:
    """A piece of audio and its format.

    Attributes:
        format: what the bytes mean.
        data: the samples.

    Raises:
        ConfigurationError: the data end inside a sample.
        LocalProtocolError: the data are not bytes-like.
    """

    format: AudioFormat
    data: bytes = field(converter=as_bytes, validator=_check_data, repr=lambda data: f"<{len(data)} bytes>")

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.format.seconds(len(self.data))

    def save(self, path_or_file: Path | Writer) -> None:
        """Write it to a WAV file; see `write_wav`."""
        write_wav(path_or_file, self.data, self.format)

    def convert(self, format: AudioFormat) -> Recording:  # noqa: A002  (the field's own name)
        """Return it in another format."""
        return Recording(format, convert(self.data, self.format, format))


def open_audio(path: Path) -> io.BufferedReader:
    """Open a file of audio.

    Raises:
        ConfigurationError: it cannot be opened; the cause is the OSError.
    """
    try:
        return open(path, "rb")  # noqa: PTH123  (paths as they come; the caller closes)
    except (OSError, ValueError) as error:
        name = os.fspath(path)
        shown = repr(name if len(name) <= 200 else f"{name[:200]}…")  # noqa: PLR2004  (base64 text may be long)
        reason = getattr(error, "strerror", None) or error
        msg = f"cannot open the audio file {shown}: {reason}"
        raise ConfigurationError(msg) from error


def read_wav(source: Path | Buffer | Reader) -> Recording:
    """Read a WAV file: PCM of 8, 16, 24 or 32 bits or G.711, at any rate; stereo is mixed down to mono.

    The recording has the file's rate. It is PCM16, or, for mono G.711 at 8 kHz, the G.711 as it is.

    Args:
        source: a path, the bytes of a file, or a binary file object, which is read on from where it is and not closed.

    Raises:
        ConfigurationError: it cannot be opened, is no WAV file, or has an encoding that cannot be read (named).
        LocalProtocolError: it is none of these, or a file in text mode.
    """
    if isinstance(source, (str, os.PathLike)):
        with open_audio(source) as file:
            return _read(file, f"{os.fspath(source)!r}")
    if hasattr(source, "read"):
        return _read(source, "the file")
    return _read(io.BytesIO(as_bytes(source, "a WAV file")), "the data")


def _read(source: Reader, what: str) -> Recording:
    header = read_header(source, what)
    return Recording(header.format, b"".join(header.pieces(source, _READ_SECONDS)))


def write_wav(path_or_file: Path | Writer, data: Buffer, format: AudioFormat) -> None:  # noqa: A002  (the field's own name)
    """Write a WAV file of mono audio: PCM16, or G.711 under its own tag.

    Args:
        path_or_file: a path, or a binary file object, which is written to from where it is and not closed.
        data: whole samples; there may be none.
        format: their format.

    Raises:
        ConfigurationError: the data end inside a sample, or are more than a WAV file can hold (4 GiB).
        LocalProtocolError: the data are not bytes-like, or there is nothing to write to.
        OSError: the file cannot be written.
    """
    data = as_bytes(data)
    check_whole(len(data), format)
    content = wav_of(data, format)
    if isinstance(path_or_file, (str, os.PathLike)):
        with open(path_or_file, "wb") as file:  # noqa: PTH123  (paths as they come)
            file.write(content)
    elif hasattr(path_or_file, "write"):
        path_or_file.write(content)
    else:
        msg = f"a WAV file is written to a path or a binary file; got {type(path_or_file).__name__}"
        raise LocalProtocolError(msg)


def sample_speech() -> Recording:
    """Return a short recording of synthetic speech at 24 kHz: "Hello! What can you tell me about the tides?"."""
    with files("realtime_sync.audio").joinpath("data/speech.wav").open("rb") as file:
        return _read(file, "the sample").convert(PCM16_24K)
