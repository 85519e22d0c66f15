"""Conversation items: what a client may create, how they are shown, and their order."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from realtime_sync.server._backend import new_id
from realtime_sync.server._problem import Problem, invalid
from realtime_sync.server._shape import Check, anything, array, base64_bytes, one_of, record, tagged, text

__all__ = ["Conversation", "checked_item", "shown"]

_status = one_of("completed", "incomplete", "in_progress")
_common: dict[str, Check] = {
    "id": text(min_length=1, max_length=512),
    "type": anything,
    "object": one_of("realtime.item"),
    "status": _status,
}
_input_text = record({"type": anything, "text": text()}, required=("text",))


def _image(value: Any, path: str) -> Any:
    value = text()(value, path)
    if not value.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")):
        msg = f"Invalid '{path}': expected a data URL of a PNG or JPEG image."
        raise invalid(msg, path)
    return value


def _audio(value: Any, path: str) -> Any:
    base64_bytes()(value, path)
    return value


_content: dict[str, dict[str, Check]] = {
    "system": {"input_text": _input_text},
    "user": {
        "input_text": _input_text,
        "input_audio": record(
            {"type": anything, "audio": _audio, "transcript": text()},
            required=("audio",),
            defaults={"transcript": None},
        ),
        "input_image": record(
            {"type": anything, "image_url": _image, "detail": one_of("auto", "low", "high")}, required=("image_url",)
        ),
    },
    "assistant": {"output_text": _input_text},
}


def _message(role: str) -> Check:
    content = array(tagged("type", _content[role]), min_items=1)
    return record({**_common, "role": anything, "content": content}, required=("content",))


_item_kinds: dict[str, Check] = {
    "message": tagged("role", {role: _message(role) for role in _content}),
    "function_call": record(
        {**_common, "name": text(min_length=1), "arguments": text(), "call_id": text(min_length=1)},
        required=("name", "arguments"),
    ),
    "function_call_output": record(
        {**_common, "call_id": text(min_length=1), "output": text()}, required=("call_id", "output")
    ),
}
_item = tagged("type", _item_kinds)
_item_or_reference = tagged("type", {**_item_kinds, "item_reference": record({**_common}, required=("id",))})
_input = array(_item_or_reference)


def checked_item(value: Any) -> dict[str, Any]:
    """Return a client's item, checked and completed with what the server adds, or raise the `Problem` with it."""
    return _completed(_item(value, "item"))


def _completed(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] == "function_call":
        item.setdefault("call_id", new_id("call"))
    # Whatever status a client gives, an item that it creates is complete.
    return {**item, "id": item.get("id") or new_id("item"), "object": "realtime.item", "status": "completed"}


def shown(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item as events show it: without audio bytes."""
    if item["type"] != "message":
        return item
    content = [{key: value for key, value in part.items() if key != "audio"} for part in item["content"]]
    return {**item, "content": content}


@define(eq=False)
class Conversation:
    """The items of a session, in order. Belongs to the connection's thread."""

    id: str = field(factory=lambda: new_id("conv"))
    items: list[dict[str, Any]] = field(init=False, factory=list)

    def find(self, item_id: str) -> dict[str, Any] | None:
        """Return the item with this id, or None."""
        return next((item for item in self.items if item["id"] == item_id), None)

    def insert(self, item: dict[str, Any], after: str | None = None) -> str | None:
        """Insert an item after the one named ("root": first; None: last); return the id before it, None for the first.

        Raises:
            Problem: the id is taken, or there is no item to insert after, or no call for this output.
        """
        if self.find(item["id"]) is not None:
            msg = f"Error adding item: an item with id '{item['id']}' already exists."
            raise Problem(msg, code="item_create_duplicate_item_id", param="item.id")
        if item["type"] == "function_call_output" and not any(
            each["type"] == "function_call" and each["call_id"] == item["call_id"] for each in self.items
        ):
            msg = f"Tool call ID '{item['call_id']}' not found in conversation."
            raise Problem(msg, code="invalid_tool_call_id", param="item.call_id")
        index = len(self.items)
        if after == "root":
            index = 0
        elif after is not None:
            previous = self.find(after)
            if previous is None:
                msg = f"Error adding item: the previous item with id '{after}' does not exist."
                raise Problem(msg, code="item_create_invalid_previous_item_id", param="previous_item_id")
            index = self.items.index(previous) + 1
        self.items.insert(index, item)
        return self.items[index - 1]["id"] if index else None

    def existing(self, item_id: str, verb: str) -> dict[str, Any]:
        """Return the item, or raise the API's `Problem` of a `verb` (delete, retrieve, truncate) without one."""
        item = self.find(item_id)
        if item is None:
            doing = {"delete": "deleting", "retrieve": "retrieving", "truncate": "truncating"}[verb]
            msg = f"Error {doing} item: the item with id '{item_id}' does not exist."
            raise Problem(msg, code=f"item_{verb}_invalid_item_id", param="item_id")
        return item

    def previous_of(self, item: dict[str, Any]) -> str | None:
        """Return the id before this item, None for the first or when it is not in the conversation (any more)."""
        index = next((n for n, each in enumerate(self.items) if each is item), 0)
        return self.items[index - 1]["id"] if index else None

    def context(self, value: Any) -> list[dict[str, Any]]:
        """Return the items of a `response.create` input, references resolved."""
        context = []
        for index, item in enumerate(_input(value, "response.input")):
            if item["type"] != "item_reference":
                context.append(_completed(item))
                continue
            found = self.find(item["id"])
            if found is None:
                msg = f"The item with id '{item['id']}' does not exist in the conversation."
                raise Problem(msg, code="item_reference_not_found", param=f"response.input[{index}].id")
            context.append(found)
        return context
