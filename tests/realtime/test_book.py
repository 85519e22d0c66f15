"""Which turn an event belongs to."""

from __future__ import annotations

import threading
from types import SimpleNamespace as Event

import pytest

from realtime_sync.realtime import _book as module
from realtime_sync.realtime import _creates, _routes
from realtime_sync.realtime._book import TurnBook
from realtime_sync.realtime._routes import Routes
from realtime_sync.realtime._rules import TOKEN_KEY
from realtime_sync.realtime._state import REFUSED, Phase, TurnState
from realtime_sync.session import DISCARD, Deadline, EventQueue
from realtime_sync.session._flow import Flow
from realtime_sync.tools import Toolbox

NOW = Deadline(0)


class Harness:
    """A book with a recording outside world, and the sending side of a turn."""

    def __init__(self):
        self.lock = threading.Lock()
        self.flow = Flow(wake=lambda: None)
        self.submitted = []
        self.confirmed = []
        self.answering = []
        self.book = TurnBook(
            lock=self.lock,
            submit=self.submitted.append,
            confirm=lambda event_id, event: self.confirmed.append(event_id),
            new_queue=self.new_queue,
            close_queue=lambda queue: None,
            watch=self.new_queue,
            answer=self.answering.append,
            tools=Toolbox(),
        )
        self.events = 0

    def new_queue(self):
        return EventQueue(session_lock=self.lock, flow=self.flow)

    def turn(self, *, token=True, out_of_band=False, slot=True):
        turn = TurnState(queue=self.new_queue(), deadline=Deadline(None), out_of_band=out_of_band)
        if slot:
            assert self.book.slot.acquire(turn, NOW)
        self.events += 1
        item_id = f"item_{self.events}"
        self.book.sent(
            {"type": "conversation.item.create", "event_id": f"i{self.events}", "item": {"id": item_id}}, turn
        )
        metadata = {TOKEN_KEY: turn.token} if token else {}
        response = {"metadata": metadata, **({"conversation": "none"} if out_of_band else {})}
        self.book.sent({"type": "response.create", "event_id": f"c{self.events}", "response": response}, turn)
        return turn

    def raw_create(self, event_id):
        self.book.sent({"type": "response.create", "event_id": event_id}, None)

    def receive(self, event):
        owner = self.book.owner(event)
        if isinstance(owner, EventQueue):
            with self.lock:
                owner.put_locked((0, event, 1))
        return owner

    def created(self, response_id, token=None, metadata=None):
        pairs = {TOKEN_KEY: token} if token else metadata
        return self.receive(Event(type="response.created", response=Event(id=response_id, metadata=pairs)))

    def delta(self, response_id):
        return self.receive(Event(type="response.output_text.delta", response_id=response_id, delta="x"))

    def done(self, response_id):
        return self.receive(Event(type="response.done", response=Event(id=response_id, metadata=None)))

    def error(self, event_id, code="bad"):
        return self.receive(
            Event(type="error", error=Event(event_id=event_id, code=code, type="t", message="m", param=None))
        )

    def drain(self, turn):
        kinds = []
        while True:
            try:
                kinds.append(turn.queue.take(NOW)[1].type)
            except StopIteration:
                return kinds


@pytest.fixture
def harness():
    return Harness()


def test_a_turn_gets_its_events_and_nothing_else(harness):
    """The token's echo tells the response id, and the id tells the rest."""
    turn = harness.turn()
    assert (
        harness.receive(Event(type="conversation.item.added", item=Event(id="item_1", status="completed")))
        is turn.queue
    )
    harness.created("resp_1", turn.token)
    assert harness.delta("resp_1") is turn.queue
    assert harness.delta("resp_other") is None
    assert harness.receive(Event(type="rate_limits.updated")) is None
    harness.done("resp_1")
    assert harness.drain(turn) == [
        "conversation.item.added",
        "response.created",
        "response.output_text.delta",
        "response.done",
    ]
    assert harness.confirmed == ["c1"]
    assert turn.phase is Phase.OVER
    assert harness.book.slot.holder is None
    assert not harness.book.routes.items
    assert not harness.book.routes.events


def test_assistant_items_belong_to_the_turn_in_either_order(harness):
    """conversation.item.added of the answer may come before or after response.output_item.added."""
    turn = harness.turn()
    harness.created("resp_1", turn.token)
    early = Event(type="conversation.item.added", item=Event(id="answer_1", status="in_progress"))
    assert harness.receive(early) is turn.queue
    added = Event(type="response.output_item.added", response_id="resp_1", item=Event(id="answer_2"))
    assert harness.receive(added) is turn.queue
    late = Event(type="conversation.item.done", item=Event(id="answer_2", status="completed"))
    assert harness.receive(late) is turn.queue
    foreign = Event(type="conversation.item.added", item=Event(id="someone_elses", status="completed"))
    assert harness.receive(foreign) is None


def test_a_peer_that_echoes_nothing_is_matched_by_order(harness):
    """Without metadata in response.created, the oldest create is the one."""
    turn = harness.turn()
    assert harness.created("resp_1") is turn.queue
    assert turn.response_id == "resp_1"


def test_a_response_without_echo_is_not_ours_once_the_peer_echoed(harness):
    """Voice detection may start a response between our create and its answer."""
    first = harness.turn()
    harness.created("resp_1", first.token)
    harness.done("resp_1")
    second = harness.turn()
    assert harness.created("vad") is None
    assert harness.created("resp_2", second.token) is second.queue


def test_no_order_match_while_voice_detection_may_start_a_response(harness):
    """A response that may be the server's own is never taken for ours."""
    turn = harness.turn()
    harness.book.speech_ended()
    assert harness.created("vad") is None
    assert harness.created("resp_1") is turn.queue


def test_a_create_by_hand_keeps_its_place_in_the_order(harness):
    """An event that the user sent does not make the next turn's answer slip."""
    harness.raw_create("by_hand")
    turn = harness.turn()
    assert harness.created("resp_hand") is None
    assert harness.confirmed == ["by_hand"]
    assert harness.created("resp_1") is turn.queue


def test_foreign_responses_occupy_the_slot(harness):
    """ask() waits while a response that somebody else started is active."""
    harness.created("vad")
    waiting = TurnState(queue=harness.new_queue(), deadline=Deadline(None))
    assert not harness.book.slot.acquire(waiting, NOW)
    harness.done("vad")
    assert harness.book.slot.acquire(waiting, NOW)


def test_out_of_band_responses_do_not_occupy_the_slot(harness):
    """A response beside the conversation, started by hand, blocks nobody."""
    harness.book.sent({"type": "response.create", "event_id": "x", "response": {"conversation": "none"}}, None)
    harness.created("resp_beside")
    assert harness.book.slot.occupant is None


def test_turns_nobody_asked_for_go_to_a_listener(harness):
    """turns() gets a turn per unasked response, its events included."""
    heard = []
    harness.book.listeners.append(heard.append)
    harness.created("vad")
    harness.delta("vad")
    harness.done("vad")
    assert harness.drain(heard[0]) == ["response.created", "response.output_text.delta", "response.done"]


def test_a_refused_create_is_to_be_sent_again(harness):
    """conversation_already_has_active_response frees the slot and tells the consumer."""
    turn = harness.turn()
    assert harness.error("c1", "conversation_already_has_active_response") is DISCARD
    assert turn.phase is Phase.REFUSED
    assert turn.queue.take(NOW)[1] is REFUSED
    assert harness.book.slot.holder is None


def test_a_refused_create_whose_sending_was_interrupted(harness, monkeypatch):
    """Its turn was left, half noted as sent: the refusal ends it, and the conversation is free for the next."""

    def interrupted(self, turn, event_id):
        if event_id.startswith("c"):
            raise KeyboardInterrupt

    monkeypatch.setattr(Routes, "has_sent", interrupted)
    with pytest.raises(KeyboardInterrupt):
        harness.turn()
    turn = harness.book.slot.holder
    harness.book.abandon(turn)
    assert harness.book.slot.holder is turn
    assert harness.error("c1", "conversation_already_has_active_response") is DISCARD
    assert turn.phase is Phase.OVER
    assert harness.book.slot.holder is None
    assert not harness.book._all()


def test_an_error_for_the_create_fails_the_turn(harness):
    """The error is the turn's last event and its slot is free."""
    turn = harness.turn()
    harness.error("c1")
    assert harness.drain(turn) == ["error"]
    assert turn.error.error.event_id == "c1"
    assert harness.book.slot.holder is None
    assert not harness.book.creates


def test_an_item_error_fails_the_turn_and_cancels_its_response(harness):
    """The response to a conversation without the item would answer something else."""
    turn = harness.turn()
    harness.error("i1")
    assert harness.drain(turn) == ["error"]
    assert harness.created("resp_1", turn.token) is DISCARD
    assert harness.submitted == [{"type": "response.cancel", "response_id": "resp_1"}]
    assert harness.delta("resp_1") is DISCARD
    harness.done("resp_1")
    assert harness.book.slot.holder is None


def test_errors_about_other_events_are_not_the_turns(harness):
    """Only an error that names one of the turn's events is its own."""
    turn = harness.turn()
    assert harness.error("somebody_elses") is None
    assert harness.error(None) is None
    assert turn.phase is Phase.SENT


@pytest.mark.parametrize("moment", ["before created", "running"])
def test_an_abandoned_turn_is_cancelled_and_discarded(harness, moment):
    """Leaving a stream cancels by id, and nobody sees the rest."""
    turn = harness.turn()
    if moment == "running":
        harness.created("resp_1", turn.token)
    harness.book.abandon(turn)
    if moment != "running":
        assert not harness.submitted
        harness.created("resp_1", turn.token)
    assert harness.submitted == [{"type": "response.cancel", "response_id": "resp_1"}]
    assert harness.delta("resp_1") is DISCARD
    assert harness.book.slot.holder is turn
    assert harness.done("resp_1") is DISCARD
    assert harness.book.slot.holder is None
    harness.book.abandon(turn)
    assert len(harness.submitted) == 1


def test_cancel_before_created_is_sent_after_it(harness):
    """cancel() knows no id before response.created, and keeps the wish."""
    turn = harness.turn()
    harness.book.cancel(turn)
    assert harness.created("resp_1", turn.token) is turn.queue
    assert harness.submitted == [{"type": "response.cancel", "response_id": "resp_1"}]


def test_an_abandoned_turn_that_never_ends_gives_the_slot_back(harness, monkeypatch):
    """A peer that ignores the cancel does not block the conversation for ever."""
    turn = harness.turn()
    harness.created("resp_1", turn.token)
    harness.book.abandon(turn)
    harness.book.tick()
    assert harness.book.slot.holder is turn
    turn.abandoned_at -= module.ABANDONED_SLOT_SECONDS + 1
    harness.book.tick()
    assert harness.book.slot.holder is None


def test_creates_by_hand_that_are_never_answered_go(harness):
    """A peer that ignores a create does not shift the order for ever."""
    harness.raw_create("ignored")
    harness.book.creates.entries[0].sent_at -= _creates.CREATE_SECONDS + 1
    harness.book.tick()
    turn = harness.turn(token=False)
    assert harness.created("resp_1") is turn.queue


def test_an_active_response_that_is_refused_namelessly_can_only_be_the_one_create(harness):
    """A compatible server that names no event refuses a create in its way: the turn sends it again."""
    turn = harness.turn(token=False)
    assert harness.error(None, "conversation_already_has_active_response") is DISCARD
    assert turn.phase is Phase.REFUSED
    assert turn.queue.take(NOW)[1] is REFUSED
    harness.raw_create("by hand")
    assert harness.error(None, "conversation_already_has_active_response") is None


def test_an_error_that_names_nothing_fails_an_unanswered_turn_in_the_end(harness):
    """If the create stays unanswered, the error was its answer; until then it is only a suspect, and nobody's."""
    turn = harness.turn(token=False)
    assert harness.error(None, "response_cancel_not_active") is None
    assert turn.suspect is None
    assert harness.error(None) is None
    harness.book.tick()
    assert turn.phase is Phase.SENT
    turn.suspected_at -= _creates.SUSPECT_SECONDS + 1
    harness.book.tick()
    assert turn.error.error.code == "bad"
    assert turn.phase is Phase.OVER
    assert harness.drain(turn) == ["error"]
    other = harness.turn(token=False)
    assert harness.created("resp_1") is other.queue


def test_an_error_that_names_nothing_does_not_touch_a_turn_that_is_answered(harness):
    """The response.created proves that the error was about something else."""
    turn = harness.turn()
    harness.error(None)
    harness.created("resp_1", turn.token)
    turn.suspected_at -= _creates.SUSPECT_SECONDS + 1
    harness.book.tick()
    assert turn.phase is Phase.RUNNING


def test_responses_that_never_end_are_bounded(harness, monkeypatch):
    """The table of running responses cannot grow without limit."""
    monkeypatch.setattr(_routes, "MAX_RESPONSES", 5)
    harness.book.listeners.append(print)
    for number in range(50):
        harness.created(f"vad_{number}")
    assert len(harness.book.routes.responses) == 5


def test_the_end_lets_open_turns_go(harness):
    """After the end nothing is open, and whoever waits for the slot is woken."""
    turn = harness.turn()
    harness.created("resp_1", turn.token)
    assert harness.book.has_open
    with harness.lock:
        harness.book.end()
    assert not harness.book.has_open
    assert harness.book.slot.acquire(object(), NOW)


def test_a_wrong_match_by_order_is_taken_back(harness):
    """A refusal of our create proves that the response it was matched with was somebody else's."""
    turn = harness.turn()
    assert harness.created("other") is turn.queue
    harness.error("c1", "conversation_already_has_active_response")
    assert turn.queue.take(NOW)[1] is REFUSED
    assert harness.book.slot.occupant == "other"
    assert harness.delta("other") is None
    harness.done("other")
    assert harness.book.slot.acquire(turn, NOW)


def test_the_slot_serves_in_order_and_passes_on_a_lost_grant(harness):
    """First come first served; one who gave up while granted does not keep the slot."""
    slot = harness.book.slot
    holder, second, third = object(), object(), object()
    assert slot.acquire(holder, NOW)
    order = []

    def wait(owner):
        if slot.acquire(owner, Deadline(30)):
            order.append(owner)

    threads = []
    for owner in (second, third):
        threads.append(threading.Thread(target=wait, args=(owner,)))
        threads[-1].start()
        while not any(each.owner is owner for each in list(slot._claimants)):
            pass
    assert not slot.acquire(object(), NOW)
    with harness.lock:
        slot.release_locked(holder)
    threads[0].join(30)
    assert order == [second]
    with harness.lock:
        slot.release_locked(second)
    threads[1].join(30)
    assert order == [second, third]
