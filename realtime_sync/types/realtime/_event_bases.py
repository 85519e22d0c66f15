"""What the events of one response have in common."""

from attrs import frozen

from realtime_sync.types._common import ServerEventBase

__all__ = ["ResponseEventBase"]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseEventBase(ServerEventBase):
    """What the events of one item of a response have."""

    response_id: str | None = None
    output_index: int | None = None
    """The place of the item in the response."""
