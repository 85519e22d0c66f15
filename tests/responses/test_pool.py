"""A pool over real connections: requests, places, affinity, what is submitted, and the end."""

from __future__ import annotations

import itertools
import pathlib
import re
import threading
from concurrent.futures import CancelledError

import pytest

from realtime_sync import Client, NotFoundError, ResponsesPool
from realtime_sync.errors import (
    ConfigurationError,
    LocalProtocolError,
    PoolClosed,
    PoolTimeout,
    RequestTimeout,
    ResponseFailed,
    ServerError,
    TurnInterrupted,
)
from realtime_sync.responses import PoolStream
from realtime_sync.server import LocalServer
from tests.responses.live_support import answer, begin, end, error
from tests.responses.pool_support import pools
from tests.support.waiting import run_in_thread, wait_until


@pytest.fixture
def lanes(scripted):
    """Make pools for the scripted server, which has lanes."""
    with pools(scripted.base_url, known=True) as make:
        yield make


@pytest.fixture
def no_lanes(scripted):
    """Make pools for the scripted server, which has none: a connection runs one request at a time."""
    with pools(scripted.base_url, known=False) as make:
        yield make


@pytest.fixture
def local():
    """Make pools for a local server that repeats what it is told."""
    with (
        LocalServer(time_scale=0, responder=lambda request: " | ".join(text for _, text in request.messages)) as server,
        pools(server.base_url) as make,
    ):
        make.server = server
        yield make


def asked(pool, count):
    """Ask, one after the other, each in a thread of its own, once the one before is in line or has its place."""
    asking = []
    for n in range(count):
        asking.append(run_in_thread(pool.create, input=str(n)))
        wait_until(lambda n=n: pool.stats.in_flight + pool.stats.waiting == n + 1)
    return asking


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_request_and_its_answer(lanes, scripted):
    """Nothing is dialled before the first one; what is sent has the pool's defaults."""
    pool = lanes(2, instructions="be brief", store=False)
    assert isinstance(pool, ResponsesPool)
    assert scripted.requests == []
    asking = run_in_thread(pool.create, input="hello")
    peer = scripted.accept()
    create = peer.receive()
    assert (create["model"], create["instructions"], create["input"]) == ("m", "be brief", "hello")
    assert pool.stats.in_flight == 1
    answer(peer, create, "hi")
    assert asking.result().output_text == "hi"
    wait_until(lambda: pool.stats.in_flight == 0)
    assert (pool.stats.open, pool.stats.opened, pool.stats.full, pool.stats.delta) == (1, 1, 1, 0)


def test_a_stream(lanes, scripted):
    """Its events, its text, and the whole response; what a steer needs is there too."""
    pool = lanes()
    opening = run_in_thread(pool.stream, input="x")
    peer = scripted.accept()
    create = peer.receive()
    with opening.result() as stream:
        assert isinstance(stream, PoolStream)
        assert (stream.id, stream.lane) == (None, create["stream_id"])
        begin(peer, create)
        assert next(stream).type == "response.created"
        assert stream.id == "resp_1"
        stream.steer("more")
        assert peer.receive()["input"] == "more"
        peer.send("response.steer.failed", steer={"id": "s", "previous_response_id": "resp_1"})
        answer_rest = [("a", 0), ("b", 0)]
        for text, index in answer_rest:
            peer.send(
                "response.output_text.delta",
                stream_id=stream.lane,
                output_index=index,
                content_index=0,
                item_id="i",
                delta=text,
            )
        end(peer, create, text="ab")
        assert list(stream.text()) == ["a", "b"]
        assert stream.get_final_response().output_text == "ab"
        assert [each.id for each in stream.responses] == ["resp_1"]
        assert (stream.pending_input, stream.steer_unknown) == (None, False)


def test_a_place_is_held_until_the_last_event(no_lanes, scripted):
    """Leaving a stream does not free it: the server goes on. The next request goes out when that is over."""
    pool = no_lanes(1)
    opening = run_in_thread(pool.stream, input="x")
    peer = scripted.accept()
    create = peer.receive()
    begin(peer, create)
    opening.result().abandon()
    asking = run_in_thread(pool.create, input="y")
    wait_until(lambda: pool.stats.waiting == 1)
    assert pool.stats.in_flight == 1
    end(peer, create)
    answer(peer, peer.receive(), "fine", response_id="resp_2")
    assert asking.result().output_text == "fine"


def test_errors_come_back_and_the_place_is_free(no_lanes, scripted):
    """A refused request and a failed response are their caller's; the next one runs."""
    pool = no_lanes(1)
    asking = run_in_thread(pool.create, input="x")
    peer = scripted.accept()
    error(peer, peer.receive(), "bad_value")
    with pytest.raises(ServerError, match="bad_value"):
        asking.result()
    asking = run_in_thread(pool.create, input="x")
    answer(peer, peer.receive(), kind="response.failed", error={"code": "x", "message": "fell over"})
    with pytest.raises(ResponseFailed, match="fell over"):
        asking.result()
    asking = run_in_thread(pool.create, input="x")
    answer(peer, peer.receive(), "ok", response_id="resp_3")
    assert asking.result().output_text == "ok"


def test_what_cannot_be_sent_takes_no_place(lanes, scripted):
    """It is refused before anything is dialled."""
    pool = lanes()
    with pytest.raises(TypeError, match="modle"):
        pool.create(input="x", modle="m")
    with pytest.raises(LocalProtocolError):
        pool.stream(input="x", previous_response_id="a", conversation="b")
    with pytest.raises(TypeError):
        pool.submit(inptu="x")
    assert scripted.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_connections": 0},
        {"max_connections": True},
        {"max_connections": 1, "warm": 2},
        {"warm": -1},
        {"acquire_timeout": -1},
        {"idle_timeout": "x"},
        {"rotate_after": -0.5},
        {"retry": {"retries": 1}},
    ],
)
def test_settings_that_cannot_work(lanes, wrong):
    """Each is named."""
    with pytest.raises(ConfigurationError, match=min(wrong) if len(wrong) == 1 else "warm"):
        lanes(**wrong)


@pytest.mark.parametrize("timeout", ["5", float("nan"), -1, True])
def test_a_timeout_that_is_none(lanes, scripted, timeout):
    """It is refused before anything is sent."""
    pool = lanes()
    with pytest.raises(ConfigurationError, match="timeout must be a number of seconds"):
        pool.create(input="x", timeout=timeout)
    with pytest.raises(ConfigurationError, match="timeout must be a number of seconds"):
        pool.conversation().create("x", timeout=timeout)
    assert scripted.requests == []


def test_one_thread_an_answer(local):
    """Sixty-four threads on two connections: each gets its own answers, and no more is opened than may be."""
    pool = local(2, store=False)
    results = {}

    def ask(n):
        results[n] = [pool.create(input=f"{n}.{turn}").output_text for turn in range(3)]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {n: [f"{n}.{turn}" for turn in range(3)] for n in range(64)}
    assert pool.stats.opened <= 2
    assert (pool.stats.in_flight, pool.stats.waiting, pool.stats.full) == (0, 0, 192)
    assert pool.stats.reused >= 190


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_first_come_first_served(no_lanes, scripted):
    """The requests reach the server in the order in which they were made."""
    pool = no_lanes(1)
    asking = asked(pool, 5)
    peer = scripted.accept()
    for n, each in enumerate(asking):
        create = peer.receive()
        assert create["input"] == str(n)
        answer(peer, create, response_id=f"resp_{n}")
        each.result()
    assert pool.stats.waits == 5


@pytest.mark.parametrize(("acquire_timeout", "timeout"), [(0, 30), (0.05, 30), (30, 0.05)])
def test_a_wait_ends_in_time(no_lanes, scripted, acquire_timeout, timeout):
    """With PoolTimeout, which says what the pool does; the request leaves no trace, and the others do not notice."""
    pool = no_lanes(1, acquire_timeout=acquire_timeout)
    running = pool.submit(input="x")  # It waits for the dial, however long that takes.
    peer = scripted.accept()
    create = peer.receive()
    with pytest.raises(PoolTimeout, match="1 of 1 connections open, 1 requests running") as timed_out:
        pool.create(input="y", timeout=timeout)
    assert timed_out.value.replay_safe
    assert isinstance(timed_out.value, TimeoutError)
    assert pool.stats.timeouts == 1
    answer(peer, create, "x")
    assert running.result(10).output_text == "x"
    wait_until(lambda: pool.stats.waiting == pool.stats.in_flight == 0)


def test_a_response_that_does_not_end_in_time(no_lanes, scripted):
    """The time is that of waiting and answering together; the place is free when the server has ended it."""
    pool = no_lanes(1)
    asking = run_in_thread(pool.create, input="x", timeout=0.5)
    peer = scripted.accept()
    create = peer.receive()
    begin(peer, create)
    with pytest.raises(RequestTimeout):
        asking.result()
    assert pool.stats.in_flight == 1
    end(peer, create)
    wait_until(lambda: pool.stats.in_flight == 0)


def test_more_places_once_lanes_are_proved(scripted):
    """Of an unknown server one request a connection; as soon as it names a lane, those in line go out too."""
    with pools(scripted.base_url) as make:
        pool = make(1)
        asking = asked(pool, 3)
        peer = scripted.accept()
        first = peer.receive()
        assert pool.stats.waiting == 2
        begin(peer, first, "resp_0")
        others = [peer.receive() for _ in range(2)]
        assert pool.stats.in_flight == 3
        end(peer, first, "resp_0")
        for n, create in enumerate(others, 1):
            answer(peer, create, response_id=f"resp_{n}")
        assert {each.result().id for each in asking} == {"resp_0", "resp_1", "resp_2"}


# -- affinity ---------------------------------------------------------------------------------------------------------


def two_connections(pool, scripted):
    """Open two, each with a response: return the peers and the requests."""
    asking = asked(pool, 2)
    peers = [scripted.accept() for _ in asking]
    creates = [peer.receive() for peer in peers]
    for peer, create in zip(peers, creates, strict=True):
        answer(peer, create, response_id=f"resp_of_{create['input']}")
    for each in asking:
        each.result()
    wait_until(lambda: pool.stats.in_flight == 0)
    return peers, creates


def test_a_request_goes_to_the_connection_that_remembers(no_lanes, scripted):
    """Whichever of them it is, however little the other has to do."""
    pool = no_lanes(2, store=False)
    peers, creates = two_connections(pool, scripted)
    for peer, create in zip(peers, creates, strict=True):
        before = f"resp_of_{create['input']}"
        asking = run_in_thread(pool.create, input="more", previous_response_id=before)
        assert peer.receive()["previous_response_id"] == before
        answer(peer, create, response_id=f"{before}_2")
        asking.result()
    assert pool.stats.delta == 2


def test_a_request_waits_for_the_only_connection_that_remembers(no_lanes, scripted):
    """What nothing stores is nowhere else: so it waits, though another connection is free."""
    pool = no_lanes(2, store=False)
    peers, creates = two_connections(pool, scripted)
    before = f"resp_of_{creates[0]['input']}"
    streaming = run_in_thread(pool.stream, input="more", previous_response_id=before)
    blocking = peers[0].receive()
    stream = streaming.result()
    begin(peers[0], blocking, "resp_3")
    wait_until(lambda: stream.id == "resp_3")
    asking = run_in_thread(pool.create, input="again", previous_response_id="resp_3")
    wait_until(lambda: pool.stats.waiting == 1)
    end(peers[0], blocking, "resp_3")
    assert stream.response().id == "resp_3"
    create = peers[0].receive()
    assert create["previous_response_id"] == "resp_3"
    answer(peers[0], create, response_id="resp_4")
    assert asking.result().id == "resp_4"


def test_what_is_stored_is_asked_for_elsewhere(no_lanes, scripted):
    """After a tenth of a second, since any connection will find it."""
    pool = no_lanes(2)
    peers, creates = two_connections(pool, scripted)
    before = f"resp_of_{creates[0]['input']}"
    streaming = run_in_thread(pool.stream, input="more", previous_response_id=before)
    blocking = peers[0].receive()
    asking = run_in_thread(pool.create, input="again", previous_response_id=before)
    create = peers[1].receive()
    assert create["previous_response_id"] == before
    answer(peers[1], create, response_id="resp_4")
    assert asking.result().id == "resp_4"
    answer(peers[0], blocking, response_id="resp_3")
    streaming.result().response()


# -- conversations ----------------------------------------------------------------------------------------------------


def test_a_conversation(local):
    """It sends what is new to the connection that remembers the rest."""
    pool = local()
    chat = pool.conversation()
    for text, whole in (("a", "a"), ("b", "a | a | b")):
        assert chat.create(text).output_text == whole
    assert (chat.stats.full, chat.stats.delta) == (1, 1)
    assert (pool.stats.full, pool.stats.delta) == (1, 1)
    chat.close()
    assert not pool.closed


def test_a_pool_may_be_given_to_a_conversation(local):
    """By `via`, as a connection may."""
    pool = local()
    with local.client.responses.conversation(via=pool) as chat:
        assert chat.create("a").output_text == "a"
    assert pool.stats.full == 1


def test_a_conversation_goes_on_by_its_key(local):
    """Another object, made of the saved state, finds what the connection remembers; another state does not."""
    pool = local()
    with pool.conversation(key="visitor") as chat:
        chat.create("a")
        saved = chat.to_dict()
    with pool.conversation(key="visitor", state=saved) as chat:
        assert chat.create("b").output_text == "a | a | b"
        assert (chat.stats.full, chat.stats.delta) == (0, 1)
    with pool.conversation(key="visitor", state=saved) as chat:
        assert chat.create("c").output_text == "a | a | c"
        assert (chat.stats.full, chat.stats.delta) == (1, 0)


def test_keys_are_forgotten(local, monkeypatch):
    """Only so many are kept: the oldest goes."""
    monkeypatch.setattr("realtime_sync.responses._pool.MAX_KEYS", 2)
    pool = local()
    for n in range(4):
        pool.conversation(key=str(n))
    assert [*pool._kept] == ["2", "3"]


def test_a_conversation_whose_lane_cannot_be_had_sends_everything(lanes, scripted, monkeypatch):
    """An owner waits a moment for its connection; then it goes out in full, over another one."""
    monkeypatch.setattr("realtime_sync.responses._book.MAX_IN_FLIGHT", 1)
    pool = lanes(2, store=False)
    chat = pool.conversation()
    asking = run_in_thread(chat.create, "a")
    first = scripted.accept()
    answer(first, first.receive(), "A", response_id="resp_a", previous_response_id=None)
    asking.result()
    streaming = run_in_thread(pool.stream, input="somebody else")
    blocking = first.receive()
    asking = run_in_thread(chat.create, "b")
    second = scripted.accept()
    create = second.receive()
    assert "previous_response_id" not in create
    assert len(create["input"]) == 3
    answer(second, create, "B", response_id="resp_b")
    assert asking.result().output_text == "B"
    assert chat.stats.recoveries == {"in_full": 1}
    answer(first, blocking, response_id="resp_c")
    streaming.result().response()


def test_a_conversation_whose_connection_is_lost_goes_on(local):
    """In full, on another one."""
    pool = local()
    chat = pool.conversation()
    chat.create("a")
    for member in pool._core.book.members:
        member.carrier.connection._core.connection.abort()
    wait_until(lambda: pool.stats.open == 0)
    assert chat.create("b").output_text == "a | a | b"
    assert (chat.stats.full, chat.stats.delta) == (2, 0)


# -- what is submitted ------------------------------------------------------------------------------------------------


def test_submitted_requests(local):
    """They run on threads of the pool's, and their futures have what comes of them."""
    pool = local()
    futures = [pool.submit(input=f"{n}") for n in range(50)]
    assert [future.result(20).output_text for future in futures] == [f"{n}" for n in range(50)]
    assert pool.submit(input="x", previous_response_id="resp_never").exception(20).code == "previous_response_not_found"


def test_a_submitted_request_may_be_cancelled(no_lanes, scripted, monkeypatch):
    """Until it begins."""
    monkeypatch.setattr("realtime_sync.responses._pool.MAX_IN_FLIGHT", 1)
    pool = no_lanes(1)
    running = pool.submit(input="1")
    peer = scripted.accept()
    create = peer.receive()
    cancelled, last = pool.submit(input="2"), pool.submit(input="3")
    assert pool.stats.queued == 2
    assert cancelled.cancel()
    assert not running.cancel()
    answer(peer, create)
    running.result(10)
    create = peer.receive()
    assert create["input"] == "3"
    answer(peer, create, response_id="resp_3")
    assert last.result(10).id == "resp_3"
    with pytest.raises(CancelledError):
        cancelled.result(0)


def test_submitted_requests_wait_as_long_as_it_takes(no_lanes, scripted):
    """A long queue is no reason to fail: `acquire_timeout` is not theirs."""
    pool = no_lanes(1, acquire_timeout=0.01)
    futures = [pool.submit(input=str(n)) for n in range(3)]
    peer = scripted.accept()
    for n in range(3):
        create = peer.receive()
        with pytest.raises(PoolTimeout):
            pool.create(input="but it is others'")
        answer(peer, create, response_id=f"resp_{n}")
    assert {future.result(10).id for future in futures} == {"resp_0", "resp_1", "resp_2"}


def test_map_keeps_the_order(local):
    """Whatever order the answers come in."""
    pool = local()
    answers = pool.map({"input": str(n)} for n in range(40))
    assert [each.output_text for each in answers] == [str(n) for n in range(40)]


def test_map_takes_requests_as_they_are_needed(local):
    """There may be any number of them; leaving it cancels what has not begun."""
    pool = local(1)
    taken = itertools.count()
    answers = pool.map({"input": str(next(taken))} for _ in itertools.count())
    assert [next(answers).output_text for _ in range(3)] == ["0", "1", "2"]
    assert next(taken) <= 40
    answers.close()
    wait_until(lambda: pool.stats.queued == 0 and pool.stats.in_flight == 0)


def test_map_and_errors(local):
    """The error of a request is raised in its turn, or is its result."""
    pool = local()
    requests = [{"input": "1"}, {"input": "2", "previous_response_id": "resp_never"}, {"input": "3"}]
    one, error, three = pool.map(requests, return_exceptions=True)
    assert (one.output_text, three.output_text) == ("1", "3")
    assert isinstance(error, ServerError)
    answers = pool.map(requests)
    assert next(answers).output_text == "1"
    with pytest.raises(ServerError):
        next(answers)


def test_what_is_no_request_is_refused_by_map(local):
    """The error says what belongs there, and what was asked before it is not waited for."""
    pool = local()
    answers = pool.map([{"input": "1"}, "2"])
    with pytest.raises(LocalProtocolError, match=r"keywords of a submit each.*'2'"):
        list(answers)
    assert pool.create(input="3").output_text


# -- the end ----------------------------------------------------------------------------------------------------------


def test_closing(no_lanes, scripted, monkeypatch):
    """Who waits gets PoolClosed, what runs TurnInterrupted, what did not begin is cancelled, who comes is refused."""
    monkeypatch.setattr("realtime_sync.responses._pool.MAX_IN_FLIGHT", 1)
    pool = no_lanes(1)
    running, waiting = asked(pool, 2)
    scripted.accept().receive()
    submitted, queued = pool.submit(input="x"), pool.submit(input="y")
    wait_until(lambda: pool.stats.waiting == 2)
    pool.close()
    pool.close()
    with pytest.raises(TurnInterrupted):
        running.result()
    with pytest.raises(PoolClosed):
        waiting.result()
    assert isinstance(submitted.exception(10), PoolClosed)
    assert queued.cancelled()
    for call in (pool.create, pool.stream, pool.submit, pool.open, lambda: next(pool.map([{}]))):
        with pytest.raises(PoolClosed):
            call()
    assert pool.closed
    assert repr(pool) == "ResponsesPool(max_connections=1, closed)"


def test_closing_on_top_of_anything(local, monkeypatch):
    """A signal handler may close the pool whatever the interrupted thread holds; the rest is done when that goes on."""
    monkeypatch.setattr("realtime_sync.responses._pool_core.CLOSE_SECONDS", 0.01)
    monkeypatch.setattr("realtime_sync.responses._pool.CLOSE_SECONDS", 0.01)
    pool = local()
    pool.submit(input="x").result(10)
    core = pool._core
    with core.lock, pool._workers._lock:
        pool.close()
        assert pool.closed
        assert core.book.members
    wait_until(lambda: not core.book.members and core.book.closed)


def test_a_pool_that_was_never_used_closes():
    """Nothing was started for it."""
    client = Client(base_url="http://127.0.0.1:1/v1", api_key="k")
    with client.responses.pool() as pool:
        assert repr(pool) == "ResponsesPool(max_connections=4, open)"
    with pytest.raises(PoolClosed):
        pool.create(input="x", model="m")


def test_closing_the_client_closes_its_pools(lanes, scripted):
    """As its sessions."""
    pool = lanes()
    asking = run_in_thread(pool.create, input="x")
    scripted.accept().receive()
    lanes.client.close()
    with pytest.raises(TurnInterrupted):
        asking.result()
    assert pool.closed


def test_closing_while_a_dial_is_under_way(lanes, scripted):
    """What comes of it is closed too."""
    scripted.gate.clear()
    pool = lanes()
    asking = run_in_thread(pool.create, input="x")
    wait_until(lambda: pool.stats.waiting == 1 and pool._core._dialler is not None)
    pool.start_close()
    with pytest.raises(PoolClosed):
        asking.result()
    scripted.gate.set()
    pool.close()
    assert pool.stats.open == 0


def test_a_pool_that_is_dropped_says_so(local):
    """And lets its connections and threads go."""
    pool = local.client.responses.pool(model="m")
    pool.create(input="x")
    kept = [pool]
    del pool
    with pytest.warns(ResourceWarning, match="without close"):
        kept.clear()


def test_a_refused_upgrade_is_told_in_full(scripted):
    """The server's status is the error's class, for each who waits an error of its own."""
    scripted.refusals.append((404, {}))
    with pools(scripted.base_url) as make:
        pool = make()
        asking = asked_loosely(pool, 3)
        errors = [each.exception for each in asking]
    assert all(isinstance(each, NotFoundError) for each in errors)
    assert len(set(map(id, errors))) == 3


def asked_loosely(pool, count):
    """Ask at the same time, and keep what is raised."""
    barrier = threading.Barrier(count)

    class Asking:
        exception = None

        def run(self):
            barrier.wait()
            try:
                pool.create(input="x")
            except Exception as error:
                self.exception = error

    asking = [Asking() for _ in range(count)]
    threads = [threading.Thread(target=each.run) for each in asking]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return asking


def test_the_page_has_code_that_runs(capsys):
    """As it stands."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "pool.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    scope = {}
    exec(code, scope)  # noqa: S102  # our own page
    scope["client"].close()
    out = capsys.readouterr().out
    assert "42" in out
    assert "1 plus 1 is 2" in out
    assert "Your name is Ada." in out
