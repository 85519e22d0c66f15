"""When to send a ping, and when silence means that the connection is lost: decisions only, no clock."""

from __future__ import annotations

import math
from typing import final

__all__ = ["KeepAlive"]


@final
class KeepAlive:
    """The ping schedule of one connection. For the servicing thread.

    All times are monotonic seconds. `received`: the bytes that have arrived so far; any more of them count as life.

    Args:
        interval: between our pings; None sends none.
        timeout: silence after a ping that means death; None never.
    """

    __slots__ = ("_interval", "_next_ping", "_received_then", "_timeout", "_unanswered_since")

    def __init__(self, interval: float | None, timeout: float | None, now: float) -> None:
        self._interval = math.inf if interval is None else interval
        self._timeout = math.inf if timeout is None else timeout
        self._next_ping = now + self._interval
        self._unanswered_since = math.inf
        self._received_then = 0

    def restart(self, now: float) -> None:
        """Start afresh after a time in which nobody read."""
        self._next_ping = now + self._interval
        self._unanswered_since = math.inf

    def due(self, received: int) -> float:
        """Return the time of the next thing to do; infinity for never."""
        return min(self._next_ping, self._death(received))

    def ping_is_due(self, now: float, received: int) -> bool:
        """Tell whether a ping goes out now; if so it counts as sent."""
        if now < self._next_ping:
            return False
        self._next_ping = now + self._interval
        if self._unanswered_since == math.inf or received != self._received_then:
            self._unanswered_since, self._received_then = now, received
        return True

    def is_overdue(self, now: float, received: int) -> bool:
        """Tell whether the silence after a ping lasted too long."""
        return now >= self._death(received)

    def _death(self, received: int) -> float:
        return self._unanswered_since + self._timeout if received == self._received_then else math.inf
