"""The events a client sends. A mapping will do wherever an object is expected."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import KnownEvent
from realtime_sync.types.realtime._beta import (
    RealtimeBetaClientEventResponseCreate,
    RealtimeBetaClientEventSessionUpdate,
    RealtimeBetaClientEventTranscriptionSessionUpdate,
)
from realtime_sync.types.realtime._items import ConversationItem
from realtime_sync.types.realtime._requests import RealtimeResponseCreateParams, SessionConfig

__all__ = [
    "ClientEvent",
    "ConversationItemCreateEvent",
    "ConversationItemDeleteEvent",
    "ConversationItemRetrieveEvent",
    "ConversationItemTruncateEvent",
    "InputAudioBufferAppendEvent",
    "InputAudioBufferClearEvent",
    "InputAudioBufferCommitEvent",
    "OutputAudioBufferClearEvent",
    "RealtimeClientEvent",
    "ResponseCancelEvent",
    "ResponseCreateEvent",
    "SessionUpdateEvent",
]


@frozen(kw_only=True, eq=False, repr=False)
class _ClientEvent(KnownEvent):
    event_id: str | NotGiven = NOT_GIVEN
    """The client's own id, at most 512 characters; an error names it. A session adds one."""


@frozen(kw_only=True, eq=False, repr=False)
class SessionUpdateEvent(_ClientEvent):
    """Change the configuration of the session; answered by ``session.updated``."""

    type: ClassVar[Literal["session.update"]] = "session.update"
    session: SessionConfig | Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemCreateEvent(_ClientEvent):
    """Add an item to the conversation; answered by ``conversation.item.added`` and ``.done``."""

    type: ClassVar[Literal["conversation.item.create"]] = "conversation.item.create"
    item: ConversationItem | Mapping[str, Any]
    previous_item_id: str | None | NotGiven = NOT_GIVEN
    """The item to insert after; ``root`` prepends, not given appends."""


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemDeleteEvent(_ClientEvent):
    """Remove an item; answered by ``conversation.item.deleted``."""

    type: ClassVar[Literal["conversation.item.delete"]] = "conversation.item.delete"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemRetrieveEvent(_ClientEvent):
    """Fetch an item with its audio; answered by ``conversation.item.retrieved``."""

    type: ClassVar[Literal["conversation.item.retrieve"]] = "conversation.item.retrieve"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ConversationItemTruncateEvent(_ClientEvent):
    """Cut the audio of an assistant item; answered by ``conversation.item.truncated``."""

    type: ClassVar[Literal["conversation.item.truncate"]] = "conversation.item.truncate"
    item_id: str
    content_index: int
    audio_end_ms: int
    """Milliseconds to keep, not more than there are."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferAppendEvent(_ClientEvent):
    """Add audio to the input buffer; not answered."""

    type: ClassVar[Literal["input_audio_buffer.append"]] = "input_audio_buffer.append"
    audio: str | bytes | bytearray | memoryview = field(repr=False)
    """Bytes, or base64 text; at most 15 MiB of audio."""


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferCommitEvent(_ClientEvent):
    """Make a user item of the input buffer; answered by ``input_audio_buffer.committed``."""

    type: ClassVar[Literal["input_audio_buffer.commit"]] = "input_audio_buffer.commit"


@frozen(kw_only=True, eq=False, repr=False)
class InputAudioBufferClearEvent(_ClientEvent):
    """Empty the input buffer; answered by ``input_audio_buffer.cleared``."""

    type: ClassVar[Literal["input_audio_buffer.clear"]] = "input_audio_buffer.clear"


@frozen(kw_only=True, eq=False, repr=False)
class OutputAudioBufferClearEvent(_ClientEvent):
    """Stop the audio that plays on a call (WebRTC and SIP only)."""

    type: ClassVar[Literal["output_audio_buffer.clear"]] = "output_audio_buffer.clear"


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCreateEvent(_ClientEvent):
    """Ask for a response; ``response.created`` to ``response.done`` follow."""

    type: ClassVar[Literal["response.create"]] = "response.create"
    response: RealtimeResponseCreateParams | Mapping[str, Any] | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCancelEvent(_ClientEvent):
    """Cancel a response; answered by ``response.done`` with the status ``cancelled``."""

    type: ClassVar[Literal["response.cancel"]] = "response.cancel"
    response_id: str | NotGiven = NOT_GIVEN
    """Not given: the response of the conversation."""


ClientEvent: TypeAlias = (
    SessionUpdateEvent
    | ConversationItemCreateEvent
    | ConversationItemDeleteEvent
    | ConversationItemRetrieveEvent
    | ConversationItemTruncateEvent
    | InputAudioBufferAppendEvent
    | InputAudioBufferCommitEvent
    | InputAudioBufferClearEvent
    | OutputAudioBufferClearEvent
    | ResponseCreateEvent
    | ResponseCancelEvent
    | RealtimeBetaClientEventSessionUpdate
    | RealtimeBetaClientEventTranscriptionSessionUpdate
    | RealtimeBetaClientEventResponseCreate
)
"""Every event a client can send."""

RealtimeClientEvent: TypeAlias = ClientEvent
"""The official SDK's name of the union."""
