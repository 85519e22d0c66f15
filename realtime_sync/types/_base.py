"""What every class of the wire has in common: presence, unknown fields, `to_dict`.

A class of a catalogue declares its fields under the wire's names (a trailing underscore keeps a name off a
Python keyword: ``async_`` is ``async`` on the wire). Its tags, the fields whose value is fixed, are ``ClassVar``
strings. How a field's default reads:

- no default: the object is useless without it; a decoded event that lacks it is an `UnknownEvent`.
- ``None``: what servers may send. None when it was null or missing; a decoded object remembers which, and in
  an object that you construct None is not sent.
- ``NOT_GIVEN``: what only clients send. `NOT_GIVEN` is not sent, None goes out as null.
- ``UNSET``: what both sides send and may be null. As None in a decoded object, as `NOT_GIVEN` in a constructed one.
- a string: the fixed ``type`` of an object that nothing else can stand in for, so that another value does no harm.
"""

# No ``from __future__ import annotations`` here or in the catalogues: the converter reads the annotations,
# and real objects spare it the evaluation of some thousand strings.

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from attrs import Attribute, field, fields, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import DecodeError, LocalProtocolError

__all__ = ["Event", "UndecodableEvent", "UnknownEvent", "UnknownObject", "WireObject"]

UNSET: Any = NOT_GIVEN
"""`NOT_GIVEN` as the default of a field whose annotation does not show it: no decoded object ever holds it."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_HIDDEN = frozenset({"_shape", "_extra"})
_TAGS = ("type", "role")


@frozen(kw_only=True)
class Shape:
    """Which keys a decoded object had, shared by all objects of a class that had the same ones."""

    keys: tuple[str, ...]
    """Every key, unknown ones too. (Their order is kept where that costs nothing; JSON gives it no meaning.)"""
    unknown: tuple[str, ...] = ()
    """Those of the keys that are no field of the class."""
    wire_type: str | None = None
    """The value of ``type`` as sent, for a class whose ``type`` is fixed."""


@frozen(kw_only=True)
class Layout:
    """The fields and tags of a class under their wire names."""

    fields: Mapping[str, "Attribute[Any]"]
    tags: Mapping[str, str]
    outgoing: frozenset[str]
    """The fields that only clients send: None is null in them, and never stands for nothing."""


# Filled in as classes are first looked at, by any thread: working a layout out twice does no harm.
_LAYOUTS: dict[type, Layout] = {}


def layout_of(cls: type["WireObject"]) -> Layout:
    """Return the layout of a class, worked out once."""
    layout = _LAYOUTS.get(cls)
    if layout is None:
        layout = _LAYOUTS[cls] = _work_out(cls)
    return layout


def _work_out(cls: type["WireObject"]) -> Layout:
    own = {_wire_name(each.name): each for each in fields(cls) if each.name not in _HIDDEN}
    found = {name: getattr(cls, name, None) for name in _TAGS if name not in own}
    return Layout(
        fields=own,
        tags={name: value for name, value in found.items() if isinstance(value, str)},
        outgoing=frozenset(name for name, each in own.items() if NotGiven in get_args(each.type)),
    )


def _wire_name(name: str) -> str:
    return name.removesuffix("_")


def as_tuple(values: Iterable[Any] | NotGiven | None) -> Any:
    """Return the values as a tuple, so that a frozen object holds nothing that can change.

    None and `NOT_GIVEN` stay as they are, and so does what is no sequence of values (a string, a mapping): it
    is refused when the event is encoded, with its place in the event.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        return values
    return tuple(values)


def as_value(value: object) -> Any:
    """Return a list as a tuple, and anything else as it is: for fields that take more than sequences."""
    return tuple(value) if isinstance(value, list) else value


def _own_extra(extra: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return dict(extra) if extra else None


@frozen(kw_only=True, eq=False, repr=False)
class WireObject:
    """An object of the wire. Frozen and shared freely between threads."""

    optional_tags: ClassVar[frozenset[str]] = frozenset()
    """The tags that real peers leave out, so that their absence does not rule the class out in a union."""
    types: ClassVar[tuple[str, ...]] = ()
    """By what values of ``type`` a union knows the class, where ``type`` is not fixed but a field."""

    # The converter sets both without the constructor; `attrs.evolve` hands both on.
    _shape: Shape | None = field(default=None, alias="_shape")
    _extra: dict[str, Any] | None = field(default=None, alias="extra", converter=_own_extra)

    def __attrs_post_init__(self) -> None:
        """Refuse an `extra` that would send a known field a second time."""
        if self._extra:
            layout = layout_of(type(self))
            taken = sorted(name for name in self._extra if name in layout.fields or name in layout.tags)
            if taken:
                msg = f"{type(self).__name__}: {', '.join(taken)} cannot be in extra: it is a field of its own"
                raise LocalProtocolError(msg)

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:  # noqa: ARG003  # for those that override it
        """Tell whether a JSON object with this class's tags is one of this class, where others have the same tags."""
        return True

    @property
    def extra(self) -> Mapping[str, Any]:
        """The fields that this library does not know, read-only. Empty when there are none, never None."""
        return MappingProxyType(self._extra) if self._extra else _EMPTY

    def wire_items(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and value of each field that is on the wire."""
        layout, shape, extra = layout_of(type(self)), self._shape, self._extra or _EMPTY
        keys = shape.keys if shape else tuple(layout.tags)
        for name in keys:
            if name in layout.fields:
                value = getattr(self, layout.fields[name].name)
                if value is not NOT_GIVEN:
                    yield name, value
            elif name in layout.tags:
                yield name, shape.wire_type if shape and name == "type" else layout.tags[name]
            elif name in extra:
                yield name, extra[name]
        for name, attribute in layout.fields.items():
            value = getattr(self, attribute.name)
            absent = attribute.default is None or (shape is not None and name not in layout.outgoing)
            if value is not NOT_GIVEN and not (value is None and absent) and name not in keys:
                yield name, value
        for name, value in extra.items():
            if name not in keys:
                yield name, value

    def to_dict(self) -> dict[str, Any]:
        """Return the object as JSON values: for a decoded one, exactly what came.

        Objects and lists are new; free-form maps are the object's own, and are not to be changed.
        """
        return {name: _plain(value) for name, value in self.wire_items()}

    def _values(self) -> tuple[Any, ...]:
        layout = layout_of(type(self))
        values = ((name, getattr(self, attribute.name)) for name, attribute in layout.fields.items())
        return tuple(None if value is NOT_GIVEN and name not in layout.outgoing else value for name, value in values)

    def __eq__(self, other: object) -> bool:
        """Compare class, fields and unknown fields; null and missing are the same here."""
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values() and self._extra == other._extra

    def __hash__(self) -> int:
        # Not of what may hold a list or a map, at any depth: those cannot be hashed.
        return hash(
            (type(self), *(each for each in self._values() if isinstance(each, str | float | int | WireObject)))
        )

    def __repr__(self) -> str:
        """Show what is set, without audio and secrets."""
        shown = [
            f"{attribute.name}={value!r}"
            for attribute, value in zip(layout_of(type(self)).fields.values(), self._values(), strict=True)
            if attribute.repr and value is not None and value is not NOT_GIVEN
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def _plain(value: Any) -> Any:
    if isinstance(value, WireObject | UnknownObject):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


class Event:
    """What all events have: the known ones, `UnknownEvent` and `UndecodableEvent`."""

    __slots__ = ()

    type: ClassVar[str]
    """The name of the event; for a beta-era name, its present one."""

    if TYPE_CHECKING:

        @property
        def wire_type(self) -> str:
            """The name of the event as it was sent."""
            ...

        @property
        def extra(self) -> Mapping[str, Any]:
            """The fields that this library does not know, read-only."""
            ...

        def to_dict(self) -> dict[str, Any]:
            """Return the event as JSON values: exactly what came."""
            ...


@frozen(kw_only=True, eq=False, repr=False)
class KnownEvent(WireObject, Event):
    """The base of every event class of a catalogue."""

    @property
    def wire_type(self) -> str:
        """The name of the event as it was sent; its ``type`` if it was constructed here."""
        return (self._shape and self._shape.wire_type) or self.type


@frozen
class UnknownObject:
    """An object of a kind that this library does not know, kept as it came."""

    raw: Mapping[str, Any] = field(hash=False)
    """The whole object, not to be changed."""

    @property
    def type(self) -> str | None:
        """The object's ``type``, or None when it has none that is a string."""
        return _string_or_none(self.raw.get("type"))

    @property
    def extra(self) -> Mapping[str, Any]:
        """All fields, read-only: none of them is known."""
        return MappingProxyType(self.raw)

    def to_dict(self) -> dict[str, Any]:
        """Return a new dict of what came; the values in it are the object's own."""
        return dict(self.raw)


@frozen
class UnknownEvent(Event):
    """An event of an unknown type, or one of a known type whose fields do not fit."""

    type: str  # type: ignore[misc]  # only here is it not the same for all instances
    """The name of the event; for a beta-era name, its present one."""
    raw: Mapping[str, Any] = field(hash=False)
    """The whole event as it came, not to be changed."""
    error: DecodeError | None = field(default=None, eq=False)
    """Which field did not fit, and why; None for an unknown type."""

    @property
    def wire_type(self) -> str:
        """The name of the event as it was sent."""
        return _string_or_none(self.raw.get("type")) or self.type

    @property
    def event_id(self) -> str | None:
        """The event's id, or None when it has none that is a string."""
        return _string_or_none(self.raw.get("event_id"))

    @property
    def extra(self) -> Mapping[str, Any]:
        """All fields but ``type``, read-only."""
        return MappingProxyType({name: value for name, value in self.raw.items() if name != "type"})

    def to_dict(self) -> dict[str, Any]:
        """Return a new dict of what came; the values in it are the event's own."""
        return dict(self.raw)


@frozen
class UndecodableEvent(Event):
    """A message that is no event at all: malformed JSON, not an object, or without a ``type``."""

    type: ClassVar[Literal["undecodable"]] = "undecodable"
    raw: str | bytes
    """The message as it came."""
    error: DecodeError = field(eq=False)
    """What was wrong with it."""

    @property
    def wire_type(self) -> str:
        """The same as ``type``: nothing was sent under a name."""
        return self.type

    @property
    def event_id(self) -> None:
        """None: there is no id to be had."""
        return

    @property
    def extra(self) -> Mapping[str, Any]:
        """An empty mapping."""
        return _EMPTY

    def to_dict(self) -> dict[str, Any]:
        """Return an empty dict: there is no JSON object to give back; see ``raw``."""
        return {}


def _string_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None
