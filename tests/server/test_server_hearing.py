"""What the server hears: transcripts for the client, text for the responder, and the stand-in that makes them."""

import threading

import pytest

from realtime_sync.audio import G711_ALAW, G711_ULAW, PCM16_24K, AudioFormat, Recording, sample_speech
from realtime_sync.server import transcribe_by_likeness
from tests.server.support import append, text_of, types, update, user, voice

TIDES = "Hello! What can you tell me about the tides?"
COMMIT = {"type": "input_audio_buffer.commit"}
CREATE = {"type": "response.create", "response": {"output_modalities": ["text"]}}
NAME = "conversation.item.input_audio_transcription"


def asking(model="gpt-4o-transcribe", **session):
    return update({"turn_detection": None, "transcription": {"model": model}}, **session)


def transcript(peer):
    """Commit a second of speech; return the committed item's id and the transcription events."""
    peer.send(*append(voice(1)), COMMIT)
    item_id = peer.until("conversation.item.done")[-1]["item"]["id"]
    events = [peer.next()]
    while events[-1]["type"] == f"{NAME}.delta":
        events.append(peer.next())
    return item_id, events


def test_a_transcript_comes_in_deltas_and_is_kept(serve, dial):
    """Deltas join to the completed transcript, which names its item and part, and then is in the item."""
    peer = dial(serve(transcriber=lambda _: "one two three"))
    peer.send(asking())
    peer.until("session.updated")
    item_id, events = transcript(peer)
    assert types(events) == [f"{NAME}.delta", f"{NAME}.completed"]
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["transcript"] == "one two three"
    assert {(event["item_id"], event["content_index"]) for event in events} == {(item_id, 0)}
    assert not any("logprobs" in event for event in events)
    assert events[-1]["usage"] == {
        "type": "tokens",
        "total_tokens": 13,
        "input_tokens": 10,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 10},
        "output_tokens": 3,
    }
    peer.send({"type": "conversation.item.retrieve", "item_id": item_id})
    assert peer.next()["item"]["content"][0]["transcript"] == "one two three"


def test_whisper_is_billed_by_duration(serve, dial):
    """The usage of whisper models is the length of the audio."""
    peer = dial(serve(transcriber=lambda _: "one"))
    peer.send(asking("whisper-1"))
    peer.until("session.updated")
    assert transcript(peer)[1][-1]["usage"] == {"type": "duration", "seconds": 1.0}


def test_log_probabilities_are_included_on_request(serve, dial):
    """With the session's include, transcripts have log probabilities."""
    peer = dial(serve(transcriber=lambda _: "one two"))
    peer.send(asking(include=["item.input_audio_transcription.logprobs"]))
    peer.until("session.updated")
    _, events = transcript(peer)
    assert events[0]["logprobs"] == [{"token": "one", "logprob": 0.0, "bytes": [111, 110, 101]}]
    assert [each["token"] for each in events[-1]["logprobs"]] == ["one", " two"]


@pytest.mark.parametrize("transcriber", [lambda _: 1 / 0, lambda _: None], ids=["raises", "no text"])
def test_a_failing_transcriber_fails_its_transcript_only(serve, dial, transcriber):
    """Whatever goes wrong in a transcriber is an event of its own; the response comes, to audio that says nothing."""
    peer = dial(serve(transcriber=transcriber))
    peer.send(asking())
    peer.until("session.updated")
    item_id, (failed,) = transcript(peer)
    assert (failed["type"], failed["item_id"], failed["content_index"]) == (f"{NAME}.failed", item_id, 0)
    assert failed["error"]["message"].startswith("the transcriber ")
    peer.send(CREATE)
    assert "I hear nothing" in text_of(peer.until("response.done")[-1]["response"])


def test_the_responder_hears_without_transcription(serve, dial):
    """What is said reaches the responder also when the client wants no transcript, and the client sees none."""
    peer = dial(serve(transcriber=lambda _: "say hello"))
    peer.send(update({"turn_detection": None}), *append(voice(1)), COMMIT, CREATE)
    events = peer.until("response.done")
    assert text_of(events[-1]["response"]) == "hello"
    assert not [kind for kind in types(events) if kind.startswith(NAME)]


def test_audio_is_heard_once(serve, dial):
    """The transcript, and every response that has the audio in its context, share one hearing."""
    calls = []
    peer = dial(serve(transcriber=lambda recording: calls.append(recording.seconds) or "say hello"))
    peer.send(asking(), *append(voice(1)), COMMIT, CREATE)
    peer.until("rate_limits.updated")
    assert text_of(peer.ask("what did I say?")) == 'You said: "say hello"'
    assert calls == [1.0]


def test_created_audio_items_are_heard_too(serve, dial):
    """Audio in an item that a client made is heard, unless the client says what it says."""
    peer = dial(serve(transcriber=lambda _: "say heard"))
    audio = append(voice(1), 48000)[0]["audio"]
    part = {"type": "input_audio", "audio": audio}
    for content, answer in ((part, "heard"), ({**part, "transcript": "say told"}, "told")):
        item = {"type": "message", "role": "user", "content": [content]}
        peer.send({"type": "conversation.item.create", "item": item}, CREATE)
        assert text_of(peer.until("response.done")[-1]["response"]) == answer
        peer.send({"type": "response.create", "response": {**CREATE["response"], "input": [item]}})
        assert text_of(peer.until("response.done")[-1]["response"]) == answer


def test_a_slow_transcriber_holds_nothing_up_but_its_own(serve, dial):
    """While one transcript is being made, the session goes on."""
    go = threading.Event()
    peer = dial(serve(transcriber=lambda _: (go.wait(10), "late")[1]))
    peer.send(asking(), *append(voice(1)), COMMIT)
    peer.until("conversation.item.done")
    response = {"input": [user("say quick")["item"]], "output_modalities": ["text"]}
    peer.send({"type": "response.create", "response": response})
    assert text_of(peer.until("response.done")[-1]["response"]) == "quick"
    go.set()
    assert peer.until(f"{NAME}.completed")[-1]["transcript"] == "late"


def test_close_does_not_wait_for_a_stuck_transcriber(serve, dial, caplog, monkeypatch):
    """A transcriber that never returns keeps its thread, with a warning, and nothing else."""
    monkeypatch.setattr("realtime_sync.server.realtime._session._JOIN_SECONDS", 0.05)
    go = threading.Event()
    server = serve(transcriber=lambda _: (go.wait(30), "late")[1])
    peer = dial(server)
    peer.send(asking(), *append(voice(1)), COMMIT)
    peer.until("conversation.item.done")
    server.close()
    assert "still running after its session has ended" in caplog.text
    go.set()


def test_voice_detection_and_the_sample(serve, dial):
    """The package's recording makes one turn at its place, is understood, and is answered."""
    peer = dial(serve())
    peer.send(update({"transcription": {"model": "gpt-4o-transcribe"}}))
    peer.until("session.updated")
    sample = sample_speech()
    peer.send(*append(PCM16_24K.silence(1) + sample.data + PCM16_24K.silence(1)))
    seen = {}
    while not {f"{NAME}.completed", "response.done"} <= set(seen):
        event = peer.next()
        seen[event["type"]] = event
    assert seen[f"{NAME}.completed"]["transcript"] == TIDES
    assert text_of(seen["response.done"]["response"]).startswith("The moon pulls the sea")
    start = seen["input_audio_buffer.speech_started"]["audio_start_ms"]
    end = seen["input_audio_buffer.speech_stopped"]["audio_end_ms"]
    assert 700 <= start < 1000
    assert 1000 * sample.seconds + 1000 < end < 1000 * sample.seconds + 1700


def changed(pcm, factor):
    samples = memoryview(bytearray(pcm)).cast("h")
    for index, sample in enumerate(samples):
        samples[index] = round(sample * factor)
    return samples.tobytes()


@pytest.mark.parametrize("kind", [G711_ULAW, G711_ALAW, AudioFormat("pcm16", 16000), PCM16_24K], ids=str)
def test_the_sample_is_known_in_every_format(kind):
    """The stand-in knows the sample in any format, with silence around it."""
    data = kind.silence(0.5) + sample_speech().convert(kind).data + kind.silence(0.3)
    assert transcribe_by_likeness(Recording(kind, data)) == TIDES


def test_the_sample_is_known_when_it_is_quieter_but_not_when_cut():
    """Loudness does not matter, length does."""
    data = sample_speech().data
    assert transcribe_by_likeness(Recording(PCM16_24K, changed(data, 0.7))) == TIDES
    assert transcribe_by_likeness(Recording(PCM16_24K, data[: len(data) // 4 * 2])).endswith("seconds of speech]")


def test_other_audio_is_told_by_its_length():
    """Speech that is not known is told by its length, silence by nothing."""
    assert transcribe_by_likeness(Recording(PCM16_24K, PCM16_24K.silence(1) + voice(1))) == "[1.0 seconds of speech]"
    # As long as the sample, but another rhythm.
    like = voice(sample_speech().seconds)
    assert transcribe_by_likeness(Recording(PCM16_24K, like)).startswith("[2.")
    assert transcribe_by_likeness(Recording(PCM16_24K, voice(0.02))) == "[0.0 seconds of speech]"
    assert transcribe_by_likeness(Recording(PCM16_24K, PCM16_24K.silence(1))) == ""
    assert transcribe_by_likeness(Recording(PCM16_24K, b"")) == ""
