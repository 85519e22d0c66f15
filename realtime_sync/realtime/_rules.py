"""How the Realtime server acknowledges client events.

Facts: the Realtime API reference (client and server events), checked November 2026. The answer to an item event
names the item; the answer to `session.update` and to the buffer events names nothing and is matched by order;
`response.create` is answered by a `response.created` that echoes our metadata, which the turn book matches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_sync.session import Rule, error_fields

__all__ = ["ACTIVE_RESPONSE", "HARMLESS_CODES", "RULES", "TOKEN_KEY", "error_code"]

TOKEN_KEY = "rts_turn"  # noqa: S105  (no password)
"""The metadata key whose echo tells which `response.create` a response answers."""

ACTIVE_RESPONSE = "conversation_already_has_active_response"

HARMLESS_CODES = frozenset({"response_cancel_not_active", ACTIVE_RESPONSE, "input_audio_buffer_commit_empty"})
"""Errors about something that was over, or not there, anyway."""


def _sent_item_id(data: Mapping[str, Any]) -> str | None:
    item = data.get("item")
    return item.get("id") if isinstance(item, Mapping) else None


def _received_item_id(event: Any) -> str | None:
    return getattr(getattr(event, "item", None), "id", None)


def _item_id_field(data: Mapping[str, Any]) -> str | None:
    return data.get("item_id")


def _received_item_id_field(event: Any) -> str | None:
    return getattr(event, "item_id", None)


def _sent_response_id(data: Mapping[str, Any]) -> str | None:
    return data.get("response_id")


def _received_response_id(event: Any) -> str | None:
    return getattr(getattr(event, "response", None), "id", None)


def _event_id(data: Mapping[str, Any]) -> str | None:
    return data.get("event_id")


RULES: Mapping[str, Rule] = {
    "session.update": Rule(("session.updated",)),
    "conversation.item.create": Rule(
        # .created is what beta servers and some compatible ones send; others leave .added out.
        ("conversation.item.added", "conversation.item.created", "conversation.item.done"),
        _sent_item_id,
        _received_item_id,
    ),
    "conversation.item.delete": Rule(("conversation.item.deleted",), _item_id_field, _received_item_id_field),
    "conversation.item.truncate": Rule(("conversation.item.truncated",), _item_id_field, _received_item_id_field),
    "conversation.item.retrieve": Rule(("conversation.item.retrieved",), _item_id_field, _received_item_id),
    "input_audio_buffer.commit": Rule(("input_audio_buffer.committed",)),
    "input_audio_buffer.clear": Rule(("input_audio_buffer.cleared",)),
    "output_audio_buffer.clear": Rule(("output_audio_buffer.cleared",)),
    "response.create": Rule((), _event_id),
    "response.cancel": Rule(("response.done",), _sent_response_id, _received_response_id, shared=True),
}


def error_code(event: Any) -> str | None:
    """Return the code of an error event. Some compatible servers put it into `type`."""
    fields = error_fields(event)
    code = fields.get("code")
    return code if code is not None else fields.get("type")
