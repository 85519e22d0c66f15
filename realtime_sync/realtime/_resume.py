"""What a Realtime session does about a lost connection: the server resumes nothing, so what matters is sent again.

Sessions that control a call are the exception: they belong to the call, so a new connection leads back to the same one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from attrs import define, field

from realtime_sync.errors import ClosedError, ConnectionClosed, RealtimeSyncError
from realtime_sync.realtime._book import TurnBook
from realtime_sync.realtime._events import mapping_of
from realtime_sync.realtime._mirror import ConversationMirror
from realtime_sync.realtime._state import TurnState
from realtime_sync.session import Held, Pending

__all__ = ["RealtimeResumption"]

MAX_AUDIO_AGE = 5.0
"""Seconds after which audio that waited is not worth sending."""
MAX_UPDATES = 64


@define(eq=False)
class RealtimeResumption:
    """The configuration that was sent, the conversation if that is wanted, and what of the queue still makes sense.

    The session's lock guards everything.
    """

    _book: TurnBook
    mirror: ConversationMirror | None
    """None: only the configuration is restored."""
    same_session: bool = False
    _config: dict[str, Any] = field(init=False, factory=dict)
    _updates: dict[str, Mapping[str, Any]] = field(init=False, factory=dict)
    """By event id: updates that may yet be refused."""
    _assumed: dict[str, Any] | None = field(init=False, default=None)
    """The configuration if the updates that were not answered before the loss were accepted; None: there were none."""
    _greets: bool = field(init=False, default=False)
    """This server sends session.created, which not every one does."""
    _greeted: bool = field(init=False, default=False)
    _known: set[str] = field(init=False, factory=set)
    """Ids of items, and of function calls, that the new session has."""
    _restored: list[str] = field(init=False, factory=list)
    _before: tuple[str, ...] = field(init=False, default=())
    """The items of the mirror when restoring began."""

    # -- while the connection is there ------------------------------------------------------------------------------

    def sent_locked(self, data: Mapping[str, Any]) -> None:
        """Note a `session.update`, or an item."""
        if data["type"] == "conversation.item.create":
            if self.mirror is not None and data.get("previous_item_id") == "root":
                self.mirror.goes_first_locked(mapping_of(data.get("item")).get("id"))
            return
        session = data.get("session")
        if isinstance(session, Mapping):
            if len(self._updates) >= MAX_UPDATES:
                self.updated_locked()
            self._updates[data["event_id"]] = session

    def greeted_locked(self) -> None:
        """Note a session.created."""
        self._greets = self._greeted = True

    def updated_locked(self) -> None:
        """Note a session.updated: the oldest update that was not refused is in force."""
        oldest = next(iter(self._updates), None)
        if oldest is not None:
            self._config = _merged(self._config, self._updates.pop(oldest))

    def refused_locked(self, event_id: str | None) -> None:
        """Forget an update that the server refused."""
        if event_id is not None:
            self._updates.pop(event_id, None)

    # -- when it is lost --------------------------------------------------------------------------------------------

    def lost_locked(self, unwritten: Sequence[Held], make_error: Callable[[], ConnectionClosed]) -> None:
        """Fail the turns that were under way; forget the updates that nobody can have seen."""
        unwritten_ids = {each.event_id for each in unwritten}
        for event_id in unwritten_ids:
            self._updates.pop(event_id, None)
        config = self._config if self._assumed is None else self._assumed
        for update in self._updates.values():
            self._assumed = config = _merged(config, update)
        self._updates.clear()
        self._book.lost(unwritten_ids, make_error)

    def dialled_locked(self) -> None:
        """Expect a greeting, if this server greets."""
        self._greeted = False
        self._known = set()
        self._restored = []

    def restoring_locked(self) -> list[Mapping[str, Any]] | None:
        """Return the merged configuration, then the items; None until the server has greeted."""
        if self.same_session:
            return []
        if self._greets and not self._greeted:
            return None
        events: list[Mapping[str, Any]] = []
        config = self._config if self._assumed is None else self._assumed
        if config:
            events.append({"type": "session.update", "session": config})
        if self.mirror is not None:
            self._before = self.mirror.item_ids
            items = list(self.mirror.replay_locked())
            events += [{"type": "conversation.item.create", "item": item} for item in items]
        return events

    def restored_locked(self, event: Mapping[str, Any], pending: Pending) -> list[Mapping[str, Any]]:
        """Note an answer. If it refuses what is only assumed of the configuration, the rest of it is to be sent.

        Raises:
            ServerError: the server refused the configuration, and there is no point in going on without it.
        """
        if event["type"] == "session.update":
            if pending.error is None:
                self._config, self._assumed = event["session"], None
            elif self._assumed is not None:
                self._assumed = None
                return [{"type": "session.update", "session": self._config}] if self._config else []
            elif isinstance(pending.error, RealtimeSyncError):
                raise pending.error
        elif pending.error is None:
            item = event["item"]
            self._restored.append(item["id"])
            self._learn(item)
        return []

    def resumed_locked(self) -> tuple[str, ...]:
        """Note that the new session is what the old one was; return the ids of the items that the server accepted."""
        if self.mirror is not None and not self.same_session:
            self.mirror.settled_locked(self._before, self._restored)
        return tuple(self._restored)

    # -- what waited ------------------------------------------------------------------------------------------------

    def is_over_locked(self, claim: object) -> bool:
        """Tell whether an event is of a turn that has ended."""
        return self._book.is_over(claim)

    def admits_locked(self, held: Held) -> bool:
        """Tell whether an event makes sense in the new session: it may name nothing that is lost with the old one."""
        if self.is_over_locked(held.claim):
            return False
        return self.same_session or self._makes_sense(held, held.data)

    def _makes_sense(self, held: Held, data: Mapping[str, Any]) -> bool:
        match data["type"]:
            case "input_audio_buffer.append":
                return not held.is_old and self._is_fresh(held)
            case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                return not held.is_old  # What came before it is lost.
            case "response.cancel" | "output_audio_buffer.clear":
                return False  # Nothing runs in a new session.
            case "conversation.item.create":
                return self._admits_item(data)
            case "response.create":
                return self._admits_input(mapping_of(data.get("response")).get("input"))
        return self._knows(data.get("item_id"), self._known)

    def _is_fresh(self, held: Held) -> bool:
        if time.monotonic() - held.since <= MAX_AUDIO_AGE:
            return True
        if isinstance(held.claim, TurnState):
            msg = "the audio of the turn waited too long for a connection"
            self._book.lose(held.claim, lambda: ClosedError(msg, replay_safe=True))
        return False

    def _admits_item(self, data: Mapping[str, Any]) -> bool:
        item = mapping_of(data.get("item"))
        previous = data.get("previous_item_id")
        fits = (previous == "root" or self._knows(previous, self._known)) and self._is_answerable(item, self._known)
        if fits:
            self._learn(item)
        return fits

    def _admits_input(self, given: Any) -> bool:
        items = [mapping_of(item) for item in given] if isinstance(given, list | tuple) else []
        calls = {str(item.get("call_id")) for item in items if item.get("type") == "function_call"}
        references = (item.get("id") for item in items if item.get("type") == "item_reference")
        return all(self._is_answerable(item, self._known | calls) for item in items) and all(
            self._knows(each, self._known) for each in references
        )

    @classmethod
    def _is_answerable(cls, item: Mapping[str, Any], known: AbstractSet[str]) -> bool:
        """Tell whether what an item answers, if it is an answer, is there."""
        if item.get("type") == "function_call_output":
            return cls._knows(item.get("call_id"), known)
        return item.get("type") != "mcp_approval_response"  # Requests for approval are not restored.

    @staticmethod
    def _knows(value: object, known: AbstractSet[str]) -> bool:
        """Tell whether an id, if there is one, is known. Nonsense is for the server to refuse."""
        return not isinstance(value, str) or value in known

    def _learn(self, item: Mapping[str, Any]) -> None:
        """Note what a new session knows by an item."""
        ids = (item.get("id"), item.get("call_id") if item.get("type") == "function_call" else None)
        self._known.update(each for each in ids if isinstance(each, str))


def _merged(config: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Lay an update over a configuration as the server does: key by key, and so within each direction of `audio`.

    What lies deeper is replaced as a whole: half of one kind of turn detection is no turn detection of another kind.
    """
    merged = {**config, **update}
    before, after = config.get("audio"), update.get("audio")
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        audio = {**before, **after}
        for direction, fields in after.items():
            if isinstance(fields, Mapping) and isinstance(before.get(direction), Mapping):
                audio[direction] = {**before[direction], **fields}
        merged["audio"] = audio
    return merged
