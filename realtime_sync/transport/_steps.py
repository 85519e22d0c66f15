"""The steps of connecting, reported one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define, field, frozen

__all__ = ["Report", "Step", "Steps"]


@frozen
class Step:
    """One step of connecting that has ended.

    Attributes:
        name: "lookup", "tcp", "proxy tls", "proxy", "tls" or "upgrade"; those that are not needed do not happen.
        seconds: how long it took.
        detail: what came of it, in words.
        error: why it failed, or None.
    """

    name: str
    seconds: float
    detail: str = ""
    error: BaseException | None = None


Report = Callable[[Step], object]
"""Takes each step as it ends. Runs on the thread that connects."""


@define
class _Running:
    detail: str = field(default="")


class Steps:
    """Time the steps and report them to whoever wants to know."""

    def __init__(self, report: Report | None) -> None:
        self._report = report

    @contextmanager
    def step(self, name: str) -> Iterator[_Running]:
        """Take the time of a block; the block may set `detail`."""
        running = _Running()
        began = time.monotonic()
        error: BaseException | None = None
        try:
            yield running
        except BaseException as failure:
            error = failure
            raise
        finally:
            if self._report is not None:
                self._report(Step(name, time.monotonic() - began, running.detail, error))
