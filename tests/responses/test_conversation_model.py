"""Whatever goes wrong: what the server used is what the user sees, and no tool runs twice."""

from __future__ import annotations

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from realtime_sync.errors import RealtimeSyncError
from realtime_sync.responses._history import unanswered
from tests.responses.conversation_support import LOST, REFUSED, UNSENT, FakeServer, calls, said, says, server_error
from tests.support.examples import examples


class Interrupt(KeyboardInterrupt):
    """Ctrl-C, at a point of our choosing."""


FAULTS = {
    "none": (None, None),
    "unsent": ("unsent", UNSENT),
    "silent": ("silent", LOST),
    "midway": ("midway", LOST),
    "forgotten": ("refuse", server_error("previous_response_not_found", status=400)),
    "limit": ("refuse", server_error("websocket_connection_limit_reached", status=400)),
    "busy": ("refuse", server_error("rate_limit_exceeded", status=429)),
    "wrong": ("refuse", server_error("invalid_prompt", status=400)),
    "interrupt before sending": ("unsent", Interrupt()),
    "interrupt before the first event": ("silent", Interrupt()),
    "interrupt midway": ("midway", Interrupt()),
}
OUTPUT = {"type": "function_call_output"}
faults = st.lists(st.sampled_from([*FAULTS]), max_size=4)
rounds = st.lists(st.integers(1, 3), max_size=3)


class Conversations(RuleBasedStateMachine):
    """Conversations and their forks, over connections that break in every way there is."""

    @initialize(store=st.booleans(), fallback=st.sampled_from([None, "http"]))
    def begin(self, store, fallback):
        """Open the first."""
        self.server = FakeServer()
        self.ran = []
        self.interrupt_in = None
        self.ids = itertools.count(1)
        self.chats = [self.server.conversation(tools=[self.work], store=store, fallback=fallback, tool_timeout=None)]

    def teardown(self):
        """Close what is open."""
        for chat in getattr(self, "chats", ()):
            chat.close()

    def work(self, number: int) -> str:
        """Work."""
        self.ran.append(number)
        return f"done {number}"

    @rule(which=st.integers(0, 9), script=faults, dial=st.booleans(), by_stream=st.booleans())
    def say(self, which, script, dial, by_stream):
        """One turn without tools."""
        chat = self.chats[which % len(self.chats)]
        self.plan(script, dial)
        before, text = chat.history, f"text {next(self.ids)}"
        try:
            if by_stream:
                with chat.stream(text) as stream:
                    stream.response()
            else:
                chat.create(text)
        except (RealtimeSyncError, Interrupt):
            assert chat.history == before
        else:
            assert chat.history == [*before, said(text), says("ok")] == self.used(chat)

    @rule(which=st.integers(0, 9), script=faults, dial=st.booleans(), shape=rounds)
    def run(self, which, script, dial, shape):
        """One turn with tools: so many calls in each round, none of which may run twice."""
        chat = self.chats[which % len(self.chats)]
        self.plan(script, dial)
        numbers = [[next(self.ids) for _ in range(count)] for count in shape]
        self.server.answers = [[calls(f"call_{n}", "work", number=n) for n in each] for each in numbers]
        before, text = chat.history, f"text {next(self.ids)}"
        try:
            chat.run(text)
        except (RealtimeSyncError, Interrupt):
            self.server.answers = []
            after = chat.history
            assert after[: len(before)] == before
            assert after == before or after[len(before)] == said(text)
            assert not unanswered(after)
        else:
            expected = [said(text)]
            for each in numbers:
                expected += [calls(f"call_{n}", "work", number=n) for n in each]
                expected += [{**OUTPUT, "call_id": f"call_{n}", "output": f"done {n}"} for n in each]
            assert chat.history == [*before, *expected, says("ok")] == self.used(chat)

    @rule(which=st.integers(0, 9))
    def fork(self, which):
        """Another conversation from here on."""
        if len(self.chats) < 4:
            self.chats.append(self.chats[which % len(self.chats)].fork())

    @rule(which=st.integers(0, 9))
    def close(self, which):
        """The end of one; its forks go on."""
        if len(self.chats) > 1:
            self.chats.pop(which % len(self.chats)).close()

    @rule(which=st.integers(0, 9))
    def evict(self, which):
        """The server forgets what it does not store, without a word."""
        if self.server.routes:
            self.server.routes[which % len(self.server.routes)].cache.clear()

    @rule()
    def delete(self):
        """What was stored is deleted."""
        self.server.stored.clear()

    def plan(self, script, dial):
        """Have these things go wrong, with the next requests."""
        self.server.faults = [FAULTS[each] for each in script]
        self.server.dial_faults = [REFUSED] if dial else []

    def used(self, chat):
        """What the server made the newest response of, with what it says."""
        return self.server.contexts[chat.last_response.id]

    @invariant()
    def nothing_twice(self):
        """Each call ran once at most."""
        assert len(set(getattr(self, "ran", ()))) == len(getattr(self, "ran", ()))

    @invariant()
    def nothing_waits(self):
        """No turn is left over that others would wait for."""
        assert not any(chat._core.queue.is_busy for chat in getattr(self, "chats", ()))


Conversations.TestCase.settings = settings(max_examples=examples(40), stateful_step_count=20, deadline=None)


class TestConversations(Conversations.TestCase):
    """The machine as a test."""
