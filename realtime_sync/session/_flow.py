"""When the reader may stop reading.

Pausing lets TCP push back on the server. It is harmless only while nobody waits inside the library for this
connection and no other consumer is hungry: otherwise a peer with one loop and a sender that never receives
would block each other for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from attrs import define, field

__all__ = ["Consumer", "Flow"]


class Consumer(Protocol):
    """Anything with a queue that the reader fills."""

    def is_hungry(self) -> bool:
        """Return whether the queue is at or below its low mark. The caller holds the session's lock."""
        ...


@define(eq=False, kw_only=True)
class Flow:
    """Decides whether the reader of one session may pause, and wakes it when it must not.

    Threads: any. Locks: the session's lock guards everything except `waits`; `paused` is read without it, by consumers
    that took something and by threads that begin to wait.
    """

    _wake: Callable[[], None]
    paused: bool = field(init=False, default=False)
    consumers: set[Consumer] = field(init=False, factory=set)
    paused_seconds: float = field(init=False, default=0.0)
    paused_since: float | None = field(init=False, default=None)
    wakes: list[Callable[[], None]] | None = field(init=False, default=None)
    """Whom to wake once the reader, which routes right now, has let go of the lock; None: wake at once."""
    # No lock: a set of tokens, added and discarded in one C call each, so that `finally: discard` is right
    # even when the thread was interrupted before or after `add`.
    waits: set[object] = field(init=False, factory=set)

    def begin_wait(self, token: object) -> None:
        """Note that a thread waits for this connection; take it back with ``flow.waits.discard(token)``.

        Taking it back is no method of ours: an interrupt can skip a Python function at its first instruction, and
        in a `finally` nothing would make up for it.
        """
        self.waits.add(token)
        if self.paused:
            self._wake()

    def resume_if_paused(self) -> None:
        """Let the reader look again: a consumer opened or became hungry. Needs no lock."""
        if self.paused:
            self._wake()

    def update_locked(self, is_full: Callable[[], bool]) -> bool:
        """Decide anew and return whether to pause. Reader thread, holding the session's lock.

        Args:
            is_full: tells whether the mailbox is, by the mark that counts while `paused` is what it is.
        """
        if is_full():
            # Set before looking: a wait that begins now, and a consumer that takes something, either is seen here or
            # sees it. (The mailbox may have been emptied since it was found full.)
            self.paused = True
            self.paused = is_full() and not self.waits and not any(each.is_hungry() for each in self.consumers)
        else:
            self.paused = False
        self._count_locked()
        return self.paused

    def end_locked(self) -> None:
        """Pause no more: the connection is over."""
        self.paused = False
        self._count_locked()

    def _count_locked(self) -> None:
        now = time.monotonic()
        if self.paused and self.paused_since is None:
            self.paused_since = now
        elif not self.paused and self.paused_since is not None:
            self.paused_seconds += now - self.paused_since
            self.paused_since = None

    def total_paused(self) -> float:
        """Return the seconds spent paused so far, the current pause included."""
        since = self.paused_since
        return self.paused_seconds + (time.monotonic() - since if since is not None else 0.0)
