"""One Realtime response: pieces of an answer in, events in the API's order out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from attrs import define, field

from realtime_sync.audio import AudioFormat
from realtime_sync.server._backend import new_id
from realtime_sync.server._pieces import AudioPiece, CallPiece, EndPiece, Piece, TextPiece, audio_tokens, tokens
from realtime_sync.server.realtime._items import Conversation, shown
from realtime_sync.server.realtime._message import Message
from realtime_sync.server.realtime._usage import Counts, usage

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
    given: Counts
    """What the responder is given, in tokens."""
    id: str = field(factory=lambda: new_id("resp"))
    spoken_seconds: float = field(init=False, default=0.0)
    """Audio that was sent so far."""
    spoken_since: float | None = field(init=False, default=None)
    """When the first of it was sent, on the monotonic clock; None: nothing yet."""
    _output: list[dict[str, Any]] = field(init=False, factory=list)
    _message: Message | None = field(init=False, default=None)
    """The message that is open."""
    _made: Counts = field(init=False, factory=Counts)

    @property
    def tokens(self) -> int:
        """Everything that was counted so far, in and out."""
        return self.given.total + self._made.total

    def begin(self) -> None:
        """Send the first event."""
        self.emit({"type": "response.created", "response": self._response("in_progress", None)})

    def take(self, piece: Piece) -> bool:
        """Turn one piece into events; true when it ended the response."""
        if isinstance(piece, TextPiece):
            self._made += Counts(text=len(tokens(piece.text)))
            self._open_message().add_text(piece.text)
        elif isinstance(piece, AudioPiece):
            self._speak(piece)
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

    def open_message(self, item_id: str) -> Message | None:
        """Return the message that is being made, if it is this item."""
        return self._message if self._message is not None and self._message.item["id"] == item_id else None

    def _end(self, end: EndPiece) -> None:
        details: dict[str, Any] | None = None
        if end.status == "incomplete":
            details = {"type": "incomplete", "reason": end.reason}
        elif end.status == "failed":
            error = {"type": "server_error", "code": "server_error", "message": end.message}
            details = {"type": "failed", "error": error}
        self.finish(end.status, details)

    # output items

    def _open_message(self) -> Message:
        if self._message is None:
            item = self._open_item({"type": "message", "role": "assistant", "content": []})
            speaks = self.settings["output_modalities"] == ["audio"]
            audio_format = AudioFormat.from_wire(self.settings["audio"]["output"]["format"]) if speaks else None
            self._message = Message(emit=self._on_part, item=item, format=audio_format)
            self._message.begin()
        return self._message

    def _speak(self, piece: AudioPiece) -> None:
        self._open_message().add_audio(piece.audio)
        self._made += Counts(audio=audio_tokens(piece.seconds))
        self.spoken_seconds += piece.seconds
        if self.spoken_since is None:
            self.spoken_since = time.monotonic()

    def _close_message(self, status: str) -> None:
        if self._message is not None:
            self._message.end()
            self._message = None
            self._close_item(status)

    def _call(self, piece: CallPiece) -> None:
        call_id = new_id("call")
        item = self._open_item({"type": "function_call", "name": piece.name, "call_id": call_id, "arguments": ""})
        event = self._place() | {"call_id": call_id}
        for delta in tokens(piece.arguments):
            self._made += Counts(text=1)
            self.emit({"type": "response.function_call_arguments.delta", **event, "delta": delta})
        done = {"name": piece.name, "arguments": piece.arguments}
        self.emit({"type": "response.function_call_arguments.done", **event, **done})
        item["arguments"] = piece.arguments
        self._close_item("incomplete" if piece.cut else "completed")

    def _open_item(self, item: dict[str, Any]) -> dict[str, Any]:
        item = {"id": new_id("item"), "object": "realtime.item", "status": "in_progress", **item}
        self._output.append(item)
        added = {"response_id": self.id, "output_index": len(self._output) - 1, "item": shown(item)}
        self.emit({"type": "response.output_item.added", **added})
        if self.conversation is not None:
            previous = self.conversation.insert(item)
            event = {"previous_item_id": previous, "item": shown(item)}
            self.emit({"type": "conversation.item.added", **event})
        return item

    def _close_item(self, status: str) -> None:
        item = self._output[-1]
        item["status"] = status
        done = {"response_id": self.id, "output_index": len(self._output) - 1, "item": shown(item)}
        self.emit({"type": "response.output_item.done", **done})
        if self.conversation is not None and self.conversation.find(item["id"]) is not None:
            event = {"previous_item_id": self.conversation.previous_of(item), "item": shown(item)}
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
            "output": [shown(item) for item in self._output],
            "conversation_id": None if self.conversation is None else self.conversation.id,
            **self.settings,
            "usage": None if status == "in_progress" else usage(self.given, self._made),
        }
