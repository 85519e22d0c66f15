"""What has come of a response while it comes: pure, events in, a response out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from realtime_sync.errors import DecodeError
from realtime_sync.responses._events import BEGINNINGS, ENDS
from realtime_sync.types import UnknownEvent

if TYPE_CHECKING:
    from realtime_sync.types.responses import Response, ResponseOutputItem

__all__ = ["ResponseSoFar"]

_TEXT = "response.output_text.delta"
_ARGUMENTS = "response.function_call_arguments.delta"
_ITEMS = frozenset({"response.output_item.added", "response.output_item.done"})


@define(eq=False)
class ResponseSoFar:
    """Puts the events of one response together. One thread at a time.

    Attributes:
        final: the response as its last event has it; None: that has not come.
        misfit: why the last event could not be understood, if it could not.
    """

    final: Response | None = field(init=False, default=None)
    misfit: DecodeError | None = field(init=False, default=None)
    _begun: Response | None = field(init=False, default=None)
    _items: dict[Any, ResponseOutputItem] = field(init=False, factory=dict)
    _deltas: dict[Any, list[Any]] = field(init=False, factory=dict)

    def add(self, event: Any) -> None:
        """Take the next event."""
        if isinstance(event, UnknownEvent):
            if event.type in ENDS:
                self.misfit = event.error
        elif event.type in ENDS:
            self.final = event.response
            if not self.final.output and self._items:
                self.final = evolve(self.final, output=tuple(self._items.values()))  # Some servers say it once only.
        elif event.type in BEGINNINGS:
            self._begun = event.response
        elif event.type in _ITEMS:
            key = event.output_index
            self._items[key] = event.item
            self._deltas.pop(key, None)
        elif event.type in (_TEXT, _ARGUMENTS):
            self._deltas.setdefault(event.output_index, []).append(event)

    def response(self) -> Response | None:
        """Return the response as far as it has come; None if it has not begun."""
        if self.final is not None or self._begun is None:
            return self.final
        items = [
            self._with_deltas(self._items.get(key), self._deltas.get(key, []))
            for key in {**self._items, **self._deltas}
        ]
        return evolve(self._begun, output=[item for item in items if item is not None])

    @staticmethod
    def _with_deltas(item: ResponseOutputItem | None, deltas: list[Any]) -> ResponseOutputItem | None:
        """Return an item with what was written of it. Not every server says that it begins one."""
        from realtime_sync.types.responses import (  # noqa: PLC0415  (the catalogue loads on first use)
            ResponseFunctionToolCall,
            ResponseOutputMessage,
            ResponseOutputText,
        )

        pieces = "".join(event.delta for event in deltas)
        if pieces and item is None and deltas[0].type == _TEXT:
            item = ResponseOutputMessage(id=deltas[0].item_id, role="assistant", status="in_progress")
        if pieces and isinstance(item, ResponseOutputMessage):
            return evolve(item, content=(*(item.content or ()), ResponseOutputText(text=pieces)))
        if pieces and isinstance(item, ResponseFunctionToolCall):
            return evolve(item, arguments=(item.arguments or "") + pieces)
        return item
