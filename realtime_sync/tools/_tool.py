"""`Tool`: a function that a model may call, and what the model is told about it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, overload

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import ToolError
from realtime_sync.tools._context import ToolContext
from realtime_sync.tools._docstring import describe
from realtime_sync.tools._signature import Signature
from realtime_sync.wire import json, to_plain

__all__ = ["Tool", "error_text", "result_text", "tool"]

logger = logging.getLogger("realtime_sync")

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What the API takes for a function's name (API reference, November 2026)."""


@frozen(kw_only=True, eq=False)
class Tool(Generic[P, R]):
    """A function with what a model is told about it. Made by `tool`; called like the function.

    Attributes:
        function: the function itself.
        name: what the model calls it.
        description: what it is for; may be empty.
        strict: whether its schema is one for the API's strict mode.
        timeout: seconds for one call; None: no limit; `NOT_GIVEN`: as the session has it.
    """

    function: Callable[P, R]
    name: str
    description: str
    strict: bool = False
    timeout: float | None | NotGiven = NOT_GIVEN
    _signature: Signature = field(repr=False)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON schema of the parameters, not to be changed."""
        return self._signature.schema

    def definition(self, *, with_strict: bool = False) -> dict[str, Any]:
        """Return the tool as the API wants it in ``tools``.

        Args:
            with_strict: add the field ``strict``, which the Responses API has and the Realtime API has not.
        """
        made: dict[str, Any] = {"type": "function", "name": self.name}
        if self.description:
            made["description"] = self.description
        made["parameters"] = self.parameters
        return {**made, "strict": self.strict} if with_strict else made

    def answer(self, arguments: str, context: ToolContext) -> tuple[str, bool]:
        """Call the function as a model asked for, and return the output for the model, and whether it is an error's.

        Whatever goes wrong becomes an output that says so, and is logged; nothing is raised.

        Args:
            arguments: JSON text.
        """
        try:
            args, kwargs = self._signature.bind(arguments, context)
        except (ValueError, RecursionError) as error:
            logger.warning("tool %s was called with arguments that do not fit: %s", self.name, error)
            return error_text(f"the arguments of {self.name} do not fit: {error}"), True
        try:
            return result_text(self.function(*args, **kwargs)), False
        except ToolError as error:
            logger.info("tool %s: %s", self.name, error)
            return error_text(str(error)), True
        except BaseException as error:  # A tool that exits must not take its thread along.
            logger.warning("tool %s raised", self.name, exc_info=True)
            return error_text(f"{type(error).__name__}: {error}"), True


def result_text(value: Any) -> str:
    """Return what a tool returned as the model gets it: text as it is, nothing as "", anything else as JSON.

    Raises:
        ToolError: JSON does not have the value.
    """
    try:
        plain = to_plain(value)
        if plain is None:
            return ""
        return plain if isinstance(plain, str) else json.dumps(plain)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"the result is none that can be written as JSON: {error}"
        raise ToolError(msg) from error


def error_text(message: str) -> str:
    """Return an error as the model gets it: a JSON object."""
    return json.dumps({"error": message})


@overload
def tool(
    function: Tool[P, R],
    *,
    name: str | None = ...,
    description: str | None = ...,
    strict: bool | None = ...,
    timeout: float | None | NotGiven = ...,
) -> Tool[P, R]: ...
@overload
def tool(
    function: Callable[P, R],
    *,
    name: str | None = ...,
    description: str | None = ...,
    strict: bool | None = ...,
    timeout: float | None | NotGiven = ...,
) -> Tool[P, R]: ...
@overload
def tool(
    function: None = ...,
    *,
    name: str | None = ...,
    description: str | None = ...,
    strict: bool | None = ...,
    timeout: float | None | NotGiven = ...,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
    timeout: float | None | NotGiven = NOT_GIVEN,
) -> Any:
    """Make a function one that a model can call: ``@tool``, ``@tool(timeout=5)`` or ``tool(function)``.

    The schema of its parameters comes from its type hints, their descriptions from ``Annotated[…, "text"]`` or the
    docstring (Google style). A parameter annotated `ToolContext` is filled in by the library. What the function returns
    is sent as text, or as JSON.

    Args:
        function: any but a coroutine function; a method has to be bound. Of a tool, another one with what else is given
            changed.
        name: for the model; None: the function's own.
        description: for the model; None: the docstring up to its first section.
        strict: make a schema for the API's strict mode: every parameter required, null for one that is left out. None:
            no.
        timeout: seconds for one call, after which the model is told that there is no result. None: no limit; left out:
            as the session has it.

    Raises:
        ToolError: a parameter has no type or one without a schema, or the name is none that the API takes.
    """
    if function is None:
        return lambda decorated: tool(decorated, name=name, description=description, strict=strict, timeout=timeout)
    if not callable(function):
        msg = f"a tool is a function; got {function!r}"
        raise ToolError(msg, replay_safe=True)
    given = function if isinstance(function, Tool) else None
    plain: Callable[..., Any] = function if given is None else given.function
    chosen = name or str(given.name if given is not None else getattr(plain, "__name__", ""))
    if not _NAME.fullmatch(chosen):
        msg = f"{chosen or plain!r} is no name for a tool: up to 64 of a-z, A-Z, 0-9, _ and -; give it one with name="
        raise ToolError(msg, replay_safe=True)
    summary, parameters = describe(plain if hasattr(plain, "__name__") else getattr(plain, "func", plain))
    if description is None:
        description = summary if given is None else str(given.description)
    if strict is None:
        strict = given is not None and given.strict
    signature = Signature.of(plain, parameters, chosen, strict=strict)
    seconds = given.timeout if isinstance(timeout, NotGiven) and given is not None else checked_timeout(timeout)
    made: Tool[..., Any] = Tool(
        function=plain, name=chosen, description=description, strict=strict, timeout=seconds, signature=signature
    )
    return made


def checked_timeout(seconds: float | None | NotGiven) -> float | None | NotGiven:
    """Return the seconds that one call may take.

    Raises:
        ToolError: they are no positive number.
    """
    if seconds is None or isinstance(seconds, NotGiven):
        return seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        msg = f"a tool's time-out is a number of seconds above 0, or None; got {seconds!r}"
        raise ToolError(msg, replay_safe=True)
    return float(seconds)
