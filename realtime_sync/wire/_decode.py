"""From a message to an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from realtime_sync.errors import DecodeError
from realtime_sync.types._base import Event, UndecodableEvent, UnknownEvent, WireObject
from realtime_sync.wire import json
from realtime_sync.wire._misfit import name_of
from realtime_sync.wire._registry import catalogue_of

if TYPE_CHECKING:
    from realtime_sync.types.realtime import ServerEvent
    from realtime_sync.wire._catalogue import Catalogue

__all__ = ["client_fields", "event_decoder", "event_names", "parse_event", "parse_object"]

_W = TypeVar("_W", bound=WireObject)


def event_names(registry: str) -> frozenset[str]:
    """Return the names of all server events that an API's catalogue knows, beta-era names too."""
    return frozenset(catalogue_of(registry).classes)


def client_fields(registry: str) -> Mapping[str, frozenset[str]]:
    """Return the names of the fields that each client event of an API may have, by its name."""
    return catalogue_of(registry).client_fields


def event_decoder(registry: str) -> Callable[[str | bytes], ServerEvent]:
    """Return the function that makes an event of every message and never raises for one.

    An event of an unknown type, and one of a known type whose fields do not fit, is an `UnknownEvent`; what
    is no event at all is an `UndecodableEvent`. The catalogue is loaded now, so that the first message need
    not wait for it. The function may be called from any thread.

    Raises:
        ValueError: for a name that is no registry's.
    """
    catalogue = catalogue_of(registry)
    read, settle = json.read, json.settle
    flat, structure = catalogue.flat, catalogue.structure

    def decode(data: str | bytes) -> Event:
        try:
            raw = read(data)
            return flat[raw["type"]](raw) or structure[raw["type"]](settle(raw, data), None)
        except Exception:  # noqa: BLE001  # whatever it was, the slow way finds out and words it
            return _recover(data, catalogue)

    return cast("Callable[[str | bytes], ServerEvent]", decode)


def parse_event(data: str | bytes, registry: str) -> ServerEvent:
    """Return the event that a message holds. Any thread.

    An event of an unknown type, and one of a known type whose fields do not fit, is an `UnknownEvent`.

    Args:
        data: JSON text; bytes are UTF-8.
        registry: the API whose events these are, "realtime", "translation" or "responses": the same names mean
            different things in each.

    Raises:
        DecodeError: for malformed JSON, for JSON that is not an object, and for one without a ``type`` string.
        ValueError: for a name that is no registry's.
    """
    event = event_decoder(registry)(data)
    if isinstance(event, UndecodableEvent):
        raise event.error
    return event


def parse_object(data: str | bytes, cls: type[_W]) -> _W:
    """Return the object that a message holds, for a message that is no event: the body of an HTTP answer. Any thread.

    Raises:
        DecodeError: for malformed JSON, for JSON that is not an object, and for one that does not fit the class.
    """
    from realtime_sync.wire._converter import structure_function  # noqa: PLC0415  (as `Catalogue`, see `_registry`)

    raw = _object(data)
    try:
        return structure_function(cls)(raw, None)
    except Exception as error:  # noqa: BLE001  # whatever it was: the message does not fit
        reason = str(error) or type(error).__name__
    msg = f"the message is no {cls.__name__}: {reason}"
    raise DecodeError(msg, raw=data)


def _recover(data: str | bytes, catalogue: Catalogue) -> Event:
    """Make an event of a message that the fast way failed on: step by step, with the exact reader."""
    try:
        raw = _object(data)
    except DecodeError as error:
        return UndecodableEvent(data, error.with_traceback(None))
    sent = raw.get("type")
    if not isinstance(sent, str):
        found = f"{name_of(sent)} for a type" if "type" in raw else "no type"
        return _undecodable(data, f"the message has {found}")
    try:
        return catalogue.structure[sent](raw, None)
    except Exception as error:  # noqa: BLE001  # nothing a server sends may end a session, not even by a fault of ours
        cls = catalogue.classes.get(sent)
        name = cls.type if cls is not None else sent
        # Not chained: a traceback would keep its frames alive for as long as the event.
        return UnknownEvent(name, raw, DecodeError(f"{sent} does not fit: {str(error) or type(error).__name__}"))


def _object(data: str | bytes) -> dict[str, Any]:
    try:
        raw = json.loads_exactly(data)
    except RecursionError:
        reason = "the message is nested too deeply"
    except ValueError as error:
        reason = f"the message is not JSON: {error}"
    else:
        if isinstance(raw, dict):
            return raw
        reason = f"the message is not a JSON object but {name_of(raw)}"
    raise DecodeError(reason, raw=data)


def _undecodable(data: str | bytes, message: str) -> UndecodableEvent:
    return UndecodableEvent(data, DecodeError(message, raw=data))
