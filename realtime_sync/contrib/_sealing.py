"""Conversations as signed text: what a site keeps between two requests, and can trust when it comes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from attrs import define, field

from realtime_sync.errors import ConfigurationError, RealtimeSyncError
from realtime_sync.wire import json

__all__ = ["Sealer", "StateRejected", "StateTooLarge"]

_VERSION: Final = "1"
_PARTS: Final = 3
_PURPOSE: Final = b"realtime_sync.contrib: the state of a conversation, version 1"


class StateRejected(RealtimeSyncError, ValueError):
    """A stored conversation that cannot be gone on with: altered, of somebody else, too old, or not to be read."""


class StateTooLarge(RealtimeSyncError):
    """A conversation does not fit where it is to be kept; what was kept before is still there.

    Attributes:
        size, limit: in bytes.
        response: the answer after which it did not fit any more, or None.
    """

    def __init__(self, message: str = "", *, size: int = 0, limit: int = 0, response: Any = None) -> None:
        super().__init__(message)
        self.size = size
        self.limit = limit
        self.response = response


def _as_bytes(secrets: str | bytes | Iterable[str | bytes]) -> tuple[bytes, ...]:
    given = (secrets,) if isinstance(secrets, str | bytes) else tuple(secrets)
    if not given or not all(given):
        msg = "a secret is needed to sign what is remembered of conversations: set the application's SECRET_KEY"
        raise ConfigurationError(msg)
    raw = (each.encode() if isinstance(each, str) else each for each in given)
    return tuple(hmac.digest(each, _PURPOSE, "sha256") for each in raw)


@define(eq=False, kw_only=True)
class Sealer:
    """Makes signed, compressed text of states, for one owner each, and opens it again. Immutable; any thread."""

    _keys: tuple[bytes, ...] = field(alias="secrets", converter=_as_bytes, repr=False)
    """The first signs; all of them are tried when opening."""
    max_age: float | None = None
    """Seconds after which a state is not gone on with; None: it never gets too old."""
    _clock: Callable[[], float] = field(default=time.time, repr=False)

    def seal(self, state: Mapping[str, Any], owner: str) -> str:
        """Return the text for a state that belongs to `owner`."""
        content = json.dumps({"owner": owner, "saved_at": int(self._clock()), "state": state})
        payload = base64.urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")
        return f"{_VERSION}.{payload}.{_signature(self._keys[0], payload)}"

    def open(self, text: Any, owner: str) -> Any:
        """Return the state in a text that `seal` made for `owner`.

        Raises:
            StateRejected: it is not whole, was altered, is somebody else's, or too old.
        """
        parts = text.split(".") if isinstance(text, str) and text.isascii() else []
        if len(parts) != _PARTS or parts[0] != _VERSION:
            msg = "what is stored is not a conversation of this version"
            raise StateRejected(msg)
        _, payload, signature = parts
        if not any(hmac.compare_digest(_signature(key, payload), signature) for key in self._keys):
            msg = "the stored conversation was altered, or signed with another secret"
            raise StateRejected(msg)
        # What is signed was made by `seal`, so it can be read.
        content = json.loads(zlib.decompress(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
        if content["owner"] != owner:
            msg = "the stored conversation is somebody else's"
            raise StateRejected(msg)
        age = self._clock() - content["saved_at"]
        if self.max_age is not None and age > self.max_age:
            msg = f"the stored conversation is {age:.0f} s old; the limit is {self.max_age:.0f} s"
            raise StateRejected(msg)
        return content["state"]


def _signature(key: bytes, payload: str) -> str:
    digest = hmac.new(key, payload.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
