"""One deadline through all the steps of an operation."""

from __future__ import annotations

import math
import time
from typing import final

from realtime_sync.errors import ConfigurationError
from realtime_sync.transport._waker import Waker

__all__ = ["Deadline"]


def _no_seconds(value: object) -> ConfigurationError:
    return ConfigurationError(f"timeout must be a number of seconds, 0 or more, or None for no limit; got {value!r}")


@final
class Deadline:
    """A point in monotonic time; `seconds` None means never, and a negative number that it has passed.

    Raises:
        ConfigurationError: `seconds` is no number.
    """

    __slots__ = ("at", "seconds", "waker")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        try:
            self.at = at = math.inf if seconds is None else time.monotonic() + seconds
        except TypeError:
            raise _no_seconds(seconds) from None
        if math.isnan(at):  # It would never pass.
            raise _no_seconds(seconds)
        self.waker: Waker | None = None
        """Rung by `cancel`; whoever polls until the deadline polls it too."""

    @classmethod
    def cancellable(cls, seconds: float | None) -> Deadline:
        """Make one that another thread may bring forward to now. Its owner calls `settle` in the end."""
        deadline = cls(seconds)
        deadline.waker = Waker()
        return deadline

    def cancel(self) -> None:
        """Pass now. Any thread, signal handlers too; takes no lock."""
        self.at = -math.inf
        waker = self.waker
        if waker is not None:
            waker.wake()

    def settle(self) -> None:
        """Release what `cancel` needs: nobody waits any more. May be called again."""
        waker, self.waker = self.waker, None
        if waker is not None:
            waker.close()

    def remaining(self) -> float | None:
        """Return the seconds left, 0 at the least, or None for no limit."""
        return None if self.at == math.inf else max(0.0, self.at - time.monotonic())

    def passed(self) -> bool:
        """Tell whether the time is over."""
        return self.at != math.inf and time.monotonic() >= self.at
