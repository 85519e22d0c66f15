"""What the verbs over HTTP have in common: calls made of their keywords."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from realtime_sync.client._http import Call, Repeats, body_of, call_options, listed
from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import LocalProtocolError
from realtime_sync.types import UnknownObject, WireObject

__all__ = ["names", "one_or_many", "reading", "with_body"]


def reading(path: str, query: Mapping[str, Any], options: Mapping[str, Any], function: str) -> Call:
    """Return the call that reads something.

    Raises:
        LocalProtocolError: with `extra_body`, which it has no place for.
        TypeError: there is no such option.
    """
    checked = call_options(options, function)
    if checked.get("extra_body"):
        msg = f"{function} has no body that extra_body could be part of"
        raise LocalProtocolError(msg)
    given = {name: value for name, value in query.items() if value is not NOT_GIVEN}
    return Call(method="GET", path=path, query=given, repeats=Repeats.ALWAYS).with_options(checked)


def with_body(call: Call, options: Mapping[str, Any], function: str, fields: Mapping[str, Any] | None = None) -> Call:
    """Return the call with its body (none if there is nothing in it) and the options of its caller."""
    checked = call_options(options, function)
    body = body_of(fields or {}, checked)
    return evolve(call, body=body or None).with_options(checked)


def names(values: Iterable[str] | NotGiven, name: str) -> list[str] | NotGiven:
    """Return a list of texts, as given; what was not given, as it is.

    Raises:
        LocalProtocolError: it is none.
    """
    if isinstance(values, NotGiven):
        return values
    if isinstance(values, str) or not isinstance(values, Iterable):
        msg = f"{name} is a list of texts, not {values!r}"
        raise LocalProtocolError(msg)
    return list(values)


def one_or_many(given: Any) -> Any:
    """Return what is asked as the wire has it: text as it is, one item as a list of it."""
    if isinstance(given, str | NotGiven) or given is None:
        return given
    return (given,) if isinstance(given, Mapping | WireObject | UnknownObject) else listed(given, "input")
