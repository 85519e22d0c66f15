"""Whose response is it: peers that echo nothing, voice detection, events that do not fit, refusals."""

from __future__ import annotations

import pytest

from realtime_sync.errors import ReceiveTimeout, RequestTimeout, ServerError
from realtime_sync.realtime import _book
from realtime_sync.session import Core
from realtime_sync.types import UnknownEvent
from realtime_sync.types.realtime import RealtimeResponseCreateParams
from tests.support.waiting import run_in_thread, wait_until

STOPPED = {"audio_end_ms": 1, "item_id": "i"}


def speech_ends(rt, peer):
    """Have voice detection report the end of speech; returns when the session knows."""
    peer.send("input_audio_buffer.speech_stopped", **STOPPED)
    rt.wait_for("input_audio_buffer.speech_stopped", timeout=10)


def ask_and_fail(rt, peer):
    """Begin an ask that is given up before its response is created."""
    asked = run_in_thread(rt.ask, "given up", timeout=0.2)
    peer.receive("response.create")
    with pytest.raises(RequestTimeout):
        asked.result()


@pytest.mark.parametrize("consumed", [False, True], ids=["waiting", "consumed"])
def test_a_refused_create_keeps_nothing_of_the_response_it_was_matched_with(connect, consumed):
    """Text of a response that order alone had matched is gone from the turn once the refusal proves it foreign."""
    rt, peer = connect()
    opened = run_in_thread(rt.stream, "x", timeout=20)
    create = peer.receive("response.create")
    stream = opened.result()
    peer.send("response.created", response={"id": "vad"})
    peer.delta("FOREIGN", "vad")
    if consumed:
        assert next(stream.text()) == "FOREIGN"
    peer.error(create["event_id"], code="conversation_already_has_active_response")
    wait_until(lambda: rt.stats.events_received == 3)
    pieces = run_in_thread(lambda: list(stream.text()))
    peer.finish("FOREIGN", "vad")
    peer.respond(peer.receive("response.create"), "mine", response_id="mine", echo=False)
    assert pieces.result() == ["mine"]
    turn = stream.turn()
    assert (turn.text, turn.id) == ("mine", "mine")


def test_voice_detection_that_starts_nothing_does_not_cost_an_ask_its_answer(connect, monkeypatch):
    """A peer without echoes that does not answer speech by itself still answers the next ask."""
    monkeypatch.setattr(_book, "VAD_SECONDS", 0.3)
    rt, peer = connect()
    speech_ends(rt, peer)
    asked = run_in_thread(rt.ask, "x", timeout=10)
    peer.receive("response.create")
    peer.respond({}, "hello", echo=False)
    assert asked.result().text == "hello"


def test_a_response_of_voice_detection_is_not_taken_for_an_ask(connect):
    """On a peer without echoes, an ask right after speech waits for the response that voice detection starts."""
    rt, peer = connect()
    speech_ends(rt, peer)
    asked = run_in_thread(rt.ask, "x", timeout=20)
    peer.respond({}, "to the speaker", response_id="vad", echo=False)
    peer.receive("response.create")
    peer.respond({}, "to the ask", response_id="ours", echo=False)
    turn = asked.result()
    assert (turn.text, turn.id) == ("to the ask", "ours")


def test_a_create_by_hand_after_speech_is_answered_by_its_echo(connect):
    """Voice detection does not keep response.create(wait=True) from the response that carries its token."""
    rt, peer = connect()
    speech_ends(rt, peer)
    asked = run_in_thread(rt.response.create, wait=True, timeout=10)
    peer.respond(peer.receive("response.create"), "hello")
    created = asked.result()
    assert (created.type, created.response.id) == ("response.created", "resp_1")


def test_a_response_created_that_does_not_fit_is_still_known_by_its_token(connect):
    """Nonsense elsewhere in response.created does not cost the turn its response."""
    rt, peer = connect()
    warm_up = run_in_thread(rt.ask, "x", timeout=10)
    peer.answer("one")
    warm_up.result()
    with rt.subscribe("response.created") as created:
        asked = run_in_thread(rt.ask, "y", timeout=10)
        metadata = peer.receive("response.create")["response"]["metadata"]
        peer.send("response.created", response={"id": "r2", "metadata": metadata, "output": "nonsense"})
        peer.finish("two", "r2", metadata)
        assert asked.result().text == "two"
        assert isinstance(created.get(timeout=10), UnknownEvent)


@pytest.mark.parametrize("call", ["ask", "request"])
def test_an_error_that_does_not_fit_still_reaches_whom_it_names(connect, call):
    """Nonsense elsewhere in an error event does not leave the refused caller waiting."""
    rt, peer = connect()
    if call == "ask":
        refused = run_in_thread(rt.ask, "x", timeout=10)
        sent = peer.receive("response.create")
    else:
        refused = run_in_thread(rt.session.update, {}, wait=True, timeout=10)
        sent = peer.receive("session.update")
    peer.send("error", error={"type": "t", "code": 42, "message": {"a": 1}, "event_id": sent["event_id"]})
    with pytest.raises(ServerError) as caught:
        refused.result()
    assert caught.value.event_id == sent["event_id"]


@pytest.mark.parametrize("response", ["oops", {"metadata": "oops"}, ["x"]])
def test_a_nonsense_create_is_the_servers_to_refuse(connect, response):
    """What is no response object goes out as it is, and the reader survives it."""
    rt, peer = connect()
    rt.send({"type": "response.create", "response": response})
    assert peer.receive()["response"] == response
    peer.send("x.alive")
    assert rt.receive(timeout=10).type == "x.alive"


def test_a_create_with_a_class_inside_keeps_its_place(connect):
    """A dict event may hold classes, and its response is told by order like that of any create."""
    rt, peer = connect()
    rt.send({"type": "response.create", "response": RealtimeResponseCreateParams(instructions="x")})
    assert peer.receive()["response"] == {"instructions": "x"}
    peer.respond({}, "by hand", response_id="hand", finish=False)
    wait_until(lambda: rt._api.book.slot.occupant == "hand")
    assert not rt._api.book.creates


def test_an_abandoned_create_does_not_claim_the_next_response(connect):
    """On a peer without echoes, a create given up on long ago leaves the next response to the next ask."""
    rt, peer = connect()
    ask_and_fail(rt, peer)
    book = rt._api.book
    with rt._core.lock:
        book.slot.holder.abandoned_at -= _book.ABANDONED_SLOT_SECONDS + 1
        book.tick()
    asked = run_in_thread(rt.ask, "y", timeout=10)
    peer.receive("response.create")
    peer.respond({}, "second", echo=False)
    assert asked.result().text == "second"


def test_a_late_response_to_an_abandoned_create_is_cancelled_and_hidden(connect):
    """It is not taken for the next ask's, which waits for its end."""
    rt, peer = connect()
    ask_and_fail(rt, peer)
    asked = run_in_thread(rt.ask, "y", timeout=20)
    peer.respond({}, "late", response_id="late", echo=False, finish=False)
    assert peer.receive()["response_id"] == "late"
    peer.finish("late", "late", status="cancelled")
    peer.receive("response.create")
    peer.respond({}, "mine", response_id="mine", echo=False)
    assert asked.result().text == "mine"
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)


def test_a_refused_ask_is_not_overtaken(connect):
    """The create that another response kept out goes first, before an ask that came later sends anything."""
    rt, peer = connect()
    first = run_in_thread(rt.ask, "first", timeout=20)
    create = peer.receive("response.create")
    second = run_in_thread(rt.ask, "second", timeout=20)
    wait_until(lambda: rt._api.book.slot._claimants)
    peer.error(create["event_id"], code="conversation_already_has_active_response")
    again = peer.receive()
    assert again["type"] == "response.create"
    peer.respond(again, "to the first", response_id="r1")
    peer.answer("to the second", response_id="r2")
    assert (first.result().text, second.result().text) == ("to the first", "to the second")


def test_a_refused_item_lets_no_create_follow(connect, monkeypatch):
    """When the refusal of the item is known before the create is sent, the create is not sent."""
    rt, peer = connect()
    send = Core.send

    def slow(self, data, **arguments):
        pending = send(self, data, **arguments)
        if data["type"] == "conversation.item.create":
            wait_until(lambda: arguments["claim"].error is not None)
        return pending

    monkeypatch.setattr(Core, "send", slow)
    asked = run_in_thread(rt.ask, "x", timeout=10)
    peer.error(peer.receive()["event_id"])
    with pytest.raises(ServerError):
        asked.result()
    rt.send({"type": "x.marker"})
    assert peer.receive()["type"] == "x.marker"


def test_an_out_of_band_response_by_hand_is_a_turn_of_turns(connect):
    """A response that was created by hand and that nobody awaits goes to turns(), out of band too."""
    rt, peer = connect()
    turns = rt.turns(timeout=10)
    rt.response.create({"conversation": "none"})
    peer.respond(peer.receive("response.create"), "hi")
    assert next(turns).turn().text == "hi"
