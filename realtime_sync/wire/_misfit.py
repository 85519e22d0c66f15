"""The one exception of structuring: a value that does not fit its field, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Misfit", "misfit", "name_of", "path_text"]

_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a fraction",
    bool: "true or false",
    type(None): "null",
    list: "a list",
    dict: "an object",
}


def name_of(value: Any) -> str:
    """Say in words what kind of JSON value this is; never the value itself, which may be a secret."""
    return _NAMES.get(type(value), type(value).__name__)


def path_text(path: tuple[str | int, ...]) -> str:
    """Write a path out, as in ``item.content[0].text``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


class Misfit(ValueError):
    """A value that does not fit. It never reaches a user: what does is a `DecodeError`.

    Attributes:
        path: names and indexes from the outermost object to the value; grows outwards as the error rises.
    """

    def __init__(self, expected: str, value: Any, *, found: str | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found or name_of(value)
        self.path: tuple[str | int, ...] = ()

    def inside(self, step: str | int) -> None:
        """Record that the value stands in this field, or at this place of a list."""
        self.path = (step, *self.path)

    def __str__(self) -> str:
        where = path_text(self.path)
        return f"{where}: expected {self.expected}, found {self.found}" if where else f"found {self.found}"


def misfit(raw: Mapping[str, Any], name: str, expected: str) -> Misfit:
    """Return the error for one field of an object."""
    error = Misfit(expected, raw.get(name), found=None if name in raw else "nothing")
    error.inside(name)
    return error
