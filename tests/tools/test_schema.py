"""What schema a type has, and that it says exactly what is taken."""

# ruff: noqa: PYI061, UP007, UP045  (every way to write a type is tried)

from __future__ import annotations

import datetime as dt
import enum
import json
import sys
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, NewType, Optional, Union

import attrs
import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.errors import ToolError
from realtime_sync.tools import schema_of
from realtime_sync.wire import to_plain, value_maker
from tests.support.examples import examples
from tests.tools.types import Color, Even, Level, Line, Node, Place, Point
from tests.tools.validator import accepts

Sku = NewType("Sku", str)


def short(value):
    """Name a parameter of a test."""
    return str(value)[:40]


LINE = {
    "type": "object",
    "properties": {
        "sku": {"type": "string", "description": "what is ordered, by its number."},
        "count": {"type": "integer", "default": 1, "description": "how many."},
        "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
    },
    "required": ["sku"],
    "additionalProperties": False,
}

SCHEMAS = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (None, {"type": "null"}),
    (Any, {}),
    (Sku, {"type": "string"}),
    (Annotated[int, "in metres"], {"type": "integer", "description": "in metres"}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["a", 1, None], {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}),
    (Color, {"type": "string", "enum": ["red", "green"]}),
    (Level, {"type": "integer", "enum": [1, 2]}),
    (Optional[int], {"type": ["integer", "null"]}),
    (int | str | None, {"type": ["integer", "string", "null"]}),
    (Union[Color, int], {"anyOf": [{"type": "string", "enum": ["red", "green"]}, {"type": "integer"}]}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (list, {"type": "array"}),
    (Sequence[str], {"type": "array", "items": {"type": "string"}}),
    (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
    (tuple[int, int], {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "integer"}}),
    (
        tuple[int, str],
        {"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    ),
    (dict, {"type": "object"}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (Mapping[str, Any], {"type": "object"}),
    (Line, LINE),
    (
        Point,
        {
            "type": "object",
            "properties": {
                "x": {"type": "number"},
                "y": {"type": "number", "description": "northwards", "default": 0.0},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["x"],
            "additionalProperties": False,
        },
    ),
    (
        Place,
        {
            "type": "object",
            "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    ),
    (
        Node,
        {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                }
            },
        },
    ),
]


@pytest.mark.parametrize(("annotation", "schema"), SCHEMAS, ids=short)
def test_schemas(annotation, schema):
    """Each type has the schema that says what it takes."""
    assert schema_of(annotation, "x") == schema


def test_strict_schemas():
    """Everything is required, null stands for what may be left out, and nothing else may be there."""
    assert schema_of(Line, "x", strict=True) == {
        "type": "object",
        "properties": {
            "sku": {"type": "string", "description": "what is ordered, by its number."},
            "count": {"type": ["integer", "null"], "description": "how many."},
            "color": {"anyOf": [{"type": "string", "enum": ["red", "green"]}, {"type": "null"}]},
        },
        "required": ["sku", "count", "color"],
        "additionalProperties": False,
    }
    assert value_maker(Line)({"sku": "a", "count": None, "color": None}) == Line("a")


class Bytes(enum.Enum):
    A = b"a"


@attrs.frozen
class When:
    moment: dt.datetime


@attrs.frozen
class Lost:
    other: Nowhere  # noqa: F821  (that is the point)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (dt.date, "x has the type datetime.date"),
        (list[dt.date], r"x\[\] has the type datetime.date"),
        (When, "x.moment has the type datetime.datetime"),
        (dict[int, str], "strings"),
        (Bytes, "strings or numbers"),
        (Lost, "x: the annotations of Lost cannot be read: .*Nowhere"),
        (bytes, "x has the type bytes"),
        (tuple[int, object], r"x\[1\] has the type object"),
        (5, "x has the type 5"),
    ],
    ids=short,
)
def test_types_without_a_schema(annotation, words):
    """The error names the place and the type."""
    with pytest.raises(ToolError, match=words):
        schema_of(annotation, "x")


@pytest.mark.parametrize("annotation", [dict, dict[str, int], Any, list, tuple[int, str]], ids=short)
def test_types_without_a_strict_schema(annotation):
    """What strict mode cannot say is refused, and the error says so."""
    assert isinstance(schema_of(annotation, "x"), dict)
    with pytest.raises(ToolError, match=r"x.*strict mode"):
        schema_of(annotation, "x", strict=True)


@pytest.mark.parametrize(
    ("annotation", "value", "fault"),
    [
        (int, "5", "expected a whole number, found a string"),
        (int, True, "expected a whole number, found true or false"),
        (int, 1.5, "expected a whole number, found a fraction"),
        (str, None, "expected a string, found null"),
        (bool, 0, "expected true or false, found a whole number"),
        (float, 10**400, "expected a number, found one too large"),
        (float, True, "expected a number, found true or false"),
        (None, 0, "expected null, found a whole number"),
        (Literal["a", 1], True, "expected one of 'a', 1, found true or false"),
        (Literal["a"], "b", "expected one of 'a', found another one"),
        (Color, ["red"], "expected one of 'red', 'green', found a list"),
        (Level, 0, "expected one of 1, 2, found another one"),
        (dict[str, Optional[Level]], {"a": 0}, "['a']: expected one of 1, 2 or null, found a whole number"),
        (list[int], {"a": 1}, "expected a list, found an object"),
        (list[int], [1, "2", None], "[1]: expected a whole number, found a string; [2]: expected a whole number, found null"),
        (tuple[int, str], [1], "expected a list of 2, found one of 1"),
        (dict[str, int], {"a": "b"}, "['a']: expected a whole number, found a string"),
        (dict[str, int], [], "expected an object, found a list"),
        (int | str, None, "expected a whole number or a string, found null"),
        (Line | None, {"sku": 1}, "sku: expected a string, found a whole number"),
        (Line | Point, {"z": 1}, "expected what fits Line or what fits Point, found an object"),
        (Line, {"count": 1, "colour": "red"}, "sku: is missing; does not take 'colour'"),
        (Line, "red", "expected an object, found a string"),
        (Node, {"name": "a", "children": [{"name": 1}]}, "children[0].name: expected a string, found a whole number"),
        (Even, {"number": 3}, "ValueError: 3 is odd"),
        pytest.param(
            Place,
            {"zip": 5},
            "city: is missing; zip: expected a string, found a whole number",
            marks=pytest.mark.xfail(
                sys.version_info < (3, 11), reason="cattrs takes inherited keys for optional there", strict=False
            ),
        ),
    ],
    ids=short,
)  # fmt: skip
def test_faults(annotation, value, fault):
    """All that is wrong is told at once, each with its place."""
    with pytest.raises(ValueError, match=r"expected|missing|odd") as caught:
        value_maker(annotation)(value)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    ("annotation", "value", "made"),
    [
        (int, 3.0, 3),
        (float, 3, 3.0),
        (Level, 1, Level.LOW),
        (int | float, 2.5, 2.5),
        (float | int, 2, 2),
        (str | Color, "red", "red"),
        (Color | str, "red", Color.RED),
        (Color | str, "blue", "blue"),
        (Line | Point, {"x": 1}, Point(1.0)),
        (Point, {"x": 1, "y": None, "tags": None}, Point(1.0)),
        (set[int], [1, 1], {1}),
        (frozenset[str], ["a"], frozenset("a")),
        (tuple, [1, "a"], (1, "a")),
        (Annotated[Sku, ["unhashable"]], "s", "s"),
        (dict[str, Line], {"a": {"sku": "b"}}, {"a": Line("b")}),
        (Place, {"city": "x", "zip": None}, {"city": "x"}),
    ],
    ids=short,
)
def test_what_is_made(annotation, value, made):
    """JSON becomes the value that the annotation promises, and its very class."""
    found = value_maker(annotation)(value)
    assert found == made
    assert type(found) is type(made)


# properties

scalars = st.sampled_from([str, int, float, bool, NoneType, Color, Level, Literal["a", "b"], Literal["c", None]])
annotations = st.recursive(
    scalars | st.sampled_from([Line, Point, Place, Node]),
    lambda inner: st.one_of(
        inner.map(lambda each: list[each]),
        inner.map(lambda each: dict[str, each]),
        inner.map(lambda each: tuple[each, ...]),
        st.tuples(inner, inner).map(lambda both: tuple[both]),
        st.tuples(inner, inner).map(lambda both: Union[both]),
        inner.map(lambda each: Optional[each]),
    ),
    max_leaves=4,
)
texts = st.sampled_from(["a", "c", "red", "", "sku", "x"])
plain = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 2.0]) | texts
names = st.sampled_from(["sku", "count", "color", "x", "y", "tags", "city", "zip", "name", "children"])
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)


st.register_type_strategy(float, st.integers(-5, 5).map(lambda n: n / 2))
st.register_type_strategy(
    Node, st.recursive(texts.map(Node), lambda inner: st.builds(Node, texts, st.lists(inner, max_size=2)), max_leaves=3)
)


@settings(max_examples=examples(100))
@given(annotations, values)
def test_the_schema_says_exactly_what_is_taken(annotation, value):
    """A JSON value fits the schema if and only if a value of the type is made of it."""
    schema = schema_of(annotation, "x")
    try:
        value_maker(annotation)(value)
    except ValueError:
        taken = False
    else:
        taken = True
    assert accepts(schema, value) == taken, (annotation, schema)


@settings(max_examples=examples(40))
@given(st.data())
def test_values_come_back(data):
    """A value of a type, written as JSON and made again, is the same; its JSON fits the schema."""
    annotation = data.draw(annotations)
    value = data.draw(st.from_type(annotation))
    written = json.loads(json.dumps(to_plain(value)))
    made = value_maker(annotation)(written)
    assert accepts(schema_of(annotation, "x"), written)
    assert to_plain(made) == to_plain(value)
    # In a union of an enum with text, say, two values look the same.
    assert made == value or "Union" in str(annotation) or "Optional" in str(annotation)


def test_names_for_types_and_qualifiers():
    """A type alias, and what typing says of a TypedDict's fields, are looked through."""
    alias = typing_extensions.TypeAliasType("alias", list[int])
    assert schema_of(alias, "x") == {"type": "array", "items": {"type": "integer"}}
    assert value_maker(alias)([1]) == [1]
    made = typing_extensions.TypedDict(  # noqa: UP013 (as a class, its annotations would be text)
        "made", {"a": typing_extensions.Required[int], "b": typing_extensions.NotRequired[str | None]}
    )
    assert schema_of(made, "x")["required"] == ["a"]
    assert value_maker(made)({"a": 1}) == {"a": 1}
    assert value_maker(made)({"a": 1, "b": None}) == {"a": 1, "b": None}
