"""Help with misspelt names of events and fields."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from realtime_sync.errors import LocalProtocolError
from realtime_sync.session._local_events import LOCAL_EVENT_TYPES
from realtime_sync.wire import event_names, to_wire

__all__ = ["body_of", "warn_if_misspelt"]

logger = logging.getLogger("realtime_sync")


def warn_if_misspelt(registry: str, name: str) -> None:
    """Log a warning if an exact name is no event that this version knows, with the nearest that is.

    Only a warning: a server may send events that are newer than this library.
    """
    if name in ("*", "event") or name.endswith(".*") or name in LOCAL_EVENT_TYPES:
        return
    known = event_names(registry)
    if name in known:
        return
    logger.warning("no event called %r is known%s", name, _hint(name, (*known, *LOCAL_EVENT_TYPES)))


def _hint(name: str, known: Collection[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def body_of(fields: Mapping[str, AbstractSet[str]], event: Any, extra_body: Mapping[str, Any] | None) -> Any:
    """Return what to send for an event and further fields: the event itself if there are none.

    Args:
        fields: the names that the fields of an event may have, by its name.
        event: an event class or a mapping.
        extra_body: further fields, of any name; None for none.

    Raises:
        LocalProtocolError: the event is a mapping with a field that no event of its type has; or `extra_body` is no
            mapping, or has a ``type``, which is the event's alone.
    """
    if (event.__class__ is dict or isinstance(event, Mapping)) and isinstance(kind := event.get("type"), str):
        known = fields.get(kind)
        if known is not None and not event.keys() <= known:
            name = next(each for each in event if each not in known)
            hint = _hint(name, known) if isinstance(name, str) else ""
            msg = f"{kind} has no field {name!r}{hint} (what this library does not know goes in extra_body)"
            raise LocalProtocolError(msg)
    if extra_body is None:
        return event
    if not isinstance(extra_body, Mapping) or "type" in extra_body:
        msg = "extra_body is a mapping of the fields, without a 'type', to send beside those of the event"
        raise LocalProtocolError(msg)
    return {**to_wire(event), **extra_body}
