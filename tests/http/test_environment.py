"""What the environment says about a connection, compared with what `requests` makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from unittest import mock

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ConfigurationError
from realtime_sync.http import settle
from realtime_sync.transport._environment import choose_proxy
from realtime_sync.transport._request import Request

PROXY = "http://proxy.example:3128"


def proxy_for(url: str, **options) -> str | None:
    return settle(url, ConnectionOptions(**options)).proxy


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({"HTTPS_PROXY": PROXY}, "wss://example.com/", PROXY),
        ({"https_proxy": PROXY}, "https://example.com/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "ws://example.com/", None),
        ({"http_proxy": PROXY}, "ws://example.com/", PROXY),
        ({"ALL_PROXY": "socks5h://proxy.example"}, "wss://example.com/", "socks5h://proxy.example"),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "wss://example.com/", "http://proxy.example:3128"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, "wss://example.com/", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"}, "wss://api.example.com/", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, "wss://api.example.com/", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, "wss://notexample.com/", PROXY),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "a, example.com:8443"}, "wss://example.com:8443/", None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "example.com:8443"}, "wss://example.com:9443/", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, "wss://10.1.2.3/", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, "wss://11.1.2.3/", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "a", "no_proxy": "example.com"}, "wss://example.com/", None),
        ({"HTTPS_PROXY": ""}, "wss://example.com/", None),
        ({}, "wss://example.com/", None),
    ],
)
def test_proxies_from_the_environment(variables, url, expected, monkeypatch):
    """Either case of the names, NO_PROXY with suffixes, ports, address ranges and "*"."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(url)
    assert found in (expected, None if expected is None else expected.removeprefix("http://"))


def test_options_win_over_the_environment(monkeypatch):
    """A URL or None is not asked about, NO_PROXY or not."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert proxy_for("wss://example.com/", proxy="http://own.example:1") == "http://own.example:1"
    monkeypatch.delenv("NO_PROXY")
    assert proxy_for("wss://example.com/", proxy=None) is None


@pytest.mark.parametrize(
    "value", ["ftp://proxy.example", "http://", "socks4://u:secret@proxy.example", "http://u:secret@x:y"]
)
def test_a_variable_that_is_no_proxy(value, monkeypatch):
    """The error says where it comes from, and repeats no password."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(ConfigurationError, match="https in the environment") as caught:
        proxy_for("wss://example.com/")
    assert "secret" not in str(caught.value)


HOSTS = st.sampled_from(
    ["example.com", "api.example.com", "notexample.com", "10.1.2.3", "127.0.0.1", "localhost", "[::1]", "a.b"]
)
NO_PROXY = st.lists(
    st.sampled_from(
        [
            "example.com",
            ".example.com",
            "*",
            "10.0.0.0/8",
            "10.1.2.3",
            "10.0.0.0/99",
            "localhost",
            "::1",
            " a.b ",
            "example.com:8443",
            "",
        ]
    ),
    max_size=3,
).map(",".join)
ENVIRONMENTS = st.dictionaries(
    st.sampled_from(["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]),
    st.sampled_from(["http://a.example:1", "https://b.example", "socks5h://c.example", "http://u:p@d.example", ""]),
    max_size=3,
)


def test_the_answer_is_that_of_requests():
    """For any environment a WebSocket uses the proxy that `requests` uses for the same host over HTTP, and its CA file."""
    targets = st.tuples(st.sampled_from(["http", "https"]), HOSTS, st.sampled_from(["", ":8443"]))

    @settings(max_examples=150, deadline=None)
    @given(ENVIRONMENTS, NO_PROXY, targets, st.sampled_from([None, __file__]))
    def compare(variables, no_proxy, target, bundle):
        scheme, host, port = target
        variables = {**variables, "no_proxy": no_proxy, **({"REQUESTS_CA_BUNDLE": bundle} if bundle else {})}
        url = f"{scheme}://{host}{port}/"
        with mock.patch.dict(os.environ, variables):
            merged = requests.Session().merge_environment_settings(url, {}, None, None, None)
            theirs = requests.utils.select_proxy(url, merged["proxies"])
            for each in (url, url.replace("http", "ws", 1)):
                ours = settle(each, ConnectionOptions())
                assert ours.proxy == (theirs or None)
                if scheme == "https":
                    expected = merged["verify"] if isinstance(merged["verify"], str) else requests.certs.where()
                    assert ours.ca_file == expected

    compare()


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_authorities_from_the_environment(name, monkeypatch, tmp_path):
    """Each variable names them, after what the options say; one that names nothing is told."""
    monkeypatch.setenv(name, str(tmp_path))
    assert settle("wss://example.com/", ConnectionOptions()).ca_file == str(tmp_path)
    assert settle("wss://example.com/", ConnectionOptions(ca_file="own.pem")).ca_file == "own.pem"
    assert settle("ws://example.com/", ConnectionOptions()).ca_file is None
    assert settle("ws://example.com/", ConnectionOptions(proxy="https://p.example")).ca_file == str(tmp_path)
    monkeypatch.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=f"{name} names"):
        settle("wss://example.com/", ConnectionOptions())


def test_what_was_given_stays_known():
    """The settled options can still be laid over others."""
    settled = settle("wss://example.com/", ConnectionOptions(max_size=5))
    assert settled.given == {"max_size", "ca_file", "proxy"}
    assert settled.max_size == 5


def test_requests_loads_only_when_it_is_asked():
    """A plain connection on a machine without proxies does not pay for it."""
    code = (
        "import sys; from realtime_sync.http import settle; from realtime_sync.config import ConnectionOptions as O;"
        "settle('ws://example.com/', O()); settle('wss://example.com/', O(ca_file='x'));"
        "settle('wss://example.com/', O(ca_file='x', proxy='http://p:1')); print('requests' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({"HTTPS_PROXY": PROXY}, "wss://example.com/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "ws://example.com/", None),
        ({"ALL_PROXY": PROXY}, "ws://example.com/", PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, "wss://api.example.com:8443/", None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, "wss://notexample.com/", PROXY),
    ],
)
def test_the_transport_on_its_own_follows_the_standard_library(variables, url, expected, monkeypatch):
    """Without `Client` "auto" means what `urllib.request` would do."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = choose_proxy("auto", Request.build(url, ConnectionOptions(), None))
    assert found == (None if expected is None else choose_proxy(expected, None))
    assert choose_proxy(None, None) is None
