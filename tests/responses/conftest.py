from __future__ import annotations

import pytest

from realtime_sync import Client
from realtime_sync.responses._proof import Proofs
from realtime_sync.server import LocalServer
from tests.support.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def no_proofs():
    """What one test finds out about a server is of no interest to the next one on the same port."""
    Proofs.forget()
    yield
    Proofs.forget()


@pytest.fixture
def scripted():
    """A server that does what the test says."""
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def lanes(scripted):
    """Open a connection to the scripted server, which is taken to have lanes unless said otherwise; (connection, peer)."""
    opened = []

    def connect(*, known=True, **arguments):
        if known is not None:
            Proofs.note(scripted.base_url, lanes=known)
        client = Client(base_url=scripted.base_url, api_key="test", timeout=30)
        connection = client.responses.connect(**{"model": "m", **arguments})
        opened.append(connection)
        return connection, scripted.accept()

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def local():
    """Start a local server and connect to it: ``local(server_options, **connect_options)``; (connection, server)."""
    opened = []

    def connect(server=None, **arguments):
        running = LocalServer(**{"time_scale": 0, **(server or {})})
        running.start()
        opened.append(running)
        client = Client(base_url=running.base_url, api_key="test", timeout=30)
        connection = client.responses.connect(**{"model": "m", **arguments})
        opened.append(connection)
        return connection, running

    yield connect
    for each in reversed(opened):
        each.close()
