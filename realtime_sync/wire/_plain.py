"""The types of users' own functions and classes as values of JSON: strictly, none is turned into another.

What needs a converter (classes, and what contains other types) is in `_converter`, which alone calls cattrs.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import attrs

from realtime_sync.config import NOT_GIVEN
from realtime_sync.wire._misfit import Misfit, name_of

__all__ = [
    "MAPPINGS",
    "SCALARS",
    "SEQUENCES",
    "ClassField",
    "accepts_none",
    "bare",
    "choice_hook",
    "class_fields",
    "has_fields",
    "is_enum",
    "is_typed_dict",
    "is_union",
]

SEQUENCES: Mapping[Any, Callable[[list[Any]], Any]] = {
    list: list,
    Sequence: list,
    MutableSequence: list,
    tuple: tuple,
    set: set,
    AbstractSet: frozenset,
    frozenset: frozenset,
}
"""What is a list in JSON, and what is made of one."""
MAPPINGS = frozenset({dict, Mapping, MutableMapping})

_QUALIFIERS = frozenset({"Required", "NotRequired", "ReadOnly"})


def bare(annotation: Any) -> Any:
    """Return an annotation without what says nothing about the value: metadata, names for types, qualifiers."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = annotation.__origin__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # of typing since 3.12, of typing_extensions before
            annotation = annotation.__value__
        elif getattr(get_origin(annotation), "_name", None) in _QUALIFIERS:
            annotation = get_args(annotation)[0]
        else:
            return NoneType if annotation is None else annotation


def is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, enum.Enum)


def accepts_none(annotation: Any) -> bool:
    """Tell whether null is a value of a type, rather than another way to leave it out."""
    kind = bare(annotation)
    if is_union(kind):
        return any(accepts_none(each) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return None in get_args(kind)
    return kind in (Any, NoneType)


def _text(value: Any, _: Any = None) -> str:
    if value.__class__ is not str:
        raise Misfit("a string", value)
    return value


def _truth(value: Any, _: Any = None) -> bool:
    if value.__class__ is not bool:
        raise Misfit("true or false", value)
    return value


def _whole(value: Any, _: Any = None) -> int:
    """Take a whole number; 3.0 is one in JSON."""
    if value.__class__ is float and value.is_integer():
        return int(value)
    if value.__class__ is not int:
        raise Misfit("a whole number", value)
    return value


def _number(value: Any, _: Any = None) -> float:
    if value.__class__ not in (float, int):
        raise Misfit("a number", value)
    try:
        return float(value)
    except OverflowError:
        raise Misfit("a number", value, found="one too large") from None


def _null(value: Any, _: Any = None) -> None:
    if value is not None:
        raise Misfit("null", value)


SCALARS: Mapping[Any, Callable[[Any, Any], Any]] = {
    str: _text,
    bool: _truth,
    int: _whole,
    float: _number,
    NoneType: _null,
}
"""What checks each kind of scalar."""


@functools.lru_cache(maxsize=256)
def choice_hook(annotation: Any) -> Callable[[Any, Any], Any]:
    """Return what makes a value of a Literal or a member of an Enum."""
    members: tuple[tuple[Any, Any], ...]
    if is_enum(annotation):
        members = tuple((member.value, member) for member in annotation)
    else:
        members = tuple((getattr(value, "value", value), value) for value in get_args(annotation))
    known = {(type(value), value): member for value, member in members}
    expected = "one of " + ", ".join(repr(value) for value, _ in members)

    def choose(value: Any, _: Any = None) -> Any:
        if value.__class__ in (list, dict):
            raise Misfit(expected, value)
        try:
            return known[value.__class__, value]
        except KeyError:
            found = "another one" if any(type(each) is value.__class__ for each, _ in members) else name_of(value)
            raise Misfit(expected, value, found=found) from None

    return choose


def is_typed_dict(annotation: Any) -> bool:
    """Tell whether a type is a TypedDict, of typing or of typing_extensions."""
    return isinstance(annotation, type) and issubclass(annotation, dict) and hasattr(annotation, "__required_keys__")


@attrs.frozen
class ClassField:
    """A field of a class of the user's own.

    Attributes:
        annotation: its type, names resolved.
        required: whether every object has it.
        default: the value it has when left out, if that is known and always the same; else `NOT_GIVEN`.
    """

    name: str
    annotation: Any
    required: bool
    default: Any = NOT_GIVEN


def has_fields(annotation: Any) -> bool:
    """Tell whether a type is an attrs class, a dataclass or a TypedDict."""
    if not isinstance(annotation, type) or get_origin(annotation) is not None:
        return False
    return attrs.has(annotation) or dataclasses.is_dataclass(annotation) or is_typed_dict(annotation)


def class_fields(cls: Any) -> tuple[ClassField, ...]:
    """Return the fields that the constructor of a class takes.

    Raises:
        NameError: an annotation names something that is not there.
    """
    hints = get_type_hints(cls, include_extras=True)
    if is_typed_dict(cls):
        return tuple(ClassField(name, hints[name], name in cls.__required_keys__) for name in hints)
    if attrs.has(cls):
        return tuple(
            ClassField(
                each.name, hints.get(each.name, Any), each.default is attrs.NOTHING, _plain_default(each.default)
            )
            for each in attrs.fields(cls)
            if each.init
        )
    return tuple(
        ClassField(
            each.name,
            hints[each.name],
            each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING,
            _plain_default(each.default),
        )
        for each in dataclasses.fields(cls)
        if each.init
    )


def _plain_default(default: Any) -> Any:
    """Return a default that JSON can show, an enum's member as its value; `NOT_GIVEN` for any other."""
    if default is attrs.NOTHING:  # Which is a number, too.
        return NOT_GIVEN
    value = default.value if isinstance(default, enum.Enum) else default
    return value if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)) else NOT_GIVEN
