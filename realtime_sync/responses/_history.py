"""The items of a conversation: what goes in, and what of a response's output can be sent back.

Items are JSON objects in the API's shape. They are shared between conversations and requests and never changed: what a
caller gets are copies.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from realtime_sync.errors import LocalProtocolError
from realtime_sync.types import WireObject
from realtime_sync.types._base import UnknownObject
from realtime_sync.wire import to_wire

__all__ = ["Input", "Item", "extended", "input_items", "kept", "own_copies", "unanswered"]

Item: TypeAlias = Mapping[str, Any]
Input: TypeAlias = str | WireObject | Mapping[str, Any] | Iterable[WireObject | Mapping[str, Any]] | None

OUTPUT_OF = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
"""The calls that a client answers with an item of its own, and the type of that item."""

_ONLY_IN_OUTPUT = frozenset({"created_by"})
_ONLY_IN_OUTPUT_OF = {"custom_tool_call_output": frozenset({"status"})}


def input_items(given: Input) -> tuple[Item, ...]:
    """Return the items of an input: a text is a message of the user; None is nothing. They are copies.

    Raises:
        LocalProtocolError: it is none of what an input can be, or holds what cannot be sent as JSON; the message names
            the place.
    """
    if given is None:
        return ()
    if isinstance(given, str):
        return ({"type": "message", "role": "user", "content": given},)
    if isinstance(given, WireObject | UnknownObject | Mapping):
        given = (given,)
    if not isinstance(given, Iterable) or isinstance(given, bytes | bytearray | memoryview):
        msg = f"input: expected a text, an item or a list of items, got {type(given).__name__}"
        raise LocalProtocolError(msg)
    listed = list(given)
    for index, each in enumerate(listed):
        if not isinstance(each, WireObject | UnknownObject | Mapping):
            msg = f"input[{index}]: expected an item, got {type(each).__name__}; a text alone stands for a message"
            raise LocalProtocolError(msg)
    items: list[Item] = to_wire({"type": "response.create", "input": listed})["input"]
    return tuple(items)


def own_copies(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Return copies for a caller, who may change them."""
    return [copy.deepcopy(dict(each)) for each in items]


def kept(output: Iterable[Item], *, stored: bool) -> tuple[Item, ...]:
    """Return what of an output can be sent back as input.

    Left out are calls that were cut short, since nobody can answer them, and reasoning that only the server could look
    up, and has not stored; of the others, fields that only servers write, and those that are null.
    """
    return tuple(_as_input(each) for each in output if _can_return(each, stored=stored))


def _can_return(item: Item, *, stored: bool) -> bool:
    kind = item.get("type")
    if kind in OUTPUT_OF:
        return item.get("status") in {None, "completed"}
    return kind != "reasoning" or stored or bool(item.get("encrypted_content"))


def _as_input(item: Item) -> Item:
    left_out = _ONLY_IN_OUTPUT | _ONLY_IN_OUTPUT_OF.get(str(item.get("type")), frozenset())
    return {name: value for name, value in item.items() if value is not None and name not in left_out}


def extended(items: tuple[Item, ...], more: Iterable[Item]) -> tuple[Item, ...]:
    """Return a conversation with more items at its end: all of it, or what is left from a new compaction item on."""
    added = tuple(more)
    compactions = [index for index, each in enumerate(added) if each.get("type") == "compaction"]
    return added[compactions[-1] :] if compactions else (*items, *added)


def unanswered(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the calls that have no output after them, in order."""
    calls: dict[tuple[str, Any], Item] = {}
    for each in items:
        kind = each.get("type")
        if kind in OUTPUT_OF:
            calls[OUTPUT_OF[kind], each.get("call_id")] = each
        else:
            calls.pop((str(kind), each.get("call_id")), None)
    return tuple(calls.values())
