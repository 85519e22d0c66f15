"""What the descriptions of the APIs say, read from ``protocol.txt``; and JSON values that fit them."""

from __future__ import annotations

import functools
import pathlib
import re
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

SCALARS = {
    "str": st.text(max_size=6),
    "int": st.integers(-(2**40), 2**70),
    "num": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6),
    "bool": st.booleans(),
    "any": st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
        max_leaves=4,
    ),
}
TOKEN = re.compile(r'"[^"]*"|@\w+|\w+|[][(){}|?]')


@frozen
class Field:
    """A field of an event or object."""

    name: str
    required: bool
    text: str


@frozen
class Shape:
    """An event, an object or a union of them."""

    kind: str
    api: str
    name: str
    fields: tuple[Field, ...]
    union: str | None = None

    @property
    def names(self) -> set[str]:
        """The names of the fields."""
        return {each.name for each in self.fields}


def _read() -> list[Shape]:
    shapes = []
    for line in pathlib.Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        kind, api, name, *rest = line.split(" ", 3)
        body = rest[0] if rest else ""
        if kind == "union":
            shapes.append(Shape(kind, api, name, (), body))
            continue
        pairs = [each.split(":", 1) for each in body.split()]
        shapes.append(Shape(kind, api, name, tuple(Field(n.rstrip("!"), n.endswith("!"), t) for n, t in pairs)))
    return shapes


SHAPES = _read()
EVENTS = [each for each in SHAPES if each.kind in {"client", "server"}]
TYPES = {(each.api, each.name): each for each in SHAPES if each.kind in {"object", "union"}}
API = {"realtime": "realtime", "translation": "realtime", "responses": "responses"}
"""Where the objects of a registry's events are described."""


@functools.cache
def values(api: str, text: str) -> st.SearchStrategy[Any]:
    """Return the JSON values that fit a type."""
    tokens = TOKEN.findall(text)
    strategy = _type(api, tokens)
    assert not tokens
    return strategy


def _type(api: str, tokens: list[str]) -> st.SearchStrategy[Any]:
    token = tokens.pop(0)
    if token == "[":
        strategy = st.lists(_type(api, tokens), max_size=2)
        tokens.pop(0)
    elif token == "{":
        strategy = st.dictionaries(st.text(max_size=4), _type(api, tokens), max_size=2)
        tokens.pop(0)
    elif token == "(":
        members = [_type(api, tokens)]
        while tokens.pop(0) == "|":
            members.append(_type(api, tokens))
        strategy = st.one_of(members)
    elif token[0] == '"':
        strategy = st.just(token[1:-1])
    elif token[0] == "@":
        strategy = _later(api, token[1:])
    else:
        strategy = SCALARS[token]
    if tokens and tokens[0] == "?":
        tokens.pop(0)
        strategy = st.none() | strategy
    return strategy


@functools.cache
def _later(api: str, name: str) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: _named(api, name))


@functools.cache
def _named(api: str, name: str) -> st.SearchStrategy[Any]:
    shape = TYPES[api, name]
    return objects(shape) if shape.union is None else values(api, shape.union)


@functools.cache
def objects(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    """Return the JSON objects that fit a shape; each shows some of its optional fields."""
    api = API[shape.api]
    fields = {each.name: values(api, each.text) for each in shape.fields}
    required = {each.name for each in shape.fields if each.required}
    fixed = {"type": st.just(shape.name)} if shape.kind in {"client", "server"} else {}
    optional = sorted(fields.keys() - required)
    some = st.lists(st.sampled_from(optional), unique=True, max_size=5) if optional else st.just([])
    return some.flatmap(
        lambda names: st.fixed_dictionaries({**fixed, **{n: fields[n] for n in fields if n in required or n in names}})
    )
