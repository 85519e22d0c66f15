"""Send, receive, wait, request, subscribe and callbacks of an open session, against a scripted server."""

from __future__ import annotations

import logging
import threading

import pytest

from realtime_sync.errors import (
    ClosedError,
    ClosedOK,
    ConfigurationError,
    LocalProtocolError,
    ReceiveTimeout,
    RequestTimeout,
    ServerError,
    SlowConsumer,
)
from realtime_sync.types import UndecodableEvent, UnknownEvent
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until

UPDATE = {"type": "session.update", "session": {"type": "realtime", "instructions": "be brief"}}


def test_send_adds_an_event_id_and_returns_it(connect):
    """Every event goes out with an id that is never used twice; one of the caller's own is kept."""
    rt, peer = connect()
    ids = [rt.send({"type": "input_audio_buffer.clear"}) for _ in range(3)]
    own = rt.send({"type": "input_audio_buffer.clear", "event_id": "mine"})
    assert own == "mine"
    assert len(set(ids)) == 3
    assert [peer.receive()["event_id"] for _ in range(4)] == [*ids, "mine"]


@pytest.mark.parametrize(
    "event", [{"no": "type"}, {"type": 5}, {"type": "x", "value": object()}, {"type": "x", "n": float("nan")}]
)
def test_an_event_that_cannot_be_sent_is_refused_before_the_wire(connect, event):
    """A bad event raises LocalProtocolError, sends nothing and leaves the session usable."""
    rt, peer = connect()
    with pytest.raises(LocalProtocolError):
        rt.send(event)
    rt.send({"type": "fine"})
    assert peer.receive()["type"] == "fine"


@pytest.mark.parametrize("timeout", ["5", float("nan"), [5]])
@pytest.mark.parametrize(
    "wait",
    [
        lambda rt, timeout: rt.receive(timeout),
        lambda rt, timeout: rt.wait_for("error", timeout),
        lambda rt, timeout: rt.request(UPDATE, timeout),
        lambda rt, timeout: rt.session.update(UPDATE["session"], wait=True, timeout=timeout),
        lambda rt, timeout: rt.ask("x", timeout=timeout),
        lambda rt, timeout: next(iter(rt.turns(timeout))),
        lambda rt, timeout: rt.wait_closed(timeout),
    ],
    ids=["receive", "wait_for", "request", "update", "ask", "turns", "wait_closed"],
)
def test_a_timeout_that_is_none_is_refused(connect, wait, timeout):
    """It is named, nothing is sent, and nobody waits for ever."""
    rt, peer = connect()
    with pytest.raises(ConfigurationError, match="timeout must be a number of seconds"):
        wait(rt, timeout)
    rt.send({"type": "fine"})
    assert peer.receive()["type"] == "fine"


def test_a_turn_has_no_negative_time(connect):
    """As requests of the Responses API have none."""
    rt, peer = connect()
    with pytest.raises(ConfigurationError, match="got -1"):
        rt.ask("x", timeout=-1)
    rt.send({"type": "fine"})
    assert peer.receive()["type"] == "fine"


def test_what_a_session_looks_like(connect):
    """Whether it is open, and else its close code."""
    rt, _ = connect()
    assert repr(rt) == "RealtimeSession(open)"
    rt.close()
    assert repr(rt) == "RealtimeSession(closed, code 1000)"


def test_receive_gives_events_in_order_and_times_out(connect):
    """A time-out raises ReceiveTimeout (also TimeoutError), loses nothing, and the session goes on."""
    rt, peer = connect()
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)
    with pytest.raises(TimeoutError):
        rt.receive(timeout=0.01)
    peer.send("session.created", session=SESSION)
    peer.delta("a")
    assert rt.receive(timeout=10).session.id == "sess_1"
    assert rt.recv(timeout=10).delta == "a"


def test_iteration_ends_quietly_after_a_normal_close(connect):
    """What had arrived comes first, then the loop just ends; receive() raises."""
    rt, peer = connect()
    peer.delta("a")
    peer.delta("b")
    peer.close(1000, "bye")
    assert [event.delta for event in rt] == ["a", "b"]
    error = pytest.raises(ClosedOK, rt.receive).value
    assert (error.code, error.reason, error.closed_by) == (1000, "bye", "remote")
    assert (rt.closed, rt.close_code, rt.close_reason) == (True, 1000, "bye")
    assert list(rt.events()) == []


def test_iteration_raises_after_a_lost_connection(connect):
    """An end nobody asked for is an error, after everything that had arrived."""
    rt, peer = connect()
    peer.delta("a")
    peer.drop()
    got = []
    with pytest.raises(ClosedError) as caught:
        got.extend(event.delta for event in rt)
    assert got == ["a"] or [event.delta for event in got] == ["a"]
    assert caught.value.code == 1006


def test_events_limits_the_gap(connect):
    """events(timeout=) raises when nothing comes for too long, and can be taken up again."""
    rt, peer = connect()
    peer.delta("a")
    seen = []
    with pytest.raises(ReceiveTimeout):
        seen.extend(event.delta for event in rt.events(timeout=0.2))
    peer.delta("b")
    assert seen == ["a"]
    assert next(iter(rt.events(timeout=10))).delta == "b"


def test_wait_for_finds_what_came_since_the_last_send(connect):
    """The answer may come before wait_for is called; receive() still gets it too."""
    rt, peer = connect()
    rt.send(UPDATE)
    peer.receive()
    peer.send("session.updated", session=SESSION)
    peer.delta("x")
    rt.wait_for("response.*", timeout=10)
    other = run_in_thread(rt.wait_for, "session.updated", 10)
    assert other.result().session.id == "sess_1"
    assert rt.receive(timeout=10).type == "session.updated"


def test_wait_for_never_returns_a_stale_event(connect):
    """An answer to an earlier request of this thread is not taken for the next one's."""
    rt, peer = connect()
    rt.send(UPDATE)
    peer.receive()
    peer.send("session.updated", session={**SESSION, "id": "first"})
    assert rt.wait_for("session.updated", timeout=10).session.id == "first"
    with pytest.raises(ReceiveTimeout):
        rt.wait_for("session.updated", timeout=0)
    rt.send(UPDATE)
    with pytest.raises(ReceiveTimeout):
        rt.wait_for("session.updated", timeout=0)
    peer.send("session.updated", session={**SESSION, "id": "second"})
    assert rt.wait_for("session.updated", timeout=10).session.id == "second"


def test_wait_for_with_a_condition(connect):
    """`where` picks among the matching events, on the waiting thread."""
    rt, peer = connect()
    threads = set()

    def wanted(event):
        threads.add(threading.current_thread())
        return event.delta == "b"

    for piece in "abc":
        peer.delta(piece)
    assert rt.wait_for("response.output_text.delta", timeout=10, where=wanted).delta == "b"
    assert threads == {threading.current_thread()}


def test_wait_for_says_when_it_cannot_look_back_far_enough(connect):
    """Rather than miss an event, it names the way that cannot."""
    rt, peer = connect()
    for _ in range(300):
        peer.delta("x")
    wait_until(lambda: rt.stats.events_received == 300)
    with pytest.raises(LocalProtocolError, match="subscribe"):
        rt.wait_for("response.done", timeout=1)


def test_wait_for_ends_with_the_connection(connect):
    """A wait with no limit does not outlive the session."""
    rt, peer = connect()
    waiting = run_in_thread(rt.wait_for, "response.done")
    wait_until(lambda: rt._core.observers._queues)
    peer.drop()
    with pytest.raises(ClosedError):
        waiting.result()


def test_request_returns_the_acknowledgement(connect):
    """The event that answers, matched by order for session.update and by item id for items."""
    rt, peer = connect()
    asked = run_in_thread(rt.request, UPDATE)
    peer.receive("session.update")
    peer.send("session.updated", session=SESSION)
    assert asked.result().session.id == "sess_1"

    made = run_in_thread(rt.conversation.item.create, {"type": "message", "role": "user", "content": []}, wait=True)
    item = peer.receive("conversation.item.create")["item"]
    peer.send("conversation.item.added", item={**item, "id": "another"})
    peer.send("conversation.item.added", item=item)
    assert made.result().item.id == item["id"]


def test_request_raises_the_error_that_names_it(connect):
    """ServerError carries type, code, param and the event; the session stays open."""
    rt, peer = connect()
    asked = run_in_thread(rt.session.update, {"voice": "loud"}, wait=True)
    sent = peer.receive("session.update")
    assert sent["session"]["type"] == "realtime"
    peer.error(sent["event_id"], "unknown_parameter", "Unknown parameter: voice")
    with pytest.raises(ServerError, match="Unknown parameter") as caught:
        asked.result()
    assert (caught.value.code, caught.value.event_id) == ("unknown_parameter", sent["event_id"])
    assert not rt.closed


def test_request_times_out_and_its_late_answer_confuses_nobody(connect):
    """The late answer is not taken for the next request's."""
    rt, peer = connect()
    with pytest.raises(RequestTimeout):
        rt.request(UPDATE, timeout=0.05)
    second = run_in_thread(rt.request, UPDATE)
    for _ in range(2):
        peer.receive("session.update")
    peer.send("session.updated", session={**SESSION, "id": "late"})
    peer.send("session.updated", session={**SESSION, "id": "right"})
    assert second.result().session.id == "right"


def test_request_of_what_is_never_acknowledged_is_refused(connect):
    """Waiting for an answer that cannot come is a mistake that is told at once."""
    rt, _ = connect()
    with pytest.raises(LocalProtocolError, match="send"):
        rt.request({"type": "input_audio_buffer.append", "audio": ""})


def test_requests_from_many_threads_get_their_own_answers(connect):
    """Twenty threads at once: each answer reaches the thread whose event was at that place in the order."""
    rt, peer = connect()
    calls = [run_in_thread(rt.session.update, {"instructions": str(n)}, wait=True) for n in range(20)]
    for _ in range(20):
        sent = peer.receive("session.update")
        peer.send("session.updated", session={**SESSION, "instructions": sent["session"]["instructions"]})
    assert [call.result().session.instructions for call in calls] == [str(n) for n in range(20)]


def test_a_subscription_sees_every_match_and_takes_nothing_away(connect):
    """Active when subscribe() returns; a second consumer and receive() see the same events."""
    rt, peer = connect()
    with rt.subscribe("response.*") as one, rt.subscribe("error", "response.output_text.delta") as two:
        peer.send("session.created", session=SESSION)
        peer.delta("a")
        assert one.get(timeout=10).delta == "a"
        assert next(two).delta == "a"
        with pytest.raises(ReceiveTimeout):
            one.get(timeout=0)
    with pytest.raises(LocalProtocolError):
        one.get(timeout=0)
    assert rt.receive(timeout=10).type == "session.created"
    assert rt.receive(timeout=10).delta == "a"


def test_a_subscription_ends_with_the_session(connect):
    """Queued events first; then a loop ends quietly if the close was asked for, and get() raises."""
    rt, peer = connect()
    subscription = rt.subscribe("*")
    peer.delta("a")
    peer.close()
    assert [event.delta for event in subscription] == ["a"]
    with pytest.raises(ClosedOK):
        subscription.get()


def test_a_slow_subscriber_fails_alone(connect):
    """Past max_queue_bytes that subscription raises SlowConsumer; the mailbox has everything."""
    rt, peer = connect(options={"max_queue_bytes": 2000})
    slow = rt.subscribe("*")
    received = []
    for n in range(20):
        peer.delta(str(n))
        received.append(rt.receive(timeout=10).delta)
    with pytest.raises(SlowConsumer):
        list(slow)
    assert received == [str(n) for n in range(20)]
    assert rt.stats.subscriptions_dropped > 0


def test_a_dropped_subscription_is_forgotten(connect):
    """Without close(), collection ends it, on the reader."""
    rt, peer = connect()
    rt.subscribe("*")
    peer.delta("a")
    wait_until(lambda: rt._core.observers.empty)
    assert rt.receive(timeout=10).delta == "a"


def test_unknown_and_undecodable_events_arrive(connect, caplog):
    """Nothing a server sends ends a session; each kind is logged once a type and counted."""
    rt, peer = connect()
    with caplog.at_level(logging.INFO, "realtime_sync"):
        for _ in range(2):
            peer.send("brand.new", value=1)
        peer.send_text("{not json")
        peer.send_text("[1, 2]")
        peer.send_text(b'{"type": "brand.new"}')
        peer.send("response.output_text.delta", delta=None)
        events = [rt.receive(timeout=10) for _ in range(6)]
    assert [type(event) for event in events] == [
        UnknownEvent,
        UnknownEvent,
        UndecodableEvent,
        UndecodableEvent,
        UnknownEvent,
        UnknownEvent,
    ]
    assert events[2].raw == "{not json"
    assert events[5].error is not None
    assert (rt.stats.unknown_events, rt.stats.undecodable_events) == (4, 2)
    assert sum("brand.new" in record.message for record in caplog.records) == 1


def test_an_error_nobody_handles_is_logged(connect, caplog):
    """A script that only asks still finds the server's complaint in its log, and on the closing exception."""
    rt, peer = connect()
    with rt.subscribe("response.done") as done:
        peer.error(None, "server_error", "something broke")
        peer.finish()
        done.get(timeout=10)
    wait_until(lambda: "something broke" in caplog.text)
    peer.drop()
    assert rt.wait_closed(10)
    error = pytest.raises(ClosedError, lambda: [rt.receive() for _ in range(9)]).value
    assert error.server_error.error.code == "server_error"


def test_a_misspelt_name_gets_a_hint(connect, caplog):
    """on, wait_for and subscribe warn about a name that no event has, with the nearest that one has."""
    rt, _ = connect()
    rt.on("response.output_txt.delta", print)
    assert "response.output_text.delta" in caplog.text


def test_bad_arguments_are_told(connect):
    """No names to subscribe to, a handler that cannot be called."""
    rt, _ = connect()
    with pytest.raises(LocalProtocolError):
        rt.subscribe()
    with pytest.raises(LocalProtocolError):
        rt.on("error", "not callable")


def test_use_after_close(connect):
    """Everything that needs the connection raises ClosedOK at once; closing again is harmless."""
    rt, _ = connect()
    run_in_thread(rt.close).result()
    for call in (
        lambda: rt.send({"type": "x"}),
        rt.receive,
        lambda: rt.wait_for("response.done"),
        lambda: rt.request(UPDATE),
        lambda: rt.ask("hello"),
        lambda: rt.subscribe("*").get(),
    ):
        with pytest.raises(ClosedOK):
            call()
    rt.close()
    assert rt.wait_closed(0)


def test_a_session_dropped_without_close_warns_and_closes(connect, scripted):
    """No thread and no socket outlives a forgotten session."""
    from realtime_sync import Client

    client = Client(base_url=scripted.base_url, api_key="k")
    rt = client.realtime.connect(model="m")
    core = rt._core
    scripted.accept()
    with pytest.warns(ResourceWarning, match="close"):
        del rt
    core.reader.thread.join(10)
    assert core.finished
