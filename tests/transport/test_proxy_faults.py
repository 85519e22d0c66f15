"""Everything that can go wrong at a proxy: for each fault the exception, its fields, and how long it may take."""

from __future__ import annotations

import base64
import pickle
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from realtime_sync import errors
from realtime_sync.transport import connect
from tests.support.peer import Link

SECRET = "sk-very-secret-value"
USER, PASSWORD = "proxy-user", "proxy-password"
TARGET = "ws://203.0.113.7:8080/v1/realtime?model=m"
"""An address of RFC 5737: should anybody dial it directly, nothing answers."""
OPEN_TIMEOUT = 0.25
SOON = 3.0


@dataclass(frozen=True)
class Row:
    """One fault."""

    id: str
    script: Callable[[Link], object]
    says: str
    status: int | None = None
    transient: bool = False
    scheme: str = "http"
    login: bool = True
    error: type[errors.ConnectError] = errors.ProxyError

    @property
    def open_timeout(self) -> float:
        return OPEN_TIMEOUT if self.error is errors.ConnectTimeout else 10.0


def answer(data: bytes) -> Callable[[Link], object]:
    return lambda link: (link.read_request(), link.write(data), link.drop())


def refuse(status: int, *headers: str) -> Callable[[Link], object]:
    return lambda link: link.respond(status, *headers, body=b"<html>" + PASSWORD.encode() + b"</html>")


def forever(link: Link) -> None:
    link.read_request()
    link.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        link.write(b"X: " + b"y" * 8000 + b"\r\n")


def socks(*answers: bytes, then: str = "stall") -> Callable[[Link], object]:
    """Answer each message of the client in turn."""

    def script(link: Link) -> None:
        for each in answers:
            link.sock.recv(1024)
            link.write(each)
        getattr(link, then)()

    return script


WAIT = errors.ConnectTimeout
HTTP = [
    Row("silence", lambda link: link.stall(), "the request to the proxy", transient=True, error=WAIT),
    Row(
        "drip",
        lambda link: (link.read_request(), link.drip(b"HTTP/1.1 200 OK" * 900, 0.02)),
        "the request",
        transient=True,
        error=WAIT,
    ),
    Row("end of file", lambda link: (link.read_request(), link.drop()), "closed the connection", transient=True),
    Row("end mid-head", answer(b"HTTP/1.1 200 Conn"), "closed the connection", transient=True),
    Row("reset", lambda link: (link.read_request(), link.reset()), "broke", transient=True),
    Row("garbage", answer(b"\x00\x01\x02\r\n\r\n"), "does not speak HTTP"),
    Row("SOCKS", answer(b"\x05\xff\r\n\r\n"), "does not speak HTTP"),
    Row("endless headers", forever, "65536"),
    Row("data of its own", answer(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching"), "data of its own"),
    Row("302", refuse(302, "Location: http://127.0.0.1:9/"), "status 302", 302),
    Row("400", refuse(400), "did not understand", 400),
    Row("403", refuse(403), "NO_PROXY", 403),
    Row("405", refuse(405), "does not do CONNECT", 405),
    Row("407 without a log-in", refuse(407), "wants a user name", 407, login=False),
    Row("407 in spite of it", refuse(407, "Proxy-Authenticate: Basic realm=x"), "does not accept", 407),
    Row(
        "407 other schemes",
        refuse(407, "Proxy-Authenticate: Negotiate", "Proxy-Authenticate: NTLM"),
        "NTLM or Negotiate",
        407,
    ),
    Row("429", refuse(429), "status 429", 429, transient=True),
    Row("501", refuse(501), "does not do CONNECT", 501),
    Row("502", refuse(502), "cannot reach the server", 502, transient=True),
    Row("503", refuse(503), "overloaded", 503, transient=True),
    Row("504", refuse(504), "no answer from the server", 504, transient=True),
]

SOCKS = [
    Row("silence", lambda link: link.stall(), "the request to the proxy", transient=True, error=WAIT, scheme="socks5"),
    Row("silence after the greeting", socks(b"\x05\x00"), "the request", transient=True, error=WAIT, scheme="socks5h"),
    Row("end of file", socks(then="drop"), "the proxy", transient=True, scheme="socks5"),
    Row("end mid-answer", socks(b"\x05\x00", b"\x05\x00\x00", then="drop"), "closed", transient=True, scheme="socks5"),
    Row("HTTP", socks(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak SOCKS5", scheme="socks5"),
    Row("SOCKS4", socks(b"\x00\x5b\x00\x00\x00\x00\x00\x00"), "does not speak SOCKS5", scheme="socks5"),
    Row("a method nobody offered", socks(b"\x05\x01"), "does not speak SOCKS5", scheme="socks5"),
    Row("no method", socks(b"\x05\xff"), "no way to log in", scheme="socks5"),
    Row("no method without a log-in", socks(b"\x05\xff"), "wants a user name", scheme="socks5", login=False),
    Row("log-in refused", socks(b"\x05\x02", b"\x01\x01"), "does not accept", scheme="socks5"),
    Row("odd reply", socks(b"\x05\x00", b"\x04\x00\x00\x01"), "does not speak SOCKS5", scheme="socks5"),
    Row("odd address type", socks(b"\x05\x00", b"\x05\x00\x00\x09"), "does not speak SOCKS5", scheme="socks5"),
    *(
        Row(f"code {code}", socks(b"\x05\x02", b"\x01\x00", bytes([5, code, 0, 1]) + bytes(6)), says, transient=transient, scheme="socks5h")
        for code, says, transient in [
            (1, "general failure", True),
            (2, "do not allow", False),
            (3, "network", True),
            (4, "unreachable", True),
            (5, "refused", True),
            (6, "expired", True),
            (7, "CONNECT", False),
            (8, "socks5h", False),
            (77, "code 77", False),
        ]
    ),
]  # fmt: skip


def fail(proxy: str, row: Row, url: str = TARGET, **options) -> errors.ConnectError:
    """Connect through a proxy, check what holds for every fault, and return the error."""
    began = time.monotonic()
    with pytest.raises(errors.ConnectError) as caught:
        connect(
            url,
            headers={"Authorization": f"Bearer {SECRET}"},
            options={"proxy": proxy, "open_timeout": row.open_timeout, "allow_insecure": True, **options},
        )
    took = time.monotonic() - began
    error = caught.value
    assert type(error) is row.error
    assert took < SOON
    assert row.says in str(error)
    assert error.replay_safe
    assert error.transient == row.transient
    everything = f"{error} {vars(error)} {error.__cause__!r}"
    for secret in (SECRET, USER, PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()):
        assert secret not in everything
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
    return error


@pytest.mark.parametrize("row", [*HTTP, *SOCKS], ids=lambda row: f"{row.scheme}: {row.id}")
def test_proxy_faults(row, make_peer):
    """What the proxy does wrong is named, with its address, in time, and without the credentials."""
    peer = make_peer(row.script)
    login = f"{USER}:{PASSWORD}@" if row.login else ""
    error = fail(f"{row.scheme}://{login}127.0.0.1:{peer.port}", row)
    assert f"the proxy 127.0.0.1:{peer.port}" in str(error)
    assert peer.accepted == 1
    if row.error is errors.ProxyError:
        assert (error.proxy, error.status) == (f"127.0.0.1:{peer.port}", row.status)


def test_the_proxy_is_told_no_more_than_it_needs(make_peer):
    """CONNECT, Host, User-Agent and its own credentials; nothing of what the server is told."""
    peer = make_peer(lambda link: (link.respond(403), link.drop()))
    proxy = f"http://us%20er:p%40%C3%BC%3A@127.0.0.1:{peer.port}"
    with pytest.raises(errors.ProxyError):
        connect(
            "wss://example.com/secret?api-key=k",
            options={"proxy": proxy},
            headers={"Authorization": SECRET, "Cookie": "c"},
        )
    lines = peer.link().request.raw.decode().split("\r\n")
    assert lines[0] == "CONNECT example.com:443 HTTP/1.1"
    names = [line.partition(":")[0] for line in lines[1:]]
    assert names == ["Host", "User-Agent", "Proxy-Authorization"]
    assert base64.b64decode(lines[3].rpartition(" ")[2]).decode() == "us er:p@ü:"


def test_an_interim_answer_and_a_204_are_fine(make_peer):
    """Every 2xx opens the tunnel (RFC 9110), after any interim answer."""

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204 Connected\r\nX: y\r\n\r\n")
        link.request = None
        link.upgrade()

    peer = make_peer(script)
    connect("ws://example.test/path", options={"proxy": f"127.0.0.1:{peer.port}"}).abort()
    assert peer.link().request.path == "/path"


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_credentials_do_not_pass_a_proxy_unencrypted(scheme):
    """ws:// to this machine is fine, but not by way of another one; nothing is dialled."""
    options = {"proxy": f"{scheme}://203.0.113.9:3128", "open_timeout": 5}
    with pytest.raises(errors.ConfigurationError, match="NO_PROXY") as caught:
        connect("ws://127.0.0.1:1/", headers={"Authorization": SECRET}, options=options)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", [".example.test", "a..example.test"])
def test_names_that_no_certificate_can_be_for(name, make_peer):
    """A proxy may take any name; TLS does not."""
    peer = make_peer(through(lambda link: link.stall()))
    with pytest.raises(errors.ConnectError, match="no name that a certificate can be for") as caught:
        connect(f"wss://{name}/", options={"proxy": f"http://127.0.0.1:{peer.port}"})
    assert not caught.value.transient


def test_a_name_that_socks_cannot_carry(make_peer):
    """It has one byte for the length; nothing is sent."""
    row = Row("name", Link.stall, "at most 255 bytes")
    peer = make_peer(lambda link: link.stall())
    fail(f"socks5h://{USER}:{PASSWORD}@127.0.0.1:{peer.port}", row, url=f"ws://{'a.' * 150}test/")


def test_a_report_that_raises_ends_the_attempt(make_peer, tls):
    """At whichever step: the error comes out, and nothing stays open."""

    class Stop(Exception):
        pass

    peer = make_peer(through(Link.upgrade), tls=tls.server_context)
    for name in ("lookup", "tcp", "proxy tls", "proxy", "upgrade"):

        def report(step, name=name):
            if step.name == name:
                raise Stop

        with pytest.raises(Stop):
            connect(
                "ws://example.test/",
                options={"proxy": f"https://localhost:{peer.port}", "ca_file": tls.ca_file},
                on_step=report,
            )


@pytest.mark.parametrize("login", ["u:" + "p" * 256, ":p", "%C3%BC" * 200 + ":p"])
def test_a_log_in_that_socks_cannot_carry(login, make_peer):
    """RFC 1929 has one byte for each length, and no empty user name; nothing of it is sent."""
    peer = make_peer(socks(b"\x05\x02"))
    fail(f"socks5://{login}@127.0.0.1:{peer.port}", Row("log-in", Link.stall, "1 to 255 bytes"))


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
def test_nobody_listens_at_the_proxy(scheme):
    """A refused connection to the proxy says that it is the proxy's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    row = Row("refused", Link.stall, f"cannot connect to the proxy 127.0.0.1:{port}", transient=True)
    error = fail(f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{port}", row)
    assert isinstance(error.__cause__, OSError)


def test_the_name_of_the_proxy_is_unknown():
    """So is a name that does not exist."""

    def resolve(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(errors.ProxyError, match=r"the address of the proxy proxy\.test"):
        connect(TARGET, options={"proxy": "http://proxy.test:3128"}, resolve=resolve)


def test_a_black_holed_proxy():
    """A proxy whose port swallows everything costs open_timeout, no more."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        row = Row("black hole", Link.stall, "TCP to 1 address", transient=True, error=WAIT)
        fail(f"http://{USER}:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}", row)
        for filler in fillers:
            filler.close()


def test_a_proxy_whose_certificate_is_unknown(make_peer, tls):
    """An https proxy is not trusted unseen; the error is the proxy's, with the advice for certificates."""
    peer = make_peer(tls=tls.server_context)
    row = Row("certificate", Link.stall, "REQUESTS_CA_BUNDLE")
    error = fail(f"https://{USER}:{PASSWORD}@localhost:{peer.port}", row)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


def test_an_https_proxy_that_speaks_no_tls(make_peer):
    """The commonest mistake, https:// for an http proxy, is told."""
    peer = make_peer(lambda link: (link.sock.recv(1000), link.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"), link.stall()))
    fail(f"https://127.0.0.1:{peer.port}", Row("no TLS", Link.stall, "check scheme and port"))


def through(script):
    """Make a proxy that opens the tunnel and then plays a script in the server's place."""

    def play(link):
        link.read_request()
        link.write(b"HTTP/1.1 200 OK\r\n\r\n")
        link.request = None
        script(link)

    return play


INSIDE = {
    "silence": (lambda link: link.stall(), errors.ConnectTimeout, "TLS handshake"),
    "no TLS": (lambda link: (link.sock.recv(4096), link.write(b"HTTP/1.1 400 Bad\r\n\r\n"), link.stall()), errors.ConnectError, "does not speak TLS"),
    "end of file": (lambda link: (link.sock.recv(4096), link.drop()), errors.ConnectError, "hung up"),
}  # fmt: skip


@pytest.mark.parametrize("outer", ["http", "https"])
@pytest.mark.parametrize("fault", INSIDE)
def test_tls_faults_behind_a_proxy(fault, outer, make_peer, tls):
    """A TLS handshake that fails inside the tunnel is the server's failure, within the same deadline."""
    script, kind, says = INSIDE[fault]
    peer = make_peer(through(script), tls=tls.server_context if outer == "https" else None)
    began = time.monotonic()
    with pytest.raises(kind, match=says) as caught:
        connect(
            "wss://example.test/",
            options={
                "proxy": f"{outer}://{peer.host}:{peer.port}",
                "ca_file": tls.ca_file,
                "open_timeout": OPEN_TIMEOUT if kind is WAIT else 10,
            },
        )
    assert time.monotonic() - began < SOON
    assert not isinstance(caught.value, errors.ProxyError)
    assert "example.test:443" in str(caught.value)


def test_a_wrong_certificate_inside_tls_to_the_proxy(make_peer, tls):
    """The inner certificate is checked against the server's name, though the outer one is fine."""

    def script(link):
        link.read_request()
        link.write(b"HTTP/1.1 200 OK\r\n\r\n")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = tls.server_context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                inner.do_handshake()
            except ssl.SSLWantReadError:
                link.write(outgoing.read())
                incoming.write(link.sock.recv(65536))
            except ssl.SSLError as error:
                alerts.append(error.reason)
                return

    alerts = []
    peer = make_peer(script, tls=tls.server_context)
    options = {"proxy": f"https://localhost:{peer.port}", "ca_file": tls.ca_file}
    with pytest.raises(errors.ConnectError, match="name that the certificate is for"):
        connect("wss://example.test/", options=options)
    peer.link()
    assert "ALERT" in alerts[0], "the server was told why"
