"""What a response is made of: the order of its events, its items, its settings, its usage."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.server import Reply
from realtime_sync.server._fitting import fitting
from realtime_sync.wire import parse_event
from tests.server.support import TERMINAL, DirectResponses, text_of, types

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "name": "get_weather", "parameters": CITY}
TIME = {"type": "function", "name": "get_time", "parameters": CITY}
TEXT_EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


@pytest.fixture
def peer(serve, responses):
    """A client of a server with default settings."""
    return responses(serve())


def test_the_events_of_a_text(peer):
    """A text comes in the API's order, numbered without gaps, and says the same in every place."""
    peer.create("say one two three", metadata={"who": "me"})
    events = peer.end_of()
    assert types(events) == TEXT_EVENTS
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    (done,) = (event for event in events if event["type"] == "response.output_text.done")
    response = events[-1]["response"]
    assert "".join(deltas) == done["text"] == text_of(response) == "one two three"
    assert (response["status"], response["metadata"], response["model"]) == ("completed", {"who": "me"}, "m")
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["usage"] is None
    used = response["usage"]
    assert (used["input_tokens"], used["output_tokens"], used["total_tokens"]) == (4, 3, 7)


def test_every_event_fits_its_class(serve, responses):
    """What the server sends is what this library's own classes describe, field by field."""
    peer = responses(serve())
    asked = {"reasoning": {"effort": "low", "summary": "auto"}, "tools": [WEATHER]}
    peer.create("say hi", stream_id="a", **asked)
    peer.create("weather in Oslo", stream_id="b", **asked)
    peer.create("hi", stream_id="c", top_p=3)
    ended = []
    while len(ended) < 3:
        event = peer.next()
        parsed = parse_event(json.dumps(event), "responses")
        assert type(parsed).__name__ != "UnknownEvent", parsed
        assert parsed.extra == {}
        assert parsed.to_dict() == event
        ended += [event["stream_id"]] * (event["type"] in TERMINAL)
    assert sorted(ended) == ["a", "b", "c"]


def test_a_failed_response(serve, responses):
    """A responder that raises fails its response; what it had said is there, and the connection goes on."""

    def responder(request):
        yield "so far"
        if request.text == "fail":
            raise RuntimeError("broken")

    peer = responses(serve(responder=responder))
    response = peer.answer("fail")
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    assert "broken" in response["error"]["message"]
    assert response["output"][0]["status"] == "incomplete"
    assert peer.answer("go on")["status"] == "completed"


@pytest.mark.parametrize(
    ("reply", "asked", "reason"),
    [
        ("one two " * 40, {"max_output_tokens": 16}, "max_output_tokens"),
        (Reply(text="no", incomplete="content_filter"), {}, "content_filter"),
    ],
)
def test_an_incomplete_response(serve, responses, reply, asked, reason):
    """A response that is cut ends as incomplete, and says why; it can be continued."""
    peer = responses(serve(responder=lambda _: reply))
    peer.create("hi", store=False, **asked)
    last = peer.end_of()[-1]
    assert (last["type"], last["response"]["incomplete_details"]) == ("response.incomplete", {"reason": reason})
    assert last["response"]["usage"]["output_tokens"] <= 16
    assert peer.answer("hi", previous_response_id=last["response"]["id"])["previous_response_id"]


def test_function_calls(peer):
    """Functions that the user names are called, several at once, and their outputs are told."""
    peer.create("get_weather and get_time for Oslo", tools=[WEATHER, TIME], parallel_tool_calls=True)
    events = peer.end_of()
    calls = events[-1]["response"]["output"]
    assert [(call["name"], json.loads(call["arguments"])["city"]) for call in calls] == [
        ("get_weather", "Oslo"),
        ("get_time", "Oslo"),
    ]
    arguments = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert [(event["item_id"], event["output_index"], event["arguments"]) for event in arguments] == [
        (call["id"], index, call["arguments"]) for index, call in enumerate(calls)
    ]
    outputs = [{"type": "function_call_output", "call_id": call["call_id"], "output": "fine"} for call in calls]
    response_id = events[-1]["response"]["id"]
    refused = peer.refusal(outputs[:1], previous_response_id=response_id)
    assert calls[1]["call_id"] in refused["error"]["message"]
    told = peer.answer(outputs, previous_response_id=response_id)
    assert text_of(told) == "get_weather answered: fine\nget_time answered: fine"


@pytest.mark.parametrize(
    ("text", "asked", "names"),
    [
        ("get_weather and get_time", {"parallel_tool_calls": False}, ["get_weather"]),
        ("get_weather", {"tool_choice": "none"}, []),
        ("hello", {"tool_choice": "required"}, ["get_weather"]),
        ("hello", {"tool_choice": {"type": "function", "name": "get_time"}}, ["get_time"]),
        (
            "get_weather and get_time",
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "get_time"}],
                }
            },
            ["get_time"],
        ),
    ],
)
def test_tool_choice(peer, text, asked, names):
    """What the request says about tools is kept to."""
    response = peer.answer(text, tools=[WEATHER, TIME], **asked)
    assert [item["name"] for item in response["output"] if item["type"] == "function_call"] == names


def test_a_custom_tool(peer):
    """A custom tool gets free text, by events of its own, and its output is told like a function's."""
    peer.create("run_sql for all rows", tools=[{"type": "custom", "name": "run_sql"}])
    events = peer.end_of()
    (call,) = events[-1]["response"]["output"]
    assert (call["type"], call["input"]) == ("custom_tool_call", "run_sql for all rows")
    assert "response.custom_tool_call_input.delta" in types(events)
    output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "none"}
    told = peer.answer([output], previous_response_id=events[-1]["response"]["id"])
    assert text_of(told) == "run_sql answered: none"


@pytest.mark.parametrize(
    ("arguments", "given", "status"),
    [({"rows": 1}, '{"rows": 1}', "completed"), ({"input": "x" * 400}, '{"input": "', "incomplete")],
)
def test_a_custom_tool_with_other_arguments(serve, responses, arguments, given, status):
    """Arguments that have no input are the input, as they are; so are those that were cut."""
    peer = responses(serve(responder=lambda _: Reply(function_call=("run", arguments))))
    (call,) = peer.answer("hi", tools=[{"type": "custom", "name": "run"}], max_output_tokens=16)["output"]
    assert (call["type"], call["status"]) == ("custom_tool_call", status)
    assert call["input"].startswith(given)


def test_outputs_in_parts(peer):
    """A tool's output may be a list of parts: its texts are told, its images are counted."""
    calling = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    parts = [
        {"type": "input_text", "text": "sunny"},
        {"type": "input_image", "image_url": "data:", "detail": "low"},
    ]
    response = peer.answer([calling, {"type": "function_call_output", "call_id": "c", "output": parts}])
    assert text_of(response) == "look answered: sunny"
    assert 85 < response["usage"]["input_tokens"] < 95


def test_reasoning_counts(peer):
    """A limit on tokens counts what was reasoned too."""
    asked = {"reasoning": {"effort": "low", "summary": "auto"}, "max_output_tokens": 16}
    response = peer.answer("count to 1000", **asked)
    assert (response["status"], response["usage"]["output_tokens"]) == ("incomplete", 16)


@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
def test_an_output_without_its_call(peer, kind):
    """An output that answers nothing is refused."""
    refused = peer.refusal([{"type": kind, "call_id": "call_1", "output": "x"}])
    assert (refused["error"]["param"], "call_1" in refused["error"]["message"]) == ("input", True)


def test_reasoning(peer):
    """Reasoning comes first, with a summary and its encrypted content where these were asked for."""
    asked = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    peer.create("say hi", **asked)
    events = peer.end_of()
    summary = ["summary_part.added", "summary_text.delta", "summary_text.done", "summary_part.done"]
    reasoning = [f"response.reasoning_{kind}" for kind in summary]
    assert types(events)[2:8] == ["response.output_item.added", *reasoning, "response.output_item.done"]
    response = events[-1]["response"]
    thought, _ = response["output"]
    assert thought["type"] == "reasoning"
    assert thought["summary"][0]["text"]
    assert base64.b64decode(thought["encrypted_content"])
    assert 0 < response["usage"]["output_tokens_details"]["reasoning_tokens"] < response["usage"]["output_tokens"]
    plain, _ = peer.answer("say hi", reasoning={"effort": "low"})["output"]
    assert (plain["summary"], "encrypted_content" in plain) == ([], False)


def test_reasoning_that_was_not_stored(peer):
    """Reasoning is replayed with its encrypted content, or by its id when it was stored; otherwise it is refused."""
    asked = {"reasoning": {"effort": "low"}, "store": False}
    question = {"role": "user", "content": "say hi"}
    thought, _ = peer.answer("say hi", **asked)["output"]
    refused = peer.refusal([thought, question])
    assert (refused["status"], refused["error"]["param"]) == (404, "input")
    full, message = peer.answer("say hi", include=["reasoning.encrypted_content"], **asked)["output"]
    assert text_of(peer.answer([full, message, question])) == "hi"
    stored, _ = peer.answer("say hi", reasoning={"effort": "low"})["output"]
    reference = {"type": "item_reference", "id": stored["id"]}
    assert text_of(peer.answer([stored, reference, question])) == "hi"


def test_a_warm_up(peer):
    """Without generating, a response has no output, and the next one continues from its input."""
    peer.create("my name is Ada", generate=False, store=False)
    events = peer.end_of()
    assert types(events) == ["response.created", "response.in_progress", "response.completed"]
    warm = events[-1]["response"]
    assert (warm["output"], warm["usage"]["output_tokens"]) == ([], 0)
    told = peer.answer("what is my name?", previous_response_id=warm["id"])
    assert text_of(told) == "Your name is Ada."
    assert peer.answer("hi", prompt_cache_options={"prewarm": True})["output"] == []


def test_settings_are_not_inherited(peer):
    """A continuation has the items of the response before it, and none of its settings."""
    first = peer.answer("hi", instructions="Be brief.", tools=[WEATHER], text={"verbosity": "low"})
    second = peer.answer("what are your instructions?", previous_response_id=first["id"])
    assert (first["instructions"], first["text"]["verbosity"]) == ("Be brief.", "low")
    assert (second["instructions"], second["tools"], second["text"]["verbosity"]) == (None, [], "medium")
    assert text_of(second) == "I have no instructions."


def test_the_responder_sees_the_request(serve, responses):
    """A responder gets the context, the instructions, the tools and every parameter."""
    seen = []

    def responder(request):
        seen.append(request)
        return "fine"

    peer = responses(serve(responder=responder))
    first = peer.answer("one", instructions="a")
    peer.answer("two", previous_response_id=first["id"], tools=[WEATHER], metadata={"k": "v"})
    assert [request.messages for request in seen] == [
        (("user", "one"),),
        (("user", "one"), ("assistant", "fine"), ("user", "two")),
    ]
    assert [request.instructions for request in seen] == ["a", ""]
    assert (seen[1].api, seen[1].tools[0]["name"], seen[1].setting("metadata")) == (
        "responses",
        "get_weather",
        {"k": "v"},
    )


def test_compaction_by_threshold(peer):
    """When the context is longer than asked, it is replaced by one item, and nothing is forgotten."""
    long = peer.answer("my name is Ada, " + "and so on, " * 600, store=False)
    peer.create(
        "what is my name?",
        previous_response_id=long["id"],
        context_management=[{"type": "compaction", "compact_threshold": 1000}],
        store=False,
    )
    events = peer.end_of()
    assert types(events)[2:5] == [
        "response.output_item.added",
        "response.compaction.compacting",
        "response.output_item.done",
    ]
    item, message = events[-1]["response"]["output"]
    assert (item["type"], text_of({"output": [message]})) == ("compaction", "Your name is Ada.")
    after = peer.answer("what is my name?", previous_response_id=events[-1]["response"]["id"], store=False)
    assert text_of(after) == "Your name is Ada."
    assert after["usage"]["input_tokens"] < 200
    fresh = peer.answer([item, {"role": "user", "content": "what is my name?"}])
    assert text_of(fresh) == "Your name is Ada."


def test_a_compaction_trigger(peer):
    """The trigger makes a response of nothing but the compaction."""
    response = peer.answer([{"role": "user", "content": "my name is Ada"}, {"type": "compaction_trigger"}])
    assert [item["type"] for item in response["output"]] == ["compaction"]
    assert text_of(peer.answer("what is my name?", previous_response_id=response["id"])) == "Your name is Ada."
    refused = peer.refusal([{"type": "compaction_trigger"}, {"role": "user", "content": "x"}])
    assert refused["error"]["param"] == "input"


@pytest.mark.parametrize("content", ["", "abc", "AAAA", base64.b64encode(b"{}").decode(), "eJyrrgUAAXUA+Q=="])
def test_a_compaction_item_of_somebody_else(peer, content):
    """Encrypted content that this server did not make is refused."""
    refused = peer.refusal([{"type": "compaction", "encrypted_content": content}])
    assert refused["error"]["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"model": None}, "model"),
        ({"no_such": 1}, "no_such"),
        ({"input": 5}, "input"),
        ({"input": [{"role": "nobody", "content": ""}]}, "input[0].role"),
        ({"input": [{"type": "nothing"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"temperature": 3}, "temperature"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"background": True}, "background"),
        ({"reasoning": {"effort": "enormous"}}, "reasoning.effort"),
        ({"stream": False}, "stream"),
        ({"conversation": "c"}, "conversation"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        (
            {"context_management": [{"type": "compaction", "compact_threshold": 1}]},
            "context_management[0].compact_threshold",
        ),
    ],
)
def test_parameters_that_are_refused(peer, params, param):
    """What is wrong with a request is said, with the parameter at fault, and the connection goes on."""
    refused = peer.refusal("hi", **params)
    assert (refused["status"], refused["error"]["type"], refused["error"]["param"]) == (
        400,
        "invalid_request_error",
        param,
    )
    assert peer.answer("say on")["status"] == "completed"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "invalid_json"),
        ("[]", "invalid_json"),
        ("{}", "missing_required_parameter"),
        ('{"type": []}', "invalid_value"),
    ],
)
def test_messages_that_are_no_events(peer, message, code):
    """A message that is no event is answered by an error of no lane."""
    peer.ws.send(message)
    event = peer.next()
    assert (event["error"]["code"], "stream_id" in event) == (code, False)


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "kind": {"enum": ["x", "oslo"]},
        "size": {"type": "integer", "minimum": 10},
        "ratio": {"type": ["number", "null"]},
        "when": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "other": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["name"],
    "$defs": {
        "node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    },
}


def test_structured_output(peer):
    """The answer is JSON that fits the schema, also one that refers to itself."""
    text_format = {"format": {"type": "json_schema", "name": "thing", "schema": SCHEMA, "strict": True}}
    value = json.loads(text_of(peer.answer("Oslo has 7 trams", text=text_format)))
    assert (value["name"], value["kind"], value["size"], value["ratio"]) == ("Oslo ", "oslo", 10, 1.0)
    assert (value["when"], len(value["tags"])) == ("2026-01-01", 2)
    assert json.loads(text_of(peer.answer("hi", text={"format": {"type": "json_object"}}))) == {"answer": "hi"}


LEAVES = st.sampled_from(
    [{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")]
    + [{"const": 3}, {"enum": ["a", "b"]}, {}]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.builds(
            lambda fields: {"type": "object", "properties": fields, "required": sorted(fields)},
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        )
        | st.builds(lambda first, second: {"anyOf": [first, second]}, inner, inner)
    ),
    max_leaves=8,
)


def fits(schema, value):
    """Tell whether a value fits a schema of the kinds above."""
    if "anyOf" in schema:
        return any(fits(each, value) for each in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kinds = {
        "string": lambda: isinstance(value, str),
        "integer": lambda: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda: isinstance(value, float),
        "boolean": lambda: isinstance(value, bool),
        "null": lambda: value is None,
        "array": lambda: isinstance(value, list) and all(fits(schema["items"], each) for each in value),
        "object": lambda: (
            isinstance(value, dict)
            and value.keys() == schema["properties"].keys()
            and all(fits(schema["properties"][name], each) for name, each in value.items())
        ),
    }
    return kinds.get(schema.get("type"), lambda: True)()


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"required": ["a"]}, 'here: {"a": 1}', {"a": 1}),
        ({"type": "string"}, "{no json}", "{no json}"),
        (True, "anything", "anything"),
        ({"type": "number", "exclusiveMinimum": 5, "exclusiveMaximum": 9}, "1", 6.0),
        ({"type": "integer", "maximum": 3, "multipleOf": 2}, "9", 2),
        ({"type": "string", "minLength": 4}, "a", "a..."),
        ({"$ref": "#/$defs/none"}, "a", "a"),
        ({"$ref": "#"}, "a", None),
        ({"type": ["null", "string"]}, "a", None),
    ],
)
def test_values_that_fit(schema, text, value):
    """Keywords and references are followed, as far as they lead; JSON in the text is taken if it has what is required."""
    assert fitting(schema, text) == value


def test_a_schema_without_an_end():
    """A schema that can only be filled without end is filled to some depth, along its null where it has one."""
    node = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    }
    value, depth = fitting(node, "a"), 0
    while value is not None:
        value, depth = value["next"], depth + 1
    assert 3 < depth < 20


@given(SCHEMAS, st.text(max_size=8))
def test_what_the_rules_answer_fits_any_schema(schema, text):
    """Whatever the schema is made of, the value fits it."""
    assert fits(schema, fitting(schema, text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 300) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)
PARAMS = st.dictionaries(
    st.sampled_from(
        [
            "input",
            "model",
            "tools",
            "tool_choice",
            "text",
            "reasoning",
            "store",
            "stream_id",
            "previous_response_id",
            "generate",
        ]
    ),
    JSON
    | st.sampled_from(["m", "auto", {"effort": "low"}])
    | st.lists(st.fixed_dictionaries({"type": st.sampled_from(["message", "compaction", "reasoning"]), "role": JSON})),
)
EVENT = st.builds(
    lambda kind, params: json.dumps({"type": kind, "model": "m", **params}),
    st.sampled_from(["response.create", "response.create", "response.steer", "response.inject", "nonsense"]),
    PARAMS,
)


@given(st.lists(EVENT | JSON.map(json.dumps) | st.text(max_size=8), max_size=6))
def test_any_message_is_answered_and_nothing_breaks(messages):
    """No message raises; each is answered, if only by an error."""
    with DirectResponses() as direct:
        for message in messages:
            direct.session.on_message(message)
        while not direct.session._lanes.is_idle:
            direct.work()
        ends = [
            event for event in direct.sent if event["type"] in {"response.completed", "response.steer.failed", "error"}
        ]
        assert len(ends) == len(messages)
