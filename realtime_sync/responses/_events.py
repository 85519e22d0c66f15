"""What events of the Responses API say, also those that did not fit their class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from realtime_sync.errors import ServerError
from realtime_sync.transport import retry_after
from realtime_sync.types import UnknownEvent

__all__ = [
    "BEGINNINGS",
    "CONNECTION_LIMIT",
    "ENDS",
    "ERRORS",
    "NOT_FOUND",
    "STEERS",
    "error_code",
    "field_of",
    "names_stream_id",
    "request_error",
    "response_id_of",
    "was_steered",
]

BEGINNINGS: Final = frozenset({"response.created", "response.queued", "response.in_progress"})
"""Events that tell of a response that runs. Which of them comes first is not promised."""
ENDS: Final = frozenset({"response.completed", "response.failed", "response.incomplete"})
ERRORS: Final = frozenset({"error", "response.error"})
"""Events that say that a request has failed. (No page knows the second one, and some servers send it.)"""
STEERS: Final = frozenset({"response.steer.accepted", "response.steer.failed", "response.steer.pending"})

NOT_FOUND: Final = "previous_response_not_found"
CONNECTION_LIMIT: Final = "websocket_connection_limit_reached"
_LANE_CODES: Final = frozenset({"websocket_stream_limit_reached", "invalid_stream_id"})
"""Refusals of a server that does know lanes."""


def field_of(event: Any, name: str) -> Any:
    """Return a field of an event, of one that did not fit its class too; None if it has no such field."""
    return event.raw.get(name) if event.__class__ is UnknownEvent else getattr(event, name, None)


def part_of(value: Any, *path: str) -> Any:
    """Return what is at a path in objects and mappings, or None."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value


def response_id_of(event: Any) -> str | None:
    """Return the id of the response that an event holds."""
    found = part_of(field_of(event, "response"), "id")
    return found if isinstance(found, str) else None


def was_steered(event: Any) -> bool:
    """Tell whether a response ended early because a steer cut it, so that its successor is to come."""
    return bool(part_of(field_of(event, "response"), "incomplete_details", "reason") == "steered")


def error_part(event: Any, name: str) -> Any:
    """Return a part of what an error event says: in its ``error`` object, or, in the flat form, beside its type."""
    error = field_of(event, "error")
    if isinstance(error, str):  # Some servers have no more to say than that.
        return error if name == "message" else None
    return part_of(error, name) if error is not None else field_of(event, name)


def error_code(event: Any) -> str | None:
    """Return the code of an error event, or its type where it has none."""
    code = error_part(event, "code")
    if code is None and field_of(event, "error") is not None:
        code = error_part(event, "type")
    return code if isinstance(code, str) else None


def names_stream_id(event: Any) -> bool:
    """Tell whether an error is that of a server which does not know ``stream_id``."""
    status = field_of(event, "status")
    if error_code(event) in _LANE_CODES or (isinstance(status, int) and not 400 <= status < 500):  # noqa: PLR2004
        return False
    message = error_part(event, "message")
    return bool(error_part(event, "param") == "stream_id") or (isinstance(message, str) and "stream_id" in message)


def request_error(event: Any, note: str = "") -> ServerError:
    """Return the exception for the caller whose request an error event answers."""
    code, kind = error_part(event, "code"), error_part(event, "type")
    if field_of(event, "error") is None:
        kind = None  # In the flat form that is the event's own type.
    what = error_part(event, "message") or code or kind or "the server sent an error without a message"
    return ServerError(
        f"{what} (code {code}){note}",
        type=kind,
        code=code,
        param=error_part(event, "param"),
        status=field_of(event, "status"),
        retry_after=retry_after(_headers(error_part(event, "headers"))),
        event=event,
    )


def _headers(given: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
