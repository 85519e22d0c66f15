"""Checks for JSON values that clients send: small functions that return the value or raise the API's error.

A check takes the value and its path (``session.audio.input.format``) and returns the value to keep, with
defaults filled in. Containers of checks are checks, so a whole request body is described by one expression.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from typing import Any

from realtime_sync.server._problem import Problem, invalid, missing, unknown

__all__ = [
    "Check",
    "anything",
    "array",
    "base64_bytes",
    "boolean",
    "either",
    "integer",
    "mapping",
    "nullable",
    "number",
    "one_of",
    "record",
    "tagged",
    "text",
]

Check = Callable[[Any, str], Any]

_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _wrong_type(path: str, expected: str, value: Any) -> Problem:
    found = _NAMES.get(type(value), type(value).__name__)
    return Problem(
        f"Invalid type for '{path}': expected {expected}, but got {found} instead.", code="invalid_type", param=path
    )


def anything(value: Any, path: str) -> Any:  # noqa: ARG001 - a check has this signature
    """Accept any JSON value."""
    return value


def boolean(value: Any, path: str) -> Any:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise _wrong_type(path, "a boolean", value)
    return value


def text(*, max_length: int | None = None, min_length: int = 0) -> Check:
    """Accept a string of `min_length` to `max_length` characters (None: any length)."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise _wrong_type(path, "a string", value)
        if len(value) < min_length:
            msg = f"Invalid '{path}': string too short. Expected at least {min_length} characters."
            raise Problem(msg, code="string_below_min_length", param=path)
        if max_length is not None and len(value) > max_length:
            msg = f"Invalid '{path}': string too long. Expected at most {max_length} characters, got {len(value)}."
            raise Problem(msg, code="string_above_max_length", param=path)
        return value

    return check


def base64_bytes(*, max_bytes: int | None = None) -> Check:
    """Accept base64 text and return its bytes."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise _wrong_type(path, "a base64 string", value)
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            msg = f"Invalid '{path}': expected base64-encoded bytes."
            raise invalid(msg, path) from None
        if max_bytes is not None and len(data) > max_bytes:
            msg = f"Invalid '{path}': {len(data)} bytes are more than the limit of {max_bytes}."
            raise Problem(msg, code="string_above_max_length", param=path)
        return data

    return check


def number(low: float | None = None, high: float | None = None) -> Check:
    """Accept a number from `low` to `high`, both included (None: no bound)."""

    def check(value: Any, path: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(path, "a number", value)
        return _in_range(value, path, "decimal", low, high)

    return check


def integer(low: int | None = None, high: int | None = None) -> Check:
    """Accept a whole number from `low` to `high`, both included (None: no bound)."""

    def check(value: Any, path: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong_type(path, "an integer", value)
        return _in_range(value, path, "integer", low, high)

    return check


def _in_range(value: float, path: str, kind: str, low: float | None, high: float | None) -> float:
    if low is not None and not value >= low:
        msg = f"Invalid '{path}': {kind} below minimum value. Expected a value >= {low}, but got {value} instead."
        raise Problem(msg, code=f"{kind}_below_min_value", param=path)
    if high is not None and not value <= high:
        msg = f"Invalid '{path}': {kind} above maximum value. Expected a value <= {high}, but got {value} instead."
        raise Problem(msg, code=f"{kind}_above_max_value", param=path)
    return value


def _quoted(values: Collection[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def one_of(*values: str) -> Check:
    """Accept one of these strings."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise _wrong_type(path, f"one of {_quoted(values)}", value)
        if value not in values:
            msg = f"Invalid value: '{value}'. Supported values are: {_quoted(values)}."
            raise invalid(msg, path)
        return value

    return check


def nullable(inner: Check) -> Check:
    """Accept null, or what `inner` accepts."""
    return lambda value, path: None if value is None else inner(value, path)


def either(**by_kind: Check) -> Check:
    """Choose the check by the JSON kind of the value: keywords `string`, `integer`, `object`, `array`."""
    kinds: dict[str, type] = {"string": str, "integer": int, "object": dict, "array": list}

    def check(value: Any, path: str) -> Any:
        for kind, inner in by_kind.items():
            if isinstance(value, kinds[kind]) and not isinstance(value, bool):
                return inner(value, path)
        raise _wrong_type(path, " or ".join(_NAMES[kinds[kind]] for kind in by_kind), value)

    return check


def array(inner: Check, *, min_items: int = 0, max_items: int | None = None) -> Check:
    """Accept an array whose every item `inner` accepts."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _wrong_type(path, "an array", value)
        if len(value) < min_items or (max_items is not None and len(value) > max_items):
            limits = f"at least {min_items}" + ("" if max_items is None else f" and at most {max_items}")
            msg = f"Invalid '{path}': expected an array with {limits} items, but got {len(value)}."
            raise invalid(msg, path)
        return [inner(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return check


def mapping(inner: Check = anything, *, max_items: int | None = None, max_key: int | None = None) -> Check:
    """Accept an object with keys of the client's choosing, whose every value `inner` accepts."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        if max_items is not None and len(value) > max_items:
            msg = f"Invalid '{path}': expected at most {max_items} keys, but got {len(value)}."
            raise Problem(msg, code="object_above_max_properties", param=path)
        for key in value:
            if max_key is not None and len(key) > max_key:
                msg = f"Invalid key in '{path}': expected at most {max_key} characters, but got {len(key)}."
                raise Problem(msg, code="string_above_max_length", param=path)
        return {key: inner(each, f"{path}.{key}") for key, each in value.items()}

    return check


def record(
    fields: Mapping[str, Check], *, required: Collection[str] = (), defaults: Mapping[str, Any] | None = None
) -> Check:
    """Accept an object with these fields and no others; `defaults` are filled in where a field is absent."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        prefix = f"{path}." if path else ""
        for key in value:
            if key not in fields:
                raise unknown(prefix + key)
        for key in required:
            if key not in value:
                raise missing(prefix + key)
        return {**(defaults or {}), **{key: fields[key](each, prefix + key) for key, each in value.items()}}

    return check


def tagged(key: str, kinds: Mapping[str, Check]) -> Check:
    """Choose the check of an object by the string under `key`."""
    tag_check = one_of(*kinds)

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object", value)
        tag_path = f"{path}.{key}"
        if key not in value:
            raise missing(tag_path)
        return kinds[tag_check(value[key], tag_path)](value, path)

    return check
