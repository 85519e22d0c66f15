"""The parameters of a function: their schema, and the arguments made of what a model sends."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints

import attrs
from attrs import field, frozen

from realtime_sync.errors import ToolError
from realtime_sync.tools._context import ToolContext
from realtime_sync.tools._schema import object_schema
from realtime_sync.wire import json, value_maker
from realtime_sync.wire._plain import bare, class_fields, is_union

__all__ = ["Signature"]


@frozen(kw_only=True, eq=False)
class Signature:
    """What a function takes.

    Attributes:
        schema: the JSON schema of its parameters, an object.
    """

    schema: Mapping[str, Any]
    _make: Callable[[Any], Any] = field(repr=False)
    """Makes an object with the arguments as its attributes; raises `ValueError`."""
    _names: tuple[str, ...]
    """Of the parameters that the model fills in."""
    _positional: tuple[str, ...]
    """Those that can only be given by their place, in order, the context's included."""
    _context: str | None
    """The parameter for the context."""

    @classmethod
    def of(cls, function: Callable[..., Any], descriptions: dict[str, str], name: str, *, strict: bool) -> Signature:
        """Read a function's signature.

        Args:
            function: a function, a method, a partial or an object that can be called.
            descriptions: of its parameters, for those whose annotation has none.
            name: what to call it in errors.
            strict: see `schema_of`.

        Raises:
            ToolError: a parameter has no type, or one without a schema.
        """
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            msg = f"{name} is a coroutine function; a tool is an ordinary one, and runs in a thread of its own"
            raise ToolError(msg, replay_safe=True)
        given = _parameters(function, name)
        hints = _hints(function, name)
        context = next((each for each in given if _is_context(hints.get(each))), None)
        taken = [each for each in given.values() if each.name != context]
        for each in taken:
            _check(each, hints, name)
        made = _class_of(taken, hints)
        try:
            schema = object_schema(class_fields(made), descriptions, "", strict=strict)
            make = value_maker(made)
        except ToolError as error:
            msg = f"{name}: parameter {error}"
            raise ToolError(msg, replay_safe=True) from error
        except (TypeError, RecursionError) as error:
            msg = f"{name}: its parameters have no schema: {error}"
            raise ToolError(msg, replay_safe=True) from error
        return cls(
            schema=schema,
            make=make,
            names=tuple(each.name for each in taken),
            positional=tuple(each.name for each in given.values() if each.kind is each.POSITIONAL_ONLY),
            context=context,
        )

    def bind(self, arguments: str, context: ToolContext) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and named arguments for a call.

        Args:
            arguments: JSON text; an empty one stands for no arguments.

        Raises:
            ValueError: the text is not JSON, or does not fit; the message says all that is wrong.
        """
        try:
            given = json.loads(arguments) if arguments.strip() else {}
        except ValueError as error:
            msg = f"the arguments are not valid JSON: {error}"
            raise ValueError(msg) from error
        made = self._make(given)
        values = {name: getattr(made, name) for name in self._names}
        if self._context is not None:
            values[self._context] = context
        return [values.pop(name) for name in self._positional], values


def _parameters(function: Callable[..., Any], name: str) -> Mapping[str, inspect.Parameter]:
    try:
        found = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        msg = f"{name} has no signature that could be read: {error}"
        raise ToolError(msg, replay_safe=True) from error
    # What a partial has filled in by name shows as a default. It is not the model's to see, nor to change.
    for filled in function.keywords if isinstance(function, functools.partial) else ():
        found.pop(filled, None)
    return found


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    target: Any = function.func if isinstance(function, functools.partial) else function
    if not inspect.isroutine(target):
        target = type(target).__call__
    try:
        return get_type_hints(inspect.unwrap(target), include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        msg = f"{name}: its annotations cannot be read, which takes names that its module has at run time: {error}"
        raise ToolError(msg, replay_safe=True) from error


def _is_context(annotation: Any) -> bool:
    kind = bare(annotation)
    return kind is ToolContext or (is_union(kind) and ToolContext in get_args(kind))


def _check(parameter: inspect.Parameter, hints: Mapping[str, Any], name: str) -> None:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        msg = f"{name}: parameter {parameter} takes any number of arguments, which no schema can say; use a list"
        raise ToolError(msg, replay_safe=True)
    if parameter.name not in hints:
        hint = "; for a method, make a tool of the bound one: tool(object.method)" if parameter.name == "self" else ""
        msg = f"{name}: parameter {parameter.name} has no type: annotate it{hint}"
        raise ToolError(msg, replay_safe=True)


def _class_of(parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> type:
    """Make a class with a field for each parameter, so that parameters are read and made as fields are."""

    def field_of(parameter: inspect.Parameter) -> Any:
        default = attrs.NOTHING if parameter.default is parameter.empty else parameter.default
        return attrs.field(type=hints[parameter.name], default=default, alias=parameter.name)

    return attrs.make_class("Arguments", {each.name: field_of(each) for each in parameters}, kw_only=True, eq=False)
