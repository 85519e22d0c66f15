"""What a docstring says about a function and about each of its parameters: Google style, or plain text."""

from __future__ import annotations

import inspect
import itertools
import re
from typing import Any

__all__ = ["describe"]

_NAMED = frozenset({"args", "arguments", "parameters", "attributes"})
_SECTION = re.compile(
    r"(args|arguments|attributes|example|examples|keyword args|note|notes|parameters|raises|references|return|returns"
    r"|see also|todo|warning|warnings|warns|yield|yields):\s*",
    re.IGNORECASE,
)
_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")


def describe(documented: Any) -> tuple[str, dict[str, str]]:
    """Return what a function or class is for, and what its parameters are, by name.

    What it is for is the text before the first section. Parameters that share a line are described together.
    """
    text = inspect.getdoc(documented) or ""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _SECTION.fullmatch(line)]
    summary = "\n".join(lines[: starts[0]] if starts else lines).strip()
    entries: dict[str, str] = {}
    for start, end in itertools.pairwise([*starts, len(lines)]):
        if lines[start].rstrip(": \t").lower() in _NAMED:
            entries.update(_entries(lines[start + 1 : end]))
    return summary, entries


def _entries(lines: list[str]) -> dict[str, str]:
    """Return the entries of a section; a line that is indented further goes on with the one before."""
    described: dict[str, list[str]] = {}
    current: list[str] = []
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    for line in lines:
        entry = _ENTRY.fullmatch(line[margin:]) if not line[margin : margin + 1].isspace() else None
        if entry is not None:
            current = [entry["text"]]
            described.update(dict.fromkeys((name.strip(" *") for name in entry["names"].split(",")), current))
        else:
            current.append(line.strip())
    return {name: " ".join(filter(None, pieces)) for name, pieces in described.items()}
