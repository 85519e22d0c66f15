"""Our client with Hugging Face's speech-to-speech server: its own protocol layer, with stand-ins for its models.

What it does otherwise than the real service: it says conversation.item.created and never .added or .done, puts the
codes of errors into their type, ignores the session's output_modalities (a response's own count), detects turns though
its turn_detection says null, answers neither a commit that is heard as speech nor a truncation, and rates that it was
not told are 16 kHz.
"""

from __future__ import annotations

import array
import contextlib
import json
import math
import urllib.request

import pytest

from realtime_sync.errors import ClosedError, RequestTimeout, ResponseFailed, ServerError
from tests.support.waiting import wait_until

PCM = {"type": "audio/pcm", "rate": 24_000}
DETECTION = {"type": "server_vad"}
AUDIO = {"audio": {"input": {"format": PCM, "turn_detection": DETECTION}, "output": {"format": PCM}}}
TEXT = {"output_modalities": ["text"]}
TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
WORD_BYTES = 4 * 512 * 2 * 3 // 2
"""What the stand-in says for a word: four blocks of 512 samples at 16 kHz, heard at 24 kHz."""


@pytest.fixture
def talk(speech_to_speech, connect):
    """Open sessions with 24 kHz audio, once the server has room for them."""

    def has_room():
        with opener.open(f"{speech_to_speech}/pool") as answer:
            pool = json.load(answer)
        return pool["in_use"] < pool["size"]

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def open_one(**session):
        wait_until(has_room, what="a free pipeline")
        return connect(speech_to_speech, session={**AUDIO, **session})

    yield open_one
    opener.close()


def sound(seconds, *, loud=True):
    """Return a tone, or silence."""
    wave = (round(9_000 * math.sin(n / 9)) if loud else 0 for n in range(int(seconds * 24_000)))
    return array.array("h", wave).tobytes()


SPEECH = sound(0.1, loud=False) + sound(0.6) + sound(0.4, loud=False)


def test_text_in_audio_out(talk):
    """A turn has its transcript in pieces, and its audio at the rate that was asked for."""
    turn = talk().ask("say good morning everybody")
    assert turn.text == turn.transcript == "Good morning everybody."
    assert turn.status == "completed"
    assert len(turn.audio) == pytest.approx(3 * WORD_BYTES, rel=0.02)
    assert (turn.usage.input_tokens, turn.usage.output_tokens) == (3, 5)


def test_text_only(talk):
    """A response that asks for text alone gets text alone."""
    with talk().stream("say hello", response=TEXT) as stream:
        assert "".join(stream.text()) == "Hello."
        assert stream.turn().transcript == ""


def test_several_turns(talk):
    """The conversation goes on."""
    rt = talk()
    assert [rt.ask("how many", response=TEXT).text for _ in range(3)] == ["1 items.", "3 items.", "5 items."]


@pytest.mark.parametrize("create_response", [True, False], ids=["detected", "asked for"])
def test_a_spoken_turn(talk, create_response):
    """What is said is one turn, whether the server answers by itself or the client asks it to."""
    detection = {**DETECTION, "create_response": create_response}
    rt = talk(audio={"input": {"format": PCM, "turn_detection": detection}, "output": {"format": PCM}})
    turn = rt.ask(audio=sound(0.6))
    assert turn.input_transcript == "say hello yourself"
    assert turn.transcript == "Hello yourself."
    assert len(turn.audio) == pytest.approx(2 * WORD_BYTES, rel=0.03)
    assert turn.status == "completed"
    assert rt.ask("how many", response=TEXT).text == "3 items."


def test_live_input(talk):
    """Speech is sent as it comes, and its pieces need not fit the server's."""
    pieces = (SPEECH[start : start + 3_333] for start in range(0, len(SPEECH), 3_333))
    assert talk().ask(audio=pieces, pace=8.0).transcript == "Hello yourself."


def test_voice_detection_and_an_answer_in_audio(talk):
    """What is said is detected, committed, transcribed and answered; the answer is a turn that nobody asked for."""
    rt = talk()
    turns = rt.turns(timeout=10)
    heard = rt.subscribe("input_audio_buffer.*")
    rt.input_audio_buffer.append(SPEECH)
    with next(turns) as stream:
        turn = stream.turn()
    assert turn.transcript == "Hello yourself."
    assert len(turn.audio) == pytest.approx(2 * WORD_BYTES, rel=0.03)
    started, stopped, committed = (heard.get(timeout=10) for _ in range(3))
    assert [each.type.split(".")[1] for each in (started, stopped, committed)] == [
        "speech_started",
        "speech_stopped",
        "committed",
    ]
    assert started.item_id == stopped.item_id == committed.item_id
    assert 600 <= stopped.audio_end_ms - started.audio_start_ms <= 1_000
    said = rt.wait_for("conversation.item.input_audio_transcription.completed", timeout=10)
    assert (said.item_id, said.transcript) == (started.item_id, "say hello yourself")


def test_speech_interrupts_an_answer(talk):
    """Who speaks over an answer ends it: it is cancelled for that reason, and what was said is answered next."""
    rt = talk()
    turns = rt.turns(timeout=10)
    with rt.stream("count") as stream:
        next(stream.text())
        rt.input_audio_buffer.append(SPEECH)
        turn = stream.turn()
    assert turn.status == "cancelled"
    assert turn.response.status_details.reason == "turn_detected"
    assert turn.transcript.startswith("0,")
    assert "199" not in turn.transcript
    with next(turns) as spoken:
        assert spoken.turn().transcript == "Hello yourself."


def test_barge_in(talk):
    """An urgent callback that interrupts when speech starts: the turn ends with what was heard, the next one is whole."""
    rt = talk()
    interruptions = []
    rt.on("input_audio_buffer.speech_started", lambda _: interruptions.append(rt.interrupt(played_ms=20)), urgent=True)
    turns = rt.turns(timeout=10)
    with rt.stream("count") as stream:
        next(stream.audio())
        rt.input_audio_buffer.append(SPEECH)
        turn = stream.turn()
    assert turn.status == "cancelled"
    with next(turns) as spoken:
        assert spoken.turn().transcript == "Hello yourself."
    assert len(interruptions) == 1


def test_cancel(talk):
    """A cancelled turn ends at once with what it had, and the next one is whole."""
    rt = talk()
    with rt.stream("count") as stream:
        next(stream.text())
        stream.cancel()
        turn = stream.turn()
    assert (turn.status, turn.response.status_details.reason) == ("cancelled", "client_cancelled")
    assert "199" not in turn.transcript
    assert rt.ask("say next").transcript == "Next."


def test_leaving_early(talk):
    """Nobody sees the rest of a turn that was left, and the next one is whole."""
    rt = talk()
    with rt.stream("count") as stream:
        next(stream.text())
    assert rt.ask("say next").transcript == "Next."
    assert rt.stats.mailbox_events <= 3  # session.created, session.updated and nothing of either turn


def test_cancel_of_nothing(talk):
    """A cancel that is met with silence harms nothing."""
    rt = talk()
    rt.response.cancel()
    assert rt.ask("say fine", response=TEXT).text == "Fine."


def test_a_function_call_by_hand(talk):
    """A call comes with its arguments; its output is acknowledged, and a second response uses it."""
    rt = talk(tools=[TOOL], tool_choice="auto")
    (call,) = rt.ask("what is the weather?").function_calls
    assert (call.name, call.arguments) == ("get_weather", '{"city":"Paris"}')
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    assert rt.conversation.item.create(output, wait=True).item.output == "sunny"
    assert rt.ask().transcript == "It is sunny."


def test_a_failed_response(talk):
    """A response that fails raises, with its reason, and the session goes on."""
    rt = talk()
    with pytest.raises(ResponseFailed, match="response_failed"):
        rt.ask("fail please")
    assert rt.ask("say fine").transcript == "Fine."


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
        ({"type": "output_audio_buffer.clear"}, "invalid_event_for_transport"),
        ({"type": "conversation.item.retrieve", "item_id": "item_1"}, "unknown_or_invalid_event"),
        ({"type": "conversation.item.delete", "item_id": "item_1"}, "conversation_item_not_found"),
        ({"type": "session.update", "session": {"type": "transcription"}}, "invalid_session_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_with_their_code_in_the_type(talk, event, kind):
    """Errors reach the request that they name, whichever field tells what was wrong."""
    rt = talk()
    with pytest.raises(ServerError) as refused:
        rt.request(event)
    assert (refused.value.type, refused.value.code) == (kind, None)
    assert rt.ask("say fine", response=TEXT).text == "Fine."


def test_a_response_beside_the_conversation_waits_where_the_server_has_only_one(talk):
    """A refusal because of an active response, told by the error's type, sends the create again when that has ended."""
    rt = talk()
    assert rt.ask("say first", response=TEXT).text == "First."
    with rt.stream("count") as long:
        next(long.text())
        with rt.stream("say aside", response={**TEXT, "conversation": "none"}) as aside:
            long.cancel()
            assert long.turn().status == "cancelled"
            assert aside.turn().status == "completed"


def test_what_is_not_answered(talk):
    """A truncation that is met with silence times out, and the session goes on."""
    rt = talk()
    item = rt.ask("say hello").items[0]
    with pytest.raises(RequestTimeout):
        rt.conversation.item.truncate(item.id, audio_end_ms=10, wait=True, timeout=0.1)
    assert rt.ask("say fine", response=TEXT).text == "Fine."


def test_no_room(talk, connect, speech_to_speech):
    """A server that accepts and then refuses, before any session.created, says why."""
    with contextlib.ExitStack() as stack, pytest.raises(ClosedError, match="1008") as full:
        while True:
            stack.enter_context(connect(speech_to_speech, session=AUDIO))
    assert full.value.server_error.error.type == "session_limit_reached"
