"""Truncating what the assistant said to what was heard, with the server's own checks."""

import pytest

from realtime_sync.audio import G711_ULAW, PCM16_24K, Recording
from realtime_sync.server import Reply
from tests.server.support import audio_of, decoded, text_of, types, voice

SPOKEN = Reply(text="one two three", audio=Recording(PCM16_24K, voice(1)))


def truncate(item_id, ms, **event):
    place = {"item_id": item_id, "content_index": 0, "audio_end_ms": ms}
    return {"type": "conversation.item.truncate", **place, **event}


def retrieved(peer, item_id):
    """Return the only content part of an item, audio decoded."""
    peer.send({"type": "conversation.item.retrieve", "item_id": item_id})
    (part,) = peer.until("conversation.item.retrieved")[-1]["item"]["content"]
    return {**part, "audio": decoded(part["audio"])}


@pytest.fixture
def told(serve, dial):
    """Return a client and the id of an item with a second of speech in it."""

    def tell(**response):
        peer = dial(serve(responder=lambda request: SPOKEN if len(request.items) == 1 else request.messages[1][1]))
        done = peer.ask("x", output_modalities=["audio"], **response)
        return peer, done["output"][0]["id"]

    return tell


def test_an_item_is_cut_to_what_was_heard(told):
    """The audio is cut and the transcript goes altogether, for the responder as well."""
    peer, item_id = told()
    peer.send(truncate(item_id, 400))
    event = peer.next()
    assert {key: event[key] for key in ("type", "item_id", "content_index", "audio_end_ms")} == {
        "type": "conversation.item.truncated",
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": 400,
    }
    assert retrieved(peer, item_id) == {"type": "output_audio", "transcript": None, "audio": voice(1)[:19200]}
    assert text_of(peer.ask("what was that?")) == ""


def test_what_was_heard_to_the_end_is_left_alone(told):
    """The whole length is no cut."""
    peer, item_id = told()
    peer.send(truncate(item_id, 1000))
    peer.until("conversation.item.truncated")
    assert retrieved(peer, item_id) == {"type": "output_audio", "transcript": "one two three", "audio": voice(1)}


def test_nothing_heard(told):
    """An item can be cut to nothing, and not to more again."""
    peer, item_id = told()
    peer.send(truncate(item_id, 0))
    peer.until("conversation.item.truncated")
    assert retrieved(peer, item_id)["audio"] == b""
    assert peer.error(truncate(item_id, 1))["param"] == "audio_end_ms"


def test_more_than_there_is_is_an_error(told):
    """Audio that does not exist cannot have been heard; the item stays as it is."""
    peer, item_id = told()
    error = peer.error(truncate(item_id, 1001, event_id="mine"))
    assert (error["code"], error["param"], error["event_id"]) == ("invalid_value", "audio_end_ms", "mine")
    assert "1000ms" in error["message"]
    assert peer.error(truncate(item_id, 10, content_index=1))["param"] == "content_index"
    assert len(retrieved(peer, item_id)["audio"]) == 48000


def test_in_the_format_of_the_response(told):
    """Milliseconds are those of the audio that was sent."""
    peer, item_id = told(audio={"output": {"format": {"type": "audio/pcmu"}}})
    peer.send(truncate(item_id, 500))
    peer.until("conversation.item.truncated")
    assert len(retrieved(peer, item_id)["audio"]) == G711_ULAW.size(0.5)


def test_while_it_is_being_said(serve, dial):
    """An item can be cut while its response runs: what comes after goes to the client, but not into the item."""
    peer = dial(serve(time_scale=1))
    peer.say("count to 1000", output_modalities=["audio"])
    events = peer.until("response.output_audio.delta") + peer.until("response.output_audio.delta")
    item_id = events[-1]["item_id"]
    assert peer.error_of(truncate(item_id, 3_600_000))["param"] == "audio_end_ms"
    assert peer.error_of(truncate(item_id, 10, content_index=1))["param"] == "content_index"
    peer.send(truncate(item_id, 150))
    peer.until("conversation.item.truncated")
    peer.until("response.output_audio.delta")
    peer.send({"type": "response.cancel"})
    events += peer.until("rate_limits.updated")
    (item,) = events[-2]["response"]["output"]
    assert item["content"] == [{"type": "output_audio", "transcript": None}]
    assert "response.output_audio_transcript.done" in types(events)
    assert retrieved(peer, item_id)["audio"] == audio_of(events)[:7200]


def test_a_written_message_cannot_be_truncated(serve, dial):
    """Neither while it is being written nor after."""
    peer = dial(serve(time_scale=1))
    peer.say("count to 1000")
    item_id = peer.until("response.output_text.delta")[-1]["item_id"]
    assert peer.error_of(truncate(item_id, 0))["param"] == "content_index"
    peer.send({"type": "response.cancel"})
    peer.until("rate_limits.updated")
    assert peer.error(truncate(item_id, 0))["param"] == "content_index"
