"""The converters: one for what servers send, one for the users' own types.

This is the only module that calls cattrs. The converters never change after import, so threads share them; two
threads that ask for the same new class at once both build its function, and either will do. A class gets its
function when its first object comes: a session meets a dozen of some hundred classes.

For servers: strict scalars, open unions, and a generated function per class. For users' types, which tools take and
return: everything is strict, nothing may be left over, and all that is wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Literal, TypeVar, get_args, get_origin

from attrs import define, evolve, field
from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
    gen,
    transform_error,
)

from realtime_sync.types._base import UnknownEvent, UnknownObject, WireObject, layout_of
from realtime_sync.wire._misfit import Misfit
from realtime_sync.wire._plain import (
    MAPPINGS,
    SCALARS,
    SEQUENCES,
    accepts_none,
    bare,
    choice_hook,
    class_fields,
    has_fields,
    is_enum,
    is_typed_dict,
    is_union,
)
from realtime_sync.wire._structure import alternatives, build, describe, is_class, is_map, scalars_of

__all__ = ["structure_function", "to_plain", "value_maker"]

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

# Users' own types


def value_maker(annotation: Any) -> Callable[[Any], Any]:
    """See `realtime_sync.wire.value_maker`."""
    hook = _users.get_structure_hook(bare(annotation), cache_result=False)

    def make(value: Any) -> Any:
        try:
            return hook(value, annotation)
        except (BaseValidationError, Misfit) as error:
            faults = [_fault(*each.rpartition(" @ ")[::2]) for each in transform_error(error, "", _describe)]
            raise ValueError("; ".join(faults)) from error

    return make


def to_plain(value: Any) -> Any:
    """See `realtime_sync.wire.to_plain`."""
    return _users.unstructure(value)


def _fault(what: str, path: str) -> str:
    return f"{path.removeprefix('.')}: {what}" if path else what


def _describe(error: BaseException, kind: Any) -> str:
    if isinstance(error, Misfit):
        return f"expected {error.expected}, found {error.found}"
    if isinstance(error, KeyError) and kind is not None:
        return "is missing"
    if isinstance(error, ForbiddenExtraKeysError):
        return "does not take " + ", ".join(map(repr, sorted(error.extra_fields)))
    return f"{type(error).__name__}: {error}"  # Of a check of the user's own class, say.


def _hook_for_users_class(cls: Any) -> _Hook:
    """Structure a class strictly. For what may be left out, and may not be null, null is as good as nothing."""
    make = _hook_for_typed_dict(cls) if is_typed_dict(cls) else gen.make_dict_structure_fn(cls, _users)
    not_null = {each.name for each in class_fields(cls) if not (each.required or accepts_none(each.annotation))}

    def structure(value: Any, _: Any = None) -> Any:
        if value.__class__ is not dict:
            raise Misfit("an object", value)
        kept = {name: each for name, each in value.items() if each is not None or name not in not_null}
        return make(kept, cls)

    return structure


def _hook_for_typed_dict(cls: Any) -> _Hook:
    """Structure a TypedDict; what it lacks is found here, because cattrs does not see it under Python 3.10."""
    make = gen.typeddicts.make_dict_structure_fn(cls, _users)
    required = [each for each in class_fields(cls) if each.required]

    def structure(value: dict[str, Any], _: Any = None) -> Any:
        errors: list[Exception] = []
        for each in required:
            if each.name not in value:
                lacks = KeyError(each.name)
                lacks.__notes__ = [AttributeValidationNote("", each.name, each.annotation)]
                errors.append(lacks)
        try:
            made = make(value, cls)
        except ClassValidationError as error:
            errors += [each for each in error.exceptions if not isinstance(each, KeyError)]
        if errors:
            raise ClassValidationError("", errors, cls)
        return made

    return structure


def _hook_for_items(annotation: Any) -> _Hook:
    """Structure a list, or what is made of one."""
    origin = get_origin(annotation) or annotation
    kinds = get_args(annotation) or ((Any, ...) if origin is tuple else (Any,))
    make = SEQUENCES[origin]
    size = None if origin is not tuple or kinds[-1] is Ellipsis else len(kinds)
    hooks = [(each, _users.get_structure_hook(each)) for each in kinds if each is not Ellipsis]

    def structure(value: Any, _: Any = None) -> Any:
        if value.__class__ is not list:
            raise Misfit("a list", value)
        if size is not None and len(value) != size:
            expected = f"a list of {size}"
            raise Misfit(expected, value, found=f"one of {len(value)}")
        return make(_each(annotation, enumerate(value), hooks if size is not None else hooks * len(value)))

    return structure


def _hook_for_mapping(annotation: Any) -> _Hook:
    kind = (*get_args(annotation), Any, Any)[1]
    hook = _users.get_structure_hook(kind)

    def structure(value: Any, _: Any = None) -> Any:
        if value.__class__ is not dict:
            raise Misfit("an object", value)
        return dict(zip(value, _each(annotation, value.items(), [(kind, hook)] * len(value)), strict=True))

    return structure


def _each(annotation: Any, entries: Iterable[tuple[Any, Any]], hooks: list[tuple[Any, _Hook]]) -> list[Any]:
    """Structure each entry of a container, collecting what is wrong with all of them."""
    made, errors = [], []
    for (place, each), (kind, hook) in zip(entries, hooks, strict=True):
        try:
            made.append(hook(each, kind))
        except (BaseValidationError, Misfit) as error:
            error.__notes__ = [*getattr(error, "__notes__", []), IterableValidationNote("", place, kind)]
            errors.append(error)
    if errors:
        raise IterableValidationError("", errors, annotation)
    return made


def _hook_for_union(annotation: Any) -> _Hook:
    """Structure a union: the first member that takes the value; for a number, the one of its very kind before all."""
    members = [(each, _users.get_structure_hook(each)) for each in get_args(annotation)]

    def structure(value: Any, _: Any = None) -> Any:
        near: list[BaseValidationError] = []
        expected: dict[str, None] = {}
        kind = value.__class__ if value.__class__ in (int, float) else None
        for member, hook in sorted(members, key=lambda each: bare(each[0]) is not kind):
            try:
                return hook(value, member)
            except BaseValidationError as error:
                near.append(error)
                expected[f"what fits {getattr(bare(member), '__name__', member)}"] = None
            except Misfit as error:
                expected[error.expected] = None
        if len(near) == 1:
            raise near[0]  # It is this one, with faults; the others are something else altogether.
        raise Misfit(" or ".join(expected), value)

    return structure


def _hook_for_scalar(plain: _Hook) -> _Hook:
    """Structure a scalar, and an enum whose members are such scalars: cattrs takes that for a scalar like its bases."""

    def structure(value: Any, kind: Any = None) -> Any:
        return choice_hook(kind)(value, kind) if is_enum(kind) else plain(value, kind)

    return structure


def _build_values_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, unstruct_collection_overrides={AbstractSet: list})

    def is_a(kinds: Container[Any]) -> Callable[[Any], bool]:
        return lambda annotation: (get_origin(annotation) or annotation) in kinds

    def is_choice(annotation: Any) -> bool:
        return is_enum(annotation) or get_origin(annotation) is Literal

    for scalar, hook in SCALARS.items():
        converter.register_structure_hook(scalar, _hook_for_scalar(hook))
    converter.register_structure_hook_factory(is_choice, choice_hook)
    converter.register_structure_hook_factory(is_a(SEQUENCES), _hook_for_items)
    converter.register_structure_hook_factory(is_a(MAPPINGS), _hook_for_mapping)
    converter.register_structure_hook_factory(is_union, _hook_for_union)
    converter.register_structure_hook_factory(has_fields, _hook_for_users_class)
    converter.register_structure_hook_factory(
        lambda annotation: bare(annotation) is not annotation,
        lambda annotation: _users.get_structure_hook(bare(annotation)),
    )
    converter.register_unstructure_hook_func(
        lambda cls: is_class(cls) or cls is UnknownEvent, lambda value: value.to_dict()
    )
    return converter


_users = _build_values_converter()
