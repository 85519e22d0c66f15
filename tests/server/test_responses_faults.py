"""Faults on the Responses API's WebSocket: each does what it says, at the point it says."""

import json

import pytest
from websockets.exceptions import ConnectionClosed

from realtime_sync.server import Fault
from tests.server.support import text_of, types

DELTA = "response.output_text.delta"


@pytest.mark.parametrize("at", ["response.create", DELTA, "response.created"])
def test_rejections(serve, responses, at):
    """An error event of the lane, with its status and a time to come back, ends the response; the lane goes on."""
    fault = Fault(at=at, do="reject", status=429, seconds=1.5, reason="slow down")
    peer = responses(serve(faults=fault))
    peer.create("say one", stream_id="a")
    event = peer.end_of("a")[-1]
    assert (event["type"], event["status"], event["stream_id"]) == ("error", 429, "a")
    assert event["error"] == {
        "message": "slow down",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
        "headers": {"retry-after": "1.5"},
    }
    assert text_of(peer.answer("say two", stream_id="a")) == "two"


def test_a_rejection_with_a_code_of_ones_own(serve, responses):
    """A fault can answer with any of the API's codes, and evicts like any other refusal."""
    fault = Fault(at="response.create", nth=2, do="reject", status=400, error_code="websocket_connection_limit_reached")
    peer = responses(serve(faults=fault))
    first = peer.answer("hi", store=False)
    refused = peer.refusal("hi", previous_response_id=first["id"])
    assert refused["error"]["code"] == "websocket_connection_limit_reached"
    assert peer.refusal("hi", previous_response_id=first["id"])["error"]["code"] == "previous_response_not_found"


def test_rejected_beside_a_response(serve, responses):
    """A fault that strikes an answer to a steer ends no response."""
    peer = responses(serve(faults=Fault(at="response.steer.failed", do="reject")))
    peer.send({"type": "response.steer", "previous_response_id": "none", "input": "x"})
    assert peer.next()["error"]["code"] == "server_is_overloaded"
    peer.send({"type": "response.steer", "previous_response_id": "none", "input": "x"})
    assert peer.next()["type"] == "response.steer.failed"


@pytest.mark.parametrize("kind", ["response.steer", "response.inject"])
def test_rejected_client_events(serve, responses, kind):
    """Every client event can be rejected."""
    server = serve(faults=Fault(at=kind, do="reject", status=500))
    peer = responses(server, additional_headers={"OpenAI-Beta": "responses_multi_agent=v1"})
    peer.send({"type": kind})
    assert peer.next()["status"] == 500


@pytest.mark.parametrize("at", ["response.create", "response.created", DELTA])
@pytest.mark.parametrize("do", ["drop", "cut", "garbage", "close"])
def test_connections_that_end(serve, responses, at, do):
    """The connection ends at the point, by its close frame or without one; another one works."""
    server = serve(faults=Fault(at=at, do=do, code=1000, reason="enough"))
    peer = responses(server)
    peer.create("hi")
    with pytest.raises(ConnectionClosed) as ended:
        while True:
            peer.next()
    assert (ended.value.rcvd is not None) == (do == "close")
    assert do != "close" or (ended.value.rcvd.code, ended.value.rcvd.reason) == (1000, "enough")
    assert responses(server).answer("hi")["status"] == "completed"


def test_events_that_are_spoilt(serve, responses):
    """An event can be missing, late or no JSON."""
    faults = [
        Fault(at=DELTA, do="swallow"),
        Fault(at=DELTA, nth=2, do="delay", seconds=0.01),
        Fault(at=DELTA, nth=3, do="bad_json"),
    ]
    peer = responses(serve(faults=faults))
    peer.create("say one two three")
    messages = [peer.ws.recv(timeout=10) for _ in range(10)]
    deltas = [json.loads(message)["delta"] for message in messages if DELTA in message]
    assert deltas == [" two"]
    assert '{"type": "half of a' in messages


def test_faults_by_chance(serve, responses):
    """Equal seeds give equal faults, lane by lane."""
    fault = Fault(at="response.create", do="reject", status=500, probability=0.5, seed=7)

    def ends():
        peer = responses(serve(faults=fault))
        kinds = []
        for number in range(12):
            peer.create("hi", stream_id=f"lane-{number % 3}")
            kinds.append(types(peer.end_of(f"lane-{number % 3}"))[-1])
        return kinds

    first = ends()
    assert set(first) == {"error", "response.completed"}
    assert ends() == first
