"""The options proxy, ca_file and client_cert, and what they mean to each other."""

from __future__ import annotations

import pathlib
import ssl

import pytest

from realtime_sync import ConnectionOptions
from realtime_sync.config import Proxy
from realtime_sync.errors import ConfigurationError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy.example", Proxy("http", "proxy.example", 80)),
        ("HTTPS://proxy.example/", Proxy("https", "proxy.example", 443)),
        ("socks5://proxy.example", Proxy("socks5", "proxy.example", 1080)),
        ("socks5h://[::1]:9", Proxy("socks5h", "::1", 9)),
        ("proxy.example:3128", Proxy("http", "proxy.example", 3128)),
        ("u%40x:p%3A%2F@proxy.example:1", Proxy("http", "proxy.example", 1, "u@x", "p:/")),
        ("http://user@proxy.example", Proxy("http", "proxy.example", 80, "user", "")),
        ("http://user:@proxy.example", Proxy("http", "proxy.example", 80, "user", "")),
    ],
)
def test_proxy_urls(url, expected):
    """Scheme, host, port, and percent-decoded credentials; the port and the scheme have defaults."""
    assert Proxy.parse(url) == expected
    assert ConnectionOptions(proxy=url).proxy == url


@pytest.mark.parametrize(
    "wrong",
    ["", "socks4://secret@h", "ftp://u:secret@h", "http://", "http://u:secret@", "http://u:secret@h:0", "http://u:secret@h:x",
     "http://u:secret@h/path", "http://u:secret@[::1", "http://u:secret@a b", 5, True, b"http://h"],
)  # fmt: skip
def test_what_is_no_proxy(wrong):
    """Told when the options are made, without repeating what may be secret."""
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        ConnectionOptions(proxy=wrong)
    assert "secret" not in str(caught.value)


def test_proxies_show_no_credentials():
    """Neither an option's repr nor that of a proxy."""
    options = ConnectionOptions(proxy="http://us3r:p4ss@proxy.example:3128", client_cert=("c.pem", "k.pem", "p4ss"))
    texts = f"{options!r} {Proxy.parse(options.proxy)!r} {Proxy.parse(options.proxy)}"
    assert "proxy.example:3128" in texts
    assert "us3r" not in texts
    assert "p4ss" not in texts
    assert "proxy='auto'" in repr(ConnectionOptions())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("both.pem", ("both.pem",)),
        (pathlib.Path("both.pem"), ("both.pem",)),
        (["c.pem", "k.pem"], ("c.pem", "k.pem")),
        (("c.pem", pathlib.Path("k.pem"), "secret"), ("c.pem", "k.pem", "secret")),
        (("both.pem", None, "secret"), ("both.pem", "both.pem", "secret")),
        (("both.pem", None), ("both.pem",)),
        (None, None),
    ],
)
def test_client_certificates(given, expected):
    """One path, a pair, or three with a password."""
    assert ConnectionOptions(client_cert=given).client_cert == expected


@pytest.mark.parametrize(
    "wrong", [5, (), ("c", "k", "secret", "x"), ("c", 5), ("c", "k", b"secret"), (None, "k", "secret"), ""]
)
def test_what_is_no_client_certificate(wrong):
    """Told without the password."""
    with pytest.raises(ConfigurationError, match="client_cert") as caught:
        ConnectionOptions(client_cert=wrong)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["", 5, b"ca.pem", ["ca.pem"]])
def test_what_is_no_path(wrong):
    """ca_file is a path."""
    with pytest.raises(ConfigurationError, match="ca_file"):
        ConnectionOptions(ca_file=wrong)


def test_a_context_and_files_exclude_each_other():
    """In one set it is a mistake; of two sets the one on top wins."""
    context = ssl.create_default_context()
    with pytest.raises(ConfigurationError, match="ssl_context"):
        ConnectionOptions(ssl_context=context, ca_file="ca.pem")
    on_top = ConnectionOptions(ssl_context=context).over(
        ConnectionOptions(ca_file="ca.pem", client_cert="c.pem", max_size=5)
    )
    assert (on_top.ssl_context, on_top.ca_file, on_top.client_cert, on_top.max_size) == (context, None, None, 5)
    below = ConnectionOptions(ca_file="ca.pem").over(ConnectionOptions(ssl_context=context))
    assert (below.ssl_context, below.ca_file) == (None, "ca.pem")
