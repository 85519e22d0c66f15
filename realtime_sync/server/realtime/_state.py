"""What the parts of one session share."""

from __future__ import annotations

import json
from typing import Any

from attrs import define, field

from realtime_sync.audio import AudioFormat
from realtime_sync.server._backend import Backend, new_id
from realtime_sync.server._channel import Channel
from realtime_sync.server._faults import Fault
from realtime_sync.server._problem import Problem
from realtime_sync.server.realtime._items import Conversation, shown

__all__ = ["State", "rejected"]


@define(eq=False, kw_only=True)
class State:
    """The settings, the conversation and the way out. Belongs to the connection's thread."""

    channel: Channel
    backend: Backend
    settings: dict[str, Any]
    """The effective session; replaced as a whole, never changed."""
    conversation: Conversation = field(init=False, factory=Conversation)
    has_spoken: bool = field(init=False, default=False)
    """The conversation has audio of the server's: its voice cannot change any more."""

    @property
    def input_settings(self) -> dict[str, Any]:
        """Return the session's audio.input."""
        found: dict[str, Any] = self.settings["audio"]["input"]
        return found

    @property
    def input_format(self) -> AudioFormat:
        """Return what the client's audio comes in."""
        return AudioFormat.from_wire(self.input_settings["format"])

    def emit(self, event: dict[str, Any]) -> None:
        """Send an event, with an id of ours, or commit the fault that strikes it."""
        if not self.channel.is_open:
            return
        fault = self.backend.faults.take("sent", event["type"])
        if fault is not None and fault.do == "reject":
            event, fault = rejected(fault).event(None), None
        event = {"type": event["type"], "event_id": new_id("event"), **event}
        self.channel.send(json.dumps(event, ensure_ascii=False, separators=(",", ":")), fault)

    def add_item(self, item: dict[str, Any], after: str | None = None) -> None:
        """Put an item into the conversation and tell it, or raise the `Problem` with it."""
        body = {"previous_item_id": self.conversation.insert(item, after), "item": shown(item)}
        self.emit({"type": "conversation.item.added", **body})
        self.emit({"type": "conversation.item.done", **body})


def rejected(fault: Fault) -> Problem:
    """Return the problem that a fault "reject" makes."""
    code = fault.error_code or "rejected_by_fault"
    return Problem(fault.reason or "Rejected by a fault.", code=code, kind="server_error")
