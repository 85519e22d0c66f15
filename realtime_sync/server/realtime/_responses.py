"""The responses of a session: begun by the client or by its voice, one at a time on the conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import define, field

from realtime_sync.audio import AudioFormat
from realtime_sync.server._generation import Generation
from realtime_sync.server._pieces import AudioPiece, Piece, limited, pieces, spoken, written
from realtime_sync.server._problem import Problem
from realtime_sync.server._reply import ResponderRequest
from realtime_sync.server._speaker import Speech
from realtime_sync.server.realtime._answer import RealtimeAnswer
from realtime_sync.server.realtime._hearing import Ears, heard, snapshot
from realtime_sync.server.realtime._message import Message
from realtime_sync.server.realtime._settings import check_voice
from realtime_sync.server.realtime._state import State
from realtime_sync.server.realtime._usage import context_counts

__all__ = ["Responses"]


@define(eq=False, kw_only=True)
class Responses:
    """Responses in progress and the workers that make them. Belongs to the connection's thread."""

    _state: State
    _ears: Ears
    on_end: Callable[[RealtimeAnswer], None] = field(init=False)
    """Told of every response that has ended; set by who takes the turns, before the first."""
    _running: dict[str, tuple[RealtimeAnswer, Generation]] = field(init=False, factory=dict)
    """By response id."""
    _retired: list[Generation] = field(init=False, factory=list)
    """Cancelled, but their thread may not have noticed yet."""

    @property
    def active(self) -> RealtimeAnswer | None:
        """Return the response that is running on the conversation."""
        return next((answer for answer, _ in self._running.values() if answer.conversation is not None), None)

    def create(self, params: Mapping[str, Any]) -> None:
        """Begin a response, or raise the `Problem` with it."""
        state = self._state
        in_band = params.get("conversation", "auto") == "auto"
        output = params.get("audio", {}).get("output", {})
        if in_band:
            self._check_free()
            if state.has_spoken:
                check_voice(state.settings, output, "response.audio.output.voice")
        items = state.conversation.items
        if "input" in params:
            items = state.conversation.context(params["input"], state.input_format)
            for item in items:
                self._ears.listen(item)
        settings = {**state.settings, **params}
        output = {**state.settings["audio"]["output"], **output}
        answer = RealtimeAnswer(
            emit=state.emit,
            conversation=state.conversation if in_band else None,
            settings={
                "output_modalities": settings["output_modalities"],
                "max_output_tokens": settings["max_output_tokens"],
                "audio": {"output": {key: output[key] for key in ("format", "voice")}},
                "metadata": params.get("metadata"),
            },
            given=context_counts(settings["instructions"], items),
        )
        self._begin(answer, self._making(settings, output, params, items))

    def cancel(self, response_id: str | None) -> None:
        """End the response with this id (None: the conversation's) for the client, or raise the `Problem` of none."""
        found = self._running.get(response_id or "")
        answer = self.active if response_id is None else found and found[0]
        if answer is None:
            msg = "Cancellation failed: no active response found"
            raise Problem(msg, code="response_cancel_not_active", param=None if response_id is None else "response_id")
        answer.cancel("client_cancelled")
        self._ended(answer)

    def interrupt(self) -> None:
        """End the conversation's response, if one runs, because the user speaks."""
        answer = self.active
        if answer is not None:
            answer.cancel("turn_detected")
            self._ended(answer)

    def open_message(self, item_id: str) -> Message | None:
        """Return the message that is being made as this item, None when it is none of these."""
        found = (answer.open_message(item_id) for answer, _ in self._running.values())
        return next((message for message in found if message is not None), None)

    def close(self) -> list[Generation]:
        """Stop every worker; return them, to join."""
        workers = [*self._retired, *(worker for _, worker in self._running.values())]
        for worker in workers:
            worker.cancel()
        return workers

    def _check_free(self) -> None:
        active = self.active
        if active is not None:
            msg = (
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Problem(msg, code="conversation_already_has_active_response")

    def _making(
        self, settings: dict[str, Any], output: dict[str, Any], params: Mapping[str, Any], items: list[dict[str, Any]]
    ) -> Callable[[], Iterator[Piece]]:
        """Return what the worker does: hear, ask the responder, speak."""
        backend, session, copies = self._state.backend, self._state.settings, snapshot(items)
        newest = items[-1].get("content", ()) if items else ()
        audio = next((part["audio"] for part in newest if "audio" in part), None)
        speech = None
        if settings["output_modalities"] == ["audio"]:
            voice = output["voice"]
            speech = Speech(
                format=AudioFormat.from_wire(output["format"]),
                pace=backend.speech_pace,
                speak=backend.speak,
                voice=voice if isinstance(voice, str) else voice["id"],
                speed=output["speed"],
            )
        limit = settings["max_output_tokens"]

        def make() -> Iterator[Piece]:
            request = ResponderRequest(
                api="realtime",
                items=tuple(heard(copies)),
                instructions=settings["instructions"],
                tools=tuple(settings["tools"]),
                tool_choice=settings["tool_choice"],
                modalities=tuple(settings["output_modalities"]),
                audio=audio,
                session=session,
                response=params,
            )
            answer = pieces(backend.responder(request))
            return limited(spoken(answer, speech) if speech else written(answer), None if limit == "inf" else limit)

        return make

    def _begin(self, answer: RealtimeAnswer, make: Callable[[], Iterator[Piece]]) -> None:
        response_id, channel = answer.id, self._state.channel
        self._retired = [each for each in self._retired if not each.join(0)]
        worker = Generation(
            make=make,
            deliver=lambda piece: channel.post(lambda: self._take(response_id, piece)),
            time_scale=self._state.backend.time_scale,
            who="responder",
            name=response_id[-6:],
        )
        self._running[response_id] = answer, worker
        answer.begin()
        worker.start()

    def _take(self, response_id: str, piece: Piece) -> None:
        """Take a piece of an answer; pieces of a response that is over are thrown away."""
        if response_id not in self._running:
            return
        answer, worker = self._running[response_id]
        worker.taken()
        if isinstance(piece, AudioPiece) and answer.conversation is not None:
            self._state.has_spoken = True
        if answer.take(piece):
            self._ended(answer)

    def _ended(self, answer: RealtimeAnswer) -> None:
        _, worker = self._running.pop(answer.id)
        worker.cancel()
        self._retired.append(worker)
        limits = {"requests": (1000, 999), "tokens": (50000, 50000 - answer.tokens)}
        self._state.emit(
            {
                "type": "rate_limits.updated",
                "rate_limits": [
                    {"name": name, "limit": limit, "remaining": max(0, left), "reset_seconds": 0.06}
                    for name, (limit, left) in limits.items()
                ],
            }
        )
        self.on_end(answer)
