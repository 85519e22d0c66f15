"""What a Realtime session does about a lost connection: the server resumes nothing, so what matters is sent again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from realtime_sync.errors import ConnectionClosed, RealtimeSyncError
from realtime_sync.realtime._book import TurnBook
from realtime_sync.realtime._events import mapping_of
from realtime_sync.realtime._mirror import ConversationMirror
from realtime_sync.session import Held, Pending

__all__ = ["RealtimeResumption"]

MAX_AUDIO_AGE = 5.0
"""Seconds after which audio that waited is not worth sending."""
MAX_UPDATES = 64

_ABOUT_AUDIO = frozenset({"input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear"})
"""Events about the audio buffer, which is lost with its session."""


@define(eq=False)
class RealtimeResumption:
    """The configuration that was sent, the conversation if that is wanted, and what of the queue still makes sense.

    The session's lock guards everything.
    """

    _book: TurnBook
    mirror: ConversationMirror | None
    """None: only the configuration is restored."""
    _config: dict[str, Any] = field(init=False, factory=dict)
    _updates: dict[str, dict[str, Any]] = field(init=False, factory=dict)
    """By event id: updates that may yet be refused."""
    _known: set[str] = field(init=False, factory=set)
    """Ids of items, and of function calls, that the new session has."""
    _restored: list[str] = field(init=False, factory=list)

    # -- while the connection is there ------------------------------------------------------------------------------

    def sent_locked(self, data: Mapping[str, Any]) -> None:
        """Note a `session.update`."""
        if len(self._updates) >= MAX_UPDATES:
            self.settled_locked()
        session = data.get("session")
        if isinstance(session, Mapping):
            self._updates[data["event_id"]] = dict(session)

    def settled_locked(self) -> None:
        """Take what was sent for granted."""
        for update in self._updates.values():
            _merge(self._config, update)
        self._updates.clear()

    def refused_locked(self, event_id: str | None) -> None:
        """Forget an update that the server refused."""
        if event_id is not None:
            self._updates.pop(event_id, None)

    def updated_locked(self) -> None:
        """Note a session.updated: the oldest update that was not refused is in force."""
        oldest = next(iter(self._updates), None)
        if oldest is not None:
            _merge(self._config, self._updates.pop(oldest))

    # -- when it is lost --------------------------------------------------------------------------------------------

    def lost_locked(self, unwritten: Sequence[Held], error: ConnectionClosed) -> None:
        """Fail the turns that were under way; forget the updates that nobody can have seen."""
        unwritten_ids = {each.event_id for each in unwritten}
        for event_id in unwritten_ids:
            self._updates.pop(event_id, None)
        self.settled_locked()
        self._book.lost(unwritten_ids, error)

    def restoring_locked(self) -> list[dict[str, Any]]:
        """Return the merged configuration, then the items."""
        self._known = set()
        self._restored = []
        events: list[dict[str, Any]] = []
        if self._config:
            events.append({"type": "session.update", "session": self._config})
        if self.mirror is not None:
            items = list(self.mirror.replay_locked())
            events += [{"type": "conversation.item.create", "item": item} for item in items]
        return events

    def restored_locked(self, event: Mapping[str, Any], pending: Pending) -> None:
        """Note an answer; without the configuration there is no point in going on.

        Raises:
            ServerError: the server refused the configuration.
        """
        if event["type"] == "session.update":
            if isinstance(pending.error, RealtimeSyncError):
                raise pending.error
        elif pending.error is None:
            item = event["item"]
            self._restored.append(item["id"])
            self._known |= {item["id"], item.get("call_id", item["id"])}

    def restored_items_locked(self) -> tuple[str, ...]:
        """Return the ids of the items that the server accepted."""
        return tuple(self._restored)

    def admits_locked(self, held: Held) -> bool:
        """Tell whether an event makes sense in the new session: it may name nothing that is lost with the old one."""
        data = held.data
        kind = data["type"]
        if self._book.is_over(held.claim) or kind == "response.cancel" or (held.is_old and kind in _ABOUT_AUDIO):
            return False
        if kind == "input_audio_buffer.append":
            return time.monotonic() - held.since <= MAX_AUDIO_AGE
        if kind == "conversation.item.create":
            return self._admits_item(data)
        if kind == "response.create":
            named = [mapping_of(item) for item in mapping_of(data.get("response")).get("input") or ()]
            return all(item.get("type") != "item_reference" or item.get("id") in self._known for item in named)
        item_id = data.get("item_id")
        return item_id is None or item_id in self._known

    def _admits_item(self, data: Mapping[str, Any]) -> bool:
        item = mapping_of(data.get("item"))
        previous = data.get("previous_item_id")
        if previous not in (None, "root") and previous not in self._known:
            return False
        if item.get("type") == "function_call_output" and item.get("call_id") not in self._known:
            return False
        if isinstance(item.get("id"), str):
            self._known.add(item["id"])
        return True


def _merge(into: dict[str, Any], update: Mapping[str, Any]) -> None:
    """Lay an update over a configuration as the server does: key by key, nested objects too, lists as a whole."""
    for key, value in update.items():
        old = into.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            into[key] = dict(old)
            _merge(into[key], value)
        else:
            into[key] = value
