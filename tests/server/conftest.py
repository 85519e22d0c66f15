"""Fixtures for the local server's tests: servers, and raw WebSocket clients."""

from __future__ import annotations

import contextlib

import pytest
from websockets.sync.client import connect

from realtime_sync.server import LocalServer, speak_by_tone
from tests.server.support import Lanes, Peer


@pytest.fixture
def serve():
    """Start servers that end with the test; pauses are off and a tone speaks unless asked otherwise."""
    with contextlib.ExitStack() as stack:

        def start(**options):
            return stack.enter_context(LocalServer(**{"time_scale": 0, "speaker": speak_by_tone, **options}))

        yield start


@pytest.fixture
def dial():
    """Open WebSockets that end with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(server, query="?model=m", *, greet=True, path="/realtime", **options):
            options = {"compression": None, "max_size": None, "max_queue": None, **options}
            peer = Peer(stack.enter_context(connect(server.websocket_base_url + path + query, **options)))
            if greet:
                assert peer.next()["type"] == "session.created"
            return peer

        yield open_one


@pytest.fixture
def peer(serve, dial):
    """A client of a server with default settings."""
    return dial(serve())


@pytest.fixture
def responses(dial):
    """Open WebSockets of the Responses API that end with the test."""
    return lambda server, **options: Lanes(dial(server, "", path="/responses", greet=False, **options).ws)
