"""Keys that let a browser begin a translation, made over HTTP."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import WireObject
from realtime_sync.types._common import Timestamp
from realtime_sync.types.translation._session import (
    RealtimeTranslationSession,
    RealtimeTranslationSessionUpdateRequestAudioOutput,
)

__all__ = [
    "RealtimeTranslationClientSecretCreateRequest",
    "RealtimeTranslationClientSecretCreateRequestExpiresAfter",
    "RealtimeTranslationClientSecretCreateResponse",
    "RealtimeTranslationSessionCreateRequest",
    "RealtimeTranslationSessionCreateRequestAudio",
    "RealtimeTranslationSessionCreateRequestAudioInput",
    "RealtimeTranslationSessionCreateRequestAudioInputNoiseReduction",
    "RealtimeTranslationSessionCreateRequestAudioInputTranscription",
]


_Map: TypeAlias = Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionCreateRequestAudioInputNoiseReduction(WireObject):
    """The noise reduction to use."""

    type: str
    """``near_field`` or ``far_field``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionCreateRequestAudioInputTranscription(WireObject):
    """How to transcribe the input."""

    model: str


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionCreateRequestAudioInput(WireObject):
    """The input audio of a session."""

    transcription: RealtimeTranslationSessionCreateRequestAudioInputTranscription | _Map | None | NotGiven = NOT_GIVEN
    noise_reduction: RealtimeTranslationSessionCreateRequestAudioInputNoiseReduction | _Map | None | NotGiven = (
        NOT_GIVEN
    )


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionCreateRequestAudio(WireObject):
    """The audio of a session."""

    input: RealtimeTranslationSessionCreateRequestAudioInput | _Map | NotGiven = NOT_GIVEN
    output: RealtimeTranslationSessionUpdateRequestAudioOutput | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionCreateRequest(WireObject):
    """The configuration of a session to be."""

    model: str
    audio: RealtimeTranslationSessionCreateRequestAudio | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationClientSecretCreateRequestExpiresAfter(WireObject):
    """How long a key is good for."""

    anchor: str | NotGiven = NOT_GIVEN
    """``created_at``."""
    seconds: int | NotGiven = NOT_GIVEN
    """10 to 7200; the server's default is 600."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationClientSecretCreateRequest(WireObject):
    """The body of a request for a key."""

    expires_after: RealtimeTranslationClientSecretCreateRequestExpiresAfter | _Map | NotGiven = NOT_GIVEN
    session: RealtimeTranslationSessionCreateRequest | _Map


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationClientSecretCreateResponse(WireObject):
    """A key that starts sessions until it expires."""

    expires_at: Timestamp | None = None
    session: RealtimeTranslationSession | None = None
    value: str | None = field(default=None, repr=False)
