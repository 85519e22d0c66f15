"""Peers as fixtures, one process each for all tests."""

from __future__ import annotations

import contextlib

import pytest

from realtime_sync import Client
from realtime_sync.server import LocalServer
from tests.peers.programs import node, python, running


@pytest.fixture(scope="session")
def aimock(tmp_path_factory):
    """The base URLs of three @copilotkit/aimock servers: "open", "strict" and "locked"."""
    command, env = node("@copilotkit/aimock")
    log = tmp_path_factory.mktemp("aimock") / "log.txt"
    with running([*command, "aimock.mjs"], env, log) as urls:
        yield urls


@pytest.fixture(scope="session")
def speech_to_speech(tmp_path_factory):
    """The base URL of Hugging Face's speech-to-speech server, with stand-ins for its models."""
    log = tmp_path_factory.mktemp("speech") / "log.txt"
    with running([*python("speech-to-speech"), "speech_to_speech_server.py"], {}, log) as ready:
        yield ready["url"]


@pytest.fixture
def connect():
    """Open sessions of ours that end with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(base_url, *, api_key="any", **options):
            client = stack.enter_context(Client(base_url=base_url, api_key=api_key, timeout=20))
            return stack.enter_context(client.realtime.connect(**{"model": "gpt-realtime", **options}))

        yield open_one


@pytest.fixture
def serve():
    """Start local servers that end with the test; pauses are off unless asked for."""
    with contextlib.ExitStack() as stack:

        def start(**options):
            return stack.enter_context(LocalServer(**{"time_scale": 0, **options}))

        yield start
