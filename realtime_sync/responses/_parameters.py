"""What a request for a response may hold: its keywords, their checks, and the body made of them.

The keywords are the fields of the API's request, in WebSocket mode as over HTTP, under the wire's names (API reference
of ``response.create``, checked November 2026). What only one of the two ways knows is that way's own business:
``generate`` and ``stream_id`` here, ``background`` and ``stream`` there.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypedDict

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import LocalProtocolError
from realtime_sync.types import UnknownObject, WireObject
from realtime_sync.wire import client_fields, to_wire

if TYPE_CHECKING:
    from typing import TypeAlias

    from realtime_sync.types import responses as wire

    Map: TypeAlias = Mapping[str, Any]
    Item: TypeAlias = WireObject | UnknownObject | Map
    Input: TypeAlias = str | Item | Iterable[Item]
    """What is asked: text, one item, or several; items of an earlier response will do."""

__all__ = [
    "CREATE",
    "CreateDefaults",
    "CreateParameters",
    "RequestFields",
    "create_body",
    "decimals",
    "make_whole",
    "refuse_unsupported",
]

CREATE: Final = "response.create"

HTTP_ONLY: Final = ("stream", "background")
"""In WebSocket mode everything streams and nothing runs in the background (API guide, checked November 2026)."""

_FRACTIONS: Final = ("temperature", "top_p")


class RequestFields(TypedDict, total=False):
    """The fields of a request that mean the same whoever asks; as for `CreateParameters`."""

    tool_choice: wire.ResponsesClientEventResponseCreateToolChoice | Map | NotGiven
    parallel_tool_calls: bool | NotGiven | None
    max_tool_calls: int | NotGiven | None
    text: wire.ResponseTextConfig | Map | NotGiven
    reasoning: wire.Reasoning | Map | NotGiven | None
    temperature: float | NotGiven | None
    top_p: float | NotGiven | None
    top_logprobs: int | NotGiven | None
    max_output_tokens: int | NotGiven | None
    truncation: str | NotGiven | None
    include: Iterable[str] | NotGiven | None
    metadata: Mapping[str, str] | NotGiven | None
    prompt: wire.ResponsePrompt | Map | NotGiven | None
    context_management: Iterable[wire.ResponsesClientEventContextManagement | Map] | NotGiven | None
    service_tier: str | NotGiven | None
    stream_options: wire.ResponsesClientEventStreamOptions | Map | NotGiven | None
    prompt_cache_key: str | NotGiven | None
    prompt_cache_options: wire.ResponsesClientEventPromptCacheOptions | Map | NotGiven
    prompt_cache_retention: str | NotGiven | None
    safety_identifier: str | NotGiven | None
    moderation: wire.ResponsesClientEventModeration | Map | NotGiven | None
    access_programs: wire.ResponsesClientEventResponseCreateAccessPrograms | Map | NotGiven
    image: wire.ResponsesClientEventResponseCreateImage | Map | NotGiven
    multi_agent: Map | NotGiven
    user: str | NotGiven


class CreateDefaults(RequestFields, total=False):
    """The keywords of a request, but for the model; as for `CreateParameters`."""

    input: Input | NotGiven
    instructions: str | NotGiven | None
    previous_response_id: str | NotGiven | None
    conversation: str | wire.ResponseConversationParam | Map | NotGiven | None
    tools: Iterable[wire.Tool | Map] | NotGiven
    store: bool | NotGiven | None


class CreateParameters(CreateDefaults, total=False):
    """The keywords of a request. `NOT_GIVEN` is the same as leaving one out; None goes out as null."""

    model: str | NotGiven


KEYWORDS: Final = frozenset(CreateParameters.__annotations__)


def create_body(
    given: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] | None = None,
    extra_body: Mapping[str, Any] | None = None,
    also: frozenset[str] = frozenset(),
    function: str = "create",
) -> dict[str, Any]:
    """Return the body of a request, as JSON values, without a ``type``.

    Args:
        given: the caller's keywords.
        defaults: what holds where `given` says nothing; checked in the same way. (A `NOT_GIVEN` says nothing, a None
            does.)
        extra_body: fields that this library does not know, or that shall replace those it knows.
        also: keywords beside those of `CreateParameters` that this way of asking has.
        function: what was called, for the message.

    Raises:
        TypeError: there is no such keyword; the message has the nearest, if any.
        LocalProtocolError: a value cannot be sent, or two exclude each other.
    """
    check_keywords(given, also=also, function=function)
    merged = {**(defaults or {}), **{name: value for name, value in given.items() if value is not NOT_GIVEN}}
    make_whole(merged)
    if "input" in merged:
        merged["input"] = _items(merged["input"])
    body = _encoded(merged)
    if extra_body is not None:
        if not isinstance(extra_body, Mapping) or "type" in extra_body:
            msg = "extra_body is a mapping of the fields, without a 'type', to send beside the others"
            raise LocalProtocolError(msg)
        body.update(to_wire({**extra_body, "type": CREATE}))
        del body["type"]
    if body.get("previous_response_id") is not None and body.get("conversation") is not None:
        msg = "previous_response_id and conversation exclude each other: both say what to go on from"
        raise LocalProtocolError(msg)
    make_whole(body)
    return body


def check_keywords(given: Mapping[str, Any], *, also: frozenset[str] = frozenset(), function: str = "create") -> None:
    """Raise a `TypeError` for a keyword that no request has, as Python itself would, with the nearest that there is."""
    for name in given:
        if name in KEYWORDS or name in also:
            continue
        if name in HTTP_ONLY:
            raise _unsupported(name)
        nearest = difflib.get_close_matches(name, sorted(KEYWORDS | also), n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        msg = (
            f"{function}() got an unexpected keyword argument {name!r}{hint} "
            "(what this library does not know goes in extra_body)"
        )
        raise TypeError(msg)


def refuse_unsupported(body: Mapping[str, Any]) -> None:
    """Raise a `LocalProtocolError` for a field that WebSocket mode does not have."""
    for name in HTTP_ONLY:
        if name in body:
            raise _unsupported(name)


def make_whole(body: dict[str, Any]) -> None:
    """Have whole numbers go out as such: ``1.0`` as ``1``.

    A fraction where the API takes one, a temperature of 0.7 say, goes out as given; but there have been servers that
    close the connection without a word on it (reported March 2026), and none that refuses a whole number.
    """
    for name, value in body.items():
        if value.__class__ is float and value.is_integer():
            body[name] = int(value)


def decimals(body: Mapping[str, Any]) -> list[str]:
    """Return which fields of a body hold a fraction that some servers cannot bear: see `make_whole`."""
    return [name for name in _FRACTIONS if isinstance(body.get(name), float)]


def _unsupported(name: str) -> LocalProtocolError:
    why = {
        "stream": "every response streams in WebSocket mode: use stream() to see its events, create() to wait for it",
        "background": "nothing runs in the background in WebSocket mode: use client.responses.create over HTTP",
    }[name]
    return LocalProtocolError(f"{name} cannot be given: {why}")


def _items(given: Any) -> Any:
    """Return what is asked as the wire has it: text as it is, one item as a list of it."""
    return (given,) if isinstance(given, Mapping | WireObject | UnknownObject) else given


def _encoded(merged: Mapping[str, Any]) -> dict[str, Any]:
    from realtime_sync.types.responses import ResponseCreateEvent  # noqa: PLC0415  (the catalogue loads on first use)

    known = client_fields("responses")[CREATE]
    event = ResponseCreateEvent(**{name: value for name, value in merged.items() if name in known})
    others = {name: value for name, value in merged.items() if name not in known}
    body = {**to_wire(event), **to_wire({**others, "type": CREATE})}
    del body["type"]
    return body
