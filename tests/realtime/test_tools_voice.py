"""Tools in spoken turns: push to talk, voice detection, and a microphone that stays open."""

from __future__ import annotations

import pytest

from realtime_sync import ToolContext
from tests.realtime import voice
from tests.realtime.tool_support import call_item, calls, outputs
from tests.support.waiting import run_in_thread, wait_until


@pytest.fixture
def talk(opened):
    """Open a session with tools that takes audio; returns (session, peer)."""

    def talk(detection=voice.VAD, **arguments):
        rt, peer = opened(**arguments)
        told = voice.session(detection, tools=[])
        peer.send("session.updated", session=told)
        wait_until(lambda: rt.session.current.audio is not None)
        return rt, peer

    return talk


def keep_talking(microphone, fact):
    """Give a live source pieces until a fact is true: its consumer sees events between two of them."""

    def step():
        microphone.give(bytes(480))
        return fact()

    wait_until(step)


def next_item(microphone, peer):
    """Return the next item that is sent between the audio of a live source."""
    listening = run_in_thread(voice.listen, peer, "conversation.item.create")
    keep_talking(microphone, listening.done)
    return listening.result()[1]["item"]


def test_push_to_talk(talk):
    """The call's output and the spoken answer belong to the turn that was spoken."""
    rt, peer = talk(None)
    asked = run_in_thread(rt.ask, audio=voice.SPEECH)
    voice.listen(peer, "input_audio_buffer.commit")
    voice.commit(peer)
    calls(peer, peer.receive("response.create"), call_item("add", 1, a=1, b=2))
    assert outputs(peer)[0]["output"] == "3"
    create = peer.receive()
    voice.speak(peer, b"\1\2", "three", "resp_2", voice.metadata_of(create))
    turn = asked.result()
    assert (turn.text, turn.audio, turn.rounds) == ("three", b"\1\2", 2)
    voice.assert_idle(rt)


def test_detected_speech(talk):
    """The response that the server starts by itself makes the call; the library asks for the rest, once."""
    rt, peer = talk()
    asked = run_in_thread(rt.ask, audio=voice.SPEECH)
    voice.hear(peer, len(voice.SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    calls(peer, None, call_item("add", 1, a=1, b=2))
    _, event = voice.listen(peer, "conversation.item.create")
    assert event["item"]["output"] == "3"
    create = peer.receive()
    assert create["type"] == "response.create"
    voice.speak(peer, b"\1\2", "three", "resp_2", voice.metadata_of(create))
    turn = asked.result()
    assert (turn.text, turn.rounds) == ("three", 2)
    voice.assert_idle(rt)


def test_a_turn_does_not_settle_while_its_tools_run(talk, work):
    """Longer than the server is given to find more speech: the turn waits for its tools all the same."""
    rt, peer = talk()
    asked = run_in_thread(rt.ask, audio=voice.SPEECH)
    voice.hear(peer, len(voice.SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    calls(peer, None, call_item("wait", 1, n=7))
    work.entered()
    [state] = rt._api.book.calls.answering
    with rt._core.lock:
        state.settled_at = 0.0  # As if the time had passed.
    assert not asked.done()
    work.gate.set()
    _, event = voice.listen(peer, "conversation.item.create")
    assert event["item"]["output"] == "7"
    voice.speak(peer, b"", "seven", "resp_2", voice.metadata_of(peer.receive()))
    assert asked.result().text == "seven"


def test_an_open_microphone(talk):
    """While audio goes on, the result is sent and spoken; then more speech is answered, in the same turn."""
    rt, peer = talk()
    microphone = voice.Microphone()
    opening = run_in_thread(rt.stream, audio=iter(microphone))
    stream = opening.result()
    turning = run_in_thread(stream.turn)
    microphone.give(voice.SPEECH)
    voice.hear(peer, len(voice.SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    calls(peer, None, call_item("add", 1, a=1, b=2))
    assert next_item(microphone, peer)["output"] == "3"
    create = peer.receive("response.create")
    voice.speak(peer, b"\1", "three", "resp_2", voice.metadata_of(create))
    voice.start_speech(peer, "said_2")
    voice.end_speech(peer, "said_2")
    voice.speak(peer, b"\2", "and more", "resp_3")
    microphone.give(None)
    turn = turning.result()
    assert (turn.text, turn.rounds) == ("threeand more", 3)
    assert turn.function_calls == ()


def test_speech_while_a_tool_runs(talk, work):
    """What the user says meanwhile is answered by the server itself: the output goes out, no second response is asked for."""
    rt, peer = talk()
    microphone = voice.Microphone()
    stream = run_in_thread(rt.stream, audio=iter(microphone)).result()
    turning = run_in_thread(stream.turn)
    microphone.give(voice.SPEECH)
    voice.hear(peer, len(voice.SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    calls(peer, None, call_item("wait", 1, n=7))
    keep_talking(microphone, lambda: work.inside.acquire(blocking=False))
    voice.start_speech(peer, "said_2")
    [state] = rt._api.book.calls.answering
    wait_until(lambda: state.unanswered_speech)
    work.gate.set()
    assert next_item(microphone, peer)["output"] == "7"
    voice.end_speech(peer, "said_2")
    voice.speak(peer, b"", "both", "resp_2")
    microphone.give(None)
    turn = turning.result()
    assert (turn.text, turn.function_calls) == ("both", ())
    rt.send({"type": "marker"})
    assert voice.listen(peer)[1]["type"] == "marker"


def test_a_tool_may_speak_on_its_own_session(talk):
    """The input is free while tools run, for a spoken turn of the tool's own."""
    rt, peer = talk(None)

    def inner(context: ToolContext) -> str:
        return context.session.ask(audio=voice.SPEECH, timeout=10).text

    rt.tool(inner)
    peer.receive("session.update")
    asked = run_in_thread(rt.ask, audio=voice.SPEECH)
    voice.listen(peer, "input_audio_buffer.commit")
    voice.commit(peer)
    calls(peer, peer.receive("response.create"), call_item("inner", 1))
    voice.listen(peer, "input_audio_buffer.commit")
    voice.commit(peer, "said_2")
    voice.speak(peer, b"", "from inside", "resp_2", voice.metadata_of(peer.receive("response.create")))
    assert outputs(peer)[0]["output"] == "from inside"
    voice.speak(peer, b"", "outside", "resp_3", voice.metadata_of(peer.receive("response.create")))
    assert asked.result().text == "outside"
    voice.assert_idle(rt)


def test_interrupting_a_spoken_turn_whose_tools_run(talk, work):
    """It ends with what it has, and the next turn may speak at once."""
    rt, peer = talk()
    asked = run_in_thread(rt.ask, audio=voice.SPEECH)
    voice.hear(peer, len(voice.SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    calls(peer, None, call_item("wait", 1, n=7))
    work.entered()
    wait_until(lambda: all(state.batches for state in rt._api.book.calls.answering))
    rt.interrupt()
    assert [each.call_id for each in asked.result().function_calls] == ["call_1"]
    work.gate.set()
    voice.assert_idle(rt)


def test_an_answer_to_speech_ends_while_the_outputs_wait(talk, work):
    """What a tool made is sent after the response that speech began meanwhile, though that might have been the last one."""
    rt, peer = talk()
    microphone = voice.Microphone()
    stream = run_in_thread(rt.stream, audio=iter(microphone)).result()
    turning = run_in_thread(stream.turn)
    microphone.give(voice.SPEECH)
    voice.hear(peer, len(voice.SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    calls(peer, None, call_item("wait", 1, n=7))
    keep_talking(microphone, lambda: work.inside.acquire(blocking=False))
    microphone.give(None)
    voice.start_speech(peer, "said_2")
    voice.end_speech(peer, "said_2")
    voice.begin(peer, "resp_2")
    [state] = rt._api.book.calls.answering
    wait_until(lambda: state.response_id == "resp_2" and state.input_sent)
    work.gate.set()
    wait_until(lambda: rt._api.book.slot._claimants)
    voice.say(peer, b"", "to the second", "resp_2")
    voice.finish(peer, "resp_2")
    _, event = voice.listen(peer, "conversation.item.create")
    assert event["item"]["output"] == "7"
    voice.speak(peer, b"", " and the first", "resp_3", voice.metadata_of(peer.receive("response.create")))
    turn = turning.result()
    assert (turn.text, turn.function_calls) == ("to the second and the first", ())
    voice.assert_idle(rt)
