"""The `response.create` events on their way, and which of them a response answers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from realtime_sync.realtime._events import mapping_of, metadata_of
from realtime_sync.realtime._rules import TOKEN_KEY
from realtime_sync.realtime._state import TurnState

__all__ = ["Create", "Creates"]

CREATE_SECONDS = 60.0
SUSPECT_SECONDS = 10.0
"""How long a create may stay unanswered after an error that named no event, before that counts as its answer."""


@define(eq=False)
class Create:
    """A `response.create` on its way, whoever sent it."""

    event_id: str
    turn: TurnState | None
    token: str | None
    out_of_band: bool
    sent_at: float = field(factory=time.monotonic)


@define(eq=False)
class Creates:
    """All of them, in the order in which they went out. The session's lock guards everything."""

    entries: deque[Create] = field(init=False, factory=deque)
    echoes: bool = field(init=False, default=False)
    """The peer has echoed a token of ours, so a response without one is not ours."""

    def __len__(self) -> int:
        return len(self.entries)

    def sent(self, data: Mapping[str, Any], turn: TurnState | None) -> None:
        """Note one that takes its place in the outgoing order."""
        response = mapping_of(data.get("response"))
        token = mapping_of(response.get("metadata")).get(TOKEN_KEY)
        self.entries.append(Create(data["event_id"], turn, token, response.get("conversation") == "none"))

    def claim(self, event: Any, *, by_order: bool) -> Create | None:
        """Find the create that a response.created answers, and take it out of the line.

        Args:
            event: the response.created.
            by_order: whether the order may decide where the peer echoes no token.
        """
        metadata = metadata_of(event)
        token = metadata.get(TOKEN_KEY)
        if token is not None:
            create = next((each for each in self.entries if each.token == token), None)
            self.echoes = self.echoes or create is not None
        elif self.entries and by_order:
            head = self.entries[0]
            # Without an echo the order decides, unless this peer is known to echo: then it is not ours.
            create = head if head.token is None or not (self.echoes or metadata) else None
        else:
            create = None
        if create is not None:
            self.entries.remove(create)
        return create

    def take(self, event_id: str) -> Create | None:
        """Take the one that an error names out of the line."""
        create = next((each for each in self.entries if each.event_id == event_id), None)
        if create is not None:
            self.entries.remove(create)
        return create

    def suspect(self, event: Any) -> None:
        """Note an error that names nothing: it may be the answer to any of them."""
        for turn in (each.turn for each in self.entries):
            if turn is not None and turn.suspect is None:
                turn.suspect, turn.suspected_at = event, time.monotonic()

    def judge(self, now: float) -> list[TurnState]:
        """Take out those that stayed unanswered after an error that named nothing; return their turns."""
        judged = []
        for create in list(self.entries):
            turn = create.turn
            if turn is None or turn.suspect is None or turn.abandoned or now - turn.suspected_at <= SUSPECT_SECONDS:
                continue
            self.entries.remove(create)
            judged.append(turn)
        return judged

    def expire(self, now: float) -> list[TurnState]:
        """Take out those that were never answered and that nobody waits for; return the turns that were left."""
        left = []
        while self.entries and now - self.entries[0].sent_at > CREATE_SECONDS and _is_orphan(self.entries[0]):
            turn = self.entries.popleft().turn
            if turn is not None:
                left.append(turn)
        return left

    def forget(self, turn: TurnState) -> None:
        """Take out those of a turn."""
        self.entries = deque(each for each in self.entries if each.turn is not turn)


def _is_orphan(create: Create) -> bool:
    return create.turn is None or create.turn.abandoned
