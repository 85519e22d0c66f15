"""Clients that nobody here wrote, with ``python -m realtime_sync serve`` as the server.

Each runs the same scenarios in a program of its own, one process for all of them, and prints what came out.
"""

from __future__ import annotations

import pytest

from tests.peers.programs import node, python, run

NAMED_ERRORS = [
    {"code": "response_cancel_not_active", "event_id": "mine"},
    {"code": "invalid_value", "event_id": "mine too"},
]
TEXT = {
    "text": {"text": "good morning", "status": "completed"},
    "turns": "Your name is Ada.",
    "update": "Be brief.",
    "error": NAMED_ERRORS,
    "cancel": {"status": "cancelled", "reason": "client_cancelled"},
    "function_call": {
        "name": "get_weather",
        "arguments": {"city": "Paris"},
        "text": "get_weather answered: sunny",
    },
}
VOICE = {
    "push_to_talk": {"own": True, "status": "completed", "spoken": True, "audible": True},
    # A second of sound, the padding before it, the silence after it.
    "voice_detection": {"status": "completed", "audible": True, "heard": pytest.approx(1_400, abs=500)},
}
EXPECTED = {**TEXT, **VOICE}


@pytest.fixture(scope="session")
def results(serve, tls):
    """What came out of each scenario, by client and by protocol; each client runs once."""
    cache = {}
    urls = {}

    def of(client, protocol):
        if (client, protocol) in cache:
            return cache[client, protocol]
        command, env = CLIENTS[client]()
        if protocol not in urls:
            options = ("--tls-cert", tls.cert_file, "--tls-key", tls.key_file) if protocol == "wss" else ()
            urls[protocol] = serve(*options)
        env = {**env, "NODE_EXTRA_CA_CERTS": tls.ca_file, "SSL_CERT_FILE": tls.ca_file}
        lines = run([*command, urls[protocol], *EXPECTED], env)
        cache[client, protocol] = {line.pop("scenario"): line for line in lines}
        return cache[client, protocol]

    return of


def javascript_sdk():
    """The official JavaScript SDK, which refuses to connect without TLS."""
    command, env = node("openai")
    return [*command, "sdk_client.mjs"], env


def python_sdk():
    """The official Python SDK, its asynchronous connection (the other one runs in tests/server)."""
    return [*python("openai"), "sdk_client.py"], {}


def agents_sdk():
    """OpenAI's Agents SDK."""
    return [*python("openai-agents"), "agents_client.py"], {}


CLIENTS = {"javascript": javascript_sdk, "python": python_sdk, "agents": agents_sdk}


@pytest.mark.parametrize("scenario", EXPECTED)
@pytest.mark.parametrize(
    ("client", "protocol"),
    [("javascript", "wss"), ("python", "ws"), ("python", "wss"), ("agents", "ws"), ("agents", "wss")],
)
def test_a_scenario(results, client, protocol, scenario):
    """What the scenario shows is the same for every client."""
    assert results(client, protocol)[scenario] == {"result": EXPECTED[scenario]}
