"""The conversation as the server told it: what a new session can be given in place of a lost one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

from realtime_sync.realtime._events import item_id_of
from realtime_sync.types import UnknownEvent

__all__ = ["MIRRORED", "ConversationMirror"]

_ITEM_EVENTS = frozenset({"conversation.item.added", "conversation.item.created", "conversation.item.done"})
MIRRORED = _ITEM_EVENTS | {
    "conversation.item.deleted",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.completed",
    "response.output_item.done",
}
"""The events that say what is in the conversation."""

_SAID = {"assistant": "output_text", "user": "input_text", "system": "input_text"}
"""How the text of a message of each role is written."""


@define(eq=False)
class ConversationMirror:
    """The newest items of one conversation, in its order. The session's lock guards everything.

    Audio is not kept: what was said comes back as text, if there is a transcript of it.
    """

    max_items: int
    _items: dict[str, dict[str, Any]] = field(init=False, factory=dict)
    _order: list[str] = field(init=False, factory=list)

    def heard_locked(self, event: Any) -> None:
        """Take an event of `MIRRORED` into account."""
        item_id = item_id_of(event)
        if item_id is None or isinstance(event, UnknownEvent):
            return
        kind = event.type
        if kind in _ITEM_EVENTS:
            self._put(item_id, event.item.to_dict(), getattr(event, "previous_item_id", None))
        elif item_id not in self._items:
            return
        elif kind == "conversation.item.deleted":
            self._drop(item_id)
        elif kind == "response.output_item.done":
            self._items[item_id] = event.item.to_dict()  # From servers without conversation.item.done.
        elif kind == "conversation.item.truncated":
            for part in _parts(self._items[item_id]):
                part.pop("transcript", None)  # As the server does: what was not heard cannot be told apart in it.
        else:
            _set_transcript(self._items[item_id], event.content_index or 0, event.transcript)

    def _put(self, item_id: str, item: dict[str, Any], previous: str | None) -> None:
        if item_id in self._items:
            _keep_transcripts(self._items[item_id], item)
        elif previous in self._items:
            self._order.insert(self._order.index(previous) + 1, item_id)
        else:
            self._order.append(item_id)
        self._items[item_id] = item
        while len(self._order) > self.max_items:
            self._drop(self._order[0])

    def _drop(self, item_id: str) -> None:
        del self._items[item_id]
        self._order.remove(item_id)

    def replay_locked(self) -> Iterator[dict[str, Any]]:
        """Yield the finished items as a client may create them, in order."""
        calls = set()
        for item in map(self._items.__getitem__, self._order):
            kind = item.get("type")
            if item.get("status") == "in_progress":
                continue
            if kind == "function_call":
                calls.add(item.get("call_id"))
                yield _only(item, "id", "type", "call_id", "name", "arguments")
            elif kind == "function_call_output" and item.get("call_id") in calls:
                yield _only(item, "id", "type", "call_id", "output")
            elif kind == "message":
                role = str(item.get("role"))
                content = [said for part in _parts(item) if (said := _said(part, role))]
                if content:
                    yield {**_only(item, "id", "type", "role"), "content": content}


def _only(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: item[name] for name in names if item.get(name) is not None}


def _said(part: Mapping[str, Any], role: str) -> dict[str, Any] | None:
    """Return a content part as a client may send it; None for audio of which there is no transcript."""
    if part.get("type") == "input_image":
        return _only(part, "type", "image_url", "detail") if part.get("image_url") else None
    text = part.get("text") or part.get("transcript")
    return {"type": _SAID.get(role, "input_text"), "text": text} if text else None


def _parts(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [part for part in item.get("content") or () if isinstance(part, dict)]


def _set_transcript(item: Mapping[str, Any], index: int, transcript: Any) -> None:
    parts = _parts(item)
    if index < len(parts) and transcript:
        parts[index]["transcript"] = transcript


def _keep_transcripts(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Carry transcripts over that came between two events about an item."""
    for before, after in zip(_parts(old), _parts(new)):  # noqa: B905  (one may have more parts)
        if before.get("transcript"):
            after.setdefault("transcript", before["transcript"])
