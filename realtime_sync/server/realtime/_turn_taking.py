"""Whose turn it is: the client's audio in, and by its own command, by voice detection or by silence, turns out."""

from __future__ import annotations

import time
from typing import Any

from attrs import define, field

from realtime_sync.audio import AudioFormat, Recording, convert
from realtime_sync.server._backend import new_id
from realtime_sync.server._problem import Problem
from realtime_sync.server.realtime._answer import RealtimeAnswer
from realtime_sync.server.realtime._hearing import Ears
from realtime_sync.server.realtime._input_audio import InputAudio
from realtime_sync.server.realtime._items import audio_item
from realtime_sync.server.realtime._responses import Responses
from realtime_sync.server.realtime._state import State
from realtime_sync.server.realtime._voice_activity import SpeechEdge, VoiceActivity

__all__ = ["TurnTaking"]

_KEPT_SILENCE_MS = 60_000
"""Under voice detection, older audio in which nobody spoke is forgotten."""


@define(eq=False)
class _Speech:
    """What the user is saying."""

    item_id: str
    start_ms: int


@define(eq=False, kw_only=True)
class TurnTaking:
    """The input audio buffer and voice detection on it. Belongs to the connection's thread.

    Voice detection lives on the audio's own clock; only the idle time-out looks at the wall's.
    """

    _state: State
    _ears: Ears
    _responses: Responses
    _buffer: InputAudio = field(init=False)
    _activity: VoiceActivity | None = field(init=False, default=None)
    """None: push to talk."""
    _speech: _Speech | None = field(init=False, default=None)
    """None: nobody speaks."""
    _idle_at: float | None = field(init=False, default=None)
    """When the user has been silent for too long, on the monotonic clock; None: not counting."""
    _idle_from_ms: float = field(init=False, default=0.0)
    """Of all audio: where that silence began."""

    def __attrs_post_init__(self) -> None:
        """Begin with the session's first settings."""
        self._buffer = InputAudio(self._state.input_format)
        self._responses.on_end = self._after_response
        self.configure()

    # client events

    def configure(self) -> None:
        """Go on by the session's settings, which have changed. Turning detection off ends speech without a commit."""
        detection = self._state.input_settings["turn_detection"]
        changed = self._state.input_format != self._buffer.format
        self._buffer.switch(self._state.input_format)
        if detection is None:
            self._activity = self._speech = None
        elif self._activity is None or changed:
            self._activity = VoiceActivity(
                self._buffer.format.rate, round(self._buffer.end_ms), detection, self._speech is not None
            )
        else:
            self._activity.adjust(detection)
        if not (detection or {}).get("idle_timeout_ms"):
            self._idle_at = None

    def append(self, audio: bytes) -> None:
        """Take audio, or raise the `Problem` of a full buffer."""
        self._buffer.append(audio)
        if self._activity is None:
            return
        source = self._buffer.format
        pcm = audio if source.encoding == "pcm16" else convert(audio, source, AudioFormat("pcm16", source.rate))
        for edge in self._activity.feed(pcm):
            # The edges alternate: what this one is follows from who speaks.
            if self._speech is None:
                self._speech_started(edge)
            else:
                self._speech_stopped(edge, self._speech)
        if self._speech is None:
            self._buffer.forget(self._buffer.end_ms - _KEPT_SILENCE_MS)

    def commit(self) -> None:
        """Make what was said a turn, or raise the `Problem` of too little audio. Makes no response."""
        self._buffer.check_commit()
        speech = self._end_speech()
        if speech is None:
            self._commit(self._buffer.take(), new_id("item"))
        else:
            self._emit("speech_stopped", audio_end_ms=round(self._buffer.end_ms), item_id=speech.item_id)
            self._commit(self._buffer.take(speech.start_ms), speech.item_id)

    def clear(self) -> None:
        """Throw the audio away, and what voice detection made of it."""
        self._end_speech()
        self._buffer.take()
        self._emit("cleared")

    # voice detection

    def _speech_started(self, edge: SpeechEdge) -> None:
        self._idle_at = None
        # Padding reaches back to the last turn at most.
        start = max(edge.at_ms, round(self._buffer.start_ms))
        self._speech = _Speech(new_id("item"), start)
        self._emit("speech_started", audio_start_ms=start, item_id=self._speech.item_id)
        if self._detection["interrupt_response"]:
            self._responses.interrupt()

    def _speech_stopped(self, edge: SpeechEdge, speech: _Speech) -> None:
        self._speech = None
        self._emit("speech_stopped", audio_end_ms=edge.at_ms, item_id=speech.item_id)
        self._commit(self._buffer.take(speech.start_ms, edge.at_ms), speech.item_id)
        if self._detection["create_response"]:
            self._respond()

    def _end_speech(self) -> _Speech | None:
        speech, self._speech = self._speech, None
        if self._activity is not None:
            self._activity.reset()
        return speech

    def _respond(self) -> None:
        try:
            self._responses.create({})
        except Problem as problem:
            # Nobody's event is at fault: a response is running and may not be interrupted.
            self._state.emit(problem.event(None))

    # silence

    def _after_response(self, answer: RealtimeAnswer) -> None:
        """Begin to count the user's silence, from when the response has been played."""
        idle = (self._detection or {}).get("idle_timeout_ms")
        scale = self._state.backend.time_scale
        if idle is None or answer.conversation is None or not scale or self._speech is not None:
            return
        now = time.monotonic()
        played = now if answer.spoken_since is None else answer.spoken_since + answer.spoken_seconds * scale
        self._idle_at = max(now, played) + idle / 1000 * scale
        self._idle_from_ms = self._buffer.end_ms

    def on_timer(self) -> float | None:
        """Commit the user's silence when it was too long; return the seconds until it will be, None for never."""
        if self._idle_at is None or self._responses.active is not None:
            return None
        left = self._idle_at - time.monotonic()
        if left > 0:
            return left
        self._idle_at = None
        item_id, end = new_id("item"), self._buffer.end_ms
        start = max(self._buffer.start_ms, self._idle_from_ms, end - self._detection["idle_timeout_ms"])
        offsets = {"audio_start_ms": round(start), "audio_end_ms": round(end)}
        self._emit("timeout_triggered", **offsets, item_id=item_id)
        self._commit(self._buffer.take(start, end), item_id)
        self._respond()
        return None

    # both

    @property
    def _detection(self) -> Any:
        return self._state.input_settings["turn_detection"]

    def _commit(self, recording: Recording, item_id: str) -> None:
        self._idle_at = None
        item = audio_item(recording, item_id)
        self._ears.listen(item)
        items = self._state.conversation.items
        self._emit("committed", previous_item_id=items[-1]["id"] if items else None, item_id=item["id"])
        self._state.add_item(item)
        self._ears.transcribe(item)

    def _emit(self, name: str, **body: Any) -> None:
        self._state.emit({"type": f"input_audio_buffer.{name}", **body})
