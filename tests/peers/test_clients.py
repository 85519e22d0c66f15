"""Clients that nobody here wrote, with ``python -m realtime_sync serve`` as the server.

Each runs the same scenarios in a program of its own, one process for all of them, and prints what came out.
"""

from __future__ import annotations

import pytest

from tests.peers.programs import command, run

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


CLIENTS = {
    "javascript": ("sdk_client.mjs", ("wss",)),  # It refuses to connect without TLS.
    "python": ("sdk_client.py", ("ws", "wss")),  # The asynchronous connection; the other one runs in tests/server.
    "agents": ("agents_client.py", ("ws", "wss")),
}


@pytest.fixture(scope="session")
def results(serve, tls):
    """What came out of each scenario, by protocol; each client runs once."""
    urls = {"ws": serve(), "wss": serve("--tls-cert", tls.cert_file, "--tls-key", tls.key_file)}
    names = {url: protocol for protocol, url in urls.items()}
    trust = {"NODE_EXTRA_CA_CERTS": tls.ca_file, "SSL_CERT_FILE": tls.ca_file}
    cache = {}

    def of(client):
        if client not in cache:
            script, protocols = CLIENTS[client]
            lines = run([*command(script), ",".join(EXPECTED), *(urls[each] for each in protocols)], trust)
            cache[client] = {(names[line.pop("at")], line.pop("scenario")): line for line in lines}
        return cache[client]

    return of


@pytest.mark.parametrize("scenario", EXPECTED)
@pytest.mark.parametrize(
    ("client", "protocol"), [(client, protocol) for client, (_, protocols) in CLIENTS.items() for protocol in protocols]
)
def test_a_scenario(results, client, protocol, scenario):
    """What the scenario shows is the same for every client."""
    assert results(client)[protocol, scenario] == {"result": EXPECTED[scenario]}
