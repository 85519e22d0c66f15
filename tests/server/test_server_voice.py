"""Voice turns: push to talk, voice detection, spoken answers, interruptions."""

import math
import threading
import time

import pytest

from realtime_sync.audio import G711_ALAW, G711_ULAW, PCM16_24K, Recording, convert
from realtime_sync.server import Reply, speak_by_tone
from tests.server.support import Direct, append, audio_of, decoded, text_of, types, update, user, voice

PUSH_TO_TALK = update({"turn_detection": None})
COMMIT = {"type": "input_audio_buffer.commit"}
CREATE = {"type": "response.create"}
SPEECH = voice(0.5) + PCM16_24K.silence(0.6)
TWO_SECONDS = Reply(text="x", audio=Recording(PCM16_24K, voice(2)))
SPOKEN = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
    "rate_limits.updated",
]


def vad(**changes):
    return update({"turn_detection": {"type": "server_vad", **changes}})


def of_type(events, kind):
    return [event for event in events if event["type"] == kind]


@pytest.fixture
def talk(serve, dial):
    """Start a server with these options and return a client of it."""
    return lambda **options: dial(serve(**options))


def test_order_of_a_turn_by_voice_detection(peer):
    """Speech makes a turn of its own: its edges, a committed item, and a spoken response, in the protocol's order."""
    peer.send(*append(PCM16_24K.silence(1) + SPEECH))
    events = peer.until("rate_limits.updated")
    assert types(events)[:10] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
    ]
    assert types(events)[-7:] == SPOKEN
    started, stopped, committed, added, done = events[:5]
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (700, 2000)
    assert started["item_id"] == stopped["item_id"] == committed["item_id"] == added["item"]["id"] == done["item"]["id"]
    assert committed["previous_item_id"] is added["previous_item_id"] is None
    (part,) = of_type(events, "response.content_part.added")
    assert part["part"] == {"type": "audio", "transcript": ""}


def test_what_is_spoken_is_what_the_transcript_says(peer):
    """Transcript deltas join to the transcript, audio deltas to its speech, and the item can be read with it."""
    peer.say("say one two three", output_modalities=["audio"])
    events = peer.until("response.done")
    words = [event["delta"] for event in of_type(events, "response.output_audio_transcript.delta")]
    (transcript,) = of_type(events, "response.output_audio_transcript.done")
    (part,) = of_type(events, "response.content_part.done")
    (item,) = events[-1]["response"]["output"]
    assert len(words) == 3
    assert "".join(words) == transcript["transcript"] == part["part"]["transcript"] == "one two three"
    assert item["content"] == [{"type": "output_audio", "transcript": "one two three"}]
    audio = audio_of(events)
    assert audio == speak_by_tone("one two three", "alloy", 1.0).data
    deltas = of_type(events, "response.output_audio.delta")
    assert {len(audio_of([each])) for each in deltas[:-1]} == {4800}
    peer.until("rate_limits.updated")
    peer.send({"type": "conversation.item.retrieve", "item_id": item["id"]})
    (kept,) = peer.next()["item"]["content"]
    assert decoded(kept["audio"]) == audio


@pytest.mark.parametrize(("wire", "kind"), [("audio/pcmu", G711_ULAW), ("audio/pcma", G711_ALAW)])
def test_g711(talk, wire, kind):
    """Speech in G.711 is understood, and answered in it, at its rate."""
    heard = []
    peer = talk(transcriber=lambda recording: heard.append(recording) or "say hello")
    peer.send(update({"format": {"type": wire}}, {"format": {"type": wire}}))
    peer.until("session.updated")
    peer.send(*append(voice(0.5, kind) + kind.silence(0.6), 800))
    events = peer.until("response.done")
    assert of_type(events, "input_audio_buffer.speech_stopped")[0]["audio_end_ms"] == 1000
    assert (heard[0].format, heard[0].seconds) == (kind, 1.0)
    speech = speak_by_tone("hello", "alloy", 1.0).data
    assert audio_of(events) == convert(speech, PCM16_24K, kind)


def test_a_response_can_have_its_own_format_and_voice(peer):
    """A response overrides what the session's speech is, and shows it; speed comes from the session."""
    peer.send(update(None, {"speed": 0.5}))
    peer.until("session.updated")
    output = {"format": {"type": "audio/pcmu"}, "voice": {"id": "mine"}}
    peer.say("say hello", output_modalities=["audio"], audio={"output": output})
    events = peer.until("response.done")
    assert events[-1]["response"]["audio"] == {"output": output}
    assert audio_of(events) == convert(speak_by_tone("hello", "mine", 0.5).data, PCM16_24K, G711_ULAW)


def test_push_to_talk(talk):
    """Without voice detection nothing happens until the commit, and then no response until it is asked for."""
    requests = []

    def responder(request):
        requests.append(request)
        return "heard"

    peer = talk(responder=responder)
    peer.send(PUSH_TO_TALK, user("first", id="first"), *append(SPEECH + b"\0"), COMMIT)
    events = peer.until("conversation.item.done") + peer.until("conversation.item.done")
    assert types(events) == [
        "session.updated",
        *["conversation.item.added", "conversation.item.done"],
        "input_audio_buffer.committed",
        *["conversation.item.added", "conversation.item.done"],
    ]
    committed = events[3]
    assert (committed["previous_item_id"], committed["item_id"]) == ("first", events[4]["item"]["id"])
    assert events[4]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    peer.send({"type": "conversation.item.retrieve", "item_id": committed["item_id"]}, CREATE)
    (part,) = peer.next()["item"]["content"]
    assert decoded(part["audio"]) == SPEECH
    assert text_of(peer.until("response.done")[-1]["response"]) == "heard"
    assert requests[0].audio == Recording(PCM16_24K, SPEECH)


def test_clear_and_empty_commit(peer):
    """A cleared buffer cannot be committed."""
    peer.send(PUSH_TO_TALK, *append(SPEECH), {"type": "input_audio_buffer.clear"})
    peer.until("input_audio_buffer.cleared")
    assert peer.error({**COMMIT, "event_id": "c"})["code"] == "input_audio_buffer_commit_empty"


def test_appends_are_limited(monkeypatch):
    """An append over 15 MiB is refused whole, as is what is no base64; the buffer has a limit too."""
    monkeypatch.setattr("realtime_sync.server.realtime._input_audio.MAX_BYTES", 9600)
    (most,) = append(bytes(9600), 9600)
    (more,) = append(bytes(15 * 2**20 + 1), 2**30)
    with Direct() as direct:
        direct.send(PUSH_TO_TALK)
        for event, code in (
            (more, "string_above_max_length"),
            ({**most, "audio": "no base64"}, "invalid_value"),
        ):
            direct.send(event)
            error = direct.until("error")[-1]["error"]
            assert (error["code"], error["param"]) == (code, "audio")
        direct.send(most, most)
        (full,) = direct.until("error")
        assert full["error"]["code"] == "input_audio_buffer_full"


def test_long_silence_is_forgotten(peer):
    """Under voice detection the buffer keeps a minute of silence, so it never fills."""
    (silence,) = append(bytes(61 * 48000), 2**30)
    peer.send(silence, silence, COMMIT)
    item_id = peer.until("input_audio_buffer.committed")[-1]["item_id"]
    peer.send({"type": "conversation.item.retrieve", "item_id": item_id})
    (part,) = peer.until("conversation.item.retrieved")[-1]["item"]["content"]
    assert len(decoded(part["audio"])) == 60 * 48000


def test_no_response_unless_wanted(peer):
    """With create_response off a turn is committed, and the client asks for the response."""
    peer.send(vad(create_response=False), *append(SPEECH), CREATE)
    events = peer.until("response.done")
    assert types(events)[:7] == [
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert len(of_type(events, "response.created")) == 1


def test_semantic_detection(peer):
    """Semantic detection is accepted, shown with its defaults, and makes turns."""
    peer.send(update({"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}))
    shown = peer.next()["session"]["audio"]["input"]["turn_detection"]
    switches = {"create_response": True, "interrupt_response": True}
    assert shown == {"type": "semantic_vad", "eagerness": "high", **switches}
    peer.send(*append(SPEECH))
    assert peer.until("response.done")[-1]["response"]["status"] == "completed"


def speaking(talk, **options):
    """Return a client in the middle of a long spoken response, and that response's events so far."""
    peer = talk(time_scale=1, **options)
    peer.say("count to 1000", output_modalities=["audio"])
    return peer, peer.until("response.output_audio.delta")


def test_speech_cuts_a_response_off(talk):
    """When the user begins to speak, the response ends as cancelled by it, right after, and its items stay."""
    peer, before = speaking(talk)
    peer.send(*append(voice(0.3)))
    events = peer.until("rate_limits.updated")
    first = types(events).index("input_audio_buffer.speech_started")
    assert types(events)[first + 1 :] == SPOKEN
    done = events[-2]["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    (item,) = done["output"]
    assert item["status"] == "incomplete"
    assert item["content"][0]["transcript"].startswith("1, ")
    assert done["usage"]["output_token_details"]["audio_tokens"] > 0
    peer.send({"type": "conversation.item.retrieve", "item_id": item["id"]}, *append(PCM16_24K.silence(0.6)))
    (part,) = peer.next()["item"]["content"]
    kept = decoded(part["audio"])
    assert kept == audio_of(before + events)
    assert peer.until("response.created")[-1]["response"]["id"] != done["id"]


def test_speech_leaves_the_response_alone_if_told_to(talk):
    """With interrupt_response off the response goes on, and the new turn's response is refused while it does."""
    go = threading.Event()
    peer = talk(responder=lambda request: (go.wait(10), "done")[1])
    peer.send(vad(interrupt_response=False), CREATE, *append(SPEECH))
    events = peer.until("error")
    assert types(events)[-4:] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "error",
    ]
    assert events[-1]["error"]["code"] == "conversation_already_has_active_response"
    assert events[-1]["error"]["event_id"] is None
    go.set()
    assert peer.until("response.done")[-1]["response"]["status"] == "completed"


def test_speech_leaves_out_of_band_responses_alone(talk):
    """A response beside the conversation is not interrupted."""
    go = threading.Event()
    peer = talk(responder=lambda request: (go.wait(10), "done")[1])
    beside = {"conversation": "none", "input": [], "output_modalities": ["text"]}
    peer.send(vad(create_response=False), {"type": "response.create", "response": beside}, *append(SPEECH))
    peer.until("input_audio_buffer.committed")
    go.set()
    assert peer.until("response.done")[-1]["response"]["status"] == "completed"


def test_cancelling_a_spoken_response(talk):
    """A cancelled spoken response ends like any other, and not one delta follows."""
    peer, _ = speaking(talk)
    peer.send({"type": "response.cancel"})
    events = peer.until("rate_limits.updated")
    assert types(events)[-7:] == SPOKEN
    done = events[-2]["response"]
    assert done["status_details"]["reason"] == "client_cancelled"
    peer.say("say done")
    assert all(event.get("response_id") != done["id"] for event in peer.until("response.done"))


def test_speech_comes_faster_than_real_time(talk):
    """A responder's recording is delivered at the pace that the server was given, and no faster than scaled."""
    recording = Recording(PCM16_24K, voice(1))
    peer = talk(responder=lambda _: Reply(text="one two", audio=recording), speech_pace=10, time_scale=1)
    start = time.monotonic()
    peer.send(CREATE)
    events = peer.until("response.done")
    assert time.monotonic() - start >= 0.09
    assert audio_of(events) == recording.data


def test_a_recording_is_text_where_text_is_asked_for(talk):
    """A reply with a recording is written when the response is text."""
    peer = talk(responder=lambda _: Reply(text="one two", audio=Recording(PCM16_24K, voice(1))))
    assert text_of(peer.ask("x")) == "one two"


def test_speech_and_calls_in_one_answer(talk):
    """A message and a call are two items, the message complete before the call begins."""
    peer = talk(responder=lambda _: Reply(text="Let me see.", function_call=("look", {"at": 1})))
    peer.send(CREATE)
    events = peer.until("response.done")
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message", "function_call"]
    closing = types(events).index("response.output_audio.done")
    assert types(events)[closing : closing + 6] == [*SPOKEN[:5], "response.output_item.added"]


def test_usage_counts_audio(peer):
    """Audio counts in both directions, and in the next turn's context."""
    peer.send(PUSH_TO_TALK, *append(voice(1)), COMMIT, CREATE)
    events = peer.until("response.done")
    usage = events[-1]["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] == 10
    made = usage["output_token_details"]
    assert made["audio_tokens"] > made["text_tokens"] > 0
    assert usage["output_tokens"] == made["audio_tokens"] + made["text_tokens"]
    peer.send(CREATE)
    later = peer.until("response.done")[-1]["response"]["usage"]["input_token_details"]
    assert later["audio_tokens"] == 10 + math.ceil(len(audio_of(events)) / 2400)


def test_images_are_accepted_and_counted(peer):
    """A user message may hold images, which count by their detail."""
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    content = [image, {**image, "detail": "low"}, {"type": "input_text", "text": "look"}]
    item = {"type": "message", "role": "user", "content": content}
    peer.send({"type": "conversation.item.create", "item": item}, CREATE)
    assert peer.until("conversation.item.done")[-1]["item"]["content"] == content
    usage = peer.until("response.done")[-1]["response"]["usage"]
    assert usage["input_token_details"]["image_tokens"] == 765 + 85


def test_a_limit_cuts_speech(peer):
    """Audio counts against the limit of a response, which then ends as incomplete."""
    peer.say("say hello hello hello", output_modalities=["audio"], max_output_tokens=9)
    events = peer.until("response.done")
    done = events[-1]["response"]
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    counted = done["usage"]["output_token_details"]
    assert counted["text_tokens"] + counted["audio_tokens"] == 9
    assert len(audio_of(events)) == counted["audio_tokens"] * 2400


def test_the_voice_is_fixed_once_it_was_heard(peer):
    """The voice can change until the first audio; then no more, for the session and its conversation's responses."""
    peer.send(update(None, {"voice": "marin"}))
    assert peer.next()["session"]["audio"]["output"]["voice"] == "marin"
    peer.say("say one")
    peer.until("rate_limits.updated")
    peer.send(update(None, {"voice": "cedar"}))
    peer.until("session.updated")
    peer.say("say one", output_modalities=["audio"])
    peer.until("rate_limits.updated")
    error = peer.error({**update(None, {"voice": "echo"}), "event_id": "v"})
    assert (error["code"], error["param"]) == ("cannot_update_voice", "session.audio.output.voice")
    response = {"audio": {"output": {"voice": "echo"}}}
    assert peer.error({"type": "response.create", "response": response})["param"] == "response.audio.output.voice"
    peer.send(update(None, {"voice": "cedar", "speed": 1.2}))
    assert peer.next()["type"] == "session.updated"
    peer.send({"type": "response.create", "response": {**response, "conversation": "none", "input": []}})
    assert peer.until("response.done")[-1]["response"]["status"] == "completed"


def test_commit_in_mid_speech(peer):
    """The client may end a turn before its silence: the speech stops, with the item that was announced."""
    peer.send(*append(PCM16_24K.silence(1) + voice(0.5)), COMMIT)
    events = peer.until("conversation.item.done")
    assert types(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert len({event["item_id"] for event in events[:3]}) == 1
    assert (events[0]["audio_start_ms"], events[1]["audio_end_ms"]) == (700, 1500)
    peer.send(*append(PCM16_24K.silence(1) + SPEECH))
    assert peer.next()["audio_start_ms"] == 2200


def test_clear_in_mid_speech(peer):
    """What is cleared was never said: no end, no item, and the next speech is another one, later on the same clock."""
    peer.send(*append(voice(0.5)), {"type": "input_audio_buffer.clear"}, *append(SPEECH))
    started, cleared, again, stopped = (peer.next() for _ in range(4))
    assert (cleared["type"], again["type"]) == ("input_audio_buffer.cleared", "input_audio_buffer.speech_started")
    assert started["item_id"] != again["item_id"] == stopped["item_id"]
    assert (again["audio_start_ms"], stopped["audio_end_ms"]) == (500, 1500)


def test_turning_detection_off_in_mid_speech(peer):
    """Speech ends unfinished; its audio can be committed by hand. Turned on again, detection goes on from there."""
    peer.send(*append(voice(0.5)), PUSH_TO_TALK, *append(PCM16_24K.silence(1)), COMMIT)
    assert types(peer.until("conversation.item.done")) == [
        "input_audio_buffer.speech_started",
        "session.updated",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    peer.send(vad(prefix_padding_ms=100), *append(PCM16_24K.silence(0.5) + SPEECH))
    assert peer.until("input_audio_buffer.speech_started")[-1]["audio_start_ms"] == 1900


def test_settings_change_in_mid_speech(peer):
    """Another silence counts at once; another format converts the audio, and the speech goes on."""
    peer.send(*append(voice(0.5)), update({"format": {"type": "audio/pcmu"}}), vad(silence_duration_ms=200))
    peer.send(*append(G711_ULAW.silence(0.3), 800))
    events = peer.until("input_audio_buffer.speech_stopped")
    assert types(events) == [
        "input_audio_buffer.speech_started",
        *["session.updated"] * 2,
        "input_audio_buffer.speech_stopped",
    ]
    assert events[0]["item_id"] == events[-1]["item_id"]
    assert events[-1]["audio_end_ms"] == 700


def test_a_silent_user_is_asked(talk):
    """After the idle time-out, counted from the end of the answer's speech, the silence is committed and answered."""
    peer = talk(time_scale=0.01)
    peer.send(vad(idle_timeout_ms=5000), *append(PCM16_24K.silence(2)))
    peer.say("say one", output_modalities=["audio"])
    first = peer.until("rate_limits.updated")[-2]["response"]
    events = peer.until("response.done")
    assert types(events)[:4] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    triggered, committed = events[:2]
    assert triggered["item_id"] == committed["item_id"]
    assert committed["previous_item_id"] == first["output"][0]["id"]
    assert (triggered["audio_start_ms"], triggered["audio_end_ms"]) == (2000, 2000)
    assert "still there" in text_of(events[-1]["response"])


def test_the_idle_time_out_counts_from_the_end_of_the_speech():
    """The silence begins when the answer has been played; speaking, or turning the time-out off, ends it."""
    with Direct(time_scale=1, speech_pace=100, responder=lambda _: TWO_SECONDS) as direct:
        direct.send(vad(idle_timeout_ms=5000, create_response=False), CREATE)
        assert direct.session.on_timer() > 3000
        direct.until("response.done")
        # Two seconds of speech come much faster than they are played.
        assert 6 < direct.session.on_timer() < 7
        direct.send(*append(voice(0.3)))
        assert direct.session.on_timer() > 3000
        direct.send(*append(PCM16_24K.silence(1)), CREATE)
        direct.until("response.done")
        assert direct.session.on_timer() < 8
        direct.send(vad())
        assert direct.session.on_timer() > 3000
