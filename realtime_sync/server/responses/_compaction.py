"""Compaction: a context in one item that a client cannot read, and its way back.

The API's item is an encrypted summary. This server has no model that could summarise, so its item holds the whole
context, compressed: nothing is forgotten, and it counts as few tokens all the same.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable
from typing import Any

from realtime_sync.server._backend import new_id
from realtime_sync.server._problem import Problem
from realtime_sync.server.responses._items import Item, checked_input

__all__ = ["compacted", "compacted_window", "expanded"]

_MAX_BYTES = 64 * 2**20
"""Of a context that is taken out of an item again."""


def compacted(items: Iterable[Item]) -> Item:
    """Return the item that stands for all of these."""
    kept = [item for item in expanded(items) if item["type"] != "reasoning"]
    data = zlib.compress(json.dumps(kept, separators=(",", ":")).encode())
    return {"id": new_id("cmp"), "type": "compaction", "encrypted_content": base64.b64encode(data).decode()}


def compacted_window(items: Iterable[Item]) -> list[Item]:
    """Return what to start a new chain with: the user's messages as they were, then the compaction item."""
    items = list(items)
    said = [item for item in expanded(items) if item["type"] == "message" and item["role"] == "user"]
    return [*said, compacted(items)]


def expanded(items: Iterable[Item]) -> list[Item]:
    """Return the context with the newest compaction item replaced by what it stands for, and all before it left out.

    Raises:
        Problem: the item is none of this server's.
    """
    found: list[Item] = []
    for item in items:
        found = _opened(item) if item["type"] == "compaction" else [*found, item]
    return found


def _opened(item: Item) -> list[Item]:
    try:
        data = base64.b64decode(item["encrypted_content"], validate=True)
        value: Any = json.loads(zlib.decompressobj().decompress(data, _MAX_BYTES))
        if isinstance(value, list):
            return checked_input(value, lambda _: None)
    except (binascii.Error, ValueError, zlib.error, RecursionError, Problem) as error:
        cause: Exception | None = error
    else:
        cause = None
    msg = f"The encrypted content of item '{item['id']}' could not be verified: it was not made by this server."
    raise Problem(msg, code="invalid_encrypted_content", param="input") from cause
