"""The catalogues by name, each loaded when it is first needed, and the converter with the first of them.

Threads: any. Loading takes no lock of ours (so none can be held across a fork): Python's own import lock
keeps a catalogue from loading twice, and what is built on top is the same whoever builds it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime_sync.wire._catalogue import Catalogue

__all__ = ["catalogue_of"]

_MODULES = {name: f"realtime_sync.types.{name}" for name in ("realtime", "translation", "responses")}
_catalogues: dict[str, Catalogue] = {}


def catalogue_of(registry: str) -> Catalogue:
    """Return the catalogue of an API; load it if this is the first call.

    Raises:
        ValueError: for a name that is no API's.
    """
    catalogue = _catalogues.get(registry)
    if catalogue is None:
        if registry not in _MODULES:
            msg = f"there is no event registry {registry!r}; there are {', '.join(_MODULES)}"
            raise ValueError(msg)
        # Here, because importing the library need not wait for cattrs.
        from realtime_sync.wire._catalogue import Catalogue  # noqa: PLC0415

        # Of two threads that come here at once, both get the first one's.
        made = Catalogue.of(importlib.import_module(_MODULES[registry]))
        catalogue = _catalogues.setdefault(registry, made)
    return catalogue
