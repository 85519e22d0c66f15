"""The response object, and what it carries besides its items."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UnknownObject, WireObject, as_tuple
from realtime_sync.types._common import ResponsePrompt, Timestamp
from realtime_sync.types.responses._content import ResponseOutputText
from realtime_sync.types.responses._function_calls import ResponseFunctionToolCall
from realtime_sync.types.responses._items import ResponseInputItem, ResponseOutputItem, ResponseOutputMessage
from realtime_sync.types.responses._text_format import Reasoning, ResponseTextConfig
from realtime_sync.types.responses._tool_choice import ResponseToolChoice
from realtime_sync.types.responses._tools import Tool
from realtime_sync.types.responses._usage import ResponseToolUsage, ResponseUsage

__all__ = [
    "CompactedResponseImage",
    "Response",
    "ResponseAccessPrograms",
    "ResponseConversation",
    "ResponseError",
    "ResponseErrorMisalignment",
    "ResponseErrorMisalignmentSteer",
    "ResponseImage",
    "ResponseIncompleteDetails",
    "ResponseInputTransformation",
    "ResponseModeration",
    "ResponseModerationInput",
    "ResponseModerationInputError",
    "ResponseModerationInputModerationResult",
    "ResponseModerationOutput",
    "ResponseModerationOutputError",
    "ResponseModerationOutputModerationResult",
    "ResponsePromptCacheDiagnostics",
    "ResponsePromptCacheDiagnosticsCacheHit",
    "ResponsePromptCacheDiagnosticsCacheMiss",
    "ResponsePromptCacheDiagnosticsComparisonResponseNotFound",
    "ResponsePromptCacheDiagnosticsUnavailable",
    "ResponsePromptCacheOptions",
    "ResponsesServerEventResponseWsErrorErrorMisalignment",
    "ResponsesServerEventResponseWsErrorErrorMisalignmentSteer",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseErrorMisalignmentSteer(WireObject):
    """What was said to the model when it went astray."""

    message: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseErrorMisalignment(WireObject):
    """How a model went astray."""

    detailed_explanation: str | None = None
    error_type: str | None = None
    """``potentially_unintended_data_transfer``, ``potentially_unintended_data_access`` and others."""
    review_target: str | None = None
    steer: ResponseErrorMisalignmentSteer | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseError(WireObject):
    """Why a response failed."""

    type: str | None = None
    code: str | None = None
    """``server_error``, ``rate_limit_exceeded``, ``invalid_prompt`` and others."""
    message: str | None = None
    misalignment: ResponseErrorMisalignment | None = None
    param: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseIncompleteDetails(WireObject):
    """Why a response ended early."""

    reason: str | None = None
    """``max_output_tokens``, ``max_messages``, ``content_filter`` or ``steered``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAccessPrograms(WireObject):
    """The access programmes in force."""

    cyber: str | None = None
    """``standard``, ``daybreak_blue`` or ``daybreak_red``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseConversation(WireObject):
    """The conversation that a response belongs to."""

    id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseImage(WireObject):
    """How images are treated."""

    context_compression: str | None = None
    """``enabled`` or ``disabled``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputTransformation(WireObject):
    """A change that the server made to the input."""

    type: str | None = None
    id: str | None = None
    action: str | None = None
    reason: str | None = None
    """``organization_mismatch``, ``end_user_mismatch``, ``model_mismatch`` and others."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseModerationInputModerationResult(WireObject):
    """What the moderation found."""

    type: ClassVar[Literal["moderation_result"]] = "moderation_result"
    categories: Mapping[str, Any] | None = None
    category_applied_input_types: Mapping[str, Any] | None = None
    category_scores: Mapping[str, Any] | None = None
    flagged: bool | None = None
    model: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseModerationInputError(WireObject):
    """Why the moderation failed."""

    type: ClassVar[Literal["error"]] = "error"
    code: str | None = None
    message: str | None = None


ResponseModerationInput: TypeAlias = (
    ResponseModerationInputModerationResult | ResponseModerationInputError | UnknownObject
)
"""What came of a moderation, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseModeration(WireObject):
    """What came of the moderation of a response."""

    input: ResponseModerationInput | None = None
    output: ResponseModerationInput | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponsePromptCacheDiagnosticsCacheHit(WireObject):
    """The prompt cache was used."""

    type: ClassVar[Literal["cache_hit"]] = "cache_hit"


@frozen(kw_only=True, eq=False, repr=False)
class ResponsePromptCacheDiagnosticsCacheMiss(WireObject):
    """The prompt cache could not be used, and why."""

    type: ClassVar[Literal["cache_miss"]] = "cache_miss"
    cache_missed_tokens: int | None = None
    reason: str | None = None
    """``model_changed``, ``prompt_cache_key_changed``, ``tools_changed`` and others."""
    comparison_reusable_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponsePromptCacheDiagnosticsComparisonResponseNotFound(WireObject):
    """The response to compare with was not found."""

    type: ClassVar[Literal["comparison_response_not_found"]] = "comparison_response_not_found"


@frozen(kw_only=True, eq=False, repr=False)
class ResponsePromptCacheDiagnosticsUnavailable(WireObject):
    """Nothing is known about the prompt cache."""

    type: ClassVar[Literal["unavailable"]] = "unavailable"


ResponsePromptCacheDiagnostics: TypeAlias = (
    ResponsePromptCacheDiagnosticsCacheMiss
    | ResponsePromptCacheDiagnosticsCacheHit
    | ResponsePromptCacheDiagnosticsComparisonResponseNotFound
    | ResponsePromptCacheDiagnosticsUnavailable
    | UnknownObject
)
"""How the prompt cache did, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsePromptCacheOptions(WireObject):
    """The options of the prompt cache in force."""

    mode: str | None = None
    """``implicit`` or ``explicit``."""
    ttl: str | None = None
    """``30m`` or ``12h``."""
    comparison_response_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Response(WireObject):
    """A response of the model, as it stands."""

    id: str | None = None
    """What the next request names to go on from here."""
    object: str | None = None
    status: str | None = None
    """``completed``, ``failed``, ``in_progress``, ``cancelled``, ``queued`` or ``incomplete``."""
    access_programs: ResponseAccessPrograms | None = None
    created_at: Timestamp | None = None
    error: ResponseError | None = None
    """Why it failed."""
    incomplete_details: ResponseIncompleteDetails | None = None
    instructions: str | tuple[ResponseInputItem, ...] | None = field(default=None, converter=as_tuple)
    metadata: Mapping[str, Any] | None = None
    """What the client gave with the request."""
    model: str | None = None
    """``gpt-6-astra``, ``gpt-6.1-sol``, ``gpt-6.1-terra`` and others."""
    output: tuple[ResponseOutputItem, ...] | None = field(default=None, converter=as_tuple)
    """The items made so far."""
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    tool_choice: ResponseToolChoice | None = None
    tools: tuple[Tool, ...] | None = field(default=None, converter=as_tuple)
    top_p: float | None = None
    background: bool | None = None
    completed_at: Timestamp | None = None
    conversation: ResponseConversation | None = None
    image: ResponseImage | None = None
    input_transformations: tuple[ResponseInputTransformation, ...] | None = field(default=None, converter=as_tuple)
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    moderation: ResponseModeration | None = None
    previous_response_id: str | None = None
    prompt: ResponsePrompt | None = None
    prompt_cache_diagnostics: ResponsePromptCacheDiagnostics | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: ResponsePromptCacheOptions | None = None
    prompt_cache_retention: str | None = None
    """``in_memory`` or ``24h``."""
    reasoning: Reasoning | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    """``auto``, ``default``, ``flex``, ``scale``, ``priority``, ``fast`` or ``ultrafast``."""
    text: ResponseTextConfig | None = None
    tool_usage: ResponseToolUsage | None = None
    top_logprobs: int | None = None
    truncation: str | None = None
    """``auto`` or ``disabled``."""
    usage: ResponseUsage | None = None
    user: str | None = None
    output_text_: str | None = None
    """The wire's own field, which servers leave out; see `output_text`."""
    store: bool | None = None

    @property
    def output_text(self) -> str:
        """The text of all messages, in order; empty if there is none."""
        messages = (item for item in self.output or () if isinstance(item, ResponseOutputMessage))
        parts = (part for message in messages for part in message.content or ())
        return "".join(part.text or "" for part in parts if isinstance(part, ResponseOutputText))

    @property
    def function_calls(self) -> tuple[ResponseFunctionToolCall, ...]:
        """The calls of functions, in order, which the client has to answer."""
        return tuple(item for item in self.output or () if isinstance(item, ResponseFunctionToolCall))


# The official SDK has a name for each place where one of these can stand.
ResponsesServerEventResponseWsErrorErrorMisalignmentSteer: TypeAlias = ResponseErrorMisalignmentSteer
ResponsesServerEventResponseWsErrorErrorMisalignment: TypeAlias = ResponseErrorMisalignment
CompactedResponseImage: TypeAlias = ResponseImage
ResponseModerationOutputModerationResult: TypeAlias = ResponseModerationInputModerationResult
ResponseModerationOutputError: TypeAlias = ResponseModerationInputError
ResponseModerationOutput: TypeAlias = ResponseModerationInput
