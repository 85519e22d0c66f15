"""The configuration a client sends, with sessions and with responses. Unset and null differ: see `NOT_GIVEN`.

Wherever an object is expected, a mapping will do.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.types._common import ResponsePrompt
from realtime_sync.types.realtime._items import ConversationItemWithReference
from realtime_sync.types.realtime._mcp_objects import RealtimeToolsConfigUnionMcp
from realtime_sync.types.realtime._session import (
    AudioTranscription,
    RealtimeAudioConfigOutputVoiceID,
    RealtimeAudioFormats,
    RealtimeFunctionTool,
    RealtimeReasoning,
    RealtimeResponseCreateParamsToolChoice,
    RealtimeTruncation,
)

__all__ = [
    "RealtimeAudioConfig",
    "RealtimeAudioConfigInput",
    "RealtimeAudioConfigInputNoiseReduction",
    "RealtimeAudioConfigOutput",
    "RealtimeAudioConfigOutputVoice",
    "RealtimeAudioInputTurnDetection",
    "RealtimeAudioInputTurnDetectionSemanticVad",
    "RealtimeAudioInputTurnDetectionServerVad",
    "RealtimeResponseCreateAudioOutput",
    "RealtimeResponseCreateAudioOutputOutput",
    "RealtimeResponseCreateAudioOutputOutputVoice",
    "RealtimeResponseCreateAudioOutputOutputVoiceID",
    "RealtimeResponseCreateParams",
    "RealtimeResponseCreateParamsTool",
    "RealtimeSessionCreateRequest",
    "RealtimeToolsConfigUnion",
    "RealtimeTracingConfig",
    "RealtimeTracingConfigTracingConfiguration",
    "RealtimeTranscriptionSessionAudio",
    "RealtimeTranscriptionSessionAudioInput",
    "RealtimeTranscriptionSessionAudioInputNoiseReduction",
    "RealtimeTranscriptionSessionAudioInputTurnDetection",
    "RealtimeTranscriptionSessionAudioInputTurnDetectionSemanticVad",
    "RealtimeTranscriptionSessionAudioInputTurnDetectionServerVad",
    "RealtimeTranscriptionSessionCreateRequest",
    "SessionConfig",
]

_Map: TypeAlias = Mapping[str, Any]

RealtimeToolsConfigUnion: TypeAlias = RealtimeFunctionTool | RealtimeToolsConfigUnionMcp
"""A tool that the model may use, told by ``type``."""
RealtimeAudioConfigOutputVoice: TypeAlias = str | RealtimeAudioConfigOutputVoiceID
"""A voice: its name, or one of one's own."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioConfigInputNoiseReduction(WireObject):
    """The noise reduction to use."""

    type: str | NotGiven = NOT_GIVEN
    """``near_field`` or ``far_field``."""
    strength: float | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioInputTurnDetectionServerVad(WireObject):
    """Turn detection by silence."""

    type: ClassVar[Literal["server_vad"]] = "server_vad"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    threshold: float | NotGiven = NOT_GIVEN
    """How loud speech is, 0 to 1; the server's default is 0.5."""
    prefix_padding_ms: int | NotGiven = NOT_GIVEN
    """Audio kept from before speech began; the server's default is 300."""
    silence_duration_ms: int | NotGiven = NOT_GIVEN
    """Silence that ends a turn; the server's default is 500."""
    idle_timeout_ms: int | None | NotGiven = NOT_GIVEN
    """Silence after which the model speaks up, 5000 to 30000; None: never."""
    create_response: bool | NotGiven = NOT_GIVEN
    interrupt_response: bool | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioInputTurnDetectionSemanticVad(WireObject):
    """Turn detection by meaning."""

    type: ClassVar[Literal["semantic_vad"]] = "semantic_vad"
    eagerness: str | NotGiven = NOT_GIVEN
    """``low``, ``medium``, ``high`` or ``auto``."""
    create_response: bool | NotGiven = NOT_GIVEN
    interrupt_response: bool | NotGiven = NOT_GIVEN


RealtimeAudioInputTurnDetection: TypeAlias = (
    RealtimeAudioInputTurnDetectionServerVad | RealtimeAudioInputTurnDetectionSemanticVad
)
"""Turn detection, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioConfigInput(WireObject):
    """The input audio of a conversation session."""

    format: RealtimeAudioFormats | _Map | NotGiven = NOT_GIVEN
    transcription: AudioTranscription | _Map | None | NotGiven = NOT_GIVEN
    """None: no transcription."""
    noise_reduction: RealtimeAudioConfigInputNoiseReduction | _Map | None | NotGiven = NOT_GIVEN
    """None: off."""
    turn_detection: RealtimeAudioInputTurnDetection | _Map | None | NotGiven = NOT_GIVEN
    """None: off, the client commits by hand."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioConfigOutput(WireObject):
    """The output audio of a conversation session."""

    format: RealtimeAudioFormats | _Map | NotGiven = NOT_GIVEN
    voice: RealtimeAudioConfigOutputVoice | _Map | NotGiven = NOT_GIVEN
    """May change until the first audio was made."""
    speed: float | NotGiven = NOT_GIVEN
    """0.25 to 1.5."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeAudioConfig(WireObject):
    """The audio of a conversation session."""

    input: RealtimeAudioConfigInput | _Map | NotGiven = NOT_GIVEN
    output: RealtimeAudioConfigOutput | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTracingConfigTracingConfiguration(WireObject):
    """Where the traces of a session shall go."""

    workflow_name: str | NotGiven = NOT_GIVEN
    group_id: str | NotGiven = NOT_GIVEN
    metadata: _Map | NotGiven = NOT_GIVEN


RealtimeTracingConfig: TypeAlias = str | RealtimeTracingConfigTracingConfiguration
"""Where the traces of a session shall go: ``auto``, or the details."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeSessionCreateRequest(WireObject):
    """The configuration of a conversation session: keys that are set replace, others keep their value."""

    type: ClassVar[Literal["realtime"]] = "realtime"
    model: str | NotGiven = NOT_GIVEN
    """Cannot change after connecting."""
    instructions: str | NotGiven = NOT_GIVEN
    """The empty string clears them."""
    output_modalities: tuple[str, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    """``("audio",)`` or ``("text",)``."""
    audio: RealtimeAudioConfig | _Map | NotGiven = NOT_GIVEN
    tools: tuple[RealtimeToolsConfigUnion | _Map, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    """An empty sequence clears them."""
    tool_choice: RealtimeResponseCreateParamsToolChoice | _Map | NotGiven = NOT_GIVEN
    parallel_tool_calls: bool | NotGiven = NOT_GIVEN
    max_output_tokens: int | str | NotGiven = NOT_GIVEN
    """1 to 4096, or ``inf``."""
    truncation: RealtimeTruncation | _Map | NotGiven = NOT_GIVEN
    tracing: RealtimeTracingConfig | _Map | None | NotGiven = NOT_GIVEN
    """None: no traces. Cannot change once set."""
    prompt: ResponsePrompt | _Map | None | NotGiven = NOT_GIVEN
    reasoning: RealtimeReasoning | _Map | NotGiven = NOT_GIVEN
    include: tuple[str, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranscriptionSessionAudioInput(WireObject):
    """The input audio of a transcription session."""

    format: RealtimeAudioFormats | _Map | NotGiven = NOT_GIVEN
    transcription: AudioTranscription | _Map | None | NotGiven = NOT_GIVEN
    noise_reduction: RealtimeAudioConfigInputNoiseReduction | _Map | None | NotGiven = NOT_GIVEN
    """None: off."""
    turn_detection: RealtimeAudioInputTurnDetection | _Map | None | NotGiven = NOT_GIVEN
    """None: off, the client commits by hand."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranscriptionSessionAudio(WireObject):
    """The audio of a transcription session."""

    input: RealtimeTranscriptionSessionAudioInput | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranscriptionSessionCreateRequest(WireObject):
    """The configuration of a transcription session: keys that are set replace, others keep their value."""

    type: ClassVar[Literal["transcription"]] = "transcription"
    audio: RealtimeTranscriptionSessionAudio | _Map | NotGiven = NOT_GIVEN
    include: tuple[str, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)


SessionConfig: TypeAlias = RealtimeSessionCreateRequest | RealtimeTranscriptionSessionCreateRequest
"""The configuration of a session, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseCreateAudioOutputOutputVoiceID(WireObject):
    """A voice of one's own."""

    id: str


RealtimeResponseCreateAudioOutputOutputVoice: TypeAlias = str | RealtimeResponseCreateAudioOutputOutputVoiceID
"""A voice: its name, or one of one's own."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseCreateAudioOutputOutput(WireObject):
    """The output audio of a response to make."""

    format: RealtimeAudioFormats | _Map | NotGiven = NOT_GIVEN
    voice: RealtimeResponseCreateAudioOutputOutputVoice | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseCreateAudioOutput(WireObject):
    """The audio of a response to make."""

    output: RealtimeResponseCreateAudioOutputOutput | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseCreateParams(WireObject):
    """The configuration of one response: what is not set is taken from the session."""

    instructions: str | NotGiven = NOT_GIVEN
    input: tuple[ConversationItemWithReference | _Map, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    """The whole context instead of the conversation; an empty sequence is an empty context."""
    conversation: str | NotGiven = NOT_GIVEN
    """``auto``, or ``none`` for a response beside the conversation."""
    metadata: _Map | None | NotGiven = NOT_GIVEN
    """At most 16 pairs of strings, which come back with the response."""
    output_modalities: tuple[str, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    """``("audio",)`` or ``("text",)``."""
    audio: RealtimeResponseCreateAudioOutput | _Map | NotGiven = NOT_GIVEN
    tools: tuple[RealtimeToolsConfigUnion | _Map, ...] | NotGiven = field(default=NOT_GIVEN, converter=as_tuple)
    tool_choice: RealtimeResponseCreateParamsToolChoice | _Map | NotGiven = NOT_GIVEN
    parallel_tool_calls: bool | NotGiven = NOT_GIVEN
    max_output_tokens: int | str | NotGiven = NOT_GIVEN
    """1 to 4096, or ``inf``."""
    prompt: ResponsePrompt | _Map | None | NotGiven = NOT_GIVEN
    reasoning: RealtimeReasoning | _Map | NotGiven = NOT_GIVEN


# The official SDK has a name for each place where one of these can stand.
RealtimeResponseCreateParamsTool: TypeAlias = RealtimeToolsConfigUnion
RealtimeTranscriptionSessionAudioInputNoiseReduction: TypeAlias = RealtimeAudioConfigInputNoiseReduction
RealtimeTranscriptionSessionAudioInputTurnDetection: TypeAlias = RealtimeAudioInputTurnDetection
RealtimeTranscriptionSessionAudioInputTurnDetectionServerVad: TypeAlias = RealtimeAudioInputTurnDetectionServerVad
RealtimeTranscriptionSessionAudioInputTurnDetectionSemanticVad: TypeAlias = RealtimeAudioInputTurnDetectionSemanticVad
