"""Which turn an event belongs to: a state machine without threads, sockets or waiting.

A turn of ours is sent as an item and a `response.create` that carries a token in its metadata; the
`response.created` that echoes the token tells its response id, and everything with that id is the turn's. A peer
that echoes no metadata is matched by order. Until then, what can be nobody else's belongs to the turn: events
about our item, errors that name our events. The response that voice detection starts belongs to the turn that is
speaking (see `_input_book`).
"""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from threading import Lock
from typing import Any

from attrs import define, field

from realtime_sync.errors import ClosedError, ConnectionClosed, SlowConsumer
from realtime_sync.realtime._call_book import CallBook
from realtime_sync.realtime._events import (
    field_of,
    item_id_of,
    mapping_of,
    metadata_of,
    refused_event_id,
    response_id_of,
    token_in,
)
from realtime_sync.realtime._input_book import INPUT_EVENTS, InputBook, transcript_ended
from realtime_sync.realtime._rules import ACTIVE_RESPONSE, HARMLESS_CODES, TOKEN_KEY, error_code
from realtime_sync.realtime._slot import UNKNOWN_RESPONSE, ResponseSlot
from realtime_sync.realtime._spoken import SpokenAudio
from realtime_sync.realtime._state import AUDIO_DELTA, REFUSED, Phase, TurnState
from realtime_sync.session import DISCARD, DROP, Deadline, EventQueue
from realtime_sync.tools import Toolbox
from realtime_sync.types import UnknownEvent

__all__ = ["TurnBook"]

MAX_ROUTES = 1024
MAX_SILENCED = 64
ABANDONED_SLOT_SECONDS = 10.0
CREATE_SECONDS = 60.0
VAD_SECONDS = 3.0
SUSPECT_SECONDS = 10.0
"""How long a create may stay unanswered after an error that named no event, before that counts as its answer."""

_TELLS_CALLS = frozenset({"response.created", "response.output_item.done", "response.done"})
"""The events of a response that tell its calls."""


@define(eq=False)
class _Create:
    """A `response.create` on its way, whoever sent it."""

    event_id: str
    turn: TurnState | None
    token: str | None
    out_of_band: bool
    sent_at: float = field(factory=time.monotonic)


@define(eq=False, kw_only=True)
class TurnBook:
    """All open turns of a session. The session's lock guards everything.

    `_submit` hands an event to the reader for sending; `_confirm` tells the event id of a create and what answered it;
    `_new_queue` makes a queue for a turn that nobody asked for, `_watch` one for a turn whose calls the library answers
    beside whoever gets its events; `_answer` has it do that.
    """

    _lock: Lock
    _submit: Callable[[dict[str, Any]], None]
    _confirm: Callable[[str, Any], None]
    _new_queue: Callable[[], EventQueue]
    _close_queue: Callable[[EventQueue], None]
    _watch: Callable[[], EventQueue]
    _answer: Callable[[TurnState], None]
    _tools: Toolbox
    slot: ResponseSlot = field(init=False)
    input: InputBook = field(init=False)
    calls: CallBook = field(init=False)
    spoken: SpokenAudio = field(init=False, factory=SpokenAudio)
    echoes: bool = field(init=False, default=False)
    """The peer has echoed a token of ours, so a response without one is not ours."""
    _vad_until: float = field(init=False, default=0.0)
    """Until when the server may be about to start a response by itself, on the monotonic clock."""
    listeners: deque[Callable[[TurnState], None]] = field(init=False, factory=deque)
    """Those who want the turns that nobody asked for; the first one gets them."""
    _creates: deque[_Create] = field(init=False, factory=deque)
    _by_response: dict[str, TurnState] = field(init=False, factory=dict)
    _by_item: dict[str, TurnState] = field(init=False, factory=dict)
    _by_event: dict[str, TurnState] = field(init=False, factory=dict)
    _by_token: dict[str, TurnState] = field(init=False, factory=dict)
    """Turns that are spoken: their many appends carry the token in the event id."""
    _silenced: deque[str] = field(init=False, factory=lambda: deque(maxlen=MAX_SILENCED))
    """The ids of interrupted responses: what still comes of them reaches nobody."""

    def __attrs_post_init__(self) -> None:
        """Make the slots under the same lock."""
        self.slot = ResponseSlot(self._lock)
        self.input = InputBook(self._lock)
        self.calls = CallBook(self._tools)

    @property
    def has_open(self) -> bool:
        turns = (turn for turn in self._all() if not turn.watched)
        return any(not turn.abandoned and turn.phase is not Phase.OVER for turn in turns)

    @property
    def vad_starting(self) -> bool:
        """Whether speech has just ended, so that the next response may be the server's own."""
        return self.vad_pause() > 0

    def vad_pause(self) -> float:
        """Return for how many seconds more the next response may be the server's own."""
        return max(0.0, self._vad_until - time.monotonic())

    def speech_ended(self) -> None:
        """Note that the server may start a response by itself. It need not, so this lapses."""
        self._vad_until = time.monotonic() + VAD_SECONDS

    @property
    def has_routes(self) -> bool:
        """Whether any turn, abandoned ones included, may own an event."""
        return bool(self._by_response or self._by_item or self._silenced or self.input.speaker)

    @property
    def active_response_id(self) -> str | None:
        """The id of the conversation's active response, ours or not, or None."""
        holder = self.slot.holder
        return holder.response_id if isinstance(holder, TurnState) else self.slot.occupant

    # -- sent ---------------------------------------------------------------------------------------------------

    def sent(self, data: Mapping[str, Any], turn: TurnState | None) -> None:
        """Note an item or a create that takes its place in the outgoing order."""
        event_id = data["event_id"]
        if data["type"] == "response.create":
            response = mapping_of(data.get("response"))
            token = mapping_of(response.get("metadata")).get(TOKEN_KEY)
            self._creates.append(_Create(event_id, turn, token, response.get("conversation") == "none"))
            if turn is not None:
                turn.phase = Phase.SENT
                turn.create_event_id = event_id
        elif data["type"] == "input_audio_buffer.commit":
            self.input.sent_commit(event_id, turn)
        elif data["type"] == "conversation.item.create" and turn is not None:
            self._adopt(turn, data["item"]["id"])
        if turn is not None:
            if turn.started_at is None:
                turn.started_at = time.monotonic()
            if data["type"] == "input_audio_buffer.append":
                return  # Too many to note each: see `_by_token`.
            self._by_event[event_id] = turn
            turn.event_ids.add(event_id)

    # -- received -----------------------------------------------------------------------------------------------

    def owner(self, event: Any) -> EventQueue | Any | None:
        """Return the queue of the turn that an event belongs to, `DISCARD`, or None for nobody's."""
        kind = event.type
        if kind == "response.created":
            turn = self._created(event)
        elif kind == "response.done":
            return self._done(event)
        elif kind == "error":
            return self._refused(event)
        elif kind in INPUT_EVENTS:
            turn = self._input_event(event, kind)
        else:
            if kind == AUDIO_DELTA and not isinstance(event, UnknownEvent):
                self.spoken.arrived(event)
            if self._silenced and kind.endswith(".delta") and field_of(event, "response_id") in self._silenced:
                return DROP
            turn = self._turn_of(event, kind) if self.has_routes else None
        return self._queue_of(turn, event) if turn is not None else None

    def _queue_of(self, turn: TurnState, event: Any) -> EventQueue | Any | None:
        turn.note_arrival(event.type)
        if turn.watched:
            if event.type in _TELLS_CALLS:
                turn.queue.put_locked((0, event, 0))
            return None
        if turn.abandoned:
            return DISCARD
        if turn.transcripts_due and transcript_ended(turn, event, item_id_of(event)) and turn.phase is Phase.OVER:
            turn.queue.put_locked((0, event, 0))
            self.leave(turn)
            return DISCARD  # It is in the turn's queue already, before the end of that queue.
        return turn.queue

    def _input_event(self, event: Any, kind: str) -> TurnState | None:
        turn = self.input.owner(kind, field_of(event, "item_id"))
        if turn is not None:
            self._adopt(turn, field_of(event, "item_id"))
        return turn

    def _turn_of(self, event: Any, kind: str) -> TurnState | None:
        response_id = field_of(event, "response_id")
        if response_id is not None:
            turn = self._by_response.get(response_id)
            if turn is not None and kind == "response.output_item.added":
                self._adopt(turn, item_id_of(event))
            elif turn is not None and kind == "response.output_item.done":
                self.calls.item_done(turn, event)
            return turn
        if kind.startswith("conversation.item."):
            return self._turn_of_item(event)
        return None

    def _turn_of_item(self, event: Any) -> TurnState | None:
        item_id = item_id_of(event)
        turn = self._by_item.get(item_id) if item_id is not None else None
        if turn is None and getattr(getattr(event, "item", None), "status", None) == "in_progress":
            # The order of conversation.item.added and response.output_item.added is not promised; an item in
            # progress can only be of the conversation's one active response.
            holder = self.slot.holder
            if isinstance(holder, TurnState) and holder.phase is Phase.RUNNING and not holder.out_of_band:
                turn = holder
                self._adopt(turn, item_id)
        return turn

    def _adopt(self, turn: TurnState, item_id: str | None) -> None:
        if item_id is not None:
            self._by_item[item_id] = turn
            turn.item_ids.add(item_id)

    def _created(self, event: Any) -> TurnState | None:
        response_id = response_id_of(event)
        create = self._claim(event)
        if response_id is None:
            return None
        if create is None:
            return self._start_unasked(response_id)
        self._confirm(create.event_id, event)
        turn = create.turn
        if turn is None:
            if not create.out_of_band:
                self.slot.occupy_locked(response_id)
            return self._open_unasked(response_id, out_of_band=create.out_of_band)
        self._begin(turn, response_id)
        return turn

    def _begin(self, turn: TurnState, response_id: str) -> None:
        """Note that a response is a turn's."""
        turn.phase = Phase.RUNNING
        turn.response_id = response_id
        turn.unanswered_speech = False
        self.calls.answering.discard(turn)
        self._route(response_id, turn)
        if turn.abandoned or turn.cancel_asked:
            self._submit({"type": "response.cancel", "response_id": response_id})

    def _start_unasked(self, response_id: str) -> TurnState | None:
        """Note a response that no create of this side asked for."""
        self._vad_until = 0.0
        self.slot.occupy_locked(response_id)
        speaking = self.input.expects_response()
        if speaking is not None:
            self._begin(speaking, response_id)
            return speaking
        turn = self._open_unasked(response_id)
        if turn is not None:
            self._adopt(turn, self.input.newest_item_id)  # What it answers; its transcript may come any time now.
            self.input.newest_item_id = None
        return turn

    def _open_unasked(self, response_id: str, *, out_of_band: bool = False) -> TurnState | None:
        """Open a turn for a response that none of our calls asked for, if somebody listens or tools may be called."""
        watched = not self.listeners
        if watched and not self.calls.has_tools:
            return None
        turn = TurnState(
            queue=self._watch() if watched else self._new_queue(),
            deadline=Deadline(None),
            phase=Phase.RUNNING,
            out_of_band=out_of_band,
            asked=False,
            watched=watched,
        )
        turn.response_id = response_id
        turn.started_at = time.monotonic()
        self._route(response_id, turn)
        if not watched:
            self.listeners[0](turn)
        return turn

    def _claim(self, event: Any) -> _Create | None:
        """Find the create that a response.created answers, and take it out of the line."""
        metadata = metadata_of(event)
        token = metadata.get(TOKEN_KEY)
        if token is not None:
            create = next((each for each in self._creates if each.token == token), None)
            self.echoes = self.echoes or create is not None
        elif self._creates and not self.vad_starting:
            head = self._creates[0]
            # Without an echo the order decides, unless this peer is known to echo: then it is not ours.
            create = head if head.token is None or not (self.echoes or metadata) else None
        else:
            create = None
        if create is not None:
            self._creates.remove(create)
        return create

    def _done(self, event: Any) -> EventQueue | Any | None:
        response_id = response_id_of(event)
        turn = self._by_response.pop(response_id, None) if response_id is not None else None
        self.slot.done_locked(response_id)
        if response_id is not None and response_id in self._silenced:
            self._silenced.remove(response_id)
        if turn is None:
            return None
        turn.note_arrival("response.done")
        turn.done_at = time.monotonic()
        if turn.abandoned:
            self._finish(turn)
            return None if turn.watched else DISCARD
        answering = self.calls.due(turn, event)
        if answering:
            self.slot.release_locked(turn)  # Never held while user code runs.
        if turn.goes_on():
            turn.phase, turn.response_id = Phase.SPEAKING, None
            return turn.queue
        turn.queue.put_locked((0, event, 0))
        if not answering:
            self._end_in_order(turn)
        else:
            turn.phase, turn.response_id = Phase.ANSWERING, None
            self.input.release_locked(turn)
            if turn.watched and turn.answered_rounds == 1:
                self._answer(turn)
        # Otherwise it is in the turn's queue already, before the end of that queue.
        return None if turn.watched else DISCARD

    def _end_in_order(self, turn: TurnState) -> None:
        if turn.transcripts_due:
            self._let_go(turn)  # Only the transcript of what was asked is still to come.
        else:
            self._finish(turn)
            turn.queue.end_locked(lambda: None)

    def _refused(self, event: Any) -> EventQueue | Any | None:
        event_id = refused_event_id(event)
        if event_id is None:
            return self._refused_something(event)
        create = next((each for each in self._creates if each.event_id == event_id), None)
        if create is not None:
            self._creates.remove(create)
        self.input.refused(event_id)
        turn = self._by_event.pop(event_id, None) or self._by_token.get(token_in(event_id))
        if turn is None:
            return None
        if event_id == turn.create_event_id:
            self._create_refused(turn, event)
        elif not turn.abandoned:
            self._fail(turn, event)
            self.abandon(turn)  # The item was refused, so its response would answer something else.
        return DISCARD

    def _refused_something(self, event: Any) -> Any | None:
        """Judge an error that names no event, as compatible servers send them."""
        code = error_code(event)
        if code == ACTIVE_RESPONSE and len(self._creates) == 1 and (turn := self._creates[0].turn) is not None:
            self._by_event.pop(self._creates.popleft().event_id, None)
            self._create_refused(turn, event)  # Nothing else can be refused for this reason.
            return DISCARD
        if code not in HARMLESS_CODES:
            for turn in (create.turn for create in self._creates if create.turn is not None):
                if turn.suspect is None:
                    turn.suspect, turn.suspected_at = event, time.monotonic()
        return None

    def _create_refused(self, turn: TurnState, event: Any) -> None:
        if turn.response_id is not None:
            self._unclaim(turn, turn.response_id)
        if turn.abandoned:
            self._finish(turn)
        elif error_code(event) == ACTIVE_RESPONSE:
            turn.phase = Phase.REFUSED
            if self.slot.occupant is None:
                self.slot.occupy_locked(UNKNOWN_RESPONSE)
            self.slot.release_locked(turn)
            turn.queue.put_locked((0, REFUSED, 0))
        else:
            self._fail(turn, event)
            self._finish(turn)

    def _unclaim(self, turn: TurnState, response_id: str) -> None:
        """Take back a match by order that this refusal proves wrong: the response is somebody else's."""
        self._by_response.pop(response_id, None)
        turn.response_id = turn.first_event_at = turn.first_token_at = None
        turn.queue.clear_locked()
        self.slot.occupy_locked(response_id)

    @staticmethod
    def _fail(turn: TurnState, event: Any) -> None:
        """End a turn's queue with the error event that names it."""
        turn.error = event
        turn.queue.put_locked((0, event, 0))
        turn.queue.end_locked(lambda: None)

    # -- the end of a turn --------------------------------------------------------------------------------------

    def cancel(self, turn: TurnState) -> None:
        """Have the server end a turn; its events go on to its terminal event."""
        if turn.phase is Phase.RUNNING:
            self._submit({"type": "response.cancel", "response_id": turn.response_id})
        turn.cancel_asked = turn.phase is not Phase.OVER
        self.calls.drop(turn)
        if turn.phase is Phase.ANSWERING:
            self._end_in_order(turn)

    def answered(self, turn: TurnState) -> None:
        """End a turn whose calls are answered, but whose response does not go on: others are the caller's to answer."""
        self.calls.drop(turn)
        if turn.phase is Phase.ANSWERING:
            self._end_in_order(turn)

    def abandon(self, turn: TurnState) -> None:
        """Let nobody see the rest of a turn: cancel it by id and discard what still comes."""
        if turn.phase is Phase.OVER or turn.abandoned:
            return
        turn.abandoned_at = time.monotonic()
        self.calls.drop(turn)
        if turn.error is None:
            turn.queue.clear_locked()
            turn.queue.end_locked(lambda: None)
        if turn.phase is Phase.RUNNING:
            self._submit({"type": "response.cancel", "response_id": turn.response_id})
        elif turn.phase is Phase.SPEAKING:
            if not turn.committed:
                self._submit({"type": "input_audio_buffer.clear"})  # Or it would be part of the next turn.
            if not (turn.awaits_detection and turn.heard):
                self._finish(turn)  # Otherwise the answer may be on its way: it is cancelled when it comes.
        elif turn.phase in (Phase.WAITING, Phase.REFUSED, Phase.ANSWERING):
            self._finish(turn)

    def interrupt(self, response_id: str) -> None:
        """Let nothing of a running response reach anybody any more but its end."""
        turn = self._by_response.get(response_id)
        if turn is not None:
            turn.cancel_asked = True
        if response_id not in self._silenced:
            self._silenced.append(response_id)

    def interrupt_tools(self) -> None:
        """End the turns of the conversation whose calls are being answered: what the tools make is dropped."""
        for turn in tuple(self.calls.answering):
            if not turn.out_of_band:
                self.cancel(turn)

    def leave(self, turn: TurnState) -> None:
        """End a turn whose response is over, whether or not the transcript of its input has come."""
        turn.transcripts_due.clear()
        self._finish(turn)
        turn.queue.end_locked(lambda: None)

    def speaks(self, turn: TurnState) -> None:
        """Note that a turn begins to send audio."""
        turn.phase = Phase.SPEAKING
        self._by_token[turn.token] = turn
        if turn.detected:
            self.input.listens_locked(turn)

    def _let_go(self, turn: TurnState) -> None:
        """Let the next turn begin."""
        turn.phase = Phase.OVER
        self.input.release_locked(turn)
        self.slot.release_locked(turn)
        self.slot.dismiss_locked(turn)

    def _finish(self, turn: TurnState) -> None:
        self._let_go(turn)
        self.calls.drop(turn)
        for item_id in turn.item_ids:
            self._by_item.pop(item_id, None)
        for event_id in turn.event_ids:
            self._by_event.pop(event_id, None)
        self._by_token.pop(turn.token, None)
        self._close_queue(turn.queue)

    def tick(self) -> None:
        """Give up on creates that were never answered and on abandoned turns that never end."""
        now = time.monotonic()
        while self._creates and now - self._creates[0].sent_at > CREATE_SECONDS and self._is_orphan(self._creates[0]):
            create = self._creates.popleft()
            if create.turn is not None:
                self._finish(create.turn)
        self._judge_suspects(now)
        speaker = self.input.speaker
        if (
            speaker is not None
            and speaker.phase is Phase.SPEAKING
            and now - (speaker.abandoned_at or now) > VAD_SECONDS
        ):
            self._finish(speaker)  # It was left, and what was heard of it was not answered.
        holder = self.slot.holder
        left = holder.abandoned_at if isinstance(holder, TurnState) else None
        if left is not None and now - left > ABANDONED_SLOT_SECONDS:
            if not self.echoes:
                # Its answer could only be told by the order, and would take the next turn's place.
                self._creates = deque(each for each in self._creates if each.turn is not holder)
            self.slot.release_locked(holder)
        self.slot.tick_locked(now)

    def _judge_suspects(self, now: float) -> None:
        """Fail the turns that stayed unanswered after an error that named nothing."""
        for create in list(self._creates):
            turn = create.turn
            if turn is None or turn.suspect is None or turn.abandoned or now - turn.suspected_at <= SUSPECT_SECONDS:
                continue
            self._creates.remove(create)
            self._fail(turn, turn.suspect)
            self._finish(turn)

    @staticmethod
    def _is_orphan(create: _Create) -> bool:
        return create.turn is None or create.turn.abandoned

    @staticmethod
    def is_over(claim: object) -> bool:
        """Tell whether a claim is that of a turn that ended."""
        return isinstance(claim, TurnState) and claim.phase is Phase.OVER

    def lost(self, unwritten: AbstractSet[str], error: ConnectionClosed) -> None:
        """Fail every turn of which the server may have seen something; the others are sent on the next connection."""
        for turn in self._all():
            self._by_token.pop(turn.token, None)
            if turn.phase in (Phase.WAITING, Phase.REFUSED):
                continue
            if turn.phase is Phase.SENT and turn.event_ids <= unwritten:
                turn.phase, turn.create_event_id, turn.started_at = Phase.WAITING, None, None
                turn.event_ids.clear()
                turn.item_ids.clear()
                continue
            was_over, turn.phase = turn.phase is Phase.OVER, Phase.OVER
            self.calls.drop(turn)
            turn.queue.end_locked((lambda: None) if was_over else functools.partial(ClosedError, **_details(error)))
            self._close_queue(turn.queue)
            self.slot.release_locked(turn)
        self._creates.clear()
        self._silenced.clear()
        for each in (self._by_response, self._by_item, self._by_event):
            each.clear()
        self._vad_until = 0.0
        self.spoken = SpokenAudio()
        self.slot.done_locked(None)
        self.input.lost_locked()

    def end(self) -> None:
        """Let every open turn go: the connection is over, and the session ends their queues."""
        for turn in self._all():
            turn.phase = Phase.OVER
            self.calls.drop(turn)
        self._creates.clear()
        self._by_response.clear()
        self._by_item.clear()
        self._by_event.clear()
        self._by_token.clear()
        self._silenced.clear()
        self.slot.end_locked()
        self.input.end_locked()

    def _all(self) -> set[TurnState]:
        maps = (self._by_response, self._by_event, self._by_item, self._by_token)
        return {turn for each in maps for turn in each.values()} | self.calls.answering

    def _route(self, response_id: str, turn: TurnState) -> None:
        if len(self._by_response) >= MAX_ROUTES:
            # Only responses that never ended can fill this: let the oldest go.
            oldest = self._by_response.pop(next(iter(self._by_response)))
            oldest.queue.end_locked(lambda: SlowConsumer(f"{MAX_ROUTES} responses run, none of which ends"))
            self._finish(oldest)
        self._by_response[response_id] = turn


def _details(error: ConnectionClosed) -> dict[str, Any]:
    return {
        "message": error.message,
        "code": error.code,
        "reason": error.reason,
        "closed_by": error.closed_by,
        "server_error": error.server_error,
    }
