"""One response: pieces of an answer in, events in the API's order out."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field

from realtime_sync.server._backend import new_id
from realtime_sync.server._pieces import CallPiece, EndPiece, Piece, TextPiece, tokens
from realtime_sync.server.responses._items import Item, open_calls
from realtime_sync.server.responses._plan import Plan, summary_of_thought
from realtime_sync.server.responses._requests import echoed
from realtime_sync.server.responses._store import Record
from realtime_sync.server.responses._usage import usage

__all__ = ["ResponsesAnswer"]

Emit = Callable[[dict[str, Any]], None]


@define(eq=False, kw_only=True)
class ResponsesAnswer:
    """A response in progress. Belongs to whoever calls it: one thread at a time.

    Order: `begin`, then `take` for every piece until it returns true, or `finish` at any time in between.
    """

    emit: Emit
    """Sends an event; may raise the `Problem` that a fault makes, and then the response is over."""
    plan: Plan
    id: str = field(init=False, factory=lambda: new_id("resp"))
    status: str = field(init=False, default="in_progress")
    injected: list[Item] = field(init=False, factory=list)
    """What the client committed into the running response."""
    _created: int = field(init=False, factory=lambda: int(time.time()))
    _number: int = field(init=False, default=0)
    _output: list[Item] = field(init=False, factory=list)
    _context: list[Item] = field(init=False, factory=list)
    """Output and what was injected, in order."""
    _message: Item | None = field(init=False, default=None)
    """The message that is open."""
    _words: list[str] = field(init=False, factory=list)
    """Its text."""
    _made: int = field(init=False, default=0)
    _reasoned: int = field(init=False, default=0)
    _failure: dict[str, Any] | None = field(init=False, default=None)
    _details: dict[str, Any] | None = field(init=False, default=None)

    @property
    def open_calls(self) -> list[Any]:
        """The calls of client tools that nobody has answered."""
        return open_calls(self._context)

    @property
    def gained(self) -> tuple[Item, ...]:
        """Output and injected items so far."""
        return tuple(self._context)

    @property
    def record(self) -> Record:
        """What is left of the response when it has ended."""
        return Record(
            response=self.snapshot(),
            params=self.plan.params,
            input=self.plan.input,
            context=(*self.plan.context, *(item for item in self._context if item is not self.plan.compaction)),
        )

    def begin(self) -> None:
        """Send the first events; what needs no responder is over then, see `status`."""
        if self.plan.params.get("background"):
            self.status = "queued"
        self.send("response.created", response=self.snapshot())
        if self.status == "queued":
            self.send("response.queued", response=self.snapshot())
            self.status = "in_progress"
        self.send("response.in_progress", response=self.snapshot())
        if self.plan.compaction is not None:
            self._compact(self.plan.compaction)
        if not self.plan.generates:
            self.finish("completed")
            return
        thought = summary_of_thought(self.plan.params)
        if thought is not None:
            self._reason(thought)

    def take(self, piece: Piece) -> bool:
        """Turn one piece into events; true when it ended the response."""
        if isinstance(piece, TextPiece):
            self._made += len(tokens(piece.text))
            self._write(piece.text)
        elif isinstance(piece, CallPiece):
            self._close_message("completed")
            self._call(piece)
        elif isinstance(piece, EndPiece):
            if piece.status == "failed":
                self._failure = {"code": "server_error", "message": piece.message}
            self.finish(piece.status, piece.reason)
            return True
        return False

    def finish(self, status: str, reason: str | None = None) -> None:
        """Close what is open and send the last event; `reason` says why it is incomplete."""
        self._close_message("completed" if status == "completed" else "incomplete")
        self.status = status
        self._details = None if reason is None else {"reason": reason}
        self.send(f"response.{status}", response=self.snapshot())

    def cancel(self) -> None:
        """End the response without a last event: the API has none for this."""
        if self._message is not None:
            self._output[-1] = {**self._message, "status": "incomplete", "content": [_text_part("".join(self._words))]}
        self.status = "cancelled"

    def inject(self, items: Iterable[Item]) -> None:
        """Take what the client commits into the running response."""
        self._close_message("completed")
        self.injected.extend(items)
        self._context.extend(items)

    def send(self, event_type: str, **body: Any) -> None:
        """Send an event with the next sequence number."""
        number = self._number
        self._number += 1
        self.emit({"type": event_type, "sequence_number": number, **body})

    def snapshot(self) -> dict[str, Any]:
        """Return the response as it is now."""
        ended = self.status not in {"queued", "in_progress"}
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": self.status,
            "completed_at": int(time.time()) if self.status == "completed" else None,
            "error": self._failure,
            "incomplete_details": self._details,
            **echoed(self.plan.params),
            "output": [dict(item) for item in self._output],
            "usage": self._usage() if ended else None,
        }

    def _usage(self) -> dict[str, Any]:
        plan = self.plan
        return usage(plan.given_tokens, cached=plan.cached_tokens, made=self._made, reasoned=self._reasoned)

    # output items

    def _compact(self, item: Item) -> None:
        self._open_item({**item, "encrypted_content": ""})
        self.send("response.compaction.compacting", item_id=item["id"], output_index=len(self._output) - 1)
        self._close_item(item)

    def _reason(self, thought: str) -> None:
        item = self._open_item({"id": new_id("rs"), "type": "reasoning", "summary": []})
        self._made += len(tokens(thought))
        self._reasoned += len(tokens(thought))
        if thought:
            place = {**self._place(), "summary_index": 0}
            part = {"type": "summary_text", "text": ""}
            self.send("response.reasoning_summary_part.added", **place, part=part)
            for delta in tokens(thought):
                self.send("response.reasoning_summary_text.delta", **place, delta=delta)
            self.send("response.reasoning_summary_text.done", **place, text=thought)
            part = {"type": "summary_text", "text": thought}
            self.send("response.reasoning_summary_part.done", **place, part=part)
            item["summary"] = [part]
        if "reasoning.encrypted_content" in (self.plan.params.get("include") or ()):
            item["encrypted_content"] = base64.b64encode(f"{item['id']} {thought}".encode()).decode()
        self._close_item(item)

    def _write(self, text: str) -> None:
        if self._message is None:
            item = {"id": new_id("msg"), "type": "message", "status": "in_progress", "role": "assistant", "content": []}
            self._message = self._open_item(item)
            self.send("response.content_part.added", **self._place(), content_index=0, part=_text_part(""))
        self._words.append(text)
        self.send("response.output_text.delta", **self._place(), content_index=0, delta=text, logprobs=[])

    def _close_message(self, status: str) -> None:
        if self._message is not None:
            item, text = self._message, "".join(self._words)
            self._message, self._words = None, []
            place = {**self._place(), "content_index": 0}
            self.send("response.output_text.done", **place, text=text, logprobs=[])
            self.send("response.content_part.done", **place, part=_text_part(text))
            self._close_item({**item, "status": status, "content": [_text_part(text)]})

    def _call(self, piece: CallPiece) -> None:
        custom = any(
            tool["type"] == "custom" and tool["name"] == piece.name for tool in self.plan.params.get("tools") or ()
        )
        kind, key, event = ("custom_tool_call", "input", "custom_tool_call_input") if custom else _FUNCTION_CALL
        text = _custom_input(piece.arguments) if custom else piece.arguments
        item = self._open_item(
            {
                "id": new_id("ctc" if custom else "fc"),
                "type": kind,
                "status": "in_progress",
                key: "",
                "call_id": new_id("call"),
                "name": piece.name,
            }
        )
        for delta in tokens(text):
            self._made += 1
            self.send(f"response.{event}.delta", **self._place(), delta=delta)
        name = {} if custom else {"name": piece.name}
        self.send(f"response.{event}.done", **self._place(), **{key: text}, **name)
        self._close_item({**item, key: text, "status": "incomplete" if piece.cut else "completed"})

    def _open_item(self, item: Item) -> Item:
        self._output.append(item)
        self.send("response.output_item.added", output_index=len(self._output) - 1, item=dict(item))
        return item

    def _close_item(self, item: Item) -> None:
        """Put the item as it came out in the place of the one that was opened."""
        self._output[-1] = item
        self._context.append(item)
        self.send("response.output_item.done", output_index=len(self._output) - 1, item=dict(item))

    def _place(self) -> dict[str, Any]:
        index = len(self._output) - 1
        return {"item_id": self._output[index]["id"], "output_index": index}


_FUNCTION_CALL = ("function_call", "arguments", "function_call_arguments")


def _custom_input(arguments: str) -> str:
    """Return the text for a custom tool: the argument called input, or everything as it is."""
    try:
        found = json.loads(arguments).get("input")
    except (ValueError, AttributeError):
        found = None
    return found if isinstance(found, str) else arguments


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
