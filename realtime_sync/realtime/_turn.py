"""The result of a turn, and how it is put together from the turn's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen

from realtime_sync.types import UnknownEvent

__all__ = ["Timings", "Turn", "TurnBuilder"]

TEXT_DELTAS = frozenset({"response.output_text.delta", "response.output_audio_transcript.delta"})


@frozen(kw_only=True)
class Timings:
    """Seconds from sending the request (for a response that somebody else started: from its creation).

    Attributes:
        first_event: to the first event of the turn, or None.
        first_token: to the first piece of text or transcript, or None.
        done: to the terminal event, or None while it has not come.
    """

    first_event: float | None = None
    first_token: float | None = None
    done: float | None = None


@frozen(kw_only=True)
class Turn:
    """What came of one response.

    Attributes:
        id: the response id; None if the response never began.
        status: "completed", "incomplete", "cancelled", "failed", "in_progress" (of a partial turn), or None.
        text: output text and, for audio parts, their transcript, in order.
        transcript: the transcript of the audio parts alone.
        items: the output items, in order.
        function_calls: those of `items` that are function calls.
        usage: token counts, or None.
        timings: when things arrived.
        response: the response object of the terminal event, or None.
        error: why the response failed, from `status_details`, or None.
    """

    id: str | None
    status: str | None
    text: str
    transcript: str
    items: tuple[Any, ...] = field(repr=False)
    usage: Any = field(repr=False)
    timings: Timings = field(repr=False)
    response: Any = field(repr=False)
    error: Any = None

    @property
    def function_calls(self) -> tuple[Any, ...]:
        return tuple(item for item in self.items if getattr(item, "type", None) == "function_call")


@define(eq=False)
class TurnBuilder:
    """Collects a turn's events, on the thread that consumes them."""

    final: bool = field(init=False, default=False)
    """The terminal event has been taken into account."""
    _response_id: str | None = field(init=False, default=None)
    _response: Any = field(init=False, default=None)
    _status: Any = field(init=False, default=None)
    _text: list[str] = field(init=False, factory=list)
    _transcript: list[str] = field(init=False, factory=list)
    _items: dict[str, Any] = field(init=False, factory=dict)

    def add(self, event: Any) -> None:
        """Take one event of the turn into account."""
        kind = event.type
        if isinstance(event, UnknownEvent):
            if kind == "response.done":  # It did not fit its class; the turn is over all the same.
                self.final = True
                response = event.raw.get("response")
                self._status = response.get("status") if isinstance(response, Mapping) else None
            return
        if kind in TEXT_DELTAS:
            self._text.append(event.delta)
            if kind != "response.output_text.delta":
                self._transcript.append(event.delta)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._items[event.item.id or str(len(self._items))] = event.item
        elif kind in ("response.created", "response.done"):
            self._response = event.response
            self._response_id = event.response.id or self._response_id
            self._status = event.response.status
            self.final = kind == "response.done"

    def turn(self, timings: Timings) -> Turn:
        """Return what has been collected so far."""
        response = self._response
        details = getattr(response, "status_details", None)
        # Some servers leave `output` out of the terminal event; the item events say the same.
        output = getattr(response, "output", None) if self.final else None
        return Turn(
            id=self._response_id,
            status=self._status,
            text="".join(self._text) or _text_of(output or ()),
            transcript="".join(self._transcript),
            items=tuple(output or self._items.values()),
            usage=getattr(response, "usage", None),
            timings=timings,
            response=response if self.final else None,
            error=getattr(details, "error", None),
        )


def _text_of(items: tuple[Any, ...]) -> str:
    """Join the text of finished items: for servers that send no deltas."""
    parts = (part for item in items for part in getattr(item, "content", None) or ())
    return "".join(getattr(part, "text", None) or getattr(part, "transcript", None) or "" for part in parts)
