"""Messages that clients send, as JSON objects: parsed, written down, and refused when they are none."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from realtime_sync.server._journal import Journal, ReceivedEvent
from realtime_sync.server._problem import Problem

__all__ = ["check_depth", "parsed"]

_MAX_DEPTH = 100
"""Of a client event: far below where Python's own recursion limit would strike while it is copied or written."""


def parsed(data: str, journal: Journal, connection: int, kind: str | None = None) -> dict[str, Any]:
    """Return a message as the object that it is, recorded in the journal; or raise the `Problem` with it.

    `connection` is the index of the WebSocket. `kind` names a message that is the body of an HTTP request: it is
    recorded as an event of this type, with the object as its ``body``.
    """
    found = None
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(data, parse_constant=_refuse_constant)
    event = found if isinstance(found, dict) else {"raw": data}
    journal.record(ReceivedEvent(event if kind is None else {"type": kind, "body": event}, connection), len(data))
    if not isinstance(found, dict):
        msg = "The message is not a JSON object: every message must be one event."
        if kind is not None:
            msg = "The body of the request is not a JSON object."
        raise Problem(msg, code="invalid_json")
    return found


def check_depth(event: dict[str, Any]) -> None:
    """Raise the `Problem` of an event that is nested too deep to be worked on."""
    if _is_deeper(event, _MAX_DEPTH):
        msg = f"The event is nested more than {_MAX_DEPTH} levels deep."
        raise Problem(msg, code="invalid_json")


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _is_deeper(value: Any, limit: int) -> bool:
    """Tell whether objects and arrays are nested more than `limit` deep."""
    level = [value]
    for _ in range(limit + 1):
        containers = [each for each in level if isinstance(each, dict | list)]
        level = [child for each in containers for child in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return False
    return True
