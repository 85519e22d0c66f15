"""Conversation items: what a client may create, how they are shown, and their order."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from realtime_sync.audio import AudioFormat, Recording
from realtime_sync.server._backend import new_id
from realtime_sync.server._problem import Problem, invalid
from realtime_sync.server._shape import Check, anything, array, base64_bytes, nullable, one_of, record, tagged, text

__all__ = ["Conversation", "audio_item", "checked_item", "retrieved", "shown"]

_KEPT_BACK = {"audio", "hearing"}
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


def _no_assistant_audio(_: Any, path: str) -> Any:
    msg = f"Invalid '{path}': an assistant's audio cannot be created, only its transcript."
    raise invalid(msg, path)


_content: dict[str, dict[str, Check]] = {
    "system": {"input_text": _input_text},
    "user": {
        "input_text": _input_text,
        "input_audio": record(
            {"type": anything, "audio": base64_bytes(), "transcript": nullable(text())},
            required=("audio",),
            defaults={"transcript": None},
        ),
        "input_image": record(
            {"type": anything, "image_url": _image, "detail": one_of("auto", "low", "high")}, required=("image_url",)
        ),
    },
    "assistant": {
        "output_text": _input_text,
        "output_audio": record(
            {"type": anything, "transcript": text(), "audio": _no_assistant_audio}, required=("transcript",)
        ),
    },
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


def checked_item(value: Any, audio_format: AudioFormat) -> dict[str, Any]:
    """Return a client's item, checked and completed with what the server adds, or raise the `Problem` with it.

    Audio in it comes in `audio_format`, and is kept as a `Recording`.
    """
    return _completed(_item(value, "item"), audio_format, "item")


def _completed(item: dict[str, Any], audio_format: AudioFormat, path: str) -> dict[str, Any]:
    if item["type"] == "function_call":
        item.setdefault("call_id", new_id("call"))
    if item["type"] == "message":
        parts = enumerate(item["content"])
        item = {**item, "content": [_with_recording(part, audio_format, f"{path}.content[{n}]") for n, part in parts]}
    # Whatever status a client gives, an item that it creates is complete.
    return {**item, "id": item.get("id") or new_id("item"), "object": "realtime.item", "status": "completed"}


def _with_recording(part: dict[str, Any], audio_format: AudioFormat, path: str) -> dict[str, Any]:
    if "audio" not in part:
        return part
    if len(part["audio"]) % audio_format.sample_width:
        msg = f"Invalid '{path}.audio': the audio ends within a sample of {audio_format.sample_width} bytes."
        raise invalid(msg, f"{path}.audio")
    return {**part, "audio": Recording(audio_format, part["audio"])}


def shown(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the item as events show it: without audio bytes, and without what is the server's own."""
    if item["type"] != "message":
        return dict(item)
    content = [{key: value for key, value in part.items() if key not in _KEPT_BACK} for part in item["content"]]
    return {**item, "content": content}


def retrieved(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the item with its audio, in base64."""
    copy = shown(item)
    for part, whole in zip(copy.get("content", ()), item.get("content", ()), strict=True):
        if "audio" in whole:
            part["audio"] = base64.b64encode(whole["audio"].data).decode()
    return copy


def audio_item(recording: Recording, item_id: str) -> dict[str, Any]:
    """Return the user item for audio out of the input buffer."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None, "audio": recording}],
    }


@define(eq=False)
class Conversation:
    """The items of a session, in order. Belongs to the connection's thread.

    In a content part, ``audio`` is a `Recording`, and ``hearing`` is there while it is not known what it says.
    """

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

    def context(self, value: Any, audio_format: AudioFormat) -> list[dict[str, Any]]:
        """Return the items of a `response.create` input, references resolved."""
        context = []
        for index, item in enumerate(_input(value, "response.input")):
            if item["type"] != "item_reference":
                context.append(_completed(item, audio_format, f"response.input[{index}]"))
                continue
            found = self.find(item["id"])
            if found is None:
                msg = f"The item with id '{item['id']}' does not exist in the conversation."
                raise Problem(msg, code="item_reference_not_found", param=f"response.input[{index}].id")
            context.append(found)
        return context
