"""The official Python SDK as a client of the Responses API, unchanged: WebSocket and HTTP."""

import json

import pytest

openai = pytest.importorskip("openai", reason="the official SDK is not installed: pip install 'openai[realtime]'")
pydantic = pytest.importorskip("pydantic")

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "name": "get_weather", "description": "Tells the weather.", "parameters": PARAMETERS}
TERMINAL = {"response.completed", "response.failed", "response.incomplete", "error"}


class Invoice(pydantic.BaseModel):
    """What a client wants as its answer."""

    customer: str
    amounts: list[float]
    paid: bool


@pytest.fixture
def sdk(serve):
    """An SDK client of a server of ours."""
    with openai.OpenAI(base_url=serve().base_url, api_key="x", max_retries=0) as client:
        yield client


def turn(connection, **params):
    """Create a response over a WebSocket and return its last event."""
    connection.response.create(**{"model": "m", **params})
    return next(event for event in connection if event.type in TERMINAL)


def test_a_chain_over_a_websocket(sdk):
    """The SDK's connection has a conversation of several turns, without storing them."""
    with sdk.responses.connect() as connection:
        first = turn(connection, input="my name is Ada", store=False).response
        second = turn(connection, input="what is my name?", store=False, previous_response_id=first.id).response
    assert second.output_text == "Your name is Ada."
    assert (second.status, second.previous_response_id) == ("completed", first.id)
    assert second.usage.input_tokens_details.cached_tokens > 0


def test_two_lanes_at_once(sdk):
    """The SDK sends creates on two lanes and tells their events apart by stream_id."""
    with sdk.responses.connect() as connection:
        for lane in ("a", "b"):
            connection.response.create(model="m", input=f"say {lane}", stream_id=lane)
        ends = {}
        while len(ends) < 2:
            event = connection.recv()
            if event.type in TERMINAL:
                ends[event.stream_id] = event.response.output_text
    assert ends == {"a": "a", "b": "b"}


def test_a_tool_loop_over_a_websocket(sdk):
    """The SDK is asked to call a function and gets the answer that uses its output."""
    with sdk.responses.connect() as connection:
        first = turn(connection, input="How is the weather in Oslo?", tools=[TOOL]).response
        (call,) = first.output
        assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_weather", {"city": "Oslo"})
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        second = turn(connection, input=[output], previous_response_id=first.id, tools=[TOOL]).response
    assert second.output_text == "get_weather answered: sunny"


def test_an_error_over_a_websocket(sdk):
    """The SDK gets an error with its status and code, and the connection goes on."""
    with sdk.responses.connect() as connection:
        event = turn(connection, input="hi", previous_response_id="resp_none", stream_id="a")
        assert (event.status, event.stream_id) == (400, "a")
        assert (event.error.code, event.error.param) == ("previous_response_not_found", "previous_response_id")
        assert turn(connection, input="say on").response.output_text == "on"


def test_steering_over_a_websocket(serve):
    """The SDK steers a response that runs and gets its successor."""
    server = serve(time_scale=1)
    client = openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0)
    with client, client.responses.connect() as connection:
        connection.response.create(model="m", input="count to 1000")
        running = next(event for event in connection if event.type == "response.created").response
        next(event for event in connection if event.type == "response.output_text.delta")
        connection.response.steer(previous_response_id=running.id, input="say enough")
        accepted = next(event for event in connection if event.type == "response.steer.accepted")
        assert accepted.steer.previous_response_id == running.id
        stopped = next(event for event in connection if event.type in TERMINAL).response
        assert (stopped.id, stopped.incomplete_details.reason) == (running.id, "steered")
        successor = next(event for event in connection if event.type in TERMINAL).response
        assert (successor.previous_response_id, successor.output_text) == (running.id, "enough")


def test_create_and_retrieve(sdk):
    """The SDK's verbs over HTTP do what they say."""
    created = sdk.responses.create(model="m", input="say one two", metadata={"a": "b"})
    assert (created.output_text, created.metadata) == ("one two", {"a": "b"})
    assert created._request_id.startswith("req_")
    assert sdk.responses.retrieve(created.id) == created
    (item,) = sdk.responses.input_items.list(created.id)
    assert (item.role, item.content[0].text) == ("user", "say one two")
    sdk.responses.delete(created.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(created.id)


def test_streaming(sdk):
    """The SDK's stream yields every event and the final response."""
    with sdk.responses.stream(model="m", input="say one two", stream_options={"include_obfuscation": False}) as stream:
        events = list(stream)
        assert stream.get_final_response().output_text == "one two"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "one two"
    raw = sdk.responses.create(model="m", input="say one two", stream=True)
    assert [event.type for event in raw] == [event.type for event in events]


def test_a_function_call_in_a_stream(sdk):
    """The SDK assembles a streamed function call."""
    with sdk.responses.stream(model="m", input="How is the weather in Oslo?", tools=[TOOL]) as stream:
        events = list(stream)
        (call,) = stream.get_final_response().output
    assert json.loads(call.arguments) == {"city": "Oslo"}
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(deltas) == call.arguments


def test_structured_output(sdk):
    """The SDK's parse returns an instance, because the answer fits the schema."""
    parsed = sdk.responses.parse(model="m", input="Ada owes 3.5", text_format=Invoice).output_parsed
    assert parsed == Invoice(customer="Ada owes 3.5", amounts=[3.5], paid=True)


def test_a_background_response(serve):
    """The SDK polls, follows and cancels a response that runs in the background."""
    with openai.OpenAI(base_url=serve(time_scale=1).base_url, api_key="x", max_retries=0) as client:
        created = client.responses.create(model="m", input="count to 1000", background=True)
        assert created.status in {"queued", "in_progress"}
        followed = client.responses.retrieve(created.id, stream=True, starting_after=1)
        assert next(iter(followed)).sequence_number == 2
        followed.close()
        assert client.responses.cancel(created.id).status == "cancelled"
        assert client.responses.retrieve(created.id).status == "cancelled"


def test_count_and_compact(sdk):
    """The SDK counts tokens, compacts a conversation and goes on from what it was given."""
    first = sdk.responses.create(model="m", input="my name is Ada")
    count = sdk.responses.input_tokens.count(model="m", input="what is my name?", previous_response_id=first.id)
    assert count.input_tokens > 4
    window = sdk.responses.compact(model="m", previous_response_id=first.id)
    assert [item.type for item in window.output] == ["message", "compaction"]
    rest = [item.model_dump(exclude_none=True, warnings=False) for item in window.output]
    question = {"role": "user", "content": "what is my name?"}
    assert sdk.responses.create(model="m", input=[*rest, question]).output_text == "Your name is Ada."


@pytest.mark.parametrize(
    ("params", "error", "param"),
    [
        ({"max_output_tokens": 1}, "BadRequestError", "max_output_tokens"),
        ({"previous_response_id": "resp_none"}, "BadRequestError", "previous_response_id"),
        ({"extra_body": {"no_such": 1}}, "BadRequestError", "no_such"),
    ],
)
def test_http_errors(sdk, params, error, param):
    """The SDK raises its own exception, with the parameter at fault."""
    with pytest.raises(getattr(openai, error)) as raised:
        sdk.responses.create(**{"model": "m", "input": "hi", **params})
    assert raised.value.param == param


def test_a_client_secret(serve):
    """The SDK makes a client secret, which then opens a session with the configuration it was made for."""
    server = serve(api_key="right")
    with openai.OpenAI(base_url=server.base_url, api_key="right", max_retries=0) as client:
        session = {"type": "realtime", "model": "m", "instructions": "Be brief.", "output_modalities": ["text"]}
        secret = client.realtime.client_secrets.create(session=session)
    assert secret.session.instructions == "Be brief."
    client = openai.OpenAI(base_url=server.base_url, api_key=secret.value, max_retries=0)
    with client, client.realtime.connect(model="m") as connection:
        created = connection.recv().session
    assert (created.instructions, created.output_modalities) == ("Be brief.", ["text"])
