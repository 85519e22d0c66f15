"""How little of a conversation has to be sent: the delta rule, as a decision.

A server remembers the latest response of a lane, and every stored one. A request that differs from the one before only
by more input need name that response, and bring what is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from realtime_sync.responses._history import Item
from realtime_sync.wire import json

__all__ = ["Anchor", "Sending", "fingerprint", "least"]

_NOT_COMPARED = frozenset({"type", "input", "previous_response_id", "stream_id", "generate"})


def fingerprint(body: Mapping[str, Any]) -> str:
    """Return what is the same for two requests exactly if all their fields are, input and ids apart.

    Args:
        body: JSON values only.
    """
    compared = {name: value for name, value in sorted(body.items()) if name not in _NOT_COMPARED}
    return hashlib.sha256(json.dumps(compared).encode()).hexdigest()


@frozen(kw_only=True)
class Anchor:
    """A response that a request may go on from.

    Attributes:
        response_id: what the request names.
        fingerprint: of the request that it answered.
        items: what the server has then: that request's input, all that came before it, and the output.
        stored: whether the server keeps the response for good, so that any connection will find it.
    """

    response_id: str
    fingerprint: str
    items: tuple[Item, ...] = field(repr=False)
    stored: bool


@frozen
class Sending:
    """What of a request goes out.

    Attributes:
        items: its input.
        previous_response_id: the response that it goes on from; None: the items are all there is.
    """

    items: tuple[Item, ...] = field(repr=False)
    previous_response_id: str | None = None


def least(anchor: Anchor | None, of_fields: str, items: tuple[Item, ...]) -> Sending:
    """Return the least that has to be sent for a request.

    Args:
        anchor: what the server has; None: nothing that is known.
        of_fields: the request's fingerprint.
        items: its whole input.
    """
    if anchor is not None and anchor.fingerprint == of_fields:
        known = len(anchor.items)
        if items[:known] == anchor.items:
            return Sending(items[known:], anchor.response_id)
    return Sending(items)
