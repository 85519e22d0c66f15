"""Releasing a descriptor only when nobody uses it any more, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

__all__ = ["Tenancy"]


@final
class Tenancy:
    """Know the users of a resource; after `retire` the last one to leave releases it.

    A descriptor that is closed while another thread polls, reads or writes it may already be somebody
    else's new file. Each use has a token of its own::

        token = object()
        try:
            if tenancy.enter(token):
                ...  # use it
        finally:
            tenancy.users.discard(token)
            tenancy.settle()

    Leaving is not one method: CPython lets a signal handler in at the start of a Python function, and an
    exception from there would skip it. A built-in method, first thing in the `finally`, cannot be skipped. For
    the same reason no loop stands directly in the `try`: from CPython 3.12 on, nothing there catches an
    interrupt between two rounds.

    Threads: any, signal handlers and finalizers too. There is no lock to deadlock on: every step is one atomic
    operation, and whoever announces itself before looking at `_retired` cannot be missed by whoever sets
    `_retired` before counting.
    """

    __slots__ = ("_release", "_retired", "users")

    def __init__(self, release: Callable[[], None]) -> None:
        self.users: set[object] = set()
        self._retired = False
        self._release = [release]

    def enter(self, token: object) -> bool:
        """Announce a use; False: the resource is retired and must not be touched."""
        self.users.add(token)
        return not self._retired

    def settle(self) -> None:
        """Release what is retired and not used any more."""
        if not self._retired or self.users:
            return
        try:
            release = self._release.pop()
        except IndexError:
            return
        release()

    def retire(self) -> None:
        """Admit nobody from now on, and release as soon as nobody is left. May be called again."""
        self._retired = True
        self.settle()

    def evict(self) -> None:
        """Release now, whoever is inside: for a forked child, where those threads do not exist."""
        self.users = set()
        self.retire()
