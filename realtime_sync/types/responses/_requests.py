"""What a client asks for with a response. Wherever an object is expected, a mapping will do."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.types._common import ToolChoiceFunction, ToolChoiceMcp
from realtime_sync.types.responses._items import ResponseInputItem, ResponseOutputItem
from realtime_sync.types.responses._text_format import Reasoning, ResponseFormatTextConfig
from realtime_sync.types.responses._tool_choice import (
    ToolChoiceAllowed,
    ToolChoiceApplyPatch,
    ToolChoiceCustom,
    ToolChoiceShell,
    ToolChoiceTypes,
)
from realtime_sync.types.responses._tools import Tool, ToolProgrammaticToolCalling

__all__ = [
    "InputTokenCountParams",
    "InputTokenCountParamsConversation",
    "InputTokenCountParamsText",
    "InputTokenCountParamsToolChoice",
    "ResponseCompactParams",
    "ResponseCompactParamsImage",
    "ResponseCompactParamsPromptCacheOptions",
    "ResponseConversationParam",
    "ResponsesClientEventContextManagement",
    "ResponsesClientEventModeration",
    "ResponsesClientEventModerationPolicy",
    "ResponsesClientEventModerationPolicyInput",
    "ResponsesClientEventModerationPolicyMode",
    "ResponsesClientEventModerationPolicyOutput",
    "ResponsesClientEventPromptCacheOptions",
    "ResponsesClientEventResponseCreateAccessPrograms",
    "ResponsesClientEventResponseCreateConversation",
    "ResponsesClientEventResponseCreateImage",
    "ResponsesClientEventResponseCreateToolChoice",
    "ResponsesClientEventStreamOptions",
]


_Map: TypeAlias = Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseConversationParam(WireObject):
    """The conversation to go on with."""

    id: str


ResponsesClientEventResponseCreateConversation: TypeAlias = str | ResponseConversationParam
"""The conversation to go on with: its id, alone or in an object."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventContextManagement(WireObject):
    """When the server compacts the context by itself."""

    type: str
    """``compaction``."""
    compact_threshold: int | None | NotGiven = NOT_GIVEN
    """Tokens, at least 1000."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventModerationPolicyMode(WireObject):
    """What the moderation does: ``score`` or ``block``."""

    mode: str
    """``score`` or ``block``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventModerationPolicy(WireObject):
    """What the moderation does with input and output."""

    input: ResponsesClientEventModerationPolicyMode | _Map | None | NotGiven = NOT_GIVEN
    output: ResponsesClientEventModerationPolicyMode | _Map | None | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventModeration(WireObject):
    """The moderation to use."""

    model: str
    policy: ResponsesClientEventModerationPolicy | _Map | None | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventPromptCacheOptions(WireObject):
    """How to use the prompt cache."""

    comparison_response_id: str | None | NotGiven = NOT_GIVEN
    mode: str | NotGiven = NOT_GIVEN
    """``implicit`` or ``explicit``."""
    prewarm: bool | NotGiven = NOT_GIVEN
    ttl: str | NotGiven = NOT_GIVEN
    """``30m`` or ``12h``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventResponseCreateAccessPrograms(WireObject):
    """The access programmes to use."""

    cyber: str | NotGiven = NOT_GIVEN
    """``standard``, ``daybreak_blue`` or ``daybreak_red``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventResponseCreateImage(WireObject):
    """How to treat images."""

    context_compression: str | NotGiven = NOT_GIVEN
    """``auto``, ``enabled`` or ``disabled``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesClientEventStreamOptions(WireObject):
    """What the stream of events holds."""

    include_obfuscation: bool | NotGiven = NOT_GIVEN


ResponsesClientEventResponseCreateToolChoice: TypeAlias = (
    str
    | ToolChoiceAllowed
    | ToolChoiceTypes
    | ToolChoiceFunction
    | ToolChoiceMcp
    | ToolChoiceCustom
    | ToolProgrammaticToolCalling
    | ToolChoiceApplyPatch
    | ToolChoiceShell
)
"""The choice of tools: ``none``, ``auto``, ``required`` or an object."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCompactParamsPromptCacheOptions(WireObject):
    """How a compaction uses the prompt cache."""

    mode: str | NotGiven = NOT_GIVEN
    """``implicit`` or ``explicit``."""
    ttl: str | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCompactParams(WireObject):
    """The body of a request to compact a conversation, over HTTP."""

    model: str | None
    """``gpt-6-astra``, ``gpt-6.1-sol``, ``gpt-6.1-terra`` and others."""
    image: ResponsesClientEventResponseCreateImage | _Map | NotGiven = NOT_GIVEN
    input: str | tuple[ResponseInputItem | ResponseOutputItem | _Map, ...] | None | NotGiven = field(
        default=NOT_GIVEN, converter=as_tuple
    )
    instructions: str | None | NotGiven = NOT_GIVEN
    previous_response_id: str | None | NotGiven = NOT_GIVEN
    prompt_cache_key: str | None | NotGiven = NOT_GIVEN
    prompt_cache_options: ResponseCompactParamsPromptCacheOptions | _Map | None | NotGiven = NOT_GIVEN
    prompt_cache_retention: str | None | NotGiven = NOT_GIVEN
    """``in_memory`` or ``24h``."""
    service_tier: str | None | NotGiven = NOT_GIVEN
    """``auto``, ``default``, ``fast``, ``flex`` or ``priority``."""


@frozen(kw_only=True, eq=False, repr=False)
class InputTokenCountParamsText(WireObject):
    """The form of the answer whose input is counted."""

    format: ResponseFormatTextConfig | _Map | NotGiven = NOT_GIVEN
    verbosity: str | None | NotGiven = NOT_GIVEN
    """``low``, ``medium`` or ``high``."""


@frozen(kw_only=True, eq=False, repr=False)
class InputTokenCountParams(WireObject):
    """The body of a request to count the tokens of an input, over HTTP."""

    conversation: ResponsesClientEventResponseCreateConversation | _Map | None | NotGiven = NOT_GIVEN
    input: str | tuple[ResponseInputItem | ResponseOutputItem | _Map, ...] | None | NotGiven = field(
        default=NOT_GIVEN, converter=as_tuple
    )
    instructions: str | None | NotGiven = NOT_GIVEN
    model: str | None | NotGiven = NOT_GIVEN
    parallel_tool_calls: bool | None | NotGiven = NOT_GIVEN
    personality: str | NotGiven = NOT_GIVEN
    """``friendly`` or ``pragmatic``."""
    previous_response_id: str | None | NotGiven = NOT_GIVEN
    reasoning: Reasoning | _Map | None | NotGiven = NOT_GIVEN
    text: InputTokenCountParamsText | _Map | None | NotGiven = NOT_GIVEN
    tool_choice: ResponsesClientEventResponseCreateToolChoice | _Map | None | NotGiven = NOT_GIVEN
    tools: tuple[Tool | _Map, ...] | None | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    truncation: str | NotGiven = NOT_GIVEN
    """``auto`` or ``disabled``."""


# The official SDK has a name for each place where one of these can stand.
InputTokenCountParamsConversation: TypeAlias = ResponsesClientEventResponseCreateConversation
ResponsesClientEventModerationPolicyInput: TypeAlias = ResponsesClientEventModerationPolicyMode
ResponsesClientEventModerationPolicyOutput: TypeAlias = ResponsesClientEventModerationPolicyMode
ResponseCompactParamsImage: TypeAlias = ResponsesClientEventResponseCreateImage
InputTokenCountParamsToolChoice: TypeAlias = ResponsesClientEventResponseCreateToolChoice
