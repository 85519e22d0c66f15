"""Which servers are known to have lanes, or to have none, as earlier connections of this process found out."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["Proofs"]

MAX_SERVERS = 256


class Proofs:
    """What is known, by base URL. Any thread; no lock: each change is one operation of a dict."""

    _known: ClassVar[dict[str, bool]] = {}

    @classmethod
    def of(cls, server: str) -> bool | None:
        """Return whether a server has lanes, None if that is not known."""
        return cls._known.get(server)

    @classmethod
    def note(cls, server: str, *, lanes: bool) -> None:
        """Remember whether a server has lanes."""
        if len(cls._known) >= MAX_SERVERS:
            cls._known.clear()
        cls._known[server] = lanes

    @classmethod
    def forget(cls) -> None:
        """Forget everything."""
        cls._known.clear()
