"""URLs, headers and credentials: what is refused before anything is sent."""

from __future__ import annotations

import pytest

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ConfigurationError
from realtime_sync.transport._request import Request

SECRET = "sk-very-secret-value"


def build(url="wss://example.com/v1?model=m", headers=None, **options):
    return Request.build(url, ConnectionOptions(**options), headers)


@pytest.mark.parametrize(
    ("url", "host", "port", "resource", "host_header"),
    [
        ("wss://example.com", "example.com", 443, "/", "example.com"),
        ("ws://example.com/a?b=c", "example.com", 80, "/a?b=c", "example.com"),
        ("ws://example.com:443/", "example.com", 443, "/", "example.com:443"),
        ("wss://EXAMPLE.com:8443/x;y", "example.com", 8443, "/x;y", "example.com:8443"),
        ("ws://[::1]:81/", "::1", 81, "/", "[::1]:81"),
        ("wss://bücher.example/ä?q=ö%20", "xn--bcher-kva.example", 443, "/%C3%A4?q=%C3%B6%20", "xn--bcher-kva.example"),
    ],
)
def test_urls(url, host, port, resource, host_header):
    """A URL is taken apart into what is dialled and what is asked for."""
    request = build(url)
    assert (request.host, request.port, request.resource, request.host_header) == (host, port, resource, host_header)
    assert request.is_secure == url.startswith("wss")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "https://example.com",
        "wss://",
        "wss:///path",
        "wss://example.com:0/",
        "wss://example.com:99999/",
        "wss://example.com:x/",
        "wss://[::1/",
        "wss://example.com/#part",
        "wss://example.com/a b",
        "wss://example.com/\r\nX: y",
        "wss://exa\x00mple.com/",
        "wss://exa<mple.com/",
        b"wss://example.com",
        None,
    ],
)
def test_urls_that_cannot_work(url):
    """A URL that cannot work is a configuration error that may be repeated."""
    with pytest.raises(ConfigurationError) as caught:
        build(url)
    assert caught.value.replay_safe


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", f"Authorization: Bearer {SECRET}"])
def test_illegal_header_names(name):
    """A header name is a token, and what follows an illegal character is not shown."""
    with pytest.raises(ConfigurationError) as caught:
        build(headers={name: "v"})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "a\r", "a\x00", "a\x7f", "a€"])
def test_illegal_header_values(value):
    """A header value holds no line break or other control character; the message does not show it."""
    with pytest.raises(ConfigurationError) as caught:
        build(headers={"Authorization": SECRET + value})
    assert SECRET not in str(caught.value)
    assert "Authorization" in str(caught.value)
    with pytest.raises(ConfigurationError):
        build(headers={"X": "y"}, user_agent=value)


@pytest.mark.parametrize(
    "name", ["Upgrade", "connection", "Sec-WebSocket-Key", "SEC-WEBSOCKET-EXTENSIONS", "Content-Length"]
)
def test_headers_of_the_upgrade_itself(name):
    """The upgrade's own headers cannot be set."""
    with pytest.raises(ConfigurationError, match=name):
        build(headers={name: "x"})


@pytest.mark.parametrize("subprotocols", [("a b",), ("",), ("a,b",), ("a\r\n",), ("a", "a")])
def test_illegal_subprotocols(subprotocols):
    """Subprotocols are tokens, each offered once."""
    with pytest.raises(ConfigurationError):
        build(subprotocols=subprotocols)


def test_headers_merge_without_regard_to_case():
    """A header given to connect replaces the same one of the options, and Host may be replaced."""
    options = ConnectionOptions(headers={"Authorization": "one", "X": "y"})
    request = Request.build("wss://example.com", options, {"AUTHORIZATION": "two", "Host": "other"})
    names = {name: value for name, value in request.headers if name != "User-Agent"}
    assert names == {"AUTHORIZATION": "two", "X": "y"}
    assert request.host_header == "other"


def test_user_agent():
    """The User-Agent is the library's own, or what the options say."""
    assert dict(build().headers)["User-Agent"].startswith("realtime-sync/")
    assert dict(build(user_agent="mine").headers)["User-Agent"] == "mine"


CREDENTIALS = {
    "authorization": {"headers": {"AUTHORIZATION": f"Bearer {SECRET}"}},
    "api-key": {"headers": {"Api-Key": SECRET}},
    "cookie": {"headers": {"Cookie": SECRET}},
    "userinfo": {"url": f"ws://user:{SECRET}@example.com/"},
    "query": {"url": f"ws://example.com/?api-key={SECRET}"},
    "subprotocol": {"subprotocols": ("realtime", f"openai-insecure-api-key.{SECRET}")},
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_credentials_need_tls(kind):
    """Credentials go over ws:// only to this machine, or when told so; no message or repr shows them."""
    given = {"url": "ws://example.com/", **CREDENTIALS[kind]}
    with pytest.raises(ConfigurationError, match="allow_insecure") as caught:
        build(**given)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(build(**given, allow_insecure=True))
    for host in ("localhost", "127.0.0.1", "127.8.8.8", "[::1]"):
        build(**{**given, "url": given["url"].replace("example.com", host)})
    build(**{**given, "url": given["url"].replace("ws:", "wss:")})


@pytest.mark.parametrize("host", ["localhost.example.com", "127.0.0.1.example.com", "0.0.0.0", "10.0.0.1"])
def test_what_only_looks_like_loopback(host):
    """A name that begins like a loopback address is none."""
    with pytest.raises(ConfigurationError, match="allow_insecure"):
        build(f"ws://{host}/", headers={"Authorization": "x"})


def test_userinfo_becomes_basic_authorization():
    """User and password of the URL become a Basic Authorization header, unless there is one already."""
    assert dict(build("wss://a%40b:c@example.com/").headers)["Authorization"] == "Basic YUBiOmM="
    assert dict(build("wss://a:b@example.com/", headers={"authorization": "own"}).headers)["authorization"] == "own"


def test_redacting():
    """A credential that a server repeats is taken out, with or without its scheme."""
    request = build(headers={"Authorization": f"Bearer {SECRET}"})
    assert SECRET not in request.redact(f"wrong key {SECRET} in Bearer {SECRET}")


def test_impossible_international_name():
    """A name that IDNA cannot express is refused."""
    with pytest.raises(ConfigurationError, match="host name"):
        build("wss://ü" + "x" * 80 + ".example/")
