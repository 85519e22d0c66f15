"""What the events of a server have in common."""

from attrs import frozen

from realtime_sync.types._base import KnownEvent

__all__ = [
    "ContentEvent",
    "ItemEvent",
    "StreamEvent",
    "SummaryEvent",
]


@frozen(kw_only=True, eq=False, repr=False)
class StreamEvent(KnownEvent):
    """What all events of a server have."""

    sequence_number: int | None = None
    """Rises with the events of one response."""
    stream_id: str | None = None
    """The lane; None for the default one."""


@frozen(kw_only=True, eq=False, repr=False)
class ItemEvent(StreamEvent):
    """What the events of one item have."""

    item_id: str | None = None
    output_index: int | None = None
    """The place of the item in the response."""


@frozen(kw_only=True, eq=False, repr=False)
class ContentEvent(ItemEvent):
    """What the events of one part of an item have."""

    content_index: int | None = None
    """The place of the part in the item."""


@frozen(kw_only=True, eq=False, repr=False)
class SummaryEvent(ItemEvent):
    """What the events of one part of a summary have."""

    summary_index: int | None = None
    """The place of the part in the summary."""
