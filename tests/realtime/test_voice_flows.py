"""Whole voice flows against the local server: voice detection, push to talk, functions, barge-in, errors and limits."""

from __future__ import annotations

import array
import base64
import contextlib
import json
import threading

import pytest

from realtime_sync import Client
from realtime_sync.audio import G711_ULAW, PCM16_24K, AudioFormat, Recording, convert, sample_speech
from realtime_sync.errors import ConnectionClosed, ResponseFailed, ServerError, TurnInterrupted
from realtime_sync.realtime import _sending
from realtime_sync.server import Fault, LocalServer, Reply, speak_by_tone
from tests.realtime import voice
from tests.support.waiting import wait_until

VAD = {"type": "server_vad", "silence_duration_ms": 200}
PATIENT = {"type": "server_vad", "silence_duration_ms": 500}
"""As the sample has a pause in it."""
TRANSCRIBED = {"transcription": {"model": "stand-in"}}


@pytest.fixture(autouse=True)
def settled_soon(monkeypatch):
    """Wait no longer than needed behind the end of audio that was answered."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 0.05)


@pytest.fixture
def dial():
    """Open a session to a local server of its own; pauses are off and a tone speaks unless asked otherwise."""
    with contextlib.ExitStack() as stack:

        def dial(audio_input=None, session=None, **server):
            options = {"time_scale": 0, "speaker": speak_by_tone, **server}
            running = stack.enter_context(LocalServer(**options))
            client = stack.enter_context(Client(base_url=running.base_url, api_key="k", timeout=20))
            config = {"output_modalities": ["audio"], "audio": {"input": audio_input or {}}, **(session or {})}
            rt = stack.enter_context(client.realtime.connect(model="m", session=config))
            rt.server = running
            return rt

        yield dial


def tone(seconds, audio_format=PCM16_24K):
    """Return a beep, which voice detection takes for speech, in a format."""
    rate = PCM16_24K.rate
    wave = array.array("h", [8000 if n // 60 % 2 else -8000 for n in range(round(seconds * rate))]).tobytes()
    return convert(wave, PCM16_24K, audio_format)


def loud(turn):
    """Tell whether a turn's audio, in PCM16, is more than silence."""
    return max(array.array("h", turn.audio)) > 1000


def retrieve(rt, item_id):
    """Return an item as the server has it."""
    return rt.conversation.item.retrieve(item_id, wait=True).item


# -- 6.1 to 6.3: turns ------------------------------------------------------------------------------------------------


def test_a_voice_turn_by_detection(dial):
    """The sample's question is heard, transcribed and answered aloud; events come in the documented order."""
    rt = dial({"turn_detection": PATIENT, **TRANSCRIBED})
    turn_events = rt.stream(None, sample_speech())
    kinds = [event.type for event in turn_events]
    turn = turn_events.turn()
    assert turn.input_transcript == "Hello! What can you tell me about the tides?"
    assert "moon" in turn.transcript
    assert turn.transcript == turn.text
    assert loud(turn)
    assert turn.audio_format == PCM16_24K
    assert turn.usage.total_tokens > 0
    first = ["speech_started", "speech_stopped", "committed"]
    assert kinds[:3] == [f"input_audio_buffer.{name}" for name in first]
    order = ["response.created", "response.output_item.added", "response.output_audio.delta", "response.done"]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    voice.assert_idle(rt)


def test_a_voice_turn_by_push_to_talk_from_a_file(dial, tmp_path):
    """A WAV file of another rate; the answer saved as a WAV file."""
    rt = dial({"turn_detection": None, **TRANSCRIBED})
    speech = sample_speech()
    slow = AudioFormat("pcm16", 16000)
    Recording(slow, convert(speech.data, speech.format, slow)).save(tmp_path / "question.wav")
    turn = rt.ask("Listen to this.", tmp_path / "question.wav")
    assert "moon" in turn.text
    assert "tides" in turn.input_transcript
    turn.save_wav(tmp_path / "answer.wav")
    assert (tmp_path / "answer.wav").read_bytes().endswith(turn.audio)
    voice.assert_idle(rt)


def test_telephone_audio_both_ways(dial):
    """G.711 at 8 kHz in and out, found by voice detection."""
    pcmu = G711_ULAW.to_wire()
    audio = {"input": {"format": pcmu, "turn_detection": PATIENT, **TRANSCRIBED}, "output": {"format": pcmu}}
    rt = dial(session={"audio": audio})
    speech = sample_speech()
    turn = rt.ask(None, convert(speech.data, speech.format, G711_ULAW))
    assert turn.audio_format == G711_ULAW
    assert turn.audio.count(turn.audio[:1]) < len(turn.audio)
    assert turn.input_transcript
    assert "moon" in turn.text


def test_detection_that_leaves_the_answer_to_the_client(dial):
    """create_response false: the client creates it, with settings of its own."""
    rt = dial({"turn_detection": {**PATIENT, "create_response": False}})
    turn = rt.ask(None, sample_speech(), response={"output_modalities": ["text"]})
    assert "moon" in turn.text
    assert turn.audio == b""
    assert [each["type"] for each in rt.server.received].count("response.create") == 1


def test_semantic_detection(dial):
    """Enough silence follows for it to take the speaker for finished."""
    rt = dial({"turn_detection": {"type": "semantic_vad", "eagerness": "high"}})
    assert "moon" in rt.ask(None, sample_speech()).text


def test_words_in_two_parts_are_answered_in_one_turn(dial, monkeypatch):
    """A pause inside: each part gets its response, or the second cuts off the first; the last word is the server's."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 1.0)  # the second part may come late on a busy machine
    rt = dial({"turn_detection": VAD, **TRANSCRIBED})
    audio = tone(0.4) + PCM16_24K.silence(0.6) + tone(0.9)
    turn = rt.ask(None, audio)
    assert turn.input_transcript == "[0.4 seconds of speech] [0.9 seconds of speech]"
    assert "0.9 seconds" in turn.text
    voice.assert_idle(rt)


def test_live_audio(dial):
    """Pieces of any length from an iterator, sent while the stream is consumed."""
    rt = dial({"turn_detection": PATIENT})
    data = sample_speech().data
    pieces = (data[start : start + 3001] for start in range(0, len(data), 3001))
    text = "".join(rt.stream(None, pieces).text())
    assert "moon" in text


def test_audio_at_a_pace(dial):
    """Forty times as fast as it was spoken."""
    rt = dial({"turn_detection": VAD})
    assert "0.5 seconds" in rt.ask(None, tone(0.5), pace=40.0).text


def test_turns_that_nobody_asked_for(dial):
    """Audio appended by hand: turns() has the answers, with what was asked."""
    rt = dial({"turn_detection": VAD, **TRANSCRIBED})
    turns = rt.turns(timeout=10)
    for seconds in (0.4, 0.9):
        rt.input_audio_buffer.append(tone(seconds) + PCM16_24K.silence(0.5))
        turn = next(turns).turn()
        assert turn.input_transcript == f"[{seconds} seconds of speech]"
        assert str(seconds) in turn.text
    turns.close()
    voice.assert_idle(rt)


def test_silence_for_too_long(dial):
    """The server asks whether somebody is there: a turn of turns(), not of a caller."""
    rt = dial({"turn_detection": {**VAD, "idle_timeout_ms": 5000}}, time_scale=0.01, speech_pace=1000.0)
    turns = rt.turns(timeout=10)
    rt.input_audio_buffer.append(PCM16_24K.silence(0.2))
    assert rt.ask("hello").text
    with rt.subscribe("input_audio_buffer.timeout_triggered") as triggered:
        assert "nothing" in next(turns).turn().text
        assert triggered.get(timeout=10)
    turns.close()


# -- 6.4: functions ---------------------------------------------------------------------------------------------------

CLOCK = {
    "type": "function",
    "name": "get_time",
    "description": "Tell the time in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def test_a_function_by_hand_in_a_spoken_conversation(dial):
    """Asked by voice, called, answered by an item and another response."""

    def responder(request):
        newest = request.items[-1]
        if newest["type"] == "function_call_output":
            return f"It is {json.loads(newest['output'])['time']}."
        return Reply(function_call=("get_time", {"city": "Oslo"}))

    rt = dial({"turn_detection": VAD}, {"tools": [CLOCK]}, responder=responder)
    asked = rt.ask(None, tone(0.5))
    (call,) = asked.function_calls
    assert (call.name, json.loads(call.arguments)) == ("get_time", {"city": "Oslo"})
    rt.conversation.item.create(
        {"type": "function_call_output", "call_id": call.call_id, "output": json.dumps({"time": "noon"})}
    )
    told = rt.ask()
    assert told.transcript == "It is noon."
    assert loud(told)
    voice.assert_idle(rt)


# -- 6.5: out of band -------------------------------------------------------------------------------------------------


def test_out_of_band_beside_a_spoken_turn(dial):
    """A classification of other audio while a conversation speaks; nothing of it is added to that."""
    rt = dial({"turn_detection": VAD})
    rt.ask("hello")  # The server has shown that it echoes metadata.
    beside = []
    response = {"conversation": "none", "output_modalities": ["text"]}

    def live():
        yield tone(0.5)
        beside.append(rt.ask("Which?", tone(0.9), response=response).text)
        yield tone(0.4)

    added = rt.subscribe("conversation.item.added")
    turn = rt.ask(None, live())
    assert "0.9 seconds" in turn.text  # 0.5 and 0.4, without a pause.
    assert len(beside) == 1
    roles = [added.get(timeout=10).item.role for _ in range(2)]
    assert roles == ["user", "assistant"]
    added.close()


# -- 6.6: cancel, truncate, barge-in ----------------------------------------------------------------------------------


def endless(request):
    """Speak until somebody stops it."""
    while True:
        yield "la la la. "


def audio_ms(item):
    """Return how much audio an item has."""
    return PCM16_24K.ms(len(base64.b64decode(item.content[0].audio or "")))


def test_an_interruption_cuts_the_item_on_the_server(dial):
    """What was heard stays, to the millisecond; the transcript goes; the conversation goes on."""
    rt = dial(
        {"turn_detection": None}, responder=lambda request: endless(request) if "sing" in request.text else "Yes?"
    )
    stream = rt.stream("sing")
    heard, item_id = 0, None
    for event in stream:
        if event.type == "response.output_audio.delta":
            heard, item_id = heard + len(event.audio), event.item_id
        if heard > 48 * 500:
            break
    done = rt.interrupt(played_ms=321)
    assert (done.item_id, done.audio_end_ms) == (item_id, 321)
    assert stream.turn().status == "cancelled"
    item = retrieve(rt, item_id)
    assert (audio_ms(item), item.content[0].transcript, item.status) == (321, None, "incomplete")
    assert rt.ask("still there?").text == "Yes?"
    voice.assert_idle(rt)


def test_an_unheard_item_is_deleted_on_the_server(dial):
    """played_ms 0: the conversation forgets it."""
    rt = dial({"turn_detection": None}, responder=endless)
    stream = rt.stream("sing")
    next(stream.audio())
    item_id = rt.interrupt(played_ms=0).item_id
    assert stream.turn().status == "cancelled"
    with pytest.raises(ServerError, match="does not exist"):
        retrieve(rt, item_id)


def test_barge_in_by_voice(dial):
    """The server hears speech and stops its own response; an urgent callback truncates; the next answer is to that."""
    rt = dial({"turn_detection": VAD}, responder=lambda request: endless(request) if "0.4" in request.text else "Yes?")
    cut, told, playing = [], threading.Semaphore(0), threading.Event()

    @rt.on("input_audio_buffer.speech_started", urgent=True)
    def barge_in(event):
        cut.append(rt.interrupt(played_ms=40))
        told.release()

    def live():
        yield tone(0.4)
        assert told.acquire(timeout=10)
        yield PCM16_24K.silence(0.4)
        assert playing.wait(10)
        yield tone(0.9)
        assert told.acquire(timeout=10)

    rt.once("response.output_audio.delta", lambda event: playing.set())
    turn = rt.ask(None, live())
    assert (turn.text, turn.status) == ("Yes?", "completed")
    assert cut[1].audio_end_ms == 40
    assert audio_ms(retrieve(rt, cut[1].item_id)) == 40


def test_cancelling_a_spoken_turn(dial):
    """It ends in order with what it has said."""
    rt = dial({"turn_detection": VAD}, responder=endless)
    with rt.stream(None, tone(0.5)) as stream:
        next(stream.audio())
        stream.cancel()
        turn = stream.turn()
    assert turn.status == "cancelled"
    assert turn.response.status_details.reason == "client_cancelled"
    voice.assert_idle(rt)


def test_leaving_spoken_turns_at_any_moment(dial):
    """Whatever was on its way does not reach the next turn, nor anybody."""
    rt = dial({"turn_detection": VAD, **TRANSCRIBED}, responder=endless)
    for count in (0, 1, 2, 3, 4, 6, 9):
        with rt.stream(None, iter([tone(0.5), PCM16_24K.silence(0.5)] * 3)) as stream:
            for _ in range(count):
                next(stream)
    wait_until(lambda: rt._api.book.input.floor.holder is None and rt._api.book.slot.occupant is None)
    rt.server._backend.responder = lambda request: request.text
    turn = rt.ask(None, tone(0.9))
    assert turn.text == turn.input_transcript == "[0.9 seconds of speech]"
    voice.assert_idle(rt)


# -- 7: errors and limits ---------------------------------------------------------------------------------------------


def test_too_little_audio(dial):
    """The server refuses the commit; ServerError says how much is needed, and what is left does not reach the next."""
    rt = dial({"turn_detection": None, **TRANSCRIBED})
    with pytest.raises(ServerError, match="100ms") as caught:
        rt.ask(None, tone(0.05))
    assert caught.value.code == "input_audio_buffer_commit_empty"
    assert rt.ask(None, tone(0.5)).input_transcript == "[0.5 seconds of speech]"
    voice.assert_idle(rt)


def test_a_transcript_that_fails(dial):
    """It costs the transcript, not the turn."""

    def deaf(recording):
        raise ValueError("deaf")

    rt = dial({"turn_detection": VAD, **TRANSCRIBED}, transcriber=deaf, responder=lambda request: "I cannot hear you.")
    turn = rt.ask(None, tone(0.5))
    assert (turn.text, turn.input_transcript) == ("I cannot hear you.", None)
    voice.assert_idle(rt)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(text="So", error="the voice broke"), "failed"),
        (Reply(text="So", incomplete="content_filter"), "incomplete"),
    ],
    ids=["failed", "incomplete"],
)
def test_answers_that_do_not_end_well(dial, reply, status):
    """A failed one raises with the turn, an incomplete one returns."""
    rt = dial({"turn_detection": VAD}, responder=lambda request: reply)
    if status == "failed":
        with pytest.raises(ResponseFailed, match="the voice broke") as caught:
            rt.ask(None, tone(0.5))
        turn = caught.value.turn
    else:
        turn = rt.ask(None, tone(0.5))
        assert turn.response.status_details.reason == "content_filter"
    assert (turn.status, turn.text) == (status, "So")
    assert turn.audio
    voice.assert_idle(rt)


def test_the_end_of_the_session_in_a_live_turn(dial):
    """After its hour the server says so and closes: TurnInterrupted with that error and what was said before."""
    rt = dial({"turn_detection": VAD}, time_scale=0.3 / 3600, responder=lambda request: "Yes.")
    ended = threading.Event()
    rt.on("close", lambda event: ended.set())

    def live():
        yield tone(0.5) + PCM16_24K.silence(0.5)
        assert ended.wait(10)
        yield tone(0.5)

    with pytest.raises(TurnInterrupted) as caught:
        rt.ask(None, live())
    error = caught.value
    assert (error.code, error.server_error.error.code) == (1001, "session_expired")


@pytest.mark.parametrize("event", ["input_audio_buffer.committed", "response.output_audio.delta", "response.done"])
def test_a_connection_that_is_lost_anywhere(dial, event):
    """TurnInterrupted, whatever was the last event."""
    rt = dial({"turn_detection": VAD}, faults=[Fault(at=event, do="drop")])
    with pytest.raises(TurnInterrupted):
        rt.ask(None, tone(0.5))
    with pytest.raises(ConnectionClosed):
        rt.ask(None, tone(0.5))


@pytest.mark.parametrize("refused", ["input_audio_buffer.append", "input_audio_buffer.commit", "response.create"])
def test_a_server_that_refuses_a_step(dial, refused):
    """ServerError, and the next turn works."""
    rt = dial({"turn_detection": None, **TRANSCRIBED}, faults=[Fault(at=refused, do="reject")])
    with pytest.raises(ServerError) as caught:
        rt.ask(None, tone(0.5))
    assert caught.value.code == "rejected_by_fault"
    turn = rt.ask(None, tone(0.9))
    assert turn.text
    assert turn.input_transcript == "[0.9 seconds of speech]"
    voice.assert_idle(rt)
