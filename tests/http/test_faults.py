"""What can go wrong with one request: each a typed error in time, that tells no secret and holds none."""

from __future__ import annotations

import gzip
import pickle
import time

import pytest
import requests

from realtime_sync.errors import (
    AuthenticationError,
    BadRequestError,
    ClosedError,
    ClosedOK,
    ConfigurationError,
    ConflictError,
    ConnectError,
    ConnectTimeout,
    InternalServerError,
    LocalProtocolError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RealtimeSyncError,
    RemoteProtocolError,
    RequestTimeout,
    StatusError,
    UnprocessableEntityError,
)
from realtime_sync.http import HttpRequest
from realtime_sync.transport import Deadline
from tests.http.conftest import KEY
from tests.support.waiting import run_in_thread, wait_until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def fails(call, expected):
    """Return the error that a call raises, after looking at all of it for secrets."""
    with pytest.raises(expected) as caught:
        call()
    error = caught.value
    assert isinstance(error, RealtimeSyncError)
    waiting, seen = [error], []
    while waiting:
        each = waiting.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        assert not isinstance(each, requests.RequestException)
        assert KEY not in f"{each!s} {each!r} {vars(each)}"
        waiting += [each.__cause__, each.__context__]
    assert pickle.loads(pickle.dumps(error)).args == error.args
    return error


DRIPS = {
    "the head": lambda link: link.drip(HEAD + b"X-Long: " + b"y" * 500, 0.02),
    "a line that never ends": lambda link: link.drip(b"HTTP/1.1 " + b"2" * 500, 0.02),
    "a body with a length": lambda link: (
        link.write(HEAD + b"Content-Length: 500\r\n\r\n"),
        link.drip(b"x" * 500, 0.02),
    ),
    "a body up to the end": lambda link: (link.write(HEAD + b"Connection: close\r\n\r\n"), link.drip(b"x" * 500, 0.02)),
    "the size of a chunk": lambda link: (
        link.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
        link.drip(b"0" * 500, 0.02),
    ),
    "a chunk": lambda link: (
        link.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n"),
        link.drip(b"x" * 255, 0.02),
    ),
    "nothing at all": lambda link: link.stall(),
    "no body": lambda link: (link.write(HEAD + b"Content-Length: 5\r\n\r\n"), link.stall()),
}


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", DRIPS)
def test_a_slow_answer_ends_in_time(make_caller, tls, name, secure):
    """However slowly bytes come, the deadline holds for the whole."""

    def script(link):
        link.read_request()
        DRIPS[name](link)

    caller = make_caller(script, raw=True, tls=tls.server_context if secure else None, ca_file=tls.ca_file)
    start = time.monotonic()
    error = fails(lambda: caller.get(timeout=0.25), RequestTimeout)
    assert 0.2 < time.monotonic() - start < 3
    assert "GET /x" in str(error)
    assert "0.25 s" in str(error)
    assert not error.replay_safe


@pytest.mark.parametrize("limit", ["open_timeout", "deadline"])
def test_connecting_ends_in_time(make_caller, limit):
    """By `open_timeout`, and by what the caller has left, with a server that never speaks TLS; nothing was sent."""
    caller = make_caller(lambda link: link.stall(), raw=True, open_timeout=0.15 if limit == "open_timeout" else 30)
    caller.url = f"https://localhost:{caller.peer.port}"
    start = time.monotonic()
    expected = ConnectTimeout if limit == "open_timeout" else RequestTimeout
    error = fails(lambda: caller.get(timeout=30 if limit == "open_timeout" else 0.15), expected)
    assert time.monotonic() - start < 3
    assert error.replay_safe


def test_nobody_listens(make_caller, make_peer):
    """A refused connection says so, and that nothing was sent."""
    caller = make_caller(lambda exchange: None)
    caller.peer.close()
    error = fails(caller.get, ConnectError)
    assert error.replay_safe
    assert isinstance(error.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("how", ["drop", "reset"])
@pytest.mark.parametrize("after", ["nothing", "half a head", "half a body", "half a chunk", "a chunk"])
def test_a_connection_that_is_lost(make_caller, how, after):
    """At every point: a `ClosedError`, and nobody claims that nothing was sent."""

    def script(link):
        link.read_request()
        if after == "half a head":
            link.write(HEAD)
        elif after == "half a body":
            link.write(HEAD + b"Content-Length: 10\r\n\r\nhalf")
        elif after != "nothing":
            link.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\nhalf" + b"done\r\n" * (after == "a chunk"))
        getattr(link, how)()

    error = fails(make_caller(script, raw=True).get, ClosedError)
    assert error.closed_by == "lost"
    assert not error.replay_safe


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        HEAD + b"X: " + b"y" * 70000 + b"\r\n\r\n",
    ],
    ids=["ssh", "bytes", "status", "header"],
)
def test_what_is_no_http(make_caller, answer):
    """Is told as such, with a little of it."""

    def script(link):
        link.read_request()
        link.write(answer)
        link.drop()

    fails(make_caller(script, raw=True).get, RemoteProtocolError)


def test_a_body_that_cannot_be_decompressed(make_caller):
    """Is no HTTP either; one that can be is."""
    good = make_caller(lambda exchange: exchange.reply(200, gzip.compress(b"fine"), "Content-Encoding: gzip"))
    assert good.get() == b"fine"
    bad = make_caller(lambda exchange: exchange.reply(200, b"this is not gzip", "Content-Encoding: gzip"))
    fails(bad.get, RemoteProtocolError)


def test_a_body_that_is_too_large(make_caller):
    """Compressed or not, more than `max_size` is not kept."""
    caller = make_caller(
        lambda exchange: exchange.reply(200, gzip.compress(b"x" * 5_000_000), "Content-Encoding: gzip")
    )
    error = fails(lambda: caller.open().read(1_000_000), RemoteProtocolError)
    assert error.code == 1009
    assert len(caller.open().read(5_000_000)) == 5_000_000


STATUSES = [
    (400, BadRequestError),
    (401, AuthenticationError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (409, ConflictError),
    (418, StatusError),
    (422, UnprocessableEntityError),
    (429, RateLimitError),
    (500, InternalServerError),
    (503, InternalServerError),
]


@pytest.mark.parametrize(("status", "cls"), STATUSES)
def test_refusals(make_caller, status, cls):
    """The class is that of the status; what the server said is in it, and its id of the request."""
    body = {"error": {"message": "no good", "type": "t", "param": "input", "code": "bad"}}
    caller = make_caller(lambda exchange: exchange.reply(status, body, "x-request-id: req_1", "Retry-After-Ms: 1500"))
    error = fails(caller.get, cls)
    assert type(error) is cls
    assert (error.status, error.code, error.param) == (status, "bad", "input")
    assert (error.request_id, error.retry_after) == ("req_1", 1.5)
    assert "GET /x was refused" in str(error)
    assert "no good" in str(error)
    assert "req_1" in str(error)


@pytest.mark.parametrize(
    ("body", "header", "said"),
    [
        ("<html><h1>Bad gateway</h1></html>", "Content-Type: text/html", None),
        ("upstream gone", "Content-Type: text/plain", "upstream gone"),
        ("", "Content-Type: text/plain", None),
        ('{"error": "text only"}', "Content-Type: application/json", "text only"),
        ('{"detail": 5}', "Content-Type: application/json", "detail"),
        ("[" * 3000, "Content-Type: application/json", "[["),
        (f"your key was Bearer {KEY}!", "Content-Type: text/plain", "[redacted]"),
    ],
)
def test_refusals_of_other_shapes(make_caller, body, header, said):
    """HTML, text, nothing, other JSON: the body is kept as text, without a key that it repeats."""
    caller = make_caller(lambda exchange: exchange.reply(502, body, header, f"X-Echo: {KEY}"))
    error = fails(caller.get, InternalServerError)
    assert error.code is None
    assert error.body == body.replace(f"Bearer {KEY}", "[redacted]")
    assert "<" not in str(error)
    if said:
        assert said in str(error)


def test_a_refusal_whose_body_does_not_come(make_caller):
    """Is a refusal all the same, with what has come; it takes no longer than the deadline."""

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 429 Slow\r\nContent-Length: 50\r\n\r\nhalf")
        link.stall()

    error = fails(lambda: make_caller(script, raw=True).get(timeout=0.2), RateLimitError)
    assert error.body == "half"


@pytest.mark.parametrize("status", [301, 307])
def test_redirects_are_not_followed(make_caller, make_peer, status):
    """So that no key goes to another server; the error says what to do."""
    other = make_peer()
    caller = make_caller(lambda exchange: exchange.reply(status, "", f"Location: http://127.0.0.1:{other.port}/"))
    error = fails(caller.get, StatusError)
    assert "redirects are not followed" in str(error)
    assert other.accepted == 0


@pytest.mark.parametrize(
    ("url", "headers", "match"),
    [
        ("http://example.com/v1", {}, "allow_insecure"),
        ("ftp://example.com/", {}, "https://"),
        ("https://example.com/a b", {}, "space"),
        ("http://127.0.0.1/", {"X": "a\r\nY: b"}, "header X"),
        ("http://127.0.0.1/", {"Content-Length": "5"}, "Content-Length"),
    ],
)
def test_what_cannot_be_sent(make_caller, url, headers, match):
    """Is refused before anything is dialled, by the rules of WebSockets."""
    caller = make_caller(lambda exchange: None)
    message = HttpRequest(method="GET", url=url, headers={"Authorization": KEY, **headers}, what="GET /")
    error = fails(lambda: caller.client.open(message, Deadline(5)), ConfigurationError)
    assert match in str(error)
    assert KEY not in repr(message)


@pytest.mark.parametrize("point", ["head", "body"])
@pytest.mark.parametrize("who", ["answer", "client"])
def test_closing_ends_a_wait(make_caller, point, who):
    """From another thread, at once, wherever the request is."""
    reached = []

    def script(link):
        link.read_request()
        if point == "body":
            link.write(HEAD + b"Content-Length: 5\r\n\r\n")
        reached.append(link)
        link.stall()

    caller = make_caller(script, raw=True)
    running = run_in_thread(caller.get, timeout=30)
    wait_until(lambda: reached and caller.client._running, what="the request")
    answers = [reference() for reference in caller.client._running.values()]
    if who == "client":
        caller.client.close()
        with pytest.raises(LocalProtocolError, match="closed"):
            caller.get()
    else:
        answers[0].close()
    error = fails(lambda: running.result(5), ClosedOK)
    assert error.closed_by == "local"
    assert running.took < 10
    wait_until(lambda: not caller.client._running, what="the end")


def test_a_close_that_comes_in_between(make_caller, monkeypatch):
    """Between looking whether it is open and the request: nothing is sent."""
    caller = make_caller(lambda exchange: exchange.reply(200, "fine"))
    caller.client.close()
    monkeypatch.setattr(type(caller.client), "check_open", lambda self: None)
    fails(caller.get, ClosedOK)
    assert caller.peer.accepted == 0


def test_an_answer_is_read_once(make_caller):
    """After its end there is nothing, and no error."""
    answer = make_caller(lambda exchange: exchange.reply(200, "fine")).open()
    assert answer.read(None) == b"fine"
    assert answer.read(None) == b""
    answer.close()
    assert list(answer.pieces()) == []


def test_closing_ends_a_dial(make_caller):
    """Also while the TLS handshake does not go on."""
    caller = make_caller(lambda link: link.stall(), raw=True)
    caller.url = f"https://localhost:{caller.peer.port}"
    running = run_in_thread(caller.get, timeout=30)
    wait_until(lambda: caller.peer.accepted, what="the dial")
    caller.client.close()
    fails(lambda: running.result(5), ClosedOK)
