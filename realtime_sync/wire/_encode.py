"""From an event to a message."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from attrs import frozen

from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import LocalProtocolError
from realtime_sync.types._base import Event, UndecodableEvent, UnknownEvent, UnknownObject, WireObject, layout_of
from realtime_sync.wire import json
from realtime_sync.wire._misfit import name_of, path_text
from realtime_sync.wire._structure import alternatives, describe, is_class, is_map, scalars_of

__all__ = ["encode_event", "plain_object", "to_wire"]

_Path = tuple[str | int, ...]
_PLAIN = frozenset({str, int, bool, type(None)})
# What an ``audio`` string belongs to: elsewhere ``audio`` is an object, and bytes in it are a mistake.
_AUDIO_HOLDERS = frozenset(
    {"input_audio_buffer.append", "session.input_audio_buffer.append", "input_audio", "output_audio", "audio"}
)


def encode_event(event: Event | Mapping[str, Any]) -> str:
    """Return the compact JSON text of an event. Any thread.

    Args:
        event: an object of an event class, or a mapping; either may hold the other. `NOT_GIVEN` is left out and
            None goes out as null; bytes in a field for audio go out as base64 text.

    Raises:
        LocalProtocolError: for a value that cannot be sent; the message names its place.
    """
    return json.write(to_wire(event)).decode()


def to_wire(event: Event | Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as JSON values: a new dict, which the caller may change. Any thread.

    Raises:
        LocalProtocolError: for a value that cannot be sent; the message names its place.
    """
    if event.__class__ is dict:
        for name, value in event.items():  # The short way for what is sent most: it can go out as it is.
            if value.__class__ not in _PLAIN or name.__class__ is not str:
                break
        else:
            if event.get("type").__class__ is str:
                return dict(event)
    if isinstance(event, UndecodableEvent) or not isinstance(event, Event | Mapping):
        msg = f"an event is an event object or a mapping with a 'type', not {type(event).__name__}"
        raise LocalProtocolError(msg)
    try:
        raw = _object(event, ())
    except RecursionError:
        msg = "the event is nested too deeply, or contains itself"
        raise LocalProtocolError(msg) from None
    if not isinstance(raw.get("type"), str):
        msg = "an event needs a 'type' that is a string"
        raise LocalProtocolError(msg)
    return raw


def plain_object(value: WireObject | Mapping[str, Any]) -> dict[str, Any]:
    """Return an object that need be no event, the body of a request say, as JSON values. Any thread.

    Raises:
        LocalProtocolError: for a value that cannot be sent; the message names its place.
    """
    try:
        return _object(value, ())
    except RecursionError:
        msg = "the object is nested too deeply, or contains itself"
        raise LocalProtocolError(msg) from None


def _error(path: _Path, expected: str, value: Any) -> LocalProtocolError:
    return LocalProtocolError(f"{path_text(path)}: expected {expected}, got {name_of(value)}")


def _object(value: Any, path: _Path) -> dict[str, Any]:
    """Return a mapping or an object of ours as a dict of JSON values."""
    if isinstance(value, WireObject):
        items = list(value.wire_items())
        rules = _rules_of(type(value))
    else:
        source = value.raw if isinstance(value, UnknownEvent | UnknownObject) else value
        items = [item for item in source.items() if item[1] is not NOT_GIVEN]
        rules = {}
    raw: dict[str, Any] = {}
    for name, each in items:
        if not rules and each.__class__ is str and name.__class__ is str:
            raw[name] = each  # Most of what is sent; the rest of the loop costs ten times as much.
            continue
        if not isinstance(name, str):
            raise _error(path, "names that are strings", name)
        inner = (*path, name)
        rule = rules.get(name)
        if rule is not None:
            rule.check(each, inner)
        raw[name] = each if each.__class__ is str else _value(each, inner)
    audio = raw.get("audio")
    if isinstance(audio, memoryview):
        if raw.get("type") not in _AUDIO_HOLDERS:
            raise _bytes_error((*path, "audio"))
        raw["audio"] = b64encode(audio if audio.c_contiguous else audio.tobytes()).decode("ascii")
    return raw


def _bytes_error(path: _Path) -> LocalProtocolError:
    return LocalProtocolError(f"{path_text(path)}: bytes can be sent only as audio; give text instead")


def _value(value: Any, path: _Path) -> Any:
    """Return a value as JSON has it: strict about what it is, so that nothing is turned into something else."""
    if value is None or isinstance(value, str | int | float):
        return _scalar(value, path)
    if isinstance(value, WireObject | UnknownObject | Mapping):
        return _object(value, path)
    view = _bytes_of(value)
    if view is not None:
        if path[-1] != "audio":
            raise _bytes_error(path)
        return view  # `_object` knows what it belongs to
    if isinstance(value, Sequence):
        return [_value(each, (*path, index)) for index, each in enumerate(value)]
    msg = f"{path_text(path)}: a {type(value).__name__} cannot be sent as JSON"
    raise LocalProtocolError(msg)


def _scalar(value: str | float | None, path: _Path) -> str | int | float | bool | None:
    """Return a scalar as JSON has it; one of a subclass, an enum's member say, as the plain value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if not math.isfinite(value):
        msg = f"{path_text(path)}: {value} is not a number that JSON has"
        raise LocalProtocolError(msg)
    return float(value)


def _bytes_of(value: Any) -> memoryview | None:
    """Return the bytes of a bytes-like object, or None for anything else."""
    try:
        return memoryview(value)
    except TypeError:
        return None


@frozen
class _Rule:
    """What may stand in a field of a class."""

    expected: str
    scalars: frozenset[type]
    classes: tuple[type, ...]
    objects: bool
    buffers: bool
    items: _Rule | None
    """The rule for the items of a sequence; None if the field takes none."""
    anything: bool

    @classmethod
    def of(cls, annotation: Any) -> _Rule:
        types = alternatives(annotation)
        listed = next((each for each in types if get_origin(each) is tuple), None)
        classes = tuple(each for each in types if is_class(each))
        return cls(
            expected=describe(types),
            scalars=scalars_of(types),
            classes=classes,
            objects=bool(classes) or any(is_map(each) for each in types),
            buffers=bytes in get_args(annotation),
            items=None if listed is None else cls.of(get_args(listed)[0]),
            anything=Any in types,
        )

    def check(self, value: Any, path: _Path) -> None:
        """Raise if the value is of the wrong kind. Mappings are the caller's affair: the server checks them."""
        if self.anything or value.__class__ in self.scalars:
            return
        if isinstance(value, WireObject | UnknownObject):
            if not isinstance(value, self.classes):
                msg = f"{path_text(path)}: {type(value).__name__} does not belong here"
                raise LocalProtocolError(msg)
        elif isinstance(value, Mapping):
            if not self.objects:
                raise _error(path, self.expected, value)
        elif self.items is not None and isinstance(value, Sequence) and not isinstance(value, str | bytes):
            for index, each in enumerate(value):
                self.items.check(each, (*path, index))
        elif not (self.buffers and _bytes_of(value) is not None) and not self._takes_subclass(value):
            raise _error(path, self.expected, value)

    def _takes_subclass(self, value: Any) -> bool:
        """Tell whether the value is of an enum class or the like, over a scalar that fits."""
        return not isinstance(value, bool) and isinstance(value, tuple(self.scalars))


# Filled in as classes are first sent, by any thread: working the rules out twice does no harm.
_RULES: dict[type[WireObject], Mapping[str, _Rule]] = {}


def _rules_of(cls: type[WireObject]) -> Mapping[str, _Rule]:
    rules = _RULES.get(cls)
    if rules is None:
        rules = {name: _Rule.of(attribute.type) for name, attribute in layout_of(cls).fields.items()}
        _RULES[cls] = rules
    return rules
