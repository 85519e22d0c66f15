"""The configuration of a Realtime session: its defaults, what a client may set, and how an update merges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_sync.server._problem import Problem, invalid
from realtime_sync.server._shape import (
    Check,
    anything,
    array,
    boolean,
    either,
    integer,
    mapping,
    nullable,
    number,
    one_of,
    record,
    tagged,
    text,
)

__all__ = ["RESPONSE_SETTINGS", "check_voice", "default_session", "merge", "update"]

_PCM = {"type": "audio/pcm", "rate": 24000}
_SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


def _unsupported(what: str) -> Check:
    """Refuse what this server cannot do, in plain words: accepting it would be a lie."""

    def check(_: Any, path: str) -> Any:
        msg = f"This local server {what}."
        raise invalid(msg, path)

    return check


def _rate(value: Any, path: str) -> Any:
    return integer(24000, 24000)(value, path)


_format = tagged(
    "type",
    {
        "audio/pcm": record({"type": anything, "rate": _rate}, defaults=_PCM),
        "audio/pcmu": record({"type": anything}),
        "audio/pcma": record({"type": anything}),
    },
)
_voice = either(string=text(min_length=1), object=record({"id": text(min_length=1)}, required=("id",)))
_max_output_tokens = either(integer=integer(1, 4096), string=one_of("inf"))
_function_tool = record(
    {
        "type": anything,
        "name": text(min_length=1, max_length=128),
        "description": text(),
        "parameters": mapping(),
    },
    required=("name",),
)
_tools = array(tagged("type", {"function": _function_tool, "mcp": _unsupported("calls no MCP servers")}))
_tool_choice = either(
    string=one_of("auto", "none", "required"),
    object=tagged(
        "type",
        {
            "function": record({"type": anything, "name": text(min_length=1)}, required=("name",)),
            "mcp": _unsupported("calls no MCP servers"),
        },
    ),
)
_reasoning = record({"effort": one_of("none", "minimal", "low", "medium", "high", "xhigh")})
_prompt = nullable(_unsupported("has no stored prompts: send instructions"))


def _modalities(value: Any, path: str) -> Any:
    value = array(one_of("text", "audio"), min_items=1)(value, path)
    if len(set(value)) > 1:
        msg = f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
        raise invalid(msg, path)
    return value[:1]


_transcription = record(
    {
        "model": text(min_length=1),
        "language": text(),
        "languages": array(text(), min_items=1),
        "prompt": text(),
        "keywords": array(text()),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)
_switches: dict[str, Check] = {"type": anything, "create_response": boolean, "interrupt_response": boolean}
_turn_detection = tagged(
    "type",
    {
        "server_vad": record(
            {
                **_switches,
                "threshold": number(0, 1),
                "prefix_padding_ms": integer(0),
                "silence_duration_ms": integer(0),
                "idle_timeout_ms": nullable(integer(5000, 30000)),
            },
            defaults=_SERVER_VAD,
        ),
        "semantic_vad": record(
            {**_switches, "eagerness": one_of("low", "medium", "high", "auto")},
            defaults={"eagerness": "auto", "create_response": True, "interrupt_response": True},
        ),
    },
)
_audio_input = record(
    {
        "format": _format,
        "noise_reduction": nullable(record({"type": one_of("near_field", "far_field")}, required=("type",))),
        "transcription": nullable(_transcription),
        "turn_detection": nullable(_turn_detection),
    }
)
_audio_output = record({"format": _format, "speed": number(0.25, 1.5), "voice": _voice})
_truncation = either(
    string=one_of("auto", "disabled"),
    object=record(
        {
            "type": one_of("retention_ratio"),
            "retention_ratio": number(0, 1),
            "token_limits": record({"post_instructions": integer(0)}),
        },
        required=("type", "retention_ratio"),
    ),
)
_tracing = nullable(
    either(
        string=one_of("auto"),
        object=record({"workflow_name": text(), "group_id": text(), "metadata": mapping()}),
    )
)
_update = record(
    {
        "type": text(),
        "model": text(),
        "audio": record({"input": _audio_input, "output": _audio_output}),
        "include": nullable(array(one_of("item.input_audio_transcription.logprobs"))),
        "instructions": text(),
        "max_output_tokens": _max_output_tokens,
        "output_modalities": _modalities,
        "parallel_tool_calls": boolean,
        "prompt": _prompt,
        "reasoning": _reasoning,
        "tool_choice": _tool_choice,
        "tools": _tools,
        "tracing": _tracing,
        "truncation": _truncation,
    },
    required=("type",),
)

RESPONSE_SETTINGS: dict[str, Check] = {
    "audio": record({"output": record({"format": _format, "voice": _voice})}),
    "instructions": text(),
    "max_output_tokens": _max_output_tokens,
    "metadata": nullable(mapping(text(max_length=512), max_items=16, max_key=64)),
    "output_modalities": _modalities,
    "parallel_tool_calls": boolean,
    "prompt": _prompt,
    "reasoning": _reasoning,
    "tool_choice": _tool_choice,
    "tools": _tools,
}
"""What `response.create` may override, beside `conversation` and `input`."""


def default_session(session_id: str, model: str, expires_at: int | None) -> dict[str, Any]:
    """Return the effective session of a new connection; `expires_at` in unix seconds, None: never."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(_PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(_SERVER_VAD),
            },
            "output": {"format": dict(_PCM), "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def merge(session: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the session with the changes: present keys replace, absent ones keep, below `audio` field by field."""
    audio = changes.get("audio", {})
    merged_audio = {direction: {**fields, **audio.get(direction, {})} for direction, fields in session["audio"].items()}
    return {**session, **changes, "audio": merged_audio}


def check_voice(session: dict[str, Any], output: Mapping[str, Any], param: str) -> None:
    """Raise the `Problem` of another voice than the session's; `output` is an audio.output that a client sent."""
    if output.get("voice", session["audio"]["output"]["voice"]) != session["audio"]["output"]["voice"]:
        msg = "The voice cannot change any more: the conversation has audio of the assistant's."
        raise Problem(msg, code="cannot_update_voice", param=param)


def update(session: dict[str, Any], changes: Any, *, has_spoken: bool) -> dict[str, Any]:
    """Return the session after a client's `session.update`, or raise the `Problem` with it.

    `has_spoken`: audio was sent, so that the voice is fixed.
    """
    checked = _update(changes, "session")
    if checked["type"] != "realtime":
        msg = f"Invalid value: '{checked['type']}'. The type of this session is 'realtime' and cannot change."
        raise invalid(msg, "session.type")
    if checked.get("model", session["model"]) != session["model"]:
        msg = "Cannot update a conversation's model: it was chosen when the connection was made."
        raise Problem(msg, code="cannot_update_model", param="session.model")
    if session["tracing"] is not None and checked.get("tracing", session["tracing"]) != session["tracing"]:
        msg = "Tracing cannot be changed once it is set."
        raise invalid(msg, "session.tracing")
    if has_spoken:
        check_voice(session, checked.get("audio", {}).get("output", {}), "session.audio.output.voice")
    return merge(session, checked)
