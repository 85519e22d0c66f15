"""Problems as events: the error event of a WebSocket, that of a stream over HTTP, and the errors that faults make."""

from __future__ import annotations

from typing import Any

from realtime_sync.server._faults import Fault
from realtime_sync.server._problem import Problem

__all__ = ["error_event", "rejected", "streamed_error"]

_BY_STATUS = {
    401: ("invalid_request_error", "invalid_api_key"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "server_is_overloaded"),
}


def error_event(problem: Problem) -> dict[str, Any]:
    """Return the error event of a WebSocket."""
    error = problem.body()["error"]
    if problem.headers:
        error["headers"] = {name.lower(): value for name, value in problem.headers.items()}
    return {"type": "error", "status": problem.status, "error": error}


def streamed_error(problem: Problem, sequence_number: int) -> dict[str, Any]:
    """Return the error event of a stream over HTTP, which is flat."""
    body = {"code": problem.code, "message": problem.message, "param": problem.param}
    return {"type": "error", "sequence_number": sequence_number, **body}


def rejected(fault: Fault) -> Problem:
    """Return the problem that a fault "reject" makes."""
    kind = "server_error" if fault.status >= 500 else "invalid_request_error"  # noqa: PLR2004
    kind, code = _BY_STATUS.get(fault.status, (kind, "rejected_by_fault"))
    headers = {"Retry-After": f"{fault.seconds:g}"} if fault.seconds else {}
    message = fault.reason or "Rejected by a fault."
    return Problem(message, kind=kind, code=fault.error_code or code, status=fault.status, headers=headers)
