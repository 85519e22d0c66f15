"""A Realtime session: client events in, server events out."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field

from realtime_sync.server._backend import Backend, new_id
from realtime_sync.server._channel import Channel
from realtime_sync.server._faults import Fault
from realtime_sync.server._generation import Generation
from realtime_sync.server._journal import Handshake, ReceivedEvent
from realtime_sync.server._problem import Problem, invalid
from realtime_sync.server._reply import Piece, ResponderRequest, text_of, tokens
from realtime_sync.server.realtime._answer import RealtimeAnswer
from realtime_sync.server.realtime._client_events import checked_event, usable_event_id
from realtime_sync.server.realtime._input_audio import InputAudio
from realtime_sync.server.realtime._items import Conversation, checked_item, shown
from realtime_sync.server.realtime._settings import default_session, update

__all__ = ["RealtimeSession"]

logger = logging.getLogger("realtime_sync.server")

SESSION_SECONDS = 3600
"""The API's limit on a session, before scaling."""
_MAX_DEPTH = 100
"""Of a client event: far below where Python's own recursion limit would strike while it is copied or written."""
_JOIN_SECONDS = 1.0


@define(eq=False, kw_only=True)
class RealtimeSession:
    """One text session. An `Application`: every method runs on the connection's thread, so there are no locks.

    Workers post (response id, piece) through the channel; `on_post` turns them into events.
    """

    _channel: Channel
    _backend: Backend
    _connection: int
    """Index of the WebSocket."""
    _session: dict[str, Any]
    """The effective session."""
    _expires: float | None
    """On the monotonic clock; None: never."""
    _conversation: Conversation = field(init=False, factory=Conversation)
    _input: InputAudio = field(init=False, factory=InputAudio)
    _answers: dict[str, RealtimeAnswer] = field(init=False, factory=dict)
    """Responses in progress, by id."""
    _generations: dict[str, Generation] = field(init=False, factory=dict)
    """Who makes them, by the same ids."""
    _retired: list[Generation] = field(init=False, factory=list)
    """Cancelled, but their thread may not have noticed yet."""
    _event_id: str | None = field(init=False, default=None)
    """Of the client event that is being handled."""

    @classmethod
    def start(cls, channel: Channel, handshake: Handshake, *, backend: Backend, model: str) -> RealtimeSession:
        """Return a session for a new connection."""
        lifetime = SESSION_SECONDS * backend.time_scale or None
        session = default_session(new_id("sess"), model, int(time.time() + lifetime) if lifetime else None)
        return cls(
            channel=channel,
            backend=backend,
            connection=handshake.connection,
            session=session,
            expires=time.monotonic() + lifetime if lifetime else None,
        )

    # Application

    def on_open(self) -> None:
        """Greet."""
        self._emit({"type": "session.created", "session": self._session})

    def on_message(self, data: str) -> None:
        """Handle one client event; whatever is wrong with it is answered by an error event."""
        self._event_id = None
        try:
            event = self._parsed(data)
            self._event_id = usable_event_id(event)
            self._handle(event)
        except Problem as problem:
            self._emit(problem.event(self._event_id))

    def on_post(self, item: tuple[str, Piece]) -> None:
        """Take a piece of an answer; pieces of a response that is over are thrown away."""
        response_id, piece = item
        answer = self._answers.get(response_id)
        if answer is not None:
            self._generations[response_id].taken()
            if answer.take(piece):
                self._ended(answer)

    def on_timer(self) -> float | None:
        """End the session when its time is over."""
        if self._expires is None:
            return None
        left = self._expires - time.monotonic()
        if left > 0:
            return left
        message = "Your session hit the maximum duration of 60 minutes."
        self._emit(Problem(message, code="session_expired").event(None))
        self._channel.close(1001, "maximum duration of 60 minutes")
        return None

    def on_close(self) -> None:
        """Stop the workers."""
        generations = [*self._retired, *self._generations.values()]
        for generation in generations:
            generation.cancel()
        deadline = time.monotonic() + _JOIN_SECONDS
        for generation in generations:
            if not generation.join(max(0.0, deadline - time.monotonic())):
                logger.warning("a responder is still running after its session has ended")

    # events

    def _emit(self, event: dict[str, Any]) -> None:
        """Send an event, with an id of ours, or commit the fault that strikes it."""
        if not self._channel.is_open:
            return
        fault = self._backend.faults.take("sent", event["type"])
        if fault is not None and fault.do == "reject":
            event, fault = _rejected(fault).event(None), None
        event = {"type": event["type"], "event_id": new_id("event"), **event}
        self._channel.send(json.dumps(event, ensure_ascii=False, separators=(",", ":")), fault)

    def _parsed(self, data: str) -> dict[str, Any]:
        event = None
        with contextlib.suppress(ValueError, RecursionError):
            event = json.loads(data, parse_constant=_refuse_constant)
        if isinstance(event, dict):
            self._backend.journal.record(ReceivedEvent(event, self._connection), len(data))
            return event
        self._backend.journal.record(ReceivedEvent({"raw": data}, self._connection), len(data))
        msg = "The message is not a JSON object: every message must be one event."
        raise Problem(msg, code="invalid_json")

    def _handle(self, event: dict[str, Any]) -> None:
        if _is_deeper(event, _MAX_DEPTH):
            msg = f"The event is nested more than {_MAX_DEPTH} levels deep."
            raise Problem(msg, code="invalid_json")
        event = checked_event(event)
        fault = self._backend.faults.take("received", event["type"])
        if fault is not None and fault.do == "reject":
            raise _rejected(fault)
        if fault is None or self._channel.commit(fault, b""):
            self._handlers[event["type"]](self, event)

    # session and items

    def _update_session(self, event: dict[str, Any]) -> None:
        self._session = update(self._session, event["session"])
        self._emit({"type": "session.updated", "session": self._session})

    def _create_item(self, event: dict[str, Any]) -> None:
        self._add_item(checked_item(event["item"]), event.get("previous_item_id"))

    def _add_item(self, item: dict[str, Any], after: str | None = None) -> None:
        body = {"previous_item_id": self._conversation.insert(item, after), "item": shown(item)}
        self._emit({"type": "conversation.item.added", **body})
        self._emit({"type": "conversation.item.done", **body})

    def _retrieve_item(self, event: dict[str, Any]) -> None:
        item = self._conversation.existing(event["item_id"], "retrieve")
        self._emit({"type": "conversation.item.retrieved", "item": item})

    def _delete_item(self, event: dict[str, Any]) -> None:
        item = self._conversation.existing(event["item_id"], "delete")
        self._conversation.items.remove(item)
        self._emit({"type": "conversation.item.deleted", "item_id": item["id"]})

    def _truncate_item(self, event: dict[str, Any]) -> None:
        item = self._conversation.existing(event["item_id"], "truncate")
        if item["type"] != "message" or item["role"] != "assistant":
            msg = "Only model output audio messages can be truncated."
            raise invalid(msg, "item_id")
        msg = f"Item '{item['id']}' has no audio at content_index {event['content_index']} to truncate."
        raise invalid(msg, "content_index")

    # audio input

    def _append_audio(self, event: dict[str, Any]) -> None:
        self._input.append(event["audio"])

    def _commit_audio(self, _: dict[str, Any]) -> None:
        settings = self._session["audio"]["input"]
        item = self._input.commit(settings["format"]["type"])
        items = self._conversation.items
        previous = items[-1]["id"] if items else None
        self._emit({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item["id"]})
        self._add_item(item)
        if settings["transcription"] is not None:
            error = {"type": "transcription_error", "code": "transcription_unavailable", "param": None}
            self._emit(
                {
                    "type": "conversation.item.input_audio_transcription.failed",
                    "item_id": item["id"],
                    "content_index": 0,
                    "error": {**error, "message": "This local server cannot transcribe."},
                }
            )

    def _clear_audio(self, _: dict[str, Any]) -> None:
        self._input.clear()
        self._emit({"type": "input_audio_buffer.cleared"})

    def _clear_output_audio(self, _: dict[str, Any]) -> None:
        msg = "output_audio_buffer.clear is for WebRTC and SIP calls only; here the client owns playback."
        raise invalid(msg, "type")

    # responses

    def _create_response(self, event: dict[str, Any]) -> None:
        params: dict[str, Any] = event.get("response") or {}
        in_band = params.get("conversation", "auto") == "auto"
        active = self._active()
        if in_band and active is not None:
            msg = (
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Problem(msg, code="conversation_already_has_active_response")
        items = self._conversation.context(params["input"]) if "input" in params else self._conversation.items
        settings = {**self._session, **params}
        output_audio = {**self._session["audio"]["output"], **params.get("audio", {}).get("output", {})}
        request = ResponderRequest(
            api="realtime",
            items=tuple(dict(item) for item in items),
            instructions=settings["instructions"],
            tools=tuple(settings["tools"]),
            tool_choice=settings["tool_choice"],
            modalities=tuple(settings["output_modalities"]),
            audio=_audio_of(items),
            session=self._session,
            response=params,
        )
        answer = RealtimeAnswer(
            emit=self._emit,
            conversation=self._conversation if in_band else None,
            settings={
                "output_modalities": settings["output_modalities"],
                "max_output_tokens": settings["max_output_tokens"],
                "audio": {"output": {key: output_audio[key] for key in ("format", "voice")}},
                "metadata": params.get("metadata"),
            },
            input_tokens=sum(len(tokens(each)) for each in (request.instructions, *map(_text_of_item, items))),
        )
        self._begin(answer, request)

    def _begin(self, answer: RealtimeAnswer, request: ResponderRequest) -> None:
        limit = answer.settings["max_output_tokens"]
        response_id, channel = answer.id, self._channel
        self._retired = [each for each in self._retired if not each.join(0)]
        generation = Generation(
            responder=self._backend.responder,
            request=request,
            deliver=lambda piece: channel.post((response_id, piece)),
            max_tokens=None if limit == "inf" else limit,
            time_scale=self._backend.time_scale,
            name=response_id[-6:],
        )
        self._answers[response_id], self._generations[response_id] = answer, generation
        answer.begin()
        generation.start()

    def _cancel_response(self, event: dict[str, Any]) -> None:
        wanted = event.get("response_id")
        answer = self._active() if wanted is None else self._answers.get(wanted)
        if answer is None:
            msg = "Cancellation failed: no active response found"
            raise Problem(msg, code="response_cancel_not_active", param=None if wanted is None else "response_id")
        answer.cancel("client_cancelled")
        self._ended(answer)

    def _active(self) -> RealtimeAnswer | None:
        """Return the response that is running on the conversation."""
        return next((answer for answer in self._answers.values() if answer.conversation is not None), None)

    def _ended(self, answer: RealtimeAnswer) -> None:
        del self._answers[answer.id]
        generation = self._generations.pop(answer.id)
        generation.cancel()
        self._retired.append(generation)
        limits = {"requests": (1000, 999), "tokens": (50000, 50000 - answer.tokens)}
        self._emit(
            {
                "type": "rate_limits.updated",
                "rate_limits": [
                    {"name": name, "limit": limit, "remaining": max(0, left), "reset_seconds": 0.06}
                    for name, (limit, left) in limits.items()
                ],
            }
        )

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


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _is_deeper(value: Any, limit: int) -> bool:
    """Tell whether objects and arrays are nested more than `limit` deep."""
    level = [value]
    for _ in range(limit + 1):
        containers = [each for each in level if isinstance(each, dict | list)]
        level = [child for each in containers for child in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return False
    return True


def _rejected(fault: Fault) -> Problem:
    return Problem(fault.reason or "Rejected by a fault.", code="rejected_by_fault", kind="server_error")


def _text_of_item(item: dict[str, Any]) -> str:
    if item["type"] == "message":
        return text_of(item)
    return f"{item.get('name', '')} {item.get('arguments', '')} {item.get('output', '')}".strip()


def _audio_of(items: list[dict[str, Any]]) -> bytes | None:
    """Return the audio of the newest item, None when it has none."""
    content = items[-1].get("content", ()) if items else ()
    parts = [base64.b64decode(part["audio"]) for part in content if "audio" in part]
    return b"".join(parts) if parts else None
