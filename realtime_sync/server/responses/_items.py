"""Items of the Responses API: what a client sends as input, and what a context of them means to the responder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from realtime_sync.server._backend import new_id
from realtime_sync.server._problem import Problem, invalid
from realtime_sync.server._shape import Check, anything, array, either, mapping, nullable, one_of, record, tagged, text

__all__ = [
    "Item",
    "check_calls",
    "checked_input",
    "context_of_steer",
    "open_calls",
    "shown_to_responder",
    "user_message",
]

Item = dict[str, Any]

_part = tagged(
    "type",
    {
        "input_text": record(
            {"type": anything, "text": text(), "prompt_cache_breakpoint": anything}, required=("text",)
        ),
        "input_image": mapping(),
        "input_file": mapping(),
        "output_text": record(
            {"type": anything, "text": text(), "annotations": anything, "logprobs": anything}, required=("text",)
        ),
        "refusal": record({"type": anything, "refusal": text()}, required=("refusal",)),
    },
)
_content = either(string=text(), array=array(_part))
_status = nullable(one_of("in_progress", "completed", "incomplete"))
_own = {"type": anything, "id": nullable(text(min_length=1)), "status": _status}
_call_id = text(min_length=1, max_length=64)
_output = either(string=text(), array=array(_part))
_calling = {"caller": anything, "namespace": anything, "async": anything, "created_by": anything}

_kinds: dict[str, Check] = {
    "message": record(
        {**_own, "role": one_of("user", "assistant", "system", "developer"), "content": _content, "phase": anything},
        required=("role", "content"),
    ),
    "function_call": record(
        {**_own, **_calling, "call_id": _call_id, "name": text(min_length=1), "arguments": text()},
        required=("call_id", "name", "arguments"),
    ),
    "function_call_output": record(
        {**_own, **_calling, "call_id": _call_id, "name": anything, "output": _output}, required=("call_id", "output")
    ),
    "custom_tool_call": record(
        {**_own, **_calling, "call_id": _call_id, "name": text(min_length=1), "input": text()},
        required=("call_id", "name", "input"),
    ),
    "custom_tool_call_output": record(
        {**_own, **_calling, "call_id": _call_id, "name": anything, "output": _output}, required=("call_id", "output")
    ),
    "reasoning": record(
        {
            **_own,
            "summary": array(mapping()),
            "content": nullable(array(mapping())),
            "encrypted_content": nullable(text()),
        },
        required=("summary",),
    ),
    "compaction": record(
        {**_own, "encrypted_content": text(), "created_by": anything}, required=("encrypted_content",)
    ),
    "compaction_trigger": record(_own),
    "item_reference": record({**_own, "id": text(min_length=1)}, required=("id",)),
}
_kinds |= dict.fromkeys(
    (
        "file_search_call",
        "web_search_call",
        "computer_call",
        "computer_call_output",
        "code_interpreter_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "shell_call",
        "shell_call_output",
        "apply_patch_call",
        "apply_patch_call_output",
        "mcp_list_tools",
        "mcp_call",
        "mcp_approval_request",
        "mcp_approval_response",
        "tool_search_call",
        "tool_search_output",
        "additional_tools",
        "configuration_update",
        "program",
        "program_output",
    ),
    mapping(),
)
"""The items of tools that this server does not have are part of a history all the same."""
_item = tagged("type", _kinds)
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "compaction": "cmp",
}
_CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_steered = record(
    {
        "type": one_of("message"),
        "role": one_of("user"),
        "content": either(string=text(), array=array(_part, min_items=1)),
    },
    required=("role", "content"),
)


def user_message(content: str) -> Item:
    """Return the message that a plain text as input stands for."""
    parts = [{"type": "input_text", "text": content}]
    return {"id": new_id("msg"), "type": "message", "status": "completed", "role": "user", "content": parts}


def checked_input(value: Any, find: Callable[[str], Item | None]) -> list[Item]:
    """Return the input of a request as full items with ids, or raise the `Problem` with it.

    `find` returns a stored item by its id, for references and for reasoning without its content.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [user_message(value)]
    items = [_checked_item(each, f"input[{index}]", find) for index, each in enumerate(value)]
    if any(item["type"] == "compaction_trigger" for item in items[:-1]):
        msg = "A compaction_trigger must be the last item of the input."
        raise invalid(msg, "input")
    return items


def _checked_item(value: Any, path: str, find: Callable[[str], Item | None]) -> Item:
    if isinstance(value, dict) and "type" not in value:
        value = {"type": "message" if "role" in value else "item_reference", **value}
    item: Item = _item(value, path)
    kind = item["type"]
    if kind == "item_reference" or (kind == "reasoning" and item.get("id") and not item.get("encrypted_content")):
        found = find(item["id"])
        if found is None:
            msg = (
                f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false. "
                "Try again with `store` set to true, or remove this item from your input."
            )
            raise Problem(msg, param="input", status=404)
        return found
    if kind == "message":
        item = _full_message(item)
    return {**item, "id": item.get("id") or new_id(_PREFIXES.get(kind, "item"))}


def _full_message(item: Item) -> Item:
    content = item["content"]
    if isinstance(content, str):
        kind = "output_text" if item["role"] == "assistant" else "input_text"
        content = [{"type": kind, "text": content, **({"annotations": []} if kind == "output_text" else {})}]
    return {**item, "status": item.get("status") or "completed", "content": content}


def context_of_steer(value: Any) -> list[Item]:
    """Return the messages that steer a response, or raise the `Problem` with them."""
    if isinstance(value, str):
        return [user_message(value)]
    return [
        {**_full_message({"type": "message", **each}), "id": new_id("msg")}
        for each in array(_steered, min_items=1)(value, "input")
    ]


def open_calls(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the calls of client tools that have no output yet, in order."""
    calls: dict[tuple[str, str], Mapping[str, Any]] = {}
    for item in items:
        if item["type"] in _CALLS:
            calls[_CALLS[item["type"]], item["call_id"]] = item
        else:
            calls.pop((item["type"], item.get("call_id", "")), None)
    return list(calls.values())


def check_calls(items: Iterable[Mapping[str, Any]]) -> None:
    """Raise the `Problem` of a call without an output, or of an output without its call."""
    items = tuple(items)
    called: set[tuple[str, str]] = set()
    for item in items:
        kind = str(item["type"])
        if kind in _CALLS:
            called.add((_CALLS[kind], item["call_id"]))
        elif kind in _CALLS.values() and (kind, item["call_id"]) not in called:
            what = kind.removesuffix("_output").replace("_", " ")
            msg = f"No tool call found for {what} output with call_id {item['call_id']}."
            raise Problem(msg, param="input")
    missing = open_calls(items)
    if missing:
        what = missing[0]["type"].replace("_", " ")
        msg = f"No tool output found for {what} {missing[0]['call_id']}."
        raise Problem(msg, param="input")


def shown_to_responder(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items as a responder knows them: outputs as texts, custom calls like functions."""
    return tuple(_shown(item) for item in items)


def _shown(item: Item) -> Item:
    kind = item["type"]
    if kind == "custom_tool_call":
        return {**item, "type": "function_call", "arguments": item["input"]}
    if kind in _CALLS.values():
        output = item["output"]
        if not isinstance(output, str):
            output = "".join(part.get("text", "") for part in output)
        return {**item, "type": "function_call_output", "output": output}
    return item
