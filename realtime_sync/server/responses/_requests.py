"""What a client may ask of the Responses API: the checks of every request body, and the settings that are echoed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from realtime_sync.server._problem import Problem, invalid, missing
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

__all__ = [
    "checked_compact",
    "checked_count",
    "checked_create",
    "checked_inject",
    "checked_stream_id",
    "echoed",
]

_STREAM_ID = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
_MAX_INJECTED = 16_384


def _unsupported(what: str) -> Check:
    """Refuse what this server cannot do, in plain words: accepting it would be a lie."""

    def check(_: Any, path: str) -> Any:
        msg = f"This local server {what}."
        raise invalid(msg, path)

    return check


def _named(*others: str, **fields: Check) -> Check:
    """Accept an object with a name, these fields, and `others` that this server only echoes."""
    name = text(min_length=1, max_length=128)
    echoed_only = dict.fromkeys(others, anything)
    return record({"type": anything, "name": name, **echoed_only, **fields}, required=("name",))


_tools = array(
    tagged(
        "type",
        {
            "function": _named(
                "defer_loading",
                "allowed_callers",
                "async",
                "output_schema",
                description=nullable(text()),
                parameters=nullable(mapping()),
                strict=nullable(boolean),
            ),
            "custom": _named("defer_loading", "allowed_callers", "async", description=text(), format=mapping()),
        }
        | dict.fromkeys(
            (
                "web_search",
                "web_search_2025_08_26",
                "web_search_preview",
                "web_search_preview_2025_03_11",
                "file_search",
                "computer",
                "computer_use_preview",
                "mcp",
                "code_interpreter",
                "image_generation",
                "local_shell",
                "shell",
                "apply_patch",
                "namespace",
                "tool_search",
                "programmatic_tool_calling",
            ),
            _unsupported("runs no hosted tools: declare functions or custom tools"),
        ),
    )
)
_tool_choice = either(
    string=one_of("auto", "none", "required"),
    object=tagged(
        "type",
        {
            "function": _named(),
            "custom": _named(),
            "allowed_tools": record(
                {"type": anything, "mode": one_of("auto", "required"), "tools": array(mapping())},
                required=("mode", "tools"),
            ),
        },
    ),
)
_format = tagged(
    "type",
    {
        "text": record({"type": anything}),
        "json_object": record({"type": anything}),
        "json_schema": record(
            {
                "type": anything,
                "name": text(min_length=1, max_length=64),
                "schema": mapping(),
                "description": text(),
                "strict": nullable(boolean),
            },
            required=("name", "schema"),
        ),
    },
)
_text = record({"format": _format, "verbosity": nullable(one_of("low", "medium", "high"))})
_reasoning = nullable(
    record(
        {
            "effort": nullable(one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")),
            "summary": nullable(one_of("auto", "concise", "detailed")),
            "generate_summary": nullable(one_of("auto", "concise", "detailed")),
            "context": nullable(one_of("auto", "current_turn", "all_turns")),
            "mode": text(),
        }
    )
)
_cache_options = nullable(
    record(
        {
            "prewarm": boolean,
            "mode": one_of("implicit", "explicit"),
            "ttl": one_of("30m", "12h"),
            "comparison_response_id": nullable(text()),
        }
    )
)
_input = either(string=text(), array=array(mapping()))
_context = {
    "input": nullable(_input),
    "instructions": nullable(text()),
    "model": text(min_length=1),
    "previous_response_id": nullable(text(min_length=1)),
}
_caching = {
    "prompt_cache_key": nullable(text()),
    "prompt_cache_options": _cache_options,
    "prompt_cache_retention": nullable(one_of("in_memory", "24h")),
}
_create: dict[str, Check] = {
    **_context,
    **_caching,
    "background": nullable(boolean),
    "context_management": nullable(
        array(
            record(
                {"type": one_of("compaction"), "compact_threshold": nullable(integer(1000))},
                required=("type",),
            ),
            min_items=1,
        )
    ),
    "conversation": nullable(_unsupported("keeps no conversations: use previous_response_id")),
    "include": nullable(array(one_of(*_INCLUDABLE))),
    "max_output_tokens": nullable(integer(16)),
    "max_tool_calls": nullable(integer(1)),
    "metadata": nullable(mapping(text(max_length=512), max_items=16, max_key=64)),
    "moderation": nullable(_unsupported("moderates nothing")),
    "parallel_tool_calls": nullable(boolean),
    "prompt": nullable(_unsupported("has no stored prompts: send instructions")),
    "reasoning": _reasoning,
    "safety_identifier": nullable(text(max_length=64)),
    "service_tier": nullable(one_of("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")),
    "store": nullable(boolean),
    "stream": nullable(boolean),
    "stream_options": nullable(record({"include_obfuscation": boolean})),
    "temperature": nullable(number(0, 2)),
    "text": _text,
    "tool_choice": _tool_choice,
    "tools": _tools,
    "top_logprobs": nullable(integer(0, 20)),
    "top_p": nullable(number(0, 1)),
    "truncation": nullable(one_of("auto", "disabled")),
    "user": text(),
}
_over_http = record(_create, required=("model",))
_over_websocket = record({**_create, "type": anything, "stream_id": anything, "generate": boolean}, required=("model",))
_multi_agent = record({"enabled": boolean, "max_concurrent_subagents": integer(1)})
_over_websocket_beta = record(
    {**_create, "type": anything, "stream_id": anything, "generate": boolean, "multi_agent": _multi_agent},
    required=("model",),
)
_inject = record(
    {"type": anything, "response_id": text(min_length=1), "input": array(mapping(), max_items=_MAX_INJECTED)},
    required=("response_id", "input"),
)
_compact = record(
    {**_context, **_caching, "service_tier": _create["service_tier"]},
    required=("model",),
)
_count = record(
    {
        **_context,
        "model": nullable(text(min_length=1)),
        **{
            name: _create[name]
            for name in ("conversation", "parallel_tool_calls", "reasoning", "tool_choice", "tools", "truncation")
        },
        "personality": text(),
        "text": nullable(_text),
    }
)

_DEFAULTS: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def checked_create(body: dict[str, Any], *, websocket: bool, multi_agent: bool = False) -> dict[str, Any]:
    """Return the body of a create with its values checked, or raise the `Problem` with it.

    `websocket` has other keys than HTTP, and neither background responses nor a choice of streaming; `multi_agent`
    is the beta of that name.
    """
    check = _over_http
    if websocket:
        check = _over_websocket_beta if multi_agent else _over_websocket
        if body.get("background"):
            msg = "Background responses are for HTTP only."
            raise invalid(msg, "background")
        if body.get("stream") is False:
            msg = "A WebSocket always streams: leave 'stream' out."
            raise invalid(msg, "stream")
    checked: dict[str, Any] = check(body, "")
    if checked.get("background") and checked.get("store") is False:
        msg = "Background responses have to be stored: leave 'store' out."
        raise invalid(msg, "background")
    _check_choice(checked)
    return checked


def _check_choice(body: Mapping[str, Any]) -> None:
    """Refuse a tool choice that no declared tool fits."""
    choice = body.get("tool_choice", "auto")
    tools = {(tool["type"], tool["name"]) for tool in body.get("tools", ())}
    if choice == "required" and not tools:
        msg = "Tool choice 'required' must be specified with 'tools' parameter."
        raise invalid(msg, "tool_choice")
    if isinstance(choice, dict) and "name" in choice and (choice["type"], choice["name"]) not in tools:
        msg = f"Tool choice '{choice['name']}' not found in 'tools' parameter."
        raise invalid(msg, "tool_choice")


def checked_stream_id(event: Mapping[str, Any]) -> str | None:
    """Return the name of the event's lane, None for the default lane, or raise the `Problem` with it."""
    if "stream_id" not in event:
        return None
    name = event["stream_id"]
    if isinstance(name, str) and _STREAM_ID.fullmatch(name):
        return name
    msg = "Invalid 'stream_id': expected 1 to 256 letters, digits, '_', '.' or '-'."
    raise Problem(msg, code="invalid_stream_id", param="stream_id")


def checked_inject(event: dict[str, Any]) -> dict[str, Any]:
    """Return a `response.inject` with its values checked, or raise the `Problem` with it."""
    checked: dict[str, Any] = _inject(event, "")
    return checked


def checked_compact(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a request to compact with its values checked, or raise the `Problem` with it."""
    checked: dict[str, Any] = _compact(body, "")
    if checked.get("input") is None and checked.get("previous_response_id") is None:
        raise missing("input")
    return checked


def checked_count(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a request to count tokens with its values checked, or raise the `Problem` with it."""
    checked: dict[str, Any] = _count(body, "")
    return checked


def echoed(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a response as its object shows them: what was asked for, and the defaults."""
    given = {name: value for name, value in params.items() if name in _DEFAULTS and value is not None}
    return {
        "model": params["model"],
        **_DEFAULTS,
        **given,
        "text": {**_DEFAULTS["text"], **given.get("text", {})},
        "reasoning": {**_DEFAULTS["reasoning"], **given.get("reasoning", {})},
    }
