"""Answers as instances of a class: the JSON schema that is asked for, and the instance made of the answer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from realtime_sync.errors import ConfigurationError, OutputInvalid, OutputRefused, ToolError
from realtime_sync.tools import schema_of
from realtime_sync.tools._docstring import describe
from realtime_sync.types.responses import Response, ResponseOutputMessage, ResponseOutputRefusal
from realtime_sync.wire import json, value_maker

__all__ = ["AnswerFormat"]

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64


@frozen(eq=False)
class AnswerFormat:
    """The form of an answer: that of a class.

    Attributes:
        format: what goes into ``text.format`` of the request.
    """

    format: dict[str, Any]
    _make: Callable[[Any], Any] = field(repr=False)

    @classmethod
    def of(cls, answer: Any) -> AnswerFormat:
        """Return the form of an attrs class, a dataclass or a TypedDict.

        Raises:
            ConfigurationError: the class has no JSON schema that the API's strict mode takes.
        """
        name = getattr(answer, "__name__", None)
        if not isinstance(answer, type) or name is None:
            msg = f"parse takes an attrs class, a dataclass or a TypedDict; got {answer!r}"
            raise ConfigurationError(msg)
        try:
            schema = schema_of(answer, name, strict=True)
            make = value_maker(answer)
        except (ToolError, TypeError, RecursionError) as error:
            msg = f"no JSON schema for parse={name}: {error}"
            raise ConfigurationError(msg) from error
        if "$ref" in schema:  # A class that contains itself; the API wants the object itself at the top.
            definitions = schema["$defs"]
            schema = {**definitions[schema["$ref"].rpartition("/")[2]], "$defs": definitions}
        if schema.get("type") != "object" or "properties" not in schema:
            msg = f"parse takes an attrs class, a dataclass or a TypedDict; {name} is none"
            raise ConfigurationError(msg)
        made = {"type": "json_schema", "name": _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME], "schema": schema}
        text = describe(answer)[0]
        if text and not (dataclasses.is_dataclass(answer) and text.startswith(f"{name}(")):  # Python's own words.
            made["description"] = text
        return cls({**made, "strict": True}, make)

    def instance(self, response: Response) -> Any:
        """Return the instance that a response tells.

        Raises:
            OutputRefused: the model would not answer.
            OutputInvalid: the answer is not JSON, or does not fit the class; cut off, perhaps.
        """
        refusals = [part.refusal or "" for part in _parts(response) if isinstance(part, ResponseOutputRefusal)]
        if refusals:
            refusal = "".join(refusals)
            msg = f"the model refused: {refusal}"
            raise OutputRefused(msg, refusal=refusal, text=response.output_text, response=response)
        text = response.output_text
        try:
            return self._make(json.loads(text))
        except (ValueError, RecursionError) as error:
            msg = f"the answer does not fit {self.format['name']}: {error}{_hint(response)}"
            raise OutputInvalid(msg, text=text, response=response) from error


def _parts(response: Response) -> list[Any]:
    messages = (item for item in response.output or () if isinstance(item, ResponseOutputMessage))
    return [part for message in messages for part in message.content or ()]


def _hint(response: Response) -> str:
    """Say why an answer may not be whole."""
    if response.status != "incomplete":
        return " (the model called functions)" if response.function_calls and not response.output_text else ""
    reason = response.incomplete_details.reason if response.incomplete_details is not None else None
    return f" (the response is incomplete: {reason})"
