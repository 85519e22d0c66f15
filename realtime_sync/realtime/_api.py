"""The Realtime API as the session layer sees it: who owns an event, what is acknowledged by what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from realtime_sync.realtime._book import TurnBook
from realtime_sync.realtime._events import refused_event_id
from realtime_sync.realtime._input_book import TRANSCRIPT_ENDS
from realtime_sync.realtime._item_ids import identify_item
from realtime_sync.realtime._mirror import MIRRORED, ConversationMirror
from realtime_sync.realtime._resume import RealtimeResumption
from realtime_sync.realtime._rules import HARMLESS_CODES, RULES, error_code
from realtime_sync.realtime._settings import part_of, transcribes
from realtime_sync.realtime._state import AUDIO_DELTA, TurnState
from realtime_sync.session import Core, Entry, EventQueue, Rule
from realtime_sync.tools import Toolbox
from realtime_sync.types import UnknownEvent

__all__ = ["SESSION_EVENTS", "RealtimeApi"]

_VAD_MAY_START = frozenset({"input_audio_buffer.speech_stopped", "input_audio_buffer.timeout_triggered"})

SESSION_EVENTS = frozenset({"session.created", "session.updated"})
_TRACKED = (
    frozenset(
        {
            "response.created",
            "response.done",
            "error",
            "input_audio_buffer.committed",
            "input_audio_buffer.cleared",
            "conversation.item.truncated",
            "conversation.item.deleted",
        }
    )
    | SESSION_EVENTS
    | _VAD_MAY_START
    | TRANSCRIPT_ENDS
)
_RESTORED = frozenset({"session.update", "conversation.item.create"})
_NOTED = frozenset({"response.create", "input_audio_buffer.commit", "input_audio_buffer.clear"})


@define(eq=False)
class RealtimeApi:
    """What a Realtime session tracks: its turns and the effective session. The session's lock guards everything."""

    registry: str = field(init=False, default="realtime")
    rules: Mapping[str, Rule] = field(init=False, default=RULES, repr=False)
    tracked: frozenset[str] = field(init=False, default=_TRACKED, repr=False)
    counted: frozenset[str] = field(init=False, default=frozenset({AUDIO_DELTA}), repr=False)
    is_call: bool = False
    """The session controls a WebRTC or SIP call, whose audio the server plays."""
    tools: Toolbox = field(factory=Toolbox, repr=False)
    """What the model may call here. It has a lock of its own, which may be taken under the session's."""
    book: TurnBook = field(init=False, repr=False)
    effective: Any = field(init=False, default=None, repr=False)
    """The session object of the last session.created or session.updated."""
    session_id: str | None = field(init=False, default=None)
    """Its id; servers leave it out of session.updated."""
    session: Callable[[], Any] = field(init=False, default=lambda: None, repr=False)
    """Returns the public session, or None: it was dropped. Set before the first event, as is the next."""
    answer_unasked: Callable[[TurnState], None] = field(init=False, repr=False)
    """Has the calls of a turn answered that nobody consumes."""
    _tools_sent: tuple[str, list[Any]] | None = field(init=False, default=None, repr=False)
    """The event id and the tools of the last session.update that had some."""
    interrupting: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    """Held by one interruption at a time while it decides and sends, so that the server hears of each cut of an item
    in the order in which they were measured. A wait for it ends with that sending, within `send_timeout`."""
    resumption: RealtimeResumption | None = field(init=False, default=None, repr=False)
    """For sessions that reconnect."""
    untold: bool = field(init=False, default=False)
    """The server was given its time to tell the session, and did not. (No lock: only ever set.)"""
    _core: Core = field(init=False, repr=False)

    def bind(self, core: Core) -> None:
        self._core = core
        self.book = TurnBook(
            lock=core.lock,
            submit=lambda event: core.submit(core.complete(event)),
            confirm=core.acknowledgements.confirmed,
            new_queue=self.new_queue_locked,
            close_queue=core.close_queue_locked,
            watch=core.new_queue,
            answer=self._answer,
            tools=self.tools,
        )

    def _answer(self, turn: TurnState) -> None:
        self.answer_unasked(turn)

    def reconnects(self, resume: str, max_items: int) -> RealtimeResumption:
        """Keep what a new connection needs; before the first event. `resume`, `max_items`: see `RetryPolicy`.

        A session that controls a call belongs to the call (API guide, checked November 2026: its sideband connection
        may be made again with the same call_id), so nothing is restored there.
        """
        mirrors = resume == "conversation" and not self.is_call
        mirror = ConversationMirror(max_items, self.book.out_of_band) if mirrors else None
        self.resumption = RealtimeResumption(self.book, mirror, same_session=self.is_call)
        return self.resumption

    def complete(self, data: dict[str, Any]) -> None:
        if data.get("event_id") is None:
            data["event_id"] = self._core.new_event_id()
        if self.resumption is not None:
            identify_item(data)  # By its id the fate of an item can be told that went out when a connection was lost.

    def new_queue_locked(self) -> EventQueue:
        """Make and open a queue for a turn."""
        queue = self._core.new_queue()
        self._core.open_queue_locked(queue)
        return queue

    def has_routes_locked(self) -> bool:
        return self.book.has_routes or (self.resumption is not None and self.resumption.mirror is not None)

    def owner_locked(self, entry: Entry) -> EventQueue | Any | None:
        event = entry[1]
        kind = event.type
        if self.resumption is not None:
            self._note_for_resumption(self.resumption, event, kind)
        if kind in SESSION_EVENTS:
            self.effective = getattr(event, "session", None) or self.effective
            self.book.transcribes = transcribes(self.effective)
            self.session_id = getattr(self.effective, "id", None) or self.session_id
        elif kind == "error" and self._tools_sent is not None and refused_event_id(event) == self._tools_sent[0]:
            self._tools_sent = None
        elif kind in _VAD_MAY_START and self._vad_creates_responses():
            self.book.speech_ended()
        return self.book.owner(event)

    @staticmethod
    def _note_for_resumption(resumption: RealtimeResumption, event: Any, kind: str) -> None:
        if kind == "session.created":
            resumption.greeted_locked()
        elif kind == "session.updated":
            resumption.updated_locked()
        elif kind == "error":
            resumption.refused_locked(refused_event_id(event))
        elif kind in MIRRORED and resumption.mirror is not None:
            resumption.mirror.heard_locked(event)

    def count_locked(self, entries: Sequence[Entry]) -> None:
        arrived = self.book.spoken.arrived
        for _, event, _ in entries:
            if event.type == AUDIO_DELTA and event.__class__ is not UnknownEvent:
                arrived(event)

    def _vad_creates_responses(self) -> bool:
        detection = part_of(self.effective, "audio", "input", "turn_detection")
        return part_of(detection, "create_response") is not False

    def sent_locked(self, data: Mapping[str, Any], claim: object) -> None:
        turn = claim if isinstance(claim, TurnState) else None
        if self.resumption is not None and data["type"] in _RESTORED:
            self.resumption.sent_locked(data)
        if data["type"] == "session.update":
            tools = part_of(data, "session", "tools")
            if isinstance(tools, list):
                self._tools_sent = data["event_id"], tools
        if turn is not None or data["type"] in _NOTED:
            self.book.sent(data, turn)

    def interrupted_locked(self, data: Mapping[str, Any], claim: object) -> None:
        """Nothing: who sent it is leaving, and a response that nobody claims is told by its own id."""

    def tools_locked(self) -> tuple[Any, ...]:
        """Return the session's tools, registered or not: as last sent, else as the server told them."""
        if self._tools_sent is not None:
            return tuple(self._tools_sent[1])
        return tuple(part_of(self.effective, "tools") or ())

    def refused_event_id(self, event: Any) -> str | None:
        return refused_event_id(event)

    def is_harmless(self, event: Any) -> bool:
        return error_code(event) in HARMLESS_CODES

    def has_open_calls_locked(self) -> bool:
        return self.book.has_open

    def ended_locked(self) -> None:
        self.book.end()
        self.tools.executor.close()

    def tick_locked(self) -> None:
        self.book.tick()
