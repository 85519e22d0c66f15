"""What events say, also those that did not fit their class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_sync.session import error_fields
from realtime_sync.types import UnknownEvent

__all__ = ["field_of", "item_id_of", "mapping_of", "metadata_of", "refused_event_id", "response_id_of", "token_in"]


def response_id_of(event: Any) -> str | None:
    """Return the id in the `response` object of an event, also of one that did not fit its class."""
    if isinstance(event, UnknownEvent):
        response = event.raw.get("response")
        found = response.get("id") if isinstance(response, Mapping) else None
        return found if isinstance(found, str) else None
    found = getattr(getattr(event, "response", None), "id", None)
    return found if isinstance(found, str) else None


def refused_event_id(event: Any) -> str | None:
    """Return the id of the client event that an error event names."""
    found = error_fields(event).get("event_id")
    return found if isinstance(found, str) else None


def token_in(event_id: str) -> str:
    """Return the token that the event id of an append carries: ``evt_TOKEN_NUMBER``."""
    return event_id.rpartition("_")[0].rpartition("_")[2]


def mapping_of(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, and an empty one for anything else: what users and peers send may be nonsense."""
    return value if isinstance(value, Mapping) else {}


def metadata_of(event: Any) -> Mapping[str, Any]:
    """Return the metadata of an event's response, also of one that did not fit its class."""
    if isinstance(event, UnknownEvent):
        return mapping_of(mapping_of(event.raw.get("response")).get("metadata"))
    return mapping_of(getattr(getattr(event, "response", None), "metadata", None))


def field_of(event: Any, name: str) -> str | None:
    found = event.raw.get(name) if isinstance(event, UnknownEvent) else getattr(event, name, None)
    return found if isinstance(found, str) else None


def item_id_of(event: Any) -> str | None:
    found = getattr(getattr(event, "item", None), "id", None) or field_of(event, "item_id")
    return found if isinstance(found, str) else None
