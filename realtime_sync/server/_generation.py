"""Make pieces (of an answer, of a transcript) on a thread of its own, at their pace, and hand them over one by one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from attrs import define, field

from realtime_sync.server._pieces import EndPiece, Piece

__all__ = ["Generation"]

logger = logging.getLogger("realtime_sync.server")

_CREDIT = 64
"""Pieces that may be under way to the session: a worker never runs further ahead of a slow client."""


@define(eq=False)
class _Gate:
    """Where a worker waits: for time to pass, for the session to catch up; `cancel` ends both.

    Threads: worker: pause, take. Session: give, cancel (also any other thread).
    Locks: _condition guards the fields.
    """

    _condition: threading.Condition = field(init=False, factory=threading.Condition, repr=False)
    _credit: int = field(init=False, default=_CREDIT)
    _cancelled: bool = field(init=False, default=False)

    def pause(self, seconds: float) -> None:
        """Wait so long, or until cancelled."""
        if seconds > 0:
            with self._condition:
                self._condition.wait_for(lambda: self._cancelled, seconds)

    def take(self) -> bool:
        """Wait for credit and use one; false when cancelled."""
        with self._condition:
            self._condition.wait_for(lambda: self._cancelled or self._credit > 0)
            self._credit -= 1
            return not self._cancelled

    def give(self) -> None:
        """Return one credit."""
        with self._condition:
            self._credit += 1
            self._condition.notify_all()

    def cancel(self) -> None:
        """End every wait, now and later."""
        with self._condition:
            self._cancelled = True
            self._condition.notify_all()


@define(eq=False, kw_only=True)
class Generation:
    """One response or transcript being made.

    Threads: rts-server-…-N: _run, and with it the user's function. Any thread: start, taken, cancel, join.
    A function that blocks keeps its (daemon) thread after `cancel`; what it returns then goes nowhere.
    """

    # set once, before start
    _make: Callable[[], Iterable[Piece]]
    """Called on the worker thread; the last piece is an `EndPiece`."""
    _deliver: Callable[[Piece], None]
    """Takes each piece, on the worker thread."""
    _time_scale: float
    _who: str
    """Whose function runs: "responder" or "transcriber"."""
    _name: str
    _gate: _Gate = field(init=False, factory=_Gate)
    _thread: threading.Thread = field(init=False, repr=False)

    def start(self) -> None:
        """Start the worker."""
        self._thread = threading.Thread(target=self._run, name=f"rts-server-{self._who}-{self._name}", daemon=True)
        self._thread.start()

    def taken(self) -> None:
        """Tell the worker that the session used one piece."""
        self._gate.give()

    def cancel(self) -> None:
        """Stop after the piece that is being made."""
        self._gate.cancel()

    def join(self, timeout: float) -> bool:
        """Wait for the worker to end, at most `timeout` seconds; true when it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for piece in self._make():
                self._gate.pause(piece.delay * self._time_scale)
                if not self._hand_over(piece):
                    return
        except Exception as error:
            # User code: whatever it raises fails this response or transcript only.
            logger.warning("the %s raised %r", self._who, error, exc_info=True)
            self._hand_over(EndPiece("failed", message=f"the {self._who} raised {type(error).__name__}: {error}"))

    def _hand_over(self, piece: Piece) -> bool:
        if not self._gate.take():
            return False
        self._deliver(piece)
        return True
