"""The effective session: what it starts with, how updates merge, what they may not say, and its end."""

import json
import time

import pytest


def update(**session):
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def test_session_created_has_the_whole_session(serve, dial):
    """The first event is the effective session, in the shape of the API."""
    created = dial(serve(time_scale=1), "?model=gpt-x", greet=False).next()
    session = created["session"]
    assert created["type"] == "session.created"
    assert created["event_id"].startswith("event_")
    assert session["id"].startswith("sess_")
    assert session["type"] == "realtime"
    assert session["object"] == "realtime.session"
    assert session["model"] == "gpt-x"
    assert 3500 < session["expires_at"] - time.time() <= 3600
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    assert session["max_output_tokens"] == "inf"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert set(session) >= {"instructions", "tools", "tool_choice", "tracing", "truncation", "prompt", "include"}


def test_present_keys_replace_and_absent_ones_stay(peer):
    """Updates merge: field by field below audio, whole values elsewhere, null switches off."""
    peer.send(update(instructions="a", tools=[{"type": "function", "name": "f"}], tracing="auto"))
    first = peer.next()["session"]
    peer.send(
        update(audio={"input": {"noise_reduction": {"type": "near_field"}, "transcription": {"model": "whisper-1"}}})
    )
    second = peer.next()["session"]
    assert second["instructions"] == "a"
    assert second["tools"] == first["tools"]
    assert second["audio"]["output"] == first["audio"]["output"]
    assert second["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
    peer.send(update(audio={"input": {"noise_reduction": None}}, tools=[], instructions=""))
    third = peer.next()
    assert third["type"] == "session.updated"
    assert third["session"]["audio"]["input"]["noise_reduction"] is None
    assert third["session"]["audio"]["input"]["transcription"] == {"model": "whisper-1"}
    assert (third["session"]["tools"], third["session"]["instructions"]) == ([], "")


def test_a_refused_update_changes_nothing(peer):
    """One bad field refuses the whole update."""
    assert peer.error(update(instructions="x", speed=2))["code"] == "unknown_parameter"
    peer.send(update())
    assert peer.next()["session"]["instructions"] == ""


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": None}, "invalid_type", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"model": "other"}, "cannot_update_model", "session.model"),
        ({"modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["smell"]}, "invalid_value", "session.output_modalities[0]"),
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"instructions": None}, "invalid_type", "session.instructions"),
        ({"max_output_tokens": 0}, "integer_below_min_value", "session.max_output_tokens"),
        ({"max_output_tokens": 5000}, "integer_above_max_value", "session.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": True}, "invalid_type", "session.max_output_tokens"),
        ({"audio": {"input": {"turn_detection": {"type": "none"}}}}, "invalid_value", "session.audio.input.turn_detection.type"),
        ({"audio": {"input": {"turn_detection": {}}}}, "missing_required_parameter", "session.audio.input.turn_detection.type"),
        ({"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}}, "decimal_above_max_value", "session.audio.input.turn_detection.threshold"),
        ({"audio": {"input": {"turn_detection": {"type": "server_vad", "eagerness": "low"}}}}, "unknown_parameter", "session.audio.input.turn_detection.eagerness"),
        ({"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 10}}}}, "integer_below_min_value", "session.audio.input.turn_detection.idle_timeout_ms"),
        ({"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "max"}}}}, "invalid_value", "session.audio.input.turn_detection.eagerness"),
        ({"audio": {"input": {"format": {"type": "mp3"}}}}, "invalid_value", "session.audio.input.format.type"),
        ({"audio": {"input": {"format": {}}}}, "missing_required_parameter", "session.audio.input.format.type"),
        ({"audio": {"input": {"format": None}}}, "invalid_type", "session.audio.input.format"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}}, "integer_below_min_value", "session.audio.input.format.rate"),
        ({"audio": {"output": {"speed": 2}}}, "decimal_above_max_value", "session.audio.output.speed"),
        ({"audio": {"output": {"speed": "fast"}}}, "invalid_type", "session.audio.output.speed"),
        ({"audio": {"output": {"volume": 2}}}, "unknown_parameter", "session.audio.output.volume"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tools": [{"type": "function", "name": ""}]}, "string_below_min_length", "session.tools[0].name"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value", "session.tools[0]"),
        ({"tools": {}}, "invalid_type", "session.tools"),
        ({"tools": [1]}, "invalid_type", "session.tools[0]"),
        ({"truncation": {"type": "retention_ratio", "retention_ratio": True}}, "invalid_type", "session.truncation.retention_ratio"),
        ({"max_output_tokens": 1.5}, "invalid_type", "session.max_output_tokens"),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": "x"}}}}, "invalid_type", "session.audio.input.format.rate"),
        ({"truncation": {"type": 5, "retention_ratio": 1}}, "invalid_type", "session.truncation.type"),
        ({"tool_choice": 3}, "invalid_type", "session.tool_choice"),
        ({"parallel_tool_calls": 1}, "invalid_type", "session.parallel_tool_calls"),
        ({"prompt": {"id": "p"}}, "invalid_value", "session.prompt"),
        ({"truncation": {"type": "retention_ratio", "retention_ratio": 1.5}}, "decimal_above_max_value", "session.truncation.retention_ratio"),
    ],
)  # fmt: skip
def test_refused_updates(peer, session, code, param):
    """Every bad field is named, with the API's code."""
    error = peer.error({**update(**session), "event_id": "mine"})
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert error["event_id"] == "mine"


def test_type_is_required(peer):
    """A session without its type is refused."""
    error = peer.error({"type": "session.update", "session": {"instructions": "x"}})
    assert (error["code"], error["param"]) == ("missing_required_parameter", "session.type")


def test_tracing_cannot_change_once_set(peer):
    """Tracing is chosen once."""
    peer.send(update(tracing="auto"))
    peer.next()
    assert peer.error(update(tracing=None))["param"] == "session.tracing"
    peer.send(update(tracing="auto"))
    assert peer.next()["type"] == "session.updated"


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"output_modalities": ["audio", "text"]}, "response.output_modalities"),
        ({"conversation": "other"}, "response.conversation"),
        ({"metadata": {f"k{n}": "" for n in range(17)}}, "response.metadata"),
        ({"metadata": {"k" * 65: ""}}, "response.metadata"),
        ({"metadata": {"k": "v" * 513}}, "response.metadata.k"),
        ({"metadata": {"k": 1}}, "response.metadata.k"),
        ({"metadata": []}, "response.metadata"),
        ({"input": "text"}, "response.input"),
        ({"model": "x"}, "response.model"),
        (None, "response"),
    ],
)
def test_refused_responses(peer, response, param):
    """Every bad parameter of a response is named."""
    assert peer.error({"type": "response.create", "response": response})["param"] == param


def test_the_session_expires(serve, dial):
    """At the end of its time a session is told so and closed with 1001."""
    peer = dial(serve(time_scale=1e-4), greet=False)
    error = peer.until("error")[-1]["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "session_expired")
    closed = peer.end()
    assert closed.rcvd.code == 1001
    assert closed.rcvd.reason == "maximum duration of 60 minutes"


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_json", None),
        ('"text"', "invalid_json", None),
        ('{"type": "response.create", "response": {"metadata": {"a": NaN}}}', "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type": "nope"}', "invalid_value", "type"),
        ('{"type": 5}', "invalid_value", "type"),
        ('{"type": ["response.create"]}', "invalid_value", "type"),
        ('{"type": "response.cancel", "extra": 1}', "unknown_parameter", "extra"),
        ('{"type": "response.cancel", "event_id": 7}', "invalid_type", "event_id"),
        ('{"type": "session.update"}', "missing_required_parameter", "session"),
        ('{"type": "session.update", "session": 1}', "invalid_type", "session"),
        ('{"type": "output_audio_buffer.clear"}', "invalid_value", "type"),
    ],
)
def test_messages_that_are_no_event(peer, data, code, param):
    """A message that is wrong is answered by an error, and the session goes on."""
    peer.ws.send(data)
    error = peer.next()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert error["event_id"] is None
    assert peer.ask("say on")["status"] == "completed"


def test_a_long_event_id_is_refused_and_not_repeated(peer):
    """An event id has at most 512 characters."""
    error = peer.error({"type": "response.cancel", "event_id": "x" * 513})
    assert (error["code"], error["param"], error["event_id"]) == ("string_above_max_length", "event_id", None)
    assert peer.error({"type": "response.cancel", "event_id": "x" * 512})["event_id"] == "x" * 512


@pytest.mark.parametrize(("depth", "answer"), [(96, "session.updated"), (97, "error"), (900, "error")])
def test_how_deep_events_may_be(peer, depth, answer):
    """An event is nested at most 100 levels deep."""
    nested = json.loads('{"a":' * depth + "1" + "}" * depth)
    peer.send(update(tools=[{"type": "function", "name": "f", "parameters": nested}]))
    assert peer.next()["type"] == answer
    assert peer.ask("say on")["status"] == "completed"


def test_every_setting_can_be_set(peer):
    """What the API's session has, and this server can do, is accepted and shown."""
    settings = {
        "parallel_tool_calls": False,
        "max_output_tokens": 4096,
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}],
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 100}},
        "tracing": {"workflow_name": "w", "metadata": {"a": 1}},
        "reasoning": {"effort": "low"},
        "prompt": None,
        "include": ["item.input_audio_transcription.logprobs"],
        "output_modalities": ["text"],
        "model": "m",
    }
    audio = {
        "input": {
            "format": {"type": "audio/pcma"},
            "transcription": {"model": "whisper-1", "language": "en"},
            "turn_detection": None,
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "voice_1"}, "speed": 1.5},
    }
    peer.send(update(**settings, audio=audio))
    session = peer.next()["session"]
    assert {key: session[key] for key in settings} == settings
    assert session["audio"] == {
        "input": {**audio["input"], "noise_reduction": None},
        "output": audio["output"],
    }


def test_binary_messages_are_decoded(peer):
    """A binary frame with UTF-8 JSON is an event like any other."""
    peer.ws.send(json.dumps({"type": "response.cancel", "event_id": "ü"}, ensure_ascii=False).encode())
    assert peer.next()["error"]["event_id"] == "ü"


def test_invalid_utf8_closes_with_1007(peer):
    """A binary frame that is not UTF-8 ends the connection with the code for it."""
    peer.ws.send(b"\xff\xff")
    assert peer.end().rcvd.code == 1007


def test_text_beyond_ascii_survives(peer):
    """Text is sent as UTF-8; half a surrogate pair becomes a question mark instead of an end."""
    peer.ws.send('{"type": "response.cancel", "event_id": "\\ud800"}')
    assert peer.next()["error"]["event_id"] == "?"
    assert peer.ask("say 你好 🎉")["output"][0]["content"][0]["text"] == "你好 🎉"


def test_fragmented_messages_are_joined(peer):
    """A message in several frames is one event."""
    peer.ws.send(iter(['{"type": "resp', "onse.can", 'cel", "event_id": "f"}']))
    assert peer.next()["error"]["event_id"] == "f"
