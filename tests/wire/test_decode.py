"""From a message to an event: the traps, one by one."""

from __future__ import annotations

import json
import tracemalloc

import attrs
import pytest

from realtime_sync.errors import DecodeError
from realtime_sync.types import UndecodableEvent, UnknownEvent, UnknownObject, responses
from realtime_sync.types import realtime as rt
from realtime_sync.wire import event_decoder, event_names, parse_event
from realtime_sync.wire._registry import catalogue_of

DELTA = {
    "type": "response.output_text.delta",
    "event_id": "event_1",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "Hi",
}
SESSION = {"type": "session.created", "event_id": "e"}


def same(found, expected) -> bool:
    """Compare JSON values, and the types of numbers with them."""
    return json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_a_known_event_becomes_its_class(decode) -> None:
    """Fields are attributes, and the event goes out as it came."""
    event = decode(json.dumps(DELTA))
    assert event == rt.ResponseTextDeltaEvent(
        event_id="event_1", response_id="resp_1", item_id="item_1", output_index=0, content_index=0, delta="Hi"
    )
    assert type(event) is rt.ResponseTextDeltaEvent
    assert event.to_dict() == DELTA


def test_bytes_are_utf8(decode) -> None:
    """A message of bytes is read as UTF-8."""
    event = decode(json.dumps({**DELTA, "delta": "é"}, ensure_ascii=False).encode("utf-8"))
    assert event.delta == "é"


def test_decoded_events_are_frozen(decode) -> None:
    """An event that was made without its constructor is as frozen as any other."""
    for raw in (DELTA, {**DELTA, "more": 1}):
        event = decode(json.dumps(raw))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            event.delta = "x"


@pytest.mark.parametrize(
    "data",
    [
        "", "x", "{", '{"type":"x"', "[]", "1", "null", '"text"', "{}", '{"type":null}', '{"type":1}', '{"type":["x"]}',
        '{"type":{}}', '{"type":"x","y":NaN}', '{"type":"x"} 1', b"\xff", b'{"type":"\xff"}', "[" * 100_000,
        '{"type":"x","a":' + "[" * 100_000, '{"type":"x","a":' + "1" * 5000 + "}",
    ],
    ids=range(20),
)  # fmt: skip
def test_what_is_no_event_is_undecodable(decode, data) -> None:
    """A message that is no JSON object with a type keeps its text, and only parse_event raises for it."""
    event = decode(data)
    assert isinstance(event, UndecodableEvent)
    assert event.raw is data
    assert str(event.error)
    assert event.error.raw is data
    assert event.error.__traceback__ is None
    with pytest.raises(DecodeError):
        parse_event(data, "realtime")


def test_deep_nesting_below_the_limit_of_python_is_kept(decode) -> None:
    """A deep but readable value arrives in an unknown field."""
    raw = {**DELTA, "deep": json.loads("[" * 500 + "]" * 500)}
    assert decode(json.dumps(raw)).to_dict() == raw


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "new"},
        {"type": "", "a": None},
        {"type": "response.output_text"},
        {"type": "session.update", "session": {}},
    ],
)
def test_an_unknown_type_becomes_an_unknown_event(decode, raw) -> None:
    """What the catalogue does not know, client events too, is kept whole and without an error."""
    event = decode(json.dumps(raw))
    assert event == UnknownEvent(raw["type"], raw)
    assert event.error is None
    assert parse_event(json.dumps(raw), "realtime") == event


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"delta": None}, "delta: expected a string, found null"),
        ({"delta": 5}, "delta: expected a string, found a whole number"),
        ({"delta": True}, "delta: expected a string, found true or false"),
        ({"delta": ["x"]}, "delta: expected a string, found a list"),
        ({"item_id": {}}, "item_id: expected a string, found an object"),
        ({"output_index": True}, "output_index: expected a whole number or null, found true or false"),
        ({"output_index": "0"}, "output_index: expected a whole number or null, found a string"),
        ({"output_index": 0.5}, "output_index: expected a whole number or null, found a fraction"),
        ({"output_index": 0.0}, "output_index: expected a whole number or null, found a fraction"),
        ({"event_id": False}, "event_id: expected a string or null, found true or false"),
    ],
)
def test_a_known_type_that_does_not_fit_is_an_unknown_event(decode, change, path) -> None:
    """Nothing is coerced: the event arrives unknown, whole, and with the place of the misfit."""
    raw = {**DELTA, **change}
    event = decode(json.dumps(raw))
    assert isinstance(event, UnknownEvent)
    assert event.type == "response.output_text.delta"
    assert same(event.to_dict(), raw)
    assert path in str(event.error)
    assert event.error.__traceback__ is None


@pytest.mark.parametrize("name", ["delta", "item_id"])
def test_an_essential_field_that_is_missing_is_a_misfit(decode, name) -> None:
    """Without the field that makes it useful, an event arrives unknown."""
    raw = {key: value for key, value in DELTA.items() if key != name}
    event = decode(json.dumps(raw))
    assert isinstance(event, UnknownEvent)
    assert f"{name}: expected a string, found nothing" in str(event.error)


def test_other_fields_may_be_missing_or_null(decode) -> None:
    """Null and missing both read as None, and each goes out as it came."""
    raw = {"type": DELTA["type"], "item_id": "i", "delta": "", "output_index": None}
    event = decode(json.dumps(raw))
    assert type(event) is rt.ResponseTextDeltaEvent
    assert (event.event_id, event.output_index) == (None, None)
    assert same(event.to_dict(), raw)


def test_unknown_fields_are_kept(decode) -> None:
    """An unknown field is in extra, read-only, and goes out in its place."""
    raw = {"obfuscation": "x", **DELTA, "later": [{"a": 1.0}]}
    event = decode(json.dumps(raw))
    assert type(event) is rt.ResponseTextDeltaEvent
    assert event.extra == {"obfuscation": "x", "later": [{"a": 1.0}]}
    with pytest.raises(TypeError):
        event.extra["a"] = 1
    assert same(event.to_dict(), raw)


def test_one_field_missing_and_one_unknown(decode) -> None:
    """As many keys as an event has fields does not mean that they are its fields."""
    raw = {key: value for key, value in DELTA.items() if key != "event_id"} | {"obfuscation": "x"}
    event = decode(json.dumps(raw))
    assert (event.event_id, event.extra) == (None, {"obfuscation": "x"})
    assert same(event.to_dict(), raw)


@pytest.mark.parametrize("sent", sorted(rt.BETA_NAMES))
def test_beta_names_decode_to_the_present_class(decode, sent) -> None:
    """The type is the present name, and what goes out is the sent one."""
    names = {"delta": "d", "item_id": "i", "text": "t", "transcript": "t", "session": {"id": "s", "voice": "alloy"}}
    for more in ({}, {"more": 1}):
        raw = {"type": sent, **names, **more}
        event = decode(json.dumps(raw))
        assert event.type == rt.BETA_NAMES[sent]
        assert event.wire_type == sent
        assert same(event.to_dict(), raw)
        assert attrs.evolve(event, event_id="e").wire_type == sent


def test_a_beta_event_in_one_go_keeps_its_name(decode) -> None:
    """The fast way for complete events knows the sent name too."""
    event = decode(json.dumps({**DELTA, "type": "response.text.delta"}))
    assert type(event) is rt.ResponseTextDeltaEvent
    assert event.wire_type == event.to_dict()["type"] == "response.text.delta"


def test_a_beta_event_that_does_not_fit_has_the_present_name(decode) -> None:
    """Whoever waits for the present name gets the misfit as well."""
    event = decode('{"type":"response.text.delta","delta":1}')
    assert isinstance(event, UnknownEvent)
    assert (event.type, event.wire_type) == ("response.output_text.delta", "response.text.delta")


def test_the_beta_item_event_keeps_a_class_of_its_own(decode) -> None:
    """conversation.item.created is not mixed up with conversation.item.added."""
    event = decode('{"type":"conversation.item.created","item":{"type":"message","role":"user","content":[]}}')
    assert type(event) is rt.ConversationItemCreatedEvent


def _item(raw, decode):
    event = decode(json.dumps({"type": "conversation.item.added", "item": raw}))
    assert same(event.to_dict()["item"], raw)
    return event.item


@pytest.mark.parametrize(
    ("raw", "cls"),
    [
        ({"type": "message", "role": "system", "content": []}, rt.RealtimeConversationItemSystemMessage),
        ({"role": "user", "type": "message"}, rt.RealtimeConversationItemUserMessage),
        ({"type": "message", "role": "assistant", "content": None}, rt.RealtimeConversationItemAssistantMessage),
        ({"type": "function_call", "name": "f"}, rt.RealtimeConversationItemFunctionCall),
        ({"type": "function_call_output", "x": {}}, rt.RealtimeConversationItemFunctionCallOutput),
        ({"type": "message", "role": "tool"}, UnknownObject),
        ({"type": "message", "role": None}, UnknownObject),
        ({"type": "message"}, UnknownObject),
        ({"type": "mcp_call", "id": "x"}, rt.RealtimeMcpToolCall),
        ({"type": "hologram", "id": "x"}, UnknownObject),
        ({"type": ["message"]}, UnknownObject),
        ({"type": None}, UnknownObject),
        ({}, UnknownObject),
    ],
)
def test_items_are_told_by_type_and_role(decode, raw, cls) -> None:
    """A known item becomes its class; any other object is kept as it came."""
    assert type(_item(raw, decode)) is cls


def test_legacy_content_types_fit(decode) -> None:
    """The type of a content part is open."""
    content = [{"type": "text", "text": "a"}, {"type": "video", "frames": [1]}]
    item = _item({"type": "message", "role": "assistant", "content": content}, decode)
    assert [part.type for part in item.content] == ["text", "video"]
    assert item.content[1].extra == {"frames": [1]}


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ([], "item: expected an object, found a list"),
        (None, "item: expected an object, found null"),
        ({"type": "message", "role": "user", "content": {}}, "item.content: expected a list, found an object"),
        ({"type": "message", "role": "user", "content": [{}, 1]}, "item.content[1]: expected an object, found a whole number"),
        ({"type": "message", "role": "user", "content": [{"text": 1}]}, "item.content[0].text: expected a string or null, found a whole number"),
        ({"type": "message", "role": "user", "status": []}, "item.status: expected a string or null, found a list"),
    ],
)  # fmt: skip
def test_a_misfit_names_its_path(decode, item, path) -> None:
    """However deep it is, the place of a misfit is named from the outside in."""
    event = decode(json.dumps({"type": "conversation.item.added", "item": item}))
    assert isinstance(event, UnknownEvent)
    assert str(event.error) == f"conversation.item.added does not fit: {path}"


@pytest.mark.parametrize(
    ("session", "cls"),
    [
        ({"type": "realtime", "id": "s"}, rt.RealtimeSessionCreateResponse),
        ({"type": "transcription", "id": "s"}, rt.RealtimeTranscriptionSessionCreateResponse),
        ({"id": "s"}, rt.RealtimeSessionCreateResponse),
        ({"id": "s", "modalities": ["text"], "voice": "alloy"}, rt.RealtimeBetaSession),
        ({"object": "realtime.transcription_session"}, rt.RealtimeBetaTranscriptionSessionCreateResponse),
        ({"input_audio_format": "pcm16"}, rt.RealtimeBetaTranscriptionSessionCreateResponse),
        ({"type": "hologram"}, UnknownObject),
        ({"type": 1}, UnknownObject),
    ],
)
def test_sessions_are_told_by_type(decode, session, cls) -> None:
    """A session without a type is a conversation's; one of an unknown type is kept as it came."""
    event = decode(json.dumps({**SESSION, "session": session}))
    assert type(event.session) is cls
    assert same(event.to_dict(), {**SESSION, "session": session})


@pytest.mark.parametrize("value", [1700000000, 1700000000.5, "2026-11-05T12:00:00Z", None])
def test_timestamps_come_in_many_kinds(decode, value) -> None:
    """A whole, a broken and an ISO timestamp all stay what they are."""
    event = decode(json.dumps({**SESSION, "session": {"type": "realtime", "expires_at": value}}))
    assert event.session.expires_at == value
    assert type(event.session.expires_at) is type(value)


def test_a_whole_number_is_a_fine_float_and_stays_whole(decode) -> None:
    """Where a fraction may stand, an integer is not turned into one; true is no number."""
    raw = {"type": "rate_limits.updated", "rate_limits": [{"reset_seconds": 1}, {"reset_seconds": 1.5}]}
    event = decode(json.dumps(raw))
    assert same(event.to_dict(), raw)
    raw["rate_limits"][0]["reset_seconds"] = True
    assert "rate_limits[0].reset_seconds" in str(decode(json.dumps(raw)).error)


@pytest.mark.parametrize(
    "config",
    [
        {"voice": "alloy"}, {"voice": {"id": "v", "x": 1}}, {"format": {"type": "audio/pcm", "rate": 24000}},
        {"format": {"type": "audio/opus"}}, {"speed": 1},
    ],
)  # fmt: skip
def test_unions_of_scalars_and_objects(decode, config) -> None:
    """Whatever the union allows comes in and goes out."""
    raw = {**SESSION, "session": {"type": "realtime", "audio": {"output": config}}}
    event = decode(json.dumps(raw))
    assert type(event) is rt.SessionCreatedEvent
    assert same(event.to_dict(), raw)


def test_a_whole_response(decode) -> None:
    """A finished response reads as a typed tree, with unknown parts kept at every depth."""
    raw = {
        "type": "response.done",
        "event_id": None,
        "response": {
            "id": "resp_1",
            "status": "paused",
            "status_details": {"type": "failed", "error": {"code": "x", "new": 1}},
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a", "n": []}]},
                {"type": "mcp_call", "output": None},
            ],
            "usage": {"total_tokens": 3, "input_token_details": {"cached_tokens_details": {"text_tokens": 0}}},
            "metadata": {"token": "t", "odd": 1},
            "max_output_tokens": "inf",
            "new": {"deep": [None]},
        },
    }
    event = decode(json.dumps(raw))
    assert type(event) is rt.ResponseDoneEvent
    assert event.response.status == "paused"
    assert event.response.output[0].content[0].extra == {"n": []}
    assert event.response.usage.input_token_details.cached_tokens_details.text_tokens == 0
    assert event.response.extra == {"new": {"deep": [None]}}
    assert same(event.to_dict(), raw)
    assert same(parse_event(json.dumps(raw), "realtime").to_dict(), raw)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**30])
def test_integers_of_any_size_stay_exact(decode, number) -> None:
    """A large integer is exact in a typed, an unknown and a free-form field, and in an unknown event."""
    messages = [
        {**DELTA, "output_index": number},
        {**DELTA, "more": [{"a": number}]},
        {"type": "response.done", "response": {"metadata": {"a": number}}},
        {"type": "rate_limits.updated", "rate_limits": [{"reset_seconds": number}]},
        {"type": "new", "a": number},
    ]
    for raw in messages:
        event = decode(json.dumps(raw))
        assert getattr(event, "error", None) is None
        assert same(event.to_dict(), raw)


def test_lone_surrogates_are_kept(decode) -> None:
    """Text that UTF-8 cannot carry arrives all the same."""
    raw = {**DELTA, "delta": "\ud800"}
    assert decode(json.dumps(raw)).delta == "\ud800"


def test_peers_that_invent_names_and_keys_fill_no_memory(decode) -> None:
    """Neither unknown event names nor ever new keys are remembered without limit."""
    catalogue = catalogue_of("realtime")
    for number in range(500):
        decode(json.dumps({"type": f"new.{number}"}))
        event = decode(json.dumps({**DELTA, f"key_{number}": number}))
        assert event.extra == {f"key_{number}": number}
    assert set(catalogue.flat) | set(catalogue.structure) <= event_names("realtime")


def test_equal_shapes_are_shared(decode) -> None:
    """Events with the same keys share the record of which they had."""
    for raw in (DELTA, {**DELTA, "shared": 1}):
        assert decode(json.dumps(raw))._shape is decode(json.dumps(raw))._shape


def test_an_audio_delta_keeps_little_more_than_its_audio(decode) -> None:
    """What a decoded audio delta retains is at most 1.1 times its payload."""
    count, payload = 200, "QUJD" * 1600
    texts = [
        json.dumps({**DELTA, "type": "response.output_audio.delta", "event_id": f"event_{n:020}", "delta": payload})
        for n in range(count)
    ]
    decode(texts[0])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        events = [decode(text) for text in texts]
        retained = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(events) == count
    assert retained <= 1.1 * count * len(payload)


def test_a_fault_of_ours_does_not_end_a_session(decode, monkeypatch) -> None:
    """Even an error that structuring should not raise arrives as an event."""

    def broken(raw, _=None):
        raise ZeroDivisionError

    catalogue = catalogue_of("realtime")
    monkeypatch.setitem(catalogue.flat, "error", lambda _: None)
    monkeypatch.setitem(catalogue.structure, "error", broken)
    event = decode('{"type":"error","error":{}}')
    assert isinstance(event, UnknownEvent)
    assert "ZeroDivisionError" in str(event.error)


def test_event_names_are_those_of_the_server_and_of_the_beta() -> None:
    """The names that can be listened for are known."""
    names = event_names("realtime")
    assert {"response.done", "response.text.delta", "error"} <= names
    assert "session.update" not in names


def test_there_is_no_registry_of_another_name() -> None:
    """A wrong registry is refused, with the right ones named."""
    with pytest.raises(ValueError, match="realtime"):
        event_decoder("surreal")


def test_the_fast_way_follows_the_keys_that_a_server_sends() -> None:
    """An event with fewer keys, empty lists or unknown strings is made the same way the first time and later."""
    catalogue = catalogue_of("responses")
    name = "response.output_text.delta"
    usual = {"type": name, "item_id": "i", "delta": "a", "logprobs": [], "obfuscation": "xyz", "sequence_number": 1}
    catalogue.flat.pop(name, None)
    catalogue.structure.pop(name, None)
    decode = event_decoder("responses")
    assert catalogue.flat[name](usual) is None
    first = decode(json.dumps(usual))
    second = catalogue.flat[name](usual)
    assert first == second
    assert type(second) is responses.ResponseTextDeltaEvent
    assert same(first.to_dict(), usual)
    assert same(second.to_dict(), usual)
    assert (second.extra, second.logprobs, second.stream_id) == ({"obfuscation": "xyz"}, (), None)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        second.delta = "x"
    for change in ({"obfuscation": 1}, {"logprobs": [{"token": "t"}]}, {"delta": 5}, {"stream_id": "lane"}):
        raw = {**usual, **change}
        assert catalogue.flat[name](raw) is None
        assert same(decode(json.dumps(raw)).to_dict(), raw)
        decode(json.dumps(usual))


def test_the_fast_way_stops_to_follow_a_server_that_keeps_changing() -> None:
    """A peer that sends other keys each time costs no new function each time, however odd the keys are."""
    catalogue = catalogue_of("responses")
    name = "response.refusal.delta"
    catalogue.flat.pop(name, None)
    catalogue.structure.pop(name, None)
    made = set()
    for index in range(20):
        raw = {"type": name, "item_id": "i", "delta": "a", f'"]; x{index}\n': "\ud800", "é'\"": ""}
        assert same(parse_event(json.dumps(raw), "responses").to_dict(), raw)
        made.add(catalogue.flat[name])
    assert len(made) == 4
    raw = {"type": name, "item_id": "i", "delta": "a", **{f"k{index}": "" for index in range(9)}}
    assert same(parse_event(json.dumps(raw), "responses").to_dict(), raw)


@pytest.mark.parametrize(
    ("raw", "cls"),
    [
        ({"error": {"code": "c", "message": "m", "param": None}, "status": 400}, responses.ResponseWsError),
        ({"code": "c", "message": "m", "sequence_number": 1}, responses.ResponseErrorEvent),
    ],
)
def test_an_error_comes_in_two_shapes(raw, cls) -> None:
    """A nested and a flat error become a class each, and read the same."""
    raw = {"type": "error", **raw}
    event = parse_event(json.dumps(raw), "responses")
    assert type(event) is cls
    assert (event.error.code, event.error.message, event.error.param) == ("c", "m", None)
    assert same(event.to_dict(), raw)


def test_an_error_of_neither_shape_is_a_misfit() -> None:
    """An error without a message arrives unknown, whole, and with the reason."""
    event = parse_event('{"type":"error","code":"c"}', "responses")
    assert isinstance(event, UnknownEvent)
    assert "message: expected a string, found nothing" in str(event.error)


@pytest.mark.parametrize(
    ("raw", "cls"),
    [
        ({"role": "user", "content": "x"}, responses.EasyInputMessage),
        ({"type": "message", "role": "assistant", "content": "x"}, responses.EasyInputMessage),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, responses.ResponseInputItemMessage),
        ({"role": "system", "content": [], "status": "completed"}, responses.ResponseInputItemMessage),
        ({"type": "message", "role": "user", "content": [], "phase": None}, responses.EasyInputMessage),
        ({"type": "message", "role": "assistant", "content": []}, responses.ResponseOutputMessage),
        ({"type": "message", "role": "user", "content": [{"type": "output_text"}]}, responses.ResponseOutputMessage),
        ({"id": "i"}, responses.ResponseInputItemItemReference),
        ({"type": "item_reference", "id": "i"}, responses.ResponseInputItemItemReference),
        ({}, UnknownObject),
    ],
)
def test_input_messages_are_told_by_role_and_content(raw, cls) -> None:
    """Three kinds of message share a type, and may leave it out."""
    assert type(_input_item(raw)) is cls


def _input_item(raw):
    message = {"type": "response.inject.failed", "error": {"code": "c"}, "input": [raw]}
    event = parse_event(json.dumps(message), "responses")
    assert same(event.to_dict(), message)
    assert not isinstance(event, UnknownEvent)
    return event.input[0]
