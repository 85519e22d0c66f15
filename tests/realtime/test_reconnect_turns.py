"""Turns across a gap: those that the server may have seen fail at once, the others go out on the next connection."""

from __future__ import annotations

import base64
import threading

import pytest

from realtime_sync.errors import ClosedError, ReconnectFailed, RequestTimeout, TurnInterrupted
from realtime_sync.realtime import _resume
from realtime_sync.realtime._book import TurnBook
from realtime_sync.realtime._state import Phase, TurnState
from realtime_sync.session import Core, Deadline, EventQueue
from realtime_sync.session._flow import Flow
from realtime_sync.session._recovery import Recovery
from realtime_sync.tools import Toolbox
from tests.support.reconnecting import QUICK, gap
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until

TALK = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
DETECT = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
SPEECH = b"\1\0" * 2400


def marker_of(rt):
    return next(event for event in rt.events(10) if event.type == "reconnected")


def test_a_turn_in_a_gap_is_answered_by_the_next_connection(connect, scripted):
    """ask() simply takes longer."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.ask, "hello")
        wait_until(lambda: len(rt._core.holder.ledger.held) == 2)
    scripted.accept().answer("hi")
    assert asking.result().text == "hi"


def test_turns_in_a_gap_wait_for_each_other(connect, scripted):
    """One response at a time holds across the gap."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        first = run_in_thread(rt.ask, "1")
        wait_until(lambda: len(rt._core.holder.ledger.held) == 2)
        second = run_in_thread(rt.ask, "2")
        wait_until(lambda: rt._api.book.slot._claimants)
    new = scripted.accept()
    new.answer("one", response_id="resp_1")
    assert first.result().text == "one"
    new.answer("two", response_id="resp_2")
    assert second.result().text == "two"


@pytest.mark.parametrize("stage", ["sent", "running"])
def test_a_turn_under_way_is_interrupted_at_once(connect, scripted, stage):
    """With what had arrived; the slot is free, so that the next turn goes out on the new connection."""
    rt, peer = connect(retry=QUICK)
    asking = run_in_thread(rt.ask, "hello")
    if stage == "sent":
        peer.receive("response.create")
    else:
        peer.answer("half", finish=False)
        rt.wait_for("response.output_text.delta", 10)
    with gap(scripted, rt, peer):
        with pytest.raises(TurnInterrupted) as cut:
            asking.result(5)
        assert cut.value.partial.text == ("half" if stage == "running" else "")
        assert not cut.value.replay_safe
        again = run_in_thread(rt.ask, "again")
        wait_until(lambda: len(rt._core.holder.ledger.held) == 2)
    scripted.accept().answer("yes", response_id="resp_9")
    assert again.result().text == "yes"
    assert marker_of(rt).unsent == ()


@pytest.mark.parametrize("when", ["in the gap", "afterwards"])
def test_a_turn_whose_item_left_but_not_its_create_is_interrupted(connect, scripted, monkeypatch, when):
    """Its create alone would have the new session answer something else."""
    rt, peer = connect(retry=QUICK)
    core = rt._core
    send = Core.send

    def lose_and_send(core, data, **how):
        if data["type"] == "response.create":
            assert peer.receive()["type"] == "conversation.item.create"
            peer.drop()
            wait_until(lambda: core.generation)
            if when == "afterwards":
                wait_until(lambda: not core.holder.ledger.holding)
        return send(core, data, **how)

    if when == "in the gap":
        scripted.gate.clear()
    monkeypatch.setattr(Core, "send", lose_and_send)
    with pytest.raises(TurnInterrupted):
        rt.ask("hello")
    scripted.gate.set()
    rt.send({"type": "x.next"})
    assert scripted.accept().receive()["type"] == "x.next"
    assert core.holder.ledger.bytes == 0
    assert rt._api.book.slot.holder is None


def test_a_turn_that_was_to_be_sent_again_is_interrupted(connect, scripted):
    """The server had refused its create because of another response; its item is lost with that server."""
    rt, peer = connect(retry=QUICK)
    stream = rt.stream("hello")
    create = peer.receive("response.create")
    peer.error(create["event_id"], code="conversation_already_has_active_response")
    wait_until(lambda: rt._api.book.slot.occupant is not None)
    with gap(scripted, rt, peer), pytest.raises(TurnInterrupted):
        stream.turn()
    scripted.accept()
    assert marker_of(rt).unsent == ()


def test_a_turn_given_up_in_a_gap_is_not_sent(connect, scripted):
    """Its caller ran out of time, and was told that nothing had left."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        with pytest.raises(RequestTimeout):
            rt.ask("never", timeout=0.02)
        rt.send({"type": "x.next"})
    assert scripted.accept().receive()["type"] == "x.next"
    assert marker_of(rt).unsent == ()


def test_turns_that_nobody_asked_for_go_on_after_a_gap(connect, scripted):
    """turns() gives the new session's responses; the one under way is interrupted."""
    rt, peer = connect(retry=QUICK)
    turns = rt.turns(timeout=10)
    peer.respond({}, "half", response_id="resp_1", finish=False)
    cut = next(turns)
    assert next(cut.text()) == "half"
    with gap(scripted, rt, peer), pytest.raises(TurnInterrupted):
        cut.turn()
    scripted.accept().respond({}, "whole", response_id="resp_2")
    assert next(turns).turn().text == "whole"
    turns.close()


def test_a_turn_of_a_connection_that_did_not_last_is_interrupted(connect, scripted):
    """A server that starts a response while the session is being restored, and goes again."""
    rt, peer = connect(retry=QUICK)
    rt.session.update({"instructions": "a"})
    event = peer.receive()
    peer.send("session.updated", session={**SESSION, **event["session"]})
    rt.wait_for("session.updated", 10)
    turns = rt.turns(timeout=10)
    peer.drop()
    half = scripted.accept()
    half.respond({}, "half", response_id="resp_1", finish=False)
    cut = next(turns)
    half.drop()
    with pytest.raises(TurnInterrupted):
        cut.turn()
    scripted.accept()
    turns.close()


def test_what_gives_up_tells_turns_and_their_iterator(connect, scripted):
    """turns() raises what ended the session; a turn that never left is safe to repeat, and names the same cause."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 1})
    turns = rt.turns()
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.ask, "hello")
        wait_until(lambda: len(rt._core.holder.ledger.held) == 2)
        scripted.refusals.append((401, {}))
    with pytest.raises(TurnInterrupted) as cut:
        asking.result()
    assert cut.value.replay_safe
    assert isinstance(cut.value.__cause__, ReconnectFailed)
    assert cut.value.__cause__.unsent == ()  # The turn reports for itself.
    with pytest.raises(ReconnectFailed):
        next(turns)


def test_the_library_s_own_events_of_a_lost_session_are_not_sent(connect, scripted):
    """The cancel of a stream that was left just before the loss would hit nothing, or the wrong response."""
    rt, peer = connect(retry=QUICK)
    stream = rt.stream("hello")
    peer.answer("half", finish=False)
    rt.wait_for("response.output_text.delta", 10)
    with gap(scripted, rt, peer):
        pass
    stream.close()
    rt.send({"type": "x.next"})
    assert scripted.accept().receive()["type"] == "x.next"


def test_a_cancel_that_waits_for_the_reader_when_the_connection_goes_is_dropped(connect, scripted, monkeypatch):
    """It was asked for on the old connection, and reaches the reader only in the gap."""
    rt, peer = connect(retry=QUICK)
    stream = rt.stream("hello")
    peer.answer("half", finish=False)
    rt.wait_for("response.output_text.delta", 10)
    core = rt._core
    scripted.gate.clear()
    late = []
    with monkeypatch.context() as patched:
        patched.setattr(Core, "post", lambda _, action: late.append(action))
        stream.close()
    peer.drop()
    wait_until(lambda: core.generation)
    core.post(*late)
    scripted.gate.set()
    rt.send({"type": "x.next"})
    new = scripted.accept()
    assert new.receive()["type"] == "x.next"
    rt.send({"type": "x.last"})  # The reader would have sent it between the two.
    assert new.receive()["type"] == "x.last"


def test_a_turn_given_up_just_before_it_is_sent(connect, scripted, monkeypatch):
    """After the queue was sifted, and before it leaves: nobody waits for it, so it stays."""
    rt, peer = connect(retry=QUICK)
    go_on = Recovery._go_on

    def give_up_then(recovery):
        go_on(recovery)
        stream.close()

    monkeypatch.setattr(Recovery, "_go_on", give_up_then)
    with gap(scripted, rt, peer):
        stream = rt.stream("never")
        rt.send({"type": "x.next"})
    assert scripted.accept().receive()["type"] == "x.next"


# Spoken turns


def talking(connect, session, **arguments):
    """Open a session and tell it how it takes audio in."""
    rt, peer = connect(**arguments)
    peer.send("session.created", session={**SESSION, **session})
    rt.wait_for("session.created", 10)
    return rt, peer


def test_a_spoken_turn_in_a_gap_goes_out_whole(connect, scripted):
    """Audio, commit and create, in order."""
    rt, peer = talking(connect, TALK, retry=QUICK)
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.ask, audio=SPEECH)
        wait_until(lambda: any(each.data["type"] == "response.create" for each in rt._core.holder.ledger.held))
    new = scripted.accept()
    new.send("session.created", session={**SESSION, **TALK})
    audio = b""
    while (event := new.receive())["type"] == "input_audio_buffer.append":
        audio += base64.b64decode(event["audio"])
    assert event["type"] == "input_audio_buffer.commit"
    assert audio == SPEECH
    new.send("input_audio_buffer.committed", item_id="item_spoken")
    new.respond(new.receive("response.create"), "heard")
    assert asking.result().text == "heard"


def test_a_spoken_turn_whose_audio_waited_too_long_fails_alone(connect, scripted):
    """Nothing of it is sent, and it is safe to repeat; the next turn has the floor."""
    rt, peer = talking(connect, TALK, retry=QUICK)
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.ask, audio=SPEECH)
        wait_until(lambda: any(each.data["type"] == "response.create" for each in rt._core.holder.ledger.held))
        with rt._core.lock:
            rt._core.holder.ledger.held[0].since -= _resume.MAX_AUDIO_AGE + 1
    new = scripted.accept()
    new.send("session.created", session={**SESSION, **TALK})
    with pytest.raises(TurnInterrupted, match="waited too long") as late:
        asking.result()
    assert late.value.replay_safe
    assert marker_of(rt).unsent == ()
    again = run_in_thread(rt.ask, audio=SPEECH)
    assert new.receive()["type"] == "input_audio_buffer.append"
    new.receive("input_audio_buffer.commit")
    new.send("input_audio_buffer.committed", item_id="item_spoken")
    new.respond(new.receive("response.create"), "heard")
    assert again.result().text == "heard"


@pytest.mark.parametrize("session", [TALK, DETECT], ids=["by hand", "detected"])
def test_a_turn_that_is_being_spoken_is_interrupted(connect, scripted, session):
    """No more of its audio goes out, least of all on the next connection."""
    rt, peer = talking(connect, session, retry=QUICK)
    pieces = iter([SPEECH] * 1000)
    stream = rt.stream(audio=pieces, pace=10.0)
    asking = run_in_thread(stream.turn)
    peer.receive("input_audio_buffer.append")
    with gap(scripted, rt, peer), pytest.raises(TurnInterrupted):
        asking.result(10)
    new = scripted.accept()
    new.send("session.created", session={**SESSION, **session})
    rt.send({"type": "x.next"})
    assert new.receive()["type"] == "x.next"
    assert rt._api.book.input.floor.holder is None
    assert rt._api.book.slot.holder is None


def test_a_spoken_turn_outlives_a_connection_that_did_not_last(connect, scripted):
    """It began in the gap, and nothing of it was given to the connection that broke while restoring."""
    rt, peer = talking(connect, TALK, retry=QUICK)
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.ask, audio=SPEECH)
        wait_until(lambda: any(each.data["type"] == "response.create" for each in rt._core.holder.ledger.held))
    scripted.accept().drop()
    new = scripted.accept()
    new.send("session.created", session={**SESSION, **TALK})
    new.receive("input_audio_buffer.commit")
    new.send("input_audio_buffer.committed", item_id="item_spoken")
    new.respond(new.receive("response.create"), "heard")
    assert asking.result().text == "heard"


def test_a_spoken_turn_lost_while_it_waits_to_be_answered(connect, scripted):
    """Its audio has left, its create waits for another response to end; it fails, and holds nothing up."""
    rt, peer = talking(connect, TALK, retry=QUICK)
    peer.respond({}, "going on", response_id="resp_other", finish=False)
    rt.wait_for("response.output_text.delta", 10)
    asking = run_in_thread(rt.ask, audio=SPEECH)
    peer.receive("input_audio_buffer.append")
    wait_until(lambda: rt._api.book.slot._claimants)
    with gap(scripted, rt, peer), pytest.raises(TurnInterrupted):
        asking.result(10)
    new = scripted.accept()
    new.send("session.created", session={**SESSION, **TALK})
    again = run_in_thread(rt.ask, "still there?")
    new.answer("yes", response_id="resp_9")
    assert again.result().text == "yes"


def test_a_spoken_turn_whose_create_did_not_leave_is_lost_too():
    """The audio went to the session that is lost, so that the create would be answered without it."""
    lock = threading.Lock()
    book = TurnBook(
        lock=lock,
        submit=print,
        confirm=print,
        new_queue=print,
        close_queue=lambda queue: None,
        watch=print,
        answer=print,
        tools=Toolbox(),
    )
    turn = TurnState(queue=EventQueue(session_lock=lock, flow=Flow(wake=print)), deadline=Deadline(None))
    book.speaks(turn)
    for n, kind in enumerate(("input_audio_buffer.append", "input_audio_buffer.commit", "response.create")):
        book.sent({"type": kind, "event_id": str(n)}, turn)
    book.lost({"1", "2"}, lambda: ClosedError("gone"))
    assert turn.phase is Phase.OVER
    with pytest.raises(ClosedError, match="gone"):
        turn.queue.take(Deadline(0))


def test_an_old_commit_does_not_take_the_answer_of_a_new_one(connect, scripted):
    """It was sent by hand and not answered before the loss."""
    rt, peer = talking(connect, TALK, retry=QUICK)
    rt.input_audio_buffer.commit()
    peer.receive("input_audio_buffer.commit")
    with gap(scripted, rt, peer):
        stream = rt.stream(audio=SPEECH)
    new = scripted.accept()
    new.send("session.created", session={**SESSION, **TALK})
    new.receive("input_audio_buffer.commit")
    new.send("input_audio_buffer.committed", item_id="item_spoken")
    new.respond(new.receive("response.create"), "heard")
    assert "input_audio_buffer.committed" in [event.type for event in stream]
