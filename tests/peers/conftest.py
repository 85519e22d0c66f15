"""Peers as fixtures, one process each for all tests."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest

from realtime_sync import Client
from tests.peers.programs import node, python, running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def aimock(tmp_path_factory):
    """The base URLs of three @copilotkit/aimock servers: "open", "strict" and "locked"."""
    command, env = node("@copilotkit/aimock")
    log = tmp_path_factory.mktemp("aimock") / "log.txt"
    with running([*command, "aimock.mjs"], env, log) as ready:
        yield json.loads(ready)


@pytest.fixture(scope="session")
def speech_to_speech(tmp_path_factory):
    """The base URL of Hugging Face's speech-to-speech server, with stand-ins for its models."""
    log = tmp_path_factory.mktemp("speech") / "log.txt"
    with running([*python("speech-to-speech"), "speech_server.py"], {}, log) as ready:
        yield json.loads(ready)["url"]


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Run `python -m realtime_sync serve` with these options until the end; returns its base URL."""
    with contextlib.ExitStack() as stack:

        def start(*options):
            command = [sys.executable, "-m", "realtime_sync", "serve", "--port", "0", *options]
            log = tmp_path_factory.mktemp("serve") / "log.txt"
            return stack.enter_context(running(command, {}, log, cwd=ROOT)).split()[-1]

        yield start


@pytest.fixture
def connect():
    """Open sessions of ours that end with the test."""
    with contextlib.ExitStack() as stack:

        def open_one(base_url, *, api_key="any", **options):
            client = stack.enter_context(Client(base_url=base_url, api_key=api_key, timeout=20))
            return stack.enter_context(client.realtime.connect(**{"model": "gpt-realtime", **options}))

        yield open_one
