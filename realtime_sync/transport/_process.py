"""Which process this is, told without asking the kernel, which would cost as much as all the rest of a check."""

from __future__ import annotations

import os

__all__ = ["forks"]


class _Forks:
    """How many forks lie between this process and the one that loaded the library.

    Changed only in a forked child, while that has one thread.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def happened(self) -> None:
        self.count += 1


forks = _Forks()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forks.happened)
