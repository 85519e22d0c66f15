"""The HTTP side: keys, URLs, upgrades that are refused, errors as JSON."""

import base64
import socket

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


def refused(server, path="/realtime?model=m", **options):
    """Dial, and return the HTTP response that refuses the upgrade."""
    with pytest.raises(InvalidStatus) as refusal:
        connect(server.websocket_base_url + path, compression=None, **options)
    return refusal.value.response


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {"Authorization": "Bearer sk-local"}},
        {"additional_headers": {"authorization": "bearer sk-local"}},
        {"additional_headers": {"api-key": "sk-local"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.sk-local"]},
    ],
)
def test_every_way_to_send_a_key(serve, dial, options):
    """The key is accepted wherever a client of these APIs may put it."""
    server = serve(api_key="sk-local")
    peer = dial(server, **options)
    assert peer.ws.subprotocol == ("realtime" if "subprotocols" in options else None)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer no"}, {"Authorization": "Basic sk-local"}])
def test_a_missing_or_wrong_key_is_a_401_before_the_upgrade(serve, headers):
    """Without the key there is no WebSocket but an ordinary answer, in the API's shape."""
    server = serve(api_key="sk-local")
    response = refused(server, additional_headers=headers)
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/json"
    assert b'"invalid_api_key"' in response.body
    assert b"sk-local" not in response.body
    answer = requests.get(server.base_url + "/nothing", headers=headers, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_any_key_does_without_one_configured(serve, dial):
    """A server without a key takes every key, and none."""
    server = serve()
    dial(server)
    dial(server, additional_headers={"Authorization": "Bearer whatever"})
    assert [handshake.headers.get("authorization") for handshake in server.handshakes] == [None, "Bearer whatever"]
    assert "whatever" not in repr(server.handshakes)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/realtime", 400, "exactly one of model, call_id and intent"),
        ("/realtime?model=", 400, "exactly one of model, call_id and intent"),
        ("/realtime?model=m&intent=transcription", 400, "got model, intent"),
        ("/realtime?intent=transcription", 400, "give a model instead"),
        ("/realtime?call_id=rtc_1", 404, "No call"),
        ("/nowhere?model=m", 404, "Invalid URL (GET /v1/nowhere)"),
        ("/../realtime?model=m", 404, "Invalid URL"),
    ],
)
def test_urls_that_are_refused(serve, path, status, words):
    """A wrong URL is refused before the upgrade, and the answer says why."""
    response = refused(serve(), path)
    assert response.status_code == status
    assert words in response.body.decode()


def test_the_beta_protocol_is_refused(serve):
    """The header of the beta protocol is refused, because its events are not spoken here."""
    response = refused(serve(), additional_headers={"OpenAI-Beta": "realtime=v1"})
    assert response.status_code == 400
    assert b"OpenAI-Beta" in response.body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/realtime?model=m", 426), ("POST", "/realtime", 405), ("GET", "/models", 404), ("GET", "/", 404)],
)
def test_plain_http_gets_json_errors(serve, method, path, status):
    """What is no upgrade is answered in the API's shape, with a request id."""
    answer = requests.request(method, serve().base_url + path, timeout=10)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"].startswith("req_")


def raw(server, *lines):
    """Send an upgrade request as written here and return the answer up to its end."""
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall("\r\n".join((*lines, "", "")).encode())
        answer = b""
        while data := sock.recv(65536):
            answer += data
        return answer


UPGRADE = ("Host: x", "Connection: Upgrade", "Upgrade: websocket")
KEY = "Sec-WebSocket-Key: " + base64.b64encode(bytes(16)).decode()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((KEY, "Sec-WebSocket-Version: 8"), id="version"),
        pytest.param(("Sec-WebSocket-Key: short", "Sec-WebSocket-Version: 13"), id="key"),
        pytest.param(("Sec-WebSocket-Version: 13",), id="no key"),
        pytest.param((KEY, "Sec-WebSocket-Version: 13", "X-Long: " + "x" * 20000), id="long header"),
    ],
)
def test_invalid_upgrades(serve, lines):
    """An upgrade that breaks the WebSocket protocol is a 400 in the API's shape."""
    answer = raw(serve(), "GET /v1/realtime?model=m HTTP/1.1", *UPGRADE, *lines)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"The WebSocket upgrade failed" in answer


def test_a_crash_in_a_route_is_a_500_in_the_apis_shape(serve, dial, monkeypatch):
    """An error of the server itself is answered as JSON, and the server goes on."""
    server = serve()
    monkeypatch.setattr("realtime_sync.server.realtime._target", lambda *_: 1 / 0)
    response = refused(server)
    assert response.status_code == 500
    assert b'"server_error"' in response.body
    monkeypatch.undo()
    dial(server)


def test_frames_sent_along_with_the_upgrade(serve):
    """Bytes that come in one packet with the upgrade request are not lost."""
    server = serve()
    frame = bytes([0x81, 0x80 | 27, 0, 0, 0, 0]) + b'{"type": "response.cancel"}'
    request = ["GET /v1/realtime?model=m HTTP/1.1", *UPGRADE, KEY, "Sec-WebSocket-Version: 13", "", ""]
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall("\r\n".join(request).encode() + frame)
        assert server.wait_received("response.cancel") == {"type": "response.cancel"}
