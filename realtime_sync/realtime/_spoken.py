"""How much audio of each item has arrived: what an interruption is measured against."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from attrs import define, field

__all__ = ["SpokenAudio", "SpokenItem"]

_REMEMBERED = 64


@define(eq=False)
class SpokenItem:
    """The audio of the newest content part of an item.

    Attributes:
        size: bytes that arrived, as audio.
    """

    item_id: str
    content_index: int
    response_id: str | None
    size: int = 0


@define(eq=False)
class SpokenAudio:
    """The newest items with audio. The session's lock guards everything."""

    _items: OrderedDict[str, SpokenItem] = field(init=False, factory=OrderedDict)

    def arrived(self, event: Any) -> None:
        """Count a `response.output_audio.delta`."""
        item = self._items.get(event.item_id)
        index = event.content_index or 0
        if item is None or item.content_index != index:
            item = self._items[event.item_id] = SpokenItem(event.item_id, index, event.response_id)
            self._items.move_to_end(event.item_id)
            if len(self._items) > _REMEMBERED:
                self._items.popitem(last=False)
        text = event.delta
        item.size += len(text) // 4 * 3 - text.endswith("=") - text.endswith("==")

    def find(self, item_id: str | None) -> SpokenItem | None:
        """Return an item, None standing for the newest; None if it has no audio or is forgotten."""
        if item_id is None:
            return next(reversed(self._items.values()), None)
        return self._items.get(item_id)

    def cut(self, item: SpokenItem, size: int) -> None:
        """Note that only `size` bytes of an item are left."""
        item.size = min(item.size, size)
        if not size:
            self._items.pop(item.item_id, None)
