"""The keywords of a request: which there are, what they become, and what is refused."""

from __future__ import annotations

import pytest

from realtime_sync import NOT_GIVEN
from realtime_sync.errors import LocalProtocolError
from realtime_sync.responses._parameters import (
    HTTP_ONLY,
    KEYWORDS,
    check_keywords,
    create_body,
    decimals,
    make_whole,
    refuse_unsupported,
)
from realtime_sync.types import UnknownObject
from realtime_sync.types.responses import function_result, user_text
from realtime_sync.wire import client_fields

ITEM = {"role": "user", "content": "hello"}
MESSAGE = {"type": "message", **ITEM}


def test_the_keywords_are_the_fields_of_the_request():
    """Nothing that the API takes is missing, and there is nothing that it does not take."""
    beside = {"type", "stream_id", "generate"}
    assert client_fields("responses")["response.create"] - beside == KEYWORDS


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("text", "text"),
        (ITEM, [ITEM]),
        (user_text("hello"), [MESSAGE]),
        ([user_text("hello"), ITEM], [MESSAGE, ITEM]),
        ((each for each in [ITEM]), [ITEM]),
        (
            function_result("call_1", {"a": 1}),
            [{"type": "function_call_output", "call_id": "call_1", "output": '{"a": 1}'}],
        ),
        (UnknownObject({"type": "new", "a": 1}), [{"type": "new", "a": 1}]),
        ((), []),
    ],
    ids=["text", "dict", "class", "several", "generator", "result", "unknown", "nothing"],
)
def test_what_is_asked(given, sent):
    """Text goes out as it is, items as a list, one item as a list of one."""
    [got] = create_body({"input": given}).values()
    assert _normal(got) == _normal(sent)


def _normal(value):
    if isinstance(value, list):
        return [
            {name: each.replace(" ", "") if name == "output" else each for name, each in item.items()} for item in value
        ]
    return value


def test_none_goes_out_and_not_given_does_not():
    """None is null; what is not given is left to the defaults, and then to the server."""
    defaults = {"model": "m", "store": False, "temperature": 1}
    body = create_body({"store": None, "temperature": NOT_GIVEN, "truncation": NOT_GIVEN}, defaults=defaults)
    assert body == {"model": "m", "store": None, "temperature": 1}


def test_whole_numbers_go_out_as_integers():
    """1.0 is sent as 1, since some servers close the connection on it; 0.7 as given, and never anything nested."""
    schema = {"type": "function", "name": "f", "parameters": {"minimum": 1.0}}
    body = create_body({"temperature": 1.0, "top_p": 0.7, "tools": [schema]}, extra_body={"new": 2.0, "true": True})
    assert [body["temperature"].__class__, body["new"].__class__, body["top_p"], body["true"]] == [int, int, 0.7, True]
    assert body["tools"][0]["parameters"]["minimum"].__class__ is float
    assert decimals(body) == ["top_p"]
    body = create_body({"max_output_tokens": 100.0, "top_logprobs": NOT_GIVEN}, defaults={"max_tool_calls": 3.0})
    assert repr(sorted(body.items())) == "[('max_output_tokens', 100), ('max_tool_calls', 3)]"
    make_whole(raw := {"temperature": 2.0})
    assert repr(raw) == "{'temperature': 2}"
    assert decimals(raw) == []


def test_an_unknown_keyword_is_a_type_error():
    """It is named with the nearest there is; in extra_body it goes out as it is, and may replace what is known."""
    with pytest.raises(TypeError, match=r"stream\(\) .*'temprature'; did you mean 'temperature'\?.*extra_body"):
        create_body({"temprature": 1}, function="stream")
    with pytest.raises(TypeError, match="unexpected keyword argument 'zzz' "):
        check_keywords({"zzz": 1})
    body = create_body({"user": "a"}, extra_body={"new": [user_text("hello")], "user": "b"})
    assert body == {"user": "b", "new": [MESSAGE]}


@pytest.mark.parametrize("name", HTTP_ONLY)
def test_what_websocket_mode_has_not(name):
    """What only HTTP has is refused with what to use instead, wherever they are given."""
    with pytest.raises(LocalProtocolError, match=f"^{name} cannot be given: .* WebSocket mode: use"):
        create_body({name: True})
    body = create_body({}, extra_body={name: True})
    with pytest.raises(LocalProtocolError, match=f"^{name} "):
        refuse_unsupported(body)
    assert create_body({name: True}, also=frozenset({name})) == {name: True}


@pytest.mark.parametrize(
    ("given", "extra", "message"),
    [
        ({"input": object()}, None, "input: expected"),
        ({"input": [{"a": {1, 2}}]}, None, r"input\[0\].*a"),
        ({"temperature": float("nan")}, None, "temperature: nan"),
        ({"model": 5}, None, "model: expected"),
        ({"previous_response_id": "r", "conversation": "c"}, None, "exclude each other"),
        ({"previous_response_id": "r"}, {"conversation": "c"}, "exclude each other"),
        ({}, {"type": "x"}, "extra_body is a mapping"),
        ({}, [1], "extra_body is a mapping"),
        ({}, {"a": object()}, "a: a object cannot be sent"),
    ],
)
def test_what_cannot_be_sent(given, extra, message):
    """A value that the wire has no form for, or two that exclude each other, is told by its place."""
    with pytest.raises(LocalProtocolError, match=message):
        create_body(given, extra_body=extra)


def test_no_previous_response_is_no_conflict():
    """A null excludes nothing."""
    body = {"previous_response_id": None, "conversation": "c"}
    assert create_body(body) == body
