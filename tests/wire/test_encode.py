"""From an event to a message."""

from __future__ import annotations

import array
import enum
import json
import math
from types import MappingProxyType

import pytest

from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import DecodeError, LocalProtocolError
from realtime_sync.types import UndecodableEvent, UnknownEvent, UnknownObject
from realtime_sync.types import realtime as rt
from realtime_sync.wire import encode_event, to_wire


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def text_part(text) -> rt.RealtimeConversationItemUserMessageContent:
    return rt.RealtimeConversationItemUserMessageContent(type="input_text", text=text)


def test_text_is_compact() -> None:
    """There is no space in the message."""
    assert encode_event({"type": "x", "a": [1, {"b": None}]}) == '{"type":"x","a":[1,{"b":null}]}'


def test_classes_and_mappings_mix_at_any_depth() -> None:
    """A class may hold a mapping and a mapping a class."""
    pcm = rt.RealtimeAudioFormatsAudioPCM(rate=24000)
    session = rt.RealtimeSessionCreateRequest(
        audio=rt.RealtimeAudioConfig(input={"format": pcm, "turn_detection": None}), tools=[{"type": "mcp"}]
    )
    expected = {
        "type": "realtime",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": None}},
        "tools": [{"type": "mcp"}],
    }
    assert to_wire({"type": "session.update", "session": session})["session"] == expected
    assert to_wire(rt.SessionUpdateEvent(session=session))["session"] == expected
    item = rt.RealtimeConversationItemUserMessage(content=[text_part("x")])
    assert to_wire({"type": "conversation.item.create", "item": MappingProxyType({"nested": [item]})})["item"] == {
        "nested": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}]
    }


def test_not_given_is_left_out_and_none_is_null() -> None:
    """The two differ in a mapping as they do in a class."""
    assert to_wire({"type": "x", "a": NOT_GIVEN, "b": None}) == {"type": "x", "b": None}
    assert to_wire(rt.ResponseCreateEvent(response={"a": NOT_GIVEN})) == {"type": "response.create", "response": {}}


def test_the_dict_is_the_callers() -> None:
    """What to_wire returns may be changed without changing what it was made of."""
    event = {"type": "x", "inner": {"a": [1]}}
    raw = to_wire(event)
    raw["event_id"] = "e"
    raw["inner"]["a"].append(2)
    assert event == {"type": "x", "inner": {"a": [1]}}
    unknown = UnknownEvent("x", event)
    to_wire(unknown)["inner"]["a"].append(2)
    assert unknown.raw == {"type": "x", "inner": {"a": [1]}}


@pytest.mark.parametrize(
    "audio",
    [
        b"abcdef",
        bytearray(b"abcdef"),
        memoryview(b"abcdef"),
        memoryview(b"a-b-c-d-e-f-")[::2],
        array.array("B", b"abcdef"),
        array.array("h", memoryview(b"abcdef").cast("h").tolist()),
    ],
    ids=["bytes", "bytearray", "memoryview", "strided", "array", "samples"],
)
def test_bytes_become_base64_where_audio_belongs(audio) -> None:
    """Anything bytes-like does as audio, in an event or in a content part, of a class or of a mapping."""
    assert to_wire({"type": "input_audio_buffer.append", "audio": audio})["audio"] == "YWJjZGVm"
    assert to_wire(rt.InputAudioBufferAppendEvent(audio=audio))["audio"] == "YWJjZGVm"
    part = {"type": "input_audio", "audio": audio}
    assert to_wire({"type": "x", "item": {"content": [part]}})["item"]["content"][0]["audio"] == "YWJjZGVm"
    part = rt.RealtimeConversationItemUserMessageContent(type="input_audio", audio=audio)
    assert to_wire({"type": "x", "part": part})["part"]["audio"] == "YWJjZGVm"


def test_base64_text_is_sent_as_it_is() -> None:
    """Audio that is text already is not encoded again."""
    assert to_wire(rt.InputAudioBufferAppendEvent(audio="YWJj"))["audio"] == "YWJj"


def test_subclasses_of_scalars_go_out_as_plain_values() -> None:
    """An enum's member is its value."""
    raw = to_wire({"type": Colour.RED, "level": Level.HIGH, "on": True})
    assert [type(value) for value in raw.values()] == [str, int, bool]
    assert raw == {"type": "red", "level": 3, "on": True}
    assert to_wire(rt.ResponseCancelEvent(response_id=Colour.RED))["response_id"] == "red"


def test_unknown_events_and_objects_can_be_sent_on() -> None:
    """What was received without being understood goes out as it came."""
    raw = {"type": "new", "a": [1]}
    assert to_wire(UnknownEvent("new", raw)) == raw
    assert to_wire(rt.ConversationItemCreateEvent(item=UnknownObject(raw)))["item"] == raw


CIRCLE: dict = {"type": "x"}
CIRCLE["self"] = CIRCLE


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (None, "not NoneType"),
        ("session.update", "not str"),
        ([], "not list"),
        (text_part("x"), "RealtimeConversationItemUserMessageContent"),
        (UndecodableEvent("", DecodeError()), "UndecodableEvent"),
        ({}, "'type'"),
        ({"type": None}, "'type'"),
        ({"type": 1}, "'type'"),
        ({"type": "x", "a": {"b": [0, math.nan]}}, r"a\.b\[1\]: nan"),
        ({"type": "x", "a": math.inf}, "a: inf"),
        ({"type": "x", "a": {1, 2}}, "a: a set cannot"),
        ({"type": "x", "a": [object()]}, r"a\[0\]: a object cannot"),
        ({"type": "x", "a": [NOT_GIVEN]}, r"a\[0\]: a NotGiven cannot"),
        ({"type": "x", "a": {1: 2}}, "a: expected names that are strings, got a whole number"),
        ({"type": "x", "a": b"x"}, "a: bytes can be sent only as audio"),
        ({"type": "session.update", "audio": b"x"}, "audio: bytes can be sent only as audio"),
        (CIRCLE, "contains itself"),
        (rt.ResponseCancelEvent(response_id=5), "response_id: expected a string, got a whole number"),
        (rt.ResponseCancelEvent(response_id=None), "response_id: expected a string, got null"),
        (rt.ConversationItemTruncateEvent(item_id="i", content_index=True, audio_end_ms=0), "content_index: expected a whole number, got true or false"),
        (rt.ConversationItemTruncateEvent(item_id="i", content_index=0, audio_end_ms=0.5), "audio_end_ms: expected a whole number, got a fraction"),
        (rt.InputAudioBufferAppendEvent(audio=[1]), "audio: expected a string, got a list"),
        (rt.SessionUpdateEvent(session="x"), "session: expected an object, got a string"),
        (rt.SessionUpdateEvent(session=text_part("x")), "session: RealtimeConversationItemUserMessageContent does not belong here"),
        (rt.SessionUpdateEvent(session=rt.RealtimeSessionCreateRequest(tools="abc")), "session.tools: expected a list, got a string"),
        (rt.SessionUpdateEvent(session=rt.RealtimeSessionCreateRequest(tools=5)), "session.tools: expected a list, got a whole number"),
        (rt.SessionUpdateEvent(session=rt.RealtimeSessionCreateRequest(tools=[5])), r"session.tools\[0\]: expected an object, got a whole number"),
        (rt.ConversationItemCreateEvent(item=rt.RealtimeConversationItemUserMessage(content=[text_part(3)])), r"item.content\[0\].text: expected a string or null, got a whole number"),
        (rt.ConversationItemCreateEvent(item=rt.RealtimeConversationItemUserMessage(content=text_part("x"))), "item.content: .* does not belong here"),
        (rt.ResponseCancelEvent(response_id={}), "response_id: expected a string, got an object"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_named(event, message) -> None:
    """Nothing is sent that cannot be, and the error names the place."""
    with pytest.raises(LocalProtocolError, match=message) as caught:
        encode_event(event)
    assert caught.value.replay_safe


def test_errors_do_not_show_values() -> None:
    """A value at fault may be a secret, so only its kind is named."""
    with pytest.raises(LocalProtocolError) as caught:
        encode_event(rt.SessionUpdateEvent(session=rt.RealtimeSessionCreateRequest(instructions=["sk-secret"])))
    assert "sk-secret" not in str(caught.value)


def test_a_misspelt_field_is_pythons_error() -> None:
    """A constructor knows its fields, and says which one it does not."""
    with pytest.raises(TypeError, match="respons_id"):
        rt.ResponseCancelEvent(respons_id="x")  # type: ignore[call-arg]


def test_lone_surrogates_can_be_sent() -> None:
    """What UTF-8 cannot carry is escaped."""
    assert json.loads(encode_event({"type": "x", "a": "\ud800é"}).encode("utf-8"))["a"] == "\ud800é"
