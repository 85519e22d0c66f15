"""Sending while the connection may be lost: an event is queued on it, or held for the next one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import define

from realtime_sync.errors import ConnectionClosed, SendTimeout
from realtime_sync.session._ledger import Held, Ledger
from realtime_sync.transport import Deadline, Waiter

if TYPE_CHECKING:
    from realtime_sync.session._core import Core
    from realtime_sync.session._recovery import Resumption

__all__ = ["Holder"]


@define(eq=False)
class Holder:
    """Puts the events of a session that reconnects in their order, over all its connections.

    Threads: any; the reader alone calls `release_locked`. Locks: the session's lock guards everything.
    """

    _core: Core
    ledger: Ledger
    _resumption: Resumption

    def offer_locked(self, held: Held) -> bool:
        """Register an event and queue it, or hold it for the next connection, as one step; return if there was room.

        Raises:
            ConnectionClosed: the session is closing, or the connection ended and is not replaced.
        """
        core, ledger = self._core, self.ledger
        held.since = held.since or time.monotonic()
        if self._resumption.is_over_locked(held.claim):
            return True  # Nobody waits for it any more, and it belongs to a session that is lost.
        if not ledger.holding:
            try:
                return core.queue_locked(held)
            except ConnectionClosed as error:
                if error.closed_by == "local" or not ledger.returns(error.code):
                    raise
                ledger.holding = True  # It is over, which the reader has not noticed yet.
        if core.closing:
            raise core.closed_error()
        return ledger.hold_locked(held)

    def release_locked(self) -> bool:
        """Queue what is held on the connection, in order; False: there is no room for all of it yet. Reader thread."""
        ledger = self.ledger
        while ledger.held:
            held = ledger.held[0]
            if not self._resumption.is_over_locked(held.claim):
                try:
                    if not self._core.queue_locked(held):
                        return False
                except ConnectionClosed:
                    return True  # Over again, which the reader is about to notice.
            ledger.pop_locked()
        ledger.holding = False
        ledger.wake_locked()
        return True

    def end_locked(self) -> None:
        """Let everybody go: the session is over."""
        for held in self.ledger.held:
            if held.pending is not None:
                held.pending.resolve_locked(error=self._core.closed_error())
        self.ledger.wake_locked()

    def wait_for_room(self, deadline: Deadline | None) -> None:
        """Wait until `offer_locked` may find room, on the connection or among what is held.

        Raises:
            SendTimeout: there was none for `send_timeout` seconds, or until the deadline.
        """
        core, ledger = self._core, self.ledger
        left = deadline.remaining() if deadline is not None else None
        waiter = Waiter()
        try:
            with core.lock:
                if core.ended is not None:
                    return  # Too late for `end_locked` to wake this thread; `Core.send` tells it.
                holding, waits = ledger.holding, ledger.wait_locked(waiter)
            if waits:
                limit = min((each for each in (left, core.options.send_timeout) if each is not None), default=None)
                if not waiter.wait(limit):
                    msg = f"the connection is lost, and {ledger.bytes} bytes wait for the next one (see write_limit)"
                    raise SendTimeout(msg, replay_safe=True)
            elif not holding:
                self._wait_for_connection(left)
        finally:
            with core.lock:
                ledger.leave_locked(waiter)

    def _wait_for_connection(self, left: float | None) -> None:
        try:
            self._core.connection.wait_admission(left)
        except ConnectionClosed:
            return  # Whether there will be another one is for the next `offer_locked` to say.
