"""The effective configuration of a session, as the server reports it, and the parts both sides send."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UnknownObject, WireObject, as_tuple
from realtime_sync.types._common import ResponsePrompt, Timestamp, ToolChoiceFunction, ToolChoiceMcp
from realtime_sync.types.realtime._mcp_objects import RealtimeToolsConfigUnionMcp

__all__ = [
    "AudioTranscription",
    "RealtimeAudioConfigOutputVoiceID",
    "RealtimeAudioFormats",
    "RealtimeAudioFormatsAudioPCM",
    "RealtimeAudioFormatsAudioPCMA",
    "RealtimeAudioFormatsAudioPCMU",
    "RealtimeFunctionTool",
    "RealtimeReasoning",
    "RealtimeResponseCreateParamsToolChoice",
    "RealtimeSessionCreateResponse",
    "RealtimeSessionCreateResponseAudio",
    "RealtimeSessionCreateResponseAudioInput",
    "RealtimeSessionCreateResponseAudioInputNoiseReduction",
    "RealtimeSessionCreateResponseAudioInputTurnDetection",
    "RealtimeSessionCreateResponseAudioInputTurnDetectionSemanticVad",
    "RealtimeSessionCreateResponseAudioInputTurnDetectionServerVad",
    "RealtimeSessionCreateResponseAudioOutput",
    "RealtimeSessionCreateResponseTool",
    "RealtimeSessionCreateResponseTracing",
    "RealtimeSessionCreateResponseTracingTracingConfiguration",
    "RealtimeTranscriptionSessionCreateResponse",
    "RealtimeTranscriptionSessionCreateResponseAudio",
    "RealtimeTranscriptionSessionCreateResponseAudioInput",
    "RealtimeTranscriptionSessionCreateResponseAudioInputNoiseReduction",
    "RealtimeTranscriptionSessionTurnDetection",
    "RealtimeTruncation",
    "RealtimeTruncationRetentionRatio",
    "RealtimeTruncationRetentionRatioTokenLimits",
]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioFormatsAudioPCM(WireObject):
    """Signed 16-bit little-endian mono PCM: 48 bytes a millisecond at 24 kHz."""

    type: ClassVar[Literal["audio/pcm"]] = "audio/pcm"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    rate: int | None = None
    """Samples a second; 24000 is the only rate there is."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioFormatsAudioPCMU(WireObject):
    """G.711 mu-law, 8 kHz mono: 8 bytes a millisecond."""

    type: ClassVar[Literal["audio/pcmu"]] = "audio/pcmu"


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioFormatsAudioPCMA(WireObject):
    """G.711 A-law, 8 kHz mono: 8 bytes a millisecond."""

    type: ClassVar[Literal["audio/pcma"]] = "audio/pcma"


RealtimeAudioFormats: TypeAlias = (
    RealtimeAudioFormatsAudioPCM | RealtimeAudioFormatsAudioPCMU | RealtimeAudioFormatsAudioPCMA | UnknownObject
)
"""An audio format, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class AudioTranscription(WireObject):
    """How input audio is transcribed."""

    model: str | None = None
    language: str | None = None
    """ISO 639-1."""
    languages: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    keywords: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    prompt: str | None = None
    delay: str | None = None
    """``minimal``, ``low``, ``medium``, ``high`` or ``xhigh``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeFunctionTool(WireObject):
    """A function that the model may call."""

    type: ClassVar[Literal["function"]] = "function"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    name: str | None = None
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    """The JSON schema of the arguments."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeReasoning(WireObject):
    """How much a reasoning model thinks."""

    effort: str | None = None
    """``minimal``, ``low``, ``medium``, ``high`` or ``xhigh``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTruncationRetentionRatioTokenLimits(WireObject):
    """The limits of a truncation."""

    post_instructions: int | None = None
    """Tokens of the conversation after the instructions."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTruncationRetentionRatio(WireObject):
    """Truncation that drops more than it must, so that it happens less often."""

    type: ClassVar[Literal["retention_ratio"]] = "retention_ratio"
    retention_ratio: float | None = None
    """The share of the tokens that is kept, 0 to 1."""
    token_limits: RealtimeTruncationRetentionRatioTokenLimits | None = None


RealtimeTruncation: TypeAlias = str | RealtimeTruncationRetentionRatio | UnknownObject
"""What to do when the context is full: ``auto``, ``disabled`` or an object, told by ``type``."""

RealtimeResponseCreateParamsToolChoice: TypeAlias = str | ToolChoiceFunction | ToolChoiceMcp | UnknownObject
"""The choice of tools: ``none``, ``auto``, ``required`` or an object, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioConfigOutputVoiceID(WireObject):
    """A voice of one's own."""

    id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponseAudioInputNoiseReduction(WireObject):
    """The noise reduction in force."""

    type: str | None = None
    """``near_field`` or ``far_field``."""
    strength: float | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponseAudioInputTurnDetectionServerVad(WireObject):
    """Turn detection by silence, as in force."""

    type: ClassVar[Literal["server_vad"]] = "server_vad"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    idle_timeout_ms: int | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponseAudioInputTurnDetectionSemanticVad(WireObject):
    """Turn detection by meaning, as in force."""

    type: ClassVar[Literal["semantic_vad"]] = "semantic_vad"
    eagerness: str | None = None
    """``low``, ``medium``, ``high`` or ``auto``."""
    create_response: bool | None = None
    interrupt_response: bool | None = None


RealtimeSessionCreateResponseAudioInputTurnDetection: TypeAlias = (
    RealtimeSessionCreateResponseAudioInputTurnDetectionServerVad
    | RealtimeSessionCreateResponseAudioInputTurnDetectionSemanticVad
    | UnknownObject
)
"""The turn detection in force, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponseAudioInput(WireObject):
    """The input audio of a conversation session."""

    format: RealtimeAudioFormats | None = None
    transcription: AudioTranscription | None = None
    noise_reduction: RealtimeSessionCreateResponseAudioInputNoiseReduction | None = None
    turn_detection: RealtimeSessionCreateResponseAudioInputTurnDetection | None = None
    """None when the client commits by hand."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponseAudioOutput(WireObject):
    """The output audio of a conversation session."""

    format: RealtimeAudioFormats | None = None
    voice: str | RealtimeAudioConfigOutputVoiceID | None = None
    speed: float | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponseAudio(WireObject):
    """The audio of a conversation session."""

    input: RealtimeSessionCreateResponseAudioInput | None = None
    output: RealtimeSessionCreateResponseAudioOutput | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponseTracingTracingConfiguration(WireObject):
    """Where the traces of a session go."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: Mapping[str, Any] | None = None


RealtimeSessionCreateResponseTracing: TypeAlias = str | RealtimeSessionCreateResponseTracingTracingConfiguration
"""Where the traces of a session go: ``auto``, or the details."""

RealtimeSessionCreateResponseTool: TypeAlias = RealtimeFunctionTool | RealtimeToolsConfigUnionMcp | UnknownObject
"""A tool of a session, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateResponse(WireObject):
    """The effective configuration of a conversation session.

    A session without a ``type`` that is no beta's is one of these too.
    """

    type: ClassVar[Literal["realtime"]] = "realtime"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    id: str | None = None
    object: str | None = None
    expires_at: Timestamp | None = None
    """When the server will end the session."""
    model: str | None = None
    instructions: str | None = None
    output_modalities: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    """``("audio",)`` or ``("text",)``."""
    audio: RealtimeSessionCreateResponseAudio | None = None
    tools: tuple[RealtimeSessionCreateResponseTool, ...] | None = field(default=None, converter=as_tuple)
    tool_choice: RealtimeResponseCreateParamsToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | str | None = None
    """A number, or ``inf``."""
    truncation: RealtimeTruncation | None = None
    tracing: RealtimeSessionCreateResponseTracing | None = None
    prompt: ResponsePrompt | None = None
    reasoning: RealtimeReasoning | None = None
    include: tuple[str, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranscriptionSessionTurnDetection(WireObject):
    """The turn detection of a transcription session, as in force; of either kind."""

    type: str | None = None
    """``server_vad`` or ``semantic_vad``."""
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    # What the request has; the description of the answer leaves it out.
    idle_timeout_ms: int | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    eagerness: str | None = None
    """``low``, ``medium``, ``high`` or ``auto``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranscriptionSessionCreateResponseAudioInput(WireObject):
    """The input audio of a transcription session."""

    format: RealtimeAudioFormats | None = None
    transcription: AudioTranscription | None = None
    noise_reduction: RealtimeSessionCreateResponseAudioInputNoiseReduction | None = None
    turn_detection: RealtimeTranscriptionSessionTurnDetection | None = None
    """None when the client commits by hand."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranscriptionSessionCreateResponseAudio(WireObject):
    """The audio of a transcription session."""

    input: RealtimeTranscriptionSessionCreateResponseAudioInput | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranscriptionSessionCreateResponse(WireObject):
    """The effective configuration of a transcription session."""

    type: ClassVar[Literal["transcription"]] = "transcription"
    id: str | None = None
    object: str | None = None
    expires_at: Timestamp | None = None
    """When the server will end the session."""
    audio: RealtimeTranscriptionSessionCreateResponseAudio | None = None
    include: tuple[str, ...] | None = field(default=None, converter=as_tuple)


# The official SDK has a name for each place where one of these can stand.
RealtimeTranscriptionSessionCreateResponseAudioInputNoiseReduction: TypeAlias = (
    RealtimeSessionCreateResponseAudioInputNoiseReduction
)
