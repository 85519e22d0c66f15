"""The Responses API's clients that nobody here wrote, with ``python -m realtime_sync serve`` as the server.

The official Python SDK runs in tests/server, in this process.
"""

from __future__ import annotations

import pytest

from tests.peers.programs import command, run

EXPECTED = {
    "chain": "Your name is Ada.",
    "lanes": {"a": "one", "b": "two"},
    "tool_loop": {"name": "get_weather", "arguments": {"city": "Paris"}, "text": "get_weather answered: sunny"},
    "error": {"status": 400, "stream_id": "a", "code": "previous_response_not_found"},
    "steering": {"reason": "steered", "text": "enough"},
    "create": {"text": "one two", "same": True, "items": 1, "gone": 404},
    "stream": {"text": "one two", "final": "one two"},
    "structured": {"size": 7},
    "background": "cancelled",
    "compact": {"input_tokens": 4, "text": "Your name is Ada."},
}
CLIENTS = {"javascript": "responses_client.mjs"}
LOOPS = {"agents": "agents_responses.py"}


@pytest.fixture(scope="session")
def outcomes(serve, tls):
    """What came out of each scenario, by protocol; each client runs once."""
    urls = {"http": serve(), "https": serve("--tls-cert", tls.cert_file, "--tls-key", tls.key_file)}
    names = {url: protocol for protocol, url in urls.items()}
    cache = {}

    def of(client):
        if client not in cache:
            arguments = [*command(CLIENTS[client]), ",".join(EXPECTED), *urls.values()]
            lines = run(arguments, {"NODE_EXTRA_CA_CERTS": tls.ca_file})
            cache[client] = {(names[line.pop("at")], line.pop("scenario")): line for line in lines}
        return cache[client]

    return of


@pytest.mark.parametrize("scenario", EXPECTED)
@pytest.mark.parametrize("protocol", ["http", "https"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_scenario(outcomes, client, protocol, scenario):
    """What the scenario shows is the same for every client."""
    assert outcomes(client)[protocol, scenario] == {"result": EXPECTED[scenario]}


@pytest.mark.parametrize("client", LOOPS)
def test_an_agent_loop(serve, client):
    """openai-agents runs its tool loop over the WebSocket, whole and streamed."""
    (answers,) = run([*command(LOOPS[client]), serve()], {})
    assert answers == ["get_weather answered: sunny in Oslo", "get_weather answered: sunny in Rome", True]
