"""The response object of the server and what it carries, with the other objects of server events."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.types._values import Usage
from realtime_sync.types.realtime._items import (
    ConversationItem,
    RealtimeConversationItemAssistantMessage,
    RealtimeConversationItemFunctionCall,
)
from realtime_sync.types.realtime._session import RealtimeAudioConfigOutputVoiceID, RealtimeAudioFormats

__all__ = [
    "ConversationCreatedEventConversation",
    "RateLimitsUpdatedEventRateLimit",
    "RealtimeResponse",
    "RealtimeResponseAudio",
    "RealtimeResponseAudioOutput",
    "RealtimeResponseStatus",
    "RealtimeResponseStatusError",
    "RealtimeResponseUsage",
    "RealtimeResponseUsageInputTokenDetails",
    "RealtimeResponseUsageInputTokenDetailsCachedTokensDetails",
    "RealtimeResponseUsageOutputTokenDetails",
]


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseStatusError(WireObject):
    """Why a response failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseStatus(WireObject):
    """More about the status of a response."""

    type: str | None = None
    """``completed``, ``cancelled``, ``incomplete`` or ``failed``."""
    reason: str | None = None
    """``turn_detected``, ``client_cancelled``, ``max_output_tokens`` or ``content_filter``."""
    error: RealtimeResponseStatusError | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseUsageInputTokenDetailsCachedTokensDetails(Usage):
    """The input tokens that came from the cache, by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseUsageInputTokenDetails(Usage):
    """The input tokens of a response, by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: RealtimeResponseUsageInputTokenDetailsCachedTokensDetails | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseUsageOutputTokenDetails(Usage):
    """The output tokens of a response, by kind."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseUsage(Usage):
    """The tokens that a response used."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: RealtimeResponseUsageInputTokenDetails | None = None
    output_token_details: RealtimeResponseUsageOutputTokenDetails | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseAudioOutput(WireObject):
    """The output audio of a response."""

    format: RealtimeAudioFormats | None = None
    voice: str | RealtimeAudioConfigOutputVoiceID | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponseAudio(WireObject):
    """The audio configuration of a response."""

    output: RealtimeResponseAudioOutput | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeResponse(WireObject):
    """A response of the model, as it stands."""

    id: str | None = None
    object: str | None = None
    status: str | None = None
    """``in_progress``, ``completed``, ``cancelled``, ``failed`` or ``incomplete``."""
    status_details: RealtimeResponseStatus | None = None
    output: tuple[ConversationItem, ...] | None = field(default=None, converter=as_tuple)
    """The items made so far, without their audio."""
    usage: RealtimeResponseUsage | None = None
    metadata: Mapping[str, Any] | None = None
    """What the client gave with the request."""
    conversation_id: str | None = None
    """None for a response outside the conversation."""
    output_modalities: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    max_output_tokens: int | str | None = None
    """A number, or ``inf``."""
    audio: RealtimeResponseAudio | None = None

    @property
    def output_text(self) -> str:
        """The text of all messages, in order, and of audio its transcript; empty if there is none."""
        messages = (item for item in self.output or () if isinstance(item, RealtimeConversationItemAssistantMessage))
        parts = (part for message in messages for part in message.content or ())
        return "".join(part.text or part.transcript or "" for part in parts)

    @property
    def function_calls(self) -> tuple[RealtimeConversationItemFunctionCall, ...]:
        """The calls of functions, in order, which the client has to answer."""
        return tuple(item for item in self.output or () if isinstance(item, RealtimeConversationItemFunctionCall))


@frozen(kw_only=True, eq=False, repr=False)
class RateLimitsUpdatedEventRateLimit(WireObject):
    """The state of one rate limit."""

    name: str | None = None
    """``requests`` or ``tokens``."""
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None
    """Seconds until the limit is full again."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationCreatedEventConversation(WireObject):
    """A conversation."""

    id: str | None = None
    object: str | None = None
