"""When a lost connection is replaced, how often that is tried, and how giving up is told."""

from __future__ import annotations

import pickle
import time

import pytest

from realtime_sync import Client
from realtime_sync.errors import (
    AuthenticationError,
    ClosedError,
    ClosedOK,
    ConfigurationError,
    ConnectError,
    RateLimitError,
    ReconnectFailed,
)
from tests.support.reconnecting import QUICK, gap, item
from tests.support.waiting import run_in_thread, wait_until


def failed(rt) -> ReconnectFailed:
    """Receive up to the end, which is that reconnecting failed."""
    with pytest.raises(ReconnectFailed) as caught:
        while True:
            rt.receive(timeout=20)
    return caught.value


@pytest.fixture
def open_session(scripted):
    """Open a session of a client of its own; returns (session, peer)."""
    opened = []

    def open_session(client=None, **call):
        made = Client(base_url=scripted.base_url, **{"api_key": "k", **(client or {})})
        opened.append(made.realtime.connect(model="m", **call))
        return opened[-1], scripted.accept()

    yield open_session
    for each in opened:
        each.close()


# Which ends are replaced


@pytest.mark.parametrize("code", [None, 1001, 1005, 1011, 1012, 1013])
def test_after_these_codes_it_helps(connect, scripted, code):
    """The default of `RetryPolicy.close_codes` (None: no close frame; 1015 is TLS's)."""
    rt, peer = connect(retry=QUICK)
    if code == 1005:
        peer.connection.socket.sendall(b"\x88\x00")
    elif code is None:
        peer.drop()
    else:
        peer.close(code)
    scripted.accept()
    assert rt.receive(10).type == "reconnected"


@pytest.mark.parametrize("code", [1000, 1008, 3000, 4000, 4999])
def test_after_these_codes_it_does_not(connect, scripted, code):
    """A normal close ends iteration; the others are errors like those of a session that does not reconnect."""
    rt, peer = connect(retry=QUICK)
    peer.close(code, "why")
    if code == 1000:
        assert list(rt) == []
    with pytest.raises(ClosedOK if code == 1000 else ClosedError, match="why") as caught:
        rt.receive(10)
    assert caught.value.code == code
    assert not isinstance(caught.value, ReconnectFailed)
    assert len(scripted.requests) == 1


def test_the_codes_are_the_policy_s(connect, scripted):
    """A gateway's own code may be one that helps."""
    rt, peer = connect(retry={**QUICK, "close_codes": [4009]})
    peer.close(4009)
    peer = scripted.accept()
    assert rt.receive(10).type == "reconnected"
    peer.drop()
    with pytest.raises(ClosedError):
        rt.receive(10)


def test_an_oversize_message_is_not_tried_again(connect, scripted):
    """The end was this side's doing (1009): the next connection would end the same way."""
    rt, peer = connect(retry=QUICK, options={"max_size": 1000})
    peer.send("x.huge", pad="x" * 2000)
    with pytest.raises(ClosedError) as caught:
        rt.receive(10)
    assert caught.value.code == 1009


def test_events_that_a_final_close_left_unsent_are_reported(make_peer):
    """The server takes nothing and closes with a code after which no connection follows."""
    peer = make_peer()
    client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k")
    options = {"write_limit": None, "close_timeout": 0.1, "sockopt": ((1, 7, 8192),)}
    with client.realtime.connect(model="m", retry=QUICK, options=options) as rt:
        link = peer.link()
        sent = []
        while rt.stats.send_backlog_bytes < 500_000:
            sent.append(rt.send({"type": "x.fill", "pad": "x" * 50_000}))
        link.close(4000, "quota")
        end = failed(rt)
        assert (end.code, end.attempts) == (4000, 0)
        assert "quota" in str(end)
        unsent = [event["event_id"] for event in end.unsent]
        assert unsent
        assert unsent == sent[-len(unsent) :]


# How often, how long


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_as_many_attempts_as_the_policy_allows(connect, scripted, retries):
    """Then receive, iteration and send raise the same, each an exception of its own; it crosses process boundaries."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": retries})
    heard = []
    rt.on("close", heard.append)
    unsent = []
    if retries:
        with gap(scripted, rt, peer):
            unsent.append(rt.send(item("unsent")))
            scripted.refusals.extend([(503, {})] * retries)
    else:
        peer.drop()
    end = failed(rt)
    assert end.attempts == retries
    assert (end.code, end.closed_by) == (1006, "lost")
    assert [event["event_id"] for event in end.unsent] == unsent
    assert isinstance(end.__cause__, ConnectError if retries else ClosedError)
    for again in (lambda: rt.send({"type": "x.late"}), lambda: list(rt), lambda: rt.wait_for("x.y", 1)):
        with pytest.raises(ReconnectFailed) as caught:
            again()
        assert caught.value is not end
        assert caught.value.unsent == end.unsent
    assert vars(pickle.loads(pickle.dumps(end))) == vars(end)
    wait_until(lambda: heard)
    assert isinstance(heard[0].error, ReconnectFailed)
    assert len(scripted.requests) == 1 + retries


def test_what_was_sent_and_not_answered_is_reported(connect, scripted):
    """By event id, in order; what was answered is not."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 0})
    ids = [rt.send(item("x", f"item_{n}")) for n in range(3)]
    ids.append(rt.session.update({"instructions": "x"}))
    for _ in ids:
        event = peer.receive()
        if event["event_id"] == ids[1]:
            peer.send("conversation.item.added", item={**event["item"], "status": "completed"})
            rt.wait_for("conversation.item.added", 10)
    peer.drop()
    assert failed(rt).unconfirmed == (ids[0], ids[2], ids[3])


def test_a_peer_that_greets_and_kicks_is_not_redialled_for_ever(connect, scripted):
    """A connection that answered nothing we sent does not renew the attempts, however well it began."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 3})
    rt.session.update({"instructions": "x"})
    for _ in range(4):
        event = peer.receive("session.update")
        peer.send("session.updated", session=event["session"])
        rt.wait_for("session.updated", 10)
        peer.send("x.hello")
        peer.drop()
        if len(scripted.requests) < 4:
            peer = scripted.accept()
        else:
            break
    assert failed(rt).attempts == 3


def test_a_peer_that_answers_renews_the_attempts(connect, scripted):
    """Something sent on the new connection was answered, so it was a good one."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 2})
    for n in range(5):
        peer.drop()
        peer = scripted.accept()
        marker = next(event for event in rt.events(10) if event.type == "reconnected")
        assert marker.attempt == 1
        asking = run_in_thread(rt.request, item("x", f"item_{n}"), 10)
        event = peer.receive()
        peer.send("conversation.item.added", item={**event["item"], "status": "completed"})
        asking.result()


def test_a_minute_of_life_renews_the_attempts(connect, scripted):
    """Also of a connection on which nothing was sent."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 1})
    peer.drop()
    peer = scripted.accept()
    next(event for event in rt.events(10) if event.type == "reconnected")
    rt._core.recovery._connected_at -= 61
    peer.drop()
    peer = scripted.accept()
    assert next(event for event in rt.events(10) if event.type == "reconnected").attempt == 1
    peer.drop()
    assert failed(rt).attempts == 1


def test_the_deadline_covers_all_attempts(connect, scripted):
    """A wait that would not end before it does not begin."""
    rt, peer = connect(retry={"reconnect": True, "initial_delay": 5.0, "jitter": False, "deadline": 4.0})
    began = time.monotonic()
    peer.drop()
    end = failed(rt)
    assert end.attempts == 0
    assert time.monotonic() - began < 3


def test_the_deadline_bounds_an_attempt(connect, scripted):
    """A dial that hangs ends with it, although open_timeout would let it go on."""
    rt, peer = connect(retry={**QUICK, "deadline": 0.2})
    began = time.monotonic()
    with gap(scripted, rt, peer):
        end = failed(rt)
    assert end.attempts == 1
    assert 0.15 < time.monotonic() - began < 3


def test_retry_after_is_the_least_that_is_waited(connect, scripted):
    """Of a refused attempt; the next one comes after it."""
    rt, peer = connect(retry=QUICK)
    heard = []
    rt.on("reconnecting", heard.append)
    scripted.refusals.append((429, {"Retry-After": "0.15"}))
    peer.drop()
    scripted.accept()
    assert next(event for event in rt.events(10) if event.type == "reconnected").attempt == 2
    assert [each.delay >= 0.15 for each in heard] == [False, True]


def test_a_retry_after_beyond_the_limit_gives_up(connect, scripted):
    """A server that asks for an hour is not asked again; its refusal is the cause."""
    rt, peer = connect(retry=QUICK)
    scripted.refusals.append((429, {"Retry-After": "3600"}))
    peer.drop()
    end = failed(rt)
    assert isinstance(end.__cause__, RateLimitError)
    assert end.__cause__.retry_after == 3600


def test_a_refusal_that_will_not_pass_gives_up(connect, scripted):
    """401: another attempt is no use."""
    rt, peer = connect(retry=QUICK)
    scripted.refusals.append((401, {}))
    peer.drop()
    end = failed(rt)
    assert end.attempts == 1
    assert isinstance(end.__cause__, AuthenticationError)


def test_what_the_server_said_before_it_closed(connect, scripted):
    """The error event of the lost session is on the exception, not on that of a later one."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 1})
    peer.error(None, code="session_expired")
    rt.wait_for("error", 10)
    scripted.refusals.append((401, {}))
    peer.close(1001, "maximum duration")
    assert failed(rt).server_error.error.code == "session_expired"


def test_an_error_of_an_earlier_session_is_not_blamed_later(connect, scripted):
    """The next end has nothing to do with it."""
    rt, peer = connect(retry=QUICK)
    peer.error(None, code="session_expired")
    rt.wait_for("error", 10)
    peer.close(1001)
    peer = scripted.accept()
    next(event for event in rt.events(10) if event.type == "reconnected")
    peer.close(4000)
    with pytest.raises(ClosedError) as caught:
        rt.receive(10)
    assert caught.value.server_error is None


# Keys and hooks


def test_the_key_is_fetched_for_every_attempt(open_session, scripted):
    """A function that gives it is called again, on the thread that dials."""
    keys = iter("abcd")
    rt, peer = open_session({"api_key": lambda: next(keys)}, retry=QUICK)
    scripted.refusals.append((503, {}))
    peer.drop()
    scripted.accept()
    assert rt.receive(10).type == "reconnected"
    assert [request.headers["Authorization"] for request in scripted.requests] == ["Bearer a", "Bearer b", "Bearer c"]


def test_a_key_function_that_raises_gives_up(open_session):
    """What it raised is at the bottom of the chain."""
    answers = iter(["a"])

    def key():
        return next(answers, None) or 1 / 0

    rt, peer = open_session({"api_key": key}, retry=QUICK)
    peer.drop()
    end = failed(rt)
    assert isinstance(end.__cause__, ConfigurationError)
    assert isinstance(end.__cause__.__cause__, ZeroDivisionError)


def test_the_hook_is_told_and_may_change_query_and_headers(open_session, scripted):
    """For this attempt and those after it."""
    told = []

    def on_retry(retrying):
        told.append(retrying)
        return {"extra_query": {"region": "b"}, "extra_headers": {"X-Try": "2"}} if len(told) == 1 else None

    rt, peer = open_session(retry={**QUICK, "on_retry": on_retry}, extra_query={"region": "a"})
    scripted.refusals.append((503, {}))
    peer.close(1012, "restart")
    scripted.accept()
    assert rt.receive(10).type == "reconnected"
    assert [request.path.rpartition("region=")[2] for request in scripted.requests] == ["a", "b", "b"]
    assert [request.headers.get("X-Try") for request in scripted.requests] == [None, "2", "2"]
    assert [(each.attempt, each.close_code, type(each.error).__name__) for each in told][:1] == [
        (1, 1012, "ClosedError")
    ]
    assert (told[1].attempt, told[1].error.status, told[1].extra_query) == (2, 503, {"region": "b"})


@pytest.mark.parametrize("answer", [{"abort": True}, {"nonsense": 1}, ZeroDivisionError])
def test_a_hook_that_ends_it(open_session, scripted, answer):
    """By aborting, by returning nonsense, or by raising; what went wrong is the cause."""

    def on_retry(retrying):
        if isinstance(answer, dict):
            return answer
        raise answer

    rt, peer = open_session(retry={**QUICK, "on_retry": on_retry})
    peer.drop()
    end = failed(rt)
    assert (end.attempts, len(scripted.requests)) == (0, 1)
    if isinstance(answer, dict):
        assert isinstance(end.__cause__, ClosedError if "abort" in answer else ConfigurationError)
    else:
        assert isinstance(end.__cause__.__cause__, ZeroDivisionError)
