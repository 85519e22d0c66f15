"""Opening sessions: what is asked for, what is sent, and every way it can fail."""

from __future__ import annotations

import json
import logging
import socket
import time

import pytest

from realtime_sync import Client, ConnectionOptions
from realtime_sync.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionClosed,
    ConnectTimeout,
    HandshakeRejected,
    InternalServerError,
    LocalProtocolError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from tests.support.peer import Link
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread


def base_url(peer, scheme="http"):
    return f"{scheme}://{peer.host}:{peer.port}/v1"


def test_the_request_carries_key_ids_query_and_headers(make_peer):
    """URL and headers as the API wants them; per-call headers win, names compared without case."""
    peer = make_peer()
    client = Client(
        base_url=base_url(peer) + "/?from_base=1",
        api_key=lambda: "sk-called",
        organization="org",
        project="proj",
        default_headers={"X-One": "client", "X-Two": "client"},
        default_query={"q": "ä b"},
    )
    with client.realtime.connect(model="my model", extra_query={"x": 1}, extra_headers={"x-two": "call"}):
        link = peer.link()
        request = link.request
        assert request.path == "/v1/realtime?from_base=1&q=%C3%A4+b&model=my+model&x=1"
        assert request.headers["authorization"] == "Bearer sk-called"
        assert request.headers["openai-organization"] == "org"
        assert request.headers["openai-project"] == "proj"
        assert request.headers["x-one"] == "client"
        assert request.headers["x-two"] == "call"
        assert request.headers["user-agent"].startswith("realtime-sync/")
        assert "openai-beta" not in request.headers
        link.drop()


def test_settings_come_from_the_environment(make_peer, monkeypatch):
    """OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID and OPENAI_PROJECT_ID fill what is left out."""
    peer = make_peer()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    monkeypatch.setenv("OPENAI_BASE_URL", base_url(peer))
    monkeypatch.setenv("OPENAI_ORG_ID", "org-env")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-env")
    with Client().realtime.connect(call_id="rtc_1"):
        link = peer.link()
        assert link.request.path == "/v1/realtime?call_id=rtc_1"
        assert link.request.headers["authorization"] == "Bearer sk-env"
        assert link.request.headers["openai-organization"] == "org-env"
        assert link.request.headers["openai-project"] == "proj-env"
        link.drop()


@pytest.mark.parametrize(
    ("settings", "path", "header"),
    [
        ({"api_key": "az-key"}, "/openai/v1/realtime?model=my-deployment", ("api-key", "az-key")),
        ({"token_provider": lambda: "tok"}, "/openai/v1/realtime?model=my-deployment", ("authorization", "Bearer tok")),
        (
            {"api_key": lambda: "az-key", "api_version": "2025-04-01-preview"},
            "/openai/realtime?api-version=2025-04-01-preview&deployment=my-deployment",
            ("api-key", "az-key"),
        ),
    ],
    ids=["v1 key", "v1 token", "preview"],
)
def test_azure(make_peer, settings, path, header):
    """URL, query and key header as Azure wants them; no Bearer header beside an Azure key."""
    peer = make_peer()
    client = Client.azure(endpoint=f"http://127.0.0.1:{peer.port}/", deployment="my-deployment", **settings)
    with client.realtime.connect():
        link = peer.link()
        assert link.request.path == path
        assert link.request.headers[header[0]] == header[1]
        assert ("authorization" in link.request.headers) == (header[0] == "authorization")
        link.drop()


@pytest.mark.parametrize("settings", [{}, {"api_key": "k", "token_provider": lambda: "t"}])
def test_azure_needs_one_credential(settings):
    """Neither or both is a mistake that is told."""
    with pytest.raises(ConfigurationError, match="exactly one"):
        Client.azure(endpoint="https://x.openai.azure.com", deployment="d", **settings)


def test_websocket_base_url_replaces_base_url(make_peer):
    """The WebSocket API may live elsewhere."""
    peer = make_peer()
    client = Client(base_url="https://unused.invalid/v1", websocket_base_url=f"ws://127.0.0.1:{peer.port}/other")
    with client.realtime.connect(intent="transcription"):
        link = peer.link()
        assert link.request.path == "/other/realtime?intent=transcription"
        assert "authorization" not in link.request.headers
        link.drop()


def test_session_is_sent_at_once_and_awaited(scripted):
    """Connect returns after session.updated, with the effective session known and its events in the mailbox."""
    client = Client(base_url=scripted.base_url, api_key="k")
    connecting = run_in_thread(client.realtime.connect, model="m", session={"instructions": "hi"}, modalities=["text"])
    peer = scripted.accept()
    peer.send("session.created", session=SESSION)
    sent = peer.receive("session.update")
    assert sent["session"] == {"type": "realtime", "instructions": "hi", "output_modalities": ["text"]}
    assert not connecting.done()
    peer.send("session.updated", session={**SESSION, "id": "sess_2", "expires_at": 99})
    rt = connecting.result()
    assert (rt.session.id, rt.session.expires_at) == ("sess_2", 99)
    assert [rt.receive(timeout=10).type for _ in range(2)] == ["session.created", "session.updated"]
    assert rt.enter() is rt
    rt.close()


def test_a_refused_session_closes_and_raises(scripted):
    """The error about session.update is the error of connect, and nothing is left open."""
    client = Client(base_url=scripted.base_url, api_key="k")
    connecting = run_in_thread(client.realtime.connect, model="m", session={"voice": "x"})
    peer = scripted.accept()
    peer.error(peer.receive("session.update")["event_id"], "unknown_parameter")
    with pytest.raises(ServerError):
        connecting.result()


def test_a_server_that_closes_before_session_updated(scripted):
    """The close is the error of connect."""
    client = Client(base_url=scripted.base_url, api_key="k")
    connecting = run_in_thread(client.realtime.connect, model="m", modalities="text")
    peer = scripted.accept()
    peer.receive("session.update")
    peer.close(4001, "no")
    with pytest.raises(ConnectionClosed) as caught:
        connecting.result()
    assert caught.value.code == 4001


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        ({}, "exactly one"),
        ({"model": "m", "call_id": "c"}, "exactly one"),
        ({"model": "m", "modalities": ["text", "audio"]}, "exactly one"),
        ({"model": "m", "modalities": ["smell"]}, "modalities"),
        ({"model": "m", "modalities": ["text"], "session": {"output_modalities": ["text"]}}, "both"),
        ({"model": "m", "options": {"max_sise": 1}}, "max_sise"),
        ({"model": "m", "options": {"ping_interval": -1}}, "ping_interval"),
        ({"model": "m", "options": {}, "websocket_connection_options": {}}, "not both"),
        ({"model": "m", "extra_headers": {"X": "a\r\nB: c"}}, "header"),
    ],
)
def test_arguments_that_cannot_work_are_told_before_dialling(arguments, needle):
    """ConfigurationError, at once: nothing listens at that address."""
    client = Client(base_url="http://127.0.0.1:9/v1", api_key="k")
    with pytest.raises(ConfigurationError, match=needle):
        client.realtime.connect(**arguments)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com/v1",
        "ftp://host/v1",
        "https://",
        "http://[::1",
        "http://host:99999/v1",
        "https://u:p@host/v1",
    ],
)
def test_a_wrong_base_url(url):
    """A base URL that is none is a ConfigurationError, without repeating what may be secret."""
    client = Client(base_url=url or " ", api_key="k")
    with pytest.raises(ConfigurationError) as caught:
        client.realtime.connect(model="m")
    assert "u:p" not in str(caught.value)


def test_no_key_for_openai():
    """The official hosts need a key; the message says how to give one."""
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        Client().realtime.connect(model="m")


@pytest.mark.parametrize("key", [lambda: 5, lambda: b"bytes"])
def test_a_key_function_that_returns_no_string(key):
    """A wrong type is told instead of sent."""
    with pytest.raises(ConfigurationError, match="api_key"):
        Client(base_url="http://127.0.0.1:9/v1", api_key=key).realtime.connect(model="m")


def test_a_key_is_never_sent_in_the_clear_to_another_machine():
    """ws:// with a key is refused except to a loopback address."""
    with pytest.raises(ConfigurationError, match="allow_insecure"):
        Client(base_url="http://192.0.2.1/v1", api_key="k").realtime.connect(model="m")


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (401, AuthenticationError),
        (404, NotFoundError),
        (429, RateLimitError),
        (503, InternalServerError),
        (302, HandshakeRejected),
        (426, HandshakeRejected),
    ],
)
def test_a_refused_upgrade_has_the_class_of_its_status(make_peer, status, cls):
    """With code, message, request id and Retry-After; a redirect is a refusal, not followed."""
    body = json.dumps({"error": {"message": "wrong key", "code": "invalid_api_key", "param": None}}).encode()

    def refuse(link):
        link.respond(status, "X-Request-Id: req_1", "Retry-After: 7", "Location: ws://127.0.0.1:9/", body=body)

    peer = make_peer(refuse)
    with pytest.raises(cls) as caught:
        Client(base_url=base_url(peer), api_key="sk-secret", max_retries=0).realtime.connect(model="m")
    error = caught.value
    assert isinstance(error, HandshakeRejected)
    assert isinstance(error, ConnectError)
    assert (error.status, error.code, error.request_id, error.retry_after) == (status, "invalid_api_key", "req_1", 7)
    assert error.replay_safe
    assert "sk-secret" not in str(error)
    assert "sk-secret" not in repr(vars(error))
    assert peer.accepted == 1


def test_a_refused_connection():
    """Nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        Client(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0).realtime.connect(model="m")
    assert not isinstance(caught.value, HandshakeRejected)


def test_a_host_that_does_not_exist():
    """A failed name look-up is a ConnectError."""
    with pytest.raises(ConnectError):
        Client(base_url="https://does-not-exist.invalid/v1", api_key="k").realtime.connect(
            model="m", options={"open_timeout": 20}
        )


def test_a_hanging_upgrade_ends_in_time(make_peer):
    """open_timeout covers the whole of connecting."""
    peer = make_peer(lambda link: (link.read_request(), link.stall()))
    start = time.monotonic()
    with pytest.raises(ConnectTimeout):
        Client(base_url=base_url(peer), api_key="k").realtime.connect(model="m", options={"open_timeout": 0.3})
    assert time.monotonic() - start < 5


def test_session_updated_that_never_comes_ends_in_time(make_peer):
    """A peer that upgrades and then says nothing cannot hang connect."""
    peer = make_peer()
    with pytest.raises(TimeoutError):
        Client(base_url=base_url(peer), api_key="k").realtime.connect(
            model="m", modalities=["text"], options={"open_timeout": 0.3, "close_timeout": 0.1}
        )
    peer.link().drop()


def test_connect_options_lie_over_the_clients(make_peer):
    """Field by field: what connect gives wins, also if it equals the default."""
    peer = make_peer()
    client = Client(base_url=base_url(peer), options={"ping_interval": 5, "max_queue": 10})
    with client.realtime.connect(model="m", options=ConnectionOptions(ping_interval=20.0)) as rt:
        assert rt._core.options.ping_interval == 20.0
        assert rt._core.options.max_queue == (10, 2)
        peer.link().drop()


def test_the_user_agent_can_be_replaced(make_peer):
    """By the option, or by a header."""
    peer = make_peer()
    for settings in ({"options": {"user_agent": "mine/1"}}, {"extra_headers": {"user-agent": "mine/1"}}):
        with Client(base_url=base_url(peer), api_key="k").realtime.connect(model="m", **settings):
            link = peer.link()
            assert link.request.headers["user-agent"] == "mine/1"
            link.drop()


def test_credentials_are_in_no_repr_and_no_log(make_peer, caplog):
    """Not in reprs of client, options, session or core, and not in any log record."""
    peer = make_peer()
    with caplog.at_level(logging.DEBUG):
        client = Client(
            base_url=base_url(peer) + "?api-key=sk-query", api_key="sk-secret", default_headers={"X": "sk-header"}
        )
        options = ConnectionOptions(
            headers={"X-Key": "sk-option"}, subprotocols=["realtime", "openai-insecure-api-key.sk-sub"]
        )
        with client.realtime.connect(model="m", options={"headers": {"X-Key": "sk-option"}}) as rt:
            texts = [
                repr(client),
                repr(client.endpoint),
                repr(options),
                repr(rt),
                repr(rt._core),
                repr(rt._core.connection),
            ]
            peer.link().drop()
    assert "sk-" not in "".join(texts) + caplog.text


def test_closing_the_client_closes_its_sessions(make_peer):
    """All at once, and the client makes no more."""
    peer = make_peer()
    with Client(base_url=base_url(peer), api_key="k") as client:
        sessions = [client.realtime.connect(model="m") for _ in range(3)]
        start = time.monotonic()
    assert time.monotonic() - start < 5
    assert all(session.closed for session in sessions)
    with pytest.raises(LocalProtocolError):
        client.realtime.connect(model="m")
    client.close()


def test_a_missing_timeout_is_600_and_bad_ones_are_told():
    """timeout: seconds, None for no limit."""
    assert Client().timeout == 600
    assert Client(timeout=None).timeout is None
    with pytest.raises(ConfigurationError):
        Client(timeout=-1)
    with pytest.raises(TypeError):
        Client(tiemout=5)


def test_an_interrupted_connect_leaves_nothing(make_peer, monkeypatch):
    """An exception between the upgrade and the return drops the connection."""
    peer = make_peer()

    def interrupt(self, session):
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "adopt", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Client(base_url=base_url(peer), api_key="k").realtime.connect(model="m", options={"close_timeout": 0.1})
    link: Link = peer.link()
    assert link.read_eof()[0] & 0x0F == 8, "a close frame, then the end"


def test_a_handler_that_cannot_be_called_is_told_before_dialling(make_peer):
    """handlers= with nonsense opens no connection."""
    peer = make_peer()
    for nonsense in (5, None):
        with pytest.raises(LocalProtocolError, match="callable"):
            Client(base_url=base_url(peer), api_key="k").realtime.connect(model="m", handlers={"error": nonsense})
    assert peer.accepted == 0
