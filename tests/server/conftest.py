"""Fixtures for the local server's tests: servers, certificates, and peers that are not our own client."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading

import pytest
import trustme
from attrs import define
from websockets.sync.client import ClientConnection, connect

from realtime_sync.server import LocalServer


@define
class Tls:
    """A certificate for 127.0.0.1, and who trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    cert_file: str
    key_file: str
    ca_file: str


@define(eq=False)
class Peer:
    """A raw WebSocket client that speaks in dicts."""

    ws: ClientConnection

    def send(self, *events):
        for event in events:
            self.ws.send(json.dumps(event))

    def next(self):
        return json.loads(self.ws.recv(timeout=10))

    def until(self, kind):
        """Return the events up to and including the first of this type."""
        events = []
        while not events or events[-1]["type"] != kind:
            events.append(self.next())
        return events

    def error(self, event):
        """Send an event and return the error body that answers it."""
        self.send(event)
        answer = self.next()
        assert answer["type"] == "error", answer
        return answer["error"]

    def say(self, text, **response):
        """Send a user message and ask for a response."""
        self.send(user(text), {"type": "response.create", **({"response": response} if response else {})})

    def ask(self, text, **response):
        """Do a whole turn; return the response of `response.done`."""
        self.say(text, **response)
        done = self.until("response.done")[-1]["response"]
        self.until("rate_limits.updated")
        return done


def user(text, **item):
    """Return the event that creates a user message."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content, **item}}


def text_of(response):
    """Return the text of a response's messages."""
    parts = [part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(parts)


@pytest.fixture(autouse=True)
def no_server_threads():
    """Fail a test that leaves a thread of the server behind."""
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("rts-server")]
    assert not left


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """Certificates for TLS on loopback."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    leaf.private_key_and_cert_chain_pem.write_to_path(folder / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(server)
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    return Tls(server, client, str(folder / "cert.pem"), str(folder / "key.pem"), str(folder / "ca.pem"))


@pytest.fixture
def serve():
    """Start servers that end with the test; pauses are off unless asked for."""
    with contextlib.ExitStack() as stack:

        def start(**options):
            return stack.enter_context(LocalServer(**{"time_scale": 0, **options}))

        yield start


@pytest.fixture
def dial():
    """Open WebSockets that end with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(server, query="?model=m", *, greet=True, path="/realtime", **options):
            options = {"compression": None, "max_size": None, "close_timeout": 2, **options}
            peer = Peer(stack.enter_context(connect(server.websocket_base_url + path + query, **options)))
            if greet:
                assert peer.next()["type"] == "session.created"
            return peer

        yield open_one


@pytest.fixture
def peer(serve, dial):
    """A client of a server with default settings."""
    return dial(serve())
