"""Very many requests before few places: none is lost, none is served twice, and none hangs."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from attrs import Factory, define

from realtime_sync import RetryPolicy
from realtime_sync.errors import PoolClosed, RealtimeSyncError
from realtime_sync.responses import ResponsesPool
from realtime_sync.responses._call import Call, Phase, Wants
from realtime_sync.responses._pool_core import PoolSettings
from realtime_sync.responses._pool_link import PoolLink
from tests.responses.lane_support import Bench
from tests.responses.pool_support import FakeCarrier
from tests.support.waiting import run_in_thread, wait_until

MANY = 10_000


@define(eq=False)
class InstantStream:
    """A response that is there at once."""

    id: str
    events: list = Factory(list)

    def __next__(self):
        raise StopIteration

    def response(self):
        return self.id

    def abandon(self):
        """Nothing runs."""


class InstantLink(FakeCarrier):
    """A connection that answers at once, or when the gate opens; what it was asked is in `asked`."""

    def __init__(self, gate, asked):
        super().__init__(limit=4)
        self.gate, self.asked = gate, asked

    def holds(self, response_id):  # noqa: ARG002
        return False

    def start(self, body, timeout, *, fork, told):  # noqa: ARG002
        self.gate.wait()
        self.asked.append(body["input"])
        told(over=True, answered=True)
        return InstantStream(body["input"]), False

    def when_over(self, ring):
        """It never ends."""

    def start_close(self):
        self.is_usable = False

    def close(self):
        self.is_over = True


@pytest.fixture
def queue():
    """A pool over such connections; (pool, gate, what was asked)."""
    gate, asked = threading.Event(), []
    settings = PoolSettings(
        max_connections=4,
        warm=0,
        acquire_timeout=None,
        idle_timeout=None,
        rotate_after=None,
        retry=RetryPolicy(),
        connect=lambda query, headers: InstantLink(gate, asked),
    )
    with ResponsesPool(settings, defaults={}, timeout=60, repeat_lost=False, converse=print) as pool:
        yield pool, gate, asked
        gate.set()


def test_ten_thousand_submitted(queue):
    """Each is asked once and has its own answer."""
    pool, gate, asked = queue
    futures = [pool.submit(input=str(n)) for n in range(MANY)]
    gate.set()
    assert [future.result(60) for future in futures] == [str(n) for n in range(MANY)]
    assert sorted(map(int, asked)) == [*range(MANY)]
    wait_until(lambda: pool.stats.in_flight == pool.stats.waiting == pool.stats.queued == 0)
    assert pool.stats.opened <= 4


def test_ten_thousand_cancelled(queue):
    """Those that have not begun, in whatever order; the rest is served."""
    pool, gate, asked = queue
    futures = [pool.submit(input=str(n)) for n in range(MANY)]
    cancelled = [future for future in futures[::-2] if future.cancel()]
    assert len(cancelled) > MANY // 2 - 100
    gate.set()
    kept = [future for future in futures if not future.cancelled()]
    assert len({future.result(60) for future in kept}) == len(kept) == len(asked)


def test_ten_thousand_when_the_pool_is_closed(queue):
    """All of them end, at once."""
    pool, gate, _ = queue
    futures = [pool.submit(input=str(n)) for n in range(MANY)]
    wait_until(lambda: pool.stats.in_flight == 16 and pool.stats.waiting == 48)
    closing = run_in_thread(pool.close)
    wait_until(futures[-1].cancelled)
    gate.set()
    closing.result()
    outcomes = [future.cancelled() or isinstance(future.exception(10), RealtimeSyncError | None) for future in futures]
    assert all(outcomes)
    with pytest.raises(PoolClosed):
        pool.submit(input="x")


def test_a_request_that_would_have_gone_again_tells_that_it_is_over():
    """It was refused for its lane and waits for another one when it is left: its place in the pool must come back."""
    bench = Bench()
    one, two = bench.asked(2)
    told = []
    two.tell = lambda: told.append(two.phase.name)
    bench.begin(one)
    bench.refuse(two, "response_already_in_flight")
    assert told == []
    bench.book.abandon(two)
    assert told == ["OVER"]


@pytest.mark.parametrize(
    ("phase", "ended", "is_early"), [("SENT", None, False), ("RUNNING", None, True), ("SENT", "lost", True)]
)
def test_what_happens_before_anybody_listens_is_noticed(phase, ended, is_early):
    """A response may begin, or its connection end, between its sending and the time from which that is told."""
    call = Call(wants=Wants(), body={}, phase=Phase[phase])
    stream = SimpleNamespace(_call=call, _core=SimpleNamespace(lock=threading.Lock(), ended=ended))
    link = PoolLink(SimpleNamespace(lanes=SimpleNamespace(start=lambda *_, **__: stream)))
    told = []
    assert link.start({}, None, fork=False, told=lambda **what: told.append(what)) == (stream, is_early)
    call.notify()
    assert told == [{"over": ended is not None, "answered": False}]
