from __future__ import annotations

import pytest

from realtime_sync import Client
from tests.support.scripted import ScriptedServer


@pytest.fixture
def scripted():
    """A server that does what the test says."""
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def connect(scripted):
    """Open a session to the scripted server; returns (session, peer)."""
    opened = []

    def connect(**arguments):
        client = Client(base_url=scripted.base_url, api_key="test", timeout=30)
        session = client.realtime.connect(model="m", **arguments)
        opened.append(session)
        return session, scripted.accept()

    yield connect
    for session in opened:
        session.close()
