"""The flat sessions and responses of the beta, which Azure's preview and older servers still speak."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import KnownEvent, UnknownObject, WireObject, as_tuple
from realtime_sync.types._common import ResponsePrompt, Timestamp, ToolChoiceFunction, ToolChoiceMcp
from realtime_sync.types.realtime._items import ConversationItem
from realtime_sync.types.realtime._requests import (
    RealtimeResponseCreateAudioOutputOutputVoiceID,
    RealtimeTracingConfigTracingConfiguration,
)
from realtime_sync.types.realtime._response import (
    RealtimeResponse,
    RealtimeResponseStatus,
    RealtimeResponseStatusError,
    RealtimeResponseUsage,
    RealtimeResponseUsageInputTokenDetails,
    RealtimeResponseUsageInputTokenDetailsCachedTokensDetails,
    RealtimeResponseUsageOutputTokenDetails,
)
from realtime_sync.types.realtime._session import (
    AudioTranscription,
    RealtimeAudioFormats,
    RealtimeSessionCreateResponse,
    RealtimeSessionCreateResponseAudioInputTurnDetection,
    RealtimeSessionCreateResponseAudioOutput,
    RealtimeSessionCreateResponseTool,
    RealtimeSessionCreateResponseTracingTracingConfiguration,
    RealtimeTranscriptionSessionCreateResponse,
    RealtimeTranscriptionSessionTurnDetection,
    RealtimeTruncation,
)

_NESTED = frozenset({"audio", "output_modalities"})
"""What the sessions of today have, and none of the beta."""
_FLAT = frozenset(
    {
        "input_audio_format",
        "input_audio_noise_reduction",
        "input_audio_transcription",
        "max_response_output_tokens",
        "modalities",
        "output_audio_format",
        "temperature",
        "turn_detection",
        "voice",
    }
)
"""What the sessions of the beta have, and none of today."""
_FOR_RESPONSES = frozenset(
    {"instructions", "max_response_output_tokens", "model", "output_audio_format", "tools", "voice"}
)
_ONLY_IN_BETA = frozenset({"modalities", "output_audio_format", "temperature", "voice"})

__all__ = [
    "AnyRealtimeResponse",
    "RealtimeBetaAudioFormats",
    "RealtimeBetaClientEventResponseCreate",
    "RealtimeBetaClientEventSessionUpdate",
    "RealtimeBetaClientEventTranscriptionSessionUpdate",
    "RealtimeBetaNoiseReduction",
    "RealtimeBetaResponse",
    "RealtimeBetaResponseCreateParams",
    "RealtimeBetaResponseCreateParamsToolsItem",
    "RealtimeBetaResponseStatusDetails",
    "RealtimeBetaResponseStatusDetailsError",
    "RealtimeBetaResponseUsage",
    "RealtimeBetaResponseUsageInputTokenDetails",
    "RealtimeBetaResponseUsageInputTokenDetailsCachedTokensDetails",
    "RealtimeBetaResponseUsageOutputTokenDetails",
    "RealtimeBetaSession",
    "RealtimeBetaSessionCreateRequest",
    "RealtimeBetaSessionCreateRequestClientSecret",
    "RealtimeBetaSessionCreateRequestInputAudioTranscription",
    "RealtimeBetaSessionCreateRequestToolsItem",
    "RealtimeBetaSessionCreateRequestTracingTracingConfiguration",
    "RealtimeBetaSessionCreateRequestTurnDetection",
    "RealtimeBetaSessionCreateResponse",
    "RealtimeBetaSessionCreateResponseAudio",
    "RealtimeBetaSessionCreateResponseAudioInput",
    "RealtimeBetaSessionCreateResponseAudioInputNoiseReduction",
    "RealtimeBetaSessionCreateResponseAudioInputTurnDetection",
    "RealtimeBetaSessionCreateResponseAudioOutput",
    "RealtimeBetaSessionCreateResponseTracingTracingConfiguration",
    "RealtimeBetaSessionCreateResponseTurnDetection",
    "RealtimeBetaSessionInputAudioNoiseReduction",
    "RealtimeBetaSessionTracingTracingConfigurationTracingConfiguration",
    "RealtimeBetaTranscriptionSessionCreateRequest",
    "RealtimeBetaTranscriptionSessionCreateRequestInputAudioNoiseReduction",
    "RealtimeBetaTranscriptionSessionCreateRequestTurnDetection",
    "RealtimeBetaTranscriptionSessionCreateResponse",
    "RealtimeBetaTranscriptionSessionCreateResponseClientSecret",
    "RealtimeBetaTranscriptionSessionCreateResponseTurnDetection",
    "RealtimeBetaTruncation",
    "RealtimeBetaTurnDetection",
    "RealtimeBetaTurnDetectionParams",
    "RealtimeBetaVoiceIdsOrCustomVoice",
    "ServerSession",
]


_Map: TypeAlias = Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaNoiseReduction(WireObject):
    """The noise reduction in force."""

    type: str | None = None
    """``near_field`` or ``far_field``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaTurnDetectionParams(WireObject):
    """The turn detection to use."""

    type: str | NotGiven = NOT_GIVEN
    threshold: float | NotGiven = NOT_GIVEN
    prefix_padding_ms: int | NotGiven = NOT_GIVEN
    silence_duration_ms: int | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSessionCreateRequestClientSecret(WireObject):
    """A key for one session."""

    value: str = field(repr=False)
    expires_at: int


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSessionCreateRequestInputAudioTranscription(WireObject):
    """How to transcribe input audio."""

    model: str | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSessionCreateRequestToolsItem(WireObject):
    """A function that the model may call."""

    type: str = "function"
    name: str | NotGiven = NOT_GIVEN
    description: str | NotGiven = NOT_GIVEN
    parameters: _Map | NotGiven = NOT_GIVEN


RealtimeBetaVoiceIdsOrCustomVoice: TypeAlias = str | RealtimeResponseCreateAudioOutputOutputVoiceID
"""A voice: its name, or one of one's own."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSessionCreateRequest(WireObject):
    """The configuration of a session."""

    client_secret: RealtimeBetaSessionCreateRequestClientSecret | _Map | NotGiven = NOT_GIVEN
    modalities: tuple[str, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    """``text`` or ``audio``."""
    instructions: str | NotGiven = NOT_GIVEN
    voice: RealtimeBetaVoiceIdsOrCustomVoice | _Map | NotGiven = NOT_GIVEN
    input_audio_format: str | NotGiven = NOT_GIVEN
    output_audio_format: str | NotGiven = NOT_GIVEN
    input_audio_transcription: RealtimeBetaSessionCreateRequestInputAudioTranscription | _Map | None | NotGiven = (
        NOT_GIVEN
    )
    speed: float | NotGiven = NOT_GIVEN
    """0.25 to 1.5."""
    tracing: str | RealtimeTracingConfigTracingConfiguration | _Map | NotGiven = NOT_GIVEN
    turn_detection: RealtimeBetaTurnDetectionParams | _Map | None | NotGiven = NOT_GIVEN
    tools: tuple[RealtimeBetaSessionCreateRequestToolsItem | _Map, ...] | NotGiven = field(
        default=NOT_GIVEN, converter=as_tuple
    )
    tool_choice: str | NotGiven = NOT_GIVEN
    temperature: float | NotGiven = NOT_GIVEN
    """0.6 to 1.2."""
    max_response_output_tokens: int | str | NotGiven = NOT_GIVEN
    """A number, or ``inf``."""
    truncation: RealtimeTruncation | _Map | NotGiven = NOT_GIVEN
    prompt: ResponsePrompt | _Map | None | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaTranscriptionSessionCreateRequestTurnDetection(WireObject):
    """The turn detection to use."""

    type: str = "server_vad"
    threshold: float | NotGiven = NOT_GIVEN
    prefix_padding_ms: int | NotGiven = NOT_GIVEN
    silence_duration_ms: int | NotGiven = NOT_GIVEN
    create_response: bool | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaTranscriptionSessionCreateRequest(WireObject):
    """The configuration of a transcription session."""

    turn_detection: RealtimeBetaTranscriptionSessionCreateRequestTurnDetection | _Map | None | NotGiven = NOT_GIVEN
    input_audio_noise_reduction: RealtimeBetaNoiseReduction | _Map | None | NotGiven = NOT_GIVEN
    input_audio_format: str | NotGiven = NOT_GIVEN
    """``pcm16``, ``g711_ulaw`` or ``g711_alaw``."""
    input_audio_transcription: AudioTranscription | _Map | NotGiven = NOT_GIVEN
    include: tuple[str, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaResponseCreateParams(WireObject):
    """What to respond to, and how."""

    modalities: tuple[str, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    """``text`` or ``audio``."""
    instructions: str | NotGiven = NOT_GIVEN
    voice: RealtimeBetaVoiceIdsOrCustomVoice | _Map | NotGiven = NOT_GIVEN
    output_audio_format: str | NotGiven = NOT_GIVEN
    """``pcm16``, ``g711_ulaw`` or ``g711_alaw``."""
    tools: tuple[RealtimeBetaSessionCreateRequestToolsItem | _Map, ...] | NotGiven = field(
        default=NOT_GIVEN, converter=as_tuple
    )
    tool_choice: str | ToolChoiceFunction | ToolChoiceMcp | _Map | NotGiven = NOT_GIVEN
    """``none``, ``auto`` or ``required``."""
    temperature: float | NotGiven = NOT_GIVEN
    max_output_tokens: int | str | NotGiven = NOT_GIVEN
    """A number, or ``inf``."""
    conversation: str | NotGiven = NOT_GIVEN
    """``auto`` or ``none``."""
    metadata: _Map | None | NotGiven = NOT_GIVEN
    prompt: ResponsePrompt | _Map | None | NotGiven = NOT_GIVEN
    input: tuple[ConversationItem | _Map, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSession(WireObject):
    """The effective configuration of a session."""

    id: str | None = None
    object: str | None = None
    modalities: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    """``text`` or ``audio``."""
    model: str | None = None
    instructions: str | None = None
    voice: str | None = None
    input_audio_format: str | None = None
    """``pcm16``, ``g711_ulaw`` or ``g711_alaw``."""
    output_audio_format: str | None = None
    """``pcm16``, ``g711_ulaw`` or ``g711_alaw``."""
    input_audio_transcription: AudioTranscription | None = None
    turn_detection: RealtimeSessionCreateResponseAudioInputTurnDetection | None = None
    input_audio_noise_reduction: RealtimeBetaNoiseReduction | None = None
    speed: float | None = None
    """0.25 to 1.5."""
    tracing: str | RealtimeSessionCreateResponseTracingTracingConfiguration | None = None
    tools: tuple[RealtimeSessionCreateResponseTool, ...] | None = field(default=None, converter=as_tuple)
    tool_choice: str | None = None
    temperature: float | None = None
    max_response_output_tokens: int | str | None = None
    """A number, or ``inf``."""
    expires_at: Timestamp | None = None
    prompt: ResponsePrompt | None = None
    include: tuple[str, ...] | None = field(default=None, converter=as_tuple)

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from other sessions without a type: it is flat."""
        return _NESTED.isdisjoint(raw) and not _FLAT.isdisjoint(raw)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaTranscriptionSessionCreateResponseClientSecret(WireObject):
    """A key for one session."""

    value: str | None = field(default=None, repr=False)
    expires_at: Timestamp | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaTranscriptionSessionCreateResponseTurnDetection(WireObject):
    """The turn detection in force."""

    type: str | None = None
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    create_response: bool | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaTranscriptionSessionCreateResponse(WireObject):
    """The effective configuration of a transcription session."""

    id: str | None = None
    object: str | None = None
    client_secret: RealtimeBetaTranscriptionSessionCreateResponseClientSecret | None = None
    modalities: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    """``text`` or ``audio``."""
    input_audio_format: str | None = None
    input_audio_transcription: AudioTranscription | None = None
    turn_detection: RealtimeBetaTranscriptionSessionCreateResponseTurnDetection | None = None
    expires_at: Timestamp | None = None
    include: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    input_audio_noise_reduction: RealtimeBetaNoiseReduction | None = None

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from other sessions without a type: by ``object``; else it is flat and has nothing for responses."""
        if "object" in raw:
            return bool(raw["object"] == "realtime.transcription_session")
        return not _FLAT.isdisjoint(raw) and _FOR_RESPONSES.isdisjoint(raw) and _NESTED.isdisjoint(raw)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSessionCreateResponseAudioInput(WireObject):
    """The input audio of a session."""

    format: RealtimeAudioFormats | None = None
    transcription: AudioTranscription | None = None
    noise_reduction: RealtimeBetaNoiseReduction | None = None
    turn_detection: RealtimeTranscriptionSessionTurnDetection | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSessionCreateResponseAudio(WireObject):
    """The audio of a session."""

    input: RealtimeBetaSessionCreateResponseAudioInput | None = None
    output: RealtimeSessionCreateResponseAudioOutput | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaSessionCreateResponse(WireObject):
    """What the beta's HTTP endpoint for sessions returns."""

    id: str | None = None
    object: str | None = None
    expires_at: Timestamp | None = None
    include: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    model: str | None = None
    output_modalities: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    """``text`` or ``audio``."""
    instructions: str | None = None
    audio: RealtimeBetaSessionCreateResponseAudio | None = None
    tracing: str | RealtimeSessionCreateResponseTracingTracingConfiguration | None = None
    turn_detection: RealtimeTranscriptionSessionTurnDetection | None = None
    tools: tuple[RealtimeSessionCreateResponseTool, ...] | None = field(default=None, converter=as_tuple)
    tool_choice: str | None = None
    max_output_tokens: int | str | None = None
    """A number, or ``inf``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaResponse(RealtimeResponse):
    """A response of the model, as it stands, with what only the beta's have."""

    modalities: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    """``text`` or ``audio``."""
    voice: str | None = None
    output_audio_format: str | None = None
    """``pcm16``, ``g711_ulaw`` or ``g711_alaw``."""
    temperature: float | None = None

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from a response of today: it has a field that those do not have."""
        return not _ONLY_IN_BETA.isdisjoint(raw)


AnyRealtimeResponse: TypeAlias = RealtimeBetaResponse | RealtimeResponse
"""A response, in either shape."""

ServerSession: TypeAlias = (
    RealtimeBetaTranscriptionSessionCreateResponse
    | RealtimeBetaSession
    | RealtimeSessionCreateResponse
    | RealtimeTranscriptionSessionCreateResponse
    | UnknownObject
)
"""The effective configuration of a session, told by ``type``; one without a type is a beta's or a conversation's."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaClientEventSessionUpdate(KnownEvent):
    """Change the configuration of the session; answered by ``session.updated``."""

    type: ClassVar[Literal["session.update"]] = "session.update"
    event_id: str | NotGiven = NOT_GIVEN
    session: RealtimeBetaSessionCreateRequest | _Map


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaClientEventTranscriptionSessionUpdate(KnownEvent):
    """Change the configuration of the transcription session; answered by ``transcription_session.updated``."""

    type: ClassVar[Literal["transcription_session.update"]] = "transcription_session.update"
    event_id: str | NotGiven = NOT_GIVEN
    session: RealtimeBetaTranscriptionSessionCreateRequest | _Map


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeBetaClientEventResponseCreate(KnownEvent):
    """Ask for a response; ``response.created`` to ``response.done`` follow."""

    type: ClassVar[Literal["response.create"]] = "response.create"
    event_id: str | NotGiven = NOT_GIVEN
    response: RealtimeBetaResponseCreateParams | _Map | NotGiven = NOT_GIVEN


# The official SDK has a name for each place where one of these can stand.
RealtimeBetaSessionCreateResponseAudioInputNoiseReduction: TypeAlias = RealtimeBetaNoiseReduction
RealtimeBetaSessionInputAudioNoiseReduction: TypeAlias = RealtimeBetaNoiseReduction
RealtimeBetaTranscriptionSessionCreateRequestInputAudioNoiseReduction: TypeAlias = RealtimeBetaNoiseReduction
RealtimeBetaSessionCreateRequestTurnDetection: TypeAlias = RealtimeBetaTurnDetectionParams
RealtimeBetaResponseCreateParamsToolsItem: TypeAlias = RealtimeBetaSessionCreateRequestToolsItem
RealtimeBetaAudioFormats: TypeAlias = RealtimeAudioFormats
RealtimeBetaTruncation: TypeAlias = RealtimeTruncation
RealtimeBetaTurnDetection: TypeAlias = RealtimeSessionCreateResponseAudioInputTurnDetection
RealtimeBetaResponseStatusDetails: TypeAlias = RealtimeResponseStatus
RealtimeBetaResponseStatusDetailsError: TypeAlias = RealtimeResponseStatusError
RealtimeBetaResponseUsage: TypeAlias = RealtimeResponseUsage
RealtimeBetaResponseUsageInputTokenDetails: TypeAlias = RealtimeResponseUsageInputTokenDetails
RealtimeBetaResponseUsageInputTokenDetailsCachedTokensDetails: TypeAlias = (
    RealtimeResponseUsageInputTokenDetailsCachedTokensDetails
)
RealtimeBetaResponseUsageOutputTokenDetails: TypeAlias = RealtimeResponseUsageOutputTokenDetails
RealtimeBetaSessionCreateRequestTracingTracingConfiguration: TypeAlias = RealtimeTracingConfigTracingConfiguration
RealtimeBetaSessionCreateResponseAudioInputTurnDetection: TypeAlias = RealtimeTranscriptionSessionTurnDetection
RealtimeBetaSessionCreateResponseTurnDetection: TypeAlias = RealtimeTranscriptionSessionTurnDetection
RealtimeBetaSessionCreateResponseAudioOutput: TypeAlias = RealtimeSessionCreateResponseAudioOutput
RealtimeBetaSessionCreateResponseTracingTracingConfiguration: TypeAlias = (
    RealtimeSessionCreateResponseTracingTracingConfiguration
)
RealtimeBetaSessionTracingTracingConfigurationTracingConfiguration: TypeAlias = (
    RealtimeSessionCreateResponseTracingTracingConfiguration
)
