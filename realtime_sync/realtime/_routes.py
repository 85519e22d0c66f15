"""Which turn it is about when an event names a response, an item, or an event of ours."""

from __future__ import annotations

from attrs import define, field

from realtime_sync.realtime._events import token_in
from realtime_sync.realtime._state import TurnState

__all__ = ["MAX_RESPONSES", "Routes"]

MAX_RESPONSES = 1024


@define(eq=False)
class Routes:
    """The turns of a session by all that names them. The session's lock guards everything."""

    responses: dict[str, TurnState] = field(init=False, factory=dict)
    items: dict[str, TurnState] = field(init=False, factory=dict)
    events: dict[str, TurnState] = field(init=False, factory=dict)
    """By the id of an event that was sent for it."""
    tokens: dict[str, TurnState] = field(init=False, factory=dict)
    """Turns that are spoken: their many appends carry the token in the event id."""

    def turns(self) -> set[TurnState]:
        """Return all turns that something leads to."""
        return {turn for each in (self.responses, self.events, self.items, self.tokens) for turn in each.values()}

    def has_sent(self, turn: TurnState, event_id: str) -> None:
        """Note an event that was sent for a turn."""
        self.events[event_id] = turn
        turn.event_ids.add(event_id)

    def adopt(self, turn: TurnState, item_id: str | None) -> None:
        """Note that an item is a turn's."""
        if item_id is not None:
            self.items[item_id] = turn
            turn.item_ids.add(item_id)

    def begin(self, turn: TurnState, response_id: str) -> TurnState | None:
        """Note that a response is a turn's; return the turn, if any, of which nothing can be kept any more for it."""
        # Only responses that never ended can fill this: the oldest goes.
        is_full = len(self.responses) >= MAX_RESPONSES
        oldest = self.responses.pop(next(iter(self.responses))) if is_full else None
        self.responses[response_id] = turn
        return oldest

    def take_event(self, event_id: str) -> TurnState | None:
        """Return the turn that an event of ours was sent for, and forget the event."""
        return self.events.pop(event_id, None) or self.tokens.get(token_in(event_id))

    def forget(self, turn: TurnState) -> None:
        """Let nothing but its response lead to a turn any more."""
        for item_id in turn.item_ids:
            self.items.pop(item_id, None)
        for event_id in turn.event_ids:
            self.events.pop(event_id, None)
        self.tokens.pop(turn.token, None)

    def clear(self) -> None:
        """Forget all that a connection had names for."""
        for each in (self.responses, self.items, self.events):
            each.clear()
