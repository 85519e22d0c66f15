"""A Realtime session: client events in, server events out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field

from realtime_sync.server._backend import Backend, new_id
from realtime_sync.server._channel import Channel
from realtime_sync.server._incoming import check_depth, parsed
from realtime_sync.server._journal import Handshake
from realtime_sync.server._problem import Problem, invalid
from realtime_sync.server.realtime._client_events import checked_event, usable_event_id
from realtime_sync.server.realtime._hearing import Ears
from realtime_sync.server.realtime._items import checked_item, retrieved
from realtime_sync.server.realtime._message import truncated
from realtime_sync.server.realtime._responses import Responses
from realtime_sync.server.realtime._settings import default_session, update
from realtime_sync.server.realtime._state import State, rejected
from realtime_sync.server.realtime._turn_taking import TurnTaking

__all__ = ["RealtimeSession"]

logger = logging.getLogger("realtime_sync.server")

SESSION_SECONDS = 3600
"""The API's limit on a session, before scaling."""
_JOIN_SECONDS = 1.0


@define(eq=False, kw_only=True)
class RealtimeSession:
    """One conversation. An `Application`: every method runs on the connection's thread, so there are no locks.

    Workers post what they want done through the channel, as functions; `on_post` calls them.
    """

    _state: State
    _connection: int
    """Index of the WebSocket."""
    _expires: float | None
    """On the monotonic clock; None: never."""
    _ears: Ears = field(init=False)
    _responses: Responses = field(init=False)
    _turns: TurnTaking = field(init=False)
    _event_id: str | None = field(init=False, default=None)
    """Of the client event that is being handled."""

    def __attrs_post_init__(self) -> None:
        """Put the parts together."""
        self._ears = Ears(state=self._state)
        self._responses = Responses(state=self._state, ears=self._ears)
        self._turns = TurnTaking(state=self._state, ears=self._ears, responses=self._responses)

    @classmethod
    def start(
        cls,
        channel: Channel,
        handshake: Handshake,
        *,
        backend: Backend,
        model: str,
        configured: dict[str, Any] | None = None,
    ) -> RealtimeSession:
        """Return a session for a new connection; `configured` is what its client secret says (None: it has none)."""
        lifetime = SESSION_SECONDS * backend.time_scale or None
        settings = default_session(new_id("sess"), model, int(time.time() + lifetime) if lifetime else None)
        if configured is not None:
            own = {name: settings[name] for name in ("id", "model", "expires_at")}
            settings = {**configured, **own}
        return cls(
            state=State(channel=channel, backend=backend, settings=settings),
            connection=handshake.connection,
            expires=time.monotonic() + lifetime if lifetime else None,
        )

    # Application

    def on_open(self) -> None:
        """Greet."""
        self._emit({"type": "session.created", "session": self._state.settings})

    def on_message(self, data: str) -> None:
        """Handle one client event; whatever is wrong with it is answered by an error event."""
        self._event_id = None
        try:
            event = parsed(data, self._state.backend.journal, self._connection)
            self._event_id = usable_event_id(event)
            self._handle(event)
        except Problem as problem:
            self._emit(problem.event(self._event_id))

    def on_post(self, act: Callable[[], None]) -> None:
        """Do what a worker posted."""
        act()

    def on_timer(self) -> float | None:
        """Do what is due by now; return the seconds until something else will be."""
        waits = [wait for wait in (self._until_expired(), self._turns.on_timer()) if wait is not None]
        return min(waits, default=None)

    def on_close(self) -> None:
        """Stop the workers."""
        workers = [*self._responses.close(), *self._ears.close()]
        deadline = time.monotonic() + _JOIN_SECONDS
        for worker in workers:
            if not worker.join(max(0.0, deadline - time.monotonic())):
                logger.warning("a responder or transcriber is still running after its session has ended")

    def _until_expired(self) -> float | None:
        """End the session when its time is over; return the seconds until then."""
        if self._expires is None:
            return None
        left = self._expires - time.monotonic()
        if left > 0:
            return left
        message = "Your session hit the maximum duration of 60 minutes."
        self._emit(Problem(message, code="session_expired").event(None))
        self._state.channel.close(1001, "maximum duration of 60 minutes")
        return None

    # events

    def _emit(self, event: dict[str, Any]) -> None:
        self._state.emit(event)

    def _handle(self, event: dict[str, Any]) -> None:
        check_depth(event)
        event = checked_event(event)
        fault = self._state.backend.faults.take("received", event["type"])
        if fault is not None and fault.do == "reject":
            raise rejected(fault)
        if fault is None or self._state.channel.commit(fault, b""):
            self._handlers[event["type"]](self, event)

    # session and items

    def _update_session(self, event: dict[str, Any]) -> None:
        state = self._state
        state.settings = update(state.settings, event["session"], has_spoken=state.has_spoken)
        self._emit({"type": "session.updated", "session": state.settings})
        self._turns.configure()

    def _create_item(self, event: dict[str, Any]) -> None:
        item = checked_item(event["item"], self._state.input_format)
        self._ears.listen(item)
        self._state.add_item(item, event.get("previous_item_id"))

    def _retrieve_item(self, event: dict[str, Any]) -> None:
        item = self._state.conversation.existing(event["item_id"], "retrieve")
        self._emit({"type": "conversation.item.retrieved", "item": retrieved(item)})

    def _delete_item(self, event: dict[str, Any]) -> None:
        item = self._state.conversation.existing(event["item_id"], "delete")
        self._state.conversation.items.remove(item)
        self._emit({"type": "conversation.item.deleted", "item_id": item["id"]})

    def _truncate_item(self, event: dict[str, Any]) -> None:
        item = self._state.conversation.existing(event["item_id"], "truncate")
        if item["type"] != "message" or item["role"] != "assistant":
            msg = "Only model output audio messages can be truncated."
            raise invalid(msg, "item_id")
        index, end = event["content_index"], event["audio_end_ms"]
        message = self._responses.open_message(item["id"])
        if index >= (len(item["content"]) if message is None else 1):
            msg = f"Item '{item['id']}' has no content at index {index} to truncate."
            raise invalid(msg, "content_index")
        if message is None:
            item["content"][index] = truncated(item["content"][index], end)
        else:
            message.truncate(end)
        place = {"item_id": item["id"], "content_index": index}
        self._emit({"type": "conversation.item.truncated", **place, "audio_end_ms": end})

    # audio and responses

    def _append_audio(self, event: dict[str, Any]) -> None:
        self._turns.append(event["audio"])

    def _commit_audio(self, _: dict[str, Any]) -> None:
        self._turns.commit()

    def _clear_audio(self, _: dict[str, Any]) -> None:
        self._turns.clear()

    def _clear_output_audio(self, _: dict[str, Any]) -> None:
        msg = "output_audio_buffer.clear is for WebRTC and SIP calls only; here the client owns playback."
        raise invalid(msg, "type")

    def _create_response(self, event: dict[str, Any]) -> None:
        self._responses.create(event.get("response") or {})

    def _cancel_response(self, event: dict[str, Any]) -> None:
        self._responses.cancel(event.get("response_id"))

    _handlers: ClassVar[dict[str, Callable[[RealtimeSession, dict[str, Any]], None]]] = {
        "session.update": _update_session,
        "conversation.item.create": _create_item,
        "conversation.item.retrieve": _retrieve_item,
        "conversation.item.delete": _delete_item,
        "conversation.item.truncate": _truncate_item,
        "input_audio_buffer.append": _append_audio,
        "input_audio_buffer.commit": _commit_audio,
        "input_audio_buffer.clear": _clear_audio,
        "output_audio_buffer.clear": _clear_output_audio,
        "response.create": _create_response,
        "response.cancel": _cancel_response,
    }
