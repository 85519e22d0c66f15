"""The sessions of a translation: what is in force, and what a client asks for."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import WireObject
from realtime_sync.types._common import Timestamp

__all__ = [
    "RealtimeTranslationSession",
    "RealtimeTranslationSessionAudio",
    "RealtimeTranslationSessionAudioInput",
    "RealtimeTranslationSessionAudioInputNoiseReduction",
    "RealtimeTranslationSessionAudioInputTranscription",
    "RealtimeTranslationSessionAudioOutput",
    "RealtimeTranslationSessionCreateRequestAudioOutput",
    "RealtimeTranslationSessionUpdateRequest",
    "RealtimeTranslationSessionUpdateRequestAudio",
    "RealtimeTranslationSessionUpdateRequestAudioInput",
    "RealtimeTranslationSessionUpdateRequestAudioInputNoiseReduction",
    "RealtimeTranslationSessionUpdateRequestAudioInputTranscription",
    "RealtimeTranslationSessionUpdateRequestAudioOutput",
]


_Map: TypeAlias = Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionAudioInputNoiseReduction(WireObject):
    """The noise reduction in force."""

    type: str | None = None
    """``near_field`` or ``far_field``."""
    strength: float | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionAudioInputTranscription(WireObject):
    """The transcription of the input in force."""

    model: str | None = None
    language: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionAudioInput(WireObject):
    """The input audio of a session."""

    noise_reduction: RealtimeTranslationSessionAudioInputNoiseReduction | None = None
    transcription: RealtimeTranslationSessionAudioInputTranscription | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionAudioOutput(WireObject):
    """The output audio of a session."""

    language: str | None = None
    """ISO 639-1."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionAudio(WireObject):
    """The audio of a session."""

    input: RealtimeTranslationSessionAudioInput | None = None
    output: RealtimeTranslationSessionAudioOutput | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSession(WireObject):
    """The effective configuration of a session."""

    type: str | None = None
    id: str | None = None
    audio: RealtimeTranslationSessionAudio | None = None
    expires_at: Timestamp | None = None
    model: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdateRequestAudioInputNoiseReduction(WireObject):
    """The noise reduction to use."""

    type: str
    """``near_field`` or ``far_field``."""
    strength: float | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdateRequestAudioInputTranscription(WireObject):
    """How to transcribe the input."""

    model: str


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdateRequestAudioInput(WireObject):
    """The input audio of a session."""

    noise_reduction: RealtimeTranslationSessionUpdateRequestAudioInputNoiseReduction | _Map | None | NotGiven = (
        NOT_GIVEN
    )
    transcription: RealtimeTranslationSessionUpdateRequestAudioInputTranscription | _Map | None | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdateRequestAudioOutput(WireObject):
    """The output audio of a session."""

    language: str | NotGiven = NOT_GIVEN
    """ISO 639-1."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdateRequestAudio(WireObject):
    """The audio of a session."""

    input: RealtimeTranslationSessionUpdateRequestAudioInput | _Map | NotGiven = NOT_GIVEN
    output: RealtimeTranslationSessionUpdateRequestAudioOutput | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdateRequest(WireObject):
    """The configuration of a session: keys that are set replace, others keep their value."""

    audio: RealtimeTranslationSessionUpdateRequestAudio | _Map | NotGiven = NOT_GIVEN


# The official SDK has a name for each place where one of these can stand.
RealtimeTranslationSessionCreateRequestAudioOutput: TypeAlias = RealtimeTranslationSessionUpdateRequestAudioOutput
