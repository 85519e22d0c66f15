"""What callers give as a session, a response or an item: a class of `realtime_sync.types`, or a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_sync.errors import LocalProtocolError
from realtime_sync.types import WireObject

__all__ = ["fields_of"]


def fields_of(value: Any, what: str) -> dict[str, Any]:
    """Return the fields of an object as a dict of the caller's own, one level deep.

    Raises:
        LocalProtocolError: it is neither; `what` names the argument.
    """
    if isinstance(value, WireObject):
        return dict(value.wire_items())
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{what} must be a mapping or an object of realtime_sync.types; got {type(value).__name__}"
    raise LocalProtocolError(msg)
