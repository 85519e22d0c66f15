"""A pool whose connections are refused, lost, old or idle: what its callers notice, and what they do not."""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading

import pytest

from realtime_sync import Client, RetryPolicy
from realtime_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    PoolTimeout,
    RateLimitError,
    RealtimeSyncError,
    TurnInterrupted,
)
from realtime_sync.server import Fault, LocalServer
from tests.responses.live_support import answer, begin, end, error
from tests.responses.pool_support import pools
from tests.support.waiting import run_in_thread, wait_until

QUICK = RetryPolicy(initial_delay=0.01, max_delay=0.02)


@pytest.fixture
def lanes(scripted):
    """Make pools for the scripted server, which has lanes."""
    with pools(scripted.base_url, known=True) as make:
        yield make


def serving(*faults, port=0, **options):
    """A local server that repeats the last thing it was told."""
    return LocalServer(port=port, responder=lambda request: request.text, faults=faults, time_scale=0, **options)


class Crowd:
    """Threads that ask, one question after the other, until they are stopped; what went wrong is in `errors`."""

    def __init__(self, pool, threads=8):
        self.pool = pool
        self.errors = []
        self.answered = itertools.count()
        self.count = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(threads)]

    def _ask(self, n):
        for turn in itertools.count():
            if self._stop.is_set():
                return
            try:
                text = f"{n}.{turn}"
                assert self.pool.create(input=text).output_text == text
                self.count = next(self.answered)
            except Exception as error:
                self.errors.append(error)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(20)


# -- no connection ----------------------------------------------------------------------------------------------------


def test_without_a_key(monkeypatch):
    """A clear error at once, nothing dialled, and for everybody."""
    with Client() as client, client.responses.pool(model="m") as pool:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
                pool.create(input="x")


def test_a_server_that_is_down_at_the_start():
    """Requests wait for a few dials, then they say so; when it comes up, the pool works by itself."""
    with serving() as server:
        port = server.port
    with pools(f"http://127.0.0.1:{port}/v1") as make:
        pool = make(retry=QUICK)
        with pytest.raises(ConnectError):
            pool.create(input="x")
        assert pool.stats.dial_failures == 3
        with serving(port=port):
            with_patience(lambda: pool.create(input="hello"))
        assert pool.stats.opened == 1


def with_patience(call):
    """Ask until it works, as visitors do."""
    for _ in range(1000):
        try:
            return call()
        except ConnectError:
            continue
    return call()


def test_a_server_that_goes_down_and_comes_back():
    """Those who ask meanwhile get a clear error, nobody hangs, and then it works again."""
    with serving() as server, pools(server.base_url) as make:
        port = server.port
        pool = make(2, retry=QUICK, store=False)
        with Crowd(pool) as crowd:
            wait_until(lambda: crowd.count > 20)
            server.close()
            wait_until(lambda: len(crowd.errors) > 20)
            before = crowd.count
            with serving(port=port):
                wait_until(lambda: crowd.count > before + 20)
                crowd.__exit__()
        assert all(isinstance(each, ConnectError | TurnInterrupted) for each in crowd.errors), crowd.errors
        assert pool.stats.in_flight == pool.stats.waiting == 0


def test_a_wrong_key_is_tried_once(scripted):
    """Another try would not help; who comes before the next dial is due fails in the same way."""
    scripted.refusals.extend([(401, {})] * 3)
    slow = RetryPolicy(initial_delay=60, max_delay=60, jitter=False)
    with pools(scripted.base_url) as make:
        pool = make(retry=slow)
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                pool.create(input="x")
    assert len(scripted.requests) == 1


def test_retry_after_holds_the_whole_pool(lanes, scripted):
    """Nobody dials before; who has less time than that fails at once, and is told how long."""
    scripted.refusals.append((429, {"retry-after": "25"}))
    pool = lanes()
    patient = run_in_thread(pool.create, input="x")
    wait_until(lambda: pool.stats.dial_failures)
    for _ in range(3):
        with pytest.raises(RateLimitError) as limited:
            pool.create(input="y", timeout=20)
        assert limited.value.retry_after == 25
    assert len(scripted.requests) == 1
    assert not patient.done()
    pool.close()
    with pytest.raises(RealtimeSyncError):
        patient.result()


def test_one_dial_at_a_time(lanes, scripted):
    """While one is under way, nobody begins another, however many wait; then all of them are served."""
    scripted.gate.clear()
    pool = lanes(4)
    asking = [run_in_thread(pool.create, input=str(n)) for n in range(10)]
    wait_until(lambda: pool.stats.waiting == 10 and scripted.requests)
    assert len(scripted.requests) == 1
    scripted.gate.set()
    peer = scripted.accept()
    for n in range(10):
        answer(peer, peer.receive(), response_id=f"resp_{n}")
    for each in asking:
        each.result()
    assert len(scripted.requests) == 1


def test_the_retry_hook(lanes, scripted):
    """It is asked before each wait, may change what is sent, and may give up."""
    scripted.refusals.extend([(503, {}), (503, {})])
    told = []

    def on_retry(retrying):
        told.append((retrying.attempt, retrying.extra_headers.get("x-try")))
        return {"extra_headers": {"x-try": "2"}} if retrying.attempt == 1 else {"abort": True}

    pool = lanes(retry=RetryPolicy(initial_delay=0.01, on_retry=on_retry), extra_headers={"x-try": "1"})
    with pytest.raises(ConnectError):
        pool.create(input="x")
    assert told == [(1, "1"), (2, "2")]
    assert [request.headers["x-try"] for request in scripted.requests] == ["1", "2"]


@pytest.mark.parametrize("where", ["key", "hook"])
def test_a_function_of_the_callers_that_fails(scripted, where):
    """Whoever waits is told, and the pool lives on."""
    wrong = [ValueError("no such secret")]

    def fail(*_):
        if wrong:
            raise wrong.pop()
        return "key" if where == "key" else None

    scripted.refusals.extend([] if where == "key" else [(503, {})])
    quick = RetryPolicy(initial_delay=0.0, max_delay=0.0, on_retry=fail if where == "hook" else None)
    with pools(scripted.base_url, known=True, client={"api_key": fail if where == "key" else "k"}) as make:
        pool = make(retry=quick)
        with pytest.raises(ConnectError) as failed:
            pool.create(input="x")
        assert isinstance(failed.value.__cause__, ValueError)
        asking = run_in_thread(pool.create, input="x")
        peer = scripted.accept()
        answer(peer, peer.receive())
        asking.result()


def test_a_server_that_greets_and_kicks(scripted):
    """Nobody is kept waiting for ever by a server that ends each connection at once."""
    stop = threading.Event()

    def kick():
        while not stop.is_set():
            try:
                scripted.accept(timeout=0.1).close(1013, "go away")
            except Exception:  # noqa: S112  # nobody has come
                continue

    kicking = threading.Thread(target=kick)
    kicking.start()
    try:
        with pools(scripted.base_url, known=True) as make:
            pool = make(retry=QUICK)
            with pytest.raises(ConnectError, match=r"before it has answered anything .*go away"):
                while True:
                    with contextlib.suppress(TurnInterrupted):  # It was sent just before the end, twice.
                        pool.create(input="x", store=False)
            assert pool.stats.dial_failures <= 6
    finally:
        stop.set()
        kicking.join()


# -- connections that are lost ----------------------------------------------------------------------------------------


def test_a_request_that_was_lost_before_its_first_event_goes_out_again(lanes, scripted):
    """If nothing but its response can have come of it; and once, since it may be what ends connections."""
    pool = lanes(store=False, retry=QUICK)
    asking = run_in_thread(pool.create, input="x")
    peer = scripted.accept()
    lost = peer.receive()
    peer.drop()
    peer = scripted.accept()
    assert peer.receive() == lost
    answer(peer, lost, "here")
    assert asking.result().output_text == "here"
    asking = run_in_thread(pool.create, input="x")
    for _ in range(2):
        peer.receive()
        peer.drop()
        peer = scripted.accept() if _ == 0 else peer
    with pytest.raises(TurnInterrupted):
        asking.result()
    assert pool.stats.recoveries == 2


@pytest.mark.parametrize("repeat_lost", [False, True])
def test_a_request_that_leaves_traces_goes_out_again_only_if_the_caller_says_so(lanes, scripted, repeat_lost):
    """It is stored, and may be in the store already."""
    pool = lanes(repeat_lost=repeat_lost, retry=QUICK)
    asking = run_in_thread(pool.create, input="x")
    peer = scripted.accept()
    peer.receive()
    peer.drop()
    if repeat_lost:
        peer = scripted.accept()
        answer(peer, peer.receive(), "here")
        assert asking.result().output_text == "here"
    else:
        with pytest.raises(TurnInterrupted):
            asking.result()


def test_a_response_that_is_cut_off_is_its_callers(lanes, scripted):
    """With what had arrived: the pool repeats nothing that has begun."""
    pool = lanes(store=False)
    opening = run_in_thread(pool.stream, input="x")
    peer = scripted.accept()
    begin(peer, peer.receive())
    stream = opening.result()
    assert next(stream).type == "response.created"
    peer.drop()
    with pytest.raises(TurnInterrupted) as cut:
        next(stream)
    assert cut.value.partial.id == "resp_1"
    wait_until(lambda: pool.stats.in_flight == pool.stats.open == 0)


@pytest.mark.parametrize("reads", ["events", "response"])
def test_the_servers_limit_on_a_connection_is_nobodys_failure(lanes, scripted, reads):
    """A request that it refuses goes to another connection; what runs goes on."""
    pool = lanes(1)
    running = run_in_thread(pool.create, input="runs")
    old = scripted.accept()
    create = old.receive()
    begin(old, create)
    wait_until(lambda: pool._core.book.members[0].proved)
    opening = run_in_thread(pool.stream, input="x")
    error(old, old.receive(), "websocket_connection_limit_reached")
    stream = opening.result()
    result = run_in_thread(stream.response if reads == "response" else lambda: [event.type for event in stream])
    new = scripted.accept()
    answer(new, new.receive(), response_id="resp_2")
    assert result.result() is not None
    if reads == "events":
        assert "error" not in result.result()
    end(old, create, text="fine")
    assert running.result().output_text == "fine"
    wait_until(lambda: (pool.stats.open, pool.stats.retiring) == (1, 0))


@pytest.mark.parametrize("do", ["drop", "close"])
def test_losses_that_are_safe_to_repeat_fail_no_request(do):
    """Some requests take their connection with them before they are handled: nobody notices."""
    faults = [Fault(at="response.create", do=do, nth=n) for n in (7, 40, 90)]
    with serving(*faults) as server, pools(server.base_url) as make:
        pool = make(2, store=False, retry=QUICK)
        with Crowd(pool, threads=1) as crowd:  # Of several one might be lost twice, which is once too often.
            wait_until(lambda: crowd.count > 100)
        assert crowd.errors == []
        assert pool.stats.recoveries == pool.stats.lost == 3


def test_an_idle_connection_that_is_lost_is_nobodys_failure(lanes, scripted):
    """The next request has another one."""
    pool = lanes()
    for n in range(2):
        asking = run_in_thread(pool.create, input="x")
        peer = scripted.accept()
        answer(peer, peer.receive(), response_id=f"resp_{n}")
        asking.result()
        peer.drop()
        wait_until(lambda: pool.stats.open == 0)
    assert (pool.stats.lost, pool.stats.dial_failures) == (2, 0)


# -- connections that are old or idle ---------------------------------------------------------------------------------


def test_rotation_fails_no_request():
    """Eight threads ask without a pause while connections are replaced again and again."""
    with serving() as server, pools(server.base_url) as make:
        pool = make(2, store=False, rotate_after=0.02)
        with Crowd(pool) as crowd:
            wait_until(lambda: pool.stats.rotated >= 10)
        assert crowd.errors == []
        wait_until(lambda: pool.stats.retiring == 0)
        assert pool.stats.lost == 0


def test_idle_connections_are_closed():
    """And opened again for the next request."""
    with serving() as server, pools(server.base_url) as make:
        pool = make(idle_timeout=0.03)
        for n in range(1, 3):
            pool.create(input="x")
            wait_until(lambda n=n: pool.stats.closed_idle == n)
        wait_until(lambda: pool.stats.open == 0)


def test_warm_connections(lanes, scripted):
    """They are opened before anybody asks, and again when they are lost."""
    pool = lanes(3, warm=2, retry=QUICK)
    assert scripted.requests == []
    pool.open()
    first, _ = scripted.accept(), scripted.accept()
    wait_until(lambda: pool.stats.open == 2)
    first.drop()
    scripted.accept()
    wait_until(lambda: pool.stats.open == 2 and pool.stats.opened == 3)


def test_no_time_for_a_dial(lanes, scripted):
    """A request that must not wait fails when nothing is open, and the dial that it caused serves the next one."""
    pool = lanes(acquire_timeout=0)
    with pytest.raises(PoolTimeout, match="0 of 4 connections open"):
        pool.create(input="x")
    peer = None
    asking = None
    while peer is None or asking is None:
        pool.open()
        asking = run_in_thread(functools.partial(pool.submit, input="x"))
        peer = scripted.accept()
    answer(peer, peer.receive())
    assert asking.result().result(10).id == "resp_1"
