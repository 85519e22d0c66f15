"""A session, its mailbox and its observers against a model, whatever is done in whatever order.

Events are told apart by their ids. Nothing is lost, nothing comes twice, the order is the server's for each consumer,
and nothing hangs, though the mailbox is so small that the reader pauses all the time.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime_sync import Client
from realtime_sync.errors import ClosedOK, ReceiveTimeout
from tests.support.examples import examples
from tests.support.reconnecting import item
from tests.support.scripted import SESSION, ScriptedServer
from tests.support.waiting import run_in_thread, wait_until

KINDS = ("session.updated", "rate_limits.updated", "response.output_text.done", "made.up")
PATTERNS = ("*", "response.*", *KINDS)
FIELDS = {
    "session.updated": {"session": SESSION},
    "rate_limits.updated": {"rate_limits": []},
    "response.output_text.done": {
        "response_id": "resp_of_nobody",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "text": "x" * 100,
    },
}
PATIENCE = 10
MARK = "input_audio_buffer.cleared"
TINY = {"max_queue": (4, 2)}


class Consumer:
    """Who watches a pattern: the ids that it must have seen so far, and how many of them it has taken."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.expected: list[str] = []
        self.taken = 0

    def came(self, kind: str, event_id: str) -> None:
        """Expect an event if it matches."""
        if fnmatch.fnmatchcase(kind, self.pattern):
            self.expected.append(event_id)


class Delivery(RuleBasedStateMachine):
    """The server sends; one thread receives, subscribes, handles, waits and requests."""

    def __init__(self) -> None:
        super().__init__()
        self.server = ScriptedServer()
        self.client = Client(base_url=self.server.base_url, api_key="k", timeout=PATIENCE)
        self.rt = self.client.realtime.connect(model="m", options=TINY)
        self.peer = self.server.accept()
        self.mailbox = Consumer("*")
        self.subscriptions: list[tuple[object, Consumer]] = []
        self.handlers: list[tuple[Callable[[object], None], Consumer, list[str]]] = []
        self.cancelled: list[tuple[Consumer, list[str]]] = []
        with pytest.raises(ReceiveTimeout):
            self.rt.receive(timeout=0)  # From here on somebody attends the mailbox.

    def send(self, kind: str, **fields: object) -> str:
        """Have the server send an event, and everybody expect it."""
        self.peer.send(kind, **FIELDS.get(kind, {}), **fields)
        event_id = f"event_{self.peer._n}"
        watching = [each[1] for each in (*self.subscriptions, *self.handlers)]
        for each in (self.mailbox, *watching):
            each.came(kind, event_id)
        return event_id

    def settle(self) -> None:
        """Wait until all that was sent has been routed."""
        event_id = self.send(MARK)
        assert self.rt.wait_for(MARK, PATIENCE, where=lambda event: event.event_id == event_id).event_id == event_id

    @rule(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=9))
    def server_sends(self, kinds: list[str]) -> None:
        for kind in kinds:
            self.send(kind)

    @rule(limit=st.integers(1, 12))
    def receive(self, limit: int) -> None:
        for event_id in self.mailbox.expected[self.mailbox.taken :][:limit]:
            assert self.rt.receive(timeout=PATIENCE).event_id == event_id
            self.mailbox.taken += 1

    @precondition(lambda self: self.mailbox.taken == len(self.mailbox.expected))
    @rule()
    def receive_nothing(self) -> None:
        with pytest.raises(ReceiveTimeout):
            self.rt.receive(timeout=0)

    @rule(pattern=st.sampled_from(PATTERNS))
    def subscribe(self, pattern: str) -> None:
        self.settle()
        self.subscriptions.append((self.rt.subscribe(pattern), Consumer(pattern)))

    @precondition(lambda self: self.subscriptions)
    @rule(index=st.integers(0), limit=st.integers(1, 12))
    def take(self, index: int, limit: int) -> None:
        subscription, consumer = self.subscriptions[index % len(self.subscriptions)]
        for event_id in consumer.expected[consumer.taken :][:limit]:
            assert subscription.get(timeout=PATIENCE).event_id == event_id
            consumer.taken += 1

    @precondition(lambda self: self.subscriptions)
    @rule(index=st.integers(0))
    def unsubscribe(self, index: int) -> None:
        self.subscriptions.pop(index % len(self.subscriptions))[0].close()

    @rule(pattern=st.sampled_from(PATTERNS))
    def handle(self, pattern: str) -> None:
        self.settle()
        seen: list[str] = []

        def handler(event: object) -> None:
            seen.append(event.event_id)

        self.rt.on(pattern, handler)
        self.handlers.append((handler, Consumer(pattern), seen))

    @precondition(lambda self: self.handlers)
    @rule(index=st.integers(0))
    def handle_no_more(self, index: int) -> None:
        _, consumer, seen = each = self.handlers[index % len(self.handlers)]
        wait_until(lambda: len(seen) >= len(consumer.expected), PATIENCE)
        self.rt.off(consumer.pattern, each[0])
        self.handlers.remove(each)
        self.cancelled.append((consumer, seen))

    @rule()
    def wait_for_something(self) -> None:
        self.settle()

    @rule()
    def request(self) -> None:
        calling = run_in_thread(self.rt.request, item("noted"), timeout=PATIENCE)
        created = self.peer.receive("conversation.item.create")
        event_id = self.send("conversation.item.added", item={**created["item"], "status": "completed"})
        assert calling.result().event_id == event_id

    @invariant()
    def handlers_have_seen_no_more_than_there_was(self) -> None:
        for _, consumer, seen in self.handlers:
            so_far = tuple(seen)
            assert list(so_far) == consumer.expected[: len(so_far)]

    def teardown(self) -> None:
        """Close from the server's side: everybody gets the rest, then the end."""
        try:
            self.peer.close(1000)
            for each in (self.mailbox, *(consumer for _, consumer in self.subscriptions)):
                each.expected = each.expected[each.taken :]
            assert [event.event_id for event in self.rt] == self.mailbox.expected
            for subscription, consumer in self.subscriptions:
                assert [event.event_id for event in subscription] == consumer.expected
            with pytest.raises(ClosedOK):
                self.rt.receive(timeout=PATIENCE)
            self.rt.close()
            for consumer, seen in (*self.cancelled, *(each[1:] for each in self.handlers)):
                assert seen == consumer.expected
            assert not self.rt.stats.subscriptions_dropped
        finally:
            self.client.close()
            self.server.close()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(
    max_examples=examples(25),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
