"""Stopping the assistant: what is cancelled, what is truncated, and who still hears of it."""

from __future__ import annotations

import base64
import threading
from types import SimpleNamespace

import pytest

from realtime_sync import Client
from realtime_sync.audio import PCM16_24K
from realtime_sync.errors import LocalProtocolError, ReceiveTimeout
from realtime_sync.realtime import Interruption, _sending
from realtime_sync.realtime._spoken import SpokenAudio
from tests.realtime import voice
from tests.realtime.voice import SPEECH, Microphone, greet, hear, listen
from tests.support.waiting import run_in_thread, wait_until

MS = 48
"""Bytes of a millisecond."""


@pytest.fixture
def told(connect):
    """A session by push to talk whose server has told so."""
    rt, peer = connect()
    return rt, greet(rt, peer, None)


def answering(rt, peer, milliseconds=250, response_id="resp_1", **fields):
    """Have a response that runs and has sent so much audio; returns its stream."""
    stream = rt.stream("hello")
    create = peer.receive("response.create")
    voice.begin(peer, response_id, voice.metadata_of(create), **fields)
    voice.say(peer, bytes(milliseconds * MS), "words", response_id)
    wait_until(lambda: len(stream._state.queue) == 4)
    return stream


def sent(rt, peer):
    """Return what the client has sent, without event ids."""
    rt.send({"type": "marker"})
    events = []
    while (event := peer.receive())["type"] != "marker":
        event.pop("event_id")
        events.append(event)
    return events


CANCEL = {"type": "response.cancel", "response_id": "resp_1"}
DELETE = {"type": "conversation.item.delete", "item_id": "item_of_resp_1"}


def truncate(audio_end_ms, item_id="item_of_resp_1", content_index=0):
    """Return the event."""
    where = {"item_id": item_id, "content_index": content_index}
    return {"type": "conversation.item.truncate", **where, "audio_end_ms": audio_end_ms}


def did(response_id, item_id, audio_end_ms):
    """Return what an interruption reports."""
    return Interruption(response_id=response_id, item_id=item_id, audio_end_ms=audio_end_ms)


@pytest.mark.parametrize(
    ("played_ms", "expected", "cut"),
    [
        (None, [CANCEL], None),
        (100, [CANCEL, truncate(100)], 100),
        (99.9, [CANCEL, truncate(99)], 99),
        (0, [CANCEL, DELETE], 0),
        (0.4, [CANCEL, DELETE], 0),
        (9999, [CANCEL, truncate(250)], 250),
    ],
)
def test_while_a_response_speaks(told, played_ms, expected, cut):
    """It is cancelled and its item cut to what was heard, at most to what has arrived; 0 deletes the item."""
    rt, peer = told
    stream = answering(rt, peer)
    done = rt.interrupt(played_ms)
    assert done == did("resp_1", None if cut is None else "item_of_resp_1", cut)
    assert sent(rt, peer) == expected
    stream.close()


@pytest.mark.parametrize(
    ("played_ms", "expected"),
    [(None, []), (100, [truncate(100)]), (0, [DELETE]), (250, []), (9999, [])],
)
def test_after_a_response_whose_audio_is_still_playing(told, played_ms, expected):
    """Nothing to cancel; an item that was heard to its end stays as it is."""
    rt, peer = told
    stream = answering(rt, peer)
    voice.finish(peer)
    stream.turn()
    assert rt.interrupt(played_ms).response_id is None
    assert sent(rt, peer) == expected


def test_with_nothing_to_stop(told):
    """Nothing is sent."""
    rt, peer = told
    assert rt.interrupt() == rt.interrupt(100) == rt.interrupt(0) == Interruption()
    assert sent(rt, peer) == []


@pytest.mark.parametrize("played_ms", [-1, -0.1, True, "100", float("nan"), float("inf"), [1]], ids=repr)
def test_what_is_no_time_is_told_and_changes_nothing(told, played_ms):
    """Nothing is sent, and the response goes on reaching its turn."""
    rt, peer = told
    stream = answering(rt, peer)
    with pytest.raises(LocalProtocolError, match="played_ms"):
        rt.interrupt(played_ms)
    assert sent(rt, peer) == []
    voice.say(peer, b"\1\1", "more")
    voice.finish(peer)
    assert stream.turn().text == "wordsmore"


def test_an_item_without_audio_is_told(told):
    """Nothing is sent."""
    rt, peer = told
    stream = answering(rt, peer)
    with pytest.raises(LocalProtocolError, match="item_x"):
        rt.interrupt(100, "item_x")
    assert sent(rt, peer) == []
    stream.close()


def test_twice(told):
    """The second finds the item cut already, even if less is claimed to have been heard than is left; so does a third."""
    rt, peer = told
    stream = answering(rt, peer)
    rt.interrupt(100)
    voice.say(peer, SPEECH)  # On its way when the server heard of it.
    voice.finish(peer, status="cancelled", reason="client_cancelled")
    assert stream.turn().status == "cancelled"
    assert sent(rt, peer) == [CANCEL, truncate(100)]
    assert rt.interrupt(200) == Interruption()
    assert rt.interrupt(40).audio_end_ms == 40
    assert sent(rt, peer) == [truncate(40)]


@pytest.mark.parametrize("item_id", [None, "item_of_resp_1"])
def test_an_item_that_is_deleted_is_not_deleted_again(told, item_id):
    """Nor is the one before it, by a second word while there is nothing new to hear."""
    rt, peer = told
    answering(rt, peer, response_id="resp_0").cancel()
    voice.finish(peer, "resp_0")
    wait_until(lambda: rt._api.book.slot.holder is None)
    stream = answering(rt, peer)
    rt.interrupt(0, item_id)
    voice.say(peer, SPEECH)
    voice.finish(peer, status="cancelled")
    stream.turn()
    assert sent(rt, peer)[-1] == DELETE
    assert rt.interrupt(0, item_id) == Interruption()
    assert sent(rt, peer) == []


def test_two_at_once_reach_the_server_in_the_order_in_which_they_measured(told, monkeypatch):
    """The second has to wait while the first is being sent: a cut never names more than the one before it left."""
    rt, peer = told
    stream = answering(rt, peer)
    sending, go_on = threading.Event(), threading.Event()
    send = rt._core.send

    def slow(data, **named):
        if data["type"] == "conversation.item.truncate" and not sending.is_set():
            sending.set()
            assert go_on.wait(10)
        return send(data, **named)

    monkeypatch.setattr(type(rt._core), "send", staticmethod(slow))
    first = run_in_thread(rt.interrupt, 200)
    assert sending.wait(10)
    second = run_in_thread(rt.interrupt, 50)
    wait_until(rt._api.interrupting.locked)
    assert not second.done()
    go_on.set()
    assert (first.result().audio_end_ms, second.result().audio_end_ms) == (200, 50)
    cuts = [event["audio_end_ms"] for event in sent(rt, peer) if "audio_end_ms" in event]
    assert cuts == [200, 50]
    stream.close()


def test_what_was_cut_or_deleted_by_hand_counts(told):
    """conversation.item.truncated and .deleted tell, whoever asked for them."""
    rt, peer = told
    answering(rt, peer)
    peer.send("conversation.item.truncated", item_id="item_of_resp_1", content_index=0, audio_end_ms=80)
    wait_until(lambda: rt._api.book.spoken.find(None).cut_ms == 80)
    assert rt.interrupt(100).audio_end_ms is None
    peer.send("conversation.item.deleted", item_id="item_of_resp_1")
    wait_until(lambda: rt._api.book.spoken.find(None).cut_ms == 0)
    assert rt.interrupt(10).audio_end_ms is None


def test_nothing_heard_of_a_response_without_audio_leaves_older_items_alone(told):
    """played_ms 0 is about the active response, of which nothing has arrived; a time of an older item is about that."""
    rt, peer = told
    stream = answering(rt, peer)
    voice.finish(peer)
    stream.turn()
    second = rt.stream("and now?")
    voice.begin(peer, "resp_2", voice.metadata_of(peer.receive("response.create")))
    wait_until(lambda: rt._api.book.active_response_id == "resp_2")
    assert rt.interrupt(0) == Interruption(response_id="resp_2")
    assert rt.interrupt(100).item_id == "item_of_resp_1"
    assert rt.interrupt(0, "item_of_resp_1").audio_end_ms == 0
    second.close()


def test_the_newest_of_two_content_parts_counts(told):
    """It is measured and truncated by itself."""
    rt, peer = told
    stream = answering(rt, peer)
    voice.say(peer, bytes(40 * MS), content_index=1)
    wait_until(lambda: rt._api.book.spoken.find(None).content_index == 1)
    rt.interrupt(100)
    assert sent(rt, peer) == [CANCEL, truncate(40, content_index=1)]
    stream.close()


@pytest.mark.parametrize(
    ("named", "milliseconds"),
    [
        ({}, 250),
        ({"audio": {"output": {"format": {"type": "audio/pcmu"}}}}, 1500),
        ({"output_audio_format": "g711_alaw"}, 1500),
    ],
    ids=["session's", "response's", "beta response's"],
)
def test_the_format_of_the_response_measures(told, named, milliseconds):
    """12,000 bytes are a quarter of a second or one and a half."""
    rt, peer = told
    stream = answering(rt, peer, **named)
    assert rt.interrupt(99999).audio_end_ms == milliseconds
    stream.close()


def test_a_response_that_has_not_begun_is_cancelled_when_it_does(told):
    """Nothing of it reaches anybody but its end."""
    rt, peer = told
    stream = rt.stream("hello")
    create = peer.receive("response.create")
    assert rt.interrupt(0) == Interruption()
    voice.begin(peer, metadata=voice.metadata_of(create))
    assert peer.receive()["response_id"] == "resp_1"
    voice.say(peer, SPEECH, "never")
    voice.finish(peer, status="cancelled")
    turn = stream.turn()
    assert (turn.status, turn.text, turn.audio) == ("cancelled", "", b"")


def test_a_response_out_of_band_goes_on(told):
    """It is no part of the conversation."""
    rt, peer = told
    stream = rt.stream("aside", response={"conversation": "none"})
    create = peer.receive("response.create")
    voice.begin(peer, "aside", voice.metadata_of(create))
    wait_until(lambda: rt._api.book.routes.responses)
    assert rt.interrupt() == Interruption()
    voice.say(peer, text="still here", response_id="aside")
    voice.finish(peer, "aside")
    assert stream.turn().text == "still here"
    assert sent(rt, peer) == []


def test_a_turn_behind_the_one_that_is_stopped_is_answered(told):
    """It was waiting for the conversation, and gets it."""
    rt, peer = told
    stream = answering(rt, peer)
    waiting = run_in_thread(rt.ask, "next")
    wait_until(lambda: rt._api.book.slot._claimants)
    rt.interrupt()
    assert peer.receive()["type"] == "response.cancel"
    voice.finish(peer, status="cancelled")
    peer.answer("fine", response_id="resp_2")
    assert waiting.result().text == "fine"
    assert stream.turn().status == "cancelled"
    voice.assert_idle(rt)


def test_queued_audio_is_dropped_everywhere(told):
    """In the turn, the mailbox, subscriptions and both kinds of callbacks; the words and the rest stay."""
    rt, peer = told
    entered, leave = threading.Semaphore(0), threading.Event()
    heard = []

    def slow(event):
        heard.append(event.type)
        entered.release()
        assert leave.wait(10)

    rt.on("response.*", slow)
    rt.on("response.output_audio.delta", slow, urgent=True)
    subscription = rt.subscribe("*")
    stream = answering(rt, peer)
    assert entered.acquire(timeout=10)
    assert entered.acquire(timeout=10)  # One of each is in the handler.
    voice.say(peer, SPEECH, "more")
    voice.say(peer, SPEECH, item_id="second_item")
    wait_until(lambda: len(stream._state.queue) == 7)
    rt.interrupt(10)
    voice.say(peer, SPEECH, "late")
    voice.finish(peer, status="cancelled")
    leave.set()
    kinds = [event.type for event in stream]
    assert kinds[2:] == ["response.output_audio_transcript.delta"] * 2 + ["response.done"]
    assert stream.turn().text == "wordsmore"
    wait_until(lambda: heard and heard[-1] == "response.done")
    assert heard.count("response.output_audio.delta") == 1  # What was in the handler already.
    seen = []
    while not seen or seen[-1] != "response.done":
        seen.append(subscription.get(timeout=10).type)
    assert "response.output_audio.delta" not in seen
    subscription.close()


def test_the_audio_of_a_response_by_hand_is_dropped_from_the_mailbox(told):
    """Its deltas of any kind stop, and response.done comes."""
    rt, peer = told
    rt.response.create()
    voice.begin(peer)
    voice.say(peer, SPEECH, "one")
    wait_until(lambda: rt.stats.mailbox_events == 4)
    assert rt.interrupt() == Interruption(response_id="resp_1")
    voice.say(peer, SPEECH, "two")
    voice.finish(peer, status="cancelled")
    kinds = []
    while not kinds or kinds[-1] != "response.done":
        kinds.append(rt.receive(timeout=10).type)
    assert kinds[2:] == ["response.output_audio_transcript.delta", "response.done"]
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)


def test_turns_that_wait_to_be_taken_are_not_in_the_way(told):
    """What waits in turns() is no event."""
    rt, peer = told
    turns = rt.turns(timeout=10)
    voice.speak(peer, SPEECH, "one")
    voice.begin(peer, "resp_2")
    voice.say(peer, SPEECH, "two", "resp_2")
    wait_until(lambda: rt._api.book.active_response_id == "resp_2")
    wait_until(lambda: rt._api.book.spoken.find("item_of_resp_2"))
    assert rt.interrupt(100) == did("resp_2", "item_of_resp_2", 100)
    assert next(turns).turn().audio == SPEECH
    second = next(turns)
    voice.finish(peer, "resp_2", status="cancelled")
    assert (second.turn().audio, second.turn().text) == (b"", "two")
    turns.close()


def test_after_voice_detection_has_cancelled_already(connect, monkeypatch):
    """Barge-in: only the truncation is left to do."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 0.05)
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, SPEECH)
    hear(peer, len(SPEECH))
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.begin(peer)
    voice.say(peer, bytes(250 * MS), "long")
    voice.start_speech(peer, "said_2")
    voice.finish(peer, status="cancelled", reason="turn_detected")
    wait_until(lambda: rt._api.book.input.speaker.done_at)
    assert rt.interrupt(60) == did(None, "item_of_resp_1", 60)
    _, event = listen(peer)
    assert event["audio_end_ms"] == 60
    voice.end_speech(peer, "said_2")
    voice.speak(peer, b"\1\1", "short", "resp_2")
    turn = asked.result()
    assert (turn.text, turn.rounds) == ("short", 1)


def test_barge_in_by_an_urgent_callback_does_not_end_a_live_conversation(connect, monkeypatch):
    """Whether the callback or the server's own cancel comes first: the stream goes on to the answer."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 0.05)
    rt, peer = connect()
    greet(rt, peer)
    interrupted = threading.Semaphore(0)

    @rt.on("input_audio_buffer.speech_started", urgent=True)
    def barge_in(event):
        rt.interrupt(10)
        interrupted.release()

    microphone = Microphone()
    asked = run_in_thread(rt.ask, None, microphone)
    microphone.give(SPEECH)
    hear(peer, len(SPEECH))
    voice.start_speech(peer)
    assert interrupted.acquire(timeout=10)
    voice.end_speech(peer)
    voice.begin(peer)
    voice.say(peer, bytes(250 * MS), "long")
    wait_until(lambda: rt._api.book.spoken.find(None))
    voice.start_speech(peer, "said_2")
    assert interrupted.acquire(timeout=10)
    cancel, cut = peer.receive(), peer.receive()
    assert (cancel["type"], cut["type"]) == ("response.cancel", "conversation.item.truncate")
    voice.finish(peer, status="cancelled", reason="turn_detected")
    peer.error(cancel["event_id"], "response_cancel_not_active")
    voice.end_speech(peer, "said_2")
    microphone.give(SPEECH)
    microphone.give(None)
    voice.speak(peer, b"\1\1", "yes?", "resp_2")
    assert asked.result().text == "yes?"


def test_a_call_clears_the_servers_own_buffer(scripted):
    """On a sideband connection the server plays the audio."""
    client = Client(base_url=scripted.base_url, api_key="test")
    with client.realtime.connect(call_id="rtc_1") as rt:
        peer = scripted.accept()
        rt.interrupt()
        assert sent(rt, peer) == [{"type": "output_audio_buffer.clear"}]


def test_a_paused_reader_goes_on_when_what_filled_the_mailbox_is_dropped(connect):
    """Audio that nobody receives pauses it; an interruption makes room."""
    rt, peer = connect(options={"max_queue": (20, 5)})
    greet(rt, peer, None)
    voice.begin(peer)
    pouring = run_in_thread(lambda: [voice.say(peer, bytes(1000)) for _ in range(40)])
    wait_until(lambda: rt._core.flow.paused)
    rt._api.book.slot.occupant = "resp_1"
    rt.interrupt()
    pouring.result()
    wait_until(lambda: not rt._core.flow.paused)
    peer.send("marker")
    while rt.receive(timeout=10).type != "marker":
        pass


# -- counting ---------------------------------------------------------------------------------------------------------


def delta(data, item_id="i", content_index=0, response_id="r"):
    """Return what the counter reads of a delta."""
    text = base64.b64encode(data).decode()
    return SimpleNamespace(item_id=item_id, content_index=content_index, response_id=response_id, delta=text)


def test_the_count_is_exact_whatever_the_padding():
    """Pieces of any length, also without padding."""
    spoken = SpokenAudio()
    for size in range(1, 50):
        spoken.arrived(delta(bytes(size)))
    unpadded = delta(bytes(10))
    unpadded.delta = unpadded.delta.rstrip("=")
    spoken.arrived(unpadded)
    assert spoken.find("i").size == sum(range(1, 50)) + 10


def test_items_that_alternate_are_counted_apart():
    """The newest is the one that grew last."""
    spoken = SpokenAudio()
    for _ in range(3):
        spoken.arrived(delta(bytes(480), "a"))
        spoken.arrived(delta(bytes(960), "b"))
    assert (spoken.find("a").size, spoken.find("b").size, spoken.find(None).item_id) == (1440, 2880, "b")
    spoken.arrived(delta(bytes(480), "a"))
    assert spoken.find(None).item_id == "a"


def test_only_the_newest_items_are_remembered():
    """However long the session."""
    spoken = SpokenAudio()
    for n in range(1000):
        spoken.announced(f"r{n}", {"type": "audio/pcmu"})
        spoken.arrived(delta(bytes(480), f"i{n}", response_id=f"r{n}"))
    assert len(spoken._items) == len(spoken._formats) == 64
    assert spoken.find("i0") is None
    assert spoken.find("i999").heard(5, PCM16_24K, grows=False) == 5
