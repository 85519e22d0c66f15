"""The catalogues against the descriptions of the APIs: every event, every object, every field, every legal value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime_sync.types import UnknownEvent, UnknownObject, realtime, responses, translation
from realtime_sync.types._base import KnownEvent, WireObject, layout_of
from realtime_sync.wire import encode_event, parse_event, to_wire
from realtime_sync.wire._converter import structure_function
from tests.support.examples import examples
from tests.types.protocol import EVENTS, SHAPES, TYPES, Shape, objects

CATALOGUES = {"realtime": realtime, "translation": translation, "responses": responses}
# What the other transport has and a socket has no use for: it always streams, and never in the background.
NOT_SENT = {"stream", "background"}
quick = settings(max_examples=examples(2), suppress_health_check=list(HealthCheck))


def classes_of(event: Shape) -> list[type[KnownEvent]]:
    """Return the classes under an event's name."""
    catalogue = CATALOGUES[event.api]
    union = catalogue.ServerEvent if event.kind == "server" else catalogue.ClientEvent
    name = catalogue.BETA_NAMES.get(event.name, event.name)
    return [each for each in get_args(union) if issubclass(each, KnownEvent) and each.type == name]


def label(shape: Shape) -> str:
    return f"{shape.kind} {shape.api} {shape.name}"


def wire_names(cls: type[WireObject]) -> set[str]:
    layout = layout_of(cls)
    return {*layout.fields, *layout.tags}


# What a class has beyond its description: what it inherits.
ALSO = {
    "RealtimeBetaResponse": {"audio", "output_modalities"},
    "ResponseErrorEvent": {"stream_id"},
    # As the request has it, which the official SDK takes the answer for.
    "RealtimeTranscriptionSessionTurnDetection": {
        "idle_timeout_ms",
        "create_response",
        "interrupt_response",
        "eagerness",
    },
}


def found_under(shape: Shape) -> Any:
    """Return what an object's name leads to: a class, or a union."""
    home = translation if hasattr(translation, shape.name) and shape.api == "realtime" else CATALOGUES[shape.api]
    assert shape.name in home.__all__
    return getattr(home, shape.name)


def is_wire_class(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, WireObject)


def test_every_event_has_a_class_with_all_its_fields() -> None:
    """A class under the event's name has every field of it."""
    lacking = [
        label(event)
        for event in EVENTS
        if not any(event.names <= wire_names(cls) | NOT_SENT for cls in classes_of(event))
    ]
    assert lacking == []


def test_every_object_has_a_class_with_all_its_fields() -> None:
    """An object's name leads to a class that has every field of it; a union's name to a union."""
    for shape in TYPES.values():
        found = found_under(shape)
        if is_wire_class(found):
            assert shape.names <= wire_names(found), shape.name
        else:
            # (An object without a single field is a map.)
            assert shape.union is not None or not shape.fields, shape.name


def test_no_object_has_a_field_that_nobody_describes() -> None:
    """Each field of a class belongs to one of the names that lead to it."""
    described: dict[Any, set[str]] = {}
    for shape in TYPES.values():
        if is_wire_class(found_under(shape)):
            names = described.setdefault(found_under(shape), {"type", "role"})
            names |= shape.names | ALSO.get(shape.name, set())
    assert len(described) > 300
    assert [cls.__name__ for cls, names in described.items() if not wire_names(cls) <= names] == []


def unknown_objects(value: Any) -> list[UnknownObject]:
    """Return what was kept as it came, at any depth."""
    if isinstance(value, UnknownObject):
        return [value]
    if isinstance(value, WireObject):
        value = [getattr(value, each.name) for each in layout_of(type(value)).fields.values()]
    if isinstance(value, tuple | list):
        return [found for each in value for found in unknown_objects(each)]
    return []


def exact(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("event", [each for each in EVENTS if each.kind == "server"], ids=label)
@quick
@given(data=st.data())
def test_every_legal_event_is_understood(event, data) -> None:
    """What the description allows becomes its class, with classes all the way down, and comes out the same."""
    raw = data.draw(objects(event))
    made = parse_event(json.dumps(raw), event.api)
    assert not isinstance(made, UnknownEvent), made
    assert type(made) in classes_of(event)
    assert exact(made.to_dict()) == exact(raw)
    assert exact(json.loads(encode_event(made))) == exact(raw)
    # A reference to an item whose type is null stays as it came; and only its object's name tells a session of
    # the beta's transcription from others.
    known = not event.name.startswith("transcription_session")
    assert all(each.raw.get("type", "") is None for each in unknown_objects(made) if known)
    if event.names <= wire_names(type(made)):
        assert not made.extra


@pytest.mark.parametrize("event", [each for each in EVENTS if each.kind == "client"], ids=label)
@quick
@given(data=st.data())
def test_every_legal_request_can_be_sent(event, data) -> None:
    """What the description allows goes out as it is, from a mapping and from a class: nulls, and nothing unset."""
    raw = data.draw(objects(event))
    assert exact(to_wire(raw)) == exact(raw)
    beta = any("Beta" in each.text for each in event.fields)
    [cls] = [each for each in classes_of(event) if ("Beta" in each.__name__) == beta]
    made = structure_function(cls)(raw, None)
    assert exact(to_wire(made)) == exact(raw)
    assert same_but_for_tags(to_wire(rebuilt(made)), raw)


def same_but_for_tags(built: Any, raw: Any) -> bool:
    """Compare JSON values; a constructed object names its type where the description allows to leave it out."""
    if isinstance(built, list):
        return len(built) == len(raw) and all(map(same_but_for_tags, built, raw))
    if not isinstance(built, dict):
        return exact(built) == exact(raw)
    added = built.keys() - raw.keys()
    return added <= {"type"} and raw.keys() <= built.keys() and all(same_but_for_tags(built[n], raw[n]) for n in raw)


def rebuilt(value: Any) -> Any:
    """Construct an object anew, by the keywords that were on the wire."""
    if isinstance(value, tuple):
        return tuple(rebuilt(each) for each in value)
    if not isinstance(value, WireObject):
        return value
    layout = layout_of(type(value))
    present = dict(value.wire_items())
    names = {each.alias: rebuilt(present[name]) for name, each in layout.fields.items() if name in present}
    return type(value)(**names, extra=value.extra)


def test_the_description_is_whole() -> None:
    """The table that the tests go by has every name that it mentions."""
    mentioned = {
        (("responses" if shape.api == "responses" else "realtime"), word.rstrip("?]})|"))
        for shape in SHAPES
        for text in [*(each.text for each in shape.fields), shape.union or ""]
        for word in text.replace("(", " ")
        .replace("|", " ")
        .replace("[", " ")
        .replace("{", " ")
        .replace(")", " ")
        .split()
        if word.startswith("@")
    }
    assert {(api, name.lstrip("@")) for api, name in mentioned} <= TYPES.keys()
    assert isinstance(TYPES, Mapping)
    assert len(EVENTS) == 150
