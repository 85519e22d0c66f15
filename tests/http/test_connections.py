"""Connections: kept for the next request, one request each at a time, through proxies and forks; and users' sessions."""

from __future__ import annotations

import contextlib
import functools
import gc
import multiprocessing
import random
import sys
import threading
import weakref

import pytest
import requests
from urllib3.util.connection import is_connection_dropped

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import (
    ClosedError,
    ClosedOK,
    ConnectError,
    ConnectTimeout,
    ForkedError,
    ProxyError,
    RequestTimeout,
    StatusError,
)
from realtime_sync.http import HttpClient
from realtime_sync.http import _client as client_module
from realtime_sync.http._carriers import UsersSession
from realtime_sync.transport import Deadline, Waiter
from tests.http.conftest import KEY
from tests.support import proxies
from tests.support.interrupting import interrupted_at, interrupted_everywhere
from tests.support.waiting import run_in_thread, wait_until


def fine(exchange):
    exchange.reply(200, "fine")


def test_a_connection_is_kept_for_the_next_request(make_caller):
    """If the answer was read to its end, of a refusal too."""
    caller = make_caller(lambda exchange: exchange.reply(404 if exchange.path == "/v1/no" else 200, "fine"))
    for path in ("/x", "/no", "/x", "/y"):
        with contextlib.suppress(StatusError):
            assert caller.get(path) == b"fine"
    assert caller.peer.accepted == 1
    caller.open().close()
    assert caller.get() == b"fine"
    assert caller.peer.accepted == 2


def test_a_connection_that_is_dropped_is_closed(make_caller):
    """As by an interrupt while it is put away: nothing keeps it open for ever (what is open fails every test here)."""
    caller = make_caller(fine)
    assert caller.get() == b"fine"
    (lines,) = caller.client._idle.values()
    line = weakref.ref(lines.pop())
    gc.collect()
    assert line() is None
    assert caller.get() == b"fine"
    assert caller.peer.accepted == 2


def test_what_the_server_closed_is_not_used(make_caller):
    """A connection that ended while nobody used it costs a new one and no error."""

    def script(exchange):
        fine(exchange)
        exchange.link.drop()

    caller = make_caller(script)
    for number in range(1, 4):
        assert caller.get() == b"fine"
        assert caller.peer.accepted == number
        line = next(iter(caller.client._idle.values()))[0]
        kept = line.session.adapters["https://"]._pool.pool._items[0]
        wait_until(lambda kept=kept: is_connection_dropped(kept), what="the end")


def test_old_connections_are_not_used(make_caller, monkeypatch):
    """After a while of idleness nobody knows what stands between."""
    caller = make_caller(fine)
    caller.get()
    monkeypatch.setattr(client_module, "_IDLE_SECONDS", -1)
    caller.get()
    assert caller.peer.accepted == 2


def test_threads_do_not_share_a_connection(make_caller, monkeypatch):
    """Each request that runs has its own; of those that end, so many are kept."""
    monkeypatch.setattr(client_module, "_MAX_IDLE", 3)
    together = threading.Barrier(8)

    def script(exchange):
        together.wait(10)
        fine(exchange)

    caller = make_caller(script)
    for _ in range(2):
        running = [run_in_thread(caller.get) for _ in range(8)]
        assert [each.result() for each in running] == [b"fine"] * 8
    assert caller.peer.accepted == 8 + 5
    assert len(next(iter(caller.client._idle.values()))) == 3


def test_an_answer_that_is_dropped_closes_its_connection(make_caller):
    """Nobody need call `close`."""
    ended = threading.Event()

    def script(exchange):
        exchange.begin()
        exchange.chunk(b"x")
        exchange.link.read_eof()
        ended.set()

    caller = make_caller(script)
    answer = caller.open()
    next(answer.pieces())
    del answer
    gc.collect()
    assert ended.wait(10)
    assert caller.client._running == {}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Nothing is collected there before a step of Python ends.")
def test_answers_collected_while_the_client_is_closed():
    """They leave its list under its hands."""

    class Dropped:
        """An answer that only the collector finds."""

        def __init__(self):
            self.close = lambda: self

    threshold = gc.get_threshold()
    try:
        for allocations in range(1, 100):
            client = HttpClient(ConnectionOptions())
            running = client._running
            gc.collect()
            gc.disable()
            for number in range(5):
                running[number] = weakref.ref(Dropped(), functools.partial(running.pop, number))
            gc.set_threshold(allocations)
            gc.enable()
            client.close()
    finally:
        gc.set_threshold(*threshold)
        gc.enable()


# The way


@pytest.fixture(params=["http", "https"])
def answering(request, make_caller, tls):
    """A server that answers with 200, without and with TLS."""
    secure = request.param == "https"

    def make(**options):
        return make_caller(fine, tls=tls.server_context if secure else None, **options)

    return make


def test_the_proxy_of_the_environment(proxy, answering, tls, monkeypatch):
    """One variable, and requests go the way of WebSockets, whatever the kind of proxy."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", tls.ca_file)
    assert answering().get() == b"fine"


def test_wrong_credentials_for_the_proxy(http_proxy, answering, tls):
    """Are an error that names the proxy, and nothing of them."""
    caller = answering(proxy=http_proxy.replace(proxies.LOGIN, "nobody:wrong"), ca_file=tls.ca_file)
    with pytest.raises(ProxyError, match="407") as caught:
        caller.get()
    assert "wrong" not in str(caught.value)
    assert caller.peer.accepted == 0


def test_only_the_given_authorities_are_trusted(answering, tls):
    """With ca_file or a context of one's own the server is trusted, without it is not."""
    if answering().url.startswith("http:"):
        assert answering().get() == b"fine"
        return
    assert answering(ca_file=tls.ca_file).get() == b"fine"
    assert answering(ssl_context=tls.client_context).get() == b"fine"
    with pytest.raises(ConnectError, match="cannot be trusted") as caught:
        answering().get()
    assert not caught.value.transient


def test_netrc_is_not_asked(make_caller, monkeypatch, tmp_path):
    """A log-in from there would replace an API key: neither with our connections, nor with a user's session."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = []

    def script(exchange):
        seen.append(exchange.headers)
        fine(exchange)

    with requests.Session() as session:
        for each in (None, session):
            caller = make_caller(script, session=each)
            (tmp_path / "netrc").write_text(f"machine {caller.peer.host} login someone password secret\n")
            assert caller.get() == b"fine"
    assert [each["authorization"] for each in seen] == [f"Bearer {KEY}"] * 2
    assert all(each["user-agent"].startswith("realtime-sync/") for each in seen)


# A user's session


@pytest.fixture
def session():
    """A session of the user's."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_a_users_session_is_used_and_left_open(make_caller, session):
    """Its own headers go along, ours win; closing the client does not close it."""
    session.headers["X-Own"] = "1"
    seen = []

    def script(exchange):
        seen.append(exchange.headers)
        fine(exchange)

    caller = make_caller(script, session=session)
    assert caller.get() == caller.get() == b"fine"
    caller.client.close()
    assert session.get(caller.url + "/z").text == "fine"
    assert caller.peer.accepted == 1
    assert seen[0]["x-own"] == "1"


def test_a_users_session_is_used_by_one_thread_at_a_time(make_caller, session):
    """First come, first served; who waits too long gives up, having sent nothing."""
    inside, most = [], []
    adapter = session.get_adapter("http://")
    send = adapter.send

    def watched(*arguments, **keywords):
        inside.append(1)
        most.append(len(inside))
        try:
            return send(*arguments, **keywords)
        finally:
            inside.pop()

    adapter.send = watched
    gate = threading.Event()

    def script(exchange):
        gate.wait(10)
        fine(exchange)

    caller = make_caller(script, session=session)
    running = [run_in_thread(caller.get) for _ in range(5)]
    wait_until(lambda: len(caller.client._shared._line) == 5, what="the queue")
    with pytest.raises(RequestTimeout) as caught:
        caller.get(timeout=0.05)
    assert caught.value.replay_safe
    gate.set()
    assert [each.result() for each in running] == [b"fine"] * 5
    assert max(most) == 1
    assert caller.client._shared._line == {}


def test_a_wait_for_a_users_session_ends_with_the_client(make_caller, session):
    """Also for those that wait for their turn; the request that runs ends by its own time-out."""
    gate = threading.Event()
    caller = make_caller(lambda exchange: (gate.wait(10), fine(exchange)), session=session)
    first = run_in_thread(caller.get)
    wait_until(lambda: caller.peer.accepted, what="the first")
    second = run_in_thread(caller.get)
    wait_until(lambda: len(caller.client._shared._line) == 2, what="the second")
    caller.client.close()
    with pytest.raises(ClosedOK):
        second.result(5)
    gate.set()
    with pytest.raises(ClosedOK):
        first.result(5)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (lambda link: link.drop(), ClosedError),
        (lambda link: (link.read_request(), link.stall()), RequestTimeout),
    ],
)
def test_faults_with_a_users_session(make_caller, session, script, expected):
    """Have the same errors."""
    caller = make_caller(script, raw=True, session=session)
    with pytest.raises(expected) as caught:
        caller.get(timeout=0.2)
    error = caught.value
    while error is not None:
        assert not isinstance(error, requests.RequestException)
        error = error.__cause__ or error.__context__


def test_no_connection_with_a_users_session(make_caller, session, tls):
    """Names, ports, certificates and proxies are told apart, and nothing was sent."""
    caller = make_caller(fine, session=session, tls=tls.server_context)
    with pytest.raises(ConnectError) as caught:
        caller.get()
    assert not caught.value.transient
    caller.peer.close()
    for url, proxy, expected in (
        (caller.url, None, ConnectError),
        ("https://name.invalid", None, ConnectError),
        (caller.url, f"http://127.0.0.1:{caller.peer.port}", ProxyError),
    ):
        caller.url = url
        session.proxies = {"https": proxy} if proxy else {}
        with pytest.raises(expected) as caught:
            caller.get(timeout=5)
        assert caught.value.replay_safe
        assert not isinstance(caught.value, ConnectTimeout)


def test_a_users_session_gets_time_outs(make_caller, session):
    """Connecting and reading end; a body that drips ends with the deadline."""

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        link.drip(b"x" * 500, 0.02)

    with pytest.raises(RequestTimeout):
        make_caller(script, raw=True, session=session).get(timeout=0.2)


# Interrupts and forks


@pytest.mark.raises_anywhere
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of generators in `requests`
def test_an_interrupted_request_leaves_nothing(make_caller):
    """Wherever Ctrl-C comes, nothing is locked, nothing runs on, and the next request works."""
    caller = make_caller(fine)
    caller.get()
    left = {}
    # Every point would take minutes, `requests` having so many of them: others each time.
    point = random.randint(1, 61)  # noqa: S311  (not for cryptography)
    while interrupted_at(point, caller.get, ()):
        point += 61
        if caller.client._running:
            gc.collect()  # What an interrupt dropped between two steps goes with the frame that held it.
        if caller.client._running:
            left[point] = dict(caller.client._running)
        assert caller.get() == b"fine"
    assert point > 1000
    assert left == {}
    assert caller.get() == b"fine"


@pytest.mark.raises_anywhere
def test_an_interrupted_wait_for_a_users_session_leaves_nothing(session):
    """Who was interrupted in the queue, or while at it, keeps nobody waiting."""
    shared = UsersSession(session)

    def take():
        shared.lend(Waiter(), Deadline(5), str)

    for _ in interrupted_everywhere(take):
        assert shared._line == {}
        take()


def in_child(caller, answer, results):
    try:
        next(answer.pieces())
    except ForkedError:
        results.put("forked")
    results.put(caller.get())
    answer.close()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.parametrize("own", [True, False], ids=["own", "users"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_begins_afresh(make_caller, session, own):
    """It uses none of the parent's connections, and the parent's answers go on."""

    def script(exchange):
        if exchange.path == "/v1/slow":
            exchange.begin()
            exchange.chunk(b"a")
            gate.wait(10)
            exchange.chunk(b"b")
            exchange.end()
        else:
            fine(exchange)

    gate = threading.Event()
    caller = make_caller(script, session=None if own else session)
    caller.get()
    answer = caller.open("/slow")
    pieces = answer.pieces()
    assert next(pieces) == b"a"
    assert caller.get() == b"fine"
    before = caller.peer.accepted
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=in_child, args=(caller, answer, results))
    child.start()
    assert [results.get(), results.get()] == ["forked", b"fine"]
    child.join(10)
    assert child.exitcode == 0
    results.close()
    gate.set()
    assert list(pieces) == [b"b"]
    assert caller.get() == b"fine"
    assert caller.peer.accepted == before + 1
