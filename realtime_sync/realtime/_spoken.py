"""How much audio of each item has arrived: what an interruption is measured against."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from attrs import define, field

from realtime_sync.audio import AudioFormat

__all__ = ["SpokenAudio", "SpokenItem"]

_REMEMBERED = 64


@define(eq=False)
class SpokenItem:
    """The audio of the newest content part of an item.

    Attributes:
        format: what the server said that its audio comes in, as on the wire; None: nothing.
        size: bytes that arrived and were not cut off.
        cut_ms: where it was cut, in milliseconds; 0: it is deleted. None: it is whole.
    """

    item_id: str
    content_index: int
    response_id: str | None
    format: Any = None
    size: int = 0
    cut_ms: int | None = None

    def heard(self, played_ms: float, audio_format: AudioFormat, *, grows: bool) -> int | None:
        """Return where to cut it in milliseconds, when so much of it was played; None: it was heard to its end.

        Args:
            audio_format: what it comes in.
            grows: the server is still making it, so that its end is not known here.
        """
        arrived = audio_format.ms(self.size) if self.cut_ms is None else self.cut_ms
        if played_ms < arrived or (grows and self.cut_ms is None):
            return min(int(played_ms), arrived)
        return None


@define(eq=False)
class SpokenAudio:
    """The newest items with audio. The session's lock guards everything."""

    _items: OrderedDict[str, SpokenItem] = field(init=False, factory=OrderedDict)
    _formats: OrderedDict[str, Any] = field(init=False, factory=OrderedDict)
    """By response id: those that named a format."""
    _newest: SpokenItem | None = field(init=False, default=None)

    def announced(self, response_id: str, audio_format: Any) -> None:
        """Note the format that a response names, as on the wire."""
        if audio_format is not None:
            self._formats[response_id] = audio_format
            if len(self._formats) > _REMEMBERED:
                self._formats.popitem(last=False)

    def arrived(self, event: Any) -> None:
        """Count a `response.output_audio.delta`."""
        item = self._newest
        if item is None or item.item_id != event.item_id or item.content_index != (event.content_index or 0):
            item = self._open(event)
        text = event.delta
        size = len(text)
        if text.endswith("="):
            size -= 2 if text.endswith("==") else 1
        item.size += size * 3 // 4

    def _open(self, event: Any) -> SpokenItem:
        item = self._items.get(event.item_id)
        index = event.content_index or 0
        if item is None or item.content_index != index:
            audio_format = self._formats.get(event.response_id)
            item = self._items[event.item_id] = SpokenItem(event.item_id, index, event.response_id, audio_format)
            if len(self._items) > _REMEMBERED:
                self._items.popitem(last=False)
        self._items.move_to_end(event.item_id)
        self._newest = item
        return item

    def find(self, item_id: str | None) -> SpokenItem | None:
        """Return an item, None standing for the newest; None if it has no audio or is forgotten."""
        return self._newest if item_id is None else self._items.get(item_id)

    def cut(self, item_id: str | None, end_ms: int) -> None:
        """Note that only the beginning of an item is left, 0 standing for nothing at all."""
        item = self._items.get(item_id) if item_id is not None else None
        if item is not None:
            item.cut_ms = end_ms if item.cut_ms is None else min(item.cut_ms, end_ms)
