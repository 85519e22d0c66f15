"""Token counts, roughly as the API's: pieces of words, a fixed size for images, little for what was compacted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from realtime_sync.server._pieces import tokens

__all__ = ["context_tokens", "request_tokens", "usage"]

_IMAGE_TOKENS = {"low": 85}
_IMAGE_TOKENS_AT_MOST = 765
_COMPACTED_TOKENS = 100


def request_tokens(params: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> int:
    """Return the size of what a request gives the responder: instructions, tools, context."""
    tools = sum(len(tokens(json.dumps(tool))) for tool in params.get("tools") or ())
    return len(tokens(params.get("instructions") or "")) + tools + context_tokens(items)


def context_tokens(items: Iterable[Mapping[str, Any]]) -> int:
    """Return the size of a context."""
    return sum(_item_tokens(item) for item in items)


def _item_tokens(item: Mapping[str, Any]) -> int:
    kind = item["type"]
    if kind == "compaction":
        return _COMPACTED_TOKENS
    if kind == "message":
        return _parts_tokens(item["content"])
    if kind == "reasoning":
        return _parts_tokens(item["summary"])
    output = item.get("output")
    words = f"{item.get('name') or ''} {item.get('arguments', '')}{item.get('input', '')}"
    return len(tokens(words.strip())) + _parts_tokens(output if isinstance(output, list | str) else "")


def _parts_tokens(content: Iterable[Mapping[str, Any]] | str) -> int:
    if isinstance(content, str):
        return len(tokens(content))
    total = 0
    for part in content:
        if part.get("type") == "input_image":
            total += _IMAGE_TOKENS.get(part.get("detail", "auto"), _IMAGE_TOKENS_AT_MOST)
        else:
            total += len(tokens(str(part.get("text") or part.get("refusal") or "")))
    return total


def usage(given: int, *, cached: int, made: int, reasoned: int) -> dict[str, Any]:
    """Return the usage of a response; `made` counts what was reasoned too."""
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": reasoned},
        "total_tokens": given + made,
    }
