"""The events a server sends. A field without a default is one without which the event is useless."""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UndecodableEvent, UnknownEvent, as_tuple
from realtime_sync.types._common import RealtimeErrorEvent, ServerEventBase, Timestamp
from realtime_sync.types._values import from_base64
from realtime_sync.types.realtime._beta import AnyRealtimeResponse, ServerSession
from realtime_sync.types.realtime._event_bases import ResponseEventBase
from realtime_sync.types.realtime._items import (
    ConversationItem,
    ResponseContentPartAddedEventPart,
    ResponseContentPartDoneEventPart,
)
from realtime_sync.types.realtime._mcp_events import (
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
)
from realtime_sync.types.realtime._response import (
    ConversationCreatedEventConversation,
    RateLimitsUpdatedEventRateLimit,
)
from realtime_sync.types.realtime._transcription import (
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemInputAudioTranscriptionFailedEvent,
    ConversationItemInputAudioTranscriptionSegment,
)

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
    "InputAudioBufferDtmfEventReceivedEvent",
    "InputAudioBufferSpeechStartedEvent",
    "InputAudioBufferSpeechStoppedEvent",
    "InputAudioBufferTimeoutTriggered",
    "RateLimitsUpdatedEvent",
    "RealtimeBetaServerEventResponseCreated",
    "RealtimeBetaServerEventResponseDone",
    "RealtimeBetaServerEventSessionCreated",
    "RealtimeBetaServerEventSessionUpdated",
    "RealtimeBetaServerEventTranscriptionSessionCreated",
    "RealtimeBetaServerEventTranscriptionSessionUpdated",
    "RealtimeServerEvent",
    "RealtimeServerEventConversationItemRetrieved",
    "RealtimeServerEventOutputAudioBufferCleared",
    "RealtimeServerEventOutputAudioBufferStarted",
    "RealtimeServerEventOutputAudioBufferStopped",
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
class SessionCreatedEvent(ServerEventBase):
    """The session began; usually the first event."""

    type: ClassVar[Literal["session.created"]] = "session.created"
    session: ServerSession


@frozen(kw_only=True, eq=False, repr=False)
class SessionUpdatedEvent(ServerEventBase):
    """The configuration changed; carries all of it."""

    type: ClassVar[Literal["session.updated"]] = "session.updated"
    session: ServerSession


@frozen(kw_only=True, eq=False, repr=False)
class ConversationCreatedEvent(ServerEventBase):
    """A conversation began. Not every server sends this."""

    type: ClassVar[Literal["conversation.created"]] = "conversation.created"
    conversation: ConversationCreatedEventConversation


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemAdded(ServerEventBase):
    """An item is in the conversation; it may still grow."""

    type: ClassVar[Literal["conversation.item.added"]] = "conversation.item.added"
    item: ConversationItem
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemCreatedEvent(ServerEventBase):
    """An item is in the conversation: the beta's event, which some servers send beside ``conversation.item.added``."""

    type: ClassVar[Literal["conversation.item.created"]] = "conversation.item.created"
    item: ConversationItem
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDone(ServerEventBase):
    """An item is complete."""

    type: ClassVar[Literal["conversation.item.done"]] = "conversation.item.done"
    item: ConversationItem
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDeletedEvent(ServerEventBase):
    """An item was removed."""

    type: ClassVar[Literal["conversation.item.deleted"]] = "conversation.item.deleted"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeServerEventConversationItemRetrieved(ServerEventBase):
    """An item that was asked for, with its audio."""

    type: ClassVar[Literal["conversation.item.retrieved"]] = "conversation.item.retrieved"
    item: ConversationItem


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncatedEvent(ServerEventBase):
    """The audio of an assistant item was cut, and its transcript dropped past the cut."""

    type: ClassVar[Literal["conversation.item.truncated"]] = "conversation.item.truncated"
    item_id: str
    content_index: int | None = None
    audio_end_ms: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCommittedEvent(ServerEventBase):
    """The input buffer became a user item."""

    type: ClassVar[Literal["input_audio_buffer.committed"]] = "input_audio_buffer.committed"
    item_id: str | None = None
    """The user item to come."""
    previous_item_id: str | None = None
    """The item before it; None for the first."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferClearedEvent(ServerEventBase):
    """The input buffer is empty, by request."""

    type: ClassVar[Literal["input_audio_buffer.cleared"]] = "input_audio_buffer.cleared"


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStartedEvent(ServerEventBase):
    """The server heard speech begin."""

    type: ClassVar[Literal["input_audio_buffer.speech_started"]] = "input_audio_buffer.speech_started"
    item_id: str | None = None
    """The user item to come."""
    audio_start_ms: int | None = None
    """Milliseconds of all audio appended in the session until then."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferSpeechStoppedEvent(ServerEventBase):
    """The server heard speech end."""

    type: ClassVar[Literal["input_audio_buffer.speech_stopped"]] = "input_audio_buffer.speech_stopped"
    item_id: str | None = None
    """The user item to come."""
    audio_end_ms: int | None = None
    """Milliseconds of all audio appended in the session until then."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferTimeoutTriggered(ServerEventBase):
    """Nobody spoke for so long that the server commits and responds by itself."""

    type: ClassVar[Literal["input_audio_buffer.timeout_triggered"]] = "input_audio_buffer.timeout_triggered"
    item_id: str | None = None
    """The user item to come."""
    audio_start_ms: int | None = None
    """Milliseconds of all audio appended in the session until then."""
    audio_end_ms: int | None = None
    """Milliseconds of all audio appended in the session until then."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferDtmfEventReceivedEvent(ServerEventBase):
    """A key was pressed on the telephone (SIP only). Comes without an ``event_id``."""

    type: ClassVar[Literal["input_audio_buffer.dtmf_event_received"]] = "input_audio_buffer.dtmf_event_received"
    event: str
    """The key."""
    received_at: Timestamp | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeServerEventOutputAudioBufferStarted(ServerEventBase):
    """The audio of a response began to play (WebRTC and SIP only)."""

    type: ClassVar[Literal["output_audio_buffer.started"]] = "output_audio_buffer.started"
    response_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeServerEventOutputAudioBufferStopped(ServerEventBase):
    """The audio of a response has played to its end (WebRTC and SIP only)."""

    type: ClassVar[Literal["output_audio_buffer.stopped"]] = "output_audio_buffer.stopped"
    response_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeServerEventOutputAudioBufferCleared(ServerEventBase):
    """The audio of a response was stopped (WebRTC and SIP only)."""

    type: ClassVar[Literal["output_audio_buffer.cleared"]] = "output_audio_buffer.cleared"
    response_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCreatedEvent(ServerEventBase):
    """A response began: the first event of it."""

    type: ClassVar[Literal["response.created"]] = "response.created"
    response: AnyRealtimeResponse


@frozen(kw_only=True, eq=False, repr=False)
class ResponseDoneEvent(ServerEventBase):
    """A response ended, in whatever way: the last event of it."""

    type: ClassVar[Literal["response.done"]] = "response.done"
    response: AnyRealtimeResponse


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemAddedEvent(ResponseEventBase):
    """A response began an item."""

    type: ClassVar[Literal["response.output_item.added"]] = "response.output_item.added"
    item: ConversationItem


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemDoneEvent(ResponseEventBase):
    """A response finished an item."""

    type: ClassVar[Literal["response.output_item.done"]] = "response.output_item.done"
    item: ConversationItem


@frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartAddedEvent(ResponseEventBase):
    """A response began a content part."""

    type: ClassVar[Literal["response.content_part.added"]] = "response.content_part.added"
    item_id: str | None = None
    content_index: int | None = None
    part: ResponseContentPartAddedEventPart


@frozen(kw_only=True, eq=False, repr=False)
class ResponseContentPartDoneEvent(ResponseEventBase):
    """A response finished a content part."""

    type: ClassVar[Literal["response.content_part.done"]] = "response.content_part.done"
    item_id: str | None = None
    content_index: int | None = None
    part: ResponseContentPartDoneEventPart


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDeltaEvent(ResponseEventBase):
    """More text."""

    type: ClassVar[Literal["response.output_text.delta"]] = "response.output_text.delta"
    item_id: str
    content_index: int | None = None
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextDoneEvent(ResponseEventBase):
    """A text is complete."""

    type: ClassVar[Literal["response.output_text.done"]] = "response.output_text.done"
    item_id: str
    content_index: int | None = None
    text: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioDeltaEvent(ResponseEventBase):
    """More audio."""

    type: ClassVar[Literal["response.output_audio.delta"]] = "response.output_audio.delta"
    item_id: str
    content_index: int | None = None
    delta: str = field(repr=False)
    """Base64 text. Join the decoded bytes, not the text."""

    @property
    def audio(self) -> bytes:
        """The audio as bytes.

        Raises:
            DecodeError: ``delta`` is not base64.
        """
        return from_base64(self.delta)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioDoneEvent(ResponseEventBase):
    """The audio of a content part is complete. It carries none."""

    type: ClassVar[Literal["response.output_audio.done"]] = "response.output_audio.done"
    item_id: str
    content_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioTranscriptDeltaEvent(ResponseEventBase):
    """More of the transcript of the audio."""

    type: ClassVar[Literal["response.output_audio_transcript.delta"]] = "response.output_audio_transcript.delta"
    item_id: str
    content_index: int | None = None
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseAudioTranscriptDoneEvent(ResponseEventBase):
    """The transcript of the audio is complete."""

    type: ClassVar[Literal["response.output_audio_transcript.done"]] = "response.output_audio_transcript.done"
    item_id: str
    content_index: int | None = None
    transcript: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDeltaEvent(ResponseEventBase):
    """More of the arguments of a function call."""

    type: ClassVar[Literal["response.function_call_arguments.delta"]] = "response.function_call_arguments.delta"
    item_id: str
    call_id: str | None = None
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDoneEvent(ResponseEventBase):
    """The arguments of a function call are complete."""

    type: ClassVar[Literal["response.function_call_arguments.done"]] = "response.function_call_arguments.done"
    item_id: str
    call_id: str
    name: str | None = None
    arguments: str
    """JSON text; not always complete JSON when the response was cut."""


@frozen(kw_only=True, eq=False, repr=False)
class RateLimitsUpdatedEvent(ServerEventBase):
    """The rate limits as they stand."""

    type: ClassVar[Literal["rate_limits.updated"]] = "rate_limits.updated"
    rate_limits: tuple[RateLimitsUpdatedEventRateLimit, ...] = field(converter=as_tuple)


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
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceivedEvent
    | ConversationItemInputAudioTranscriptionDeltaEvent
    | ConversationItemInputAudioTranscriptionCompletedEvent
    | ConversationItemInputAudioTranscriptionFailedEvent
    | ConversationItemInputAudioTranscriptionSegment
    | RealtimeServerEventOutputAudioBufferStarted
    | RealtimeServerEventOutputAudioBufferStopped
    | RealtimeServerEventOutputAudioBufferCleared
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
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallInProgress
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
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

# The official SDK's name of the union, and its names for what beta-era servers send.
RealtimeServerEvent: TypeAlias = ServerEvent
RealtimeBetaServerEventResponseCreated: TypeAlias = ResponseCreatedEvent
RealtimeBetaServerEventResponseDone: TypeAlias = ResponseDoneEvent
RealtimeBetaServerEventSessionCreated: TypeAlias = SessionCreatedEvent
RealtimeBetaServerEventSessionUpdated: TypeAlias = SessionUpdatedEvent
RealtimeBetaServerEventTranscriptionSessionCreated: TypeAlias = SessionCreatedEvent
RealtimeBetaServerEventTranscriptionSessionUpdated: TypeAlias = SessionUpdatedEvent
