"""What the HTTP companions of the API return."""

from attrs import field, frozen

from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.types._common import Timestamp
from realtime_sync.types.responses._items import ResponseItem, ResponseOutputItem
from realtime_sync.types.responses._response import ResponseImage
from realtime_sync.types.responses._usage import ResponseUsage

__all__ = [
    "CompactedResponse",
    "Error",
    "ErrorResponse",
    "InputTokenCountResponse",
    "ResponseItemList",
]


@frozen(kw_only=True, eq=False, repr=False)
class CompactedResponse(WireObject):
    """What a compaction returns: items to start over with."""

    id: str | None = None
    object: str | None = None
    created_at: Timestamp | None = None
    output: tuple[ResponseOutputItem, ...] | None = field(default=None, converter=as_tuple)
    usage: ResponseUsage | None = None
    image: ResponseImage | None = None


@frozen(kw_only=True, eq=False, repr=False)
class InputTokenCountResponse(WireObject):
    """How many tokens an input has."""

    object: str | None = None
    input_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseItemList(WireObject):
    """A page of the items of a response."""

    object: str | None = None
    data: tuple[ResponseItem, ...] | None = field(default=None, converter=as_tuple)
    first_id: str | None = None
    has_more: bool | None = None
    last_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Error(WireObject):
    """What went wrong with a request."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ErrorResponse(WireObject):
    """The body of a refused request."""

    error: Error | None = None
