"""Event and object classes, one module per API: ``types.realtime``, ``types.translation``, ``types.responses``.

Importing this package loads no catalogue; each one loads when it is first used. What servers send that no
catalogue knows arrives as `UnknownEvent`, `UndecodableEvent` or, inside an event, `UnknownObject`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from realtime_sync.types._base import Event, UndecodableEvent, UnknownEvent, UnknownObject, WireObject

if TYPE_CHECKING:
    from realtime_sync.types import realtime, responses, translation

__all__ = [
    "Event",
    "UndecodableEvent",
    "UnknownEvent",
    "UnknownObject",
    "WireObject",
    "realtime",
    "responses",
    "translation",
]

_CATALOGUES = frozenset({"realtime", "responses", "translation"})


def __getattr__(name: str) -> Any:
    """Load a catalogue when it is first asked for."""
    if name in _CATALOGUES:
        return importlib.import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
