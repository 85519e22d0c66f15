"""The audio of one turn on its way out: pieces in the session's format, when each is due, the silence behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from realtime_sync.audio import AudioSource, Pacer, chunks
from realtime_sync.realtime._settings import InputSettings

__all__ = ["AudioInput"]

_PIECE_MS = 100
_SILENCE_MARGIN = 0.5
"""Seconds of silence beyond what the server waits for, as its own clock counts in frames of audio."""


class AudioInput:
    """What a turn still has to say. For the thread that consumes the turn.

    Args:
        source: as `realtime_sync.audio.chunks` takes it.
        settings: how the session takes audio in.
        pace: seconds of audio a second; None: as fast as it goes.

    Attributes:
        settings: as given.
        live: whether the pieces come from the user's own iterator, so that asking for one may take its time.

    Raises:
        ConfigurationError: there is no audio, it cannot be read, or the pace is not positive.
        LocalProtocolError: the source is of a type that is none of audio's.
    """

    def __init__(self, source: AudioSource, settings: InputSettings, pace: float | None) -> None:
        self.settings = settings
        self.live = isinstance(source, Iterable) and not isinstance(source, (str, bytes, bytearray, memoryview))
        self._pieces: Iterator[bytes] | None = chunks(source, settings.format, _PIECE_MS)
        self._pacer = Pacer(settings.format, pace) if pace is not None else None
        self._sent = 0
        self._silence = settings.format.size(settings.silence + _SILENCE_MARGIN) if settings.detects else 0

    @property
    def waits(self) -> bool:
        """Whether sending takes time of its own."""
        return self.live or self._pacer is not None

    def due(self) -> float:
        """Return the seconds until the next piece may go, 0.0 for now."""
        return self._pacer.wait_for(self._sent) if self._pacer is not None else 0.0

    def next_piece(self, *, enough: bool) -> bytes | None:
        """Return the next piece; None: there is no more.

        Args:
            enough: the server has found the end of the speech, so that no more silence is needed.
        """
        piece = self._next_spoken()
        if piece is None and self._silence and not enough:
            size = min(self._silence, self.settings.format.size(_PIECE_MS / 1000))
            self._silence -= size
            piece = self.settings.format.silence(self.settings.format.seconds(size))
        self._sent += len(piece or b"")
        return piece

    def _next_spoken(self) -> bytes | None:
        if self._pieces is None:
            return None
        piece = next(self._pieces, None)
        if piece is None:
            self._pieces = None
        return piece

    @property
    def seconds_sent(self) -> float:
        """How much audio is sent, in seconds."""
        return self.settings.format.seconds(self._sent)
