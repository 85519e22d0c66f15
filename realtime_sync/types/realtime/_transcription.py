"""What the server heard in the input audio."""

from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UnknownObject, WireObject, as_tuple
from realtime_sync.types._common import ServerEventBase
from realtime_sync.types._values import Usage

__all__ = [
    "ConversationItemInputAudioTranscriptionCompletedEvent",
    "ConversationItemInputAudioTranscriptionCompletedEventUsage",
    "ConversationItemInputAudioTranscriptionCompletedEventUsageTranscriptTextUsageDuration",
    "ConversationItemInputAudioTranscriptionCompletedEventUsageTranscriptTextUsageTokens",
    "ConversationItemInputAudioTranscriptionCompletedEventUsageTranscriptTextUsageTokensInputTokenDetails",
    "ConversationItemInputAudioTranscriptionDeltaEvent",
    "ConversationItemInputAudioTranscriptionFailedEvent",
    "ConversationItemInputAudioTranscriptionFailedEventError",
    "ConversationItemInputAudioTranscriptionSegment",
    "InputTokenDetails",
    "LogProbProperties",
    "TranscriptTextUsageDuration",
    "TranscriptTextUsageTokens",
    "TranscriptionLanguage",
]


@frozen(kw_only=True, eq=False, repr=False)
class TranscriptionLanguage(WireObject):
    """A language that was heard."""

    code: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class LogProbProperties(WireObject):
    """How likely a token was."""

    token: str | None = None
    bytes: tuple[int, ...] | None = field(default=None, converter=as_tuple)
    """The token in UTF-8."""
    logprob: float | None = None
    """The logarithm of the likelihood."""


@frozen(kw_only=True, eq=False, repr=False)
class InputTokenDetails(Usage):
    """The input tokens of a transcription, by kind."""

    audio_tokens: int | None = None
    text_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class TranscriptTextUsageTokens(Usage):
    """A transcription that is charged by tokens."""

    type: ClassVar[Literal["tokens"]] = "tokens"
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_token_details: InputTokenDetails | None = None


@frozen(kw_only=True, eq=False, repr=False)
class TranscriptTextUsageDuration(Usage):
    """A transcription that is charged by time."""

    type: ClassVar[Literal["duration"]] = "duration"
    seconds: float | None = None


ConversationItemInputAudioTranscriptionCompletedEventUsage: TypeAlias = (
    TranscriptTextUsageTokens | TranscriptTextUsageDuration | UnknownObject
)
"""What a transcription used, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionFailedEventError(WireObject):
    """Why a transcription failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionDeltaEvent(ServerEventBase):
    """More of the transcript of input audio. It may come long after the audio, even in the next turn."""

    type: ClassVar[Literal["conversation.item.input_audio_transcription.delta"]] = (
        "conversation.item.input_audio_transcription.delta"
    )
    item_id: str
    content_index: int | None = None
    delta: str | None = None
    logprobs: tuple[LogProbProperties, ...] | None = field(default=None, converter=as_tuple)
    obfuscation: str | None = None
    """Padding that hides the length of the delta."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionCompletedEvent(ServerEventBase):
    """The transcript of input audio is complete. Those of several items may come out of order."""

    type: ClassVar[Literal["conversation.item.input_audio_transcription.completed"]] = (
        "conversation.item.input_audio_transcription.completed"
    )
    item_id: str
    content_index: int | None = None
    transcript: str
    usage: ConversationItemInputAudioTranscriptionCompletedEventUsage | None = None
    languages: tuple[TranscriptionLanguage, ...] | None = field(default=None, converter=as_tuple)
    logprobs: tuple[LogProbProperties, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionFailedEvent(ServerEventBase):
    """Input audio could not be transcribed; the session goes on."""

    type: ClassVar[Literal["conversation.item.input_audio_transcription.failed"]] = (
        "conversation.item.input_audio_transcription.failed"
    )
    item_id: str
    content_index: int | None = None
    error: ConversationItemInputAudioTranscriptionFailedEventError


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionSegment(ServerEventBase):
    """What one speaker said, from models that tell speakers apart."""

    type: ClassVar[Literal["conversation.item.input_audio_transcription.segment"]] = (
        "conversation.item.input_audio_transcription.segment"
    )
    item_id: str
    content_index: int | None = None
    id: str | None = None
    text: str
    speaker: str | None = None
    start: float | None = None
    """Seconds."""
    end: float | None = None
    """Seconds."""


# The official SDK has a name for each place where one of these can stand.
ConversationItemInputAudioTranscriptionCompletedEventUsageTranscriptTextUsageTokensInputTokenDetails: TypeAlias = (
    InputTokenDetails
)
ConversationItemInputAudioTranscriptionCompletedEventUsageTranscriptTextUsageTokens: TypeAlias = (
    TranscriptTextUsageTokens
)
ConversationItemInputAudioTranscriptionCompletedEventUsageTranscriptTextUsageDuration: TypeAlias = (
    TranscriptTextUsageDuration
)
