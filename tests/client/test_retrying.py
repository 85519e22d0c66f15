"""Dialling again while connecting: how often, how long between, and what ends it."""

from __future__ import annotations

import email.utils
import os
import signal
import threading
import time

import pytest

from realtime_sync import Client, RetryPolicy
from realtime_sync.errors import (
    ConfigurationError,
    ConnectError,
    ConnectTimeout,
    HandshakeRejected,
    InternalServerError,
    LocalProtocolError,
    RateLimitError,
)
from tests.support.waiting import run_in_thread, wait_until

QUICK = {"initial_delay": 0.01, "max_delay": 0.02}
SLOW = {"initial_delay": 60, "max_delay": 60, "jitter": False}


class Refusing:
    """A script that refuses the first connections with some statuses and upgrades those after."""

    def __init__(self, *statuses: int, headers: tuple[str, ...] = ()) -> None:
        self.statuses = list(statuses)
        self.headers = headers
        self.requests = []
        self.times = []

    def __call__(self, link):
        self.times.append(time.monotonic())
        self.requests.append(link.read_request())
        if self.statuses:
            link.respond(self.statuses.pop(0), *self.headers)
        else:
            link.upgrade()


@pytest.fixture
def connect(make_peer):
    """Connect to a peer with a script; returns the session, or raises."""

    def connect(script, client=None, **call):
        peer = make_peer(script)
        settings = {"base_url": f"http://127.0.0.1:{peer.port}/v1", "api_key": "k", "options": {"close_timeout": 0.1}}
        made = Client(**{**settings, **(client or {})})
        made.realtime.connect(model="m", **call).close()

    return connect


def test_what_passes_is_tried_again(connect):
    """Two more attempts by default, each with a key fetched anew."""
    keys = iter(["one", "two", "three"])
    script = Refusing(503, 429)
    connect(script, {"api_key": lambda: next(keys), "retry": QUICK})
    assert [request.headers["authorization"] for request in script.requests] == [
        "Bearer one",
        "Bearer two",
        "Bearer three",
    ]


def test_the_last_error_is_raised(connect):
    """After the last attempt."""
    script = Refusing(503, 503, 500, 503)
    with pytest.raises(InternalServerError) as caught:
        connect(script, {"retry": QUICK})
    assert caught.value.status == 500
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422, 426])
def test_what_does_not_pass_is_not_tried_again(connect, status):
    """A 4xx other than 408, 409 and 429 is final, and so is a redirect."""
    script = Refusing(status)
    with pytest.raises(HandshakeRejected):
        connect(script, {"retry": QUICK})
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("client", "call", "attempts"),
    [
        ({"max_retries": 0}, {}, 1),
        ({"max_retries": 3}, {}, 4),
        ({"max_retries": 3}, {"max_retries": 0}, 1),
        ({"retry": {"connect_retries": 1}}, {}, 2),
        ({"retry": RetryPolicy(connect_retries=1)}, {"retry": {"connect_retries": 0}}, 1),
        ({}, {"initial_delay": 0.02, "max_delay": 0.02, "max_retries": 1}, 2),
    ],
)
def test_how_often(connect, client, call, attempts):
    """By the client's or the call's policy or keywords; what the call says wins."""
    script = Refusing(*[503] * 9)
    if "retry" not in client and "initial_delay" not in call:
        client["retry"] = QUICK
    elif "initial_delay" not in call:
        call.update(QUICK)
    with pytest.raises(InternalServerError):
        connect(script, client, **call)
    assert len(script.requests) == attempts


def test_a_field_given_twice_is_told():
    """max_retries is short for a field of retry."""
    with pytest.raises(ConfigurationError, match="connect_retries"):
        Client(max_retries=1, retry={"connect_retries": 2})
    with pytest.raises(ConfigurationError, match="initial_delay"):
        Client(base_url="http://127.0.0.1:9/v1").realtime.connect(
            model="m", initial_delay=1, retry={"initial_delay": 2}
        )
    with pytest.raises(ConfigurationError, match="connect_retries"):
        Client.azure(endpoint="https://x", deployment="d", api_key="k", max_retries=-1)


def test_the_official_names_of_reconnecting(scripted):
    """on_reconnecting turns reconnecting on and is called; max_queue_size is the write limit; twice is refused."""
    told = []
    client = Client(base_url=scripted.base_url, api_key="k")
    with client.realtime.connect(
        model="m", on_reconnecting=lambda retrying: told.append(retrying.attempt), initial_delay=0, max_queue_size=4096
    ) as rt:
        assert rt._core.options.write_limit == (4096, 1024)
        scripted.accept().connection.close(1012)
        scripted.accept()
        assert rt.receive(timeout=10).type == "reconnected"
    assert told == [1]
    with pytest.raises(ConfigurationError, match="max_queue_size"):
        client.realtime.connect(model="m", max_queue_size=1, options={"write_limit": 2})
    client.close()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(connect, form):
    """The server's wish, in seconds or as a date, is the least that is waited."""
    # A date counts whole seconds: aim at the middle of one.
    value = "0.2" if form == "seconds" else email.utils.formatdate(time.time() + 1.0, usegmt=True)
    script = Refusing(429, headers=(f"Retry-After: {value}",))
    before = time.time()
    connect(script, {"retry": QUICK})
    assert len(script.times) == 2
    if form == "seconds":
        assert script.times[1] - script.times[0] >= 0.19
    else:
        assert time.time() >= email.utils.parsedate_to_datetime(value).timestamp() - 0.01
    assert time.time() - before < 5


@pytest.mark.parametrize("wish", ["3600", "9"])
def test_a_wait_beyond_the_deadline_does_not_begin(connect, wish):
    """Neither what Retry-After asks beyond open_timeout nor beyond the policy's limit: the error comes at once."""
    script = Refusing(429, headers=(f"Retry-After: {wish}",))
    start = time.monotonic()
    with pytest.raises(RateLimitError) as caught:
        connect(script, {"retry": QUICK}, options={"open_timeout": 5})
    assert time.monotonic() - start < 3
    assert caught.value.retry_after == float(wish)
    assert len(script.requests) == 1


def test_all_attempts_share_one_deadline(make_peer):
    """open_timeout covers them all: a second attempt that stalls gets what the first one left."""

    def script(link):
        if peer.accepted == 1:
            link.respond(503)
        else:
            link.stall()

    peer = make_peer(script)
    client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k", retry=QUICK)
    start = time.monotonic()
    with pytest.raises(ConnectTimeout, match=r"0\.3 s"):
        client.realtime.connect(model="m", options={"open_timeout": 0.3})
    assert 0.28 < time.monotonic() - start < 3


def test_the_hook_may_change_query_and_headers(connect):
    """It is told what is about to happen, and its changes replace what the caller gave."""
    told = []

    def on_retry(retrying):
        told.append(retrying)
        return {"extra_query": {"region": "b"}, "extra_headers": {"X-Try": "2"}} if retrying.attempt == 1 else None

    script = Refusing(503, 503)
    connect(
        script, {"retry": {**QUICK, "on_retry": on_retry}}, extra_query={"region": "a"}, extra_headers={"X-Own": "1"}
    )
    assert [request.path.rpartition("region=")[2] for request in script.requests] == ["a", "b", "b"]
    assert [request.headers.get("x-try") for request in script.requests] == [None, "2", "2"]
    assert [(each.attempt, each.max_attempts, each.close_code, each.error.status) for each in told] == [
        (1, 2, None, 503),
        (2, 2, None, 503),
    ]
    assert told[1].extra_query == {"region": "b"}
    assert all(0 <= each.delay <= 0.02 for each in told)


def test_the_hook_may_abort(connect):
    """Then the error of the attempt is raised at once."""
    script = Refusing(503, 503)
    with pytest.raises(InternalServerError):
        connect(
            script, {"retry": {**SLOW, "on_retry": lambda retrying: {"abort": True}}}, options={"open_timeout": None}
        )
    assert len(script.requests) == 1


@pytest.mark.parametrize("answer", [5, "abort", {"header": {}}])
def test_a_hook_that_returns_nonsense(connect, answer):
    """It is told what it may return."""
    with pytest.raises(ConfigurationError, match="extra_headers, extra_query"):
        connect(Refusing(503), {"retry": {**QUICK, "on_retry": lambda retrying: answer}})


def waiting_client(make_peer, script):
    """Return a client for a peer that refuses, with policies under which the next attempt is a minute away."""
    peer = make_peer(script)
    return Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k", retry=SLOW, options={"open_timeout": None})


def test_closing_the_client_ends_the_wait(make_peer):
    """At once, from another thread; whoever was connecting is told that the client was closed."""
    client = waiting_client(make_peer, Refusing(503))
    connecting = run_in_thread(client.realtime.connect, model="m")
    wait_until(lambda: client._pauses)
    client.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        connecting.result(5)
    assert connecting.took < 5


def test_a_closed_client_does_not_begin_to_wait():
    """The close may come before the wait."""
    client = Client()
    client.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        client.pause(60)


@pytest.mark.skipif(os.name == "nt", reason="signals to this process")
@pytest.mark.raises_anywhere
def test_an_interrupt_ends_the_wait(make_peer):
    """Ctrl-C, at once; and the client goes on to work."""
    script = Refusing(503)
    client = waiting_client(make_peer, script)

    interrupted = threading.Event()

    def interrupt():
        wait_until(lambda: client._pauses)
        # CPython itself misses a signal that comes in the instant before a wait begins, until the next one comes.
        while not interrupted.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.wait(0.5)

    helper = threading.Thread(target=interrupt)
    helper.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        client.realtime.connect(model="m")
    interrupted.set()
    helper.join()
    assert time.monotonic() - start < 5
    assert not isinstance(caught.value.__context__, ConnectError)
    assert client._pauses == {}
    client.realtime.connect(model="m", options={"close_timeout": 0.1}).close()
