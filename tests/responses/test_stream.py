"""Streams of requests: their events, their text, their result, and leaving them."""

from __future__ import annotations

import threading

import pytest

from realtime_sync import NOT_GIVEN
from realtime_sync.errors import (
    ConfigurationError,
    LocalProtocolError,
    ResponseFailed,
    ServerError,
    TurnInterrupted,
)
from tests.responses.live_support import answer, begin, delta, end, error
from tests.support.waiting import run_in_thread, wait_until


def test_events_then_the_response(lanes):
    """Iterating gives every event in order, and the response is there afterwards without waiting."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        assert (stream.id, stream.lane) == (None, "rts-0")
        answer(peer, peer.receive(), "a", "b")
        kinds = [event.type for event in stream]
        assert kinds == [
            "response.created",
            "response.output_item.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.completed",
        ]
        assert stream.response().output_text == "ab"
        assert stream.get_final_response() is stream.response()
        assert (stream.id, list(stream)) == ("resp_1", [])


def test_text_as_it_comes(lanes):
    """Pieces arrive while the response runs."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        create = peer.receive()
        begin(peer, create)
        text = stream.text()
        for piece in ("a", "b"):
            delta(peer, create, piece)
            assert next(text) == piece
        end(peer, create, text="ab")
        assert list(text) == []
        assert stream.response().output_text == "ab"


def test_an_error_is_the_last_event_and_raises_for_the_result(lanes):
    """Iterating never raises for it."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        error(peer, peer.receive(), "bad")
        assert [event.type for event in stream] == ["error"]
        with pytest.raises(ServerError, match="bad"):
            stream.response()


def test_leaving_early_drains_in_the_background(lanes):
    """Nobody sees the rest; the lane is free again at the end of the response."""
    conn, peer = lanes(known=False)
    with conn.stream(input="x") as stream:
        create = peer.receive()
        begin(peer, create)
        next(stream)
    assert list(stream) == []
    with pytest.raises(LocalProtocolError, match="left before its response ended"):
        stream.response()
    following = run_in_thread(conn.create, input="y")
    wait_until(lambda: conn.lanes.waiting == 1)
    delta(peer, create, "for nobody")
    end(peer, create)
    create = peer.receive()
    assert create["input"] == "y"
    answer(peer, create, "yes", response_id="resp_2")
    assert following.result().output_text == "yes"
    conn.response.create(input="z")
    begin(peer, peer.receive(), "resp_3")
    assert conn.receive(timeout=10).response.id == "resp_3"


def test_leaving_after_the_end_changes_nothing(lanes):
    """The result stays."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        answer(peer, peer.receive(), "done")
        stream.response()
    stream.abandon()
    stream.close()
    assert stream.response().output_text == "done"
    assert not conn.closed


def test_abandoning_for_good(lanes):
    """hard=True closes the connection: the one way to stop a response."""
    conn, peer = lanes()
    other = run_in_thread(conn.create, input="other")
    peer.receive()
    stream = conn.stream(input="x")
    begin(peer, peer.receive())
    stream.abandon(hard=True)
    with pytest.raises(TurnInterrupted):
        other.result()
    assert conn.wait_closed(10)
    assert conn.close_code == 1000


def test_streams_of_several_lanes_in_one_thread(lanes):
    """Their events do not get in each other's way, however they are interleaved."""
    conn, peer = lanes()
    streams = [conn.stream(input=str(n)) for n in range(3)]
    creates = [peer.receive() for _ in streams]
    for n, create in enumerate(creates):
        begin(peer, create, f"resp_{n}")
    for piece in "abc":
        for n, create in enumerate(creates):
            delta(peer, create, f"{piece}{n}")
    for n, create in enumerate(creates):
        end(peer, create, f"resp_{n}")
    assert ["".join(stream.text()) for stream in reversed(streams)] == ["a2b2c2", "a1b1c1", "a0b0c0"]


def test_lanes_of_the_callers_own(lanes):
    """Requests of one lane run one after the other under its name, and no others do."""
    conn, peer = lanes()
    lane = conn.lane("planner")
    assert (lane.name, repr(lane), lane.latest_response_id) == ("planner", "Lane('planner')", None)
    with pytest.raises(LocalProtocolError, match="no response yet"):
        lane.fork("critic")
    first, second = run_in_thread(lane.create, input="1"), None
    create = peer.receive()
    second = run_in_thread(lane.create, input="2")
    other = run_in_thread(conn.create, input="other")
    assert create["stream_id"] == "planner"
    assert peer.receive()["stream_id"] == "rts-0"
    answer(peer, create, response_id="resp_a")
    assert first.result().id == "resp_a"
    create = peer.receive()
    assert (create["stream_id"], create.get("previous_response_id")) == ("planner", None)
    answer(peer, create, response_id="resp_b")
    assert second.result().id == "resp_b"
    assert lane.latest_response_id == "resp_b"
    answer(peer, {"stream_id": "rts-0"}, response_id="resp_o")
    other.result()


def test_a_fork_goes_on_from_where_its_lane_was(lanes):
    """Its first request alone; what follows on the other lane waits until that has begun."""
    conn, peer = lanes(store=False)
    lane = conn.lane("planner")
    first = run_in_thread(lane.create, input="1")
    answer(peer, peer.receive(), response_id="resp_a")
    first.result()
    critic = lane.fork("critic")
    forked = run_in_thread(critic.create, input="fork")
    create = peer.receive()
    assert (create["stream_id"], create["previous_response_id"]) == ("critic", "resp_a")
    goes_on = run_in_thread(lane.create, input="2", previous_response_id="resp_a")
    wait_until(lambda: conn.lanes.waiting == 1)
    begin(peer, create, "resp_f")
    begin(peer, create, "resp_f", "response.in_progress")
    planner = peer.receive()
    assert (planner["stream_id"], planner["input"]) == ("planner", "2")
    answer(peer, planner, response_id="resp_b")
    end(peer, create, "resp_f")
    assert (forked.result().id, goes_on.result().id) == ("resp_f", "resp_b")
    later = run_in_thread(critic.create, input="again")
    create = peer.receive()
    assert create.get("previous_response_id") is None
    answer(peer, create, response_id="resp_g")
    later.result()


def test_a_fork_whose_first_request_was_not_sent_is_still_one(lanes):
    """It goes on from there with the next try; and a request that names its own origin keeps it."""
    conn, peer = lanes()
    lane = conn.fork("resp_old")
    with pytest.raises(LocalProtocolError):
        lane.create(input=object())
    trying = run_in_thread(lane.create, input="x")
    create = peer.receive()
    assert (create["previous_response_id"], create["stream_id"]) == ("resp_old", lane.name)
    answer(peer, create)
    trying.result()
    other = run_in_thread(conn.fork("resp_old").create, input="x", previous_response_id="resp_mine")
    create = peer.receive()
    assert create["previous_response_id"] == "resp_mine"
    answer(peer, create, response_id="resp_2")
    other.result()


@pytest.mark.parametrize("bad", [{"inputt": "x"}, {"input": b"x"}, {"input": "x", "timeout": "5"}])
def test_a_fork_survives_mistakes(lanes, bad):
    """Whatever is wrong with the first request, the next one goes on from there: nothing would show that it did not."""
    conn, peer = lanes()
    lane = conn.fork("resp_old")
    with pytest.raises((TypeError, LocalProtocolError, ConfigurationError)):
        lane.create(**bad)
    trying = run_in_thread(lane.create, input="x", previous_response_id=NOT_GIVEN)
    create = peer.receive()
    assert create["previous_response_id"] == "resp_old"
    answer(peer, create)
    trying.result()
    after = run_in_thread(lane.create, input="y")
    create = peer.receive()
    assert "previous_response_id" not in create
    answer(peer, create, response_id="resp_2")
    after.result()


def test_a_fork_survives_refusals(lanes):
    """A first request that the server refuses, or fails, or that is left, does not cut what follows off."""
    conn, peer = lanes()
    lane = conn.fork("resp_old")
    refused = run_in_thread(lane.create, input="x")
    error(peer, peer.receive(), "rate_limit_exceeded")
    with pytest.raises(ServerError):
        refused.result()
    failing = run_in_thread(lane.create, input="x")
    create = peer.receive()
    assert create["previous_response_id"] == "resp_old"
    answer(peer, create, response_id="resp_1", kind="response.failed")
    with pytest.raises(ResponseFailed):
        failing.result()
    with lane.stream(input="x"):
        left = peer.receive()
    begin(peer, left, "resp_2")
    again = run_in_thread(lane.create, input="x")
    end(peer, left, "resp_2", kind="response.failed")
    create = peer.receive()
    assert [left["previous_response_id"], create["previous_response_id"]] == ["resp_old"] * 2
    answer(peer, create, response_id="resp_3")
    assert again.result().id == lane.latest_response_id == "resp_3"


def test_warming_up_a_lane(lanes):
    """On the lane itself."""
    conn, peer = lanes()
    lane = conn.lane("planner")
    warming = run_in_thread(lane.warm_up, instructions="i")
    create = peer.receive()
    assert (create["stream_id"], create["generate"]) == ("planner", False)
    answer(peer, create, response_id="resp_w")
    assert warming.result() == lane.latest_response_id == "resp_w"
    with lane.stream(input="x", previous_response_id="resp_w") as stream:
        answer(peer, peer.receive(), response_id="resp_2")
        assert stream.response().id == "resp_2"


def test_lanes_of_the_local_server(local):
    """Forks, chains and warm-ups against a server with a memory; nothing is stored."""
    conn, _ = local(
        {"responder": lambda request: " ".join(text for role, text in request.messages if role == "user")}, store=False
    )
    lane = conn.lane("planner")
    first = lane.create(input="a")
    fork = lane.fork("critic")
    b = lane.create(input="b", previous_response_id=first.id)
    assert b.output_text == "a b"
    with pytest.raises(ServerError) as forgotten:
        fork.create(input="c")
    assert (forgotten.value.code, forgotten.value.replay_safe) == ("previous_response_not_found", True)
    critic = lane.fork("second critic".replace(" ", "-"))
    assert critic.create(input="c").output_text == "a b c"
    assert lane.create(input="d", previous_response_id=b.id).output_text == "a b d"
    warm = conn.warm_up(input="w")
    assert conn.create(input="x", previous_response_id=warm).output_text == "w x"


def test_forks_of_the_local_server_in_threads(local):
    """A fork that was asked for first is never forgotten by what follows, again and again."""
    conn, _ = local({"responder": lambda _: "ok"}, store=False)
    lane = conn.lane("main")
    latest = lane.create(input="start")
    forgotten = []
    for n in range(30):
        fork = conn.lanes.start(
            {"model": "m", "input": "f", "store": False, "previous_response_id": latest.id}, 20, fork=True
        )

        def consume(stream):
            try:
                stream.response()
            except ServerError as error:
                forgotten.append(error)

        thread = threading.Thread(target=consume, args=(fork,))
        thread.start()
        latest = lane.create(input=str(n), previous_response_id=latest.id)
        thread.join(20)
    assert forgotten == []


def test_a_request_that_cannot_go_out_again(lanes):
    """It came too early for a server that does one thing at a time, and the connection takes nothing new meanwhile."""
    conn, peer = lanes()
    first = conn.stream(input="first")
    begin(peer, peer.receive())
    assert next(first).type == "response.created"
    asking = run_in_thread(conn.create, input="second")
    peer.receive()
    error(peer, {}, "response_already_in_flight")
    wait_until(lambda: conn.lanes.waiting == 1)
    conn.lanes.retire("it is old")
    cut = pytest.raises(TurnInterrupted, asking.result, 10).value
    assert cut.replay_safe
    assert "it is old" in str(cut)
