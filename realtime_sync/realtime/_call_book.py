"""Function calls that this side's tools answer: which responses have some, and the turns that wait for the results."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from realtime_sync.realtime._settings import part_of
from realtime_sync.realtime._state import TurnState
from realtime_sync.tools import Batch, FunctionCall, Toolbox
from realtime_sync.types import UnknownEvent

__all__ = ["TELLS_CALLS", "CallBook", "CallsDue", "ToolsDone"]

TELLS_CALLS = frozenset({"response.created", "response.output_item.done", "response.done"})
"""The events of a response that tell its calls."""


@frozen
class CallsDue:
    """The calls of a response that are to be answered.

    Attributes:
        calls: those of registered tools, in the order of the response.
        others: whether it calls other functions as well, which are the caller's to answer.
    """

    calls: tuple[FunctionCall, ...]
    others: bool


@frozen(eq=False)
class ToolsDone:
    """Put into a turn's queue to tell its consumer that the outputs are there."""

    batch: Batch
    due: CallsDue
    type: str = "tools_done"


@define(eq=False)
class CallBook:
    """What is known of the calls of running turns. The session's lock guards everything."""

    _tools: Toolbox
    answering: set[TurnState] = field(init=False, factory=set)
    """The turns whose calls are being answered, until the outputs are sent."""

    @property
    def has_tools(self) -> bool:
        return len(self._tools) > 0

    def item_done(self, turn: TurnState, event: Any) -> None:
        """Note a finished item: some servers leave the output out of the terminal event."""
        item = getattr(event, "item", None)
        if getattr(item, "type", None) == "function_call":
            turn.calls.append(item)

    def due(self, turn: TurnState, event: Any, *, interrupted: bool) -> bool:
        """Tell whether the response that has just ended makes calls to be answered now, noting them in the turn."""
        finished, turn.calls = turn.calls, []
        if not self.has_tools or interrupted or turn.cancel_asked or turn.answered_rounds >= self._tools.max_rounds:
            return False
        if not turn.may_answer or turn.response_id is None:
            return False
        fits = not isinstance(event, UnknownEvent)
        if part_of(event if fits else event.raw, "response", "status") not in (None, "completed"):
            return False  # What was cut off may lack calls, or parts of their arguments.
        output = part_of(event, "response", "output") if fits else None
        called = [item for item in output or finished if getattr(item, "type", None) == "function_call"]
        mine = tuple(
            FunctionCall(item.call_id, item.name, item.arguments or "")
            for item in called
            if item.name in self._tools and item.call_id is not None
        )
        if not mine:
            return False
        turn.answered_rounds += 1
        turn.due[turn.response_id] = CallsDue(mine, others=len(mine) < len(called))
        turn.answering = True
        self.answering.add(turn)
        return True

    def settled(self, turn: TurnState, batch: Batch) -> None:
        """Note that the outputs of a batch are sent, with what follows them."""
        if batch in turn.batches:
            turn.batches.remove(batch)
        turn.answering = bool(turn.batches or turn.due)
        if not turn.answering:
            self.answering.discard(turn)

    def drop(self, turn: TurnState) -> None:
        """Forget what a turn's tools make: nobody wants it any more."""
        turn.answering = False
        self.answering.discard(turn)
        turn.due.clear()
        for batch in turn.batches:
            self._tools.executor.cancel(batch)
        turn.batches.clear()
