"""Sending across a gap: what is held, in which order it goes out, what a sender is told."""

from __future__ import annotations

import json
import threading

import pytest

from realtime_sync import Client
from realtime_sync.errors import (
    AuthenticationError,
    ClosedError,
    ClosedOK,
    ConnectionClosed,
    ReconnectFailed,
    RequestTimeout,
    SendTimeout,
    ServerError,
)
from realtime_sync.session import Held, _acknowledgements
from realtime_sync.session._holder import Holder
from tests.support.interrupting import interrupted_everywhere
from tests.support.peer import TEXT
from tests.support.reconnecting import QUICK, gap, item
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until


def ledger_of(rt):
    return rt._core.holder.ledger


def test_what_is_sent_meanwhile_goes_out_in_order(connect, scripted):
    """Before what is sent afterwards, each once, under the ids that send returned."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        ids = [rt.send({"type": "x.held", "n": n}) for n in range(5)]
    new = scripted.accept()
    ids += [rt.send({"type": "x.held", "n": n}) for n in range(5, 10)]
    came = [new.receive() for _ in range(10)]
    assert [event["n"] for event in came] == list(range(10))
    assert [event["event_id"] for event in came] == ids
    assert len(set(ids)) == 10


def test_several_senders_during_a_flush_keep_each_one_s_order(connect, scripted):
    """New events go behind the held ones while these leave slowly, and no event overtakes one of the same thread."""
    rt, peer = connect(retry=QUICK, options={"write_limit": 3000})
    go = threading.Event()

    def send(sender):
        for n in range(100):
            rt.send({"type": "x.race", "sender": sender, "n": n})
            if n == 5:
                go.wait()

    with gap(scripted, rt, peer):
        senders = [run_in_thread(send, sender) for sender in range(3)]
        wait_until(lambda: len(ledger_of(rt).held) == 18)
    new = scripted.accept()
    go.set()
    came = [new.receive() for _ in range(300)]
    for sender in senders:
        sender.result()
    for number in range(3):
        assert [event["n"] for event in came if event["sender"] == number] == list(range(100))


def test_senders_racing_with_losses_lose_nothing_that_is_not_reported(connect, scripted):
    """Three threads send while the server drops the connection again and again: seen once, or unconfirmed."""
    # Large events, so that the kernel takes less of them than are noted as unconfirmed at the most.
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 1000, "deadline": None}, options={"write_limit": 100_000})
    sent: list[list[str]] = [[], [], []]
    stop = threading.Event()

    def send(mine):
        while not stop.is_set():
            mine.append(rt.send(item("x" * 20_000, f"item_{len(mine)}_{id(mine)}")))

    def seen_of(peer):
        came = []
        try:
            while True:
                came.append(peer.receive(timeout=5)["event_id"])
                if len(came) == 20:
                    peer.drop()
        except Exception:
            return came

    senders = [run_in_thread(send, mine) for mine in sent]
    seen: list[str] = []
    unconfirmed: list[str] = []
    for _ in range(4):
        seen += seen_of(peer)
        peer = scripted.accept()
    stop.set()
    for sender in senders:
        sender.result()
    rt.send({"type": "x.last"})
    while (event := peer.receive())["type"] != "x.last":
        seen.append(event["event_id"])
    while rt.stats.mailbox_events:
        event = rt.receive(timeout=0)
        if event.type == "reconnected":
            assert event.unsent == ()
            unconfirmed += event.unconfirmed
    assert len(set(seen)) == len(seen), "an event arrived twice"
    assert {each for mine in sent for each in mine} - set(seen) <= set(unconfirmed)
    for mine in sent:
        order = [mine.index(each) for each in seen if each in set(mine)]
        assert order == sorted(order)


def test_a_sender_notices_the_loss_before_the_reader(connect, scripted):
    """The connection refuses an event that the session then holds, although nobody has told it of the loss yet."""
    rt, peer = connect(retry=QUICK)
    core = rt._core
    scripted.gate.clear()
    with core.lock:  # The reader cannot route the loss while this is held.
        peer.drop()
        wait_until(lambda: not core.connection.is_open)
        assert core.generation == 0
        assert core.holder.offer_locked(held_of(core, "x.first"))
        assert core.holder.ledger.holding
    rt.send({"type": "x.second"})
    scripted.gate.set()
    new = scripted.accept()
    assert [new.receive()["type"] for _ in range(2)] == ["x.first", "x.second"]


def held_of(core, kind):
    data = core.complete({"type": kind})
    return Held(data, core.connection.prepare(json.dumps(data)), None, None)


def numbers_of(link) -> list[int]:
    """Return the numbers of the events that come, up to the last one."""
    events = [json.loads(link.read_data().text)]
    while events[-1]["type"] != "x.last":
        events.append(json.loads(link.read_data().text))
    return [event["n"] for event in events]


def test_a_sender_blocked_by_a_full_queue_outlives_the_connection(make_peer):
    """It waits for a peer that takes nothing; the connection goes; its event leaves on the next one."""
    peer = make_peer()
    client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k", options={"close_timeout": 0.2})
    options = {"write_limit": 200_000, "send_timeout": None, "sockopt": ((1, 7, 8192),)}
    with client.realtime.connect(model="m", retry=QUICK, options=options) as rt:
        link = peer.link()
        total = 0

        def fill():
            nonlocal total
            while not done:
                rt.send({"type": "x.fill", "n": total, "pad": "x" * 50_000})
                total += 1

        done: list[bool] = []
        filling = run_in_thread(fill)
        wait_until(lambda: rt._core.connection._writer._waiting, what="a blocked sender")
        done.append(True)
        link.reset()
        new = peer.link()
        reading = run_in_thread(numbers_of, new)
        filling.result()
        rt.send({"type": "x.last", "n": total})
        numbers = reading.result()
        assert numbers == list(range(numbers[0], total + 1))
        assert len(numbers) > 1
        assert rt.stats.events_sent == total + 1  # Each once, though some were queued twice.
        link.drop()
        new.drop()
        rt.start_close()


@pytest.mark.parametrize("end", ["room", "timeout", "close", "giving up"])
def test_what_ends_the_wait_for_room_in_a_gap(connect, scripted, end):
    """A new connection, send_timeout, a close of this side, and the failure to reconnect."""
    options = {"write_limit": (1000, 100), "send_timeout": 0.05 if end == "timeout" else 20}
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 1}, options=options)
    with gap(scripted, rt, peer):
        rt.send({"type": "x.big", "pad": "x" * 2000})
        sending = run_in_thread(rt.send, {"type": "x.waits"})
        if end == "timeout":
            with pytest.raises(SendTimeout, match="write_limit") as caught:
                sending.result()
            assert caught.value.replay_safe
            return
        wait_until(lambda: ledger_of(rt)._waiters)
        if end == "close":
            rt.close()
            with pytest.raises(ClosedOK):
                sending.result()
            return
        if end == "giving up":
            scripted.refusals.append((401, {}))
    if end == "giving up":
        with pytest.raises(ReconnectFailed) as failed:
            sending.result()
        assert [event["type"] for event in failed.value.unsent] == ["x.big"]
        assert isinstance(failed.value.__cause__, AuthenticationError)
        return
    sending.result()
    new = scripted.accept()
    assert [new.receive()["type"] for _ in range(2)] == ["x.big", "x.waits"]


def test_a_request_in_a_gap_is_answered_by_the_next_connection(connect, scripted):
    """It waits like any event; nothing tells its caller of the gap."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.request, item("held", "item_held"), 20)
        wait_until(lambda: ledger_of(rt).held)
    new = scripted.accept()
    event = new.receive("conversation.item.create")
    new.send("conversation.item.added", item={**event["item"], "status": "completed"})
    assert asking.result().item.id == "item_held"


def test_a_request_that_times_out_in_a_gap_was_never_sent(connect, scripted):
    """It says so, and it is not sent later either."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        with pytest.raises(RequestTimeout, match="not sent") as caught:
            rt.request(item("withdrawn", "item_1"), timeout=0.02)
        assert caught.value.replay_safe
        assert ledger_of(rt).bytes == 0
        rt.send({"type": "x.next"})
    assert scripted.accept().receive()["type"] == "x.next"


def test_a_request_that_was_handed_over_fails_at_the_loss(connect, scripted):
    """At once, not after its time-out, with what the server had said; whether it was done is not known."""
    rt, peer = connect(retry=QUICK)
    asking = run_in_thread(rt.request, item("x", "item_1"), 20)
    event = peer.receive()
    peer.error(None, code="session_expired", message="60 minutes")
    rt.wait_for("error", 10)
    with gap(scripted, rt, peer, code=1001), pytest.raises(ConnectionClosed) as caught:
        asking.result(5)
    assert caught.value.server_error.error.code == "session_expired"
    assert not caught.value.replay_safe
    scripted.accept()
    marker = next(each for each in rt.events(10) if each.type == "reconnected")
    assert marker.unconfirmed == (event["event_id"],)


def test_the_order_of_answers_starts_afresh(connect, scripted):
    """An unanswered update of the old session does not take the answer of one in the new session."""
    rt, peer = connect(retry={**QUICK})
    rt.send({"type": "input_audio_buffer.clear"})
    peer.receive()
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.request, {"type": "input_audio_buffer.commit"}, 20)
        wait_until(lambda: ledger_of(rt).held)
    new = scripted.accept()
    event = new.receive("input_audio_buffer.commit")
    new.error(event["event_id"], code="input_audio_buffer_commit_empty")
    with pytest.raises(ServerError, match="commit_empty"):
        asking.result()


def test_a_request_that_makes_no_sense_any_more_is_told_so(connect, scripted):
    """It names an item of the session that is lost: not sent, and safe to repeat."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        asking = run_in_thread(rt.conversation.item.delete, "item_old", wait=True)
        wait_until(lambda: ledger_of(rt).held)
    scripted.accept()
    with pytest.raises(ClosedError, match="session that is lost") as caught:
        asking.result()
    assert caught.value.replay_safe
    marker = next(each for each in rt.events(10) if each.type == "reconnected")
    assert [event["type"] for event in marker.unsent] == ["conversation.item.delete"]


def test_held_for_long_is_not_old_when_it_is_sent(connect, scripted, monkeypatch):
    """An order-matched event that waited longer than a tombstone lives still gets its own answer."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        rt.session.update({"instructions": "first"})
        asking = run_in_thread(rt.session.update, {"instructions": "second"}, wait=True, timeout=20)
        wait_until(lambda: len(ledger_of(rt).held) == 2)
        with rt._core.lock:
            ledger_of(rt).held[0].pending.sent_at -= _acknowledgements.TOMBSTONE_SECONDS + 1
    new = scripted.accept()
    for _ in range(2):
        update = new.receive("session.update")["session"]
        new.send("session.updated", session={**SESSION, **update})
    assert asking.result().session.instructions == "second"


def test_statistics_go_on(connect, scripted):
    """Over both connections; what is sent again counts once, and nothing counts twice during the gap."""
    rt, peer = connect(retry=QUICK)
    peer.send("x.one")
    rt.receive(10)
    rt.send({"type": "x.first"})
    peer.receive()
    before = rt.stats
    with gap(scripted, rt, peer):
        during = rt.stats
        rt.send({"type": "x.second", "pad": "x" * 100})
        assert (during.bytes_sent, during.bytes_received) == (before.bytes_sent, before.bytes_received)
        assert rt.stats.send_backlog_bytes > 100
    new = scripted.accept()
    new.receive()
    new.send("x.two")
    rt.wait_for("x.two", 10)
    # The peer may have it before this side has noted so.
    wait_until(lambda: rt.stats.bytes_sent > before.bytes_sent + 100)
    after = rt.stats
    assert (after.events_sent, after.events_received) == (2, 2)
    assert after.bytes_received > before.bytes_received
    wait_until(lambda: rt.stats.send_backlog_bytes == 0)


@pytest.mark.raises_anywhere
def test_sending_in_a_gap_interrupted_at_every_point(connect, scripted):
    """Whatever a signal handler raises when: the account of what is held stays right, and each event goes out once."""
    rt, peer = connect(retry=QUICK)
    ledger = ledger_of(rt)
    with gap(scripted, rt, peer):
        for point in interrupted_everywhere(lambda: rt.send({"type": "x.cut"})):
            assert not rt._core.lock.locked()
            assert ledger.bytes == sum(len(each.outgoing) for each in ledger.held), point
        held = [each.event_id for each in ledger.held]
        for _ in interrupted_everywhere(lambda: rt.request(item("x", "item_cut"), timeout=0), RequestTimeout):
            assert not rt._core.lock.locked()
            assert ledger.bytes == sum(len(each.outgoing) for each in ledger.held)
        requests = [each.event_id for each in list(ledger.held)[len(held) :]]
        rt.send({"type": "x.last"})
    new = scripted.accept()
    came = [new.receive() for _ in range(len(held) + len(requests) + 1)]
    assert came[-1]["type"] == "x.last"
    assert [event["event_id"] for event in came[:-1]] == [*held, *requests]


def test_a_session_that_ends_just_before_a_sender_waits_for_room(connect, scripted, monkeypatch):
    """It is told at once, as nothing will wake it any more."""
    rt, peer = connect(retry=QUICK, options={"write_limit": 100, "send_timeout": 1})
    wait_for_room = Holder.wait_for_room

    def end_first(holder, deadline):
        rt.close()
        wait_for_room(holder, deadline)

    monkeypatch.setattr(Holder, "wait_for_room", end_first)
    with gap(scripted, rt, peer):
        rt.send({"type": "x.fill", "pad": "x" * 100})
        with pytest.raises(ClosedOK):
            rt.send({"type": "x.late"})


def test_a_peer_that_stops_reading_and_dies(make_peer, tls):
    """Over TLS: no event arrives on both connections; what arrived on neither is reported as unconfirmed."""
    peer = make_peer(tls=tls.server_context)
    options = {"write_limit": None, "ssl_context": tls.client_context, "sockopt": ((1, 7, 8192),), "close_timeout": 0.2}
    client = Client(base_url=f"https://localhost:{peer.port}/v1", api_key="k", options=options)
    with client.realtime.connect(model="m", retry=QUICK) as rt:
        link = peer.link()
        sent = []
        while rt.stats.send_backlog_bytes < 300_000:
            sent.append(rt.send(item("x" * 5000, f"item_{len(sent)}")))
        link.sever()
        first = events_of(link, rt)
        new = peer.link()
        second = [json.loads(new.read_data().text)["event_id"]]
        marker = next(each for each in rt.events(10) if each.type == "reconnected")
        while second[-1] != sent[-1]:
            second.append(json.loads(new.read_data().text)["event_id"])
        assert not set(first) & set(second)
        assert [*first, *second] == [each for each in sent if each in {*first, *second}]
        assert set(sent) - {*first, *second} <= set(marker.unconfirmed)
        assert len(second) > 1
        rt.start_close()
        new.drop()


def events_of(link, rt) -> list[str]:
    """Read what comes on a connection that the client has given up, and return the ids of the whole events."""
    wait_until(lambda: rt._core.generation)
    ids = []
    try:
        while (got := link.read_frame()).opcode == TEXT:
            ids.append(json.loads(got.text)["event_id"])
    except (EOFError, OSError):
        pass
    return ids
