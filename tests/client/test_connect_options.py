"""Options of a connection that change the upgrade request, and the one deadline that connect has."""

from __future__ import annotations

import time

import pytest

from realtime_sync import Client
from realtime_sync.errors import ConfigurationError, ConnectError, RequestTimeout


@pytest.fixture
def upgrade_headers(make_peer):
    """Connect with a client's and a call's arguments; returns the upgrade request's header lines as pairs."""

    def upgrade_headers(client=None, call=None):
        peer = make_peer()
        settings = {"base_url": f"http://127.0.0.1:{peer.port}/v1", "api_key": "k", **(client or {})}
        with Client(**settings).realtime.connect(model="m", **(call or {})):
            link = peer.link()
            lines = link.request.raw.decode("latin-1").split("\r\n")[1:]
            link.drop()
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    return upgrade_headers


def values(headers, name):
    return [value for key, value in headers if key == name]


def test_headers_in_options_are_sent(upgrade_headers):
    """Beside the client's own."""
    headers = upgrade_headers({"options": {"headers": {"X-A": "1"}}, "default_headers": {"X-B": "2"}})
    assert (values(headers, "x-a"), values(headers, "x-b")) == (["1"], ["2"])


def test_an_authorization_in_options_replaces_the_keys(upgrade_headers):
    """One Authorization header goes out, the one that was asked for."""
    headers = upgrade_headers({"options": {"headers": {"authorization": "Bearer other"}}})
    assert values(headers, "authorization") == ["Bearer other"]


def test_headers_of_the_call_win_over_those_in_options(upgrade_headers):
    """A name is sent once, with the value that is nearest to the call."""
    headers = upgrade_headers(
        {"default_headers": {"X-A": "client"}, "options": {"headers": {"x-a": "options"}}},
        {"extra_headers": {"X-a": "call"}},
    )
    assert values(headers, "x-a") == ["call"]


@pytest.mark.parametrize("where", ["options", "header"])
def test_one_user_agent_is_sent(upgrade_headers, where):
    """One that is given replaces the library's instead of following it."""
    given = {"user_agent": "mine/1"} if where == "options" else {"headers": {"user-agent": "mine/1"}}
    assert values(upgrade_headers({"options": given}), "user-agent") == ["mine/1"]


def test_a_credential_in_options_is_a_credential(monkeypatch):
    """A host that needs a key is dialled without one if the options hold an Authorization header."""
    dialled = []

    def dial(url, *, options, headers, deadline):
        dialled.append(headers["Authorization"])
        raise ConnectError(transient=False)

    monkeypatch.setattr("realtime_sync.client._dialler.connect_once", dial)
    with pytest.raises(ConfigurationError, match="no API key"):
        Client().realtime.connect(model="m")
    with pytest.raises(ConnectError):
        Client(options={"headers": {"Authorization": "Bearer other"}}).realtime.connect(model="m")
    assert dialled == ["Bearer other"]


def test_dialling_and_the_session_share_one_deadline(make_peer):
    """What the upgrade took of open_timeout is not granted to session.updated again."""

    def late(link):
        link.stall(0.6)
        link.upgrade()

    peer = make_peer(late)
    client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k")
    start = time.monotonic()
    with pytest.raises(RequestTimeout):
        client.realtime.connect(
            model="m", session={"instructions": "x"}, options={"open_timeout": 0.9, "close_timeout": 0.1}
        )
    assert time.monotonic() - start < 1.45
    peer.link().drop()
