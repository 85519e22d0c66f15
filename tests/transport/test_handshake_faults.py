"""Everything that can go wrong while connecting: for each fault the exception, its fields, and how long it may take.

One row a fault, over ws and over wss. What is common to all rows is asserted for all: the error is a `ConnectError`,
`replay_safe`, comes in time, pickles, and neither shows nor keeps a credential.
"""

from __future__ import annotations

import datetime as dt
import json
import pickle
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from realtime_sync import errors
from realtime_sync.transport import connect
from tests.support.peer import Link

SECRET = "sk-very-secret-value"
OPEN_TIMEOUT = 0.25
"""Seconds, for the rows that end at it."""
SOON = 3.0
"""Seconds for what does not wait; generous, as the machine may be busy."""


@dataclass(frozen=True)
class Row:
    """One fault."""

    id: str
    script: Callable[[Link], object]
    error: type[errors.ConnectError]
    says: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    transient: bool = False
    open_timeout: float = 10.0
    within: float = SOON


def answer(data: bytes) -> Callable[[Link], object]:
    def script(link: Link) -> None:
        link.read_request()
        link.write(data)
        link.drop()

    return script


def forever(start: bytes, more: bytes) -> Callable[[Link], object]:
    def script(link: Link) -> None:
        link.read_request()
        link.write(start)
        while True:
            link.write(more)

    return script


def refuse(status: int, *headers: str, body: bytes = b"") -> Callable[[Link], object]:
    return lambda link: link.respond(status, *headers, body=body)


API = json.dumps({"error": {"message": f"No: {SECRET}", "code": "some_code", "param": "model"}}).encode()
HTML = b"<html><body>Bad gateway</body></html>"
BODIES = {"json": API, "html": HTML, "empty": b""}
ENDS = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

BROKEN = [
    Row("end of file", lambda link: (link.read_request(), link.drop()), errors.ConnectError, "closed", transient=True),
    Row("reset", lambda link: (link.read_request(), link.reset()), errors.ConnectError, "upgrade", transient=True),
    Row("half a head", answer(b"HTTP/1.1 101 Sw"), errors.ConnectError, "closed", transient=True),
    Row("nothing but an end", answer(b"\r\n\r\n"), errors.ConnectError, "does not speak HTTP"),
    Row("another protocol", answer(b"SSH-2.0-OpenSSH\r\n\r\n"), errors.ConnectError, "does not speak HTTP"),
    Row("status is no number", answer(b"HTTP/1.1 abc\r\n\r\n"), errors.ConnectError, "does not speak HTTP"),
    Row("no status", answer(b"HTTP/1.1\r\n\r\n"), errors.ConnectError, "does not speak HTTP"),
    Row("no headers", answer(b"HTTP/1.1 101 Switching\r\n\r\n"), errors.ConnectError, "did not answer with"),
    Row("no colon", answer(b"HTTP/1.1 101 Switching\r\nno colon\r\n\r\n"), errors.ConnectError, "did not answer with"),
    Row("not ASCII", answer(b"HTTP/1.1 101 \xff\r\nX: \xff\r\n\r\n"), errors.ConnectError, "did not answer with"),
    Row(
        "h2c", answer(b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), errors.ConnectError, "did not"
    ),
    Row("no key", answer(f"{ENDS}\r\n".encode()), errors.ConnectError, "did not answer with"),
    Row("wrong key", lambda link: link.upgrade(accept="d3Jvbmc="), errors.ConnectError, "did not answer with"),
    Row(
        "unasked subprotocol",
        lambda link: link.upgrade("Sec-WebSocket-Protocol: mine"),
        errors.ConnectError,
        "subprotocol that was not offered",
    ),
    Row(
        "unasked extension",
        lambda link: link.upgrade("Sec-WebSocket-Extensions: permessage-unheard-of"),
        errors.ConnectError,
        "not offered",
    ),
    Row(
        "endless headers", forever(b"HTTP/1.1 101 x\r\n", b"X: " + b"y" * 8000 + b"\r\n"), errors.ConnectError, "65536"
    ),
    Row("endless line", forever(b"HTTP/1.1 101 ", b"y" * 8000), errors.ConnectError, "65536"),
]

STALLED = [
    Row(name, script, errors.ConnectTimeout, "the WebSocket upgrade", transient=True, open_timeout=OPEN_TIMEOUT)
    for name, script in {
        "silence": lambda link: link.stall(),
        "silence after the request": lambda link: (link.read_request(), link.stall()),
        "silence mid-head": lambda link: (link.read_request(), link.write(b"HTTP/1.1 101 Swi"), link.stall()),
        "slow drip": lambda link: (link.read_request(), link.drip(b"HTTP/1.1 101 x\r\nX: " + b"y" * 10_000, 0.02)),
        "interim for ever": lambda link: (link.read_request(), link.drip(b"HTTP/1.1 100 x\r\n\r\n" * 500, 0.002)),
    }.items()
]

STATUSES: list[tuple[int, type[errors.HandshakeRejected | errors.StatusError], str, bool]] = [
    (200, errors.HandshakeRejected, "status 200", False),
    (301, errors.HandshakeRejected, "not followed", False),
    (302, errors.HandshakeRejected, "not followed", False),
    (307, errors.HandshakeRejected, "not followed", False),
    (308, errors.HandshakeRejected, "not followed", False),
    (400, errors.BadRequestError, "check the URL", False),
    (401, errors.AuthenticationError, "OPENAI_API_KEY", False),
    (403, errors.PermissionDeniedError, "organisation", False),
    (404, errors.NotFoundError, "base URL", False),
    (409, errors.ConflictError, "status 409", True),
    (422, errors.UnprocessableEntityError, "status 422", False),
    (426, errors.HandshakeRejected, "WebSockets", False),
    (429, errors.RateLimitError, "too many requests", True),
    (500, errors.InternalServerError, "try again later", True),
    (503, errors.InternalServerError, "try again later", True),
]

REFUSED = [
    Row(
        f"{status} {kind}",
        refuse(status, "X-Request-Id: r1", "Location: ws://127.0.0.1:9/", "Retry-After: 7", body=body),
        error,
        says,
        {
            "status": status,
            "body": body.decode().replace(SECRET, "[redacted]"),
            "code": "some_code" if kind == "json" else None,
            "param": "model" if kind == "json" else None,
            "request_id": "r1",
            "retry_after": 7.0,
        },
        transient=transient,
    )
    for status, error, says, transient in STATUSES
    for kind, body in BODIES.items()
]


def fail(url: str, row: Row, **options: Any) -> errors.ConnectError:
    """Connect, check what holds for every fault, and return the error."""
    began = time.monotonic()
    with pytest.raises(errors.ConnectError) as caught:
        connect(
            url, headers={"Authorization": f"Bearer {SECRET}"}, options={"open_timeout": row.open_timeout, **options}
        )
    took = time.monotonic() - began
    error = caught.value
    assert isinstance(error, row.error)
    assert isinstance(error, errors.HandshakeRejected) == hasattr(error, "status")
    assert took < row.within
    if isinstance(error, errors.ConnectTimeout):
        assert took >= row.open_timeout - 0.02
        assert f"{row.open_timeout:g} s" in str(error)
    assert error.replay_safe
    assert error.transient == row.transient
    assert row.says in str(error)
    assert SECRET not in f"{error} {vars(error)} {error.__cause__}"
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
    for name, expected in row.fields.items():
        assert getattr(error, name) == expected, name
    return error


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("row", [*BROKEN, *STALLED, *REFUSED], ids=lambda row: row.id)
def test_upgrade_faults(row, scheme, make_peer, tls):
    """What the server does instead of the upgrade is named, and nobody else is told anything."""
    peer = make_peer(row.script, tls=tls.server_context if scheme == "wss" else None)
    options = {"ca_file": tls.ca_file} if scheme == "wss" else {}
    fail(peer.url, row, **options)
    assert peer.accepted == 1


# What goes wrong before there is TLS


def hello_then(*actions: str) -> Callable[[Link], object]:
    def script(link: Link) -> None:
        link.sock.recv(65536)
        for action in actions:
            getattr(link, action)()

    return script


ALERT = b"\x15\x03\x03\x00\x02\x02"
"""A fatal alert of TLS 1.2, without its code."""

TLS_FAULTS = [
    Row(
        "silence",
        hello_then("stall"),
        errors.ConnectTimeout,
        "TLS handshake",
        transient=True,
        open_timeout=OPEN_TIMEOUT,
    ),
    Row(
        "slow drip",
        lambda link: (link.sock.recv(65536), link.drip(b"\x16\x03\x03\x40\x00" + b"x" * 9000, 0.02)),
        errors.ConnectTimeout,
        "TLS handshake",
        transient=True,
        open_timeout=OPEN_TIMEOUT,
    ),
    Row("end of file", hello_then("drop"), errors.ConnectError, "hung up", transient=True),
    Row("reset", hello_then("reset"), errors.ConnectError, "hung up", transient=True),
    Row(
        "no TLS",
        lambda link: (link.write(b"HTTP/1.1 400 Bad\r\n\r\n"), link.stall()),
        errors.ConnectError,
        "does not speak TLS",
    ),
    Row("alert 40", lambda link: (link.write(ALERT + b"\x28"), link.stall()), errors.ConnectError, "client_cert"),
    Row("alert 70", lambda link: (link.write(ALERT + b"\x46"), link.stall()), errors.ConnectError, "TLS handshake"),
    Row("alert 112", lambda link: (link.write(ALERT + b"\x70"), link.stall()), errors.ConnectError, "TLS handshake"),
]


@pytest.mark.parametrize("row", TLS_FAULTS, ids=lambda row: row.id)
def test_tls_faults(row, make_peer):
    """A server that breaks off, stalls, sends an alert or speaks no TLS."""
    fail(make_peer(row.script).url.replace("ws:", "wss:"), row)


# Certificates


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def serve_certificate(authority: trustme.CA, *names: str, **details: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **details).configure_cert(context)
    return context


DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.timezone.utc)
CERTIFICATES = {
    "expired": (("localhost",), {"not_before": NOW - 2 * DAY, "not_after": NOW - DAY}, "clock"),
    "not valid yet": (("localhost",), {"not_before": NOW + DAY, "not_after": NOW + 2 * DAY}, "clock"),
    "another name": (("example.com",), {}, "name that the certificate is for"),
    "another address": (("127.0.0.9",), {}, "name that the certificate is for"),
    "unknown authority": (("localhost",), {}, "REQUESTS_CA_BUNDLE"),
}


@pytest.mark.parametrize("fault", CERTIFICATES)
def test_certificates(fault, authority, make_peer, tls, tmp_path):
    """A certificate that cannot be trusted: the message says why and what to do; no retry would help."""
    names, details, advice = CERTIFICATES[fault]
    peer = make_peer(tls=serve_certificate(authority, *names, **details))
    url = peer.url.replace("localhost", "127.0.0.1") if fault == "another address" else peer.url
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    row = Row(fault, Link.upgrade, errors.ConnectError, advice)
    error = fail(url, row, ca_file=tls.ca_file if fault == "unknown authority" else str(ca_file))
    assert "cannot be trusted" in str(error)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert peer.errors == []
