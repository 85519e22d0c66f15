"""Steering, and the beta's injecting: input for a response that runs."""

import pytest

from realtime_sync.server import Reply
from tests.server.support import BETA, Gates, text_of, types

CALL = Reply(function_call=("get_weather", {"city": "Oslo"}))
TOOLS = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}}]


def answer(text):
    """Return what the responder of these tests says: a text that names what it shall do."""
    return {
        "long": ("begun ", None, "and ", "on"),
        "short": ("begun", None),
        "call": ("begun", CALL, None),
        "fail": ("begun", None, Reply(error="broken")),
    }.get(text, (f"heard {text}",))


@pytest.fixture
def gates():
    """The responder."""
    return Gates(answer)


@pytest.fixture
def peer(serve, responses, gates):
    """A client whose responses wait."""
    return responses(serve(responder=gates), additional_headers={"OpenAI-Beta": BETA})


def begin(peer, text, **params):
    """Begin a response that waits; return its id."""
    peer.create(text, **params)
    events = peer.until("response.output_item.done" if text == "call" else "response.output_text.delta")
    if text == "call":
        peer.until("response.output_item.done")
    return events[0]["response"]["id"]


def steer(peer, response_id, value="turn left"):
    """Steer a response; return the event that answers."""
    peer.send({"type": "response.steer", "previous_response_id": response_id, "input": value})
    return peer.next()


def test_a_response_that_is_stopped(peer, gates):
    """The response ends at the next boundary as steered, and its successor begins with the input."""
    first = begin(peer, "long", stream_id="a", store=False, metadata={"k": "v"})
    accepted = steer(peer, first)
    assert (accepted["type"], accepted["stream_id"]) == ("response.steer.accepted", "a")
    assert accepted["steer"]["previous_response_id"] == first
    gates.open("long")
    events = peer.end_of("a")
    last = events[-1]["response"]
    assert (events[-1]["type"], last["incomplete_details"]) == ("response.incomplete", {"reason": "steered"})
    assert [event["sequence_number"] for event in events] == list(
        range(accepted["sequence_number"] + 1, accepted["sequence_number"] + 1 + len(events))
    )
    assert (text_of(last), last["output"][0]["status"]) == ("begun ", "incomplete")
    successor = peer.end_of("a")
    assert successor[0]["type"] == "response.created"
    last = successor[-1]["response"]
    assert (last["previous_response_id"], last["metadata"]) == (first, {"k": "v"})
    assert text_of(last) == "heard turn left"
    assert text_of(peer.answer("x", previous_response_id=last["id"], stream_id="a")) == "heard x"


def test_a_response_that_ends_first(peer, gates):
    """A response that is over anyway completes, and its successor begins all the same."""
    first = begin(peer, "short")
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "left"}]}
    steer(peer, first, [{"role": "user", "content": "turn"}, message])
    steer(peer, first, "now")
    gates.open("short")
    assert peer.end_of()[-1]["type"] == "response.completed"
    assert text_of(peer.end_of()[-1]["response"]) == "heard now"


def test_a_successor_goes_before_what_waits(peer, gates):
    """A create that waits on the lane waits for the successor too."""
    first = begin(peer, "long")
    peer.create("later")
    steer(peer, first)
    gates.open("long")
    peer.end_of()
    assert text_of(peer.end_of()[-1]["response"]) == "heard turn left"
    assert text_of(peer.end_of()[-1]["response"]) == "heard later"


def test_steering_waits_for_the_clients_tools(peer, gates):
    """A response that calls tools completes; the input waits for the create with their outputs, and goes in front."""
    first = begin(peer, "call", tools=TOOLS, stream_id="a")
    accepted = [steer(peer, first, text) for text in ("left", "right")]
    gates.open("call")
    (call,) = [item for item in peer.end_of("a")[-1]["response"]["output"] if item["type"] == "function_call"]
    for each in accepted:
        pending = peer.next()
        assert (pending["type"], pending["steer"], pending["stream_id"]) == (
            "response.steer.pending",
            each["steer"],
            "a",
        )
        stub = {"type": "function_call_output", "call_id": call["call_id"], "name": "get_weather"}
        assert (pending["reason"], pending["required_input"]) == ("waiting_for_required_input", [stub])
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    told = peer.answer([output], previous_response_id=first, stream_id="a")
    assert text_of(told) == "heard right"


def test_a_create_that_comes_before_the_tools_are_asked_for(peer, gates):
    """With the outputs on their way already, nobody is told that they are missing."""
    first = begin(peer, "call", tools=TOOLS)
    peer.create([{"type": "function_call_output", "call_id": "none", "output": "x"}], previous_response_id=first)
    steered = steer(peer, first)
    gates.open("call")
    assert peer.end_of()[-1]["type"] == "response.completed"
    assert peer.next()["type"] == "error"
    failed = peer.next()
    assert (failed["type"], failed["steer"]["id"]) == ("response.steer.failed", steered["steer"]["id"])
    assert (failed["error"]["code"], failed["steer"]["input"]) == ("successor_creation_failed", "turn left")


def test_steering_that_nobody_takes_up(peer, gates):
    """When the lane goes on without the outputs, the input is given back."""
    first = begin(peer, "call", tools=TOOLS)
    steered = steer(peer, first)
    gates.open("call")
    assert peer.until("response.steer.pending")[-2]["type"] == "response.completed"
    peer.create("other")
    failed = peer.next()
    assert (failed["error"]["code"], failed["steer"]) == (
        "response_not_active",
        {"id": steered["steer"]["id"], "previous_response_id": first, "input": "turn left"},
    )
    assert text_of(peer.end_of()[-1]["response"]) == "heard other"


def test_steering_a_response_that_fails(peer, gates):
    """A response that fails has no successor: the input is given back after its end."""
    first = begin(peer, "fail")
    steered = steer(peer, first)
    gates.open("fail")
    events = peer.until("response.steer.failed")
    # The next boundary may come before the failure.
    assert events[-2]["type"] == "response.failed"
    assert (events[-1]["steer"]["id"], events[-1]["error"]["code"]) == (
        steered["steer"]["id"],
        "successor_creation_failed",
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"previous_response_id": "resp_none"}, "response_not_found"),
        ({"input": []}, "invalid_input"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "invalid_input"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "invalid_input"),
        ({"input": 5}, "invalid_input"),
        ({"stream_id": "a"}, "invalid_input"),
    ],
)
def test_steering_that_is_refused(peer, gates, changes, code):
    """What cannot be accepted comes back at once, without an id, and the response goes on."""
    first = begin(peer, "short")
    event = {"type": "response.steer", "previous_response_id": first, "input": "x", **changes}
    peer.send(event)
    failed = peer.next()
    assert (failed["type"], failed["error"]["code"]) == ("response.steer.failed", code)
    assert failed["steer"] == {"previous_response_id": event["previous_response_id"], "input": event["input"]}
    gates.open("short")
    assert peer.end_of()[-1]["type"] == "response.completed"


def test_steering_what_is_over(peer, gates):
    """A response that has ended cannot be steered."""
    done = peer.answer("x")["id"]
    assert steer(peer, done)["error"]["code"] == "response_already_completed"
    first = begin(peer, "long")
    steer(peer, first)
    gates.open("long")
    peer.end_of()
    peer.end_of()
    assert steer(peer, first)["error"]["code"] == "response_not_active"


@pytest.mark.parametrize(
    "params",
    [{"context_management": [{"type": "compaction", "compact_threshold": 9000}]}, {"multi_agent": {"enabled": True}}],
)
def test_responses_that_cannot_be_steered(peer, gates, params):
    """Automatic compaction and several agents exclude steering."""
    first = begin(peer, "short", **params)
    assert steer(peer, first)["error"]["code"] == "steering_not_supported"
    gates.open("short")
    peer.end_of()


def test_too_many_steers(peer, gates):
    """Eight steers may wait for one response."""
    first = begin(peer, "short")
    kinds = [steer(peer, first, str(number)) for number in range(9)]
    assert {event["type"] for event in kinds[:8]} == {"response.steer.accepted"}
    assert kinds[8]["error"]["code"] == "too_many_pending_steers"
    gates.open("short")
    peer.end_of()
    assert text_of(peer.end_of()[-1]["response"]) == "heard 7"


@pytest.mark.parametrize("missing", ["previous_response_id", "input"])
def test_a_steer_without_what_it_needs(peer, missing):
    """A steer that names nothing is answered by an error."""
    event = {"type": "response.steer", "previous_response_id": "r", "input": "x"}
    peer.send({key: value for key, value in event.items() if key != missing})
    assert peer.next()["error"]["param"] == missing


def test_injecting(peer, gates):
    """Outputs that are injected into a running response are answered in the same response."""
    first = begin(peer, "call", tools=TOOLS)
    peer.send({"type": "response.inject", "response_id": first, "input": [{"role": "user", "content": "more"}]})
    created = peer.next()
    assert (created["type"], created["response_id"]) == ("response.inject.created", first)
    gates.open("call")
    events = peer.end_of()
    assert types(events)[-1] == "response.completed"
    message = events[-1]["response"]["output"][-1]
    assert text_of({"output": [message]}) == "heard more"


@pytest.mark.parametrize(("ended", "code"), [(True, "response_already_completed"), (False, "response_not_found")])
def test_injecting_too_late(peer, ended, code):
    """What cannot be injected comes back."""
    response_id = peer.answer("x")["id"] if ended else "resp_none"
    items = [{"role": "user", "content": "more"}]
    peer.send({"type": "response.inject", "response_id": response_id, "input": items})
    failed = peer.next()
    assert (failed["type"], failed["error"]["code"], failed["input"]) == ("response.inject.failed", code, items)


def test_injecting_needs_the_beta(serve, responses):
    """Without the header of the beta, the event does not exist."""
    peer = responses(serve())
    peer.send({"type": "response.inject", "response_id": "r", "input": []})
    assert peer.next()["error"]["code"] == "invalid_value"
    assert peer.refusal("x", multi_agent={"enabled": True})["error"]["param"] == "multi_agent"
