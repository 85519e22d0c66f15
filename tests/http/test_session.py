"""Sessions of `requests`: the same way to a server as a WebSocket's, through real proxies and over TLS."""

from __future__ import annotations

import pytest
import requests

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import HandshakeRejected, MissingExtra
from realtime_sync.http import new_session, settle
from realtime_sync.transport import connect
from tests.support import proxies


@pytest.fixture(params=["http", "https"])
def answering(request, make_peer, tls):
    """A server that answers one request with 200, without and with TLS."""

    def script(link):
        link.respond(200, "Connection: close", body=b"fine")
        link.drop()

    return make_peer(script, tls=tls.server_context if request.param == "https" else None)


def get(url, settled):
    with new_session(settled) as session:
        return session.get(url, timeout=10).text


def test_the_same_proxy_serves_both(proxy, answering, tls, monkeypatch):
    """One variable in the environment, one answer: HTTP goes through it, and so does a WebSocket."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", tls.ca_file)
    url = answering.url.replace("ws", "http", 1)
    settled = settle(url, ConnectionOptions())
    assert settled.proxy == proxy == settle(answering.url, ConnectionOptions()).proxy
    assert get(url, settled) == "fine"
    steps = []
    with pytest.raises(HandshakeRejected, match="status 200"):
        connect(answering.url, options=settle(answering.url, ConnectionOptions()), on_step=steps.append)
    assert "proxy" in [step.name for step in steps]


def test_wrong_credentials_are_refused_over_http_too(http_proxy, answering, tls):
    """So the proxy is used, and asked with the credentials of the URL."""
    wrong = http_proxy.replace(proxies.LOGIN, "nobody:wrong")
    url = answering.url.replace("ws", "http", 1)
    with new_session(ConnectionOptions(proxy=wrong, ca_file=tls.ca_file)) as session:
        if url.startswith("http:"):  # Plain HTTP has no tunnel: the proxy's answer is the response.
            assert session.get(url, timeout=10).status_code == 407
        else:
            with pytest.raises(requests.exceptions.ProxyError, match="407"):
                session.get(url, timeout=10)
    assert answering.accepted == 0


def test_only_the_given_authorities_are_trusted(answering, tls):
    """With ca_file the server is trusted, without it is not; no other list is added to a context."""
    url = answering.url.replace("ws", "http", 1)
    if url.startswith("http:"):
        assert get(url, ConnectionOptions(proxy=None)) == "fine"
        return
    assert get(url, ConnectionOptions(proxy=None, ca_file=tls.ca_file)) == "fine"
    assert get(url, ConnectionOptions(proxy=None, ssl_context=tls.client_context)) == "fine"
    before = tls.client_context.cert_store_stats()
    with pytest.raises(requests.exceptions.SSLError):
        get(url, settle(url, ConnectionOptions(proxy=None)))
    assert tls.client_context.cert_store_stats() == before


def test_the_environment_is_not_asked_again(answering, tls, monkeypatch, tmp_path):
    """Neither its proxies nor a log-in from .netrc, which would replace an API key."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text(f"machine {answering.host} login someone password secret\n")
    url = answering.url.replace("ws", "http", 1)
    assert get(url, ConnectionOptions(proxy=None, ca_file=tls.ca_file)) == "fine"
    assert "authorization" not in answering.link().request.headers


def test_socks_needs_an_extra(monkeypatch):
    """Without PySocks the error names the extra; an HTTP proxy does not need it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"realtime-sync\[socks\]"):
        new_session(ConnectionOptions(proxy="socks5h://127.0.0.1:1"))
    new_session(ConnectionOptions(proxy="http://127.0.0.1:1")).close()
