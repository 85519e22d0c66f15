"""Which turn an event belongs to: a state machine without threads, sockets or waiting.

A turn of ours is sent as an item and a `response.create` that carries a token in its metadata; the
`response.created` that echoes the token tells its response id, and everything with that id is the turn's. A peer
that echoes no metadata is matched by order. Until then, what can be nobody else's belongs to the turn: events
about our item, errors that name our events. The response that voice detection starts belongs to the turn that is
speaking (see `_input_book`).

The module is long because all of it decides about the same few states; what has maps of its own is elsewhere.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from threading import Lock
from typing import Any

from attrs import define, field

from realtime_sync.errors import ConnectionClosed, SlowConsumer
from realtime_sync.realtime._call_book import TELLS_CALLS, CallBook
from realtime_sync.realtime._creates import Creates
from realtime_sync.realtime._events import (
    field_of,
    item_id_of,
    refused_event_id,
    response_id_of,
)
from realtime_sync.realtime._input_book import (
    CLEARED,
    INPUT_EVENTS,
    TRANSCRIPT_ENDS,
    InputBook,
    clear_id,
    transcript_ended,
)
from realtime_sync.realtime._routes import MAX_RESPONSES, Routes
from realtime_sync.realtime._rules import ACTIVE_RESPONSE, HARMLESS_CODES, error_code
from realtime_sync.realtime._settings import named_output_format, part_of
from realtime_sync.realtime._slot import UNKNOWN_RESPONSE, ResponseSlot
from realtime_sync.realtime._spoken import SpokenAudio
from realtime_sync.realtime._state import AUDIO_DELTA, REFUSED, Phase, TurnState
from realtime_sync.session import DISCARD, DROP, Deadline, EventQueue
from realtime_sync.tools import Batch, Toolbox
from realtime_sync.types import UnknownEvent

__all__ = ["TurnBook"]

MAX_SILENCED = 64
MAX_OUT_OF_BAND = 256
ABANDONED_SLOT_SECONDS = 10.0
VAD_SECONDS = 3.0


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
    creates: Creates = field(init=False, factory=Creates)
    calls: CallBook = field(init=False)
    spoken: SpokenAudio = field(init=False, factory=SpokenAudio)
    transcribes: bool = field(init=False, default=False)
    """The session transcribes what the user says."""
    _vad_until: float = field(init=False, default=0.0)
    """Until when the server may be about to start a response by itself, on the monotonic clock."""
    listeners: deque[Callable[[TurnState], None]] = field(init=False, factory=deque)
    """Those who want the turns that nobody asked for; the first one gets them."""
    routes: Routes = field(init=False, factory=Routes)
    out_of_band: deque[str] = field(init=False, factory=lambda: deque(maxlen=MAX_OUT_OF_BAND))
    """The ids of the newest responses beside the conversation."""
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
        return bool(self.routes.responses or self.routes.items or self._silenced or self.input.speaker)

    @property
    def active_response_id(self) -> str | None:
        """The id of the conversation's active response, ours or not; None or empty if there is none, or no id."""
        holder = self.slot.holder
        ours = holder.response_id if isinstance(holder, TurnState) and not holder.out_of_band else None
        return ours or self.slot.occupant

    # -- sent ---------------------------------------------------------------------------------------------------

    def sent(self, data: Mapping[str, Any], turn: TurnState | None) -> None:
        """Note an item or a create that takes its place in the outgoing order."""
        event_id = data["event_id"]
        if data["type"] == "response.create":
            self.creates.sent(data, turn)
            if turn is not None:
                turn.phase = Phase.SENT
                turn.create_event_id = event_id
        elif data["type"] == "input_audio_buffer.commit":
            self.input.sent_commit(event_id, turn)
            if turn is not None:
                turn.input_sent = True
        elif data["type"] == "input_audio_buffer.clear":
            self.input.sent_clear(event_id)
        elif data["type"] == "conversation.item.create" and turn is not None:
            self.routes.adopt(turn, data["item"]["id"])
        if turn is not None:
            if turn.started_at is None:
                turn.started_at = time.monotonic()
            if data["type"] == "input_audio_buffer.append":
                return  # Too many to note each: see `Routes.tokens`.
            self.routes.has_sent(turn, event_id)

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
        elif kind == CLEARED:
            cleared = self.input.cleared()
            return self._cleared(cleared) if cleared is not None else None
        else:
            if self._silenced and kind.endswith(".delta") and field_of(event, "response_id") in self._silenced:
                return DROP
            self._note(event, kind)
            turn = self._turn_of(event, kind) if self.has_routes else None
        return self._queue_of(turn, event) if turn is not None else None

    def _note(self, event: Any, kind: str) -> None:
        """Remember of an event what concerns later interruptions and turns, whoever owns it."""
        if kind == AUDIO_DELTA:
            if not isinstance(event, UnknownEvent):
                self.spoken.arrived(event)
        elif kind == "conversation.item.truncated":
            self.spoken.cut(field_of(event, "item_id"), getattr(event, "audio_end_ms", None) or 0)
        elif kind == "conversation.item.deleted":
            self.spoken.cut(field_of(event, "item_id"), 0)
        elif kind in TRANSCRIPT_ENDS and field_of(event, "item_id") == self.input.newest_item_id:
            self.input.newest_item_id = None  # The turn that answers it need not wait for it.

    def _queue_of(self, turn: TurnState, event: Any) -> EventQueue | Any | None:
        turn.note_arrival(event.type)
        if turn.watched:
            if event.type in TELLS_CALLS:
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
            self.routes.adopt(turn, field_of(event, "item_id"))
        return turn

    def _turn_of(self, event: Any, kind: str) -> TurnState | None:
        response_id = field_of(event, "response_id")
        if response_id is not None:
            turn = self.routes.responses.get(response_id)
            if turn is not None and kind == "response.output_item.added":
                self.routes.adopt(turn, item_id_of(event))
            elif turn is not None and kind == "response.output_item.done":
                self.calls.item_done(turn, event)
            return turn
        if kind.startswith("conversation.item."):
            return self._turn_of_item(event)
        return None

    def _turn_of_item(self, event: Any) -> TurnState | None:
        item_id = item_id_of(event)
        turn = self.routes.items.get(item_id) if item_id is not None else None
        if turn is None and getattr(getattr(event, "item", None), "status", None) == "in_progress":
            # The order of conversation.item.added and response.output_item.added is not promised; an item in
            # progress can only be of the conversation's one active response.
            holder = self.slot.holder
            if isinstance(holder, TurnState) and holder.phase is Phase.RUNNING and not holder.out_of_band:
                turn = holder
                self.routes.adopt(turn, item_id)
        return turn

    def _created(self, event: Any) -> TurnState | None:
        response_id = response_id_of(event)
        create = self.creates.claim(event, by_order=not self.vad_starting)
        if response_id is None:
            return None
        self.spoken.announced(response_id, named_output_format(getattr(event, "response", None)))
        if create is None:
            return self._start_unasked(response_id)
        self._confirm(create.event_id, event)
        if create.out_of_band:
            self.out_of_band.append(response_id)
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
        turn.heard = True
        turn.unanswered_speech = turn.in_speech  # What began since the commit is not answered by this.
        self.input.answered_locked(turn)
        self._route(response_id, turn)
        if turn.abandoned or turn.cancel_asked:
            self._submit({"type": "response.cancel", "response_id": response_id})
        if turn.interrupted:
            self._silence(response_id)

    def _start_unasked(self, response_id: str) -> TurnState | None:
        """Note a response that no create of this side asked for."""
        self._vad_until = 0.0
        self.slot.occupy_locked(response_id)
        speaking = self.input.expects_response()
        if speaking is not None:
            self._begin(speaking, response_id)
            return speaking
        return self._open_unasked(response_id)

    def _open_unasked(self, response_id: str, *, out_of_band: bool = False) -> TurnState | None:
        """Open a turn for a response that none of our calls asked for, if somebody listens or tools may be called."""
        answered, self.input.newest_item_id = self.input.newest_item_id, None
        watched = not self.listeners
        if watched and not self.calls.has_tools:
            return None
        turn = TurnState(
            queue=self._watch() if watched else self._new_queue(),
            deadline=Deadline(None),
            phase=Phase.RUNNING,
            input_sent=True,
            out_of_band=out_of_band,
            asked=False,
            watched=watched,
        )
        turn.response_id = response_id
        turn.started_at = time.monotonic()
        self._route(response_id, turn)
        if not watched:
            self.routes.adopt(turn, answered)  # Its transcript may come any time now.
            if answered is not None and self.transcribes:
                turn.transcripts_due.add(answered)
            self.listeners[0](turn)
        return turn

    def _done(self, event: Any) -> EventQueue | Any | None:
        response_id = response_id_of(event)
        turn = self.routes.responses.pop(response_id, None) if response_id is not None else None
        self.slot.done_locked(response_id)
        interrupted = response_id is not None and response_id in self._silenced
        if response_id is not None and interrupted:
            self._silenced.remove(response_id)
        if turn is None:
            return None
        turn.note_arrival("response.done")
        turn.done_at = time.monotonic()
        if turn.awaits_detection and _cut_off_by_speech(event):
            turn.unanswered_speech = True  # Whether or not we were told that it began.
        if turn.abandoned:
            turn.phase, turn.response_id = Phase.SPEAKING, None
            self._settle(turn)
        else:
            self._answered(turn, event, interrupted=interrupted)
        return None if turn.watched else DISCARD  # It is in the turn's queue, before the end of that, if it is over.

    def _answered(self, turn: TurnState, event: Any, *, interrupted: bool) -> None:
        """Note that a response of a turn has ended: that may not be the end of the turn."""
        turn.queue.put_locked((0, event, 0))
        answers = self.calls.due(turn, event, interrupted=interrupted)
        if answers:
            self.slot.release_locked(turn)  # Never held while user code runs.
        # Calls of an earlier response may be being answered too, while the user speaks on.
        if turn.unfinished() if turn.answering else turn.goes_on():
            turn.phase, turn.response_id = Phase.SPEAKING, None
        elif turn.answering:
            turn.phase, turn.response_id = Phase.ANSWERING, None
            self.input.release_locked(turn)
            if turn.watched and answers and turn.answered_rounds == 1:
                self._answer(turn)
        else:
            self.complete(turn)

    def _refused(self, event: Any) -> EventQueue | Any | None:
        event_id = refused_event_id(event)
        if event_id is None:
            return self._refused_something(event)
        create = self.creates.take(event_id)
        self.input.refused(event_id)
        turn = self.routes.take_event(event_id)
        if turn is None and create is not None:
            turn = create.turn  # An interrupt came between noting the create and noting what leads to its turn.
        if turn is None:
            return None
        if event_id == turn.create_event_id:
            self._create_refused(turn, event)
        elif turn.clearing and event_id == clear_id(turn):
            self._cleared(turn)
        elif not turn.abandoned:
            self._fail(turn, event)
            # The item or the audio was refused, so its response would answer something else.
            turn.input_sent = False
            self.abandon(turn)
        return DISCARD

    def _refused_something(self, event: Any) -> Any | None:
        """Judge an error that names no event, as compatible servers send them."""
        code = error_code(event)
        waiting = self.creates.entries
        if code == ACTIVE_RESPONSE and len(waiting) == 1 and (turn := waiting[0].turn) is not None:
            self.routes.events.pop(waiting.popleft().event_id, None)
            self._create_refused(turn, event)  # Nothing else can be refused for this reason.
            return DISCARD
        speaker = self.input.speaker
        if code == ACTIVE_RESPONSE and speaker is not None and speaker.awaits_detection:
            self._left_unanswered(speaker)
            return DISCARD
        if code not in HARMLESS_CODES:
            self.creates.suspect(event)
        return None

    def _create_refused(self, turn: TurnState, event: Any) -> None:
        if turn.response_id is not None:
            self._unclaim(turn, turn.response_id)
        if turn.abandoned:
            self._finish(turn)
        elif error_code(event) == ACTIVE_RESPONSE:
            self._to_be_sent_again(turn)
        else:
            self._fail(turn, event)
            self._finish(turn)

    def _to_be_sent_again(self, turn: TurnState) -> None:
        """Have the turn's consumer send its create, once the response that is in the way has ended."""
        turn.phase = Phase.REFUSED
        if self.slot.occupant is None:
            self.slot.occupy_locked(UNKNOWN_RESPONSE)
        self.slot.release_locked(turn)
        turn.queue.put_locked((0, REFUSED, 0))

    def _left_unanswered(self, turn: TurnState) -> None:
        """Note that voice detection could not answer what it found, because of a response that it may not interrupt."""
        if turn.abandoned or turn.phase is not Phase.SPEAKING:
            turn.unanswered_speech = False  # It was said into the turn's own response, and is left at that.
            if turn.abandoned:
                self._settle(turn)
        else:
            self._to_be_sent_again(turn)

    def _unclaim(self, turn: TurnState, response_id: str) -> None:
        """Take back a match by order that this refusal proves wrong: the response is somebody else's."""
        self.routes.responses.pop(response_id, None)
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
        answering = turn.answering
        self.calls.drop(turn)
        if turn.phase is Phase.ANSWERING or (answering and turn.input_sent and turn.is_answered()):
            self.complete(turn)  # Its consumer only waits for the tools.

    def answered(self, turn: TurnState, batch: Batch) -> None:
        """Note that the outputs of a batch are sent. If no response goes on after them, the turn is over."""
        self.calls.settled(turn, batch)
        if turn.phase is Phase.ANSWERING and not turn.answering:
            self.complete(turn)

    def abandon(self, turn: TurnState) -> None:
        """Let nobody see the rest of a turn: cancel it by id and discard what still comes."""
        if turn.phase is Phase.OVER:
            if turn.transcripts_due:
                self.leave(turn)
            return
        if turn.abandoned:
            return
        turn.abandoned_at = time.monotonic()
        self.calls.drop(turn)
        if turn.error is None:
            turn.queue.clear_locked()
            turn.queue.end_locked(lambda: None)
        if turn.phase is Phase.RUNNING:
            self._submit({"type": "response.cancel", "response_id": turn.response_id})
        if self.input.floor.holder is turn and turn.started_at is not None and turn.leaves_audio():
            turn.clearing = True  # Or it would be part of the next turn, which has to wait for that.
            self._submit({"type": "input_audio_buffer.clear", "event_id": clear_id(turn)})
        self._settle(turn)

    def _settle(self, turn: TurnState) -> None:
        """Let go of an abandoned turn as soon as nothing more can come of it."""
        answer_due = turn.awaits_detection and turn.committed and turn.unanswered_speech
        if turn.phase in (Phase.SENT, Phase.RUNNING) or turn.clearing or (turn.phase is Phase.SPEAKING and answer_due):
            return
        self._finish(turn)

    def _cleared(self, turn: TurnState) -> Any:
        """Note that the server's buffer holds nothing more of a turn that was left."""
        turn.clearing = False
        if turn.in_speech:
            turn.in_speech = turn.unanswered_speech = False  # It was cleared with the rest.
        self._settle(turn)
        return DISCARD

    def interrupt(self) -> str | None:
        """Let nothing of the active response reach anybody any more but its end; return its id.

        A response that was asked for and has not begun is cancelled when it begins. What tools make is dropped.
        """
        for turn in tuple(self.calls.answering):
            if not turn.out_of_band:
                self.cancel(turn)
        active = self.active_response_id
        if active:
            self._silence(active)
            return active
        holder = self.slot.holder
        if isinstance(holder, TurnState) and holder.phase is Phase.SENT and not holder.out_of_band:
            holder.interrupted = holder.cancel_asked = True
        return None

    def _silence(self, response_id: str) -> None:
        if response_id not in self._silenced:
            self._silenced.append(response_id)

    def complete(self, turn: TurnState) -> None:
        """End a turn that was answered, but for the transcript of what was asked, where that is still to come."""
        if turn.transcripts_due:
            self._let_go(turn)
        else:
            self.leave(turn)

    def leave(self, turn: TurnState) -> None:
        """End a turn whose response is over, whether or not the transcript of its input has come."""
        turn.transcripts_due.clear()
        self._finish(turn)
        turn.queue.end_locked(lambda: None)

    def speaks(self, turn: TurnState) -> None:
        """Note that a turn begins to send audio."""
        turn.phase = Phase.SPEAKING
        self.routes.tokens[turn.token] = turn
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
        self.routes.forget(turn)
        for event_id in turn.event_ids:
            self.input.refused(event_id)
        self._close_queue(turn.queue)

    def tick(self) -> None:
        """Give up on creates that were never answered and on abandoned turns that never end."""
        now = time.monotonic()
        for turn in self.creates.expire(now):
            self._finish(turn)
        for turn in self.creates.judge(now):
            self._fail(turn, turn.suspect)
            self._finish(turn)
        speaker = _left(self.input.floor.holder, now - VAD_SECONDS)
        if speaker is not None and speaker.phase is Phase.SPEAKING:
            self._finish(speaker)  # What was heard of it was neither cleared nor answered.
        holder = _left(self.slot.holder, now - ABANDONED_SLOT_SECONDS)
        if holder is not None:
            if not self.creates.echoes:
                self.creates.forget(holder)  # Its answer, told by the order, would take the next turn's place.
            self.slot.release_locked(holder)
            self.input.release_locked(holder)
        self.slot.tick_locked(now)

    @staticmethod
    def is_over(claim: object) -> bool:
        """Tell whether a claim is that of a turn that ended."""
        return isinstance(claim, TurnState) and claim.phase is Phase.OVER

    def lost(self, unwritten: AbstractSet[str], make_error: Callable[[], ConnectionClosed]) -> None:
        """Fail every turn of which the server may have seen something; the others are sent on the next connection."""
        for turn in self._all():
            if turn.started_at is None:
                continue  # All of it waits for a connection.
            # The audio of a spoken turn belongs to the session that is lost, whether it has left or not.
            is_spoken = turn.token in self.routes.tokens
            if turn.phase in (Phase.WAITING, Phase.SENT) and not is_spoken and turn.event_ids <= unwritten:
                turn.phase, turn.create_event_id, turn.started_at = Phase.WAITING, None, None
                turn.event_ids.clear()
                turn.item_ids.clear()
            else:
                self.lose(turn, make_error)
        self.creates.entries.clear()
        self._silenced.clear()
        self.routes.clear()
        self._vad_until = 0.0
        self.spoken = SpokenAudio()
        self.slot.done_locked(None)
        self.input.lost_locked()

    def lose(self, turn: TurnState, make_error: Callable[[], ConnectionClosed]) -> None:
        """Fail a turn with its session; what it is about to send is not sent any more."""
        was_over = turn.phase is Phase.OVER
        self._finish(turn)
        turn.queue.end_locked((lambda: None) if was_over else make_error)

    def end(self) -> None:
        """Let every open turn go: the connection is over, and the session ends their queues."""
        for turn in self._all():
            turn.phase = Phase.OVER
            self.calls.drop(turn)
        self.creates.entries.clear()
        self.routes.clear()
        self.routes.tokens.clear()
        self._silenced.clear()
        self.slot.end_locked()
        self.input.end_locked()

    def _all(self) -> set[TurnState]:
        return self.routes.turns() | self.calls.answering

    def _route(self, response_id: str, turn: TurnState) -> None:
        oldest = self.routes.begin(turn, response_id)
        if oldest is not None:
            oldest.queue.end_locked(lambda: SlowConsumer(f"{MAX_RESPONSES} responses run, none of which ends"))
            self._finish(oldest)


def _left(holder: object, before: float) -> TurnState | None:
    """Return what holds a slot, if it is a turn that was abandoned before a moment."""
    if isinstance(holder, TurnState) and holder.abandoned_at is not None and holder.abandoned_at < before:
        return holder
    return None


def _cut_off_by_speech(event: Any) -> bool:
    """Tell whether a response.done is of a response that voice detection cancelled."""
    return bool(part_of(getattr(event, "response", None), "status_details", "reason") == "turn_detected")
