"""The small table at the end of the demo."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import define, field, frozen

from realtime_sync.realtime import RealtimeSession

__all__ = ["Row", "Stopwatch", "print_table"]

TEXT_WIDTH = 30


@frozen
class Row:
    """What one turn took.

    Attributes:
        text: what it was.
        first_token: seconds to the first piece of text, or None.
        seconds: all of it.
        events: how many came.
        received, sent: bytes.
    """

    text: str
    first_token: float | None
    seconds: float
    events: int
    received: int
    sent: int


@define(eq=False)
class Stopwatch:
    """Measures one turn from its construction to `row`."""

    _session: RealtimeSession
    _text: str
    events: int = 0
    _start: float = field(init=False, factory=time.monotonic)
    _received: int = field(init=False)
    _sent: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Look at the counters."""
        stats = self._session.stats
        self._received, self._sent = stats.bytes_received, stats.bytes_sent

    def row(self, first_token: float | None) -> Row:
        """Return what it took until now."""
        stats = self._session.stats
        return Row(
            self._text,
            first_token,
            time.monotonic() - self._start,
            self.events,
            stats.bytes_received - self._received,
            stats.bytes_sent - self._sent,
        )


def print_table(rows: Sequence[Row]) -> None:
    """Print what each turn took."""
    if not rows:
        return
    print(f"{'turn':<{TEXT_WIDTH}} {'first token':>12} {'turn time':>11} {'events':>7} {'received':>10} {'sent':>9}")
    for row in rows:
        text = row.text if len(row.text) <= TEXT_WIDTH else row.text[: TEXT_WIDTH - 3] + "..."
        first = "-" if row.first_token is None else f"{row.first_token * 1000:.1f} ms"
        spent = f"{row.seconds * 1000:>8.1f} ms {row.events:>7} {row.received:>8} B {row.sent:>7} B"
        print(f"{text:<{TEXT_WIDTH}} {first:>12} {spent}")
