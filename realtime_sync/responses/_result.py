"""What has arrived of a request: its responses, put together from its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from realtime_sync.errors import DecodeError
from realtime_sync.responses._events import BEGINNINGS, ENDS, field_of
from realtime_sync.types import UnknownEvent

if TYPE_CHECKING:
    from realtime_sync.types.responses import Response

__all__ = ["ResultBuilder"]


class ResultBuilder:
    """Collects the events of one request. One thread at a time."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        """Those that have ended: one, and one more for every steer that took effect."""
        self.error: Any = None
        """The error event that ended the request."""
        self.misfit: DecodeError | None = None
        """Why the last event of a response cannot be read."""
        self._running: Response | None = None
        self._items: dict[int, Any] = {}
        self._texts: dict[tuple[int, int], list[str]] = {}

    def add(self, event: Any) -> None:
        """Take in the next event."""
        kind = event.type
        if kind == "response.output_text.delta":
            if event.__class__ is not UnknownEvent:
                place = (event.output_index or 0, event.content_index or 0)
                self._texts.setdefault(place, []).append(event.delta)
        elif kind == "response.output_item.done":
            if event.__class__ is not UnknownEvent:
                self._items[event.output_index or 0] = event.item
        elif kind in BEGINNINGS:
            self._begin(event)
        elif kind in ENDS:
            self._end(event)
        elif kind == "error":
            self.error = event

    def _begin(self, event: Any) -> None:
        response = field_of(event, "response") if event.__class__ is not UnknownEvent else None
        if response is not None and (self._running is None or self._running.id != response.id):
            self._running = response
            self._items.clear()
            self._texts.clear()

    def _end(self, event: Any) -> None:
        if event.__class__ is UnknownEvent:
            self.misfit = event.error or DecodeError(f"{event.type} cannot be read", raw=str(event.raw))
            return
        response = event.response
        if not response.output and self._items:  # Some servers tell the items once only.
            response = attrs.evolve(response, output=self._done_items())
        self.responses.append(response)
        self._running = None
        self._items.clear()
        self._texts.clear()

    def _done_items(self) -> tuple[Any, ...]:
        return tuple(self._items[index] for index in sorted(self._items))

    @property
    def final(self) -> Response | None:
        """The newest response that has ended, or None."""
        return self.responses[-1] if self.responses else None

    def partial(self) -> Response | None:
        """Return what there is of the newest response; None: it has not begun.

        A message that was being written is in it as far as it had come.
        """
        if self._running is None:
            return self.final
        from realtime_sync.types.responses import ResponseOutputMessage, ResponseOutputText  # noqa: PLC0415

        items = dict(self._items)
        for (output_index, content_index), pieces in sorted(self._texts.items()):
            if output_index in self._items:
                continue
            part = ResponseOutputText(text="".join(pieces))
            before = items.get(output_index)
            content = (*before.content, part) if before is not None and content_index else (part,)
            items[output_index] = ResponseOutputMessage(role="assistant", status="incomplete", content=content)
        return attrs.evolve(self._running, output=tuple(items[index] for index in sorted(items)))
