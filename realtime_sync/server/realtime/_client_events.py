"""The events a client may send in a Realtime session, and what they must look like."""

from __future__ import annotations

from typing import Any

from realtime_sync.server._problem import invalid, missing
from realtime_sync.server._shape import Check, anything, base64_bytes, integer, one_of, record, text
from realtime_sync.server.realtime._settings import RESPONSE_SETTINGS

__all__ = ["checked_event", "usable_event_id"]

MAX_APPEND = 15 * 2**20
"""The API's limit on the audio of one append, in bytes."""
_event_id = text(max_length=512)


def _event(required: tuple[str, ...] = (), **fields: Check) -> Check:
    return record({"type": anything, "event_id": anything, **fields}, required=required)


_response = record({**RESPONSE_SETTINGS, "conversation": one_of("auto", "none"), "input": anything})
_client_events: dict[str, Check] = {
    "session.update": _event(("session",), session=anything),
    "conversation.item.create": _event(("item",), item=anything, previous_item_id=text(min_length=1)),
    "conversation.item.retrieve": _event(("item_id",), item_id=text()),
    "conversation.item.delete": _event(("item_id",), item_id=text()),
    "conversation.item.truncate": _event(
        ("item_id", "content_index", "audio_end_ms"), item_id=text(), content_index=integer(0), audio_end_ms=integer(0)
    ),
    "input_audio_buffer.append": _event(("audio",), audio=base64_bytes(max_bytes=MAX_APPEND)),
    "input_audio_buffer.commit": _event(),
    "input_audio_buffer.clear": _event(),
    "output_audio_buffer.clear": _event(),
    "response.create": _event(response=_response),
    "response.cancel": _event(response_id=text()),
}


def usable_event_id(event: dict[str, Any]) -> str | None:
    """Return the client's event id, None without one, or raise the `Problem` with it."""
    if event.get("event_id") is None:
        return None
    return str(_event_id(event["event_id"], "event_id"))


def checked_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with its values checked, audio decoded; or raise the `Problem` with it."""
    if "type" not in event:
        raise missing("type")
    kind = event["type"]
    if not isinstance(kind, str) or kind not in _client_events:
        known = ", ".join(f"'{name}'" for name in _client_events)
        msg = f"Invalid value: '{kind}'. Supported values are: {known}."
        raise invalid(msg, "type")
    checked: dict[str, Any] = _client_events[kind](event, "")
    return checked
