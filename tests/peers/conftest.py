"""Peers as fixtures, one process each for all tests."""

from __future__ import annotations

import contextlib
import json
import sys

import pytest

from realtime_sync import Client
from tests.peers.programs import HERE, command, running, why_no_node, why_no_python

ROOT = HERE.parents[1]


WHY_NOT = {
    "aimock": lambda: why_no_node("@copilotkit/aimock"),
    "speech_to_speech": why_no_python,
    "javascript": lambda: why_no_node("openai"),
    "python": why_no_python,
    "agents": why_no_python,
}
"""By the fixture that a test takes, or by the client that it is about: why it cannot run, or None."""


def pytest_collection_modifyitems(items):
    """Skip tests whose peer is not there, in one line of the report a reason."""
    for item in items:
        if item.path.parent == HERE:
            client = item.callspec.params.get("client") if hasattr(item, "callspec") else None
            needs = WHY_NOT.keys() & {*item.fixturenames, client}
            for reason in filter(None, (WHY_NOT[need]() for need in sorted(needs))):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def aimock(tmp_path_factory):
    """The base URLs of three @copilotkit/aimock servers: "open", "strict" and "locked"."""
    log = tmp_path_factory.mktemp("aimock") / "log.txt"
    with running(command("aimock.mjs"), log) as ready:
        yield json.loads(ready)


@pytest.fixture(scope="session")
def speech_to_speech(tmp_path_factory):
    """The base URL of Hugging Face's speech-to-speech server, with stand-ins for its models."""
    log = tmp_path_factory.mktemp("speech") / "log.txt"
    with running(command("speech_server.py"), log) as ready:
        yield json.loads(ready)["url"]


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Run `python -m realtime_sync serve` with these options until the end; returns its base URL."""
    with contextlib.ExitStack() as stack:

        def start(*options):
            arguments = [sys.executable, "-m", "realtime_sync", "serve", "--port", "0", *options]
            log = tmp_path_factory.mktemp("serve") / "log.txt"
            return stack.enter_context(running(arguments, log, cwd=ROOT)).split()[-1]

        yield start


@pytest.fixture
def connect():
    """Open sessions of ours that end with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(base_url, *, api_key="any", **options):
            client = stack.enter_context(Client(base_url=base_url, api_key=api_key, timeout=20))
            return stack.enter_context(client.realtime.connect(**{"model": "gpt-realtime", **options}))

        yield open_one
