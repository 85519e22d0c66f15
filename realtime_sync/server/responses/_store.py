"""The responses that the server remembers: what can be retrieved, and what a new response can continue from."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen

from realtime_sync.server._problem import Problem
from realtime_sync.server.responses._items import Item

__all__ = ["Record", "Store", "not_found", "previous_not_found"]

_MAX_RECORDS = 2000


@frozen(kw_only=True)
class Record:
    """A response that has ended. Nothing in it is ever changed."""

    response: dict[str, Any] = field(repr=False)
    """Its last form."""
    params: Mapping[str, Any] = field(repr=False)
    """What the client asked for, checked."""
    input: tuple[Item, ...] = field(repr=False)
    """The items of its request, without what it continued from."""
    context: tuple[Item, ...] = field(repr=False)
    """What a continuation starts from: everything before it, its input, its output."""

    @property
    def id(self) -> str:
        """The response's id."""
        return str(self.response["id"])

    @property
    def can_go_on(self) -> bool:
        """Whether it may be continued: what failed or was cancelled may not."""
        return self.response["status"] in {"completed", "incomplete"}


@define(eq=False)
class Store:
    """The newest stored responses of all connections.

    Threads: any.
    Locks: _lock guards every field.
    Bounds: 2,000 responses; the oldest go first.
    """

    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _records: dict[str, Record] = field(init=False, factory=dict, repr=False)
    _items: dict[str, Item] = field(init=False, factory=dict, repr=False)

    def put(self, record: Record) -> None:
        """Remember a response and its items."""
        with self._lock:
            self._records[record.id] = record
            for item in (*record.input, *record.response["output"]):
                self._items[item["id"]] = item
            while len(self._records) > _MAX_RECORDS:
                self._forget_locked(self._records[next(iter(self._records))])

    def find(self, response_id: str) -> Record | None:
        """Return the response with this id."""
        with self._lock:
            return self._records.get(response_id)

    def item(self, item_id: str) -> Item | None:
        """Return the item with this id, of any stored response."""
        with self._lock:
            return self._items.get(item_id)

    def delete(self, response_id: str) -> bool:
        """Forget a response; false when there is none."""
        with self._lock:
            record = self._records.get(response_id)
            if record is not None:
                self._forget_locked(record)
            return record is not None

    def _forget_locked(self, record: Record) -> None:
        del self._records[record.id]
        for item in (*record.input, *record.response["output"]):
            self._items.pop(item["id"], None)


def not_found(response_id: str) -> Problem:
    """Return the problem of a response that a URL names and nobody knows."""
    return Problem(f"Response with id '{response_id}' not found.", status=404)


def previous_not_found(response_id: str) -> Problem:
    """Return the problem of a response that cannot be continued."""
    msg = f"Previous response with id '{response_id}' not found."
    return Problem(msg, code="previous_response_not_found", param="previous_response_id")
