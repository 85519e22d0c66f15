"""The local server with faults at random: what it used is what the user sees, and no tool runs twice."""

from __future__ import annotations

import collections
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync import Client, RetryPolicy
from realtime_sync.errors import RealtimeSyncError
from realtime_sync.responses._history import unanswered
from realtime_sync.server import Fault, LocalServer, Reply
from tests.responses.test_conversation_server import Responder, agrees, shape
from tests.support.examples import examples

CODES = st.sampled_from(
    [
        {"status": 400, "error_code": "previous_response_not_found"},
        {"status": 400, "error_code": "websocket_connection_limit_reached"},
        {"status": 400, "error_code": "invalid_prompt"},
        {"status": 429},
        {"status": 503},
    ]
)
BROKEN = st.builds(
    Fault,
    at=st.sampled_from(
        ["response.create", "response.created", "response.output_item.done", "response.completed", "sent"]
    ),
    nth=st.integers(1, 12),
    do=st.sampled_from(["drop", "cut", "garbage", "close"]),
)
REFUSED = st.builds(
    lambda nth, code: Fault(at="response.create", nth=nth, do="reject", **code), st.integers(1, 8), CODES
)
FAULTS = st.lists(BROKEN | REFUSED, max_size=4)
TURNS = st.lists(st.sampled_from(["say", "run", "stream", "fork"]), min_size=2, max_size=6)


@settings(max_examples=examples(12))
@given(FAULTS, TURNS, st.booleans())
def test_whatever_breaks_the_history_is_true(faults, turns, store):
    """After each turn: it is in the history as the server used it, or not at all; each call ran once at most."""
    responder, ran = Responder(), collections.Counter()

    def work(number: int) -> str:
        """Work."""
        ran[number] += 1
        return f"done {number}"

    retry = RetryPolicy(initial_delay=0.0, max_delay=0.0)
    with (
        LocalServer(responder=responder, faults=faults, time_scale=0) as server,
        Client(
            base_url=server.base_url, api_key="k", retry=retry, options={"close_timeout": 0.2}, timeout=20
        ) as client,
        contextlib.ExitStack() as chats,
    ):
        chat = chats.enter_context(client.responses.conversation("m", tools=[work], store=store))
        for number, turn in enumerate(turns):
            if turn == "fork":
                chat = chats.enter_context(chat.fork())
            before = [shape(item) for item in chat.history]
            responder.replies = [Reply(function_call=("work", {"number": number}))] if turn == "run" else []
            try:
                hold(chat, turn, f"turn {number}")
            except RealtimeSyncError:
                after = [shape(item) for item in chat.history]
                assert after[: len(before)] == before
                assert not unanswered(chat.history)
                assert turn == "run" or after == before
            else:
                assert agrees(chat, responder)
                assert chat.history[len(before)]["content"] == f"turn {number}"
    assert set(ran.values()) <= {1}


def hold(chat, turn, text):
    """Have one turn, in one of the ways."""
    if turn == "run":
        chat.run(text)
    elif turn == "stream":
        with chat.stream(text) as stream:
            stream.response()
    else:
        chat.create(text)
