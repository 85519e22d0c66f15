"""Steering a running response: what the caller sees of it."""

from __future__ import annotations

import pytest

from realtime_sync.errors import LocalProtocolError, RequestTimeout
from realtime_sync.types.responses import user_text
from tests.responses.live_support import begin, end, error, send
from tests.server.support import Gates
from tests.support.waiting import run_in_thread, wait_until

STUB = {"type": "function_call_output", "call_id": "c1", "name": "f"}


def accept(peer, create, event, steer_id="st_1"):
    steer = {"id": steer_id, "previous_response_id": event["previous_response_id"]}
    send(peer, create, "response.steer.accepted", steer=steer)
    return steer


def test_a_steered_turn(lanes):
    """The event has its three keys; the turn goes on to the successor, and both responses are there."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        create = peer.receive()
        begin(peer, create)
        stream.steer("louder")
        event = peer.receive()
        assert event == {"type": "response.steer", "previous_response_id": "resp_1", "input": "louder"}
        accept(peer, create, event)
        end(peer, create, text="quiet", kind="response.incomplete", incomplete_details={"reason": "steered"})
        begin(peer, create, "resp_2")
        end(peer, create, "resp_2", text="LOUD")
        assert stream.response().output_text == "LOUD"
        assert [each.output_text for each in stream.responses] == ["quiet", "LOUD"]
        assert (stream.id, stream.steer_unknown, stream.pending_input) == ("resp_2", False, None)
        with pytest.raises(LocalProtocolError, match="has ended"):
            stream.steer("too late")


def test_steering_waits_for_the_response_to_begin(lanes):
    """From another thread, say, than the one that consumes."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        create = peer.receive()
        steering = run_in_thread(stream.steer, [user_text("louder")])
        wait_until(lambda: stream._call.watchers)
        begin(peer, create, "resp_9")
        steering.result()
        event = peer.receive()
        assert event["previous_response_id"] == "resp_9"
        assert event["input"] == [{"type": "message", "role": "user", "content": "louder"}]
        send(
            peer,
            create,
            "response.steer.failed",
            steer={"previous_response_id": "resp_9", "input": event["input"]},
            error={"code": "steering_not_supported"},
        )
        end(peer, create, "resp_9", text="as it was")
        kinds = [each.type for each in stream]
        assert kinds == ["response.created", "response.steer.failed", "response.completed"]
        assert stream.response().output_text == "as it was"


@pytest.mark.parametrize("ends", ["time", "refusal", "left"])
def test_what_never_begins_cannot_be_steered(lanes, ends):
    """Nothing is sent."""
    conn, peer = lanes()
    with conn.stream(input="x", timeout=0.2 if ends == "time" else 10) as stream:
        create = peer.receive()
        steering = run_in_thread(stream.steer, "louder")
        wait_until(lambda: stream._call.watchers or steering.done())
        if ends == "refusal":
            error(peer, create)
        elif ends == "left":
            stream.close()
            error(peer, create)
        with pytest.raises(RequestTimeout if ends == "time" else LocalProtocolError) as caught:
            steering.result()
        assert caught.value.replay_safe is True


def test_a_steer_that_cannot_be_sent(lanes):
    """It is refused before the wire."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        begin(peer, peer.receive())
        with pytest.raises(LocalProtocolError, match="input"):
            stream.steer(5)


def test_a_steer_that_waits_for_tools(lanes):
    """The turn returns with what is asked for; the next request on the lane is the successor."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        create = peer.receive()
        begin(peer, create)
        stream.steer("louder")
        steer = accept(peer, create, peer.receive())
        end(peer, create)
        send(peer, create, "response.steer.pending", steer=steer, reason="waiting", required_input=[STUB])
        assert stream.response().id == "resp_1"
        assert [stub.call_id for stub in stream.pending_input] == ["c1"]
    following = run_in_thread(conn.create, input=[{**STUB, "output": "1"}], previous_response_id="resp_1")
    assert peer.receive()["stream_id"] == create["stream_id"]
    begin(peer, create, "resp_2")
    end(peer, create, "resp_2")
    assert following.result().id == "resp_2"


def test_a_steer_whose_fate_is_never_told(lanes, monkeypatch):
    """The turn returns with what it has, and its lane is not used again: what still comes there is the mailbox's."""
    monkeypatch.setattr("realtime_sync.responses._book.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("realtime_sync.session._reader.TICK_SECONDS", 0.01)
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        create = peer.receive()
        begin(peer, create)
        stream.steer("louder")
        peer.receive()
        end(peer, create, text="as it was")
        assert stream.response().output_text == "as it was"
        assert stream.steer_unknown is True
    following = run_in_thread(conn.create, input="y")
    other = peer.receive()
    assert other["stream_id"] == "rts-1"
    begin(peer, create, "resp_late")
    assert conn.receive(timeout=10).response.id == "resp_late"
    begin(peer, other, "resp_2")
    end(peer, other, "resp_2")
    assert following.result().id == "resp_2"


def test_steering_by_hand_counts(lanes):
    """conn.response.steer on a stream's response: the stream goes on to the successor."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        create = peer.receive()
        begin(peer, create)
        next(stream)
        conn.response.steer(previous_response_id=stream.id, input="louder")
        accept(peer, create, peer.receive())
        end(peer, create)
        begin(peer, create, "resp_2")
        end(peer, create, "resp_2")
        assert stream.response().id == "resp_2"


def test_steering_the_local_server(local):
    """A response is cut by a steer, and its successor has heard it."""
    gates = Gates(lambda text: ("begun ", None, f"heard {text}"))
    conn, _ = local({"responder": gates})
    with conn.stream(input="one") as stream:
        text = stream.text()
        next(text)
        stream.steer("two")
        conn.wait_for("response.steer.accepted", timeout=10)
        gates.open("one", "two")
        assert stream.response().output_text == "begun heard two"
        assert stream.responses[0].incomplete_details.reason == "steered"
    assert conn.lanes.in_flight == 0
