"""The closing handshake as a table, and how a connection ended.

===========  ===========  ==========  =================================================================
phase        step         next        what is done then
===========  ===========  ==========  =================================================================
OPEN         LOCAL_CLOSE  CLOSING     our close frame goes out behind what is queued
OPEN         FAULT        CLOSING     a close frame with the fault's code goes out, queued messages do not
OPEN         PEER_CLOSE   ANSWERED    the peer's code is echoed, queued messages do not go out
CLOSING      PEER_CLOSE   GONE        both have said it: drop the socket (once our close frame is out)
CLOSING      FAULT        GONE        nothing more can be learnt: drop the socket
any          END          GONE        end of file, a broken connection, the deadline, an abort
===========  ===========  ==========  =================================================================

In ANSWERED the server is given until the deadline to close the TCP connection first, so that our
last frame is not destroyed by a reset. Nothing but `Closing.step` changes the phase.
"""

from __future__ import annotations

import enum
from typing import Literal, final

from attrs import frozen

from realtime_sync.errors import ClosedError, ClosedOK, ConnectionClosed, LocalProtocolError

__all__ = ["Closing", "Ending", "Phase", "Step", "check_close"]


class Phase(enum.Enum):
    """How far the closing handshake is."""

    OPEN = "open"
    CLOSING = "closing"
    ANSWERED = "answered"
    GONE = "gone"


class Step(enum.Enum):
    """What moves the closing handshake on."""

    LOCAL_CLOSE = "local close"
    PEER_CLOSE = "peer close"
    FAULT = "fault"
    END = "end"


TRANSITIONS = {
    (Phase.OPEN, Step.LOCAL_CLOSE): Phase.CLOSING,
    (Phase.OPEN, Step.FAULT): Phase.CLOSING,
    (Phase.OPEN, Step.PEER_CLOSE): Phase.ANSWERED,
    (Phase.CLOSING, Step.PEER_CLOSE): Phase.GONE,
    (Phase.CLOSING, Step.FAULT): Phase.GONE,
    **{(phase, Step.END): Phase.GONE for phase in Phase},
}


@final
class Closing:
    """The phase of one connection. For the thread that services it, or under its lock."""

    __slots__ = ("phase",)

    def __init__(self) -> None:
        self.phase = Phase.OPEN

    def step(self, step: Step) -> Phase:
        """Move on and return the new phase.

        Raises:
            LocalProtocolError: the table has no such step; nothing has changed.
        """
        following = TRANSITIONS.get((self.phase, step))
        if following is None:
            msg = f"a connection that is {self.phase.value} cannot take the step '{step.value}'"
            raise LocalProtocolError(msg)
        self.phase = following
        return following


@frozen
class Ending:
    """Why a connection ended: the first cause, kept for every later caller."""

    code: int
    """The close code; 1005: a frame without one, 1006: no frame came."""
    reason: str
    closed_by: Literal["local", "remote", "lost"]
    cause: BaseException | None = None

    def error(self) -> ConnectionClosed:
        """Return a fresh exception: one instance raised in several threads would mix their tracebacks."""
        in_order = self.closed_by == "local" or (self.closed_by == "remote" and self.code in (1000, 1001))
        cls = ClosedOK if in_order else ClosedError
        error = cls(code=self.code, reason=self.reason, closed_by=self.closed_by)
        error.__cause__ = self.cause
        return error


_SENDABLE = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def check_close(code: int, reason: str) -> None:
    """Check a code and a reason that are about to be sent.

    Raises:
        LocalProtocolError: RFC 6455 section 7.4 does not let the code be sent, or the reason is over 123 bytes.
    """
    if code not in _SENDABLE and not 3000 <= code <= 4999:  # noqa: PLR2004
        msg = f"{code!r} is not a close code that may be sent: use 1000, 1001, or 3000 to 4999"
        raise LocalProtocolError(msg)
    try:
        size = len(reason.encode())
    except UnicodeEncodeError as error:
        msg = "a close reason must be text that UTF-8 can hold"
        raise LocalProtocolError(msg) from error
    if size > 123:  # noqa: PLR2004
        msg = f"a close reason takes at most 123 bytes; this one has {size}"
        raise LocalProtocolError(msg)
