"""What a response says: items, parts, text, audio, reasoning, refusals."""

from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.types._values import from_base64
from realtime_sync.types.responses._content import (
    ResponseContentPartAddedEventPart,
    ResponseOutputTextAnnotation,
    ResponseReasoningItemSummary,
)
from realtime_sync.types.responses._event_bases import ContentEvent, StreamEvent, SummaryEvent
from realtime_sync.types.responses._items import ResponseOutputItem

__all__ = [
    "ResponseAudioDeltaEvent",
    "ResponseAudioDoneEvent",
    "ResponseAudioTranscriptDeltaEvent",
    "ResponseAudioTranscriptDoneEvent",
    "ResponseContentPartAddedEvent",
    "ResponseContentPartDoneEvent",
    "ResponseOutputItemAddedEvent",
    "ResponseOutputItemDoneEvent",
    "ResponseOutputTextAnnotationAddedEvent",
    "ResponseReasoningSummaryPartAddedEvent",
    "ResponseReasoningSummaryPartDoneEvent",
    "ResponseReasoningSummaryTextDeltaEvent",
    "ResponseReasoningSummaryTextDoneEvent",
    "ResponseReasoningTextDeltaEvent",
    "ResponseReasoningTextDoneEvent",
    "ResponseRefusalDeltaEvent",
    "ResponseRefusalDoneEvent",
    "ResponseTextDeltaEvent",
    "ResponseTextDeltaEventLogprob",
    "ResponseTextDeltaEventLogprobTopLogprob",
    "ResponseTextDoneEvent",
    "ResponseTextDoneEventLogprob",
    "ResponseTextDoneEventLogprobTopLogprob",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDeltaEventLogprobTopLogprob(WireObject):
    """A token that was likely in a place, too."""

    token: str | None = None
    logprob: float | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDeltaEventLogprob(WireObject):
    """How likely a token of a delta was."""

    token: str | None = None
    logprob: float | None = None
    top_logprobs: tuple[ResponseTextDeltaEventLogprobTopLogprob, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioDeltaEvent(StreamEvent):
    """More audio."""

    type: ClassVar[Literal["response.audio.delta"]] = "response.audio.delta"
    delta: str = field(repr=False)

    @property
    def audio(self) -> bytes:
        """The audio as bytes.

        Raises:
            DecodeError: ``delta`` is not base64.
        """
        return from_base64(self.delta)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioDoneEvent(StreamEvent):
    """The audio is complete."""

    type: ClassVar[Literal["response.audio.done"]] = "response.audio.done"


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioTranscriptDeltaEvent(StreamEvent):
    """More of the transcript of the audio."""

    type: ClassVar[Literal["response.audio.transcript.delta"]] = "response.audio.transcript.delta"
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioTranscriptDoneEvent(StreamEvent):
    """The transcript of the audio is complete."""

    type: ClassVar[Literal["response.audio.transcript.done"]] = "response.audio.transcript.done"


@frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartAddedEvent(ContentEvent):
    """A response began a part of an item."""

    type: ClassVar[Literal["response.content_part.added"]] = "response.content_part.added"
    part: ResponseContentPartAddedEventPart


@frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartDoneEvent(ContentEvent):
    """A response finished a part of an item."""

    type: ClassVar[Literal["response.content_part.done"]] = "response.content_part.done"
    part: ResponseContentPartAddedEventPart


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemAddedEvent(StreamEvent):
    """A response began an item."""

    type: ClassVar[Literal["response.output_item.added"]] = "response.output_item.added"
    item: ResponseOutputItem
    output_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemDoneEvent(StreamEvent):
    """A response finished an item."""

    type: ClassVar[Literal["response.output_item.done"]] = "response.output_item.done"
    item: ResponseOutputItem
    output_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextAnnotationAddedEvent(ContentEvent):
    """An annotation of the text."""

    type: ClassVar[Literal["response.output_text.annotation.added"]] = "response.output_text.annotation.added"
    item_id: str
    annotation: ResponseOutputTextAnnotation | None = None
    annotation_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDeltaEvent(ContentEvent):
    """More text."""

    type: ClassVar[Literal["response.output_text.delta"]] = "response.output_text.delta"
    item_id: str
    delta: str
    logprobs: tuple[ResponseTextDeltaEventLogprob, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDoneEvent(ContentEvent):
    """The text of a part is complete."""

    type: ClassVar[Literal["response.output_text.done"]] = "response.output_text.done"
    item_id: str
    logprobs: tuple[ResponseTextDeltaEventLogprob, ...] | None = field(default=None, converter=as_tuple)
    text: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningSummaryPartAddedEvent(SummaryEvent):
    """A part of the summary of the reasoning began."""

    type: ClassVar[Literal["response.reasoning_summary_part.added"]] = "response.reasoning_summary_part.added"
    part: ResponseReasoningItemSummary


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningSummaryPartDoneEvent(SummaryEvent):
    """A part of the summary of the reasoning is complete."""

    type: ClassVar[Literal["response.reasoning_summary_part.done"]] = "response.reasoning_summary_part.done"
    part: ResponseReasoningItemSummary
    status: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningSummaryTextDeltaEvent(SummaryEvent):
    """More of the summary of the reasoning."""

    type: ClassVar[Literal["response.reasoning_summary_text.delta"]] = "response.reasoning_summary_text.delta"
    item_id: str
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningSummaryTextDoneEvent(SummaryEvent):
    """The text of a part of the summary is complete."""

    type: ClassVar[Literal["response.reasoning_summary_text.done"]] = "response.reasoning_summary_text.done"
    item_id: str
    text: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningTextDeltaEvent(ContentEvent):
    """More of the reasoning."""

    type: ClassVar[Literal["response.reasoning_text.delta"]] = "response.reasoning_text.delta"
    item_id: str
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningTextDoneEvent(ContentEvent):
    """The text of the reasoning is complete."""

    type: ClassVar[Literal["response.reasoning_text.done"]] = "response.reasoning_text.done"
    item_id: str
    text: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseRefusalDeltaEvent(ContentEvent):
    """More of a refusal."""

    type: ClassVar[Literal["response.refusal.delta"]] = "response.refusal.delta"
    item_id: str
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseRefusalDoneEvent(ContentEvent):
    """A refusal is complete."""

    type: ClassVar[Literal["response.refusal.done"]] = "response.refusal.done"
    item_id: str
    refusal: str


# The official SDK has a name for each place where one of these can stand.
ResponseTextDoneEventLogprobTopLogprob: TypeAlias = ResponseTextDeltaEventLogprobTopLogprob
ResponseTextDoneEventLogprob: TypeAlias = ResponseTextDeltaEventLogprob
