"""Values that fit a JSON schema: how the rules answer when a client asks for structured output."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

__all__ = ["fitting"]

_MAX_DEPTH = 12
"""A schema that refers to itself is followed so far."""
_FORMATS = {
    "date-time": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
}


def fitting(schema: Mapping[str, Any], text: str) -> Any:
    """Return a value that fits `schema`, as far as its keywords are those of structured output.

    JSON in `text` is taken if it has every required key of an object; otherwise texts are filled with its words and
    numbers with its numbers, in order.
    """
    given = _given(schema, text)
    return (
        _Filler(schema, text, iter(re.findall(r"-?\d+(?:\.\d+)?", text))).value(schema, 0) if given is None else given
    )


def _given(schema: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        value = json.loads(found[0]) if found else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and set(schema.get("required") or ()) <= value.keys() else None


@define(eq=False)
class _Filler:
    _root: Mapping[str, Any]
    _text: str
    _numbers: Iterator[str]
    _kinds: dict[str, Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._kinds = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda *_: True,
            "null": lambda *_: None,
        }

    def value(self, schema: Any, depth: int) -> Any:
        """Return a value that fits this part of the schema; at the greatest depth the shortest one."""
        if not isinstance(schema, Mapping):
            return self._text
        if "$ref" in schema:
            return self.value(self._referred(str(schema["$ref"])), depth + 1) if depth < 2 * _MAX_DEPTH else None
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            said = self._text.lower()
            return next((each for each in schema["enum"] if str(each).lower() in said), schema["enum"][0])
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if choices:
            return self.value(self._chosen(choices, depth), depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = "null" if "null" in kind and depth >= _MAX_DEPTH else next(iter(kind), "null")
        return self._kinds.get(kind, self._string)(schema, depth)

    def _referred(self, pointer: str) -> Any:
        found: Any = self._root
        for step in filter(None, pointer.removeprefix("#").split("/")):
            found = found.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, Mapping) else {}
        return found

    def _chosen(self, choices: list[Any], depth: int) -> Any:
        if depth >= _MAX_DEPTH:
            ends = [each for each in choices if isinstance(each, Mapping) and each.get("type") == "null"]
            return (ends or choices)[-1]
        return choices[0]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        names = properties if depth < _MAX_DEPTH else schema.get("required") or ()
        return {name: self.value(properties.get(name, {}), depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least = int(schema.get("minItems") or 0)
        count = least if depth >= _MAX_DEPTH else max(least, min(1, int(schema.get("maxItems", 1))))
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]

    def _string(self, schema: Mapping[str, Any], _: int) -> str:
        words = _FORMATS.get(str(schema.get("format")), self._text)
        words = words.ljust(int(schema.get("minLength") or 0), ".")
        return words[: schema["maxLength"]] if isinstance(schema.get("maxLength"), int) else words

    def _integer(self, schema: Mapping[str, Any], depth: int) -> int:
        return int(self._number(schema, depth))

    def _number(self, schema: Mapping[str, Any], _: int) -> float:
        value = float(next(self._numbers, "1"))
        low = schema.get("minimum", _beyond(schema.get("exclusiveMinimum"), 1))
        high = schema.get("maximum", _beyond(schema.get("exclusiveMaximum"), -1))
        value = value if high is None else min(value, high)
        value = value if low is None else max(value, low)
        step = schema.get("multipleOf")
        return value // step * step if step else value


def _beyond(limit: float | None, step: int) -> float | None:
    return None if limit is None else limit + step
