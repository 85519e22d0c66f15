"""Answers that are matched by order when something went wrong: doubt, equal ids, sends that were cut short."""

from __future__ import annotations

import pytest

from realtime_sync import Client
from realtime_sync.errors import AcknowledgementUnknown, ConnectionClosed, RequestTimeout
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread

UPDATE = {"type": "session.update", "session": {"type": "realtime"}}


def update(rt, peer, instructions):
    """Begin a session.update in a thread; returns when the server has it."""
    call = run_in_thread(rt.session.update, {"instructions": instructions}, wait=True, timeout=10)
    peer.receive("session.update")
    return call


@pytest.fixture
def choked(make_peer):
    """Open sessions to a server that upgrades and then reads nothing."""
    opened = []

    def choked(**options):
        peer = make_peer()
        client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k")
        limits = {"write_limit": (200_000, 10), "close_timeout": 0.1}
        opened.append(client.realtime.connect(model="m", options={**limits, **options}))
        return opened[-1]

    yield choked
    for rt in opened:
        rt.close()


def test_a_request_in_vain_quotes_the_error_that_named_nothing(connect):
    """A request that is never answered says what may have been the answer."""
    rt, peer = connect()
    asked = run_in_thread(rt.request, UPDATE, timeout=0.3)
    peer.receive("session.update")
    peer.error(None, message="no such voice")
    with pytest.raises(RequestTimeout, match="no such voice") as caught:
        asked.result()
    assert caught.value.__cause__.code == "invalid_value"


def test_an_error_without_an_id_is_not_undone_by_a_later_request(connect):
    """A request that an error without an id may have refused does not take the answer to the next one."""
    rt, peer = connect()
    refused = update(rt, peer, "bad")
    peer.error(None)
    assert rt.receive(timeout=10).type == "error"
    accepted = update(rt, peer, "good")
    peer.send("session.updated", session={**SESSION, "instructions": "good"})
    for call in (refused, accepted):
        with pytest.raises(AcknowledgementUnknown):
            call.result()


def test_doubt_ends_once_every_answer_is_in(connect):
    """After answers to all events in doubt, the next request gets its own answer again."""
    rt, peer = connect()
    calls = [update(rt, peer, "one"), update(rt, peer, "two")]
    peer.error(None)
    peer.send("session.updated", session=SESSION)
    for call in calls:
        with pytest.raises(AcknowledgementUnknown):
            call.result()
    peer.send("session.updated", session=SESSION)
    assert [rt.receive(timeout=10).type for _ in range(3)] == ["error", "session.updated", "session.updated"]
    fresh = update(rt, peer, "three")
    peer.send("session.updated", session={**SESSION, "instructions": "three"})
    assert fresh.result().session.instructions == "three"


def test_requests_with_the_same_event_id_both_end_with_the_session(connect):
    """An id that the caller used twice leaves neither waiting without limit after the close."""
    rt, peer = connect()
    calls = []
    for _ in range(2):
        calls.append(run_in_thread(rt.request, {**UPDATE, "event_id": "same"}, timeout=None))
        peer.receive("session.update")
    rt.close()
    for call in calls:
        with pytest.raises(ConnectionClosed):
            call.result()


def test_requests_with_the_same_event_id_are_answered_in_order(connect):
    """The order decides where ids are equal too."""
    rt, peer = connect()
    calls = []
    for _ in range(2):
        calls.append(run_in_thread(rt.request, {**UPDATE, "event_id": "same"}, timeout=10))
        peer.receive("session.update")
    for name in ("first", "second"):
        peer.send("session.updated", session={**SESSION, "instructions": name})
    assert [call.result().session.instructions for call in calls] == ["first", "second"]


@pytest.mark.parametrize("queued", [False, True], ids=["before queueing", "after queueing"])
def test_a_send_cut_short_never_shifts_an_answer(connect, monkeypatch, queued):
    """After Ctrl-C inside a send the next request gets its own answer, whether the event went out or not."""
    rt, peer = connect()
    connection = type(rt._core.connection)
    offer = connection.offer

    def cut_short(self, outgoing):
        if queued:
            assert offer(self, outgoing)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(connection, "offer", cut_short)
        with pytest.raises(KeyboardInterrupt):
            rt.session.update({"instructions": "first"})
    assert rt.stats.events_sent == queued
    second = run_in_thread(rt.session.update, {"instructions": "second"}, wait=True, timeout=10)
    for _ in range(1 + queued):
        instructions = peer.receive("session.update")["session"]["instructions"]
        peer.send("session.updated", session={**SESSION, "instructions": instructions})
    assert second.result().session.instructions == "second"


def test_two_requests_about_one_item(connect):
    """The late answer to one that timed out is not taken for the answer to the next."""
    rt, peer = connect()
    with pytest.raises(RequestTimeout):
        rt.conversation.item.truncate("item_1", audio_end_ms=100, wait=True, timeout=0.01)
    second = run_in_thread(rt.conversation.item.truncate, "item_1", audio_end_ms=50, wait=True, timeout=10)
    for _ in range(2):
        sent = peer.receive("conversation.item.truncate")
        peer.send("conversation.item.truncated", item_id="item_1", content_index=0, audio_end_ms=sent["audio_end_ms"])
    assert second.result().audio_end_ms == 50


def test_a_request_that_finds_no_room_in_time_is_a_request_timeout(choked):
    """While the server takes no data, a request with a time-out ends at it, and says that nothing was sent."""
    rt = choked()
    rt.send({"type": "input_audio_buffer.append", "audio": "AAAA" * 5_000_000})
    with pytest.raises(RequestTimeout) as caught:
        rt.session.update({}, wait=True, timeout=0.3)
    assert caught.value.replay_safe


def test_an_ask_whose_item_was_sent_is_not_safe_to_repeat(choked):
    """Where the create finds no room behind its own item, the error does not claim that nothing was sent."""
    rt = choked()
    with pytest.raises(RequestTimeout) as caught:
        rt.ask("x" * 20_000_000, timeout=0.5)
    assert rt.stats.events_sent == 1
    assert not caught.value.replay_safe
