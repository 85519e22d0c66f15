"""One deadline through all the steps of an operation."""

from __future__ import annotations

import math
import time
from typing import final

__all__ = ["Deadline"]


@final
class Deadline:
    """A point in monotonic time; `seconds` None means never."""

    __slots__ = ("at", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.at = math.inf if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Return the seconds left, 0 at the least, or None for no limit."""
        return None if self.at == math.inf else max(0.0, self.at - time.monotonic())

    def passed(self) -> bool:
        """Tell whether the time is over."""
        return self.at != math.inf and time.monotonic() >= self.at
