"""The one converter: strict scalars, open unions, and a generated function per class.

This is the only module that calls cattrs. The converter never changes after import, so threads share it; two
threads that ask for the same new class at once both build its function, and either will do. A class gets its
function when its first object comes: a session meets a dozen of some hundred classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args, get_origin

from attrs import define, evolve, field
from cattrs import Converter

from realtime_sync.types._base import UnknownObject, WireObject, layout_of
from realtime_sync.wire._misfit import Misfit
from realtime_sync.wire._structure import alternatives, build, describe, is_class, is_map, scalars_of

__all__ = ["structure_function"]

_W = TypeVar("_W", bound=WireObject)
_Hook = Callable[[Any, Any], Any]


def structure_function(cls: type[_W], wire_type: str | None = None) -> Callable[[Any, Any], _W]:
    """Return the function that makes a `cls` of any decoded JSON value that fits; it raises `Misfit`.

    Args:
        cls: a class of a catalogue.
        wire_type: the name its objects come under, if that is not the class's own.
    """
    if wire_type is None:
        return _converter.get_structure_hook(cls)
    return build(cls, _converter.get_structure_hook, wire_type)


def _is_wire_class(annotation: Any) -> bool:
    return is_class(annotation) and annotation is not UnknownObject


def _is_sequence(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _hook_for_class(cls: type[WireObject]) -> _Hook:
    return build(cls, _converter.get_structure_hook)


def _hook_for_sequence(annotation: Any) -> _Hook:
    """Structure a tuple of one kind of item: a list on the wire."""
    item = get_args(annotation)[0]
    hook = _converter.get_structure_hook(item)

    def structure(value: Any, _: Any = None) -> tuple[Any, ...]:
        if value.__class__ is not list:
            raise Misfit("a list", value)
        items = []
        for index, each in enumerate(value):
            try:
                items.append(hook(each, item))
            except Misfit as error:
                error.inside(index)
                raise
        return tuple(items)

    return structure


def _structure_map(value: Any, _: Any = None) -> Any:
    """Keep a free-form map as it came."""
    if value.__class__ is not dict:
        raise Misfit("an object", value)
    return value


def _structure_unknown(value: Any, _: Any = None) -> UnknownObject:
    return UnknownObject(_structure_map(value))


def _hook_for_alternatives(annotation: Any) -> _Hook:
    """Structure a scalar, or a union of anything: what the JSON value is decides, and for objects their tags."""
    types = alternatives(annotation)
    scalars = scalars_of(types)
    expected = describe(types)
    lists = next((_converter.get_structure_hook(each) for each in types if _is_sequence(each)), None)
    objects = _hook_for_objects(types)
    anything = Any in types

    def structure(value: Any, _: Any = None) -> Any:
        kind = value.__class__
        if kind in scalars:
            return value
        if kind is dict and objects is not None:
            return objects(value, None)
        if kind is list and lists is not None:
            return lists(value, None)
        if anything:
            return value
        raise Misfit(expected, value)

    return structure


def _hook_for_objects(types: tuple[Any, ...]) -> _Hook | None:
    """Choose among the classes of a union: the first that takes the object, else what takes any object.

    Tags are the fixed fields (``type``, ``role``). An object without a ``type`` can be one of a class that
    has none or may lack it; where no class of the union has tags, one that none recognises is of the last.
    """
    classes = [each for each in types if _is_wire_class(each)]
    if UnknownObject in types:
        other: _Hook | None = _structure_unknown
    else:
        other = _structure_map if Any in types or any(is_map(each) for each in types) else None
    candidates = [_Candidate.of(cls) for cls in classes]
    if not any(each.kinds or each.tags for each in candidates):
        return _first_of(candidates) if candidates else other
    by_type: dict[str, list[_Candidate]] = {}
    for each in candidates:
        for kind in each.kinds:
            by_type.setdefault(kind, []).append(each)
    by_type = {kind: each if len(each) > 1 else [each[0].alone()] for kind, each in by_type.items()}
    expected = f"an object of type {' or '.join(by_type)}"
    untyped = [each for each in candidates if not each.kinds or "type" in each.optional]

    def structure(value: Any, _: Any = None) -> Any:
        tag = value.get("type")
        found = by_type.get(tag, ()) if tag.__class__ is str else untyped if "type" not in value else ()
        for each in found:
            if each.takes(value):
                return each.hook(value, None)
        if other is None:
            raise Misfit(expected, value, found="one of another type")
        return other(value, None)

    return structure


def _first_of(candidates: list[_Candidate]) -> _Hook:
    """Choose among classes without tags."""
    *first, last = candidates
    if not first:
        return _converter.get_structure_hook(last.made)

    def structure(value: Any, _: Any = None) -> Any:
        return next((each for each in first if each.recognises(value)), last).hook(value, None)

    return structure


@define
class _Candidate:
    """A class of a union and what tells its objects from others. Any thread: its `hook` alone ever changes."""

    made: type[WireObject]
    kinds: tuple[str, ...]
    """What ``type`` may be; empty if the class has none."""
    tags: tuple[tuple[str, str], ...]
    """The fixed fields other than ``type``."""
    optional: frozenset[str]
    recognises: Callable[[Mapping[str, Any]], bool]
    hook: _Hook = field(init=False)
    """Makes an object of the class. At first a stand-in that puts the real one in its place."""

    def __attrs_post_init__(self) -> None:
        self.hook = self._first

    def _first(self, value: Any, _: Any = None) -> Any:
        self.hook = _converter.get_structure_hook(self.made)
        return self.hook(value, None)

    @classmethod
    def of(cls, candidate: type[WireObject]) -> _Candidate:
        tags = dict(layout_of(candidate).tags)
        kind = tags.pop("type", None)
        return cls(
            candidate,
            candidate.types if kind is None else (kind,),
            tuple(tags.items()),
            candidate.optional_tags,
            candidate.recognises,
        )

    def alone(self) -> _Candidate:
        """Return the candidate as it is where no other has the same type: then it need not recognise its objects."""
        return evolve(self, recognises=lambda _: True)

    def takes(self, raw: Mapping[str, Any]) -> bool:
        """Tell whether an object of the right type is one of this class."""
        tagged = all(raw[name] == tag if name in raw else name in self.optional for name, tag in self.tags)
        return tagged and self.recognises(raw)


def _build_converter() -> Converter:
    converter = Converter(detailed_validation=False)
    # The latest registered is asked first. Nothing is left to cattrs' own hooks: they turn None into "None".
    # Scalars, literals and unions all read as a set of alternatives.
    converter.register_structure_hook_factory(lambda _: True, _hook_for_alternatives)
    converter.register_structure_hook_factory(_is_sequence, _hook_for_sequence)
    converter.register_structure_hook_func(is_map, _structure_map)
    converter.register_structure_hook_func(lambda annotation: annotation is Any, lambda value, _: value)
    converter.register_structure_hook_func(lambda annotation: annotation is UnknownObject, _structure_unknown)
    converter.register_structure_hook_factory(_is_wire_class, _hook_for_class)
    for scalar in (str, int, float, bool):
        converter.register_structure_hook(scalar, _hook_for_alternatives(scalar))
    return converter


_converter = _build_converter()
