"""Whole turns: ask, stream and turns(), against a scripted server."""

from __future__ import annotations

import gc
import threading

import pytest

from realtime_sync.errors import (
    ClosedOK,
    LocalProtocolError,
    ReceiveTimeout,
    RequestTimeout,
    ResponseFailed,
    ServerError,
    SlowConsumer,
    TurnInterrupted,
)
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until


def test_ask_returns_the_whole_turn(connect):
    """Text, id, status, items, usage and timings of one turn; the mailbox gets none of it."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello")
    item = peer.receive("conversation.item.create")["item"]
    create = peer.receive("response.create")
    assert item["content"] == [{"type": "input_text", "text": "hello"}]
    peer.send("conversation.item.added", item={**item, "status": "completed"})
    peer.respond(create, "Hi ", "there", finish=False)
    peer.finish("Hi there", usage={"total_tokens": 5})
    turn = asked.result()
    assert (turn.text, turn.id, turn.status) == ("Hi there", "resp_1", "completed")
    assert turn.items[0].content[0].text == "Hi there"
    assert turn.usage.total_tokens == 5
    assert turn.function_calls == ()
    assert 0 <= turn.timings.first_event <= turn.timings.first_token <= turn.timings.done
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)


def test_ask_without_text_only_creates(connect):
    """With no input there is no item, and settings for this response go along."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, response={"instructions": "be brief", "metadata": {"mine": "1"}})
    create = peer.receive()
    assert create["type"] == "response.create"
    assert create["response"]["instructions"] == "be brief"
    assert create["response"]["metadata"]["mine"] == "1"
    peer.respond(create, "ok")
    assert asked.result().text == "ok"


def test_sixteen_metadata_pairs_of_the_callers_own_are_left_alone(connect):
    """No token can be added, so the order tells the response."""
    rt, peer = connect()
    pairs = {f"k{n}": "v" for n in range(16)}
    asked = run_in_thread(rt.ask, "x", response={"metadata": pairs})
    create = peer.answer("fine")
    assert create["response"]["metadata"] == pairs
    assert asked.result().text == "fine"


def test_a_peer_that_echoes_no_metadata_and_sends_no_deltas(connect):
    """Some compatible servers send only created and done."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "x")
    peer.receive("response.create")
    peer.send("response.created", response={"id": "r"})
    peer.finish("whole", "r")
    assert asked.result().text == "whole"


def test_a_terminal_event_that_does_not_fit_still_ends_the_turn(connect):
    """response.done with nonsense inside arrives as UnknownEvent; the status is still told."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "x")
    peer.answer("text", finish=False)
    peer.send("response.done", response={"id": "resp_1", "status": "completed", "output": "nonsense"})
    turn = asked.result()
    assert (turn.text, turn.status) == ("text", "completed")


def test_stream_gives_events_then_the_turn(connect):
    """Iterating and turn() share the events: what was iterated over is in the turn too."""
    rt, peer = connect()
    opened = run_in_thread(rt.stream, "hello")
    peer.answer("a", "b")
    with opened.result() as stream:
        assert next(stream).type == "conversation.item.added"
        assert list(stream.text()) == ["a", "b"]
        assert stream.turn().text == "ab"
    with pytest.raises(StopIteration):
        next(stream)


def test_leaving_a_stream_cancels_by_id_and_hides_the_rest(connect):
    """After the with block nobody sees the turn, and the conversation is free at its terminal event."""
    rt, peer = connect()
    opened = run_in_thread(rt.stream, "hello")
    peer.answer("a", finish=False)
    with opened.result() as stream:
        assert next(stream.text()) == "a"
    cancel = peer.receive("response.cancel")
    assert cancel["response_id"] == "resp_1"
    waiting = run_in_thread(rt.ask, "next")
    peer.delta("late")
    peer.finish(status="cancelled")
    peer.answer("fresh", response_id="resp_2")
    assert waiting.result().text == "fresh"
    with pytest.raises(LocalProtocolError):
        stream.turn()
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)


def test_a_dropped_stream_is_cancelled(connect):
    """Collection leaves the turn, on the reader."""
    rt, peer = connect()
    opened = run_in_thread(rt.stream, "hello")
    peer.answer("a", finish=False)
    opened.result()
    del opened
    gc.collect()
    assert peer.receive("response.cancel")["response_id"] == "resp_1"


def test_cancel_lets_the_turn_end_in_order(connect):
    """cancel() sends response.cancel; the turn returns with status cancelled and what had arrived."""
    rt, peer = connect()
    opened = run_in_thread(rt.stream, "hello")
    peer.answer("part", finish=False)
    stream = opened.result()
    assert next(stream.text()) == "part"
    stream.cancel()
    assert peer.receive("response.cancel")["response_id"] == "resp_1"
    peer.finish("part", status="cancelled", status_details={"type": "cancelled", "reason": "client_cancelled"})
    turn = stream.turn()
    assert (turn.status, turn.text) == ("cancelled", "part")


def test_a_failed_response_raises_with_the_turn(connect):
    """ask() raises ResponseFailed; iterating does not raise for a status."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello")
    create = peer.answer("half", finish=False)
    error = {"type": "server_error", "code": "boom", "message": "it broke"}
    peer.finish(
        status="failed", metadata=create["response"]["metadata"], status_details={"type": "failed", "error": error}
    )
    with pytest.raises(ResponseFailed, match="it broke") as caught:
        asked.result()
    assert caught.value.turn.text == "half"
    assert caught.value.response.status == "failed"


def test_a_failure_that_tells_only_its_type(connect):
    """Servers that put their codes into the type are quoted all the same."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello")
    create = peer.answer(finish=False)
    details = {"type": "failed", "error": {"type": "model_overloaded"}}
    peer.finish(status="failed", metadata=create["response"]["metadata"], status_details=details)
    with pytest.raises(ResponseFailed, match="model_overloaded"):
        asked.result()


def test_a_turn_in_vain_quotes_the_error_that_named_nothing(connect):
    """A turn that runs out of time unanswered says what may have been the answer."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello", timeout=0.3)
    peer.receive("response.create")
    peer.error(None, message="no such voice")
    with pytest.raises(RequestTimeout, match="no such voice"):
        asked.result()


@pytest.mark.parametrize("which", ["conversation.item.create", "response.create"])
def test_an_error_that_names_our_event_raises_server_error(connect, which):
    """Whether the item or the request was refused; the next ask works."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello")
    sent = {kind: peer.receive(kind) for kind in ("conversation.item.create", "response.create")}
    peer.error(sent[which]["event_id"])
    with pytest.raises(ServerError) as caught:
        asked.result()
    assert caught.value.event_id == sent[which]["event_id"]
    if which == "conversation.item.create":
        peer.respond(sent["response.create"], "wrong", finish=False)
        assert peer.receive("response.cancel")["response_id"] == "resp_1"
        peer.finish(status="cancelled")
    again = run_in_thread(rt.ask, "again")
    peer.answer("right", response_id="resp_2")
    assert again.result().text == "right"


def test_a_refused_create_is_sent_again_after_the_next_done(connect):
    """conversation_already_has_active_response: a new event id, once the other response has ended; no second item."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello", timeout=20)
    peer.receive("conversation.item.create")
    first = peer.receive("response.create")
    peer.send("response.created", response={"id": "other", "metadata": None, "status": "in_progress"})
    peer.error(first["event_id"], "conversation_already_has_active_response")
    peer.finish(response_id="other")
    second = peer.receive()
    assert second["type"] == "response.create"
    assert second["event_id"] != first["event_id"]
    peer.respond(second, "finally")
    assert asked.result().text == "finally"


def test_a_create_refused_for_a_response_we_never_saw_is_sent_again_after_a_second(connect):
    """Another socket of the same session may hold the conversation."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello", timeout=20)
    first = peer.receive("response.create")
    peer.error(first["event_id"], "conversation_already_has_active_response")
    peer.respond(peer.receive("response.create"), "finally")
    assert asked.result().text == "finally"


def test_asks_from_many_threads_wait_for_each_other(connect):
    """One response at a time on the conversation; each thread gets the answer to its own words."""
    rt, peer = connect()
    calls = [run_in_thread(rt.ask, f"question {n}") for n in range(8)]
    for n in range(8):
        text = peer.receive("conversation.item.create")["item"]["content"][0]["text"]
        create = peer.receive("response.create")
        assert rt._api.book.slot.holder is not None
        peer.respond(create, f"answer to {text}", response_id=f"resp_{n}")
    assert [call.result().text for call in calls] == [f"answer to question {n}" for n in range(8)]


def test_ask_waits_for_a_response_started_by_hand(connect):
    """A raw response.create occupies the conversation until its response.done."""
    rt, peer = connect()
    rt.response.create()
    by_hand = peer.receive("response.create")
    peer.respond(by_hand, "by hand", finish=False, response_id="hand")
    wait_until(lambda: rt._api.book.slot.occupant == "hand")
    asked = run_in_thread(rt.ask, "mine")
    wait_until(lambda: rt._api.book.slot._claimants)
    peer.finish("by hand", "hand")
    peer.answer("ours", response_id="ours")
    assert asked.result().text == "ours"
    assert [rt.receive(timeout=10).type for _ in range(4)] == [
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
        "response.done",
    ]


def test_out_of_band_turns_run_beside_the_conversation(connect):
    """Once the peer has shown that it echoes metadata, a second response need not wait, and adds no item."""
    rt, peer = connect()
    first = run_in_thread(rt.ask, "warm up")
    peer.answer("ok", response_id="resp_0")
    first.result()
    long = run_in_thread(rt.ask, "long one")
    long_create = peer.answer("so ", finish=False, response_id="long")
    beside = run_in_thread(rt.ask, "aside", response={"conversation": "none"})
    create = peer.receive()
    assert create["type"] == "response.create"
    assert create["response"]["input"][0]["content"][0]["text"] == "aside"
    peer.respond(create, "quick", response_id="aside")
    assert beside.result().text == "quick"
    peer.delta("on", "long")
    peer.finish("so on", "long", long_create["response"]["metadata"])
    assert long.result().text == "so on"


def test_a_time_out_cancels_and_tells_what_had_arrived(connect):
    """RequestTimeout carries the partial turn; the response is cancelled by id."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "slow", timeout=0.3)
    peer.answer("only this", finish=False)
    with pytest.raises(RequestTimeout) as caught:
        asked.result()
    assert caught.value.partial.text == "only this"
    assert peer.receive("response.cancel")["response_id"] == "resp_1"


def test_a_time_out_before_anything_was_sent(connect):
    """Waiting for the conversation counts too, and then nothing goes out."""
    rt, peer = connect()
    peer.send("response.created", response={"id": "other", "status": "in_progress"})
    wait_until(lambda: rt._api.book.slot.occupant)
    with pytest.raises(RequestTimeout):
        rt.ask("never sent", timeout=0.05)
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"


@pytest.mark.parametrize("how", ["drop", "close"])
def test_a_connection_lost_mid_turn_interrupts_it(connect, how):
    """TurnInterrupted with what had arrived, even for code 1000: nobody asked for the end."""
    rt, peer = connect()
    asked = run_in_thread(rt.ask, "hello")
    peer.answer("some", finish=False)
    getattr(peer, how)()
    with pytest.raises(TurnInterrupted) as caught:
        asked.result()
    assert caught.value.partial.text == "some"
    assert caught.value.code == (1006 if how == "drop" else 1000)
    assert not caught.value.replay_safe


def test_ask_from_a_callback_and_close_from_a_callback(connect):
    """A handler may block in ask() on its own session, and may close it."""
    rt, peer = connect()
    result = []

    def handler(event):
        result.append(rt.ask("from a callback").text)
        rt.close()

    rt.once("session.created", handler)
    peer.send("session.created", session=SESSION)
    peer.answer("heard")
    assert rt.wait_closed(10)
    assert result == ["heard"]


def test_turns_yields_what_nobody_asked_for(connect):
    """A response that the server starts by itself is a turn for turns(), and not in the mailbox."""
    rt, peer = connect()
    turns = rt.turns(timeout=10)
    peer.respond({}, "I ", "begin", response_id="vad")
    assert next(turns).turn().text == "I begin"
    asked = run_in_thread(rt.ask, "mine")
    peer.answer("yours", response_id="resp_2")
    assert asked.result().text == "yours"
    turns.close()
    peer.respond({}, "to the mailbox", response_id="vad2")
    assert rt.receive(timeout=10).type == "response.created"


def test_turns_times_out_and_ends(connect):
    """ReceiveTimeout when none begins; the loop ends quietly after a normal close."""
    rt, peer = connect()
    with pytest.raises(ReceiveTimeout):
        next(rt.turns(timeout=0))
    turns = rt.turns()
    peer.close()
    assert list(turns) == []
    with pytest.raises(ClosedOK):
        rt.receive()


def test_a_turn_nobody_consumes_fails_alone(connect):
    """A stream that is not read past max_queue_bytes raises SlowConsumer; the session goes on."""
    rt, peer = connect(options={"max_queue_bytes": 5000})
    opened = run_in_thread(rt.stream, "hello")
    create = peer.answer("x" * 100, finish=False)
    stream = opened.result()
    for _ in range(60):
        peer.delta("x" * 100)
    peer.finish(metadata=create["response"]["metadata"])
    with pytest.raises(SlowConsumer):
        for _ in stream:
            pass
    again = run_in_thread(rt.ask, "still there?")
    peer.answer("yes", response_id="resp_2")
    assert again.result().text == "yes"


def test_a_script_that_only_asks_never_freezes(connect):
    """However many events nobody reads, the unattended mailbox keeps the newest and the reader goes on."""
    rt, peer = connect(options={"max_queue": 16})
    for n in range(30):
        asked = run_in_thread(rt.ask, "again")
        peer.answer("ok", response_id=f"resp_{n}")
        for _ in range(10):
            peer.send("rate_limits.updated", rate_limits=[])
        assert asked.result().text == "ok"
    wait_until(lambda: rt.stats.mailbox_dropped >= 284)
    assert rt.stats.mailbox_events == 16


def test_text_must_be_text(connect):
    """A wrong argument is told before anything is sent."""
    rt, _ = connect()
    with pytest.raises(LocalProtocolError):
        rt.ask(5)
    with pytest.raises(LocalProtocolError):
        rt.ask("x", response="short")


def test_concurrent_asks_with_random_exits_leave_nothing(connect):
    """Threads that ask, leave early and time out: the conversation is free in the end and nothing is held."""
    rt, peer = connect()
    stop = threading.Event()

    def serve():
        number = 0
        running = {}
        while not stop.is_set():
            try:
                event = peer.receive(timeout=0.1)
            except TimeoutError:
                continue
            if event["type"] == "response.create":
                number += 1
                peer.respond(event, "word ", response_id=f"r{number}", finish=False)
                running[f"r{number}"] = event["response"]["metadata"]
                if number % 3:
                    peer.finish("word", f"r{number}", running.pop(f"r{number}"))
            elif event["type"] == "response.cancel":
                if running.pop(event["response_id"], None) is None:
                    peer.error(event["event_id"], "response_cancel_not_active")
                else:
                    peer.finish("", event["response_id"], status="cancelled")

    server = threading.Thread(target=serve)
    server.start()

    def client(n):
        for round_ in range(5):
            if (n + round_) % 2:
                with rt.stream("go", timeout=20) as stream:
                    next(stream.text())
            else:
                try:
                    rt.ask("go", timeout=0.5)
                except RequestTimeout:
                    continue

    calls = [run_in_thread(client, n) for n in range(6)]
    for call in calls:
        call.result(60)
    wait_until(lambda: rt._api.book.slot.holder is None)
    stop.set()
    server.join()
    book = rt._api.book
    assert not book.routes.responses
    assert not book.routes.items
    assert not book.routes.events
    assert not book.creates
    assert rt._core.flow.consumers <= set(rt._core.callbacks.both)
