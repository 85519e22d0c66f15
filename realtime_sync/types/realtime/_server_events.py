"""The events a server sends. A field without a default is one without which the event is useless."""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import KnownEvent, UndecodableEvent, UnknownEvent, as_tuple
from realtime_sync.types.realtime._items import (
    ConversationItem,
    ResponseContentPartAddedEventPart,
    ResponseContentPartDoneEventPart,
)
from realtime_sync.types.realtime._response import (
    ConversationCreatedEventConversation,
    RateLimitsUpdatedEventRateLimit,
    RealtimeError,
    RealtimeResponse,
)
from realtime_sync.types.realtime._session import ServerSession

__all__ = [
    "BETA_NAMES",
    "ConversationCreatedEvent",
    "ConversationItemAdded",
    "ConversationItemCreatedEvent",
    "ConversationItemDeletedEvent",
    "ConversationItemDone",
    "ConversationItemTruncatedEvent",
    "InputAudioBufferClearedEvent",
    "InputAudioBufferCommittedEvent",
    "InputAudioBufferSpeechStartedEvent",
    "InputAudioBufferSpeechStoppedEvent",
    "RateLimitsUpdatedEvent",
    "RealtimeErrorEvent",
    "RealtimeServerEventConversationItemRetrieved",
    "ResponseAudioDeltaEvent",
    "ResponseAudioDoneEvent",
    "ResponseAudioTranscriptDeltaEvent",
    "ResponseAudioTranscriptDoneEvent",
    "ResponseContentPartAddedEvent",
    "ResponseContentPartDoneEvent",
    "ResponseCreatedEvent",
    "ResponseDoneEvent",
    "ResponseFunctionCallArgumentsDeltaEvent",
    "ResponseFunctionCallArgumentsDoneEvent",
    "ResponseOutputItemAddedEvent",
    "ResponseOutputItemDoneEvent",
    "ResponseTextDeltaEvent",
    "ResponseTextDoneEvent",
    "ServerEvent",
    "SessionCreatedEvent",
    "SessionUpdatedEvent",
]


@frozen(kw_only=True, eq=False, repr=False)
class _ServerEvent(KnownEvent):
    event_id: str | None = None
    """The server's id of this event."""


@frozen(kw_only=True, eq=False, repr=False)
class SessionCreatedEvent(_ServerEvent):
    """The session began; usually the first event."""

    type: ClassVar[Literal["session.created"]] = "session.created"
    session: ServerSession


@frozen(kw_only=True, eq=False, repr=False)
class SessionUpdatedEvent(_ServerEvent):
    """The configuration changed; carries all of it."""

    type: ClassVar[Literal["session.updated"]] = "session.updated"
    session: ServerSession


@frozen(kw_only=True, eq=False, repr=False)
class ConversationCreatedEvent(_ServerEvent):
    """A conversation began. Not every server sends this."""

    type: ClassVar[Literal["conversation.created"]] = "conversation.created"
    conversation: ConversationCreatedEventConversation


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemAdded(_ServerEvent):
    """An item is in the conversation; it may still grow."""

    type: ClassVar[Literal["conversation.item.added"]] = "conversation.item.added"
    item: ConversationItem
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemCreatedEvent(_ServerEvent):
    """An item is in the conversation: the beta's event, which some servers send beside ``conversation.item.added``."""

    type: ClassVar[Literal["conversation.item.created"]] = "conversation.item.created"
    item: ConversationItem
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDone(_ServerEvent):
    """An item is complete."""

    type: ClassVar[Literal["conversation.item.done"]] = "conversation.item.done"
    item: ConversationItem
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDeletedEvent(_ServerEvent):
    """An item was removed."""

    type: ClassVar[Literal["conversation.item.deleted"]] = "conversation.item.deleted"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeServerEventConversationItemRetrieved(_ServerEvent):
    """An item that was asked for, with its audio."""

    type: ClassVar[Literal["conversation.item.retrieved"]] = "conversation.item.retrieved"
    item: ConversationItem


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncatedEvent(_ServerEvent):
    """The audio of an assistant item was cut, and its transcript dropped past the cut."""

    type: ClassVar[Literal["conversation.item.truncated"]] = "conversation.item.truncated"
    item_id: str
    content_index: int | None = None
    audio_end_ms: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCommittedEvent(_ServerEvent):
    """The input buffer became a user item."""

    type: ClassVar[Literal["input_audio_buffer.committed"]] = "input_audio_buffer.committed"
    item_id: str | None = None
    """The user item to come."""
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferClearedEvent(_ServerEvent):
    """The input buffer is empty, by request."""

    type: ClassVar[Literal["input_audio_buffer.cleared"]] = "input_audio_buffer.cleared"


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStartedEvent(_ServerEvent):
    """The server heard speech begin."""

    type: ClassVar[Literal["input_audio_buffer.speech_started"]] = "input_audio_buffer.speech_started"
    item_id: str | None = None
    """The user item to come."""
    audio_start_ms: int | None = None
    """Milliseconds of all audio appended in the session until then."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStoppedEvent(_ServerEvent):
    """The server heard speech end."""

    type: ClassVar[Literal["input_audio_buffer.speech_stopped"]] = "input_audio_buffer.speech_stopped"
    item_id: str | None = None
    """The user item to come."""
    audio_end_ms: int | None = None
    """Milliseconds of all audio appended in the session until then."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCreatedEvent(_ServerEvent):
    """A response began: the first event of it."""

    type: ClassVar[Literal["response.created"]] = "response.created"
    response: RealtimeResponse


@frozen(kw_only=True, eq=False, repr=False)
class ResponseDoneEvent(_ServerEvent):
    """A response ended, in whatever way: the last event of it."""

    type: ClassVar[Literal["response.done"]] = "response.done"
    response: RealtimeResponse


@frozen(kw_only=True, eq=False, repr=False)
class _ResponseEvent(_ServerEvent):
    response_id: str | None = None
    output_index: int | None = None
    """The place of the item in the response."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemAddedEvent(_ResponseEvent):
    """A response began an item."""

    type: ClassVar[Literal["response.output_item.added"]] = "response.output_item.added"
    item: ConversationItem


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemDoneEvent(_ResponseEvent):
    """A response finished an item."""

    type: ClassVar[Literal["response.output_item.done"]] = "response.output_item.done"
    item: ConversationItem


@frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartAddedEvent(_ResponseEvent):
    """A response began a content part."""

    type: ClassVar[Literal["response.content_part.added"]] = "response.content_part.added"
    item_id: str | None = None
    content_index: int | None = None
    part: ResponseContentPartAddedEventPart


@frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartDoneEvent(_ResponseEvent):
    """A response finished a content part."""

    type: ClassVar[Literal["response.content_part.done"]] = "response.content_part.done"
    item_id: str | None = None
    content_index: int | None = None
    part: ResponseContentPartDoneEventPart


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDeltaEvent(_ResponseEvent):
    """More text."""

    type: ClassVar[Literal["response.output_text.delta"]] = "response.output_text.delta"
    item_id: str
    content_index: int | None = None
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDoneEvent(_ResponseEvent):
    """A text is complete."""

    type: ClassVar[Literal["response.output_text.done"]] = "response.output_text.done"
    item_id: str
    content_index: int | None = None
    text: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioDeltaEvent(_ResponseEvent):
    """More audio."""

    type: ClassVar[Literal["response.output_audio.delta"]] = "response.output_audio.delta"
    item_id: str
    content_index: int | None = None
    delta: str = field(repr=False)
    """Base64 text. Join the decoded bytes, not the text."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioDoneEvent(_ResponseEvent):
    """The audio of a content part is complete. It carries none."""

    type: ClassVar[Literal["response.output_audio.done"]] = "response.output_audio.done"
    item_id: str
    content_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioTranscriptDeltaEvent(_ResponseEvent):
    """More of the transcript of the audio."""

    type: ClassVar[Literal["response.output_audio_transcript.delta"]] = "response.output_audio_transcript.delta"
    item_id: str
    content_index: int | None = None
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioTranscriptDoneEvent(_ResponseEvent):
    """The transcript of the audio is complete."""

    type: ClassVar[Literal["response.output_audio_transcript.done"]] = "response.output_audio_transcript.done"
    item_id: str
    content_index: int | None = None
    transcript: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDeltaEvent(_ResponseEvent):
    """More of the arguments of a function call."""

    type: ClassVar[Literal["response.function_call_arguments.delta"]] = "response.function_call_arguments.delta"
    item_id: str
    call_id: str | None = None
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDoneEvent(_ResponseEvent):
    """The arguments of a function call are complete."""

    type: ClassVar[Literal["response.function_call_arguments.done"]] = "response.function_call_arguments.done"
    item_id: str
    call_id: str
    name: str | None = None
    arguments: str
    """JSON text; not always complete JSON when the response was cut."""


@frozen(kw_only=True, eq=False, repr=False)
class RateLimitsUpdatedEvent(_ServerEvent):
    """The rate limits as they stand."""

    type: ClassVar[Literal["rate_limits.updated"]] = "rate_limits.updated"
    rate_limits: tuple[RateLimitsUpdatedEventRateLimit, ...] = field(converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeErrorEvent(_ServerEvent):
    """Something went wrong; the session usually stays open."""

    type: ClassVar[Literal["error"]] = "error"
    error: RealtimeError


ServerEvent: TypeAlias = (
    SessionCreatedEvent
    | SessionUpdatedEvent
    | ConversationCreatedEvent
    | ConversationItemAdded
    | ConversationItemCreatedEvent
    | ConversationItemDone
    | ConversationItemDeletedEvent
    | RealtimeServerEventConversationItemRetrieved
    | ConversationItemTruncatedEvent
    | InputAudioBufferCommittedEvent
    | InputAudioBufferClearedEvent
    | InputAudioBufferSpeechStartedEvent
    | InputAudioBufferSpeechStoppedEvent
    | ResponseCreatedEvent
    | ResponseDoneEvent
    | ResponseOutputItemAddedEvent
    | ResponseOutputItemDoneEvent
    | ResponseContentPartAddedEvent
    | ResponseContentPartDoneEvent
    | ResponseTextDeltaEvent
    | ResponseTextDoneEvent
    | ResponseAudioDeltaEvent
    | ResponseAudioDoneEvent
    | ResponseAudioTranscriptDeltaEvent
    | ResponseAudioTranscriptDoneEvent
    | ResponseFunctionCallArgumentsDeltaEvent
    | ResponseFunctionCallArgumentsDoneEvent
    | RateLimitsUpdatedEvent
    | RealtimeErrorEvent
    | UnknownEvent
    | UndecodableEvent
)
"""Every event a session can receive."""

BETA_NAMES: Mapping[str, str] = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}
"""What beta-era servers called an event, and its present name."""
