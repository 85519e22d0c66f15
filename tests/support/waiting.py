"""Waiting for facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["run_in_thread", "wait_until"]


def wait_until(predicate: Callable[[], object], timeout: float = 10.0, *, what: str = "a fact") -> None:
    """Wait until `predicate()` is true; fail after `timeout` seconds. For facts that nothing announces."""
    end = time.monotonic() + timeout
    never = threading.Event()
    while not predicate():
        assert time.monotonic() < end, f"{what} did not become true within {timeout} s"
        never.wait(0.002)


class run_in_thread:  # noqa: N801  # used like a function
    """Run a call in a thread; `result()` joins it and returns or raises what it did."""

    def __init__(self, call: Callable[..., object], *args: object, **kwargs: object) -> None:
        self._outcome: list[tuple[bool, object]] = []
        self.took = 0.0

        def run() -> None:
            began = time.monotonic()
            try:
                self._outcome.append((True, call(*args, **kwargs)))
            except BaseException as error:
                self._outcome.append((False, error))
            self.took = time.monotonic() - began

        self.thread = threading.Thread(target=run, name="test-call", daemon=True)
        self.thread.start()

    def done(self) -> bool:
        """Tell whether the call has ended."""
        return bool(self._outcome)

    def result(self, timeout: float = 20.0) -> object:
        """Return what the call returned, or raise what it raised."""
        self.thread.join(timeout)
        assert not self.thread.is_alive(), f"the call was still running after {timeout} s"
        worked, value = self._outcome[0]
        if not worked:
            raise value
        return value
