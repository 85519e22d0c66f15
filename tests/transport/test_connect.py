"""Connecting: deadlines, refusals, and what never happens (redirects, cookies, leaked credentials)."""

from __future__ import annotations

import email.utils
import io
import json
import logging
import pickle
import socket
import threading
import time

import pytest
import websocket

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectTimeout,
    HandshakeRejected,
)
from realtime_sync.transport import _handshake, _tls, connect
from tests.support.peer import TEXT, Peer, echo, frame
from tests.support.waiting import run_in_thread

SECRET = "sk-very-secret-value"


def rejected(peer, **kwargs) -> HandshakeRejected:
    with pytest.raises(HandshakeRejected) as caught:
        connect(peer.url, **kwargs)
    return caught.value


def test_upgrade(make_peer):
    """The request carries what was asked for and nothing a browser would add; the response's facts are kept."""
    peer = make_peer(
        lambda link: link.upgrade("X-Request-ID: r1", "Sec-WebSocket-Protocol: realtime", "X-A: 1", "x-a: 2")
    )
    options = {"subprotocols": ("other", "realtime"), "headers": {"X-Own": "é"}}
    with connect(peer.url, options=options, headers={"Authorization": f"Bearer {SECRET}"}) as connection:
        request = peer.link().request
        assert connection.subprotocol == "realtime"
        assert connection.response_headers["x-request-id"] == "r1"
        assert connection.response_headers["x-a"] == "1, 2"
        assert connection.fileno() >= 0
        connection.abort()
    assert request.path == "/v1/realtime?model=m"
    assert request.headers["host"] == f"127.0.0.1:{peer.port}"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["x-own"] == "é"
    assert request.headers["sec-websocket-protocol"] == "other, realtime"
    assert not {"origin", "cookie", "sec-websocket-extensions"} & set(request.headers)
    assert connection.fileno() == -1


def test_no_subprotocol_chosen(peer):
    """A server may choose none of the subprotocols."""
    with connect(peer.url, options={"subprotocols": ("realtime",)}) as connection:
        assert connection.subprotocol is None
        connection.abort()


def test_interim_responses_are_skipped(make_peer):
    """103 Early Hints before the 101 does no harm."""

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        link.upgrade("X-Final: yes", trailing=frame(TEXT, b"first"))

    connection = connect(make_peer(script).url)
    assert connection.response_headers["x-final"] == "yes"
    assert "link" not in connection.response_headers
    assert connection.receive(5) == "first"
    connection.abort()


def test_frames_right_behind_the_upgrade(make_peer):
    """Messages that come in the same packet as the response are not lost, nor is a close."""
    close = b"\x88\x02\x03\xe9"
    peer = make_peer(lambda link: link.upgrade(trailing=frame(TEXT, b"one") + frame(TEXT, b"two" * 3000) + close))
    connection = connect(peer.url)
    link = peer.link()
    assert connection.receive(5) == "one"
    assert connection.receive(5) == "two" * 3000
    assert link.read_frame().close_code == 1001
    link.drop()
    connection.close()
    assert connection.close_code == 1001


# Refusals


def test_api_error(make_peer):
    """A refusal in the API's shape gives status, code, param, text, request id, and what to do."""
    body = json.dumps({"error": {"message": f"Bad key {SECRET}", "code": "invalid_api_key", "param": "key"}}).encode()
    peer = make_peer(lambda link: link.respond(401, "x-request-id: r9", "Set-Cookie: a=b", body=body))
    error = rejected(peer, headers={"Authorization": f"Bearer {SECRET}"})
    assert isinstance(error, AuthenticationError)
    assert (error.status, error.code, error.param, error.request_id) == (401, "invalid_api_key", "key", "r9")
    assert error.replay_safe
    assert "Bad key [redacted]" in str(error)
    assert "OPENAI_API_KEY" in str(error)
    assert SECRET not in repr(error.__dict__)
    assert "set-cookie" not in error.headers
    assert error.__suppress_context__
    assert pickle.loads(pickle.dumps(error)).status == 401  # our own bytes


@pytest.mark.parametrize("body", [b'{"error": "text"}', b"[1]", b'{"error": 5}', b"[" * 5000, b"\xff\xfe", b""])
def test_odd_error_bodies(make_peer, body):
    """A body of another shape does no harm."""
    error = rejected(make_peer(lambda link: link.respond(400, body=body)))
    assert error.code is None
    assert ("text" in str(error)) == (b"text" in body)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["Retry-After: 7"], 7.0),
        (["retry-after-ms: 1500", "retry-after: 9"], 1.5),
        (["Retry-After: soon"], None),
        (["Retry-After: inf"], None),
        (["Retry-After: {date}"], 3600.0),
        (["Retry-After: Mon, 99 Foo"], None),
        ([], None),
    ],
)
def test_retry_after(make_peer, headers, expected):
    """Retry-After is understood in seconds, in milliseconds and as a date."""
    date = email.utils.formatdate(time.time() + 3600, usegmt=True)
    error = rejected(make_peer(lambda link: link.respond(429, *(header.format(date=date) for header in headers))))
    assert error.retry_after == (
        expected if expected is None else pytest.approx(expected, abs=30 if expected > 99 else 0.01)
    )


def test_chunked_body(make_peer):
    """A chunked body is decoded."""
    chunked = b'8\r\n{"error"\r\n14\r\n: {"message": "no"}}\r\n0\r\n\r\n'
    peer = make_peer(lambda link: link.respond(403, "Transfer-Encoding: chunked", body=chunked, length=False))
    assert rejected(peer).body == '{"error": {"message": "no"}}'


def test_body_that_ends_early(make_peer):
    """A body shorter than announced is taken as far as it came."""

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\nhalf")
        link.drop()

    assert rejected(make_peer(script)).body == "half"


def test_endless_body_is_cut(make_peer):
    """A body of any size costs at most an excerpt."""

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 500 No\r\n\r\n")
        while True:
            link.write(b"x" * 65536)

    assert len(rejected(make_peer(script)).body) == 16 * 1024


def test_body_that_never_comes(make_peer, monkeypatch):
    """A refusal whose body stalls is reported after a moment, not after the whole time."""
    monkeypatch.setattr(_handshake, "_BODY_PATIENCE", 0.1)

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\npart")
        link.stall()

    began = time.monotonic()
    assert rejected(make_peer(script)).body == "part"
    assert time.monotonic() - began < 3


def test_no_cookies(make_peer):
    """A cookie is neither learnt from a response, refused or not, nor sent from websocket-client's own jar."""
    header = "Set-Cookie: session=stolen; Domain=127.0.0.1"
    jar = websocket._handshake.CookieJar
    jar.set("planted=yes; Domain=127.0.0.1")
    try:
        peer = make_peer(lambda link: link.upgrade(header))
        connect(peer.url).abort()
        assert "cookie" not in peer.link().request.headers
        rejected(make_peer(lambda link: link.respond(403, header)))
        assert jar.get("127.0.0.1") == "planted=yes"
    finally:
        jar.jar.clear()


def test_tracing_shows_no_credentials(make_peer):
    """Not even websocket-client's trace mode shows headers, query or subprotocols."""
    out = io.StringIO()
    logger = logging.getLogger("websocket")
    handler = logging.StreamHandler(out)
    websocket.enableTrace(True, handler)
    try:
        url = make_peer().url + f"&api-key={SECRET}"
        options = {"subprotocols": (f"openai-insecure-api-key.{SECRET}",)}
        connect(url, headers={"Authorization": SECRET}, options=options).abort()
    finally:
        websocket.enableTrace(False)
        logger.removeHandler(handler)
    assert "GET" in out.getvalue()
    assert SECRET not in out.getvalue()


# Deadlines


def test_stalled_accept_queue():
    """A port whose accept queue is full (TCP does not come about) hits the deadline."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.settimeout(0)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    try:
        began = time.monotonic()
        with pytest.raises(ConnectTimeout):
            connect(f"ws://127.0.0.1:{listener.getsockname()[1]}", options={"open_timeout": 0.3})
        assert time.monotonic() - began < 4
    finally:
        for sock in (*fillers, listener):
            sock.close()


def test_stalled_name_lookup():
    """A name server that never answers hits the deadline too."""
    answer = threading.Event()

    def resolve(host, port):
        answer.wait(20)
        return []

    began = time.monotonic()
    with pytest.raises(ConnectTimeout, match="name lookup"):
        connect("wss://example.com", options={"open_timeout": 0.2}, resolve=resolve)
    assert time.monotonic() - began < 4
    answer.set()


# Names and addresses


def rows(*addresses):
    return lambda host, port: [
        (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in addresses
    ]


def test_every_address_is_tried(peer):
    """An address that refuses costs nothing: the next one is tried at once."""
    began = time.monotonic()
    url = f"ws://example.test:{peer.port}/"
    connection = connect(url, resolve=rows("127.0.0.2", "::1", "127.0.0.1"))
    assert time.monotonic() - began < 4
    connection.abort()


def test_black_hole_is_not_fatal(peer):
    """An address that swallows everything costs one stagger of 250 ms."""
    hole = socket.socket()
    hole.bind(("127.0.0.3", peer.port))
    hole.listen(0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.settimeout(0)
        filler.connect_ex(("127.0.0.3", peer.port))
    try:
        began = time.monotonic()
        connection = connect(f"ws://example.test:{peer.port}/", resolve=rows("127.0.0.3", "127.0.0.1"))
        assert 0.2 < time.monotonic() - began < 4
        connection.abort()
    finally:
        for sock in (*fillers, hole):
            sock.close()


def test_nobody_listens():
    """When every address refuses, the error says what happened at how many."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectError, match=r"2 addresses tried.*refused"):
        connect(f"ws://example.test:{port}/", resolve=rows("127.0.0.1", "127.0.0.2"))


def test_unknown_family_is_a_failure_of_one_address(peer):
    """An address family this machine does not have is skipped."""
    good = rows("127.0.0.1")

    def resolve(host, port):
        return [(9999, socket.SOCK_STREAM, 6, "", ("x", port)), *good(host, port)]

    connection = connect(f"ws://example.test:{peer.port}/", resolve=resolve)
    assert peer.link().request.headers["host"] == f"example.test:{peer.port}"
    connection.abort()
    with pytest.raises(ConnectError, match="1 address tried"):
        connect(f"ws://example.test:{peer.port}/", resolve=lambda host, port: resolve(host, port)[:1])


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
def test_name_lookup_fails(error):
    """A name that cannot be found is a ConnectError with its cause."""

    def resolve(host, port):
        raise error

    with pytest.raises(ConnectError, match=r"example\.test") as caught:
        connect("wss://example.test", resolve=resolve)
    assert caught.value.__cause__ is error


def test_name_without_addresses():
    """A name with no address is a ConnectError."""
    with pytest.raises(ConnectError, match="no address"):
        connect("wss://example.test", resolve=lambda host, port: [])


def test_socket_options(peer):
    """Socket options are applied; impossible ones are a ConfigurationError."""
    options = {"sockopt": [(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)]}
    with socket.socket(fileno=socket.dup(connect_and_keep(peer, options))) as copy:
        assert copy.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) in (8192, 16384)
        assert copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    with pytest.raises(ConfigurationError):
        connect(peer.url, options={"sockopt": [(1, 99999, 1)]})


_kept = []


def connect_and_keep(peer, options):
    _kept.append(connect(peer.url, options=options))
    return _kept[-1].fileno()


@pytest.fixture(autouse=True)
def _drop_kept():
    yield
    while _kept:
        _kept.pop().abort()


# TLS


def test_tls_with_a_private_authority(make_peer, tls):
    """ca_file, or a context of one's own, makes a private authority trusted; the context is built once."""
    peer = make_peer(echo, tls=tls.server_context)
    for options in ({"ca_file": tls.ca_file}, {"ssl_context": tls.client_context}):
        with connect(peer.url, options=options) as connection:
            connection.send("over TLS")
            assert connection.receive(5) == "over TLS"
    assert _tls.default_context(tls.ca_file) is _tls.default_context(tls.ca_file)


def test_unusable_ca_file(tmp_path):
    """A ca_file that is missing or is no certificate is a ConfigurationError, before anything is dialled."""
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(ConfigurationError, match="ca_file"):
            connect("wss://127.0.0.1:1/", options={"ca_file": str(tmp_path / name)})


def test_options_may_be_a_mapping(peer):
    """Options are an instance or a mapping; an unknown key raises."""
    connect(peer.url, options=ConnectionOptions(open_timeout=5)).abort()
    with pytest.raises(ConfigurationError, match="open_timeuot"):
        connect(peer.url, options={"open_timeuot": 5})


def test_connect_in_many_threads(make_peer):
    """Connecting is safe from many threads at once."""
    peer: Peer = make_peer(echo)

    def one():
        with connect(peer.url) as connection:
            connection.send("x")
            return connection.receive(10)

    calls = [run_in_thread(one) for _ in range(10)]
    assert [call.result() for call in calls] == ["x"] * 10
