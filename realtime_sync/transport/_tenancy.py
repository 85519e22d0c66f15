"""Releasing a descriptor only when nobody uses it any more, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

__all__ = ["Tenancy"]


@final
class Tenancy:
    """Know the users of a resource; after `retire` the last one to leave releases it.

    A descriptor that is closed while another thread polls, reads or writes it may already be somebody
    else's new file. Each use has a token of its own, and leaving twice or without having entered is harmless:
    ``try: enter … finally: leave`` is right wherever an interrupt comes.

    Threads: any, signal handlers and finalizers too. There is no lock to deadlock on: every step is one atomic
    operation, and whoever announces itself before looking at `_retired` cannot be missed by whoever sets
    `_retired` before counting.
    """

    __slots__ = ("_release", "_retired", "_users")

    def __init__(self, release: Callable[[], None]) -> None:
        self._users: set[object] = set()
        self._retired = False
        self._release = [release]

    def enter(self, token: object) -> bool:
        """Announce a use; False: the resource is retired and must not be touched. Either way `leave` follows."""
        self._users.add(token)
        return not self._retired

    def leave(self, token: object) -> None:
        """End a use."""
        self._users.discard(token)
        if self._retired:
            self._settle()

    def retire(self) -> None:
        """Admit nobody from now on, and release as soon as nobody is left. May be called again."""
        self._retired = True
        self._settle()

    def _settle(self) -> None:
        if self._users:
            return
        try:
            release = self._release.pop()
        except IndexError:
            return
        release()
