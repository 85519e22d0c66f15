"""Conversation items and their content parts: both sides send these."""

from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UnknownObject, WireObject, as_tuple
from realtime_sync.types._values import from_json
from realtime_sync.types.realtime._mcp_objects import (
    RealtimeMcpApprovalRequest,
    RealtimeMcpApprovalResponse,
    RealtimeMcpListTools,
    RealtimeMcpToolCall,
)

__all__ = [
    "ConversationItem",
    "ConversationItemWithReference",
    "RealtimeConversationItemAssistantMessage",
    "RealtimeConversationItemAssistantMessageContent",
    "RealtimeConversationItemFunctionCall",
    "RealtimeConversationItemFunctionCallOutput",
    "RealtimeConversationItemSystemMessage",
    "RealtimeConversationItemSystemMessageContent",
    "RealtimeConversationItemUserMessage",
    "RealtimeConversationItemUserMessageContent",
    "ResponseContentPartAddedEventPart",
    "ResponseContentPartDoneEventPart",
    "ResponseItemReference",
]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemSystemMessageContent(WireObject):
    """A content part of a system message."""

    type: str | None = None
    """``input_text``."""
    text: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemUserMessageContent(WireObject):
    """A content part of a user message: text, audio or an image."""

    type: str | None = None
    """``input_text``, ``input_audio`` or ``input_image``."""
    text: str | None = None
    audio: str | bytes | bytearray | memoryview | None = field(default=None, repr=False)
    """Base64 text as received; bytes are encoded when sent."""
    transcript: str | None = None
    image_url: str | None = field(default=None, repr=False)
    """A data URL of a PNG or JPEG image."""
    detail: str | None = None
    """``auto``, ``low`` or ``high``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemAssistantMessageContent(WireObject):
    """A content part of an assistant message."""

    type: str | None = None
    """``output_text`` or ``output_audio``; ``text`` or ``audio`` from older peers."""
    text: str | None = None
    audio: str | bytes | bytearray | memoryview | None = field(default=None, repr=False)
    """Base64 text as received; bytes are encoded when sent. Servers leave it out except when an item is retrieved."""
    transcript: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemSystemMessage(WireObject):
    """A message of the system."""

    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["system"]] = "system"
    id: str | None = None
    object: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    content: tuple[RealtimeConversationItemSystemMessageContent, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemUserMessage(WireObject):
    """A message of the user."""

    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["user"]] = "user"
    id: str | None = None
    object: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    content: tuple[RealtimeConversationItemUserMessageContent, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemAssistantMessage(WireObject):
    """A message of the model."""

    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["assistant"]] = "assistant"
    id: str | None = None
    object: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    content: tuple[RealtimeConversationItemAssistantMessageContent, ...] | None = field(
        default=None, converter=as_tuple
    )


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemFunctionCall(WireObject):
    """A call of a function by the model."""

    type: ClassVar[Literal["function_call"]] = "function_call"
    id: str | None = None
    object: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    """JSON text; not always complete JSON when the response was cut."""

    def parsed_arguments(self) -> Any:
        """Return the arguments as JSON values.

        Raises:
            DecodeError: the arguments are no JSON, as happens when a response was cut.
        """
        return from_json(self.arguments, f"the arguments of {self.name}")


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeConversationItemFunctionCallOutput(WireObject):
    """The answer to a function call."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"
    id: str | None = None
    object: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    output: str | None = None
    """Free text, by habit JSON."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseItemReference(WireObject):
    """A stand-in for an item of the conversation, in the input of a response."""

    type: ClassVar[Literal["item_reference"]] = "item_reference"
    id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartAddedEventPart(WireObject):
    """A content part that a response begins, or has finished."""

    type: str | None = None
    """``text`` or ``audio``, where an item says ``output_text`` or ``output_audio``."""
    text: str | None = None
    audio: str | None = field(default=None, repr=False)
    transcript: str | None = None


ConversationItem: TypeAlias = (
    RealtimeConversationItemSystemMessage
    | RealtimeConversationItemUserMessage
    | RealtimeConversationItemAssistantMessage
    | RealtimeConversationItemFunctionCall
    | RealtimeConversationItemFunctionCallOutput
    | RealtimeMcpApprovalResponse
    | RealtimeMcpListTools
    | RealtimeMcpToolCall
    | RealtimeMcpApprovalRequest
    | UnknownObject
)
"""An item of a conversation, told by ``type`` and ``role``."""

ConversationItemWithReference: TypeAlias = ConversationItem | ResponseItemReference
"""An item, or a reference to one."""


# The official SDK has a name for each place where one of these can stand.
ResponseContentPartDoneEventPart: TypeAlias = ResponseContentPartAddedEventPart
