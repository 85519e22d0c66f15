"""What every class of the wire has in common."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys

import attrs
import pytest

from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import DecodeError, LocalProtocolError
from realtime_sync.types import Event, UndecodableEvent, UnknownEvent, UnknownObject, responses
from realtime_sync.types import realtime as rt
from realtime_sync.wire import parse_event
from realtime_sync.wire._converter import structure_function

DELTA = rt.ResponseTextDeltaEvent(event_id="e", response_id="r", item_id="i", delta="Hi")


def test_events_have_their_name_fixed() -> None:
    """The type is the class's, and a constructed event was sent under no other name."""
    assert DELTA.type == DELTA.wire_type == "response.output_text.delta"
    with pytest.raises(TypeError, match="type"):
        rt.ResponseTextDeltaEvent(type="other", item_id="i", delta="Hi")  # type: ignore[call-arg]


def test_events_are_frozen() -> None:
    """Neither a field nor anything else can be set on an event."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        DELTA.delta = "x"  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del DELTA.delta
    assert not hasattr(DELTA, "__dict__")


def test_fields_that_were_not_given_are_not_sent() -> None:
    """A None that nobody gave is not on the wire."""
    assert DELTA.to_dict() == {
        "type": "response.output_text.delta",
        "event_id": "e",
        "response_id": "r",
        "item_id": "i",
        "delta": "Hi",
    }


def test_unset_and_null_differ_in_what_a_client_sends() -> None:
    """None goes out as null, NOT_GIVEN does not go out."""
    audio = rt.RealtimeAudioConfigInput(turn_detection=None)
    assert audio.to_dict() == {"turn_detection": None}
    assert rt.RealtimeAudioConfigInput().to_dict() == {}
    assert attrs.evolve(audio, noise_reduction=None).to_dict() == {"turn_detection": None, "noise_reduction": None}


def test_evolve_changes_a_field_and_keeps_the_rest() -> None:
    """An evolved event has the new value on the wire too."""
    changed = attrs.evolve(DELTA, delta="x", content_index=0)
    assert changed.to_dict()["delta"] == "x"
    assert changed.to_dict()["content_index"] == 0
    assert changed.item_id == "i"


def test_what_came_can_be_taken_back_by_evolving() -> None:
    """Evolving a decoded object can drop an unknown field, and what a client had set."""
    event = parse_event('{"type":"error","error":{"code":"x"},"later":1}', "realtime")
    assert attrs.evolve(event, extra=None).to_dict() == {"type": "error", "error": {"code": "x"}}
    sent = structure_function(rt.ResponseCancelEvent)({"type": "response.cancel", "response_id": "r"}, None)
    assert attrs.evolve(sent, response_id=NOT_GIVEN).to_dict() == {"type": "response.cancel"}


def test_extra_is_empty_and_read_only_by_default() -> None:
    """Without unknown fields, extra is an empty mapping that cannot be changed."""
    assert DELTA.extra == {}
    with pytest.raises(TypeError):
        DELTA.extra["a"] = 1  # type: ignore[index]


def test_extra_can_be_given_and_goes_out() -> None:
    """A field that the library does not know yet can be sent, and what was given is copied."""
    given = {"later": {"a": 1}}
    event = rt.ResponseCancelEvent(extra=given)
    given["more"] = {}
    assert event.to_dict() == {"type": "response.cancel", "later": {"a": 1}}
    with pytest.raises(TypeError):
        event.extra["a"] = 1  # type: ignore[index]


@pytest.mark.parametrize("name", ["type", "response_id"])
def test_extra_cannot_hold_a_known_field(name: str) -> None:
    """A known field in extra is refused rather than sent twice."""
    with pytest.raises(LocalProtocolError, match=name):
        rt.ResponseCancelEvent(extra={name: "x"})


def test_equality_is_by_class_fields_and_extra() -> None:
    """Equal content is equal and hashes the same; another class, field or unknown field is not."""
    same = attrs.evolve(DELTA)
    assert same == DELTA
    assert hash(same) == hash(DELTA)
    assert attrs.evolve(DELTA, delta="x") != DELTA
    assert attrs.evolve(DELTA, extra={"a": 1}) != DELTA
    assert rt.ConversationItemDeleteEvent(item_id="i") != rt.ConversationItemRetrieveEvent(item_id="i")


def test_events_with_free_form_maps_can_be_hashed() -> None:
    """A map in a field does not make an event unhashable."""
    response = rt.RealtimeResponse(id="r", metadata={"a": "b"})
    assert hash(rt.ResponseDoneEvent(response=response, extra={"a": []})) == hash(
        rt.ResponseDoneEvent(response=response)
    )


def test_events_that_hold_lists_of_maps_can_be_hashed() -> None:
    """What is deep inside a field of any type does not make an event unhashable either."""
    item = {"type": "tool_search_call", "arguments": [{"a": []}]}
    [one, other] = [
        parse_event(json.dumps({"type": "response.output_item.done", "item": {**item, **more}}), "responses")
        for more in ({}, {"id": "i"})
    ]
    assert type(one.item) is responses.ResponseToolSearchCall
    assert len({one, attrs.evolve(one), other}) == 2


def test_lists_become_tuples() -> None:
    """A frozen object holds no list that somebody could change."""
    parts = [rt.RealtimeConversationItemUserMessageContent(type="input_text", text="x")]
    message = rt.RealtimeConversationItemUserMessage(content=parts)
    parts.clear()
    assert message.content is not None
    assert len(message.content) == 1


def test_repr_shows_what_is_set_but_no_audio() -> None:
    """Logs stay short: neither audio nor missing fields appear."""
    event = rt.ResponseAudioDeltaEvent(item_id="i", delta="QUJD")
    assert repr(event) == "ResponseAudioDeltaEvent(item_id='i')"
    assert "QUJD" not in repr(rt.InputAudioBufferAppendEvent(audio="QUJD"))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_events_can_be_copied(copied) -> None:
    """A copy, however made, is equal and goes out the same way."""
    for event in (DELTA, rt.ResponseCancelEvent(extra={"a": 1}), UnknownEvent("x", {"type": "x"})):
        assert copied(event) == event
        assert copied(event).to_dict() == event.to_dict()


def test_unknown_event_gives_access_to_what_came() -> None:
    """An unknown event has its name, its id, its fields and no error."""
    raw = {"type": "new", "event_id": "e", "a": 1}
    event = UnknownEvent("new", raw)
    assert isinstance(event, Event)
    assert (event.type, event.wire_type, event.event_id, event.error) == ("new", "new", "e", None)
    assert event.extra == {"event_id": "e", "a": 1}
    assert event.to_dict() == raw
    assert event.to_dict() is not raw


def test_undecodable_event_has_the_surface_of_an_event() -> None:
    """A message that is no event can be handled like one, and keeps its text."""
    event = UndecodableEvent("{", DecodeError("no", raw="{"))
    assert isinstance(event, Event)
    assert (event.raw, event.event_id, event.extra, event.to_dict()) == ("{", None, {}, {})
    assert event.type == event.wire_type == "undecodable"


@pytest.mark.parametrize(("raw", "kind"), [({"type": "x"}, "x"), ({"type": 1}, None), ({}, None)])
def test_unknown_object_has_a_type_only_if_it_is_a_string(raw, kind) -> None:
    """An unknown object keeps everything and reads as little into it as can be."""
    thing = UnknownObject(raw)
    assert thing.type == kind
    assert thing.extra == raw
    assert thing.to_dict() == raw


def _output_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_catalogue_loads_on_first_use() -> None:
    """Importing the types loads no event class; asking for a catalogue loads it."""
    code = """
import sys
from realtime_sync import types, wire
print("realtime_sync.types.realtime" in sys.modules)
types.realtime.SessionCreatedEvent
print("realtime_sync.types.realtime" in sys.modules)
"""
    assert _output_of(code).split() == ["False", "True"]


def test_there_is_no_catalogue_of_another_name() -> None:
    """A wrong name is an AttributeError that says so."""
    from realtime_sync import types

    with pytest.raises(AttributeError, match="surreal"):
        _ = types.surreal
