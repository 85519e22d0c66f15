"""Values of the users' own types, made of JSON and turned into it. The converter loads with the first of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["to_plain", "value_maker"]


def value_maker(annotation: Any) -> Callable[[Any], Any]:
    """Return the function that makes a value of a type out of decoded JSON; it raises `ValueError`, naming all faults.

    Strictly: nothing is turned into something of another kind, nothing may be missing or left over.

    Args:
        annotation: of what JSON has, enums, TypedDicts, attrs classes and dataclasses.
    """
    # Here, because importing the library need not wait for cattrs; as below.
    from realtime_sync.wire import _converter  # noqa: PLC0415

    return _converter.value_maker(annotation)


def to_plain(value: Any) -> Any:
    """Return a value with every enum, set, attrs class, dataclass and object of the wire in it as JSON has it.

    What JSON does not have stays as it is.
    """
    from realtime_sync.wire import _converter  # noqa: PLC0415

    return _converter.to_plain(value)
