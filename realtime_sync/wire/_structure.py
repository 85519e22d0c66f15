"""Build the functions that make one class of decoded JSON, with everything they need bound.

The functions are generated, because most of a session's time would otherwise go into looking up what is known
beforehand. What `build_flat` makes for a class, written by hand::

    def flat(raw):
        if len(raw) != 7: return None
        try:
            self = new(Draft)                       # see `_draft_of`
            self.delta = value = raw["delta"]
            if value.__class__ is not str: return None
            …
        except KeyError:
            return None
        self._extra = None
        self._shape = shape                         # just these keys
        self.__class__ = ResponseTextDeltaEvent
        return self
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from attrs import NOTHING, Attribute, define, field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import Shape, UnknownObject, WireObject, layout_of
from realtime_sync.wire._misfit import Misfit, misfit

__all__ = ["HookSource", "alternatives", "build", "build_flat", "describe", "is_class", "is_map", "scalars_of"]

_W = TypeVar("_W", bound=WireObject)
HookSource = Callable[[Any], Callable[[Any, Any], Any]]
"""Gives the function that structures a type: the converter's ``get_structure_hook``."""

_SCALARS: Mapping[Any, frozenset[type]] = {
    str: frozenset({str}),
    int: frozenset({int}),
    # JSON has one kind of number: a whole one is a fine float, and stays whole.
    float: frozenset({float, int}),
    bool: frozenset({bool}),
    None: frozenset({NoneType}),
    NoneType: frozenset({NoneType}),
}
_NOT_FROM_JSON = (NotGiven, bytes, bytearray, memoryview)
_MAX_SHAPES = 64
_MAX_UNKNOWN = 4


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the types of an annotation that JSON can hold: the members of a union, or the type itself.

    A Literal stands for the types of its values: an unknown string stays a string.
    """
    is_union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if is_union else (annotation,)
    known: dict[Any, None] = {}
    for member in members:
        if get_origin(member) is Literal:
            known.update(dict.fromkeys(type(value) for value in get_args(member)))
        elif member not in _NOT_FROM_JSON:
            known[member] = None
    return tuple(known)


def scalars_of(types: tuple[Any, ...]) -> frozenset[type]:
    """Return the Python classes that the scalars among the types may have."""
    return frozenset().union(*(_SCALARS[each] for each in types if each in _SCALARS))


_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def is_class(annotation: Any) -> bool:
    """Tell whether an annotation is a class of the wire."""
    # On Python 3.10, ``tuple[int, ...]`` passes for a type.
    if get_origin(annotation) is not None or not isinstance(annotation, type):
        return False
    return issubclass(annotation, WireObject | UnknownObject)


def is_map(annotation: Any) -> bool:
    """Tell whether an annotation is a free-form map."""
    return (get_origin(annotation) or annotation) in (dict, Mapping)


def describe(types: tuple[Any, ...]) -> str:
    """Say in words what may stand in a field."""
    words = [_NAMES[each] for each in _NAMES if each in types]
    words += ["a list" if get_origin(each) is tuple else "an object" for each in types if each not in _SCALARS]
    if NoneType in types or None in types:
        words.append("null")
    return " or ".join(dict.fromkeys(words))


def _late(bound: dict[str, Any], plan: _Plan, hook_for: HookSource) -> Callable[[Any, Any], Any]:
    """Return a stand-in for a field's hook, which takes its own place with the real one when it is first called.

    Two threads that call it at once put equal hooks there.
    """

    def structure(value: Any, _: Any = None) -> Any:
        bound[plan.hook] = hook = hook_for(plan.nested)
        return hook(value, None)

    return structure


@define
class _Source:
    """A function in the making: its lines and the objects they name."""

    lines: list[str] = field(factory=list)
    bound: dict[str, Any] = field(factory=dict)

    @classmethod
    def of(cls, made: type[WireObject], **bound: Any) -> _Source:
        """Begin a function that makes instances of a class."""
        common = {"new": object.__new__, "Draft": _draft_of(made), "Class": made, "NOT_GIVEN": NOT_GIVEN}
        return cls(bound=common | bound)

    def add(self, indent: int, *lines: str) -> None:
        self.lines.extend("    " * indent + line for line in lines)

    def function(self, name: str, filename: str) -> Callable[..., Any]:
        code = compile("\n".join(self.lines), filename, "exec")
        exec(code, self.bound)  # noqa: S102  # the text is made of the names of our own fields
        made: Callable[..., Any] = self.bound[name]
        return made


def build(cls: type[_W], hook_for: HookSource, wire_type: str | None = None) -> Callable[[Any, Any], _W]:
    """Return the function that makes a `cls` of any JSON value that fits.

    The function takes the value and, as a converter's hooks do, a second argument that it does not need. It
    raises `Misfit` for a value that does not fit. It may be called from any thread.

    Args:
        cls: the class to make.
        hook_for: gives the functions for the types of its fields.
        wire_type: the ``type`` that the objects come under; None for the class's own.
    """
    layout = layout_of(cls)
    tags = layout.tags if wire_type is None else {**layout.tags, "type": wire_type}
    shapes = _Shapes(known=frozenset((*tags, *layout.fields)), wire_type=tags.get("type"))
    source = _Source.of(cls, misfit=misfit, Misfit=Misfit, shape_of=shapes.shape_of)
    source.add(0, "def structure(raw, _=None):")
    source.add(1, "if raw.__class__ is not dict: raise Misfit('an object', raw)")
    source.add(1, "get = raw.get", "self = new(Draft)")
    for name, tag in tags.items():
        source.add(1, f"if get({name!r}, {tag!r}) != {tag!r}: raise misfit(raw, {name!r}, {repr(tag)!r})")
    for name, attribute in layout.fields.items():
        plan = _Plan.of(name, attribute)
        if plan.is_scalar:
            plan.add_scalar(source)
        else:
            source.bound[plan.hook] = _late(source.bound, plan, hook_for)
            plan.add_nested(source)
    source.add(1, "self._shape = shape = shape_of(tuple(raw))")
    source.add(1, "self._extra = {name: raw[name] for name in shape.unknown} if shape.unknown else None")
    source.add(1, "self.__class__ = Class", "return self")
    return source.function("structure", f"<structure {cls.__name__}>")


def build_flat(
    cls: type[_W], wire_type: str | None = None, shape: Shape | None = None
) -> Callable[[dict[str, Any]], _W | None] | None:
    """Return the function that makes a `cls` of an object with exactly these keys, all values as declared.

    For anything else the function returns None. What it takes holds strings, whole numbers, booleans and empty
    lists only, so that what it makes of `json.read` needs no settling. It may be called from any thread.
    None if there can be no such function: one of the keys is for something else.

    Args:
        cls: the class to make.
        wire_type: the ``type`` that the objects come under; None for the class's own.
        shape: the keys, unknown ones may be among them; None for all of the class.
    """
    layout = layout_of(cls)
    plans = [_Plan.of(name, attribute) for name, attribute in layout.fields.items()]
    keys = shape.keys if shape else (*layout.tags, *layout.fields)
    unknown = shape.unknown if shape else ()
    if len(unknown) > _MAX_UNKNOWN or not all(plan.is_flat or plan.name not in keys for plan in plans):
        return None
    shape = shape or Shape(keys=keys, wire_type=wire_type or layout.tags.get("type"))
    # Unknown keys are a peer's words: bound, and never part of the text of a function.
    bound = {f"key_{index}": key for index, key in enumerate(unknown)}
    source = _Source.of(cls, shape=shape, **bound)
    source.add(0, "def flat(raw):")
    # As many keys as expected, and each of those found: that is all of them, and no other.
    source.add(1, f"if len(raw) != {len(keys)}: return None")
    source.add(1, "try:")
    source.add(2, "self = new(Draft)")
    for plan in plans:
        if plan.name not in keys:
            source.add(2, f"self.{plan.attribute} = {'NOT_GIVEN' if plan.outgoing else 'None'}")
        elif plan.is_scalar:
            source.add(2, f"self.{plan.attribute} = value = raw[{plan.name!r}]")
            source.add(2, f"if {plan.unfit(source)}: return None")
        else:
            source.add(2, f"if raw[{plan.name!r}] != []: return None")
            source.add(2, f"self.{plan.attribute} = ()")
    for name in bound:
        source.add(2, f"if raw[{name}].__class__ is not str: return None")
    extra = ", ".join(f"{name}: raw[{name}]" for name in bound)
    source.add(2, f"self._extra = {f'{{{extra}}}' if bound else 'None'}")
    source.add(1, "except KeyError:", "    return None")
    source.add(1, "self._shape = shape", "self.__class__ = Class", "return self")
    return source.function("flat", f"<flat {cls.__name__}>")


@frozen
class _Plan:
    """How one field is read."""

    name: str
    """On the wire."""
    attribute: str
    types: tuple[Any, ...]
    nested: Any
    """What the hook of a field that is no scalar has to structure."""
    required: bool
    outgoing: bool
    """Whether a missing field reads `NOT_GIVEN` rather than None."""

    @classmethod
    def of(cls, name: str, attribute: Attribute[Any]) -> _Plan:
        types = alternatives(attribute.type)
        outgoing = NotGiven in get_args(attribute.type)
        some = [each for each in types if each is not NoneType]
        return cls(
            name=name,
            attribute=attribute.name,
            types=types,
            # A server's null never reaches the hook, so that it need not choose where there is no choice.
            nested=some[0] if len(some) == 1 and not outgoing else attribute.type,
            required=attribute.default is NOTHING,
            outgoing=outgoing,
        )

    @property
    def is_scalar(self) -> bool:
        return all(each in _SCALARS for each in self.types)

    @property
    def is_flat(self) -> bool:
        """Whether it can be read without looking further: neither a fraction nor an object can stand in it."""
        return (self.is_scalar and float not in self.types) or any(get_origin(each) is tuple for each in self.types)

    @property
    def hook(self) -> str:
        """The name under which the function for a nested field is bound."""
        return f"hook_{self.attribute}"

    @property
    def _access(self) -> str:
        return f"get({self.name!r}, NOT_GIVEN)" if self.outgoing else f"get({self.name!r})"

    @property
    def _refusal(self) -> str:
        return f"raise misfit(raw, {self.name!r}, {describe(self.types)!r})"

    def add_scalar(self, source: _Source) -> None:
        """Add the lines that read a scalar and check it."""
        absent = " and value is not NOT_GIVEN" if self.outgoing else ""
        source.add(1, f"self.{self.attribute} = value = {self._access}")
        source.add(1, f"if {self.unfit(source)}{absent}: {self._refusal}")

    def add_nested(self, source: _Source) -> None:
        """Add the lines that read anything else, by its hook."""
        absent = "NOT_GIVEN" if self.outgoing else "None"
        source.add(1, f"value = {self._access}")
        source.add(1, f"if value is {absent}: {self._refusal if self.required else f'self.{self.attribute} = value'}")
        source.add(1, "else:")
        source.add(2, f"try: self.{self.attribute} = {self.hook}(value, None)")
        source.add(2, f"except Misfit as error: error.inside({self.name!r}); raise")

    def unfit(self, source: _Source) -> str:
        """Return the condition under which a scalar in `value` does not fit."""
        classes = scalars_of(self.types) - {NoneType}
        if len(classes) == 1:
            test = f"value.__class__ is not {next(iter(classes)).__name__}"
        else:
            name = f"classes_{self.attribute}"
            source.bound[name] = classes
            test = f"value.__class__ not in {name}"
        # A server's null is as good as nothing, wherever a field may be missing; a client's has to be allowed.
        nullable = NoneType in scalars_of(self.types) or not (self.required or self.outgoing)
        return f"{test} and value is not None" if nullable else test


@define
class _Shapes:
    """The shapes that the objects of one class have come in, so that equal ones are one object.

    Any thread. A race makes an equal shape twice, which does no harm.
    """

    known: frozenset[str]
    wire_type: str | None
    _shapes: dict[tuple[str, ...], Shape] = field(factory=dict)

    def shape_of(self, keys: tuple[str, ...]) -> Shape:
        """Return the shape with these keys. A peer that keeps inventing keys makes us start over, not grow."""
        shape = self._shapes.get(keys)
        if shape is None:
            unknown = tuple(key for key in keys if key not in self.known)
            shape = Shape(keys=keys, unknown=unknown, wire_type=self.wire_type)
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            self._shapes[keys] = shape
        return shape


def _draft_of(cls: type[_W]) -> type[_W]:
    """Return a subclass whose instances can still be written to, and then become `cls` by ``__class__``.

    A frozen class is filled by its constructor at three times the cost. The layout in memory is the same, so
    Python allows the change of class, and nobody else gets to see an object before it.
    """
    return type(
        f"{cls.__name__}Draft",
        (cls,),
        {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__},
    )
