"""The pace of sending: audio that goes out as fast as it was spoken."""

from __future__ import annotations

import time
from collections.abc import Callable

from realtime_sync.audio._format import AudioFormat
from realtime_sync.errors import ConfigurationError

__all__ = ["Pacer"]


class Pacer:
    """Tell when the next piece of audio is due. It never sleeps itself.

        for chunk in chunks(source, format):
            wait(pacer.wait_for(sent))
            send(chunk)
            sent += len(chunk)

    The first call starts the clock. A sender that is late catches up, but sends at most `burst` seconds of audio at
    once; what it was late beyond that stays late. One thread at a time.

    Args:
        format: the format of what is sent.
        pace: seconds of audio a second: 1.0 is real time, 2.0 twice as fast.
        burst: how far a late sender may run to catch up, in seconds of audio.
        clock: seconds, monotonic; a test's own.

    Raises:
        ConfigurationError: the pace is not positive, or the burst negative.
    """

    def __init__(
        self,
        format: AudioFormat,  # noqa: A002  (the field's own name)
        pace: float = 1.0,
        *,
        burst: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < pace < float("inf"):
            msg = f"pace must be a positive number (1.0: real time); got {pace!r}"
            raise ConfigurationError(msg)
        if burst < 0:
            msg = f"burst must not be negative; got {burst!r}"
            raise ConfigurationError(msg)
        self.format = format
        self.pace = pace
        self._allowance = burst / pace
        self._clock = clock
        self._began: float | None = None

    def wait_for(self, sent: int) -> float:
        """Return the seconds to wait before more may go, 0.0 for now.

        Args:
            sent: bytes sent so far, in all.
        """
        now = self._clock()
        after = self.format.seconds(sent) / self.pace
        if self._began is None:
            self._began = now - after
        # Never further behind than the allowance.
        self._began = max(self._began, now - after - self._allowance)
        return max(0.0, self._began + after - now)
