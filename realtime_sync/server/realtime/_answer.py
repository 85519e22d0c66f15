"""One Realtime response: pieces of an answer in, events in the API's order out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from attrs import define, field

from realtime_sync.server._backend import new_id
from realtime_sync.server._reply import CallPiece, EndPiece, Piece, TextPiece, tokens
from realtime_sync.server.realtime._items import Conversation

__all__ = ["RealtimeAnswer"]

Emit = Callable[[dict[str, Any]], None]


@define(eq=False, kw_only=True)
class RealtimeAnswer:
    """A response in progress. Belongs to the connection's thread.

    Order: `begin`, then `take` for every piece until it returns true, or `finish` at any time in between.
    """

    emit: Emit
    conversation: Conversation | None
    """Where output items go; None: out of band."""
    settings: dict[str, Any]
    """output_modalities, max_output_tokens, metadata, audio: as effective for this response."""
    input_tokens: int
    id: str = field(factory=lambda: new_id("resp"))
    _output: list[dict[str, Any]] = field(init=False, factory=list)
    _deltas: list[str] | None = field(init=False, default=None)
    """The text of the message that is open, None while none is."""
    _output_tokens: int = field(init=False, default=0)

    @property
    def tokens(self) -> int:
        """Everything that was counted so far, in and out."""
        return self.input_tokens + self._output_tokens

    def begin(self) -> None:
        """Send the first event."""
        self.emit({"type": "response.created", "response": self._response("in_progress", None)})

    def take(self, piece: Piece) -> bool:
        """Turn one piece into events; true when it ended the response."""
        if isinstance(piece, TextPiece):
            self._text(piece.text)
        elif isinstance(piece, CallPiece):
            self._close_message("completed")
            self._call(piece)
        else:
            self._end(piece)
            return True
        return False

    def cancel(self, reason: Literal["client_cancelled", "turn_detected"]) -> None:
        """End the response because somebody interrupted it."""
        self.finish("cancelled", {"type": "cancelled", "reason": reason})

    def finish(self, status: str, details: dict[str, Any] | None) -> None:
        """Close what is open and send the last event."""
        self._close_message("completed" if status == "completed" else "incomplete")
        self.emit({"type": "response.done", "response": self._response(status, details)})

    def _end(self, end: EndPiece) -> None:
        details: dict[str, Any] | None = None
        if end.status == "incomplete":
            details = {"type": "incomplete", "reason": end.reason}
        elif end.status == "failed":
            error = {"type": "server_error", "code": "server_error", "message": end.message}
            details = {"type": "failed", "error": error}
        self.finish(end.status, details)

    # output items

    def _text(self, text: str) -> None:
        if self._deltas is None:
            self._open_item({"type": "message", "role": "assistant", "content": []})
            self._deltas = []
            self._on_part("response.content_part.added", part={"type": "text", "text": ""})
        self._deltas.append(text)
        self._output_tokens += len(tokens(text))
        self._on_part("response.output_text.delta", delta=text)

    def _close_message(self, status: str) -> None:
        if self._deltas is None:
            return
        text, self._deltas = "".join(self._deltas), None
        self._on_part("response.output_text.done", text=text)
        self._on_part("response.content_part.done", part={"type": "text", "text": text})
        self._output[-1]["content"] = [{"type": "output_text", "text": text}]
        self._close_item(status)

    def _call(self, piece: CallPiece) -> None:
        call_id = new_id("call")
        item = {"type": "function_call", "name": piece.name, "call_id": call_id, "arguments": ""}
        self._open_item(item)
        event = self._place() | {"call_id": call_id}
        for delta in tokens(piece.arguments):
            self._output_tokens += 1
            self.emit({"type": "response.function_call_arguments.delta", **event, "delta": delta})
        done = {"name": piece.name, "arguments": piece.arguments}
        self.emit({"type": "response.function_call_arguments.done", **event, **done})
        self._output[-1]["arguments"] = piece.arguments
        self._close_item("incomplete" if piece.cut else "completed")

    def _open_item(self, item: dict[str, Any]) -> None:
        item = {"id": new_id("item"), "object": "realtime.item", "status": "in_progress", **item}
        self._output.append(item)
        added = {"response_id": self.id, "output_index": len(self._output) - 1, "item": dict(item)}
        self.emit({"type": "response.output_item.added", **added})
        if self.conversation is not None:
            previous = self.conversation.insert(item)
            event = {"previous_item_id": previous, "item": dict(item)}
            self.emit({"type": "conversation.item.added", **event})

    def _close_item(self, status: str) -> None:
        item = self._output[-1]
        item["status"] = status
        done = {"response_id": self.id, "output_index": len(self._output) - 1, "item": dict(item)}
        self.emit({"type": "response.output_item.done", **done})
        if self.conversation is not None and self.conversation.find(item["id"]) is not None:
            event = {"previous_item_id": self.conversation.previous_of(item), "item": dict(item)}
            self.emit({"type": "conversation.item.done", **event})

    # event bodies

    def _place(self) -> dict[str, Any]:
        index = len(self._output) - 1
        return {"response_id": self.id, "item_id": self._output[index]["id"], "output_index": index}

    def _on_part(self, event_type: str, **body: Any) -> None:
        self.emit({"type": event_type, **self._place(), "content_index": 0, **body})

    def _response(self, status: str, details: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [dict(item) for item in self._output],
            "conversation_id": None if self.conversation is None else self.conversation.id,
            **self.settings,
            "usage": None if status == "in_progress" else self._usage(),
        }

    def _usage(self) -> dict[str, Any]:
        return {
            "total_tokens": self.tokens,
            "input_tokens": self.input_tokens,
            "output_tokens": self._output_tokens,
            "input_token_details": {
                "text_tokens": self.input_tokens,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": self._output_tokens, "audio_tokens": 0},
        }
