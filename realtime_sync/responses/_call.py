"""What is known of one request while it runs: a `response.create`, and what follows from it up to its last event."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import define, field, frozen

from realtime_sync.errors import RealtimeSyncError
from realtime_sync.session import EventQueue

if TYPE_CHECKING:
    from realtime_sync.responses._lanes import LaneState

__all__ = ["ANY", "Call", "LaneChoice", "Phase", "Steer", "Wants"]


class Phase(enum.Enum):
    """Where a request is."""

    WAITING = "it was waiting for a lane, and nothing of it was sent"
    GRANTED = "it had a lane, and was not sent yet"
    SENT = "it was sent, and its response had not begun"
    RUNNING = "its response was still running"
    SETTLING = "its response had ended, and what became of a steer was not known"
    OVER = "it was over"


class _Any(enum.Enum):
    ANY = "any lane"


ANY: Final = _Any.ANY
"""No lane in particular."""

LaneChoice: TypeAlias = "str | _Any | None"
"""A lane that a caller asks for: by its name (None: the default lane), or `ANY`."""


@frozen(kw_only=True)
class Wants:
    """What a request asks of its lane.

    Attributes:
        lane: the one to run on.
        previous: the response that it goes on from.
        fork: it goes on from there beside whatever follows on the lane of that response.
        unstored: nothing but the lane itself will remember the response.
    """

    lane: LaneChoice = ANY
    previous: str | None = None
    fork: bool = False
    unstored: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any], lane: LaneChoice = ANY, *, fork: bool = False) -> Wants:
        """Read the body of a request."""
        previous = body.get("previous_response_id")
        return cls(
            lane=lane,
            previous=previous if isinstance(previous, str) else None,
            fork=fork,
            unstored=body.get("store") is False,
        )


@define(eq=False)
class Steer:
    """What was given to a running response.

    Unresolved from its sending until the server refuses it, asks for the outputs of tools first, or ends the response
    that began with it.
    """

    data: Mapping[str, Any] = field(repr=False)
    """The event that was sent; empty if another one's answer told of it."""
    response_id: str
    id: str | None = None
    """As the server calls it, once it has accepted it."""
    successor: str | None = None
    """The response that began with it."""


@define(eq=False, kw_only=True)
class Call:
    """One request. The session's lock guards every field that changes.

    Who asked waits for a lane on a private waiter that `wake` rings.
    """

    wants: Wants
    body: Mapping[str, Any] = field(repr=False)
    """What is sent, without `stream_id`."""
    queue: EventQueue | None = field(default=None, repr=False)
    """Of its consumer. None: it was sent by hand, and its events are the mailbox's."""
    wake: Callable[[], object] = field(default=lambda: None, repr=False)
    ticket: int = 0
    """The order in which requests were made."""
    thread: int = field(factory=threading.get_ident)
    """Whose it is."""
    phase: Phase = Phase.WAITING
    lane: LaneState | None = field(default=None, repr=False)
    refusal: RealtimeSyncError | None = None
    """Why it cannot be sent at all."""
    again: bool = False
    """It was refused only for its form, or for coming too early, and goes out again by itself."""
    stream_id: str | None = None
    """As it was sent."""
    number: int | None = None
    """Of its message on the connection; None: it is not queued."""
    response_ids: list[str] = field(factory=list)
    """Of its responses: one, and one more for every steer that took effect."""
    error: Any = field(default=None, repr=False)
    """The error event that ended it."""
    suspect: Any = field(default=None, repr=False)
    """An error event that named no lane while this was unanswered: it may be the answer."""
    due: float | None = None
    """When to stop waiting for what is overdue (the first event, or what became of a steer), monotonic."""
    steers: list[Steer] = field(factory=list)
    """The unresolved ones."""
    pending_input: tuple[Any, ...] | None = None
    """What the server wants to have before an accepted steer can take effect."""
    steer_unknown: bool = False
    """What became of a steer was never told."""
    seen: bool = False
    """Its connection was lost when the server may have had it."""
    left: bool = False
    """Its consumer left, which the reader may not know yet. No lock: set once, from any thread."""
    drains_since: float | None = None
    """Since when nobody wants the rest of it, monotonic."""

    tell: Callable[[], object] = field(default=lambda: None, repr=False)
    """Called when it has begun, and when it is over or its connection is: under the lock, on the reader. For a pool."""
    watchers: list[Callable[[], object]] = field(factory=list, repr=False)
    """Wake those who wait for the next response of it to begin, or for its end."""

    def notify(self) -> None:
        """Wake them."""
        while self.watchers:
            self.watchers.pop()()
        self.tell()

    @property
    def response_id(self) -> str | None:
        """The id of its newest response."""
        return self.response_ids[-1] if self.response_ids else None

    @property
    def is_sent(self) -> bool:
        """Whether the server has it, or will have."""
        return self.phase in _ON_THE_WIRE

    @property
    def is_lost(self) -> bool:
        """Whether nobody waits for it any more, whatever came of it."""
        return self.phase is Phase.OVER or self.left

    @property
    def by_hand(self) -> bool:
        return self.queue is None

    def begun_steers(self, response_id: str | None) -> None:
        """Note that a response began: with every steer that was accepted before."""
        for steer in self.steers:
            if steer.id is not None and steer.successor is None and steer.response_id != response_id:
                steer.successor = response_id

    def steer_of(self, steer_id: Any, response_id: Any) -> Steer | None:
        """Return the steer that an event of the server is about: by its id, else the first one without an answer."""
        named = next((each for each in self.steers if steer_id is not None and each.id == steer_id), None)
        if named is not None:
            return named
        return next((each for each in self.steers if each.id is None and each.response_id == response_id), None)


_ON_THE_WIRE = frozenset({Phase.SENT, Phase.RUNNING, Phase.SETTLING})
