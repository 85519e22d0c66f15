"""Waiting: it ends in time, however short the time is."""

from __future__ import annotations

import queue
import threading

import pytest

from realtime_sync.transport import Waiter, take
from tests.support.waiting import run_in_thread, wait_until

SHORT = (1e-6, 2e-6, 5e-6, 0, -1)
ROUNDS = 1500
"""Of each; up to CPython 3.12, a plain `get` hangs after about two thousand."""


def test_very_short_waits_end():
    """Up to CPython 3.12 some of them would not, by a fault of its queues."""

    def wait():
        return sum(Waiter().wait(timeout) for _ in range(ROUNDS) for timeout in SHORT)

    assert run_in_thread(wait).result() == 0


def test_very_short_looks_at_a_queue_that_was_used_before_end():
    """What was taken before leaves the queue as a new one is."""

    def look():
        source = queue.SimpleQueue()
        for _ in range(ROUNDS):
            for timeout in SHORT:
                source.put(1)
                assert take(source, timeout) == 1
                with pytest.raises(queue.Empty):
                    take(source, timeout)
        return True

    assert run_in_thread(look).result()


def test_a_wait_is_woken():
    """Before it begins and while it lasts, with a limit and without."""
    for timeout in (None, 10, 1e300):
        early = Waiter()
        early.wake()
        assert early.wait(timeout)
        late = Waiter()
        began = threading.Event()
        waiting = run_in_thread(lambda: began.set() or late.wait(timeout))  # noqa: B023  (ends before the next)
        wait_until(began.is_set)
        late.wake()
        assert waiting.result() is True
