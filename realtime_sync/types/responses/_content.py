"""What messages and tool outputs are made of: text, refusals, citations, screenshots."""

from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple
from realtime_sync.types._common import PromptCacheBreakpoint, ResponseInputFile, ResponseInputImage, ResponseInputText

__all__ = [
    "ComputerScreenshotContent",
    "ResponseContentPartAddedEventPart",
    "ResponseContentPartAddedEventPartReasoningText",
    "ResponseContentPartDoneEventPart",
    "ResponseContentPartDoneEventPartReasoningText",
    "ResponseCustomToolCallOutputOutputOutputContentList",
    "ResponseFunctionCallOutputItem",
    "ResponseInputContent",
    "ResponseInputFileContent",
    "ResponseInputFileContentPromptCacheBreakpoint",
    "ResponseInputImageContent",
    "ResponseInputImageContentPromptCacheBreakpoint",
    "ResponseInputTextContent",
    "ResponseInputTextContentPromptCacheBreakpoint",
    "ResponseOutputMessageContent",
    "ResponseOutputRefusal",
    "ResponseOutputText",
    "ResponseOutputTextAnnotation",
    "ResponseOutputTextAnnotationAddedEventAnnotation",
    "ResponseOutputTextAnnotationAddedEventAnnotationContainerFileCitation",
    "ResponseOutputTextAnnotationAddedEventAnnotationFileCitation",
    "ResponseOutputTextAnnotationAddedEventAnnotationFilePath",
    "ResponseOutputTextAnnotationAddedEventAnnotationURLCitation",
    "ResponseOutputTextAnnotationContainerFileCitation",
    "ResponseOutputTextAnnotationFileCitation",
    "ResponseOutputTextAnnotationFilePath",
    "ResponseOutputTextAnnotationURLCitation",
    "ResponseOutputTextLogprob",
    "ResponseOutputTextLogprobTopLogprob",
    "ResponseReasoningItemContent",
    "ResponseReasoningItemSummary",
    "ResponseReasoningSummaryPartAddedEventPart",
    "ResponseReasoningSummaryPartDoneEventPart",
    "TextContent",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextAnnotationFileCitation(WireObject):
    """A citation of a file."""

    type: ClassVar[Literal["file_citation"]] = "file_citation"
    file_id: str | None = None
    filename: str | None = None
    index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextAnnotationURLCitation(WireObject):
    """A citation of a web page."""

    type: ClassVar[Literal["url_citation"]] = "url_citation"
    end_index: int | None = None
    start_index: int | None = None
    title: str | None = None
    url: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextAnnotationContainerFileCitation(WireObject):
    """A citation of a file that a container holds."""

    type: ClassVar[Literal["container_file_citation"]] = "container_file_citation"
    container_id: str | None = None
    end_index: int | None = None
    file_id: str | None = None
    filename: str | None = None
    start_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextAnnotationFilePath(WireObject):
    """The path of a file that a tool made."""

    type: ClassVar[Literal["file_path"]] = "file_path"
    file_id: str | None = None
    index: int | None = None


ResponseOutputTextAnnotation: TypeAlias = (
    ResponseOutputTextAnnotationFileCitation
    | ResponseOutputTextAnnotationURLCitation
    | ResponseOutputTextAnnotationContainerFileCitation
    | ResponseOutputTextAnnotationFilePath
    | UnknownObject
)
"""An annotation of output text, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextLogprobTopLogprob(WireObject):
    """A token that was likely in a place, too."""

    token: str | None = None
    bytes: tuple[int, ...] | None = field(default=None, converter=as_tuple)
    logprob: float | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputTextLogprob(WireObject):
    """How likely a token was."""

    token: str | None = None
    bytes: tuple[int, ...] | None = field(default=None, converter=as_tuple)
    logprob: float | None = None
    top_logprobs: tuple[ResponseOutputTextLogprobTopLogprob, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputText(WireObject):
    """Text that the model wrote."""

    type: ClassVar[Literal["output_text"]] = "output_text"
    annotations: tuple[ResponseOutputTextAnnotation, ...] | None = field(default=None, converter=as_tuple)
    text: str | None = None
    logprobs: tuple[ResponseOutputTextLogprob, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputRefusal(WireObject):
    """A refusal by the model."""

    type: ClassVar[Literal["refusal"]] = "refusal"
    refusal: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class TextContent(WireObject):
    """Plain text."""

    type: ClassVar[Literal["text"]] = "text"
    text: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningItemSummary(WireObject):
    """A part of the summary of what the model thought."""

    types: ClassVar[tuple[str, ...]] = ("summary_text",)
    type: str | None = "summary_text"
    text: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningItemContent(WireObject):
    """A part of what the model thought."""

    types: ClassVar[tuple[str, ...]] = ("reasoning_text",)
    type: str | None = "reasoning_text"
    text: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ComputerScreenshotContent(WireObject):
    """A picture of a screen."""

    type: ClassVar[Literal["computer_screenshot"]] = "computer_screenshot"
    image_url: str | None = field(default=UNSET, repr=False)
    file_id: str | None = UNSET
    detail: str | None = None
    """``low``, ``high``, ``auto`` or ``original``."""
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


ResponseInputContent: TypeAlias = ResponseInputText | ResponseInputImage | ResponseInputFile | UnknownObject
"""A part of what a model is given, told by ``type``."""


ResponseOutputMessageContent: TypeAlias = (
    ResponseOutputText
    | ResponseOutputRefusal
    | ResponseInputText
    | TextContent
    | ResponseReasoningItemSummary
    | ResponseReasoningItemContent
    | ResponseInputImage
    | ComputerScreenshotContent
    | ResponseInputFile
    | UnknownObject
)
"""A part of a message of the model, told by ``type``."""


ResponseContentPartAddedEventPart: TypeAlias = (
    ResponseOutputText | ResponseOutputRefusal | ResponseReasoningItemContent | UnknownObject
)
"""A part that a response begins or has finished, told by ``type``."""


# The official SDK has a name for each place where one of these can stand.
ResponseOutputTextAnnotationAddedEventAnnotationFileCitation: TypeAlias = ResponseOutputTextAnnotationFileCitation
ResponseOutputTextAnnotationAddedEventAnnotationURLCitation: TypeAlias = ResponseOutputTextAnnotationURLCitation
ResponseOutputTextAnnotationAddedEventAnnotationContainerFileCitation: TypeAlias = (
    ResponseOutputTextAnnotationContainerFileCitation
)
ResponseOutputTextAnnotationAddedEventAnnotationFilePath: TypeAlias = ResponseOutputTextAnnotationFilePath
ResponseOutputTextAnnotationAddedEventAnnotation: TypeAlias = ResponseOutputTextAnnotation
ResponseReasoningSummaryPartAddedEventPart: TypeAlias = ResponseReasoningItemSummary
ResponseReasoningSummaryPartDoneEventPart: TypeAlias = ResponseReasoningItemSummary
ResponseContentPartAddedEventPartReasoningText: TypeAlias = ResponseReasoningItemContent
ResponseContentPartDoneEventPartReasoningText: TypeAlias = ResponseReasoningItemContent
ResponseCustomToolCallOutputOutputOutputContentList: TypeAlias = ResponseInputContent
ResponseFunctionCallOutputItem: TypeAlias = ResponseInputContent
ResponseContentPartDoneEventPart: TypeAlias = ResponseContentPartAddedEventPart
ResponseInputTextContent: TypeAlias = ResponseInputText
ResponseInputImageContent: TypeAlias = ResponseInputImage
ResponseInputFileContent: TypeAlias = ResponseInputFile
ResponseInputFileContentPromptCacheBreakpoint: TypeAlias = PromptCacheBreakpoint
ResponseInputImageContentPromptCacheBreakpoint: TypeAlias = PromptCacheBreakpoint
ResponseInputTextContentPromptCacheBreakpoint: TypeAlias = PromptCacheBreakpoint
