"""Function calls that the session's tools answer, event by event, against a scripted server."""

from __future__ import annotations

import gc
import json
import logging
import threading

import pytest

from realtime_sync import Client, ToolContext, ToolError, tool
from realtime_sync.errors import (
    ConfigurationError,
    LocalProtocolError,
    ReceiveTimeout,
    RequestTimeout,
    ServerError,
    TurnInterrupted,
)
from tests.realtime.tool_support import Work, call_item, calls, outputs
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until


def ask(rt, peer, *items, text="x", **arguments):
    """Begin an `ask` and answer it with function calls."""
    asked = run_in_thread(rt.ask, text, **arguments)
    peer.receive("conversation.item.create")
    create = peer.receive("response.create")
    calls(peer, create, *items)
    return asked, create


# telling the server


def test_connect_tells_the_server_of_the_tools(scripted, work):
    """Beside those that the session has, in one session.update; `tool_choice` and the like are the user's own."""
    client = Client(base_url=scripted.base_url, api_key="test")
    mcp = {"type": "mcp", "server_label": "docs", "server_url": "https://x"}
    own = {"type": "function", "name": "own", "parameters": {"type": "object"}}
    opening = run_in_thread(
        lambda: client.realtime.connect(
            model="m", session={"tools": [own], "tool_choice": "auto"}, tools=[mcp, work.add], modalities=["text"]
        )
    )
    peer = scripted.accept()
    session = peer.receive()["session"]
    peer.send("session.updated", session={**SESSION, **session})
    opening.result().close()
    assert session["type"] == "realtime"
    assert session["tool_choice"] == "auto"
    assert session["tools"][:2] == [own, mcp]
    assert session["tools"][2] == tool(work.add).definition()
    assert session["tools"][2]["description"] == "Add two numbers."


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"tools": [lambda x: x]}, ToolError, "no name"),
        ({"tools": [print]}, ToolError, "print"),
        ({"tools": [Work.add]}, ToolError, "self"),
        ({"tools": [Work().add, Work().add]}, ToolError, "two tools are called add"),
        ({"tools": [Work().add], "session": {"tools": [{"type": "function", "name": "add"}]}}, ToolError, "add is given"),
        ({"tools": [Work().add, {"type": "function", "name": "add"}]}, ToolError, "add is given"),
        ({"tool_timeout": -1}, ToolError, "tool_timeout"),
        ({"max_tool_rounds": "3"}, ToolError, "max_tool_rounds"),
        ({"tools": [Work().add], "intent": "transcription", "model": None}, ConfigurationError, "transcription"),
    ],
)  # fmt: skip
def test_connect_refuses_what_cannot_work(arguments, error, words):
    """Before anything is dialled."""
    client = Client(base_url="http://127.0.0.1:9/v1", api_key="test")
    with pytest.raises(error, match=words):
        client.realtime.connect(**{"model": "m", **arguments})


def test_a_refused_tool_closes_the_session(scripted, work):
    """The server's error about the tools is raised by connect."""
    client = Client(base_url=scripted.base_url, api_key="test")
    opening = run_in_thread(lambda: client.realtime.connect(model="m", tools=[work.add]))
    peer = scripted.accept()
    peer.error(peer.receive()["event_id"], message="bad tool")
    with pytest.raises(ServerError, match="bad tool"):
        opening.result()


def test_registering_later_sends_an_update(connect, work):
    """As decorator, with and without arguments, and as call; what else the session has stays."""
    rt, peer = connect()
    rt.session.update({"tools": [{"type": "mcp", "server_label": "docs"}]})
    peer.receive("session.update")

    @rt.tool
    def one() -> str:
        """Return one."""
        return "1"

    sent = peer.receive("session.update")["session"]
    assert sent["type"] == "realtime"
    assert [each.get("name") for each in sent["tools"]] == [None, "one"]
    assert one() == "1"

    @rt.tool(name="second", description="Return two.", timeout=3)
    def two() -> str:
        return "2"

    rt.tool(work.add)
    assert [each.get("name") for each in peer.receive("session.update")["session"]["tools"]] == [None, "one", "second"]
    assert [each.get("name") for each in peer.receive()["session"]["tools"]] == [None, "one", "second", "add"]
    assert (two.name, two.description, two.timeout) == ("second", "Return two.", 3.0)


def test_registering_again_replaces(connect):
    """The newest of a name counts, as in a notebook."""
    rt, peer = connect()
    for text in ("old", "new"):
        rt.tool(lambda: None, name="f", description=text)
        assert [each["description"] for each in peer.receive()["session"]["tools"]] == [text]


def test_the_servers_own_list_is_kept(connect):
    """A session that was configured elsewhere, or whose update was refused, has the tools that the server tells."""
    rt, peer = connect()
    peer.send("session.created", session={**SESSION, "tools": [{"type": "function", "name": "theirs"}]})
    rt.wait_for("session.created", timeout=10)
    peer.error(rt.session.update({"tools": [{"type": "function"}]}))
    rt.wait_for("error", timeout=10)
    rt.tool(lambda: None, name="mine")
    peer.receive("session.update")
    assert [each["name"] for each in peer.receive()["session"]["tools"]] == ["theirs", "mine"]


def test_threads_that_register_at_once(connect):
    """Whatever the order, the last update names every tool."""
    rt, peer = connect()
    barrier = threading.Barrier(4)

    def register(n):
        barrier.wait()
        rt.tool(lambda: None, name=f"t{n}")

    for each in [run_in_thread(register, n) for n in range(4)]:
        each.result()
    rt.send({"type": "marker"})
    last = None
    while (event := peer.receive())["type"] == "session.update":
        last = event
    assert {each["name"] for each in last["session"]["tools"]} == {"t0", "t1", "t2", "t3"}


def test_a_function_that_cannot_be_a_tool_sends_nothing(connect):
    """The error names the parameter; the session has no such tool."""
    rt, peer = connect()
    with pytest.raises(ToolError, match="parameter b has no type"):
        rt.tool(lambda b: b, name="f")
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"


# the loop


def test_ask_returns_the_turn_after_the_last_round(opened):
    """Outputs in the order of the calls, one create, everything in one turn; usage adds up."""
    rt, peer = opened()
    asked, create = ask(rt, peer, call_item("add", 1, a=1, b=2), call_item("add", 2, a=3, b=4))
    items = outputs(peer, 2)
    assert [(item["call_id"], item["output"]) for item in items] == [("call_1", "3"), ("call_2", "7")]
    again = peer.receive()
    assert again["type"] == "response.create"
    assert again["response"] == create["response"]
    assert again["event_id"] != create["event_id"]
    calls(peer, again, call_item("add", 3, a=3, b=7), response_id="resp_2")
    assert outputs(peer)[0]["output"] == "10"
    peer.respond(peer.receive(), "It is ", "10", response_id="resp_3", finish=False)
    peer.finish("It is 10", "resp_3", usage={"total_tokens": 5})
    turn = asked.result()
    assert (turn.text, turn.rounds, turn.id, turn.status) == ("It is 10", 3, "resp_3", "completed")
    assert turn.function_calls == ()
    assert [item.type for item in turn.items] == ["function_call"] * 3 + ["message"]
    assert turn.usage.total_tokens == 5
    with pytest.raises(ReceiveTimeout):
        while rt.receive(timeout=0).type.startswith("session."):
            pass


def test_a_stream_has_the_events_of_all_rounds(opened):
    """In the server's order, the acknowledgements of the outputs too."""
    rt, peer = opened()
    opening = run_in_thread(rt.stream, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("add", 1, a=1, b=2))
    with opening.result() as stream:
        kinds = []
        while kinds[-1:] != ["response.done"]:
            kinds.append(next(stream).type)
        rest = run_in_thread(lambda: [event.type for event in stream])
        outputs(peer)
        peer.respond(peer.receive(), "3", response_id="resp_2")
        assert rest.result() == [
            "conversation.item.added",
            "response.created",
            "response.output_item.added",
            "response.output_text.delta",
            "response.done",
        ]
        assert kinds == ["response.created", "response.output_item.added", "response.output_item.done", "response.done"]
        assert stream.turn().text == "3"


def test_tools_begin_before_the_stream_is_asked_for_more(opened, work):
    """As soon as the consumer has taken the response's end, so that they run while it looks at that."""
    rt, peer = opened()
    opening = run_in_thread(rt.stream, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("wait", 1, n=1))
    with opening.result() as stream:
        while next(stream).type != "response.done":
            pass
        work.entered()


def test_calls_run_in_parallel(opened, work):
    """Both are inside at once, and the slower first one still comes first."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1), call_item("add", 2, a=1, b=1), call_item("wait", 3, n=3))
    work.entered(2)
    work.gate.set()
    assert [item["output"] for item in outputs(peer, 3)] == ["1", "2", "3"]
    peer.respond(peer.receive(), "ok", response_id="resp_2")
    assert asked.result().text == "ok"


def test_what_a_tool_may_know(opened, work):
    """Session, turn so far, call, name and the time that is left."""
    rt, peer = opened(tool_timeout=9)
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1), timeout=20)
    work.entered()
    [context] = work.contexts
    assert context.session is rt
    assert (context.call_id, context.name, context.cancelled) == ("call_1", "wait", False)
    assert 5 < context.deadline.remaining() <= 9
    assert (context.turn.rounds, context.turn.id) == (1, "resp_1")
    assert [each.call_id for each in context.turn.function_calls] == ["call_1"]
    work.gate.set()
    outputs(peer)
    peer.respond(peer.receive(), "ok", response_id="resp_2")
    asked.result()


def test_bad_arguments_wrong_results_and_exceptions_are_told_to_the_model(opened):
    """The turn goes on; "callback_error" is not involved."""
    rt, peer = opened()
    rt.on("callback_error", lambda _: pytest.fail("a tool is no callback"))

    def fail() -> None:
        msg = "no such thing"
        raise ValueError(msg)

    rt.tool(fail)
    rt.tool(object, name="odd")
    peer.receive("session.update")
    peer.receive("session.update")
    broken = {**call_item("add", 3), "arguments": '{"a": 1'}
    asked, _ = ask(rt, peer, call_item("fail", 1), call_item("odd", 2), broken, call_item("add", 4, a="x", c=1))
    texts = [json.loads(item["output"])["error"] for item in outputs(peer, 4)]
    assert texts[0] == "ValueError: no such thing"
    assert "JSON" in texts[1]
    assert "not valid JSON" in texts[2]
    assert "a: expected a whole number, found a string; b: is missing; does not take 'c'" in texts[3]
    peer.respond(peer.receive(), "sorry", response_id="resp_2")
    assert asked.result().text == "sorry"


def test_calls_of_other_functions_are_left_to_the_caller(opened):
    """With none that is registered, the turn is as it was without tools."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("other", 1, a=1))
    turn = asked.result()
    assert [each.name for each in turn.function_calls] == ["other"]
    assert turn.rounds == 1


def test_a_response_with_calls_of_both_kinds(opened):
    """The registered ones are answered, the others are left, and the caller asks for the rest."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("other", 1), call_item("add", 2, a=1, b=2))
    assert outputs(peer)[0]["call_id"] == "call_2"
    turn = asked.result()
    assert [each.call_id for each in turn.function_calls] == ["call_1"]
    assert turn.status == "completed"
    rt.conversation.item.create({"type": "function_call_output", "call_id": "call_1", "output": "by hand"})
    asked = run_in_thread(rt.ask)
    assert outputs(peer)[0]["output"] == "by hand"
    peer.respond(peer.receive(), "both", response_id="resp_2")
    assert asked.result().text == "both"


def test_the_output_may_be_missing_from_the_terminal_event(opened):
    """Then the finished items tell the calls, as with some compatible servers."""
    rt, peer = opened()
    asked = run_in_thread(rt.ask, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("add", 1, a=1, b=1), output=False)
    outputs(peer)
    peer.respond(peer.receive(), "2", response_id="resp_2")
    assert asked.result().text == "2"


@pytest.mark.parametrize("status", ["incomplete", "cancelled"])
def test_calls_of_a_response_that_was_cut_are_not_answered(opened, status):
    """Their arguments may be cut too; they are in the turn, for the caller to judge."""
    rt, peer = opened()
    asked = run_in_thread(rt.ask, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("add", 1, a=1, b=1), status=status)
    turn = asked.result()
    assert (turn.status, turn.rounds) == (status, 1)
    assert [each.call_id for each in turn.function_calls] == ["call_1"]


def test_the_rounds_are_limited(opened, caplog):
    """What the model still calls then is left to the caller, and logged."""
    rt, peer = opened(max_tool_rounds=2)
    with caplog.at_level(logging.WARNING, "realtime_sync"):
        asked, create = ask(rt, peer, call_item("add", 1, a=1, b=1))
        for n in (2, 3):
            outputs(peer)
            calls(peer, peer.receive(), call_item("add", n, a=1, b=1), response_id=f"resp_{n}")
        turn = asked.result()
    assert create["type"] == "response.create"
    assert turn.rounds == 3
    assert [each.call_id for each in turn.function_calls] == ["call_3"]
    assert "max_tool_rounds" in caplog.text


def test_no_rounds_at_all(opened):
    """Then tools are only described to the model."""
    rt, peer = opened(max_tool_rounds=0)
    asked, _ = ask(rt, peer, call_item("add", 1, a=1, b=1))
    assert [each.call_id for each in asked.result().function_calls] == ["call_1"]


def test_a_forced_tool_is_forced_once(opened):
    """The response that goes on has the same settings, but chooses freely: or it would call for ever."""
    rt, peer = opened()
    asked, create = ask(
        rt, peer, call_item("add", 1, a=1, b=1), response={"tool_choice": "required", "instructions": "be brief"}
    )
    assert create["response"]["tool_choice"] == "required"
    outputs(peer)
    again = peer.receive()
    assert "tool_choice" not in again["response"]
    assert again["response"]["instructions"] == "be brief"
    peer.respond(again, "2", response_id="resp_2")
    assert asked.result().text == "2"


def test_calls_beside_the_conversation(opened):
    """Nothing is added to it: the next response's own input has the calls and their outputs."""
    rt, peer = opened()
    asked = run_in_thread(rt.ask, "x", response={"conversation": "none"})
    create = peer.receive()
    calls(peer, create, call_item("add", 1, a=1, b=1))
    again = peer.receive()
    assert again["type"] == "response.create"
    assert again["response"]["input"] == [
        *create["response"]["input"],
        {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a": 1, "b": 1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "2"},
    ]
    peer.respond(again, "2", response_id="resp_2")
    assert asked.result().text == "2"


# the slot


def test_the_conversation_is_free_while_tools_run(opened, work):
    """Another call's turn goes between, and the rest of the first waits for that in turn."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1))
    work.entered()
    other = run_in_thread(rt.ask, "other")
    peer.receive("conversation.item.create")
    create = peer.receive()
    peer.respond(create, "between", response_id="resp_2", finish=False)
    work.gate.set()
    wait_until(lambda: rt._api.book.slot._claimants)
    peer.finish("between", "resp_2", create["response"]["metadata"])
    assert other.result().text == "between"
    outputs(peer)
    peer.respond(peer.receive(), "1", response_id="resp_3")
    assert asked.result().text == "1"


def test_a_tools_own_turn_comes_first(opened):
    """A tool may ask on its own session; its turn is over before the outer one goes on."""
    rt, peer = opened()

    def inner(context: ToolContext) -> str:
        return context.session.ask("inner", timeout=10).text

    rt.tool(inner)
    peer.receive("session.update")
    asked, _ = ask(rt, peer, call_item("inner", 1))
    assert peer.receive()["item"]["content"][0]["text"] == "inner"
    peer.respond(peer.receive(), "from inside", response_id="resp_2")
    assert outputs(peer)[0]["output"] == "from inside"
    peer.respond(peer.receive(), "done", response_id="resp_3")
    assert asked.result().text == "done"


def test_a_response_of_the_servers_own_gets_in_between(opened):
    """The create that goes on is refused, and sent again after it; the outputs are sent once, no round is lost."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("add", 1, a=1, b=1))
    outputs(peer)
    create = peer.receive()
    peer.send("response.created", response={"id": "resp_vad", "object": "realtime.response", "status": "in_progress"})
    peer.error(create["event_id"], code="conversation_already_has_active_response")
    peer.finish("speech", "resp_vad")
    again = peer.receive()
    assert again["type"] == "response.create"
    assert again["event_id"] != create["event_id"]
    peer.respond(again, "2", response_id="resp_2")
    turn = asked.result()
    assert (turn.text, turn.rounds) == ("2", 2)
    assert [item.type for item in turn.items] == ["function_call", "message"]


# its end


def test_interrupt_drops_what_tools_make(opened, work):
    """The turn ends with what it has; the tool is told; nothing is sent of it."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1))
    work.entered()
    assert rt.interrupt().response_id is None
    turn = asked.result()
    assert (turn.rounds, turn.status) == (1, "completed")
    assert [each.call_id for each in turn.function_calls] == ["call_1"]
    wait_until(lambda: work.contexts[0].cancelled)
    work.gate.set()
    asked = run_in_thread(rt.ask, "next")
    assert peer.receive()["item"]["content"][0]["text"] == "next"
    peer.respond(peer.receive(), "ok", response_id="resp_2")
    assert asked.result().text == "ok"


def test_interrupt_just_as_tools_begin(opened, work, monkeypatch):
    """Between their start and its being noted: they are cancelled all the same."""
    rt, peer = opened()
    start = rt._api.tools.start

    def start_and_interrupt(*arguments, **options):
        batch = start(*arguments, **options)
        rt.interrupt()
        return batch

    monkeypatch.setattr(
        type(rt._api.tools), "start", lambda _, *arguments, **options: start_and_interrupt(*arguments, **options)
    )
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1))
    assert [each.call_id for each in asked.result().function_calls] == ["call_1"]
    wait_until(lambda: not rt._api.tools.executor._queue)
    assert all(context.cancelled for context in work.contexts)


def test_interrupt_while_the_rest_waits_for_the_conversation(opened, work):
    """Between the tools and the create: neither outputs nor create go out, and the conversation is free."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1))
    work.entered()
    peer.send("response.created", response={"id": "vad", "object": "realtime.response", "status": "in_progress"})
    wait_until(lambda: rt._api.book.slot.occupant == "vad")
    work.gate.set()
    wait_until(lambda: rt._api.book.slot._claimants)
    assert rt.interrupt().response_id == "vad"
    assert peer.receive()["type"] == "response.cancel"
    peer.finish("", "vad", status="cancelled")
    assert [each.call_id for each in asked.result().function_calls] == ["call_1"]
    asked = run_in_thread(rt.ask, "next")
    assert peer.receive()["item"]["content"][0]["text"] == "next"
    peer.respond(peer.receive(), "ok", response_id="resp_2")
    assert asked.result().text == "ok"


def test_cancelling_a_stream_while_tools_run(opened, work):
    """It ends in order, with the calls unanswered."""
    rt, peer = opened()
    opening = run_in_thread(rt.stream, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("wait", 1, n=1))
    stream = opening.result()
    turning = run_in_thread(stream.turn)
    work.entered()
    stream.cancel()
    assert [each.call_id for each in turning.result().function_calls] == ["call_1"]
    wait_until(lambda: work.contexts[0].cancelled)


def test_cancelling_a_stream_that_waits_for_the_conversation(opened, work):
    """It ends at once, however long the other response goes on, and sends nothing."""
    rt, peer = opened()
    opening = run_in_thread(rt.stream, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("wait", 1, n=1))
    stream = opening.result()
    turning = run_in_thread(stream.turn)
    work.entered()
    peer.send("response.created", response={"id": "vad", "object": "realtime.response", "status": "in_progress"})
    wait_until(lambda: rt._api.book.slot.occupant == "vad")
    work.gate.set()
    wait_until(lambda: rt._api.book.slot._claimants)
    stream.cancel()
    assert [each.call_id for each in turning.result().function_calls] == ["call_1"]
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"


def test_leaving_a_stream_while_tools_run(opened, work):
    """Nobody sees the rest, and the conversation is free at once."""
    rt, peer = opened()
    opening = run_in_thread(rt.stream, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("wait", 1, n=1))
    with opening.result() as stream:
        while next(stream).type != "response.done":
            pass
        work.entered()
    wait_until(lambda: work.contexts[0].cancelled)
    with pytest.raises(LocalProtocolError):
        stream.turn()
    work.gate.set()
    asked = run_in_thread(rt.ask, "next")
    assert peer.receive()["item"]["content"][0]["text"] == "next"
    peer.respond(peer.receive(), "ok", response_id="resp_2")
    assert asked.result().text == "ok"


def test_a_dropped_stream_drops_its_tools(opened, work):
    """Collection leaves the turn also while tools run."""
    rt, peer = opened()
    opening = run_in_thread(rt.stream, "x")
    peer.receive("conversation.item.create")
    calls(peer, peer.receive(), call_item("wait", 1, n=1))
    stream = opening.result()
    while next(stream).type != "response.done":
        pass
    work.entered()
    del stream, opening
    gc.collect()
    wait_until(lambda: work.contexts[0].cancelled)


def test_the_turns_time_is_up_while_tools_run(opened, work):
    """RequestTimeout says where it was, with what had arrived; the tool's deadline was that of the turn."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1), timeout=0.3)
    with pytest.raises(RequestTimeout, match="its tools were running") as caught:
        asked.result()
    assert caught.value.partial.rounds == 1
    wait_until(lambda: work.contexts[0].cancelled)
    assert work.contexts[0].deadline.remaining() < 0.3


def test_a_tool_that_takes_too_long(opened, work):
    """The model is told so, and the turn goes on without it."""
    rt, peer = opened(tool_timeout=0.05)
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1), call_item("add", 2, a=1, b=1))
    first, second = outputs(peer, 2)
    assert json.loads(first["output"])["error"] == "wait gave no result within 0.05 s"
    assert second["output"] == "2"
    peer.respond(peer.receive(), "sorry", response_id="resp_2")
    assert asked.result().text == "sorry"


def test_close_while_a_tool_hangs(opened, work, caplog):
    """Close does not wait for it, names it, and the turn ends."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1))
    work.entered()
    with caplog.at_level(logging.WARNING, "realtime_sync"):
        closing = run_in_thread(rt.close)
        closing.result()
    assert closing.took < 1.5
    assert "close() left tools running: wait" in caplog.text
    with pytest.raises(TurnInterrupted) as caught:
        asked.result()
    assert caught.value.partial.rounds == 1
    wait_until(lambda: work.contexts[0].cancelled)


def test_a_tool_may_close_its_session(opened, caplog):
    """From inside, without a deadlock and without being named as left behind."""
    rt, peer = opened()

    def leave(context: ToolContext) -> None:
        context.session.close(4001, "bye")

    rt.tool(leave)
    peer.receive("session.update")
    with caplog.at_level(logging.WARNING, "realtime_sync"):
        asked, _ = ask(rt, peer, call_item("leave", 1))
        with pytest.raises(TurnInterrupted):
            asked.result()
    assert rt.wait_closed(5)
    assert rt.close_code == 4001
    assert "left tools" not in caplog.text


def test_the_connection_is_lost_while_tools_run_or_after(opened, work):
    """TurnInterrupted, never a turn that looks whole: while they run, and before the next response began."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("wait", 1, n=1))
    work.entered()
    peer.drop()
    with pytest.raises(TurnInterrupted):
        asked.result()
    work.gate.set()
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("add", 1, a=1, b=1))
    outputs(peer)
    peer.receive("response.create")
    peer.drop()
    with pytest.raises(TurnInterrupted):
        asked.result()


def test_the_server_refuses_an_output(opened):
    """ServerError, as for any item of the turn; its response is cancelled."""
    rt, peer = opened()
    asked, _ = ask(rt, peer, call_item("add", 1, a=1, b=1))
    event = peer.receive()
    create = peer.receive()
    peer.error(event["event_id"], code="invalid_tool_call_id")
    peer.send("response.created", response={"id": "r2", "metadata": create["response"]["metadata"]})
    assert peer.receive()["response_id"] == "r2"
    with pytest.raises(ServerError, match="invalid_tool_call_id"):
        asked.result()


# responses that nobody asked for


def test_turns_answer_calls_too(opened):
    """The responses that follow are the same turn, not another one."""
    rt, peer = opened()
    turns = rt.turns(timeout=10)
    calls(peer, None, call_item("add", 1, a=1, b=2), response_id="vad_1")
    answering = run_in_thread(lambda: next(turns).turn())
    outputs(peer)
    peer.respond(peer.receive("response.create"), "3", response_id="vad_2")
    turn = answering.result()
    assert (turn.text, turn.rounds) == ("3", 2)
    peer.respond({}, "another", response_id="vad_3")
    assert next(turns).turn().text == "another"
    turns.close()


def test_unasked_calls_are_answered_without_a_consumer(opened):
    """All rounds of them; every event is in the mailbox and at the callbacks, as a voice application expects."""
    rt, peer = opened()
    seen = []
    rt.on("response.done", lambda event: seen.append(event.response.id))
    calls(peer, None, call_item("add", 1, a=1, b=2), response_id="vad_1")
    assert outputs(peer)[0]["output"] == "3"
    calls(peer, peer.receive(), call_item("add", 2, a=3, b=3), response_id="vad_2")
    assert outputs(peer)[0]["output"] == "6"
    peer.respond(peer.receive(), "six", response_id="vad_3")
    kinds = []
    while kinds.count("response.done") < 3:
        kinds.append(rt.receive(timeout=10).type)
    assert kinds.count("response.created") == 3
    assert kinds.count("conversation.item.added") == 2
    assert "response.output_text.delta" in kinds
    wait_until(lambda: seen == ["vad_1", "vad_2", "vad_3"])
    wait_until(lambda: not rt._api.book._all())


def test_unasked_responses_without_calls_are_the_mailboxes_alone(opened):
    """Nothing is kept of them, no thread runs, and a normal close is no error for whoever iterates."""
    rt, peer = opened()
    before = {thread.name for thread in threading.enumerate()}
    peer.respond({}, "hello", response_id="vad_1", finish=False)
    peer.close(1000)
    kinds = [event.type for event in rt]
    assert "response.output_text.delta" in kinds
    assert not {name for name in {thread.name for thread in threading.enumerate()} - before if "tools" in name}


def test_unasked_calls_of_others_are_left_alone(opened):
    """Also those beside the conversation, whose input only who asked for them knows."""
    rt, peer = opened()
    calls(peer, None, call_item("other", 1), response_id="vad_1")
    # Before the create, which has no token: the next response to begin is taken for the one that it asked for.
    rt.wait_for("response.done", timeout=10)
    rt.response.create({"conversation": "none"})
    create = peer.receive()
    calls(peer, create, call_item("add", 2, a=1, b=1), response_id="beside")
    rt.wait_for("response.done", timeout=10, where=lambda event: event.response.id == "beside")
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"


def test_interrupting_unasked_calls(opened, work):
    """Barge-in: what the tool makes is dropped, and the next unasked response is answered as ever."""
    rt, peer = opened()
    calls(peer, None, call_item("wait", 1, n=1), response_id="vad_1")
    work.entered()
    rt.interrupt()
    wait_until(lambda: work.contexts[0].cancelled)
    work.gate.set()
    calls(peer, None, call_item("add", 2, a=1, b=1), response_id="vad_2")
    assert outputs(peer)[0]["call_id"] == "call_2"
    peer.respond(peer.receive(), "2", response_id="vad_3")
    rt.wait_for("response.done", timeout=10, where=lambda event: event.response.id == "vad_3")


def test_an_unasked_response_that_is_interrupted_makes_no_calls(opened):
    """Cancelled in time: its calls are not run, whatever status the server gives it."""
    rt, peer = opened()
    peer.send("response.created", response={"id": "vad_1", "object": "realtime.response"})
    rt.wait_for("response.created", timeout=10)
    rt.interrupt()
    assert peer.receive()["type"] == "response.cancel"
    peer.send(
        "response.done", response={"id": "vad_1", "status": "completed", "output": [call_item("add", 1, a=1, b=1)]}
    )
    rt.wait_for("response.done", timeout=10)
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"


def test_an_unasked_output_that_is_refused_is_logged(opened, caplog):
    """Nobody else would hear of it."""
    rt, peer = opened()
    with caplog.at_level(logging.WARNING, "realtime_sync"):
        calls(peer, None, call_item("add", 1, a=1, b=1), response_id="vad_1")
        event = peer.receive()
        peer.receive("response.create")
        peer.error(event["event_id"], message="refused it")
        wait_until(lambda: "refused it" in caplog.text)
    assert not rt.closed


def test_many_unasked_calls_at_once(opened, work):
    """More than there are threads for wait their turn, and all are answered once."""
    rt, peer = opened()
    for n in range(12):
        calls(
            peer,
            None,
            call_item("add" if n % 2 else "wait", n, **({"a": n, "b": 0} if n % 2 else {"n": n})),
            response_id=f"vad_{n}",
        )
    work.gate.set()
    answered = []
    while len(answered) < 12:
        answered.append(int(outputs(peer)[0]["output"]))
        create = peer.receive()
        assert create["type"] == "response.create"
        peer.respond(create, "ok", response_id=f"after_{len(answered)}")
    assert sorted(answered) == list(range(12))
    wait_until(lambda: not rt._api.book._all())


def test_closing_with_unasked_calls_under_way(opened, work):
    """The library's own consumer ends with the session."""
    rt, peer = opened()
    calls(peer, None, call_item("wait", 1, n=1), response_id="vad_1")
    work.entered()
    rt.close()
    wait_until(lambda: work.contexts[0].cancelled)
    work.gate.set()
    wait_until(lambda: not any(thread.name.startswith("rts-tools") for thread in threading.enumerate()))
