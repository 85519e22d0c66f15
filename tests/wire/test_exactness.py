"""Whatever a server sends comes out again: properties over arbitrary and over fitting JSON."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args, get_origin

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime_sync.config import NOT_GIVEN
from realtime_sync.types import UnknownEvent, UnknownObject, realtime, responses, translation
from realtime_sync.types._base import KnownEvent, WireObject, layout_of
from realtime_sync.wire import encode_event, event_decoder, event_names, parse_event, to_wire
from realtime_sync.wire._converter import structure_function
from realtime_sync.wire._structure import alternatives, is_class
from tests.support.examples import examples

CATALOGUES = {"realtime": realtime, "translation": translation, "responses": responses}
CLASSES = sorted(
    {
        each
        for catalogue in CATALOGUES.values()
        for each in vars(catalogue).values()
        if isinstance(each, type) and issubclass(each, WireObject)
    },
    key=lambda cls: (cls.__module__, cls.__name__),
)
SERVER_EVENTS = [
    (name, cls)
    for name, catalogue in CATALOGUES.items()
    for cls in get_args(catalogue.ServerEvent)
    if issubclass(cls, KnownEvent)
]


def batches(values: list[Any]) -> list[Any]:
    """Return the values in small groups: a property costs more to set up than to try."""
    return [pytest.param(values[start : start + 12], id=f"from {start}") for start in range(0, len(values), 12)]


FIELD_NAMES = sorted({name for cls in CLASSES for name in layout_of(cls).fields})
UNKNOWN_NAMES = st.sampled_from(["later", "x-new", "", "_shape", "_extra", "extra", "to_dict", "self", "é"])

SCALARS = {
    str: st.text(max_size=8),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6),
    bool: st.booleans(),
    NoneType: st.none(),
}
JSON = st.recursive(
    st.one_of(*SCALARS.values()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELD_NAMES) | UNKNOWN_NAMES, inner, max_size=4)
    ),
    max_leaves=12,
)
MAPS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)


def exact(value) -> str:
    """Return a text that is equal for equal JSON values with the same types of numbers."""
    return json.dumps(value, sort_keys=True)


@functools.cache
def json_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Return the JSON values that fit an annotation. (A mapping beside classes is for those who construct.)"""
    kinds = alternatives(annotation)
    if any(is_class(each) for each in kinds):
        kinds = tuple(each for each in kinds if get_origin(each) is not Mapping)
    return st.one_of(*(json_of_one(each) for each in kinds))


def json_of_one(kind: Any) -> st.SearchStrategy[Any]:
    """Return the JSON values that fit one type."""
    if kind in SCALARS:
        return SCALARS[kind]
    if kind is Any:
        return JSON
    if get_origin(kind) is tuple:
        return st.lists(json_of(get_args(kind)[0]), max_size=2)
    if get_origin(kind) is Mapping or kind is Mapping:
        return MAPS
    if kind is UnknownObject:
        return st.fixed_dictionaries({"type": st.sampled_from(["new", 1, None])}, optional={"a": JSON})
    return json_of_object(kind)


@functools.cache
def json_of_object(cls: type[WireObject]) -> st.SearchStrategy[dict[str, Any]]:
    """Return the JSON objects that fit a class, with absent, null and unknown fields."""
    layout = layout_of(cls)
    tags = {key: st.just(tag) for key, tag in layout.tags.items()}
    required, optional = {}, {}
    for key, attribute in layout.fields.items():
        if attribute.default is attrs.NOTHING:
            required[key] = json_of(attribute.type)
        elif attribute.default is None:
            optional[key] = st.none() | json_of(attribute.type)
        else:
            optional[key] = json_of(attribute.type)
    unknown = st.dictionaries(UNKNOWN_NAMES, JSON, max_size=1)
    # Each object shows some of its optional fields: what nests as deeply as a response would not end otherwise.
    some = st.lists(st.sampled_from(sorted(optional)), unique=True, max_size=8) if optional else st.just([])
    known = some.flatmap(
        lambda names: st.fixed_dictionaries({**tags, **required, **{name: optional[name] for name in names}})
    )
    return st.tuples(known, unknown, st.randoms(use_true_random=False)).map(_mixed)


def _mixed(drawn) -> dict[str, Any]:
    known, unknown, random = drawn
    items = list({**unknown, **known}.items())
    random.shuffle(items)
    return dict(items)


quick = settings(max_examples=examples(2), suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("classes", batches(CLASSES))
@quick
@given(data=st.data())
def test_every_class_gives_back_what_it_was_made_of(classes, data) -> None:
    """An object that fits a class becomes one and comes out the same: keys, nulls and kinds of numbers."""
    for cls in classes:
        raw = data.draw(json_of_object(cls))
        made = structure_function(cls)(raw, None)
        assert type(made) is cls
        assert exact(made.to_dict()) == exact(raw)
        assert structure_function(cls)(made.to_dict(), None) == made


@pytest.mark.parametrize("events", batches(SERVER_EVENTS))
@quick
@given(data=st.data())
def test_every_server_event_is_decoded_exactly(events, data) -> None:
    """A fitting message becomes its class by either way of decoding, and comes out the same."""
    for registry, cls in events:
        raw = data.draw(json_of_object(cls))
        event = parse_event(json.dumps(raw), registry)
        assert type(event) is cls
        assert exact(event.to_dict()) == exact(raw)
        assert exact(to_wire(event)) == exact(raw)
        assert event == event_decoder(registry)(encode_event(event))


@pytest.mark.parametrize("registry", CATALOGUES)
@given(data=st.data())
def test_any_object_with_a_type_comes_out_again(registry, data) -> None:
    """No JSON object with a type raises, and each comes out as it came."""
    name = data.draw(st.sampled_from(sorted(event_names(registry))) | st.text(max_size=5))
    names = st.sampled_from(FIELD_NAMES) | UNKNOWN_NAMES | st.text(max_size=5)
    raw = {**data.draw(st.dictionaries(names, JSON, max_size=6)), "type": name}
    event = parse_event(json.dumps(raw), registry)
    assert exact(event.to_dict()) == exact(raw)
    assert event.wire_type == name
    assert isinstance(event, UnknownEvent) or event.type in {name, CATALOGUES[registry].BETA_NAMES.get(name)}


@pytest.mark.parametrize("registry", CATALOGUES)
@given(message=JSON.map(json.dumps) | st.text() | st.binary())
def test_no_message_makes_the_decoder_raise(registry, message) -> None:
    """Whatever a message is, the decoder returns an event for it."""
    event = event_decoder(registry)(message)
    assert isinstance(event.type, str)
    assert isinstance(event.wire_type, str)


def _sample(annotation: Any) -> Any:
    kinds = [each for each in alternatives(annotation) if each is not NoneType]
    kind = next(each for each in kinds if not is_class(each) or each is UnknownObject or _is_recognised(each))
    if get_origin(kind) is tuple:
        return (_sample(get_args(kind)[0]),)
    if get_origin(kind) is Mapping:
        return {"a": 1}
    if is_class(kind):
        return construct(kind)
    if kind is Any:
        return {"a": [1]}
    return {str: "x", int: 1, float: 0.5, bool: True}[kind]


def _is_recognised(cls: type[WireObject]) -> bool:
    return cls.recognises(construct(cls).to_dict())


def construct(cls: type[WireObject], *, everything: bool = True) -> WireObject:
    """Construct an object of a class by its keywords."""
    names = {
        attribute.alias: _sample(attribute.type)
        for attribute in layout_of(cls).fields.values()
        if everything or attribute.default is attrs.NOTHING
    }
    if cls.types and everything:
        names["type"] = cls.types[0]
    return cls(**names)


@pytest.mark.parametrize("everything", [True, False], ids=["all fields", "what must be"])
@pytest.mark.parametrize("classes", batches(CLASSES))
def test_every_class_can_be_constructed_and_sent(classes, everything) -> None:
    """A constructed object goes out with its tags and with what was given, and comes back equal."""
    for cls in classes:
        made = construct(cls, everything=everything)
        raw = made.to_dict()
        layout = layout_of(cls)
        assert layout.tags.items() <= raw.items()
        missing = any(getattr(made, each.name) is NOT_GIVEN for each in layout.fields.values())
        assert not (everything and missing)
        assert structure_function(cls)(json.loads(json.dumps(raw)), None) == made
        if issubclass(cls, KnownEvent):
            assert json.loads(encode_event(made)) == raw
            assert to_wire(made) == raw
