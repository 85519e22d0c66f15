"""How a response begins, ends, fails and is steered."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from attrs import field, frozen

from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.types.responses._event_bases import ItemEvent, StreamEvent
from realtime_sync.types.responses._items import ResponseInputItem
from realtime_sync.types.responses._response import Response, ResponseErrorMisalignment
from realtime_sync.types.responses._steering import (
    ResponseInjectFailedEventError,
    ResponseSteer,
    ResponseSteerFailedEventError,
    ResponseSteerFailedEventSteer,
    ResponseSteerRequiredInput,
)

__all__ = [
    "ResponseCompactionCompactingEvent",
    "ResponseCompletedEvent",
    "ResponseCreatedEvent",
    "ResponseErrorEvent",
    "ResponseFailedEvent",
    "ResponseInProgressEvent",
    "ResponseIncompleteEvent",
    "ResponseInjectCreatedEvent",
    "ResponseInjectFailedEvent",
    "ResponseQueuedEvent",
    "ResponseSteerAcceptedEvent",
    "ResponseSteerFailedEvent",
    "ResponseSteerPendingEvent",
    "ResponseWsError",
    "ResponsesServerEventResponseWsErrorError",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponsesServerEventResponseWsErrorError(WireObject):
    """What went wrong."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    headers: Mapping[str, Any] | None = field(default=None, repr=False)
    """Rate limits and when to try again, by the names of HTTP headers."""
    misalignment: ResponseErrorMisalignment | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseErrorEvent(StreamEvent):
    """Something went wrong, in the flat form of the HTTP stream, which some servers send over sockets too."""

    type: ClassVar[Literal["error"]] = "error"
    code: str | None = None
    message: str
    param: str | None = None

    @property
    def error(self) -> ResponsesServerEventResponseWsErrorError:
        """What went wrong, as `ResponseWsError` has it."""
        return ResponsesServerEventResponseWsErrorError(code=self.code, message=self.message, param=self.param)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseWsError(StreamEvent):
    """Something went wrong; the connection usually stays open."""

    type: ClassVar[Literal["error"]] = "error"
    error: ResponsesServerEventResponseWsErrorError
    status: int | None = None
    """The HTTP status that this would have been."""

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from the flat form: it has an object of its own."""
        return "error" in raw


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCompactionCompactingEvent(ItemEvent):
    """The server compacts the context."""

    type: ClassVar[Literal["response.compaction.compacting"]] = "response.compaction.compacting"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCompletedEvent(StreamEvent):
    """The response is complete: its last event."""

    type: ClassVar[Literal["response.completed"]] = "response.completed"
    response: Response


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCreatedEvent(StreamEvent):
    """A response began: its first event."""

    type: ClassVar[Literal["response.created"]] = "response.created"
    response: Response


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFailedEvent(StreamEvent):
    """The response failed: its last event."""

    type: ClassVar[Literal["response.failed"]] = "response.failed"
    response: Response


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInProgressEvent(StreamEvent):
    """The model works on the response."""

    type: ClassVar[Literal["response.in_progress"]] = "response.in_progress"
    response: Response


@frozen(kw_only=True, eq=False, repr=False)
class ResponseIncompleteEvent(StreamEvent):
    """The response ended early: its last event, unless a steer cut it."""

    type: ClassVar[Literal["response.incomplete"]] = "response.incomplete"
    response: Response


@frozen(kw_only=True, eq=False, repr=False)
class ResponseQueuedEvent(StreamEvent):
    """The response waits for its turn."""

    type: ClassVar[Literal["response.queued"]] = "response.queued"
    response: Response


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerAcceptedEvent(StreamEvent):
    """A steer is queued; what it brings begins with a new ``response.created``."""

    type: ClassVar[Literal["response.steer.accepted"]] = "response.steer.accepted"
    steer: ResponseSteer


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerFailedEvent(StreamEvent):
    """A steer was refused or came to nothing."""

    type: ClassVar[Literal["response.steer.failed"]] = "response.steer.failed"
    error: ResponseSteerFailedEventError
    steer: ResponseSteerFailedEventSteer | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerPendingEvent(StreamEvent):
    """A steer waits for outputs that the client has to send."""

    type: ClassVar[Literal["response.steer.pending"]] = "response.steer.pending"
    reason: str | None = None
    required_input: tuple[ResponseSteerRequiredInput, ...] | None = field(default=None, converter=as_tuple)
    steer: ResponseSteer


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInjectCreatedEvent(StreamEvent):
    """What was injected is in the response."""

    type: ClassVar[Literal["response.inject.created"]] = "response.inject.created"
    response_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInjectFailedEvent(StreamEvent):
    """What was to be injected was refused."""

    type: ClassVar[Literal["response.inject.failed"]] = "response.inject.failed"
    response_id: str | None = None
    input: tuple[ResponseInputItem, ...] | None = field(default=None, converter=as_tuple)
    error: ResponseInjectFailedEventError
