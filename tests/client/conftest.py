"""What the tests of the client share."""

from __future__ import annotations

import pytest

from tests.support.scripted import ScriptedServer


@pytest.fixture
def scripted():
    """A server that does what the test says."""
    server = ScriptedServer()
    yield server
    server.close()
