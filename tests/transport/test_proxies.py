"""Connections through real proxy programs: what goes in comes out, encrypted or not."""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest

from realtime_sync.errors import ConnectError, ConnectionClosed, HandshakeRejected, NotFoundError, ProxyError
from realtime_sync.transport import Step, connect
from tests.support import proxies
from tests.support.peer import echo
from tests.support.waiting import run_in_thread

LOGIN = proxies.LOGIN
BIG = "ü" * 700_000
"""Many TLS records and socket buffers."""


@pytest.fixture(params=["ws", "wss"])
def echoing(request, make_peer, tls):
    """A server that sends back what it gets, without and with TLS."""
    return make_peer(echo, tls=tls.server_context if request.param == "wss" else None)


def test_through_a_proxy(proxy, echoing, tls):
    """Messages of any size go through and come back; every step is reported; the close is exact."""
    steps: list[Step] = []
    connection = connect(echoing.url, options={"proxy": proxy, "ca_file": tls.ca_file}, on_step=steps.append)
    with connection:
        sending = run_in_thread(lambda: [connection.send(text) for text in ("", "x", BIG)])
        assert [connection.receive(20) for _ in range(3)] == ["", "x", BIG]
        sending.result()
    assert connection.close_code == 1000
    expected = ["lookup", "tcp", "proxy", "upgrade"]
    if proxy.startswith("https"):
        expected.insert(2, "proxy tls")
    if echoing.url.startswith("wss"):
        expected.insert(-1, "tls")
    assert [step.name for step in steps] == expected
    assert not any(step.error for step in steps)
    assert all(step.seconds >= 0 for step in steps)
    assert "p@ss" not in str(steps)
    assert quote("p@ss") not in str(steps)


def test_both_directions_at_once_through_two_layers_of_tls(https_proxy, make_peer, tls):
    """Sender and reader share the two layers, and neither loses nor reorders a byte."""
    peer = make_peer(echo, tls=tls.server_context)
    messages = [f"{number} " + "x" * (number * 37 % 30_000) for number in range(300)]
    with connect(peer.url, options={"proxy": https_proxy, "ca_file": tls.ca_file}) as connection:
        halves = [
            run_in_thread(lambda part=part: [connection.send(text) for text in part])
            for part in (messages[::2], messages[1::2])
        ]
        received = [connection.receive(20) for _ in messages]
        for half in halves:
            half.result()
    assert sorted(received) == sorted(messages)
    assert [text for text in received if text in set(messages[::2])] == messages[::2]


def test_the_end_is_seen_through_two_layers_of_tls(https_proxy, make_peer, tls):
    """A connection that just ends wakes the receiver, as code 1006."""
    peer = make_peer(tls=tls.server_context)
    connection = connect(peer.url, options={"proxy": https_proxy, "ca_file": tls.ca_file})
    peer.link().drop()
    with pytest.raises(ConnectionClosed) as caught:
        connection.receive(20)
    assert caught.value.code == 1006


def test_names_are_looked_up_by_the_proxy_or_here(socks_ports, make_peer):
    """socks5h gives the proxy the name, socks5 an address found here."""
    peer = make_peer()
    asked = []

    def resolve(host, port):
        asked.append(host)
        return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)

    for scheme, names in (("socks5", ["127.0.0.1", "peer.invalid"]), ("socks5h", ["127.0.0.1"])):
        asked.clear()
        url, proxy = f"ws://peer.invalid:{peer.port}/", f"{scheme}://127.0.0.1:{socks_ports[0]}"
        if scheme == "socks5":
            connect(url, options={"proxy": proxy}, resolve=resolve).abort()
        else:
            with pytest.raises(ConnectError):  # The proxy cannot find that name, and nobody else was asked.
                connect(url, options={"proxy": proxy}, resolve=resolve)
        assert asked == names


def test_wrong_credentials(http_proxy, microsocks_proxy, socks_ports, make_peer):
    """Each program refuses them; the error names the proxy, never the credentials, and is not transient."""
    peer = make_peer()
    for proxy in (http_proxy, microsocks_proxy, f"socks5://{LOGIN}@127.0.0.1:{socks_ports[1]}"):
        address = proxy.rpartition("@")[2]
        for wrong in (proxy.replace(LOGIN, "nobody:wr%40ng"), proxy.replace(f"{LOGIN}@", "")):
            with pytest.raises(ProxyError) as caught:
                connect(peer.url, options={"proxy": wrong, "open_timeout": 5})
            assert address in str(caught.value)
            assert caught.value.proxy == address
            assert "user name and password" in str(caught.value) or "closed" in str(caught.value)
            assert "wr@ng" not in f"{caught.value} {vars(caught.value)}"
    assert peer.accepted == 0


def test_a_server_the_proxy_cannot_reach(proxy, tls):
    """A dead port behind the proxy is a ProxyError that may be tried again, or the end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        connect(f"ws://127.0.0.1:{port}/", options={"proxy": proxy, "ca_file": tls.ca_file, "open_timeout": 5})
    assert caught.value.transient


def test_a_refusal_by_the_server_behind_the_proxy(proxy, make_peer, tls):
    """What the server says comes through as it is, and is not taken for the proxy's word."""
    peer = make_peer(lambda link: link.respond(404, body=b"nothing"), tls=tls.server_context)
    with pytest.raises(NotFoundError) as caught:
        connect(peer.url, options={"proxy": proxy, "ca_file": tls.ca_file})
    assert isinstance(caught.value, HandshakeRejected)
    assert not isinstance(caught.value, ProxyError)


def test_a_proxy_that_allows_only_port_443(tmp_path, make_peer):
    """Tinyproxy's rule against other ports is a 403 with advice."""
    with proxies.tinyproxy(tmp_path) as port:
        if port is None:
            pytest.skip("tinyproxy is not installed")
        peer = make_peer()
        with pytest.raises(ProxyError, match="does not allow connections there") as caught:
            connect(peer.url, options={"proxy": f"http://127.0.0.1:{port}"})
    assert caught.value.status == 403
    assert not caught.value.transient
    assert peer.accepted == 0
