"""The audio of one turn on its way out: pieces in the session's format, when each is due, the silence behind them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from realtime_sync.audio import AudioSource, Pacer, Recording, chunks
from realtime_sync.realtime._settings import InputSettings

__all__ = ["AudioInput"]

_PIECE_MS = 100
_SILENCE_MARGIN = 0.5
"""Seconds of silence beyond what the server waits for, as its own clock counts in frames of audio."""
_PILE_SECONDS = 0.1
"""How long a live source may be left alone before asking it comes before everything else."""
_INSTANT = 0.005
"""A live source that takes longer than this for a piece had none waiting."""


class AudioInput:
    """What a turn still has to say. For the thread that consumes the turn.

    Args:
        source: as `realtime_sync.audio.chunks` takes it.
        settings: how the session takes audio in.
        pace: seconds of audio a second; None: as fast as it goes.
        clock: seconds, monotonic; a test's own.

    Attributes:
        settings: as given.
        live: whether the pieces come from the user's own iterator or file, so that asking for one may take its time.

    Raises:
        ConfigurationError: there is no audio, it cannot be read, or the pace is not positive.
        LocalProtocolError: the source is of a type that is none of audio's.
    """

    def __init__(
        self,
        source: AudioSource,
        settings: InputSettings,
        pace: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.live = _is_live(source)
        self._clock = clock
        self._pacer = Pacer(settings.format, pace, clock=clock) if pace is not None else None
        self._pieces: Iterator[bytes] | None = chunks(source, settings.format, _PIECE_MS)
        self._sent = 0
        self._even_at: float | None = None
        """Until when a live source was asked for what it had; on the clock. None: not yet."""
        self._silence = settings.format.size(settings.silence + _SILENCE_MARGIN) if settings.detects else 0

    @property
    def waits(self) -> bool:
        """Whether sending takes time of its own."""
        return self.live or self._pacer is not None

    def due(self) -> float:
        """Return the seconds until the next piece may go, 0.0 for now. Silence may always go."""
        if self._pacer is None or self._pieces is None:
            return 0.0
        return self._pacer.wait_for(self._sent)

    def presses(self) -> bool:
        """Tell whether the next piece goes before events that wait: it is overdue, or more piles up behind it.

        Otherwise whoever takes long over each event, playing it, would not be listened to meanwhile.
        """
        if self._pacer is not None or self._pieces is None:
            return self.due() <= 0
        return self._even_at is None or self._clock() - self._even_at > _PILE_SECONDS

    def next_piece(self) -> bytes | None:
        """Return the next piece: of what is spoken, then of silence; None: there is no more."""
        piece = self._next_spoken()
        if piece is None and self._silence:
            size = min(self._silence, self.settings.format.size(_PIECE_MS / 1000))
            self._silence -= size
            piece = self.settings.format.silence(self.settings.format.seconds(size))
        self._sent += len(piece or b"")
        return piece

    def _next_spoken(self) -> bytes | None:
        if self._pieces is None:
            return None
        asked_at = self._clock()
        piece = next(self._pieces, None)
        if piece is None:
            self._pieces = None
            return None
        now = self._clock()
        if self._even_at is None or now - asked_at > _INSTANT:
            self._even_at = now
        else:
            self._even_at = min(now, self._even_at + self.settings.format.seconds(len(piece)))
        return piece

    @property
    def seconds_sent(self) -> float:
        """How much audio is sent, in seconds."""
        return self.settings.format.seconds(self._sent)


def _is_live(source: AudioSource) -> bool:
    """Tell whether `chunks` will ask the user's own code for pieces: an iterator, or a file, which may be a pipe."""
    if isinstance(source, (str, os.PathLike, Recording)):
        return False
    if hasattr(source, "read"):
        return True
    try:
        memoryview(source)  # type: ignore[arg-type]  # asking is the way to know
    except TypeError:
        return True
    return False
