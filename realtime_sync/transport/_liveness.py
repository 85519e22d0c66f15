"""When to send a ping, and when silence means that the connection is lost: decisions only, no clock."""

from __future__ import annotations

import math
from typing import final

__all__ = ["KeepAlive"]


@final
class KeepAlive:
    """The ping schedule of one connection. All times are monotonic seconds. For the servicing thread.

    Args:
        interval: between our pings; None sends none.
        timeout: silence after a ping that means death; None never.
    """

    __slots__ = ("_interval", "_next_ping", "_timeout", "_unanswered_since")

    def __init__(self, interval: float | None, timeout: float | None, now: float) -> None:
        self._interval = math.inf if interval is None else interval
        self._timeout = math.inf if timeout is None else timeout
        self._next_ping = now + self._interval
        self._unanswered_since = math.inf

    def heard(self) -> None:
        """Note that bytes arrived: any of them count as life."""
        self._unanswered_since = math.inf

    def restart(self, now: float) -> None:
        """Start afresh after a time in which nobody read."""
        self._next_ping = now + self._interval
        self._unanswered_since = math.inf

    def due(self) -> float:
        """Return the time of the next thing to do; infinity for never."""
        return min(self._next_ping, self._unanswered_since + self._timeout)

    def ping_is_due(self, now: float) -> bool:
        """Tell whether a ping goes out now; if so it counts as sent."""
        if now < self._next_ping:
            return False
        self._next_ping = now + self._interval
        self._unanswered_since = min(self._unanswered_since, now)
        return True

    def is_overdue(self, now: float) -> bool:
        """Tell whether the silence after a ping lasted too long."""
        return now >= self._unanswered_since + self._timeout
