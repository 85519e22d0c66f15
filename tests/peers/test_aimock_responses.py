"""Our connection and conversations with @copilotkit/aimock as the server of the Responses API's WebSocket mode.

What it does otherwise than the real service: no lanes, no sequence numbers, `previous_response_id` is neither looked at
nor told, no store, errors without a status, dropped connections without a close frame.
"""

from __future__ import annotations

import threading

import attrs
import pytest

from realtime_sync import Client, RetryPolicy
from realtime_sync.errors import AuthenticationError, OutputInvalid, ServerError, TurnInterrupted


@pytest.fixture
def client(aimock):
    with Client(base_url=aimock["open"], api_key="any", timeout=20, retry=RetryPolicy(initial_delay=0.0)) as client:
        yield client


def get_weather(city: str, days: int) -> str:
    """Tell the weather."""
    return f"sunny in {city} for {days} days"


def test_requests_on_one_connection(client):
    """Without lanes they run one after the other, from any threads, and each gets its own answer."""
    answers = {}
    with client.responses.connect(model="m") as connection:

        def ask(number):
            answers[number] = connection.create(input=f"say number {number}").output_text

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert connection.lanes.known is False
    assert answers == {number: f"number {number}" for number in range(8)}


def test_a_stream(client):
    """Events in order, without sequence numbers, their text in pieces."""
    with client.responses.connect(model="m") as connection, connection.stream(input="slowly please") as stream:
        pieces = list(stream.text())
        assert "".join(pieces) == stream.response().output_text == "one two three four five six"
    assert len(pieces) > 5


def test_a_conversation_has_its_history(client):
    """It does not go on from ids, so everything goes out each time."""
    with client.responses.conversation("m") as chat:
        chat.create("say hello")
        assert [chat.create("turns?").output_text for _ in range(2)] == ["3 messages so far", "5 messages so far"]
        assert (chat.stats.full, chat.stats.delta) == (3, 0)


def test_a_tool_loop(client):
    """The tool runs once, and the model has its output."""
    ran = []

    def weather(city: str, days: int) -> str:
        """Tell the weather."""
        ran.append(city)
        return get_weather(city, days)

    weather.__name__ = "get_weather"
    with client.responses.conversation("m", tools=[weather]) as chat:
        assert chat.run("what is the weather?").output_text == "it is sunny in Paris for 3 days"
        calls = [item for item in chat.history if item["type"].startswith("function_call")]
    assert ran == ["Paris"]
    assert [item["type"] for item in calls] == ["function_call", "function_call_output"]


def test_two_calls_beside_a_text(client):
    """All in one response; the outputs go back in the order of the calls."""
    with client.responses.conversation("m", tools=[get_weather]) as chat:
        chat.run("explain, then call", max_tool_rounds=1)
        outputs = [item["call_id"] for item in chat.history if item["type"] == "function_call_output"]
    assert outputs == ["call_1", "call_2"]


def test_a_connection_dropped_in_the_middle(client):
    """The turn is lost and not in the history; the next one has a new connection."""
    with client.responses.conversation("m") as chat:
        chat.create("say hello")
        with pytest.raises(TurnInterrupted) as interrupted:
            chat.create("cut after two")
        assert "one two three four".startswith(interrupted.value.partial.output_text)
        assert chat.create("turns?").output_text == "3 messages so far"


def test_an_error(client):
    """It is told with its code, and the conversation goes on."""
    with client.responses.conversation("m") as chat:
        with pytest.raises(ServerError, match="no credit") as refused:
            chat.create("quota")
        assert (refused.value.type, refused.value.code) == ("insufficient_quota", "billing")
        assert chat.create("turns?").output_text == "1 messages so far"


@attrs.frozen
class Answer:
    value: int


def test_parsing(client):
    """An instance, and an error for what is none."""
    with client.responses.conversation("m") as chat:
        assert chat.create('say {"value": 3}', parse=Answer) == Answer(3)
        with pytest.raises(OutputInvalid):
            chat.create("say nonsense", parse=Answer)


def test_over_http(client):
    """The fallback: server-sent events of somebody else's making."""
    with client.responses.conversation("m", tools=[get_weather], fallback="http") as chat:
        chat._core.link.go_over_http()
        assert chat.run("what is the weather?").output_text == "it is sunny in Paris for 3 days"
        assert chat.stats.over_http == 2


def test_a_wrong_key(aimock):
    """Refused when it dials, over HTTP it would be no better."""
    client = Client(base_url=aimock["locked"], api_key="wrong", retry=RetryPolicy(connect_retries=0))
    with client.responses.conversation("m", fallback="http") as chat, pytest.raises(AuthenticationError):
        chat.create("say hello")
