"""Conversations as JSON, and back."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import ConfigurationError
from realtime_sync.responses._conversation_state import Memory, Usage, restored, to_state
from realtime_sync.responses._delta import Anchor, fingerprint
from tests.responses.conversation_support import FakeServer, calls, said, says

OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}
ITEMS = (said("one"), calls("c1"), OUTPUT, says("two"))
STORED = Anchor(response_id="resp_1", fingerprint="f", items=ITEMS, stored=True)
STATE = to_state(
    Memory(items=ITEMS, anchor=STORED, usage=Usage(responses=1, total_tokens=3)),
    model="m",
    instructions="be brief",
    store=True,
)


def state(**changes):
    made = copy.deepcopy(STATE)
    made.update(changes)
    return made


def test_a_state_is_json_and_comes_back():
    """Through JSON text, everything is as it was."""
    found = restored(json.loads(json.dumps(STATE)))
    assert found.memory == Memory(items=ITEMS, anchor=STORED, usage=Usage(responses=1, total_tokens=3))
    assert (found.model, found.instructions, found.store) == ("m", "be brief", True)


def test_what_no_server_stores_is_not_saved():
    """The id of a response that only a connection remembered means nothing later."""
    gone = Anchor(response_id="resp_1", fingerprint="f", items=ITEMS, stored=False)
    assert to_state(Memory(items=ITEMS, anchor=gone), model=None, instructions=None, store=False)["anchor"] is None
    behind = Anchor(response_id="resp_1", fingerprint="f", items=ITEMS[:1], stored=True)
    assert to_state(Memory(items=ITEMS, anchor=behind), model=None, instructions=None, store=True)["anchor"] is None


def test_a_restored_conversation_goes_on_where_it_was():
    """In full where nothing was stored, else with the id of the stored response; the server then has the same history."""
    for store in (False, True):
        server = FakeServer()
        with server.conversation(store=store) as chat:
            chat.create("one")
            saved = json.loads(json.dumps(chat.to_dict()))
        with server.conversation(store=store, memory=restored(saved).memory) as again:
            again.create("two")
            assert server.sent()[1] == (("resp_1", [said("two")]) if store else (None, again.history[:3]))
            assert server.contexts["resp_2"] == again.history
            assert again.usage.responses == 2


def test_a_state_holds_no_tools_and_no_parameters():
    """Where tools are, and the keys for them, is none of its business."""
    server = FakeServer()
    tool = {"type": "mcp", "server_label": "s", "server_url": "https://example.test", "authorization": "secret"}
    with server.conversation(tools=[tool], metadata={"a": "secret"}) as chat:
        chat.create("one")
        text = json.dumps(chat.to_dict())
    assert "secret" not in text
    assert "example.test" not in text
    assert chat.to_dict().keys() == {"version", "model", "instructions", "store", "history", "usage", "anchor"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("text", "expected the dict"),
        (None, "expected the dict"),
        ({}, "version is None"),
        (state(version=2), "version is 2"),
        (state(version=True), "version is True"),
        (state(more=1), "more too many"),
        ({name: value for name, value in STATE.items() if name != "usage"}, "lacks usage"),
        (state(model=1), "model is no text"),
        (state(instructions=["x"]), "instructions is no text"),
        (state(store=None), "store is neither"),
        (state(history="x"), "history is no list"),
        (state(history=["x"]), r"history\[0\] is no item"),
        (state(history=[{"role": "user"}]), r"history\[0\] is no item"),
        (state(history=[OUTPUT]), r"history\[0\] is the output of a call that is not before it"),
        (state(history=[calls("c1"), {**OUTPUT, "call_id": ["c1"]}]), r"history\[1\] has no call_id"),
        (state(history=[{**calls("c1"), "call_id": None}]), r"history\[0\] has no call_id"),
        (state(history=[{**said("x"), "content": float("nan")}]), "what JSON does not have"),
        (state(history=[{**said("x"), "content": {1, 2}}]), "what JSON does not have"),
        (state(anchor="resp_1"), "anchor is not an object"),
        (state(anchor={"response_id": "resp_1"}), "anchor is not an object"),
        (state(anchor={"response_id": "resp_1", "fingerprint": ""}), "anchor has an id that is no text"),
        (state(usage={}), "usage is not an object"),
        (state(usage={**STATE["usage"], "responses": -1}), "no number from 0"),
        (state(usage={**STATE["usage"], "responses": True}), "no number from 0"),
    ],
)
def test_a_corrupt_state_is_a_clear_error(wrong, message):
    """The message says what is wrong with it; nothing was sent."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        restored(wrong)
    assert caught.value.replay_safe


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*STATE]), JSON)
def test_a_forged_state_is_restored_whole_or_refused(name, value):
    """Whatever stands in a field: a conversation with just that, or a ConfigurationError."""
    forged = state(**{name: value})
    try:
        found = restored(forged)
    except ConfigurationError:
        return
    again = to_state(found.memory, model=found.model, instructions=found.instructions, store=found.store)
    assert again == forged


def test_an_object_of_the_caller_is_not_kept():
    """Changing the state afterwards changes no conversation."""
    mine = state()
    memory = restored(mine).memory
    mine["history"][0]["content"] = "changed"
    assert memory.items == ITEMS


def test_a_state_in_the_middle_of_a_run_is_the_one_before():
    """While tools are called the state is that from before the request that led to the calls."""
    server = FakeServer()
    seen = []

    def look() -> str:
        """Look."""
        seen.append(chat.to_dict()["history"])
        return "seen"

    with server.conversation(tools=[look]) as chat:
        chat.create("one")
        server.answers = [[calls("c1", "look")]]
        chat.run("two")
    assert seen == [[said("one"), says("ok")]]


def test_fingerprints_of_what_json_has():
    """Any fields have one, texts that no UTF-8 can carry too."""
    assert fingerprint({"instructions": "\ud800"}) != fingerprint({"instructions": "x"})
