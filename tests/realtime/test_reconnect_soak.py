"""Sessions over TLS through a network that keeps breaking: nothing acknowledged is lost, nothing comes twice.

EXAMPLES_FACTOR=300 makes it half an hour.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time

from realtime_sync import Client
from realtime_sync.errors import ConnectionClosed, RequestTimeout, TurnInterrupted
from realtime_sync.server import Fault, Faults, LocalServer
from realtime_sync.session._acknowledgements import MAX_PENDING
from tests.support.chaos import ChaosRelay
from tests.support.examples import examples
from tests.support.reconnecting import acknowledge_last, item
from tests.support.waiting import run_in_thread

SECONDS = max(6, examples(6))
SESSIONS = 4
SEED = 20261121
RETRY = {
    "reconnect": True,
    "reconnect_retries": 10_000,
    "initial_delay": 0.02,
    "max_delay": 0.1,
    "deadline": None,
    "close_codes": [1005, 1006, 1011, 1012],
}
OPTIONS = {"ping_interval": 0.3, "ping_timeout": 0.5, "close_timeout": 0.5, "write_limit": 64 * 1024}


class Soaked:
    """One session with a thread that sends, one that requests, one that asks, and one that receives."""

    def __init__(self, client: Client, number: int, until: float) -> None:
        resume = "conversation" if number % 2 else "session"
        self.rt = client.realtime.connect(model="m", modalities=["text"], retry={**RETRY, "resume": resume})
        self.until = until
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self.unconfirmed: set[str] = set()
        self.unsent: set[str] = set()
        self.answers = self.gaps = self.interrupted = 0
        self._calls = [run_in_thread(call) for call in (self._send, self._request, self._ask)]
        self._receiving = run_in_thread(self._receive)

    def _send(self) -> None:
        pace = threading.Event()
        while time.monotonic() < self.until:
            for _ in range(5):
                self.sent.append(self.rt.send(item("x" * 500)))
            pace.wait(0.02)

    def _request(self) -> None:
        while time.monotonic() < self.until:
            event = {**item("asked"), "event_id": self.rt._core.new_event_id()}
            try:
                self.rt.request(event, timeout=5)
            except (ConnectionClosed, RequestTimeout):
                self.interrupted += 1
            else:
                self.acknowledged.append(event["event_id"])

    def _ask(self) -> None:
        while time.monotonic() < self.until:
            try:
                assert self.rt.ask("What is 6 times 7?", timeout=5).text
                self.answers += 1
            except (TurnInterrupted, RequestTimeout):
                self.interrupted += 1

    def _receive(self) -> None:
        for event in self.rt:
            if event.type == "reconnected":
                self.gaps += 1
                self.unconfirmed.update(event.unconfirmed)
                self.unsent.update(each["event_id"] for each in event.unsent)

    def finish(self) -> None:
        """Wait for the threads, and for the server to have all that was sent."""
        for call in self._calls:
            call.result(60)
        acknowledge_last(self.rt)
        core = self.rt._core
        with core.lock:  # Nothing of what is over is kept.
            assert core.holder.ledger.bytes == 0
            assert len(core.holder.ledger._in_flight) < 100
            assert len(core.acknowledgements._by_event_id) <= MAX_PENDING
            assert not self.rt._api.book._all()
        self.rt.close()
        self._receiving.result(10)


def test_a_network_that_keeps_breaking(tls):
    """Resets, ends, silence and close codes at random, for several busy sessions at once."""
    gc.collect()
    threads = threading.active_count()
    faults = Faults(Fault(at="conversation.item.create", do="close", code=1012, probability=0.003, seed=SEED))
    with LocalServer(tls=tls.server_context, faults=faults) as server, contextlib.ExitStack() as stack:
        port = int(server.base_url.rpartition(":")[2].partition("/")[0])
        relay = stack.enter_context(contextlib.closing(ChaosRelay(port, seed=SEED, after=(20_000, 300_000))))
        options = {**OPTIONS, "ssl_context": tls.client_context}
        base_url = f"https://localhost:{relay.port}/v1"
        with Client(base_url=base_url, api_key="k", options=options, retry=RETRY, timeout=30) as client:
            until = time.monotonic() + SECONDS
            sessions = [connected(client, number, until) for number in range(SESSIONS)]
            relay.calm.wait(SECONDS - 0.5)
            relay.calm.set()
            for each in sessions:
                each.finish()
        stack.close()
        received = [event for event in server.received if event["type"] == "conversation.item.create"]
    check(sessions, received)
    assert sum(relay.broken.values()) >= SESSIONS
    assert threading.active_count() <= threads


def connected(client: Client, number: int, until: float) -> Soaked:
    """Open a session, however often the network breaks before it is open."""
    while True:
        try:
            return Soaked(client, number, until)
        except (ConnectionClosed, RequestTimeout):
            continue


def check(sessions: list[Soaked], received: list[dict]) -> None:
    """Compare what the clients know with what the server saw."""
    ids = [event["event_id"] for event in received]
    seen = set(ids)
    assert len(ids) == len(seen), "an event came twice"
    position = {event["event_id"]: (event.connection, n) for n, event in enumerate(received)}
    assert any(each.answers for each in sessions)
    for each in sessions:
        assert each.gaps
        assert set(each.acknowledged) <= seen
        assert set(each.sent) - seen <= each.unconfirmed | each.unsent, "an event was lost silently"
        assert not seen & each.unsent
        order = [position[event_id] for event_id in each.sent if event_id in seen]
        assert order == sorted(order), "events of one thread changed places on their connection"
