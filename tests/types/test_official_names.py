"""The names of the official SDK: what is called the same is the same."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, get_args, get_origin

import pytest

from realtime_sync.types import realtime, responses, translation
from realtime_sync.types._base import KnownEvent

CATALOGUES = {"realtime": (realtime, translation), "responses": (responses,)}


@pytest.fixture
def package(name: str) -> Any:
    """The SDK's types of an API."""
    return pytest.importorskip(f"openai.types.{name}")


def members(union: Any) -> list[Any]:
    """Return the classes of a union of the SDK's."""
    if get_origin(union) is Annotated:
        return members(get_args(union)[0])
    return [found for each in get_args(union) for found in members(each)] or [union]


def kind_of(model: Any) -> str | None:
    """Return the fixed ``type`` of a class of the SDK's, or None."""
    field = model.model_fields.get("type")
    values = get_args(field.annotation) if field is not None else ()
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_class_of_the_same_name_has_the_same_type(name, package) -> None:
    """Whoever knows the SDK's class finds the same event or object under its name."""
    same = 0
    for model in vars(package).values():
        if inspect.isclass(model) and hasattr(model, "model_fields") and kind_of(model) is not None:
            ours = [getattr(each, model.__name__, None) for each in CATALOGUES[name]]
            for each in ours:
                kind = getattr(each, "type", None)
                if isinstance(kind, str):
                    assert kind == kind_of(model), model.__name__
                    same += 1
    assert same > 80


@pytest.mark.parametrize(
    ("name", "union"), [("realtime", "RealtimeServerEvent"), ("responses", "ResponsesServerEvent")], ids=CATALOGUES
)
def test_an_event_of_the_same_type_has_the_same_name(name, union, package) -> None:
    """An event that both have is found under the SDK's name, or under that and the union's where it stands inside."""
    catalogue = CATALOGUES[name][0]
    ours = {each.type for each in get_args(catalogue.ServerEvent) if issubclass(each, KnownEvent)}
    common = [each for each in members(getattr(package, union)) if kind_of(each) in ours]
    assert len(common) > 40
    for model in common:
        names = {model.__name__, union + model.__name__} & {*catalogue.__all__}
        assert {getattr(catalogue, each).type for each in names} == {kind_of(model)}, model.__name__
