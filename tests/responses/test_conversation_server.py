"""Conversations with the local server: each row of the recovery table with a fault of the real kind."""

from __future__ import annotations

import contextlib
import json

import attrs
import pytest

from realtime_sync import Client, RetryPolicy
from realtime_sync.errors import (
    ConfigurationError,
    ConnectError,
    LocalProtocolError,
    RequestTimeout,
    ResponseFailed,
    ServerError,
    ToolError,
    TurnInterrupted,
)
from realtime_sync.server import Fault, LocalServer, Reply
from realtime_sync.types.responses import user_image
from tests.support.waiting import run_in_thread, wait_until

QUICK = RetryPolicy(initial_delay=0.01, max_delay=0.01)


class Responder:
    """Tells what it was given, so that what the server used can be compared with what the user sees."""

    def __init__(self):
        self.seen = []
        self.replies = []

    def __call__(self, request):
        self.seen.append([shape(item) for item in request.items])
        return self.replies.pop(0) if self.replies else f"answer {len(self.seen)}"


def shape(item):
    """What an item says, however it is written."""
    if item["type"] == "message":
        content = item["content"]
        return (
            item["role"],
            content if isinstance(content, str) else "".join(part.get("text", "") for part in content),
        )
    return (item["type"], item.get("call_id"), item.get("output") or item.get("arguments"))


@pytest.fixture
def open_server():
    """Start servers that are closed with the test; returns (server, responder, client)."""
    with contextlib.ExitStack() as stack:

        def open_server(*faults, time_scale=0.0, **client):
            responder = Responder()
            server = stack.enter_context(LocalServer(responder=responder, faults=faults, time_scale=time_scale))
            given = {"base_url": server.base_url, "api_key": "k", "retry": QUICK, "timeout": 20, **client}
            return server, responder, stack.enter_context(Client(**given))

        yield open_server


def agrees(chat, responder):
    """Whether the server made its last answer of just what the user sees before it."""
    shapes = [shape(item) for item in chat.history]
    return responder.seen[-1] == shapes[:-1]


def bodies(server):
    """The requests of WebSockets and over HTTP, in order."""
    found = [each for each in server.received if each["type"] in {"response.create", "POST /v1/responses"}]
    return [each.get("body", each) for each in found]


def ids(server):
    return [each.get("previous_response_id") is not None for each in bodies(server)]


def test_turns_over_its_own_connection(open_server):
    """Nothing is dialled before the first turn; only what is new goes out; the end closes it."""
    server, responder, client = open_server()
    with client.responses.conversation("m", instructions="be brief", tools=[]) as chat:
        assert server.handshakes == []
        for text in ("one", "two", "three"):
            chat.create(text)
            assert agrees(chat, responder)
    assert ids(server) == [False, True, True]
    assert [len(each["input"]) for each in bodies(server)] == [1, 1, 1]
    assert len(server.handshakes) == 1
    with pytest.raises(LocalProtocolError, match="was closed"):
        chat.create("four")


def test_a_tool_loop_grows_by_what_is_new(open_server):
    """Ten rounds: each request holds the outputs of one round only."""
    server, responder, client = open_server()
    responder.replies = [Reply(function_call=("work", {"number": n})) for n in range(10)]
    ran = []

    def work(number: int) -> str:
        """Work."""
        ran.append(number)
        return f"done {number}"

    with client.responses.conversation("m", tools=[work]) as chat:
        chat.run("go")
        assert agrees(chat, responder)
    assert ran == [*range(10)]
    assert ids(server) == [False] + [True] * 10
    assert {len(each["input"]) for each in bodies(server)} == {1}


def test_parallel_calls_are_answered_in_their_order(open_server):
    """Whatever tool is done first."""
    server, responder, client = open_server()
    responder.replies = [iter([Reply(function_call=("work", {"number": n})) for n in range(3)])]

    def work(number: int) -> int:
        """Work."""
        return number

    with client.responses.conversation("m", tools=[work]) as chat:
        chat.run("go")
    assert [each["output"] for each in bodies(server)[1]["input"]] == ["0", "1", "2"]


def test_reasoning_goes_back_encrypted(open_server):
    """A request in full holds what was thought before, which the server can read."""
    server, _, client = open_server()
    with client.responses.conversation("m", reasoning={"effort": "low"}) as chat:
        chat.create("one")
        chat.create("two", max_output_tokens=1000)
    kinds = [each["type"] for each in bodies(server)[1]["input"]]
    assert kinds == ["message", "reasoning", "message", "message"]
    assert bodies(server)[1]["input"][1]["encrypted_content"]


def test_eviction_is_recovered_from(open_server):
    """A failing continuation evicts what it went on from: the next turn goes out in full, without asking."""
    server, responder, client = open_server()
    with client.responses.conversation("m") as chat:
        chat.create("one")
        with pytest.raises(ServerError, match="max_output_tokens"):
            chat.create("two", extra_body={"max_output_tokens": 1})
        chat.create("three")
        assert agrees(chat, responder)
    assert ids(server) == [False, False, False]


def test_a_forgotten_response_is_sent_in_full(open_server):
    """`previous_response_not_found`: the same connection, everything."""
    fault = Fault(at="response.create", nth=2, do="reject", status=400, error_code="previous_response_not_found")
    server, responder, client = open_server(fault)
    with client.responses.conversation("m", store=True) as chat:
        chat.create("one")
        chat.create("two")
        assert agrees(chat, responder)
        assert chat.stats.recoveries == {"in_full": 1}
    assert ids(server) == [False, True, False]
    assert len(server.handshakes) == 1


def test_a_deleted_response_is_sent_in_full(open_server):
    """What was stored and deleted, in another process, where the state went."""
    server, responder, client = open_server()
    with client.responses.conversation("m", store=True) as chat:
        response = chat.create("one")
        state = json.loads(json.dumps(chat.to_dict()))
    client.responses.delete(response.id)
    with client.responses.conversation(state=state) as again:
        again.create("two")
        assert agrees(again, responder)
    assert ids(server) == [False, True, False]


def test_a_stored_response_is_found_from_another_connection(open_server):
    """The state of a stored conversation goes on with the id alone."""
    server, responder, client = open_server()
    with client.responses.conversation("m", store=True) as chat:
        chat.create("one")
    with client.responses.conversation(state=chat.to_dict()) as again:
        again.create("two")
        assert agrees(again, responder)
    assert ids(server) == [False, True]


def test_the_connection_limit_is_recovered_from(open_server):
    """`websocket_connection_limit_reached`: a new connection, everything."""
    fault = Fault(at="response.create", nth=2, do="reject", status=400, error_code="websocket_connection_limit_reached")
    server, responder, client = open_server(fault)
    with client.responses.conversation("m") as chat:
        chat.create("one")
        chat.create("two")
        assert agrees(chat, responder)
    assert len(server.handshakes) == 2


def test_sixty_minutes_are_over_between_two_turns(open_server):
    """The server closes: the next turn dials again, and nobody notices."""
    server, responder, client = open_server(time_scale=0.15 / 3600)
    with client.responses.conversation("m") as chat:
        chat.create("one")
        first = chat._core.link._own
        wait_until(lambda: first.connection.closed)
        chat.create("two")
        assert agrees(chat, responder)
    assert len(server.handshakes) == 2
    assert ids(server) == [False, False]


def test_an_old_connection_takes_no_new_request(open_server, monkeypatch):
    """Before its 60 minutes are over it is replaced."""
    server, responder, client = open_server()
    monkeypatch.setattr("realtime_sync.responses._conversation_link.ROTATE_AFTER", 0.0)
    with client.responses.conversation("m") as chat:
        chat.create("one")
        chat.create("two")
        assert agrees(chat, responder)
    assert len(server.handshakes) == 2


def test_lost_after_it_was_sent_and_before_its_first_event(open_server):
    """Once more, where nothing outside the response can have happened."""
    server, responder, client = open_server(Fault(at="response.create", nth=2, do="drop"))
    with client.responses.conversation("m") as chat:
        chat.create("one")
        chat.create("two")
        assert agrees(chat, responder)
        assert chat.stats.recoveries == {"redial": 1}
    assert ids(server) == [False, True, False]


@pytest.mark.parametrize(
    "settings", [{"store": True}, {"tools": [{"type": "web_search"}]}], ids=["stored", "hosted tool"]
)
def test_lost_after_it_was_sent_where_it_may_have_left_traces(open_server, settings):
    """TurnInterrupted, and the request went out once; the conversation goes on."""
    server, _, client = open_server(Fault(at="response.create", nth=1, do="drop"))
    with client.responses.conversation("m", **settings) as chat:
        with pytest.raises(TurnInterrupted) as caught:
            chat.create("one")
        assert not caught.value.replay_safe
        assert chat.history == []
        assert chat.create("two", tools=[]).output_text
    assert len(bodies(server)) == 2


@pytest.mark.parametrize("do", ["drop", "cut", "garbage", "close"])
def test_lost_in_the_middle(open_server, do):
    """TurnInterrupted with what had arrived, nothing replayed, and the conversation goes on on a new connection."""
    server, responder, client = open_server(Fault(at="response.output_text.delta", nth=3, do=do))
    with client.responses.conversation("m") as chat:
        chat.create("one")
        with pytest.raises(TurnInterrupted) as caught:
            chat.create("two")
        assert caught.value.partial is not None
        chat.create("three")
        assert agrees(chat, responder)
    assert ids(server) == [False, True, False]


def test_refused_by_the_network(open_server):
    """HTTP for the rest of the conversation, tools, streams and parsing as ever."""
    server, responder, client = open_server(websocket_base_url="ws://127.0.0.1:9/v1", max_retries=0, retry=None)
    responder.replies = [Reply(function_call=("work", {})), "done"]

    def work() -> str:
        """Work."""
        return "yes"

    with client.responses.conversation("m", tools=[work], fallback="http") as chat:
        assert chat.run("one").output_text == "done"
        with chat.stream("two") as stream:
            assert "".join(stream.text()) == "answer 3"
        assert agrees(chat, responder)
        assert chat.stats.over_http == 3
    assert server.handshakes == []
    assert [len(each["input"]) for each in bodies(server)] == [1, 3, 5]
    with client.responses.conversation("m") as chat, pytest.raises(ConnectError):
        chat.create("one")


def test_an_upgrade_that_is_not_understood(open_server):
    """426 from a gateway without WebSockets is a refusal too."""
    server, _, client = open_server(Fault(at="upgrade", do="reject", status=426, probability=1.0))
    with client.responses.conversation("m", fallback="http") as chat:
        assert chat.create("one").output_text == "answer 1"
    assert len(bodies(server)) == 1


def test_cut_off_over_http(open_server):
    """A stream that ends in the middle of a line: TurnInterrupted, and the conversation goes on."""
    _, responder, client = open_server(Fault(at="response.output_text.delta", do="cut"))
    with client.responses.conversation("m") as chat:
        chat._core.link.go_over_http()
        with pytest.raises(TurnInterrupted):
            chat.create("one")
        chat.create("two")
        assert agrees(chat, responder)
        assert chat.history[0]["content"] == "two"


@pytest.mark.parametrize("code", [None, "server_is_overloaded"])
def test_a_busy_server(open_server, code):
    """Retry-After is kept to, then everything goes out again."""
    fault = Fault(at="response.create", nth=2, do="reject", status=429, error_code=code, seconds=0.05)
    server, responder, client = open_server(fault)
    with client.responses.conversation("m") as chat:
        chat.create("one")
        chat.create("two")
        assert agrees(chat, responder)
        assert chat.stats.recoveries == {"wait": 1}
    assert ids(server) == [False, True, False]


def test_a_server_that_stays_busy(open_server):
    """After as many tries as the policy has, its error."""
    fault = Fault(at="response.create", do="reject", status=429, probability=1.0)
    server, _, client = open_server(fault, retry=RetryPolicy(initial_delay=0, connect_retries=1))
    with client.responses.conversation("m") as chat, pytest.raises(ServerError, match="rate_limit_exceeded"):
        chat.create("one")
    assert len(bodies(server)) == 2


def test_a_response_that_fails(open_server):
    """Nothing was said: asked again. Something was: ResponseFailed, and the turn is not in the history."""
    _, responder, client = open_server()
    with client.responses.conversation("m") as chat:
        responder.replies = [Reply(error="oh")]
        assert chat.create("one").output_text
        responder.replies = [iter(["so ", Reply(error="oh")])]
        with pytest.raises(ResponseFailed):
            chat.create("two")
        assert len(chat.history) == 2
        chat.create("three")
        assert agrees(chat, responder)


def test_a_turn_that_takes_too_long(open_server):
    """RequestTimeout, the turn is not in the history, and the next one need not wait for its end."""
    _, responder, client = open_server(time_scale=1.0)
    with client.responses.conversation("m") as chat:
        chat.create("one")
        responder.replies = [Reply(text="late", delay=30)]
        with pytest.raises(RequestTimeout):
            chat.create("two", timeout=0.1)
        chat.create("three", timeout=10)
        assert agrees(chat, responder)


def test_over_a_connection_and_over_a_lane(open_server):
    """Several conversations on one connection, each with its own history; they leave it open."""
    server, _, client = open_server()
    with client.responses.connect(model="m") as connection:
        chats = [client.responses.conversation(via=connection) for _ in range(3)]
        chats.append(client.responses.conversation(via=connection.lane("mine")))
        asked = [
            run_in_thread(lambda chat=chat, n=n: [chat.create(f"{n}.{m}") for m in range(4)])
            for n, chat in enumerate(chats)
        ]
        for each in asked:
            each.result()
        for number, chat in enumerate(chats):
            assert [shape(item)[1] for item in chat.history[::2]] == [f"{number}.{m}" for m in range(4)]
            assert (chat.stats.full, chat.stats.delta) == (1, 3)
            chat.close()
        assert not connection.closed
    assert len(server.handshakes) == 1
    with client.responses.conversation(via=connection) as chat, pytest.raises(Exception, match="clos"):
        chat.create("x")


def test_forks_share_what_the_server_remembers(open_server):
    """A fork's first turn goes on from the same response, and so does the source's next."""
    server, responder, client = open_server()
    with client.responses.conversation("m") as chat:
        chat.create("one")
        with chat.fork() as fork:
            fork.create("left")
            assert agrees(fork, responder)
            chat.create("right")
            assert agrees(chat, responder)
            fork.create("further left")
            assert agrees(fork, responder)
    assert ids(server) == [False, True, True, True]


def test_compaction(open_server):
    """By call and by the server itself: nothing is forgotten, and requests in full are short again."""
    server, responder, client = open_server()
    with client.responses.conversation("m", instructions="be brief") as chat:
        for number in range(4):
            chat.create(f"turn {number}")
        chat.compact()
        assert [item["type"] for item in chat.history] == ["message"] * 4 + ["compaction"]
        chat.create("more")
        assert responder.seen[-1][-1] == ("user", "more")
        assert [text for role, text in responder.seen[-1] if role == "assistant"]
    assert ids(server)[-1] is False
    with client.responses.conversation(
        "m", context_management=[{"type": "compaction", "compact_threshold": 1000}]
    ) as chat:
        chat.create("word " * 1500)
        assert chat.history[0]["type"] == "compaction"
        chat.create("next")
        chat.create("in full", temperature=1)
        assert bodies(server)[-1]["input"][0]["type"] == "compaction"
        assert responder.seen[-1][0][0] == "user"


@attrs.frozen
class Verdict:
    """What came out."""

    good: bool
    words: list[str]


def test_structured_output(open_server):
    """The server is asked for the schema, and the answer is an instance."""
    server, responder, client = open_server()
    responder.replies = ['{"good": true, "words": ["a"]}']
    with client.responses.conversation("m") as chat:
        assert chat.run("well?", parse=Verdict) == Verdict(good=True, words=["a"])
        assert bodies(server)[0]["text"]["format"]["schema"]["required"] == ["good", "words"]


@pytest.mark.parametrize(
    "wrong",
    [{"model": None}, {"fallback": "ftp"}, {"via": "x"}, {"state": {"version": 1}}, {"timeout": -1}],
)
def test_a_conversation_that_cannot_be(open_server, wrong):
    """ConfigurationError, before anything is dialled."""
    server, _, client = open_server()
    with pytest.raises(ConfigurationError):
        client.responses.conversation(**{"model": "m", **wrong})
    assert server.handshakes == []


def test_images_and_other_items(open_server):
    """Items of the classes of `types.responses` are as good as texts."""
    server, _, client = open_server()
    with client.responses.conversation("m") as chat:
        chat.create([user_image("https://example.test/cat.png", "what is this?")])
        assert chat.history[0]["content"][1]["text"] == "what is this?"
    assert bodies(server)[0]["input"][0]["content"][0]["image_url"] == "https://example.test/cat.png"


def test_closing_the_client_closes_conversations_connections(open_server):
    """The next turn says that the client is closed."""
    _, _, client = open_server()
    chat = client.responses.conversation("m")
    chat.create("one")
    client.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        chat.create("two")
    chat.close()


def test_a_tool_that_closes_the_client(open_server):
    """The run ends with an error that says so; the history has the call answered."""
    _, responder, client = open_server()
    responder.replies = [Reply(function_call=("close", {}))]

    def close() -> str:
        """Close."""
        client.close()
        return "closed"

    with client.responses.conversation("m", tools=[close]) as chat:
        with pytest.raises(LocalProtocolError, match="closed"):
            chat.run("go")
        assert chat.history[-1]["output"] == "closed"


def test_a_server_that_does_not_answer_the_upgrade(open_server):
    """The time of the turn is up while it dials: RequestTimeout, and nothing was sent."""
    _, _, client = open_server(Fault(at="upgrade", do="stall"))
    with client.responses.conversation("m") as chat:
        with pytest.raises(RequestTimeout) as caught:
            chat.create("one", timeout=0.1)
        assert caught.value.replay_safe
        with pytest.raises(RequestTimeout):
            chat.create("one", timeout=0)
        assert chat.create("two").output_text


@pytest.mark.parametrize("rounds", [-1, 1.5, True, "3"])
def test_rounds_that_cannot_be(open_server, rounds):
    """Refused before anything is sent, for one call as for all."""
    server, _, client = open_server()
    with pytest.raises(ToolError, match="max_tool_rounds"):
        client.responses.conversation("m", max_tool_rounds=rounds)
    with client.responses.conversation("m") as chat, pytest.raises(ToolError, match="max_tool_rounds"):
        chat.run("x", max_tool_rounds=rounds)
    assert not server.received
