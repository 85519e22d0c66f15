"""The event classes of one API under their names, and the functions that make events of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args

from attrs import define, field

from realtime_sync.types._base import Event, KnownEvent, UnknownEvent, layout_of
from realtime_sync.wire._converter import structure_function
from realtime_sync.wire._structure import build_flat

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Catalogue"]

_Raw = dict[str, Any]
_MAX_TRIES = 4


class _Functions(dict[str, Callable[..., Any]]):
    """From the name of an event, as sent, to a function, made when the name first comes.

    An unknown name gets a function too, but it is not kept, so no peer can make this grow.
    """

    def __init__(
        self,
        classes: Mapping[str, type[KnownEvent]],
        make: Callable[[type[KnownEvent], str | None], Callable[..., Any]],
        unknown: Callable[..., Any],
    ) -> None:
        super().__init__()
        self._classes = classes
        self._make = make
        self._unknown = unknown

    def __missing__(self, name: Any) -> Callable[..., Any]:
        if not isinstance(name, str):
            msg = "the type of an event must be a string"
            raise TypeError(msg)
        cls = self._classes.get(name)
        if cls is None:
            return self._unknown
        made = self[name] = self._make(cls, None if name == cls.type else name)
        return made


def _unknown_event(raw: _Raw, _: Any = None) -> UnknownEvent:
    return UnknownEvent(raw["type"], raw)


def _not_flat(_: _Raw) -> None:
    return None


@define(eq=False)
class Catalogue:
    """The events of one API."""

    classes: Mapping[str, type[KnownEvent]]
    """By name; beta-era names lead to the classes of their present ones."""
    variants: Mapping[str, tuple[type[KnownEvent], ...]]
    """All classes of a name that has several, the first of which is in `classes`."""
    client_fields: Mapping[str, frozenset[str]]
    """The names of the fields of each client event, by its name; those of all classes of that name."""
    flat: dict[str, Callable[[_Raw], Event | None]] = field(init=False)
    """Makes an event of a JSON object with the keys that are usual, and scalars only; else None. The fast way."""
    structure: dict[str, Callable[[_Raw, Any], Event]] = field(init=False)
    """Makes an event of any JSON object with a ``type``, or raises `Misfit`."""

    def __attrs_post_init__(self) -> None:
        self.flat = _Functions(self.classes, self._flat_function, _not_flat)
        self.structure = _Functions(self.classes, self._structure_function, _unknown_event)

    def _flat_function(self, cls: type[KnownEvent], wire_type: str | None) -> Callable[[_Raw], Event | None]:
        made = None if cls.type in self.variants else build_flat(cls, wire_type)
        return made or _not_flat

    def _structure_function(self, cls: type[KnownEvent], wire_type: str | None) -> Callable[[_Raw, Any], Event]:
        if cls.type not in self.variants:
            return self._learning(cls, wire_type, structure_function(cls, wire_type))
        variants = [(each, structure_function(each, wire_type)) for each in self.variants[cls.type]]

        def structure(raw: _Raw, _: Any = None) -> Event:
            """Make the first variant that recognises the event; if none does, try the last, and say what is wrong."""
            fitting = (function for each, function in variants if each.recognises(raw))
            return next(fitting, variants[-1][1])(raw, None)

        return structure

    def _learning(
        self, cls: type[KnownEvent], wire_type: str | None, structure: Callable[[_Raw, Any], KnownEvent]
    ) -> Callable[[_Raw, Any], Event]:
        """Structure as told, and make the fast way ready for the next event with the same keys.

        A server sends the events of one name with the same keys, mostly, but which of the optional ones they
        are it alone knows. After a few changes of the keys we stop to follow: making a function costs more than
        the slow way does.
        """
        name, tries = wire_type or cls.type, itertools.count(1)

        def structure_and_learn(raw: _Raw, _: Any = None) -> Event:
            event = structure(raw, None)
            made = build_flat(cls, wire_type, event._shape)  # noqa: SLF001
            if made is not None:
                self.flat[name] = made
            if made is None or next(tries) >= _MAX_TRIES:
                self.structure[name] = structure
            return event

        return structure_and_learn

    @classmethod
    def of(cls, module: ModuleType) -> Catalogue:
        """Read a module's ``ServerEvent`` and ``ClientEvent`` unions and its ``BETA_NAMES``."""
        by_type: dict[str, tuple[type[KnownEvent], ...]] = {}
        for each in get_args(module.ServerEvent):
            if issubclass(each, KnownEvent):
                by_type[each.type] = (*by_type.get(each.type, ()), each)
        classes = {name: found[0] for name, found in by_type.items()}
        old_names = {old: classes[new] for old, new in module.BETA_NAMES.items()}
        client_fields: dict[str, frozenset[str]] = {}
        for each in get_args(module.ClientEvent):
            layout = layout_of(each)
            client_fields[each.type] = client_fields.get(each.type, frozenset()).union(layout.fields, layout.tags)
        variants = {name: found for name, found in by_type.items() if len(found) > 1}
        return cls(classes | old_names, variants, client_fields)
