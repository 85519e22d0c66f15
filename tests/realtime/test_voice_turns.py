"""Turns that are spoken: push to talk, voice detection, transcripts, against a scripted server."""

from __future__ import annotations

import io
import wave

import pytest

from realtime_sync.audio import G711_ALAW, G711_ULAW, PCM16_24K
from realtime_sync.errors import ConfigurationError, LocalProtocolError, ReceiveTimeout, RequestTimeout, ServerError
from realtime_sync.realtime import _sending, _session, _stream
from tests.realtime import voice
from tests.realtime.voice import SPEECH, greet, hear, listen
from tests.support.waiting import run_in_thread, wait_until

SILENCE = PCM16_24K.size(0.6)
"""Bytes of the silence that follows speech, by the settings of `voice.VAD`."""


@pytest.fixture(autouse=True)
def settled_soon(monkeypatch):
    """Wait no longer than needed behind the end of audio that was answered."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 0.05)


def test_push_to_talk(connect):
    """The message, the audio in pieces of 100 ms, a commit, a create, in this order; the answer with everything in it."""
    rt, peer = connect()
    greet(rt, peer, None)
    asked = run_in_thread(rt.ask, "Listen:", SPEECH, response={"instructions": "be brief"})
    pieces = []
    while (event := peer.receive())["type"] == "input_audio_buffer.append":
        pieces.append(event)
    assert event["type"] == "conversation.item.create"
    assert event["item"]["content"] == [{"type": "input_text", "text": "Listen:"}]
    assert [len(each["audio"]) for each in pieces] == [6400, 6400, 3200]
    assert peer.receive()["type"] == "input_audio_buffer.commit"
    create = peer.receive()
    assert create["response"]["instructions"] == "be brief"
    voice.commit(peer)
    voice.begin(peer, metadata=voice.metadata_of(create))
    voice.say(peer, b"\1\2" * 10, "Under")
    voice.say(peer, b"\3\4" * 10, "stood.")
    voice.finish(peer)
    turn = asked.result()
    assert (turn.text, turn.transcript, turn.status) == ("Understood.", "Understood.", "completed")
    assert turn.audio == b"\1\2" * 10 + b"\3\4" * 10
    assert (turn.audio_format, turn.input_transcript, turn.rounds) == (PCM16_24K, None, 1)
    assert 0 <= turn.timings.first_event <= turn.timings.first_token <= turn.timings.first_audio <= turn.timings.done
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)
    voice.assert_idle(rt)


def test_a_turn_can_be_saved_as_wav(connect, tmp_path):
    """In the format of its audio: the session's, or the one that the response names."""
    rt, peer = connect()
    greet(rt, peer, None)
    asked = run_in_thread(rt.ask, None, SPEECH)
    listen(peer)
    create = peer.receive("response.create")
    pcm16k = {"type": "audio/pcm", "rate": 16000}
    voice.begin(peer, metadata=voice.metadata_of(create), audio={"output": {"format": pcm16k}})
    voice.say(peer, b"\1\2" * 160)
    voice.finish(peer)
    turn = asked.result()
    turn.save_wav(tmp_path / "answer.wav")
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (16000, 160)


def test_a_format_that_is_not_known_only_keeps_audio_from_being_saved(connect):
    """Text turns, and the bytes themselves, do not care; save_wav says why it cannot."""
    rt, peer = connect()
    greet(rt, peer, None, output_format={"type": "audio/opus"})
    asked = run_in_thread(rt.ask, "hello")
    create = peer.receive("response.create")
    voice.speak(peer, b"opus", "Hi", metadata=voice.metadata_of(create))
    turn = asked.result()
    assert (turn.text, turn.audio, turn.audio_format) == ("Hi", b"opus", None)
    with pytest.raises(ConfigurationError, match="does not know"):
        turn.save_wav(io.BytesIO())
    with pytest.raises(ConfigurationError, match="audio/opus"):
        rt.interrupt(played_ms=1)
    assert rt.interrupt().response_id is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}}}, G711_ULAW),
        ({"input_audio_format": "g711_alaw", "turn_detection": None}, G711_ALAW),
        ({"input_audio_format": "pcm16", "turn_detection": {"type": "none"}}, PCM16_24K),
    ],
    ids=["G.711", "beta G.711", "none"],
)
def test_the_sessions_shape_decides_the_format(connect, tmp_path, told, expected):
    """A WAV file is converted to what the session takes in, today's shape or the beta's."""
    path = tmp_path / "q.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8000))
    rt, peer = connect()
    peer.send("session.created", session={"id": "s", "object": "realtime.session", **told})
    asked = run_in_thread(rt.ask, None, path)
    audio, _ = listen(peer, "input_audio_buffer.commit")
    assert audio == expected.silence(0.5)
    create = peer.receive("response.create")
    peer.respond(create, "heard")
    assert asked.result().text == "heard"


def test_a_commit_that_is_refused_fails_the_turn(connect):
    """Too little audio: ServerError, the response to nothing is cancelled, and the next turn's audio waits for a clear."""
    rt, peer = connect()
    greet(rt, peer, None)
    asked = run_in_thread(rt.ask, None, SPEECH[:480])
    _, refused = listen(peer, "input_audio_buffer.commit")
    create = peer.receive("response.create")
    peer.error(refused["event_id"], "input_audio_buffer_commit_empty", "buffer too small")
    error = pytest.raises(ServerError, asked.result).value
    assert (error.event_id, error.code) == (refused["event_id"], "input_audio_buffer_commit_empty")
    again = run_in_thread(rt.ask, None, SPEECH)
    assert peer.receive()["type"] == "input_audio_buffer.clear"
    voice.begin(peer, metadata=voice.metadata_of(create))
    assert peer.receive()["response_id"] == "resp_1"
    voice.finish(peer, status="cancelled")
    peer.send("input_audio_buffer.cleared")
    assert listen(peer, "input_audio_buffer.commit")[0] == SPEECH
    voice.commit(peer)
    voice.speak(peer, text="yes", response_id="resp_2", metadata=voice.metadata_of(peer.receive("response.create")))
    assert again.result().text == "yes"
    voice.assert_idle(rt)


def test_audio_that_is_refused_fails_the_turn(connect):
    """The error names an append: sending stops, ServerError, further errors about it reach nobody else."""
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, SPEECH * 100)
    first, second = peer.receive(), peer.receive()
    for event in (first, second):
        peer.error(event["event_id"], "invalid_value", "no audio this is")
    with pytest.raises(ServerError, match="no audio this is"):
        asked.result()
    _, clear = listen(peer, "input_audio_buffer.clear")
    peer.error(clear["event_id"])  # Some servers do not know it.
    wait_until(lambda: rt._api.book.input.floor.holder is None)
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)
    voice.assert_idle(rt)


def test_two_push_to_talk_turns_do_not_mix(connect):
    """The second one's audio goes out when the server has made an item of the first."""
    rt, peer = connect()
    greet(rt, peer, None)
    first = run_in_thread(rt.ask, None, b"\1\0" * 2400)
    audio, _ = listen(peer, "input_audio_buffer.commit")
    assert set(audio) == {0, 1}
    create = peer.receive("response.create")
    second = run_in_thread(rt.ask, None, b"\2\0" * 2400)
    wait_until(lambda: rt._api.book.input.floor._claimants)
    voice.commit(peer)
    assert set(hear(peer, 4800)) == {0, 2}
    voice.speak(peer, text="one", metadata=voice.metadata_of(create))
    assert first.result().text == "one"
    assert listen(peer)[1]["type"] == "input_audio_buffer.commit"
    voice.commit(peer, "said_2")
    create = peer.receive("response.create")
    voice.speak(peer, text="two", response_id="resp_2", metadata=voice.metadata_of(create))
    assert second.result().text == "two"
    voice.assert_idle(rt)


def test_a_server_without_committed_frees_the_input_with_its_answer(connect):
    """Compatible servers leave it out."""
    rt, peer = connect()
    greet(rt, peer, None)
    for n in range(2):
        asked = run_in_thread(rt.ask, None, SPEECH)
        listen(peer)
        peer.respond(peer.receive("response.create"), f"answer {n}", response_id=f"r{n}")
        assert asked.result().text == f"answer {n}"
    voice.assert_idle(rt)


def test_voice_detection(connect):
    """Audio, then silence, and nothing else goes out; the response that nobody asked for is the turn's."""
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, SPEECH)
    audio = hear(peer, len(SPEECH) + SILENCE)
    assert audio == SPEECH + bytes(SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, b"\1\2", "Hello")
    turn = asked.result()
    assert (turn.text, turn.audio, turn.id, turn.rounds) == ("Hello", b"\1\2", "resp_1", 1)
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"
    voice.assert_idle(rt)


def test_speech_in_parts_is_one_turn(connect):
    """What cuts off the first response is answered by the next, and only that one counts."""
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, SPEECH)
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.begin(peer)
    voice.say(peer, b"\1\1", "Hm")
    voice.start_speech(peer, "said_2")
    voice.finish(peer, status="cancelled", reason="turn_detected")
    voice.end_speech(peer, "said_2")
    voice.speak(peer, b"\2\2", "Both heard", "resp_2")
    turn = asked.result()
    assert (turn.text, turn.audio, turn.rounds, turn.id) == ("Both heard", b"\2\2", 1, "resp_2")
    voice.assert_idle(rt)


def test_a_response_cut_off_before_we_hear_why_is_not_the_end(connect):
    """response.done with reason turn_detected may overtake speech_started."""
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, SPEECH)
    heard = len(hear(peer, 1))
    voice.start_speech(peer)
    voice.end_speech(peer)
    hear(peer, len(SPEECH) + SILENCE - heard)
    wait_until(lambda: rt._api.book.input.speaker.input_sent)
    voice.begin(peer)
    voice.finish(peer, status="cancelled", reason="turn_detected")
    voice.start_speech(peer, "said_2")
    voice.end_speech(peer, "said_2")
    voice.speak(peer, text="now", response_id="resp_2")
    assert asked.result().text == "now"


def test_a_response_that_begins_while_further_speech_does_answers_only_what_was_committed(connect):
    """speech_started between committed and response.created: another response is to come."""
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, SPEECH)
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.start_speech(peer, "said_2")
    voice.speak(peer, text="first", status="completed")
    voice.end_speech(peer, "said_2")
    voice.speak(peer, text=" second", response_id="resp_2")
    turn = asked.result()
    assert (turn.text, turn.rounds) == ("first second", 2)


def test_an_answer_before_the_audio_ends_ends_the_turn_once_it_has(connect):
    """A recording with a long silence behind the words: the turn settles and returns what was answered."""
    rt, peer = connect()
    greet(rt, peer, transcription={"model": "x"})
    microphone = voice.Microphone()
    asked = run_in_thread(rt.ask, None, microphone)
    microphone.give(SPEECH)
    hear(peer, len(SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.transcript(peer)
    voice.speak(peer, text="early")
    wait_until(lambda: rt._api.book.input.speaker.done_at)
    assert not asked.done()
    microphone.give(None)
    turn = asked.result()
    assert (turn.text, turn.input_transcript) == ("early", "what I said")
    voice.assert_idle(rt)


def test_speech_at_the_very_end_is_waited_for(connect, monkeypatch):
    """It is found after the first answer and after the last piece: the turn has two rounds."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 30)
    rt, peer = connect()
    greet(rt, peer)
    stream = rt.stream(None, iter([SPEECH, SPEECH]))
    state, done = stream._state, rt.subscribe("response.done")
    stream._sender.feed()
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.begin(peer)
    wait_until(lambda: rt._api.book.slot.occupant)
    while not state.input_sent:
        stream._sender.feed()
    # Silence goes out although an item was committed: that was not of the last words.
    assert hear(peer, 2 * len(SPEECH) + SILENCE) == SPEECH * 2 + bytes(SILENCE)
    voice.say(peer, text="one")
    voice.finish(peer)
    done.get(timeout=10)
    voice.start_speech(peer, "said_2")
    voice.end_speech(peer, "said_2")
    voice.speak(peer, text=" two", response_id="resp_2")
    done.get(timeout=10)
    done.close()
    state.settled_at = 0.0
    turn = stream.turn()
    assert (turn.text, turn.rounds) == ("one two", 2)
    voice.assert_idle(rt)


def test_detection_without_responses(connect):
    """create_response false: the create goes out when all was said and committed, with the caller's settings."""
    rt, peer = connect()
    greet(rt, peer, {**voice.VAD, "create_response": False})
    asked = run_in_thread(rt.ask, None, SPEECH, response={"instructions": "sing"})
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    create = peer.receive()
    assert (create["type"], create["response"]["instructions"]) == ("response.create", "sing")
    voice.speak(peer, b"\1\2", "la", metadata=voice.metadata_of(create))
    assert asked.result().text == "la"
    voice.assert_idle(rt)


def test_detection_without_responses_in_several_parts(connect):
    """One create, after the last part."""
    rt, peer = connect()
    greet(rt, peer, {**voice.VAD, "create_response": False})
    opened = rt.stream(None, SPEECH)
    hear(peer, len(SPEECH) + SILENCE)
    for item_id in ("said_1", "said_2"):
        voice.start_speech(peer, item_id)
        if item_id == "said_2":
            break
        voice.end_speech(peer, item_id)
    wait_until(lambda: rt._api.book.input.speaker.in_speech and not rt._api.book.input.speaker.committed)
    taken = run_in_thread(opened.turn)
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"
    voice.end_speech(peer, "said_2")
    voice.speak(peer, text="both", metadata=voice.metadata_of(peer.receive("response.create")))
    assert taken.result().text == "both"


def test_no_speech_at_all(connect, monkeypatch):
    """A server that finds none says nothing: RequestTimeout says so in time, the buffer is cleared, the session usable."""
    monkeypatch.setattr(_sending, "HEARING_SECONDS", 0.05)
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, iter([bytes(960)]))
    error = pytest.raises(RequestTimeout, asked.result).value
    assert "found no speech" in str(error)
    assert error.partial.status is None
    listen(peer, "input_audio_buffer.clear")
    peer.send("input_audio_buffer.cleared")
    again = run_in_thread(rt.ask, "text then")
    peer.answer("fine")
    assert again.result().text == "fine"
    voice.assert_idle(rt)


def test_a_server_that_says_nothing_about_speech(connect):
    """No speech_started, no committed: the response alone makes the turn, even before all audio is sent."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = voice.Microphone()
    asked = run_in_thread(rt.ask, None, microphone)
    microphone.give(SPEECH)
    hear(peer, len(SPEECH))
    voice.begin(peer)
    wait_until(lambda: rt._api.book.routes.responses)
    microphone.give(None)
    hear(peer, SILENCE)
    voice.say(peer, b"\1\2", "yes")
    wait_until(lambda: rt._api.book.input.speaker.input_sent)
    voice.finish(peer)
    assert asked.result().text == "yes"


def test_detection_that_may_not_cut_off_leaves_speech_unanswered(connect):
    """interrupt_response false: what is said during the response gets no response of its own, and is not waited for."""
    rt, peer = connect()
    greet(rt, peer, {**voice.VAD, "interrupt_response": False})
    asked = run_in_thread(rt.ask, None, SPEECH)
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.begin(peer)
    voice.start_speech(peer, "said_2")
    voice.end_speech(peer, "said_2")
    peer.error(None, "conversation_already_has_active_response")
    voice.say(peer, text="I was talking")
    wait_until(lambda: rt._api.book.input.speaker is None or rt._api.book.input.speaker.input_sent)
    voice.finish(peer)
    assert asked.result().text == "I was talking"


def test_speech_that_another_response_keeps_from_being_answered(connect):
    """Detection cannot answer while somebody else's response runs: the answer is asked for by hand after it."""
    rt, peer = connect()
    greet(rt, peer, {**voice.VAD, "interrupt_response": False})
    asked = run_in_thread(rt.ask, None, iter([SPEECH]))
    hear(peer, len(SPEECH) + SILENCE)
    written = run_in_thread(rt.ask, "text")
    create = peer.receive("response.create")
    voice.begin(peer, "text", voice.metadata_of(create))
    wait_until(lambda: rt._api.book.slot.holder and rt._api.book.slot.holder.response_id == "text")
    voice.start_speech(peer)
    voice.end_speech(peer)
    peer.error(None, "conversation_already_has_active_response")
    voice.say(peer, text="written", response_id="text")
    voice.finish(peer, "text")
    assert written.result().text == "written"
    voice.speak(peer, text="spoken", response_id="resp_2", metadata=voice.metadata_of(peer.receive("response.create")))
    assert asked.result().text == "spoken"
    voice.assert_idle(rt)


def test_the_session_is_waited_for(connect):
    """Right after connecting nobody knows whether the server detects turns: the first audio waits for session.created."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, None, SPEECH)
    wait_until(rt._core.observers.queues)
    peer.send("session.created", session=voice.session())
    assert hear(peer, len(SPEECH) + SILENCE)[len(SPEECH) :] == bytes(SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="hi")
    assert asked.result().text == "hi"


def test_a_server_that_never_tells_its_session_is_spoken_to_by_push_to_talk(connect, monkeypatch):
    """It is waited for once, then the commit by hand is the smaller mistake."""
    monkeypatch.setattr(_session, "GREETING_SECONDS", 0.05)
    rt, peer = connect()
    for n in range(2):
        asked = run_in_thread(rt.ask, None, SPEECH)
        listen(peer, "input_audio_buffer.commit")
        voice.commit(peer)
        create = peer.receive()
        voice.speak(peer, text="ok", response_id=f"r{n}", metadata=voice.metadata_of(create))
        assert asked.result().text == "ok"
        monkeypatch.setattr(_session, "GREETING_SECONDS", 10)
    assert rt._api.untold


def test_settings_cannot_go_with_detection(connect):
    """They would have no create to go with; nothing is sent."""
    rt, peer = connect()
    greet(rt, peer)
    with pytest.raises(LocalProtocolError, match="turn_detection"):
        rt.ask(None, SPEECH, response={"instructions": "x"})
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"
    voice.assert_idle(rt)


def test_audio_out_of_band_is_a_part_of_the_input(connect):
    """Nothing touches the conversation or its input buffer; a pace would have no meaning and is refused."""
    rt, peer = connect()
    greet(rt, peer)
    with pytest.raises(LocalProtocolError, match="out of band"):
        rt.ask(None, SPEECH, response={"conversation": "none"}, pace=1)
    asked = run_in_thread(rt.ask, "What is that?", iter([SPEECH, SPEECH]), response={"conversation": "none"})
    create = peer.receive()
    assert create["type"] == "response.create"
    (message,) = create["response"]["input"]
    text, audio = message["content"]
    assert (text["text"], audio["type"]) == ("What is that?", "input_audio")
    assert len(audio["audio"]) == len(SPEECH * 2) // 3 * 4
    peer.respond(create, "a voice")
    assert asked.result().text == "a voice"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"audio": b""}, ConfigurationError),
        ({"audio": "no such file.wav"}, ConfigurationError),
        ({"audio": 7}, LocalProtocolError),
        ({"audio": SPEECH, "pace": 0}, ConfigurationError),
        ({"audio": iter([])}, ConfigurationError),
        ({"audio": iter(["text"])}, LocalProtocolError),
        ({"text": "x", "pace": 1.0}, LocalProtocolError),
        ({"text": 7}, LocalProtocolError),
    ],
    ids=["empty", "no file", "no audio", "no pace", "no pieces", "no bytes", "nothing to pace", "no text"],
)
def test_bad_input_is_told_and_leaves_nothing(connect, given, error):
    """The right exception, whether before anything is sent or while it is."""
    rt, peer = connect()
    greet(rt, peer, None)
    with pytest.raises(error):
        rt.ask(**given)
    rt.send({"type": "marker"})
    peer.receive("marker")
    voice.assert_idle(rt)


PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.mark.parametrize(
    ("images", "urls"),
    [
        (PNG, ["data:image/png;base64,iVBORw0KGgogcmVzdA=="]),
        ([b"\xff\xd8\xff", "https://x.test/y.png"], ["data:image/jpeg;base64,/9j/", "https://x.test/y.png"]),
        ({"type": "input_image", "image_url": "data:,", "detail": "low"}, ["data:,"]),
        ("data:image/png;base64,AAAA", ["data:image/png;base64,AAAA"]),
    ],
    ids=["bytes", "several", "part", "URL"],
)
def test_images(connect, images, urls):
    """Before the text, each as a content part."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "what is this?", images=images)
    content = peer.receive("conversation.item.create")["item"]["content"]
    assert [part["image_url"] for part in content[:-1]] == urls
    assert content[-1] == {"type": "input_text", "text": "what is this?"}
    peer.respond(peer.receive("response.create"), "a cat")
    assert asked.result().text == "a cat"


def test_an_image_from_a_file(connect, tmp_path):
    """Given as a path object."""
    (tmp_path / "i.png").write_bytes(PNG)
    rt, peer = connect()
    asked = run_in_thread(rt.ask, images=tmp_path / "i.png")
    (part,) = peer.receive("conversation.item.create")["item"]["content"]
    assert part["image_url"].startswith("data:image/png;base64,iVBOR")
    peer.respond(peer.receive("response.create"), "a cat")
    asked.result()


@pytest.mark.parametrize("image", ["cat.png", b"neither", 7], ids=["path as text", "other bytes", "number"])
def test_what_is_no_image_is_told(connect, image):
    """Nothing is sent."""
    rt, peer = connect()
    with pytest.raises(LocalProtocolError, match="image"):
        rt.ask("what is this?", images=[image])
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"


# -- transcripts of the input -----------------------------------------------------------------------------------------


def spoken(rt, peer):
    """Have a stream whose response is over, on a session that transcribes."""
    greet(rt, peer, transcription={"model": "x"})
    stream = rt.stream(None, SPEECH)
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="answer")
    return stream


@pytest.mark.parametrize(("text", "expected"), [("late", "late"), (None, None)], ids=["late", "failed"])
def test_a_late_transcript_belongs_to_the_turn(connect, text, expected):
    """It ends with it, well after the response."""
    rt, peer = connect()
    stream = spoken(rt, peer)
    kinds = []
    for event in stream:
        kinds.append(event.type)
        if event.type == "response.done":
            voice.transcript(peer, text)
    assert "transcription" in kinds[-1]
    assert stream.turn().input_transcript == expected
    voice.assert_idle(rt)


def test_a_transcript_that_never_comes_is_not_waited_for_long(connect, monkeypatch):
    """The turn returns without it, and what comes later is the mailbox's."""
    monkeypatch.setattr(_stream, "TRANSCRIPT_SECONDS", 0.05)
    rt, peer = connect()
    turn = spoken(rt, peer).turn()
    assert (turn.text, turn.input_transcript) == ("answer", None)
    voice.transcript(peer)
    assert rt.receive(timeout=10).transcript == "what I said"
    voice.assert_idle(rt)


def test_a_turn_whose_time_ends_while_only_the_transcript_is_missing_returns(connect):
    """It has its answer."""
    rt, peer = connect()
    greet(rt, peer, transcription={"model": "x"})
    stream = rt.stream(None, SPEECH, timeout=30)
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="answer")
    for event in stream:
        if event.type == "response.done":
            stream._state.deadline.at = 0
    assert stream.turn().text == "answer"


@pytest.mark.parametrize("how", ["closed", "dropped", "lost"])
def test_leaving_a_turn_that_waits_for_its_transcript_leaves_nothing(connect, how):
    """Its answer is complete; the connection may even end."""
    rt, peer = connect()
    stream = spoken(rt, peer)
    while next(stream).type != "response.done":
        pass
    if how == "closed":
        stream.close()
        assert stream.turn().text == "answer"
    elif how == "dropped":
        del stream
        wait_until(lambda: not rt._api.book.routes.items)
    else:
        peer.drop()
        assert stream.turn().text == "answer"
        return
    voice.assert_idle(rt)


def test_turns_that_nobody_asked_for_have_their_transcript(connect):
    """turns() with audio that the user appends: the transcript comes after the response, and is still the turn's."""
    rt, peer = connect()
    greet(rt, peer, transcription={"model": "x"})
    turns = rt.turns(timeout=10)
    rt.input_audio_buffer.append(SPEECH)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, b"\1\2", "answer")
    stream = next(turns)
    taken = []
    for event in stream:
        taken.append(event.type)
        if event.type == "response.done":
            voice.transcript(peer)
    turn = stream.turn()
    assert (turn.text, turn.input_transcript, turn.audio) == ("answer", "what I said", b"\1\2")
    turns.close()
    voice.assert_idle(rt)


def test_turns_do_not_wait_for_a_transcript_that_came_before(connect):
    """It went to the mailbox; the turn ends with its response."""
    rt, peer = connect()
    greet(rt, peer, transcription={"model": "x"})
    turns = rt.turns(timeout=10)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.transcript(peer)
    voice.speak(peer, text="answer")
    stream = next(turns)
    assert [event.type for event in stream][-1] == "response.done"
    turns.close()
    voice.assert_idle(rt)
