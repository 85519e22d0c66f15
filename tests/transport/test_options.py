"""Every connection option does something: each row fails when its option is ignored."""

from __future__ import annotations

import itertools
import pathlib
import socket
import time

import attrs
import pytest

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ClosedError, ConfigurationError, ConnectError, ConnectTimeout, SendTimeout
from realtime_sync.transport import connect
from tests.support.extensions import Xor
from tests.support.peer import BINARY, PING, Link, frame

QUICK = {"close_timeout": 0.05}
SMALL_BUFFER = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)]
ELSEWHERE = {  # Option: the tests beside these that show what it does.
    "max_queue": "../realtime/test_lifecycle.py",
    "max_queue_bytes": "../realtime/test_shared_surface.py",
    "proxy": "test_proxies.py",
    "client_cert": "test_tls.py",
}


def requested(peer, **options):
    """Return the headers of the request that a connection with these options makes."""
    with connect(peer.url, options={**QUICK, **options}):
        return peer.link().request.headers


def extensions(peer, tls):
    assert requested(peer, extensions=[Xor(3)])["sec-websocket-extensions"] == "x-xor; key=3; marked"


def compression(peer, tls):
    assert "permessage-deflate" in requested(peer, compression="deflate")["sec-websocket-extensions"]
    assert "sec-websocket-extensions" not in requested(peer, compression=None)


def subprotocols(peer, tls):
    assert requested(peer, subprotocols=["one", "two"])["sec-websocket-protocol"] == "one, two"


def headers(peer, tls):
    assert requested(peer, headers={"X-Mine": "yes"})["x-mine"] == "yes"


def user_agent(peer, tls):
    assert requested(peer, user_agent="mine/1")["user-agent"] == "mine/1"


def max_size(peer, tls):
    for limit, fits in ((10, False), (11, True), (None, True)):
        with connect(peer.url, options={**QUICK, "max_size": limit}) as connection:
            peer.link().write(frame(BINARY, b"x" * 11))
            if fits:
                assert connection.receive(5) == b"x" * 11
            else:
                with pytest.raises(ClosedError) as caught:
                    connection.receive(5)
                assert caught.value.code == 1009


def write_limit(peer, tls):
    for low in (1_990_000, 0):
        options = {**QUICK, "write_limit": (2_000_000, low), "sockopt": SMALL_BUFFER}
        with connect(peer.url, options=options) as connection:
            message = connection.prepare(b"x" * 1000)
            while connection.offer(message):
                pass
            assert 2_000_000 <= connection.backlog < 2_002_000
            connection.pump()  # The kernel takes a little.
            assert 0 < connection.backlog < 1_990_000
            assert connection.offer(message) == (low > 0)
            connection.abort()
    with connect(peer.url, options={**QUICK, "write_limit": None}) as connection:
        assert all(connection.offer(connection.prepare(b"x" * 100_000)) for _ in range(30))
        connection.abort()


def open_timeout(peer, tls):
    began = time.monotonic()
    with pytest.raises(ConnectTimeout, match=r"0\.05 s"):
        connect(peer.url, options={"open_timeout": 0.05})
    assert time.monotonic() - began < 1


def close_timeout(peer, tls):
    for limit in (0, 0.1):
        connection = connect(peer.url, options={"close_timeout": limit})
        began = time.monotonic()
        connection.close()
        assert limit <= time.monotonic() - began < limit + 1


def send_timeout(peer, tls):
    options = {**QUICK, "send_timeout": 0.05, "write_limit": 1000, "sockopt": SMALL_BUFFER}
    with connect(peer.url, options=options) as connection:
        with pytest.raises(SendTimeout):
            for _ in itertools.repeat(None):
                connection.send(b"x" * 100_000)
        connection.abort()


def ping_interval(peer, tls):
    with connect(peer.url, options={**QUICK, "ping_interval": 0.03}) as connection:
        assert connection.service(0.06) == []
        assert peer.link().read_frame().opcode == PING
    with connect(peer.url, options={**QUICK, "ping_interval": None, "ping_timeout": 0.001}) as connection:
        assert connection.service(0.06) == []
        connection.send("first")
        assert peer.link().read_frame().text == "first"


def ping_timeout(peer, tls):
    began = time.monotonic()
    with connect(peer.url, options={**QUICK, "ping_interval": 0.03, "ping_timeout": 0.05}) as connection:
        with pytest.raises(ClosedError, match="ping"):
            connection.receive(5)
        assert 0.08 <= time.monotonic() - began < 1
    with connect(peer.url, options={**QUICK, "ping_interval": 0.03, "ping_timeout": None}) as connection:
        assert connection.service(0.15) == []


def ca_file(peer, tls):
    with connect(peer.url, options={**QUICK, "ca_file": tls.ca_file}) as connection:
        assert connection.is_open
    with pytest.raises(ConnectError, match="trusted"):
        connect(peer.url, options=QUICK)


def ssl_context(peer, tls):
    with connect(peer.url, options={**QUICK, "ssl_context": tls.client_context}) as connection:
        assert connection.is_open


def sockopt(peer, tls):
    options = {**QUICK, "sockopt": [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)]}
    with connect(peer.url, options=options) as connection:
        assert connection._stream._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


def allow_insecure(peer, tls):
    def refuse(*_):
        raise socket.gaierror

    url, secret = "ws://example.test/", {"Authorization": "Bearer x"}
    with pytest.raises(ConfigurationError, match="allow_insecure"):
        connect(url, headers=secret, resolve=refuse)
    with pytest.raises(ConnectError):
        connect(url, headers=secret, resolve=refuse, options={"allow_insecure": True})


@pytest.mark.parametrize("name", [each.name for each in attrs.fields(ConnectionOptions) if each.name[0] != "_"])
def test_every_option_is_real(make_peer, tls, name):
    """Each option changes what a connection does as its docstring says; a new one needs a row."""
    if name in ELSEWHERE:
        source = pathlib.Path(__file__).parent / ELSEWHERE[name]
        assert name in source.read_text(encoding="utf-8")
        return
    secure = name in ("ca_file", "ssl_context")
    script = Link.stall if name == "open_timeout" else Link.upgrade
    peer = make_peer(script, tls=tls.server_context if secure else None)
    globals()[name](peer, tls)
