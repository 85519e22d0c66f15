"""The events a client sends. Wherever an object is expected, a mapping will do."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import KnownEvent, as_tuple
from realtime_sync.types._common import ResponsePrompt
from realtime_sync.types.responses._items import ResponseInputItem, ResponseOutputItem
from realtime_sync.types.responses._requests import (
    ResponsesClientEventContextManagement,
    ResponsesClientEventModeration,
    ResponsesClientEventPromptCacheOptions,
    ResponsesClientEventResponseCreateAccessPrograms,
    ResponsesClientEventResponseCreateConversation,
    ResponsesClientEventResponseCreateImage,
    ResponsesClientEventResponseCreateToolChoice,
    ResponsesClientEventStreamOptions,
)
from realtime_sync.types.responses._steering import ResponseSteerInputItemList
from realtime_sync.types.responses._text_format import Reasoning, ResponseTextConfig
from realtime_sync.types.responses._tools import Tool

__all__ = [
    "ClientEvent",
    "ResponseCreateEvent",
    "ResponseInjectEvent",
    "ResponseSteerEvent",
]


_Map: TypeAlias = Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCreateEvent(KnownEvent):
    """Ask for a response; ``response.created`` to ``response.completed`` (or ``failed``, ``incomplete``) follow."""

    type: ClassVar[Literal["response.create"]] = "response.create"
    access_programs: ResponsesClientEventResponseCreateAccessPrograms | _Map | NotGiven = NOT_GIVEN
    context_management: tuple[ResponsesClientEventContextManagement | _Map, ...] | None | NotGiven = field(
        default=NOT_GIVEN, converter=as_tuple
    )
    conversation: ResponsesClientEventResponseCreateConversation | _Map | None | NotGiven = NOT_GIVEN
    generate: bool | NotGiven = NOT_GIVEN
    """False: warm up only, and return an id to go on from."""
    image: ResponsesClientEventResponseCreateImage | _Map | NotGiven = NOT_GIVEN
    include: tuple[str, ...] | None | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    """``file_search_call.results``, ``web_search_call.results``, ``web_search_call.action.sources`` and others."""
    input: str | tuple[ResponseInputItem | ResponseOutputItem | _Map, ...] | NotGiven = field(
        default=NOT_GIVEN, converter=as_tuple
    )
    """Text, or items; those of an earlier response will do."""
    instructions: str | None | NotGiven = NOT_GIVEN
    max_output_tokens: int | None | NotGiven = NOT_GIVEN
    max_tool_calls: int | None | NotGiven = NOT_GIVEN
    metadata: _Map | None | NotGiven = NOT_GIVEN
    """Up to 16 pairs of strings, which come back with the response."""
    model: str | NotGiven = NOT_GIVEN
    """``gpt-6-astra``, ``gpt-6.1-sol``, ``gpt-6.1-terra`` and others."""
    moderation: ResponsesClientEventModeration | _Map | None | NotGiven = NOT_GIVEN
    parallel_tool_calls: bool | None | NotGiven = NOT_GIVEN
    previous_response_id: str | None | NotGiven = NOT_GIVEN
    """The response to go on from; not together with ``conversation``."""
    prompt: ResponsePrompt | _Map | None | NotGiven = NOT_GIVEN
    prompt_cache_key: str | None | NotGiven = NOT_GIVEN
    prompt_cache_options: ResponsesClientEventPromptCacheOptions | _Map | NotGiven = NOT_GIVEN
    prompt_cache_retention: str | None | NotGiven = NOT_GIVEN
    """``in_memory`` or ``24h``."""
    reasoning: Reasoning | _Map | None | NotGiven = NOT_GIVEN
    safety_identifier: str | None | NotGiven = NOT_GIVEN
    service_tier: str | None | NotGiven = NOT_GIVEN
    """``auto``, ``default``, ``flex``, ``scale``, ``priority``, ``fast`` or ``ultrafast``."""
    store: bool | None | NotGiven = NOT_GIVEN
    """None, as when not given: true."""
    stream_id: str | NotGiven = NOT_GIVEN
    """The lane: 1 to 256 letters, digits, ``_``, ``.``, ``-``; not given: the default one."""
    stream_options: ResponsesClientEventStreamOptions | _Map | None | NotGiven = NOT_GIVEN
    temperature: float | None | NotGiven = NOT_GIVEN
    """0 to 2."""
    text: ResponseTextConfig | _Map | NotGiven = NOT_GIVEN
    tool_choice: ResponsesClientEventResponseCreateToolChoice | _Map | NotGiven = NOT_GIVEN
    tools: tuple[Tool | _Map, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    top_logprobs: int | None | NotGiven = NOT_GIVEN
    top_p: float | None | NotGiven = NOT_GIVEN
    """0 to 1."""
    truncation: str | None | NotGiven = NOT_GIVEN
    """``auto`` or ``disabled``."""
    user: str | NotGiven = NOT_GIVEN
    multi_agent: _Map | NotGiven = NOT_GIVEN
    """For the multi-agent beta."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerEvent(KnownEvent):
    """Give a running response something more; answered by ``response.steer.accepted`` or ``.failed``."""

    type: ClassVar[Literal["response.steer"]] = "response.steer"
    input: str | tuple[ResponseSteerInputItemList | _Map, ...] = field(converter=as_tuple)
    """Text, or messages of the user."""
    previous_response_id: str
    """The running response."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInjectEvent(KnownEvent):
    """Give a running response the outputs of its calls (multi-agent beta); answered by ``response.inject.*``."""

    type: ClassVar[Literal["response.inject"]] = "response.inject"
    response_id: str
    input: tuple[ResponseInputItem | ResponseOutputItem | _Map, ...] = field(converter=as_tuple)


ClientEvent: TypeAlias = ResponseCreateEvent | ResponseSteerEvent | ResponseInjectEvent
"""Every event a client can send."""
