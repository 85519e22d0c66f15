"""Ctrl-C at every point of every call of a pool: no place is lost, nobody is left in line, and the pool works."""

from __future__ import annotations

import contextlib
import threading

import pytest

from realtime_sync.errors import PoolTimeout, RealtimeSyncError, RequestTimeout
from realtime_sync.server import LocalServer
from tests.responses.live_support import answer
from tests.responses.pool_support import pools
from tests.support.interrupting import interrupted_everywhere
from tests.support.waiting import run_in_thread, wait_until

pytestmark = pytest.mark.raises_anywhere

MOMENT = 0.0005


def is_at_rest(pool):
    """Tell whether nobody has a place or waits for one, and no lock is held."""
    core = pool._core
    stats = pool.stats
    return not (stats.in_flight or stats.waiting or stats.queued or core.lock.locked() or pool._workers._lock.locked())


CALLS = {
    "create": lambda pool: pool.create(input="x"),
    "stream left early": lambda pool: pool.stream(input="x").close(),
    "submit": lambda pool: pool.submit(input="x"),
    "stats": lambda pool: pool.stats,
    "open": lambda pool: pool.open(),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupted_call_keeps_no_place(name):
    """Wherever the interrupt comes: the place is free when the server has ended what was sent, and others are served."""
    call = CALLS[name]
    with (
        LocalServer(time_scale=0, responder=lambda request: "ok") as server,
        pools(server.base_url, known=True) as make,
    ):
        pool = make(1, idle_timeout=None)
        pool.create(input="the first loads what the others use")
        with contextlib.suppress(RealtimeSyncError):
            call(pool)
        for point in interrupted_everywhere(lambda: call(pool), RealtimeSyncError):
            if point % 10 == 0:
                wait_until(lambda: is_at_rest(pool), what=f"rest after point {point}")
        wait_until(lambda: is_at_rest(pool))
        assert pool.create(input="x").output_text == "ok"


@pytest.mark.parametrize("timeout", [MOMENT, 0])
def test_an_interrupted_wait_leaves_the_line(scripted, timeout):
    """Wherever the interrupt comes while somebody else has the only place; who came before is served next."""
    with pools(scripted.base_url, known=False) as make:
        pool = make(1)
        running = run_in_thread(pool.create, input="runs")
        peer = scripted.accept()
        create = peer.receive()
        with contextlib.suppress(PoolTimeout):
            pool.create(input="x", timeout=timeout)
        for point in interrupted_everywhere(
            lambda: pool.create(input="x", timeout=timeout), PoolTimeout, RequestTimeout
        ):
            if point % 10 == 0:
                wait_until(lambda: pool.stats.waiting == 0, what=f"an empty line after point {point}")
        wait_until(lambda: (pool.stats.waiting, pool.stats.in_flight) == (0, 1))
        waiting = run_in_thread(pool.create, input="waits")
        wait_until(lambda: pool.stats.waiting == 1)
        answer(peer, create)
        running.result()
        answer(peer, peer.receive(), "at last", response_id="resp_2")
        assert waiting.result().output_text == "at last"


def test_a_place_granted_while_its_waiter_is_interrupted_passes_on(scripted):
    """A grant that raced with the interrupt is the next one's."""
    with pools(scripted.base_url, known=False) as make:
        pool = make(1)
        stop = threading.Event()
        served = []

        def others():
            while not stop.is_set():
                served.append(pool.create(input="x").id)

        def serve():
            peer = scripted.accept()
            n = 0
            with contextlib.suppress(Exception):  # The end of the connection ends it.
                while True:
                    n += 1
                    answer(peer, peer.receive(), response_id=f"resp_{n}")

        serving, asking = run_in_thread(serve), [run_in_thread(others) for _ in range(2)]
        wait_until(lambda: served)
        for _ in interrupted_everywhere(lambda: pool.create(input="mine", timeout=0.002), RealtimeSyncError):
            pass
        before = len(served)
        wait_until(lambda: len(served) > before + 10)
        stop.set()
        for each in asking:
            each.result()
        wait_until(lambda: is_at_rest(pool))
        pool.close()
        serving.result()
