"""Answers as instances of a class."""

from __future__ import annotations

import dataclasses
import enum
import pickle
from typing import Annotated, TypedDict

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import ConfigurationError, OutputInvalid, OutputRefused
from realtime_sync.responses._structured import AnswerFormat
from realtime_sync.types.responses import (
    Response,
    ResponseFunctionToolCall,
    ResponseIncompleteDetails,
    ResponseOutputMessage,
    ResponseOutputRefusal,
    ResponseOutputText,
)
from realtime_sync.wire import json, to_plain


class Kind(enum.Enum):
    CITY = "city"
    TOWN = "town"


@attrs.frozen
class Place:
    """A place on a map.

    Attributes:
        name: what it is called.
    """

    name: str
    kind: Kind
    people: Annotated[int, "how many live there"] = 0
    near: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Pair:
    first: int
    second: float | None


class Loose(TypedDict):
    title: str


@attrs.frozen
class Tree:
    value: int
    below: list[Tree]


def answer(text, **more):
    message = ResponseOutputMessage(content=[ResponseOutputText(text=text)])
    return Response(**{"status": "completed", "output": [message], **more})


def test_the_schema_is_strict_and_named():
    """The format is the API's json_schema with every field required, the class's name and its docstring."""
    made = AnswerFormat.of(Place).format
    assert made["type"] == "json_schema"
    assert made["name"] == "Place"
    assert made["strict"] is True
    assert made["description"] == "A place on a map."
    schema = made["schema"]
    assert schema["required"] == ["name", "kind", "people", "near"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["name"] == {"type": "string", "description": "what it is called."}
    assert schema["properties"]["kind"]["enum"] == ["city", "town"]
    assert "default" not in json.dumps(schema)


def test_pythons_own_description_of_a_dataclass_is_none():
    """A dataclass without a docstring has one that Python made, which tells a model nothing."""
    assert "description" not in AnswerFormat.of(Pair).format


def test_a_class_that_contains_itself_is_an_object_at_the_top():
    """The API wants an object there, not a reference to one."""
    schema = AnswerFormat.of(Tree).format["schema"]
    assert schema["type"] == "object"
    assert schema["properties"]["below"]["items"] == {"$ref": "#/$defs/Tree"}
    made = AnswerFormat.of(Tree).instance(answer('{"value": 1, "below": [{"value": 2, "below": []}]}'))
    assert made == Tree(1, [Tree(2, [])])


@given(
    st.builds(Place, name=st.text(), kind=st.sampled_from(Kind), people=st.integers(-9, 9), near=st.tuples(st.text()))
)
def test_instances_come_back(place):
    """What a model says in the form of the class becomes an equal instance."""
    assert AnswerFormat.of(Place).instance(answer(json.dumps(to_plain(place)))) == place


@pytest.mark.parametrize(
    ("cls", "text", "made"),
    [
        (Place, '{"name": "Ghent", "kind": "city", "people": null, "near": null}', Place("Ghent", Kind.CITY)),
        (Pair, '{"first": 1, "second": null}', Pair(1, None)),
        (Loose, '{"title": "x"}', {"title": "x"}),
    ],
)
def test_attrs_dataclasses_and_typed_dicts(cls, text, made):
    """Each kind of class; null stands for what is left out."""
    assert AnswerFormat.of(cls).instance(answer(text)) == made


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (answer("no JSON"), "does not fit Pair"),
        (answer('{"first": 1, "sec', status="incomplete"), "incomplete: None"),
        (
            answer('{"fi', status="incomplete", incomplete_details=ResponseIncompleteDetails(reason="content_filter")),
            "incomplete: content_filter",
        ),
        (answer('{"first": "1", "second": 2}'), "first: expected a whole number"),
        (answer('{"first": 1}'), "second: is missing"),
        (answer('{"first": 1, "second": 2, "third": 3}'), "third"),
        (answer("[" * 100_000), "does not fit"),
        (answer("null"), "expected an object"),
        (
            Response(status="completed", output=[ResponseFunctionToolCall(call_id="c", name="f", arguments="")]),
            "called functions",
        ),
        (Response(status="completed"), "does not fit"),
    ],
)
def test_an_answer_that_does_not_fit_is_a_typed_error(response, message):
    """The error says what is wrong, and has the text and the response."""
    with pytest.raises(OutputInvalid, match=message) as caught:
        AnswerFormat.of(Pair).instance(response)
    assert caught.value.response is response
    assert caught.value.text == response.output_text
    assert not isinstance(caught.value, OutputRefused)


def test_a_refusal_is_a_typed_error_with_its_words():
    """A refusal is told apart, though text may stand beside it; both errors pickle."""
    response = answer(
        "{}", output=[ResponseOutputMessage(content=[ResponseOutputRefusal(refusal="I would rather not")])]
    )
    with pytest.raises(OutputRefused, match="I would rather not") as caught:
        AnswerFormat.of(Pair).instance(response)
    assert pickle.loads(pickle.dumps(caught.value)).refusal == "I would rather not"


class Unnamed:
    pass


@attrs.frozen
class Free:
    anything: dict[str, int]


@pytest.mark.parametrize("wrong", [int, str, "Place", list[int], Kind, Unnamed, Free, None, lambda: 0])
def test_what_has_no_strict_schema_is_refused(wrong):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="parse"):
        AnswerFormat.of(wrong)


def test_a_name_that_the_api_does_not_take_is_changed():
    """Only letters, digits, _ and -, 64 of them at most."""
    made = attrs.make_class("Größe" + "x" * 70, {"value": attrs.field(type=int)})
    assert AnswerFormat.of(made).format["name"] == "Gr__e" + "x" * 59
