"""Conversations over a server that remembers what it should: history, delta, tools, forks, compaction, order."""

from __future__ import annotations

import threading

import attrs
import pytest

from realtime_sync.errors import (
    ConfigurationError,
    ForkedError,
    LocalProtocolError,
    OutputInvalid,
    RequestTimeout,
    ServerError,
    ToolError,
    TurnInterrupted,
)
from realtime_sync.responses._conversation_routes import route_over
from realtime_sync.responses._conversation_settings import TurnParameters
from realtime_sync.responses._parameters import CreateParameters
from realtime_sync.session import Deadline
from realtime_sync.tools import ToolContext
from tests.responses.conversation_support import (
    LOST,
    REFUSED,
    UNSENT,
    FakeServer,
    calls,
    said,
    says,
    server_error,
)
from tests.support.waiting import run_in_thread, wait_until


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def talk(server):
    """Make conversations that are closed with the test."""
    made = []

    def talk(**settings):
        made.append(server.conversation(**settings))
        return made[-1]

    yield talk
    for each in made:
        each.close()


def test_turns_follow_one_another_and_only_what_is_new_goes_out(server, talk):
    """The second request names the first response and brings its own message; the history has all of it."""
    chat = talk()
    assert chat.create("one").output_text == "ok"
    chat.create("two")
    assert server.sent() == [(None, [said("one")]), ("resp_1", [said("two")])]
    assert chat.history == [said("one"), says("ok"), said("two"), says("ok")] == server.contexts["resp_2"]
    assert (chat.stats.full, chat.stats.delta) == (1, 1)


def test_usage_is_added_up(talk):
    """Tokens of all responses together."""
    chat = talk()
    chat.create("one")
    chat.create("two")
    assert (chat.usage.responses, chat.usage.input_tokens, chat.usage.total_tokens) == (2, 20, 24)
    assert chat.last_response.id == "resp_2"


def test_a_changed_field_sends_everything(server, talk):
    """What a call changes holds for that call, and both it and the next one go out in full."""
    chat = talk(temperature=0)
    chat.create("one", temperature=1)
    chat.create("two")
    chat.create("three")
    assert [previous for previous, _ in server.sent()] == [None, None, "resp_2"]
    assert [each["temperature"] for each in server.requests] == [1, 0, 0]


def test_encrypted_reasoning_is_asked_for_where_it_is_needed(server, talk):
    """Where nothing is stored, and the caller has no list of their own."""
    talk().create("x")
    talk(store=True).create("x")
    talk(include=["message.output_text.logprobs"]).create("x")
    assert [each.get("include") for each in server.requests] == [
        ["reasoning.encrypted_content"],
        None,
        ["message.output_text.logprobs"],
    ]


def test_a_key_is_the_key_of_the_prompt_cache(server, talk):
    """So that another connection finds the cache too; one of the caller's own stays."""
    assert talk(key="k").key == "k"
    talk(key="k").create("x")
    talk(key="k", prompt_cache_key="own").create("x")
    assert [each["prompt_cache_key"] for each in server.requests] == ["k", "own"]


def test_nothing_that_a_caller_does_with_the_history_changes_it(talk):
    """`history` and `to_dict` are copies, at any depth."""
    chat = talk()
    chat.create([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}])
    chat.history[0]["content"][0]["text"] = "b"
    chat.to_dict()["history"][0]["content"][0]["text"] = "b"
    assert chat.history[0]["content"][0]["text"] == "a"


def test_a_stream_has_the_events_and_then_the_response(talk):
    """Events as they come; with the last one the turn is in the history, even for who looks no further."""
    chat = talk()
    with chat.stream("one") as stream:
        for event in stream:
            if event.type == "response.completed":
                break
            assert chat.history == []
        assert chat.history == [said("one"), says("ok")]
    assert stream.response() is stream.get_final_response() is chat.last_response


def test_an_abandoned_turn_does_not_enter_the_history(server, talk):
    """Left early, it is as if it had not been asked; the next turn goes out in full."""
    chat = talk()
    chat.create("zero")
    with chat.stream("one") as stream:
        assert next(stream).type == "response.created"
    with pytest.raises(LocalProtocolError, match="left before its end"):
        stream.response()
    chat.create("two")
    assert server.sent()[-1] == (None, [said("zero"), says("ok"), said("two")])
    assert said("one") not in chat.history


def test_a_stream_that_is_dropped_lets_the_next_turn_begin(talk):
    """Without close, without an end: its collection is enough."""
    chat = talk()
    stream = chat.stream("one")
    next(stream)
    del stream
    assert chat.create("two", timeout=5).output_text == "ok"


def test_another_turn_waits_and_its_time_is_counted(talk):
    """While one turn runs the next waits; when its time is over nothing was sent."""
    chat = talk()
    with chat.stream("one") as stream:
        next(stream)
        with pytest.raises(RequestTimeout, match="nothing was sent") as caught:
            chat.create("two", timeout=0.01)
        assert caught.value.replay_safe
    assert chat.create("three").output_text == "ok"


def test_turns_are_served_in_the_order_in_which_they_came(server, talk):
    """First come, first served, from any thread."""
    chat = talk()
    waiting = []
    with chat.stream("first") as stream:
        next(stream)
        for number in range(5):
            waiting.append(run_in_thread(lambda number=number: chat.create(str(number))))
            wait_until(lambda number=number: len(chat._core.queue._line) == number + 2)
        stream.response()
    for each in waiting:
        each.result()
    assert [sent[-1]["content"] for _, sent in server.sent()] == ["first", "0", "1", "2", "3", "4"]


def test_closing_ends_what_waits(talk):
    """A turn that waits ends with an error; one that is open is left alone but can go no further."""
    chat = talk()
    stream = chat.stream("one")
    next(stream)
    waiting = run_in_thread(lambda: chat.create("two"))
    wait_until(lambda: len(chat._core.queue._line) == 2)
    chat.close()
    chat.close()
    with pytest.raises(LocalProtocolError, match="was closed"):
        waiting.result()
    with pytest.raises(LocalProtocolError, match="was closed"):
        chat.create("three")
    stream.close()


def test_closing_closes_its_own_connection_and_no_other(server, talk):
    """A connection that was given stays open."""
    given = server.dial()
    chat, other = talk(via=given), talk()
    chat.create("x")
    other.create("x")
    chat.close()
    other.close()
    assert [each.closed for each in server.routes] == [False, True]


def test_closing_while_it_dials(server, talk):
    """The connection that comes about too late is closed, and nothing is sent."""
    gate, dialling = threading.Event(), threading.Event()

    def slowly():
        dialling.set()
        gate.wait(10)

    server.on_dial = slowly
    chat = talk()
    asking = run_in_thread(lambda: chat.create("one"))
    assert dialling.wait(10)
    chat.close()
    gate.set()
    with pytest.raises(LocalProtocolError, match="was closed"):
        asking.result()
    assert [each.closed for each in server.routes] == [True]
    assert not server.requests


def test_a_fork_that_dials_at_the_same_time(server, talk):
    """One of the two connections is used by both, the other closed."""
    both = threading.Barrier(2)
    server.on_dial = lambda: both.wait(10)
    chat = talk()
    with chat.fork() as fork:
        asking = [run_in_thread(lambda one=one: one.create("one")) for one in (chat, fork)]
        for each in asking:
            each.result()
        assert sorted(each.closed for each in server.routes) == [False, True]


@pytest.mark.parametrize("name", ["previous_response_id", "conversation"])
def test_what_says_where_to_go_on_from_is_the_conversations_own(server, talk, name):
    """Refused, in a call and as a setting, before anything is sent."""
    with pytest.raises(LocalProtocolError, match=f"{name} cannot be given"):
        talk().create("x", **{name: "y"})
    with pytest.raises(LocalProtocolError, match=f"{name} cannot be given"):
        talk(**{name: "y"})
    assert not server.requests


def test_a_wrong_keyword_and_a_wrong_input_lose_nothing(server, talk):
    """A TypeError or a LocalProtocolError, nothing sent, and the conversation is as it was."""
    chat = talk()
    chat.create("one")
    for wrong in ({"temprature": 1}, {"stream": True}):
        with pytest.raises((TypeError, LocalProtocolError)):
            chat.create("two", **wrong)
    with pytest.raises(LocalProtocolError, match=r"input\[0\]"):
        chat.create([object()])
    with pytest.raises(LocalProtocolError, match="parse or text"):
        chat.create("two", parse=City, text={"format": {"type": "text"}})
    assert len(server.requests) == 1
    assert chat.create("two").output_text == "ok"


def test_the_keywords_of_a_turn_are_those_of_a_request():
    """Apart from those that say where to go on from."""
    ours = {"input", "previous_response_id", "conversation"}
    assert TurnParameters.__annotations__.keys() == CreateParameters.__annotations__.keys() - ours


# Structured output


@attrs.frozen
class City:
    name: str


def test_parse_returns_an_instance(server, talk):
    """The schema goes out, the instance comes back, and text beside the format is kept."""
    chat = talk(text={"verbosity": "low"})
    server.answers = [[says('{"name": "Ghent"}')]]
    assert chat.create("where?", parse=City) == City("Ghent")
    assert server.requests[0]["text"]["verbosity"] == "low"
    assert server.requests[0]["text"]["format"]["name"] == "City"


def test_an_answer_that_does_not_fit_is_in_the_history_all_the_same(talk):
    """It was said; the next turn goes on from it."""
    chat = talk()
    with pytest.raises(OutputInvalid):
        chat.create("where?", parse=City)
    assert chat.history == [said("where?"), says("ok")]
    assert chat.create("and?").output_text == "ok"


# Tools


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def test_run_answers_calls_and_goes_on(server, talk):
    """Outputs in the order of the calls, only what is new in each request, the last response returned."""
    server.answers = [[calls("c1", "add", a=1, b=2), calls("c2", "add", a=3, b=4)], [calls("c3", "add", a=5, b=6)]]
    chat = talk(tools=[add])
    assert chat.run("sum up").output_text == "ok"
    outputs = [
        {"type": "function_call_output", "call_id": f"c{n}", "output": text}
        for n, text in ((1, "3"), (2, "7"), (3, "11"))
    ]
    assert server.sent() == [(None, [said("sum up")]), ("resp_1", outputs[:2]), ("resp_2", outputs[2:])]
    assert chat.history == server.contexts["resp_3"]
    assert server.requests[0]["tools"][0]["name"] == "add"


def test_a_tool_that_fails_tells_the_model(server, talk):
    """An exception, arguments that do not fit, and a name that there is not, become outputs that say so."""

    def fails(text: str) -> str:
        raise RuntimeError(text)

    server.answers = [[calls("c1", "fails", text="oh"), calls("c2", "fails", what=1), calls("c3", "nothing")]]
    chat = talk(tools=[fails])
    chat.run("go")
    outputs = [each["output"] for each in server.requests[1]["input"]]
    assert "RuntimeError: oh" in outputs[0]
    assert "do not fit" in outputs[1]
    assert "no tool nothing; there are: fails" in outputs[2]


def test_calls_of_others_are_left_to_the_caller(server, talk):
    """A tool given as a definition: the response comes back with that call; the caller's answer goes with the tools'."""
    server.answers = [[calls("c1", "add", a=1, b=1), calls("c2", "theirs")]]
    chat = talk(tools=[add, {"type": "function", "name": "theirs", "parameters": {}}])
    response = chat.run("go")
    assert [each.call_id for each in response.function_calls] == ["c1", "c2"]
    own = {"type": "function_call_output", "call_id": "c2", "output": "yes"}
    chat.create([own])
    answered = {"type": "function_call_output", "call_id": "c1", "output": "2"}
    assert server.sent()[-1] == ("resp_1", [answered, own])


def test_create_runs_no_tools(server, talk):
    """It returns the calls; the caller answers by the next turn."""
    server.answers = [[calls("c1", "add", a=1, b=1)]]
    chat = talk(tools=[add])
    assert chat.create("go").function_calls[0].name == "add"
    assert len(server.requests) == 1


def test_rounds_have_a_limit(server, talk, caplog):
    """After it the calls are the caller's; that is logged."""
    server.answers = [[calls(f"c{n}", "add", a=n, b=n)] for n in range(9)]
    chat = talk(tools=[add], max_tool_rounds=2)
    assert chat.run("go").function_calls[0].call_id == "c2"
    assert "after 2 rounds" in caplog.text
    chat.create([{"type": "function_call_output", "call_id": "c2", "output": "4"}])
    assert chat.run(max_tool_rounds=0).function_calls[0].call_id == "c4"


def test_tools_of_one_call(server, talk):
    """Tools given with a call replace the conversation's for that call, functions included."""
    chat = talk(tools=[add])
    seen = []

    def other(x: int) -> str:
        """Other."""
        seen.append(x)
        return "done"

    server.answers = [[calls("c1", "other", x=1)]]
    chat.run("go", tools=[other])
    chat.create("next")
    assert seen == [1]
    assert [[each["name"] for each in request["tools"]] for request in server.requests] == [
        ["other"],
        ["other"],
        ["add"],
    ]


def test_a_tool_can_be_added(server, talk):
    """From the next turn on, by call or as a decorator."""
    chat = talk()

    @chat.tool
    def late() -> str:
        """Late."""
        return "here"

    server.answers = [[calls("c1", "late")]]
    chat.run("go")
    assert server.requests[1]["input"][0]["output"] == "here"
    assert late.name == "late"


@pytest.mark.parametrize("tools", [[add, add], [add, {"type": "function", "name": "add"}], [lambda x: x], [lambda: 0]])
def test_tools_that_cannot_be_are_refused(talk, tools):
    """Two of a name, no types, no name."""
    with pytest.raises(ToolError):
        talk(tools=tools)


def test_a_tool_sees_the_conversation_and_may_ask_a_fork_of_it(server, talk):
    """A turn of the very conversation that waits would never come: that is said at once. A fork goes on from before."""
    seen = {}

    def curious(context: ToolContext) -> str:
        """Ask."""
        with pytest.raises(LocalProtocolError, match="fork"):
            context.session.create("me too")
        with context.session.fork() as fork:
            fork.create("aside")
            seen.update(history=fork.history, session=context.session, turn=context.turn.id)
        return "asked"

    chat = talk(tools=[curious])
    chat.create("zero")
    server.answers = [[calls("c1", "curious")]]
    assert chat.run("go").output_text == "ok"
    assert seen["history"] == [said("zero"), says("ok"), said("aside"), says("ok")]
    assert seen["session"] is chat
    assert seen["turn"] == "resp_2"


def test_the_time_of_a_turn_is_that_of_its_tools_too(server, talk):
    """A tool that hangs past it: the error has the response, the history has the call as interrupted and what came in time."""
    gate = threading.Event()

    def hangs() -> str:
        """Hang."""
        gate.wait(10)
        return "late"

    server.answers = [[calls("c1", "add", a=1, b=1), calls("c2", "hangs")]]
    chat = talk(tools=[add, hangs])
    with pytest.raises(RequestTimeout) as caught:
        chat.run("go", timeout=0.7)
    gate.set()
    assert caught.value.partial.id == "resp_1"
    outputs = {each["call_id"]: each["output"] for each in chat.history if each["type"] == "function_call_output"}
    assert outputs["c1"] == "2"
    assert "interrupted" in outputs["c2"]
    assert chat.run("and now?").output_text == "ok"
    assert server.contexts["resp_2"] == chat.history


def test_a_tool_that_closes_the_conversation_ends_the_run(server, talk):
    """The run ends with an error, and the history has the call as interrupted or answered."""

    def closes(context: ToolContext) -> str:
        """Close."""
        context.session.close()
        return "closed"

    server.answers = [[calls("c1", "closes")]]
    chat = talk(tools=[closes])
    with pytest.raises(LocalProtocolError, match="was closed"):
        chat.run("go")
    assert [each["type"] for each in chat.history] == ["message", "function_call", "function_call_output"]


def test_a_failed_round_leaves_the_outputs_of_its_tools(server, talk):
    """The tools ran: the next turn tells the model so, and none runs again."""
    ran = []

    def once() -> str:
        """Once."""
        ran.append(1)
        return "did it"

    chat = talk(tools=[once])
    server.answers = [[calls("c1", "once")]]
    server.faults = [(None, None), ("midway", LOST)]
    with pytest.raises(TurnInterrupted):
        chat.run("go")
    assert chat.history[-1]["output"] == "did it"
    assert chat.run().output_text == "ok"
    assert server.contexts["resp_3"] == chat.history
    assert ran == [1]


def test_a_call_that_was_cut_off_is_not_answered(server, talk):
    """An incomplete response comes back as it is; its half calls are in no request any more, so everything goes out."""
    ran = []

    def once() -> str:
        """Once."""
        ran.append(1)
        return ""

    cut = {**calls("c1", "once"), "status": "incomplete"}
    server.answers = [[says("so"), cut]]
    chat = talk(tools=[once])
    chat.create("one")
    chat.create("two")
    assert server.sent()[-1] == (None, [said("one"), says("so"), said("two")])
    assert not ran


# Forks and compaction


def test_forks_go_their_own_ways(server, talk):
    """Both have what came before; neither sees the other's turns. They share a connection until the last is closed."""
    chat = talk(tools=[add])
    chat.create("one")
    fork = chat.fork()
    fork.create("two")
    chat.create("three")
    assert fork.history[2:] == [said("two"), says("ok")]
    assert chat.history[2:] == [said("three"), says("ok")]
    assert fork.usage.responses == 1
    assert len(server.routes) == 1
    chat.close()
    assert not server.routes[0].closed
    server.answers = [[calls("c1", "add", a=1, b=1)]]
    assert fork.run("four").output_text == "ok"
    fork.close()
    assert server.routes[0].closed


def test_compacting_goes_on_from_what_the_server_returned(server, talk):
    """All of it as it came, without an id, then as ever."""
    chat = talk(instructions="be brief")
    chat.create("one")
    one = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]}
    server.compacted = [one, {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}]
    chat.compact()
    assert server.requests[-1]["input"] == [said("one"), says("ok")]
    assert server.requests[-1]["instructions"] == "be brief"
    assert chat.history == server.compacted
    chat.create("two")
    chat.create("three")
    assert server.sent()[-2:] == [(None, [*server.compacted, said("two")]), ("resp_2", [said("three")])]


def test_compacting_nothing_is_refused(talk):
    """There has to be a history."""
    with pytest.raises(LocalProtocolError, match="nothing to be compacted"):
        talk().compact()


def test_the_servers_own_compaction_shortens_the_history(server, talk):
    """What came before its item is not sent any more, in full neither."""
    chat = talk(context_management=[{"type": "compaction", "compact_threshold": 1000}])
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}
    server.answers = [[says("a")], [item, says("b")]]
    chat.create("one")
    chat.create("two")
    assert chat.history == [item, says("b")]
    chat.create("three")
    chat.create("four", temperature=1)
    assert server.sent()[-2:] == [
        ("resp_2", [said("three")]),
        (None, [item, says("b"), said("three"), says("ok"), said("four")]),
    ]


# Recovery, as the caller sees it


def test_a_forgotten_response_is_sent_again_in_full(server, talk):
    """The caller sees one response; the server gets everything."""
    chat = talk(store=True)
    chat.create("one")
    server.stored.clear()
    server.routes[0].cache.clear()
    with chat.stream("two") as stream:
        types = [event.type for event in stream]
    assert (types[0], types.count("response.created"), "error" in types) == ("response.created", 1, False)
    assert server.sent()[-1] == (None, [said("one"), says("ok"), said("two")])
    assert chat.stats.recoveries == {"in_full": 1}


def test_a_connection_that_has_forgotten_is_not_asked(server, talk):
    """What a lane holds no more goes out in full at once."""
    chat = talk()
    chat.create("one")
    server.routes[0].cache.clear()
    chat.create("two")
    assert server.sent()[-1] == (None, [said("one"), says("ok"), said("two")])
    assert chat.stats.recoveries == {}


def test_a_server_that_says_nothing_of_ids_gets_everything(server, talk):
    """Where responses do not show what they go on from, nothing is left out."""
    server.told = lambda previous: {}
    chat = talk()
    chat.create("one")
    chat.create("two")
    assert server.sent()[-1] == (None, [said("one"), says("ok"), said("two")])


def test_an_id_that_nobody_asked_for_is_no_matter(server, talk):
    """A server may tell what it likes about a request in full."""
    server.told = lambda previous: {"previous_response_id": "resp_other"}
    assert talk().create("one").output_text == "ok"


def test_a_server_that_ignores_the_id_is_asked_again_in_full(server, talk):
    """Before the answer to half a conversation is seen; and from then on it gets everything at once."""
    server.told = lambda previous: {"previous_response_id": None}
    server.answers = [[says("one")], [says("nonsense")]]
    chat = talk()
    chat.create("one")
    assert chat.create("two").output_text == "ok"
    chat.create("three")
    assert [previous for previous, _ in server.sent()] == [None, "resp_1", None, None]
    assert server.contexts["resp_4"] == chat.history


@pytest.mark.parametrize(
    "fault",
    [
        ("refuse", server_error("websocket_connection_limit_reached", status=400)),
        ("unsent", UNSENT),
        ("silent", LOST),
    ],
    ids=["limit", "before it was sent", "before the first event"],
)
def test_a_lost_connection_is_replaced(server, talk, fault):
    """A new connection, everything again; one response."""
    chat = talk()
    chat.create("one")
    server.faults = [fault]
    assert chat.create("two").output_text == "ok"
    assert server.sent()[-1] == (None, [said("one"), says("ok"), said("two")])
    assert [each.closed for each in server.routes] == [True, False]
    assert chat.history == server.contexts[chat.last_response.id]


def test_what_may_have_left_traces_is_not_asked_again(server, talk):
    """A stored response that may exist: TurnInterrupted, unless the caller allows it."""
    server.faults = [("silent", LOST)]
    with pytest.raises(TurnInterrupted):
        talk(store=True).create("one")
    server.faults = [("silent", LOST)]
    assert talk(store=True, repeat_lost=True).create("one").output_text == "ok"


def test_a_turn_lost_in_the_middle_is_an_error(server, talk):
    """Nothing is replayed; the conversation goes on on a new connection."""
    chat = talk()
    server.faults = [("midway", LOST)]
    with pytest.raises(TurnInterrupted):
        chat.create("one")
    assert chat.history == []
    assert chat.create("two").output_text == "ok"
    assert len(server.routes) == 2


def test_a_given_connection_is_not_replaced(server, talk):
    """Whoever gave it decides."""
    chat = talk(via=server.dial())
    server.faults = [("unsent", UNSENT)]
    with pytest.raises(TurnInterrupted):
        chat.create("one")
    assert len(server.routes) == 1


def test_where_there_are_no_websockets_http_will_do(server, talk):
    """From then on, in full each time as nothing is stored; and with ids where it is."""
    server.dial_faults = [REFUSED]
    chat = talk(fallback="http")
    chat.create("one")
    chat.create("two")
    assert [each["input"] for each in server.over_http] == [[said("one")], [said("one"), says("ok"), said("two")]]
    assert chat.stats.over_http == 2
    server.dial_faults = [REFUSED]
    stored = talk(fallback="http", store=True)
    stored.create("one")
    stored.create("two")
    assert server.sent()[-1] == ("resp_3", [said("two")])


def test_a_busy_server_is_asked_again(server, talk):
    """After the wait that it asks for."""
    chat = talk()
    server.faults = [("refuse", server_error("rate_limit_exceeded", status=429, headers={"retry-after": "0.01"}))]
    assert chat.create("one").output_text == "ok"
    assert chat.stats.recoveries == {"wait": 1}


def test_a_wait_that_is_too_long_does_not_begin(server, talk):
    """The error is raised at once instead."""
    server.faults = [("refuse", server_error("rate_limit_exceeded", status=429, headers={"retry-after": "30"}))]
    with pytest.raises(ServerError, match="rate_limit_exceeded"):
        talk().create("one", timeout=1)


def test_closing_ends_a_wait(server, talk):
    """A conversation that waits for a busy server can be closed."""
    server.faults = [("refuse", server_error("rate_limit_exceeded", status=429, headers={"retry-after": "30"}))]
    chat = talk(timeout=60)
    waiting = run_in_thread(lambda: chat.create("one"))
    wait_until(lambda: chat._core._pauses)
    chat.close()
    with pytest.raises(LocalProtocolError, match="was closed"):
        waiting.result()


def test_a_model_without_encrypted_reasoning(server, talk):
    """Asked again without, and not with it any more."""
    server.faults = [("refuse", server_error("invalid_value", status=400, param="include[0]"))]
    chat = talk()
    chat.create("one")
    chat.create("two")
    assert ["include" in each for each in server.requests] == [True, False, False]
    assert chat.stats.delta == 1


def test_a_refused_request_is_an_error_and_the_next_goes_out_in_full(server, talk):
    """Iterating shows the error event, `response` raises; what the request went on from is forgotten by the server."""
    chat = talk()
    chat.create("one")
    server.faults = [("refuse", server_error("invalid_prompt", status=400))]
    with chat.stream("two") as stream:
        assert [each.type for each in stream] == ["error"]
        with pytest.raises(ServerError, match="invalid_prompt"):
            stream.response()
    chat.create("three")
    assert server.sent()[-1] == (None, [said("one"), says("ok"), said("three")])


def test_what_it_looks_like(talk):
    """Conversations and streams show where they stand, and nothing of what was said."""
    chat = talk()
    stream = chat.stream("secret")
    assert repr(stream) == "ConversationStream(open)"
    stream.response()
    assert repr(stream) == "ConversationStream(ended)"
    assert repr(chat) == "Conversation(model='m', items=2, open)"


def test_a_server_that_leaves_the_output_out_of_the_last_event(server, talk, monkeypatch):
    """What the items' own events told is the output: calls are answered, and the history is whole."""
    answered = FakeServer.answered

    def shortened(self, response, where, fault, route):
        exchange = answered(self, response, where, fault, route)
        exchange.ending = attrs.evolve(exchange.ending, output=())
        return exchange

    monkeypatch.setattr(FakeServer, "answered", shortened)
    server.answers = [[calls("c1", "add", a=1, b=2)]]
    chat = talk(tools=[add])
    assert chat.run("go").output_text == "ok"
    assert chat.history == server.contexts["resp_2"]


def test_a_stream_without_a_last_event(server, talk, monkeypatch):
    """Where the events just end, the response decides."""
    answered = FakeServer.answered

    def cut(self, response, where, fault, route):
        exchange = answered(self, response, where, fault, route)
        del exchange.script[-1]
        return exchange

    monkeypatch.setattr(FakeServer, "answered", cut)
    chat = talk()
    assert chat.create("one").output_text == "ok"
    assert chat.history == server.contexts["resp_1"]


def test_calls_that_an_interrupt_kept_from_being_answered(server, talk, monkeypatch):
    """Ctrl-C between the response and its tools: the next turn finds them noted as interrupted."""
    chat = talk(tools=[add])
    server.answers = [[calls("c1", "add", a=1, b=2)]]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("realtime_sync.responses._conversation_tools.ToolRounds.answer", interrupt)
        chat.run("go")
    assert chat.history[-1]["type"] == "function_call"
    chat.create("and now?")
    assert "interrupted" in chat.history[2]["output"]
    assert server.contexts["resp_2"] == chat.history


def interrupt(*_):
    raise KeyboardInterrupt


def test_an_inherited_conversation_cannot_be_used_after_a_fork(talk, monkeypatch):
    """It says so, and what to do."""
    chat = talk()
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(ForkedError, match="to_dict"):
        chat.create("one")


def test_an_interrupt_just_after_dialling_leaves_no_connection(server, talk, monkeypatch):
    """What was dialled and is nobody's is closed."""
    chat = talk()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("realtime_sync.responses._conversation_link.time.monotonic", interrupt)
        chat._core.link._dialled(None, Deadline(None))
    assert [each.closed for each in server.routes] == [True]


def test_whatever_takes_requests_will_do(server):
    """A pool has no class that conversations know, but what they need; anything else is refused."""
    assert route_over(server.dial()) is server.routes[0]
    with pytest.raises(ConfigurationError, match="via is an open ResponsesConnection"):
        route_over(server)
