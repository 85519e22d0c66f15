from __future__ import annotations

import pytest

from realtime_sync import Client
from tests.realtime.tool_support import Work
from tests.support.scripted import SESSION, ScriptedServer
from tests.support.waiting import run_in_thread


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


@pytest.fixture
def work():
    """Tools that are let go at the end."""
    work = Work()
    yield work
    work.gate.set()


@pytest.fixture
def opened(scripted, work):
    """Open a session with the tools of `work`; returns (session, peer)."""
    sessions = []

    def open_session(**arguments):
        client = Client(base_url=scripted.base_url, api_key="test", timeout=30)
        options = {"tools": [work.add, work.wait], "options": {"close_timeout": 0.3}, **arguments}
        opening = run_in_thread(lambda: client.realtime.connect(model="m", **options))
        peer = scripted.accept()
        update = peer.receive("session.update")
        peer.send("session.updated", session={**SESSION, **update["session"]})
        sessions.append(opening.result())
        return sessions[-1], peer

    yield open_session
    for session in sessions:
        session.close()
