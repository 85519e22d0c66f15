"""Credentials that a server quotes in what it says went wrong, which becomes an exception, or a line in a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["QUOTING", "without_secrets"]

QUOTING = frozenset({"error", "response.error", "response.failed"})
"""Events that say in words what went wrong."""


def without_secrets(event: Any, text: str, redact: Callable[[str], str], read: Callable[[str], Any]) -> Any:
    """Return an event without the credentials of ours that it repeats; itself if it repeats none.

    Args:
        event: what `read` made of the text.
        text: as it came.
        redact: takes them out of a text.
        read: makes an event of a text.
    """
    shown = redact(text)
    if shown == text:
        return event
    redacted = read(shown)
    return redacted if redacted.type == event.type else event  # Else the key is a word of the protocol, no secret.
