"""Ids of our own for conversation items, so that what the server says of one can be told to be about it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

__all__ = ["identify_item", "new_item_id"]


def new_item_id() -> str:
    """Return an id that no other item has."""
    return f"item_{secrets.token_hex(10)}"


def identify_item(data: dict[str, Any]) -> None:
    """Give the item that an event adds, if it adds one, an id of ours if it has none."""
    if data["type"] == "conversation.item.create" and isinstance(item := data.get("item"), Mapping):
        data["item"] = {**item, "id": item.get("id") or new_item_id()}
