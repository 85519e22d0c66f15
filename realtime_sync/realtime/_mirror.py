"""The conversation as the server told it: what a new session can be given in place of a lost one."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attrs import define, field

from realtime_sync.realtime._events import field_of, item_id_of
from realtime_sync.types import UnknownEvent

__all__ = ["MIRRORED", "ConversationMirror"]

_BEGINNINGS = frozenset({"conversation.item.added", "conversation.item.created"})
_ITEM_EVENTS = _BEGINNINGS | {"conversation.item.done"}
MIRRORED = _ITEM_EVENTS | {
    "conversation.item.deleted",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.completed",
    "response.output_item.done",
}
"""The events that say what is in the conversation."""

_SAID = {"assistant": "output_text", "user": "input_text", "system": "input_text"}
"""How the text of a message of each role is written."""
_REMEMBERED = 256


@define(eq=False)
class ConversationMirror:
    """The newest items of one conversation, in its order. The session's lock guards everything.

    Audio is not kept: what was said comes back as text, if there is a transcript of it.
    """

    max_items: int
    _out_of_band: Collection[str]
    """Ids of responses whose items do not become part of the conversation."""
    _items: dict[str, dict[str, Any]] = field(init=False, factory=dict)
    _order: list[str] = field(init=False, factory=list)
    _first: deque[str] = field(init=False, factory=lambda: deque(maxlen=_REMEMBERED))
    """Items that were sent to the head of the conversation."""
    _deleted: deque[str] = field(init=False, factory=lambda: deque(maxlen=_REMEMBERED))
    _truncated: deque[str] = field(init=False, factory=lambda: deque(maxlen=_REMEMBERED))

    def goes_first_locked(self, item_id: Any) -> None:
        """Note an item that was sent to the head of the conversation: the server calls its predecessor null."""
        if isinstance(item_id, str):
            self._first.append(item_id)

    def heard_locked(self, event: Any) -> None:
        """Take an event of `MIRRORED` into account."""
        item_id = item_id_of(event)
        if item_id is None or isinstance(event, UnknownEvent):
            return
        kind = event.type
        if kind in _BEGINNINGS and item_id in self._deleted:
            self._deleted.remove(item_id)  # The id is used again.
        if kind in _ITEM_EVENTS:
            self._put(item_id, event.item.to_dict(), field_of(event, "previous_item_id"))
        elif kind == "response.output_item.done":
            # Not every server sends conversation.item.added or .done for it.
            if event.response_id not in self._out_of_band:
                self._put(item_id, event.item.to_dict(), None)
        elif kind == "conversation.item.deleted":
            self._deleted.append(item_id)
            self._drop(item_id)
        elif kind == "conversation.item.truncated":
            self._truncated.append(item_id)
            _forget_transcripts(self._items.get(item_id, {}))
        else:
            _set_transcript(self._items.get(item_id, {}), event.content_index or 0, event.transcript)

    def _put(self, item_id: str, item: dict[str, Any], previous: str | None) -> None:
        if item_id in self._deleted:
            return
        if item_id in self._items:
            _keep_transcripts(self._items[item_id], item)
        elif item_id in self._first:
            self._order.insert(0, item_id)
        elif previous in self._items:
            self._order.insert(self._order.index(previous) + 1, item_id)
        else:
            self._order.append(item_id)
        if item_id in self._truncated:
            _forget_transcripts(item)
        self._items[item_id] = item
        while len(self._order) > self.max_items:
            self._drop(self._order[0])

    def _drop(self, item_id: str) -> None:
        if self._items.pop(item_id, None) is not None:
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

    def settled_locked(self, before: Collection[str], restored: Collection[str]) -> None:
        """Forget the items from before that a new session was not given, or refused."""
        for item_id in before:
            if item_id not in restored:
                self._drop(item_id)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The ids of all items, in order."""
        return tuple(self._order)


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


def _forget_transcripts(item: Mapping[str, Any]) -> None:
    """Do as the server does when an item is truncated: what was not heard cannot be told apart in its text."""
    for part in _parts(item):
        part.pop("transcript", None)


def _keep_transcripts(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Carry transcripts over that came between two events about an item."""
    for before, after in zip(_parts(old), _parts(new)):  # noqa: B905  (one may have more parts)
        if before.get("transcript") and not after.get("transcript"):
            after["transcript"] = before["transcript"]
