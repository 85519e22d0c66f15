"""Text turns: event order, overrides, cancelling, tools, failures."""

import threading

import pytest

from realtime_sync.server import Reply
from realtime_sync.server._pieces import tokens
from tests.server.support import text_of, user


def types(events):
    return [event["type"] for event in events]


def test_order_of_a_text_turn(peer):
    """A text turn has the events of the protocol, in its order."""
    peer.say("hello")
    events = peer.until("rate_limits.updated")
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert len(deltas) > 5
    assert types(event for event in events if event not in deltas) == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    first, last = events.index(deltas[0]), events.index(deltas[-1])
    assert types(events[first - 1 : first]) == ["response.content_part.added"]
    assert types(events[last + 1 : last + 2]) == ["response.output_text.done"]
    text = "".join(delta["delta"] for delta in deltas)
    assert text == events[last + 1]["text"] == text_of(events[-2]["response"])
    assert len({event["event_id"] for event in events}) == len(events)


def test_ids_and_places_agree_within_a_response(peer):
    """Every event of a response names it, its item and the item before that."""
    peer.say("hello")
    events = peer.until("response.done")
    response = events[-1]["response"]
    (item,) = response["output"]
    assert response["id"].startswith("resp_")
    assert item["id"].startswith("item_")
    assert response["conversation_id"].startswith("conv_")
    for event in events:
        assert event.get("response_id", response["id"]) == response["id"]
    added = [event for event in events if event["type"] == "conversation.item.added"]
    assert [event["previous_item_id"] for event in added] == [None, added[0]["item"]["id"]]
    assert added[1]["item"] == {
        "id": item["id"],
        "object": "realtime.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    assert item["status"] == "completed"
    assert item["content"] == [{"type": "output_text", "text": text_of(response)}]


def test_response_created_is_empty_and_in_progress(peer):
    """The first event shows the response with its settings and nothing made yet."""
    peer.say("hello", metadata={"token": "t"}, max_output_tokens=7)
    created = peer.until("response.created")[-1]["response"]
    assert created["status"] == "in_progress"
    assert created["output"] == []
    assert created["usage"] is None
    assert created["metadata"] == {"token": "t"}
    assert created["max_output_tokens"] == 7
    assert created["output_modalities"] == ["text"]


def test_usage_counts_input_and_output(peer):
    """The usage adds up, and its details with it."""
    usage = peer.ask("say one two three")["usage"]
    assert usage["output_tokens"] == 3
    assert usage["input_tokens"] == len(tokens("say one two three"))
    assert usage["total_tokens"] == usage["input_tokens"] + 3
    assert usage["input_token_details"]["text_tokens"] == usage["input_tokens"]
    assert usage["output_token_details"] == {"text_tokens": 3, "audio_tokens": 0}


def test_max_output_tokens_makes_it_incomplete(peer):
    """A response that reaches its limit ends as incomplete, its item too."""
    done = peer.ask("count to 100", max_output_tokens=5)
    assert done["status"] == "incomplete"
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["output"][0]["status"] == "incomplete"
    assert done["usage"]["output_tokens"] == 5


def test_session_limit_applies_without_an_override(peer):
    """The limit of the session counts where the response gives none."""
    peer.send({"type": "session.update", "session": {"type": "realtime", "max_output_tokens": 2}})
    peer.until("session.updated")
    assert peer.ask("count to 100")["status"] == "incomplete"
    assert peer.ask("count to 100", max_output_tokens="inf")["status"] == "completed"


def test_instructions_override_the_sessions(serve, dial):
    """The responder sees the instructions of the response, else the session's."""
    seen = []

    def responder(request):
        seen.append(request.instructions)
        return "ok"

    peer = dial(serve(responder=responder))
    peer.send({"type": "session.update", "session": {"type": "realtime", "instructions": "be kind"}})
    peer.until("session.updated")
    peer.ask("a")
    peer.ask("b", instructions="be brief")
    assert seen == ["be kind", "be brief"]


def test_only_one_response_at_a_time(serve, dial):
    """A second response on the conversation is refused while one runs, and works after it."""
    go = threading.Event()

    def responder(request):
        go.wait(10)
        return request.text

    peer = dial(serve(responder=responder))
    peer.say("first")
    created = peer.until("response.created")[-1]
    error = peer.error({"type": "response.create", "event_id": "e2"})
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "e2"
    assert created["response"]["id"] in error["message"]
    go.set()
    assert text_of(peer.until("response.done")[-1]["response"]) == "first"
    assert text_of(peer.ask("second")) == "second"


def test_out_of_band_runs_beside_and_leaves_the_conversation_alone(serve, dial):
    """An out-of-band response runs while another does, and its items are in no conversation."""
    go = threading.Event()

    def responder(request):
        if request.response.get("conversation") != "none":
            go.wait(10)
        return request.text

    peer = dial(serve(responder=responder))
    peer.say("slow")
    peer.until("response.created")
    content = [{"type": "input_text", "text": "beside"}]
    response = {"conversation": "none", "metadata": {"n": "1"}, "output_modalities": ["text"]}
    response["input"] = [{"type": "message", "role": "user", "content": content}]
    peer.send({"type": "response.create", "response": response})
    events = peer.until("response.done")
    done = events[-1]["response"]
    assert (text_of(done), done["metadata"], done["conversation_id"]) == ("beside", {"n": "1"}, None)
    assert not [kind for kind in types(events) if kind.startswith("conversation.item")]
    item_id = done["output"][0]["id"]
    peer.until("rate_limits.updated")
    error = peer.error({"type": "conversation.item.retrieve", "item_id": item_id})
    assert error["code"] == "item_retrieve_invalid_item_id"
    go.set()
    assert text_of(peer.until("response.done")[-1]["response"]) == "slow"


def test_input_replaces_the_context(serve, dial):
    """A response with input sees that and nothing else; references are resolved."""
    peer = dial(serve(responder=lambda request: " | ".join(text for _, text in request.messages) or "nothing"))
    peer.send(user("one", id="item_one"), user("two"))
    new = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "three"}]}
    peer.send(
        {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "item_one"}, new]}},
    )
    assert text_of(peer.until("response.done")[-1]["response"]) == "one | three"
    peer.until("rate_limits.updated")
    peer.send({"type": "response.create", "response": {"input": []}})
    assert text_of(peer.until("response.done")[-1]["response"]) == "nothing"
    peer.until("rate_limits.updated")
    response = {"input": [{"type": "item_reference", "id": "item_none"}]}
    assert peer.error({"type": "response.create", "response": response})["param"] == "response.input[0].id"


@pytest.mark.parametrize("by_id", [False, True])
def test_cancel_ends_the_response_and_its_item(serve, dial, by_id):
    """A cancelled response is done at once, its item incomplete, and not one delta follows."""
    peer = dial(serve(time_scale=1))
    peer.say("count to 1000")
    first = peer.until("response.output_text.delta")[-1]
    peer.send({"type": "response.cancel", **({"response_id": first["response_id"]} if by_id else {})})
    events = peer.until("response.done")
    done = events[-1]["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    (item,) = done["output"]
    assert item["status"] == "incomplete"
    assert item["content"][0]["text"].startswith("1, ")
    ending = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]
    assert types(events)[-5:] == [*ending, "conversation.item.done", "response.done"]
    # Whatever was still under way comes before the next turn's events, if it comes at all.
    peer.until("rate_limits.updated")
    peer.say("say done")
    assert all(event.get("response_id") != done["id"] for event in peer.until("response.done"))


@pytest.mark.parametrize("event", [{}, {"response_id": "resp_none"}])
def test_cancel_without_a_response_is_a_harmless_error(peer, event):
    """With nothing to cancel, an error says so and the session goes on."""
    error = peer.error({"type": "response.cancel", "event_id": "e1", **event})
    assert error["code"] == "response_cancel_not_active"
    assert text_of(peer.ask("say on")) == "on"


def test_cancelling_wakes_a_thinking_responder(serve, dial):
    """A response that waits out a long delay is cancelled at once, and its thread ends with the server."""
    peer = dial(serve(responder=lambda _: Reply(text="late", delay=3600), time_scale=1))
    peer.say("x")
    peer.until("response.created")
    peer.send({"type": "response.cancel"})
    assert peer.until("response.done")[-1]["response"]["output"] == []


TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def test_a_function_call_and_its_answer(peer):
    """A tool loop has the protocol's events; the answer uses the output."""
    peer.send({"type": "session.update", "session": {"type": "realtime", "tools": [TOOL]}})
    peer.until("session.updated")
    peer.say("please get weather for Oslo")
    events = peer.until("response.done")
    deltas = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
    done = next(event for event in events if event["type"] == "response.function_call_arguments.done")
    assert "".join(deltas) == done["arguments"] == '{"city": "Oslo"}'
    assert done["name"] == "get_weather"
    (call,) = events[-1]["response"]["output"]
    assert (call["type"], call["call_id"], call["status"]) == ("function_call", done["call_id"], "completed")
    assert types(events)[-4:] == [done["type"], "response.output_item.done", "conversation.item.done", "response.done"]
    peer.until("rate_limits.updated")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    peer.send({"type": "conversation.item.create", "item": output}, {"type": "response.create"})
    assert text_of(peer.until("response.done")[-1]["response"]) == "get_weather answered: sunny"


def test_an_output_without_its_call_is_refused(peer):
    """A tool output must name a call of the conversation."""
    item = {"type": "function_call_output", "call_id": "call_none", "output": "x"}
    error = peer.error({"type": "conversation.item.create", "item": item})
    assert error["code"] == "invalid_tool_call_id"


def test_several_parts_make_several_items(serve, dial):
    """Text and calls of one answer become items in order; a limit cuts a call's arguments."""

    def responder(_):
        yield Reply(text="first", function_call=("a", {"x": 1}))
        yield Reply(function_call=("b", {"text": "word " * 50}))

    peer = dial(serve(responder=responder))
    done = peer.ask("x")
    assert [item["type"] for item in done["output"]] == ["message", "function_call", "function_call"]
    done = peer.ask("x", max_output_tokens=10)
    assert [item["status"] for item in done["output"]] == ["completed", "completed", "incomplete"]
    assert done["status"] == "incomplete"


def test_pieces_of_an_iterator_are_deltas_as_they_are(serve, dial):
    """Texts that a responder yields go out one delta each."""
    peer = dial(serve(responder=lambda _: iter(["one long delta, ", "and another"])))
    peer.say("x")
    events = peer.until("response.done")
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert deltas == ["one long delta, ", "and another"]


@pytest.mark.parametrize(
    ("responder", "words"),
    [
        pytest.param(lambda _: Reply(text="so far", error="out of ideas"), "out of ideas", id="reply"),
        pytest.param(lambda _: 1 / 0, "ZeroDivisionError", id="raises"),
        pytest.param(lambda _: 42, "not int", id="wrong answer"),
        pytest.param(lambda _: [42], "not int", id="wrong part"),
    ],
)
def test_a_failing_responder_fails_the_response_only(serve, dial, responder, words):
    """Whatever goes wrong in a responder ends its response as failed; the session goes on."""
    peer = dial(serve(responder=responder))
    done = peer.ask("x")
    assert done["status"] == "failed"
    assert done["status_details"]["type"] == "failed"
    assert done["status_details"]["error"]["type"] == "server_error"
    assert words in done["status_details"]["error"]["message"]
    assert peer.error({"type": "response.cancel"})["code"] == "response_cancel_not_active"


def test_a_reply_can_end_incomplete(serve, dial):
    """A responder can end a response for its content."""
    done = dial(serve(responder=lambda _: Reply(text="x", incomplete="content_filter"))).ask("x")
    assert done["status_details"] == {"type": "incomplete", "reason": "content_filter"}


def test_the_responder_sees_the_conversation(serve, dial):
    """The request has the items so far, the session, the tools and the parameters of the response."""
    seen = []

    def responder(request):
        seen.append(request)
        return "fine"

    peer = dial(serve(responder=responder))
    peer.ask("one")
    peer.ask("two", tools=[TOOL], metadata={"a": "b"})
    first, second = seen
    assert first.messages == (("user", "one"),)
    assert second.messages == (("user", "one"), ("assistant", "fine"), ("user", "two"))
    assert second.text == "two"
    assert second.tools == (TOOL,)
    assert second.response["metadata"] == {"a": "b"}
    assert (second.api, second.audio, second.modalities, second.tool_choice) == ("realtime", None, ("text",), "auto")
    assert second.session["model"] == "m"


def test_deleting_the_item_that_is_being_written(serve, dial):
    """An assistant item that is deleted meanwhile is finished for its response only."""
    go = threading.Event()

    def responder(_):
        yield "one "
        go.wait(10)
        yield "two"

    peer = dial(serve(responder=responder))
    peer.say("x")
    delta = peer.until("response.output_text.delta")[-1]
    peer.send({"type": "conversation.item.delete", "item_id": delta["item_id"]})
    peer.until("conversation.item.deleted")
    go.set()
    events = peer.until("response.done")
    assert "conversation.item.done" not in types(events)
    assert text_of(events[-1]["response"]) == "one two"
