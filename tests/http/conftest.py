"""What the tests of HTTP share."""

from __future__ import annotations

import pytest

from realtime_sync.config import ConnectionOptions
from realtime_sync.http import HttpClient, HttpRequest
from realtime_sync.transport import Deadline
from tests.support.web import base_url, web

KEY = "sk-very-secret"


class Caller:
    """A client for one peer."""

    def __init__(self, peer, session=None, url=None, **options):
        self.peer = peer
        self.url = url or base_url(peer)
        self.client = HttpClient(ConnectionOptions(**options), session)

    def open(self, path="/x", timeout=10, method="GET", body=None, headers=None):
        """Send one request, and return the answer."""
        headers = {"Authorization": f"Bearer {KEY}", **(headers or {})}
        message = HttpRequest(method=method, url=self.url + path, headers=headers, body=body, what=f"{method} {path}")
        return self.client.open(message, Deadline(timeout))

    def get(self, path="/x", timeout=10, **request):
        """Send one request, and return its whole body."""
        return self.open(path, timeout, **request).read(None)


@pytest.fixture
def make_caller(make_peer):
    """Make clients of a peer with a script, which are closed with the test: ``make_caller(script, **options)``."""
    made = []

    def make(script, *, tls=None, raw=False, **options):
        made.append(Caller(make_peer(script if raw else web(script), tls=tls), **options))
        return made[-1]

    yield make
    for caller in made:
        caller.client.close()
