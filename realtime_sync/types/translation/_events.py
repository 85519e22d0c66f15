"""The events of a translation session, from both sides. The server's `error` is that of the other realtime sessions."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import KnownEvent, UndecodableEvent, UnknownEvent
from realtime_sync.types._common import RealtimeErrorEvent, ServerEventBase
from realtime_sync.types._values import from_base64
from realtime_sync.types.translation._session import (
    RealtimeTranslationSession,
    RealtimeTranslationSessionUpdateRequest,
)

__all__ = [
    "BETA_NAMES",
    "ClientEvent",
    "RealtimeTranslationClientEvent",
    "RealtimeTranslationInputAudioBufferAppendEvent",
    "RealtimeTranslationInputTranscriptDeltaEvent",
    "RealtimeTranslationOutputAudioDeltaEvent",
    "RealtimeTranslationOutputTranscriptDeltaEvent",
    "RealtimeTranslationServerEvent",
    "RealtimeTranslationSessionCloseEvent",
    "RealtimeTranslationSessionClosedEvent",
    "RealtimeTranslationSessionCreatedEvent",
    "RealtimeTranslationSessionUpdateEvent",
    "RealtimeTranslationSessionUpdatedEvent",
    "ServerEvent",
]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdateEvent(KnownEvent):
    """Change the configuration of the session; answered by ``session.updated``."""

    type: ClassVar[Literal["session.update"]] = "session.update"
    event_id: str | NotGiven = NOT_GIVEN
    """The client's own id, at most 512 characters; an error names it. A session adds one."""
    session: RealtimeTranslationSessionUpdateRequest | Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationInputAudioBufferAppendEvent(KnownEvent):
    """Add audio to translate, 24 kHz PCM; not answered. Silence has to be sent too."""

    type: ClassVar[Literal["session.input_audio_buffer.append"]] = "session.input_audio_buffer.append"
    event_id: str | NotGiven = NOT_GIVEN
    """The client's own id, at most 512 characters; an error names it. A session adds one."""
    audio: str | bytes | bytearray | memoryview = field(repr=False)
    """Bytes, or base64 text."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionCloseEvent(KnownEvent):
    """End the session; the rest of the translation and ``session.closed`` follow."""

    type: ClassVar[Literal["session.close"]] = "session.close"
    event_id: str | NotGiven = NOT_GIVEN
    """The client's own id, at most 512 characters; an error names it. A session adds one."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionCreatedEvent(ServerEventBase):
    """The session began; the first event."""

    type: ClassVar[Literal["session.created"]] = "session.created"
    session: RealtimeTranslationSession


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionUpdatedEvent(ServerEventBase):
    """The configuration changed; carries all of it."""

    type: ClassVar[Literal["session.updated"]] = "session.updated"
    session: RealtimeTranslationSession


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationSessionClosedEvent(ServerEventBase):
    """The session is over: the last event."""

    type: ClassVar[Literal["session.closed"]] = "session.closed"


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationInputTranscriptDeltaEvent(ServerEventBase):
    """More of what was said, if the transcription of the input was asked for."""

    type: ClassVar[Literal["session.input_transcript.delta"]] = "session.input_transcript.delta"
    delta: str
    elapsed_ms: int | None = None
    """Where it belongs in time; no id."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationOutputTranscriptDeltaEvent(ServerEventBase):
    """More of the translation, as text."""

    type: ClassVar[Literal["session.output_transcript.delta"]] = "session.output_transcript.delta"
    delta: str
    elapsed_ms: int | None = None
    """Where it belongs in time; no id."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeTranslationOutputAudioDeltaEvent(ServerEventBase):
    """More of the translation, as audio."""

    type: ClassVar[Literal["session.output_audio.delta"]] = "session.output_audio.delta"
    delta: str = field(repr=False)
    """Base64 text."""
    elapsed_ms: int | None = None
    """Where it belongs in time; no id."""
    channels: int | None = None
    """1, where it is missing too."""
    format: str | None = None
    """``pcm16``."""
    sample_rate: int | None = None
    """Samples a second; 24000, where it is missing too."""

    @property
    def audio(self) -> bytes:
        """The audio as bytes.

        Raises:
            DecodeError: ``delta`` is not base64.
        """
        return from_base64(self.delta)


ClientEvent: TypeAlias = (
    RealtimeTranslationSessionUpdateEvent
    | RealtimeTranslationInputAudioBufferAppendEvent
    | RealtimeTranslationSessionCloseEvent
)
"""Every event a client can send."""

ServerEvent: TypeAlias = (
    RealtimeTranslationSessionCreatedEvent
    | RealtimeTranslationSessionUpdatedEvent
    | RealtimeTranslationSessionClosedEvent
    | RealtimeTranslationInputTranscriptDeltaEvent
    | RealtimeTranslationOutputTranscriptDeltaEvent
    | RealtimeTranslationOutputAudioDeltaEvent
    | RealtimeErrorEvent
    | UnknownEvent
    | UndecodableEvent
)
"""Every event a session can receive."""

# The official SDK's names of the unions.
RealtimeTranslationClientEvent: TypeAlias = ClientEvent
RealtimeTranslationServerEvent: TypeAlias = ServerEvent

BETA_NAMES: Mapping[str, str] = {"response.text.delta": "session.output_transcript.delta"}
"""What some servers (Azure's) call an event, and its name here."""
