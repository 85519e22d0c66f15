"""The items of a conversation, and how little of them has to be sent."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import LocalProtocolError
from realtime_sync.responses._delta import Anchor, Sending, fingerprint, least
from realtime_sync.responses._history import extended, input_items, kept, unanswered
from realtime_sync.types.responses import ResponseFunctionToolCall, user_text

USER = {"type": "message", "role": "user", "content": "hi"}


def call(call_id="c1", **more):
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}", **more}


def output(call_id="c1"):
    return {"type": "function_call_output", "call_id": call_id, "output": "done"}


@pytest.mark.parametrize("one", ["hi", USER, user_text("hi"), [USER], (user_text("hi"),), iter([USER])])
def test_whatever_an_input_is_it_becomes_items(one):
    """A text, an item of a class or a mapping, and any iterable of items are the same input."""
    assert input_items(one) == (USER,)


def test_an_input_is_copied():
    """What the caller changes afterwards does not change what was said."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    items = input_items([item])
    item["content"][0]["text"] = "b"
    assert items[0]["content"][0]["text"] == "a"


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (7, "input: expected a text, an item or a list of items, got int"),
        (b"hi", "got bytes"),
        (["hi"], r"input\[0\]: expected an item, got str"),
        ([USER, None], r"input\[1\]"),
        ([{**USER, "content": object()}], r"input\[0\]\.content"),
        ([{**USER, "content": float("nan")}], "nan"),
        ([{**USER, 3: "x"}], "names that are strings"),
    ],
)
def test_an_input_that_cannot_be_sent_is_refused(wrong, place):
    """The error names the place, and is one of those that lose nothing."""
    with pytest.raises(LocalProtocolError, match=place) as caught:
        input_items(wrong)
    assert caught.value.replay_safe


def test_what_only_servers_write_is_not_sent_back():
    """`created_by`, the status of a custom tool's output, and nulls stay out; everything else comes back as it came."""
    shown = [
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "x", "created_by": "me"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "o", "status": "completed"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [], "phase": "commentary", "status": None},
    ]
    assert list(kept(shown, stored=False)) == [
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "o"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [], "phase": "commentary"},
    ]


def test_reasoning_comes_back_where_the_server_can_read_it():
    """Encrypted reasoning always, other reasoning only if the server has stored it."""
    plain, sealed = {"type": "reasoning", "id": "rs_1", "summary": []}, {"type": "reasoning", "encrypted_content": "x"}
    assert kept([plain, sealed], stored=False) == (sealed,)
    assert kept([plain, sealed], stored=True) == (plain, sealed)


def test_a_call_that_was_cut_off_does_not_come_back():
    """Nobody can answer half a call."""
    assert kept([call(status="incomplete"), call("c2", status="completed")], stored=True) == (
        call("c2", status="completed"),
    )


def test_a_compaction_begins_the_history_anew():
    """What came before the newest compaction item is in it."""
    newest = {"type": "compaction", "encrypted_content": "2"}
    more = ({"type": "compaction", "encrypted_content": "1"}, USER, newest, call())
    assert extended((USER, USER), more) == (newest, call())
    assert extended((USER,), (call(),)) == (USER, call())


def test_open_calls_are_those_without_an_output_after_them():
    """An output answers the call of its id and kind, once it comes after it."""
    custom = {"type": "custom_tool_call", "call_id": "c1", "name": "g", "input": ""}
    assert unanswered([output(), call(), custom, output("c2")]) == (call(), custom)
    assert unanswered([call(), custom, output()]) == (custom,)


def test_calls_of_a_class_are_items_too():
    """The objects of a response can be given back as they are."""
    given_back = ResponseFunctionToolCall(call_id="c1", name="f", arguments="{}")
    assert input_items([given_back]) == (call(),)


# The delta rule

FIELDS = {"model": "m", "tools": [{"type": "function", "name": "f"}], "store": False}


def anchor(*items, fields=FIELDS, stored=False):
    return Anchor(response_id="resp_1", fingerprint=fingerprint(fields), items=items, stored=stored)


def test_only_what_is_new_goes_out_with_the_id():
    """Equal fields, and an input that extends what the server has: the new items and the id."""
    items = (USER, call(), output())
    assert least(anchor(USER, call()), fingerprint(FIELDS), items) == Sending((output(),), "resp_1")


@pytest.mark.parametrize(
    ("known", "fields", "items"),
    [
        (None, FIELDS, (USER,)),
        (anchor(USER), {**FIELDS, "model": "n"}, (USER, USER)),
        (anchor(USER), {**FIELDS, "temperature": 1}, (USER, USER)),
        (anchor(USER), {**FIELDS, "tools": []}, (USER, USER)),
        (anchor(USER, call()), FIELDS, (USER, output())),
        (anchor(USER, call()), FIELDS, (USER,)),
    ],
    ids=["nothing known", "another model", "one field more", "other tools", "another past", "a shorter past"],
)
def test_anything_else_goes_out_in_full(known, fields, items):
    """Whatever differs from the request before, input apart, sends everything, and no id."""
    assert least(known, fingerprint(fields), items) == Sending(items)


def test_what_says_how_to_send_is_not_compared():
    """The input, the id, the lane and the warm-up are no settings of the response."""
    other = {**FIELDS, "type": "response.create", "input": [], "previous_response_id": "x", "stream_id": "l"}
    assert fingerprint({**other, "generate": False}) == fingerprint(dict(reversed(FIELDS.items())))


@given(st.lists(st.sampled_from([USER, call(), output(), call("c2")]), max_size=6), st.integers(0, 6), st.booleans())
def test_what_the_server_has_and_what_is_sent_make_the_input(items, known, changed):
    """For any past: the server's items and those sent are the request's input, and without an id those sent are all."""
    items = tuple(items)
    before = anchor(*copy.deepcopy(items[:known]))
    sending = least(before, fingerprint({**FIELDS, "x": 1} if changed else FIELDS), items)
    assert sending.items == items if sending.previous_response_id is None else before.items + sending.items == items
    assert (sending.previous_response_id is None) == changed
