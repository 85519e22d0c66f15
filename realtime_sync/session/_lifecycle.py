"""All live sessions of the process: what happens to them after a fork and at exit."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import TYPE_CHECKING

from realtime_sync.transport import Waiter

if TYPE_CHECKING:
    from realtime_sync.session._core import Core

__all__ = ["track"]

EXIT_SECONDS = 1.0

_live: weakref.WeakSet[Core] = weakref.WeakSet()


def track(core: Core) -> None:
    """Remember a session until it is gone."""
    _live.add(core)


def _after_fork_in_child() -> None:
    """Mark inherited sessions dead and close their descriptors, with no lock and no word on the parent's connection."""
    for core in list(_live):
        core.forked = True
        core.connection.discard_after_fork()
    _live.clear()


def _at_exit() -> None:
    """Close what is still open, all at once and within a second together, without a word."""
    cores = [core for core in list(_live) if not core.finished]
    Waiter.exiting = bool(cores)
    for core in cores:
        core.start_close(1000, "")
    deadline = time.monotonic() + EXIT_SECONDS
    for core in cores:
        core.reader.thread.join(max(0.0, deadline - time.monotonic()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
