"""Client secrets: keys that end soon, each with the configuration of the sessions that it opens."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from typing import Any

from attrs import define, field, frozen

__all__ = ["ClientSecret", "ClientSecrets"]

_MAX_SECRETS = 10_000


@frozen(kw_only=True)
class ClientSecret:
    """One secret. It is kept out of the repr."""

    value: str = field(repr=False)
    expires_at: int
    """In unix seconds."""
    session: dict[str, Any] = field(repr=False)
    """The effective session of who connects with it."""
    deadline: float = field(repr=False)
    """The end on the monotonic clock."""


@define(eq=False)
class ClientSecrets:
    """The secrets of one server.

    Threads: any. Locks: _lock guards _issued.
    Bounds: 10,000 secrets; the oldest go first.
    """

    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _issued: dict[str, ClientSecret] = field(init=False, factory=dict, repr=False)

    def issue(self, seconds: int, session: dict[str, Any]) -> ClientSecret:
        """Return a new secret that works for so long."""
        secret = ClientSecret(
            value=f"ek_{secrets.token_hex(16)}",
            expires_at=int(time.time()) + seconds,
            session=session,
            deadline=time.monotonic() + seconds,
        )
        with self._lock:
            self._issued[secret.value] = secret
            if len(self._issued) > _MAX_SECRETS:
                del self._issued[next(iter(self._issued))]
        return secret

    def find(self, keys: Iterable[str]) -> ClientSecret | None:
        """Return the secret among these keys that still works."""
        with self._lock:
            found = [self._issued[key] for key in keys if key in self._issued]
        return next((secret for secret in found if secret.deadline > time.monotonic()), None)
