"""What is wrong with a request, in the API's words: one exception for HTTP bodies and for error events."""

from __future__ import annotations

from typing import Any

__all__ = ["Problem", "invalid", "missing", "unknown"]


class Problem(Exception):
    """A request that cannot be served.

    Attributes:
        message: what happened and what to do.
        type: the API's class of error.
        code: the API's machine-readable code, or None.
        param: the parameter at fault, or None.
        status: the HTTP status, where the answer is an HTTP response.
        headers: HTTP headers of that response.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        status: int = 400,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = kind
        self.code = code
        self.param = param
        self.status = status
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the HTTP response."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def event(self, event_id: str | None) -> dict[str, Any]:
        """Return the Realtime error event; `event_id` is the client event at fault, None when it had no usable id."""
        return {
            "type": "error",
            "error": {
                "type": self.type,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "event_id": event_id,
            },
        }


def invalid(message: str, param: str | None) -> Problem:
    """Return the problem of a value that is not allowed."""
    return Problem(message, code="invalid_value", param=param)


def missing(param: str) -> Problem:
    """Return the problem of a parameter that was left out."""
    return Problem(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)


def unknown(param: str) -> Problem:
    """Return the problem of a parameter that does not exist."""
    return Problem(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)
