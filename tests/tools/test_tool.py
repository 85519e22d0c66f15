"""`tool` and `Tool`: names, schemas, arguments, results, errors."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from typing import Annotated, Any, Literal

import attrs
import pytest
import typing_extensions

import realtime_sync
from realtime_sync import ToolContext, ToolError, tool
from realtime_sync.session import Deadline
from realtime_sync.tools import Tool
from tests.tools.types import Color, Line

CONTEXT = ToolContext(
    session="the session", turn=None, call_id="call_1", name="f", deadline=Deadline(None), is_cancelled=lambda: False
)


def answer(function, arguments="{}", **options):
    """Call a tool as a model does; return its output, as JSON if it is an object, and whether it is an error."""
    text, failed = tool(function, **options).answer(arguments, CONTEXT)
    return (json.loads(text)["error"] if failed else text), failed


def order(line: Line, to: Annotated[str, "where to"], fast: bool = False, note: str | None = None) -> dict[str, Any]:
    """Order something.

    Args:
        line: what.
        to: overridden by the annotation.
        fast: at any price.

    Returns:
        What was ordered.
    """
    return {"line": line, "to": to, "fast": fast, "note": note}


def test_the_definition():
    """Name and description come from the function, the schema from its annotations and docstring."""
    made = tool(order)
    definition = made.definition()
    assert (definition["type"], definition["name"], definition["description"]) == (
        "function",
        "order",
        "Order something.",
    )
    parameters = definition["parameters"]
    assert parameters["required"] == ["line", "to"]
    assert parameters["additionalProperties"] is False
    assert parameters["properties"]["line"]["description"] == "what."
    assert parameters["properties"]["to"] == {"type": "string", "description": "where to"}
    assert parameters["properties"]["fast"] == {"type": "boolean", "default": False, "description": "at any price."}
    assert parameters["properties"]["note"] == {"type": ["string", "null"]}
    assert "strict" not in definition
    assert made.definition(with_strict=True)["strict"] is False


def test_it_is_still_the_function():
    """A tool is called like the function that it is made of."""
    made = tool(order)
    assert made(Line("a"), to="b")["line"] == Line("a")
    assert made.function is order


def test_the_ways_to_make_one():
    """With and without arguments, as decorator and as call, and from another tool."""

    @tool
    def one() -> None:
        """Do one."""

    @tool(name="second", description="Do two.", timeout=5, strict=True)
    def two() -> None: ...

    third = tool(two, name="third")
    assert (one.name, one.description, one.strict) == ("one", "Do one.", False)
    assert not one.timeout
    assert (two.name, two.description, two.timeout, two.strict) == ("second", "Do two.", 5.0, True)
    assert (third.name, third.description, third.timeout, third.strict) == ("third", "Do two.", 5.0, True)
    assert tool(two, timeout=None).timeout is None
    assert isinstance(third, Tool)


class Shop:
    def __init__(self):
        self.stock = {"apples": 3}

    def count(self, fruit: str) -> int:
        """Count."""
        return self.stock[fruit]

    def __call__(self, fruit: str) -> int:
        return -self.stock[fruit]


def test_methods_partials_and_objects():
    """Whatever can be called can be a tool; what a partial fills in is not the model's to see."""
    shop = Shop()
    assert answer(shop.count, '{"fruit": "apples"}') == ("3", False)
    assert answer(shop, '{"fruit": "apples"}', name="shop") == ("-3", False)
    filled = functools.partial(order, Line("x"), note="secret")
    made = tool(filled, name="ordered")
    assert list(made.parameters["properties"]) == ["to", "fast"]
    assert json.loads(made.answer('{"to": "me"}', CONTEXT)[0])["note"] == "secret"


def test_the_context_is_given_and_not_shown():
    """A parameter with ToolContext, wherever it stands, is filled in by the library."""

    def first(context: ToolContext, n: int, /) -> str:
        return f"{context.call_id} {n}"

    def last(n: int, *, context: ToolContext | None = None) -> str:
        return f"{context.session} {n}"

    assert list(tool(first).parameters["properties"]) == ["n"]
    assert answer(first, '{"n": 1}') == ("call_1 1", False)
    assert answer(last, '{"n": 2}') == ("the session 2", False)
    assert "context" in answer(last, '{"n": 2, "context": null}')[0]


def nothing(): ...


def too_many(*numbers: int): ...


def untyped(a: int, b): ...


def odd(when: asyncio.Event): ...


def anything(given: dict[str, Any]): ...


def unknown(a: Nowhere): ...  # noqa: F821  (that is the point)


async def coroutine(): ...


Endless = typing_extensions.TypeAliasType("Endless", list["Endless"])


def endless(a: Endless): ...


@attrs.frozen
class Unhashable:
    a: Annotated[int, ["a list"]]


def unhashable(given: Unhashable): ...


class Unreadable:
    """Something that can be called, and does not say how."""

    __name__ = "unreadable"
    __signature__ = "nonsense"

    def __call__(self): ...


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (too_many, {}, r"too_many: parameter \*numbers.* list"),
        (untyped, {}, "untyped: parameter b has no type"),
        (Shop.count, {}, r"count: parameter self has no type.*tool\(object.method\)"),
        (odd, {}, r"odd: parameter when has the type asyncio.locks.Event"),
        (odd, {"name": "other"}, "other: parameter when"),
        (anything, {"strict": True}, "anything: parameter given .*strict"),
        (unknown, {}, "unknown: its annotations cannot be read.*Nowhere"),
        (coroutine, {}, "coroutine function"),
        (nothing, {"name": "no spaces"}, "no name for a tool"),
        (nothing, {"name": "x" * 65}, "no name for a tool"),
        (lambda: None, {}, "<lambda>.* is no name .*name="),
        (Shop(), {}, "is no name"),
        (nothing, {"timeout": 0}, "time-out"),
        (nothing, {"timeout": "5"}, "time-out"),
        (nothing, {"timeout": True}, "time-out"),
        (print, {}, "print"),
        (Unreadable(), {"name": "f"}, "f has no signature"),
        (endless, {}, "endless: "),
        (unhashable, {}, "unhashable: parameter given: the annotations of Unhashable"),
        (5, {}, "a tool is a function; got 5"),
    ],
)
def test_what_cannot_be_a_tool(function, options, words):
    """The error says which function, which parameter and which type, before anything is sent."""
    with pytest.raises(ToolError, match=words) as caught:
        tool(function, **options)
    assert caught.value.replay_safe


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("as it is", "as it is"),
        (None, ""),
        (Color.RED, "red"),
        (5, "5"),
        (True, "true"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (Line("a"), '{"sku":"a","count":1,"color":"red"}'),
        ([Line("a"), {"in": Line("b")}], None),
        ({1, 2}, "[1,2]"),
        ((1, "é"), '[1,"é"]'),
        (realtime_sync.UnknownEvent("x", {"type": "x", "n": 1}), '{"type":"x","n":1}'),
    ],
)
def test_results(result, text):
    """Text goes out as it is, anything else as JSON."""

    def f():
        return result

    output, failed = answer(f)
    assert not failed
    if text is None:
        assert json.loads(output)[1]["in"]["sku"] == "b"
    else:
        assert output == text


@pytest.mark.parametrize(
    "result",
    [object(), b"bytes", float("nan"), {(1, 2): 3}, {"a": {1j}}],
    ids=["object", "bytes", "nan", "tuple key", "set"],
)
def test_results_that_json_does_not_have(result):
    """The model is told, instead of a crash."""

    def f():
        return result

    output, failed = answer(f)
    assert failed
    assert "JSON" in output


def test_results_that_contain_themselves():
    """Nesting without end is one of those."""
    endless: list[Any] = []
    endless.append(endless)
    output, failed = answer(lambda: endless, name="endless")
    assert failed
    assert output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"line": {"sku": "a"', "not valid JSON"),
        ("[]", "expected an object, found a list"),
        ("null", "expected an object, found null"),
        ("", "line: is missing; to: is missing"),
        ('{"line": {"sku": "a"}, "to": "b", "too": 1}', "does not take 'too'"),
        (
            '{"line": {"sku": 5}, "to": null}',
            "line.sku: expected a string, found a whole number; to: expected a string",
        ),
        ('{"line": {"sku": "a"}, "to": "b", "fast": "yes"}', "fast: expected true or false"),
        ("[" * 100_000, "do not fit"),
        ('{"line": NaN}', "not valid JSON"),
    ],
    ids=lambda each: each[:20],
)
def test_arguments_that_do_not_fit(arguments, words, caplog):
    """The model can read what is wrong; the function is not called; it is logged."""
    with caplog.at_level(logging.WARNING, "realtime_sync"):
        output, failed = answer(order, arguments)
    assert failed
    assert words in output
    assert "order was called with arguments that do not fit" in caplog.text


def test_arguments_that_fit():
    """They arrive as what the annotations promise; null stands for a default."""
    output, failed = answer(order, '{"line": {"sku": "a", "count": null, "color": "green"}, "to": "b", "fast": null}')
    assert not failed
    assert json.loads(output) == {
        "line": {"sku": "a", "count": 1, "color": "green"},
        "to": "b",
        "fast": False,
        "note": None,
    }


def test_no_arguments_at_all():
    """Some models send no text for a function without parameters."""
    assert answer(lambda: "done", "", name="f") == ("done", False)
    assert answer(lambda: "done", " {} ", name="f") == ("done", False)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no such city"), "ValueError: no such city"),
        (ToolError("ask again tomorrow"), "ask again tomorrow"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
    ],
)
def test_exceptions(error, told, caplog):
    """Each becomes an error output; a ToolError in its own words alone; all are logged."""

    def f(mode: Literal["x"] = "x"):
        raise error

    with caplog.at_level(logging.INFO, "realtime_sync"):
        assert answer(f) == (told, True)
    assert "tool f" in caplog.text
