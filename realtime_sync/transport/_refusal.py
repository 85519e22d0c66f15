"""What a server says when it refuses: in the body, and in the headers."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any

__all__ = ["api_error", "retry_after"]


def api_error(body: str) -> dict[str, Any]:
    """Return message, code and param from an error body of the API's shape, as far as it has them."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, str):
        return {"message": error}
    if not isinstance(error, dict):
        return {}
    return {key: error[key] for key in ("message", "code", "param") if isinstance(error.get(key), str)}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks to wait, from a number or a date."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        when = email.utils.parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, when.timestamp() - time.time())
