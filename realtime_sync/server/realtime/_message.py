"""The assistant message of a response, written or spoken: its deltas, its end, and what stays of it in the item."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from attrs import define, field

from realtime_sync.audio import AudioFormat, Recording
from realtime_sync.server._problem import invalid

__all__ = ["Message", "truncated"]


@define(eq=False, kw_only=True)
class Message:
    """A message that is being made: one content part. Belongs to the connection's thread.

    Order: `begin`, any number of `add_text` and `add_audio`, `end`.
    """

    _emit: Callable[..., None]
    """(event type, body): sends an event about this part."""
    item: dict[str, Any]
    _format: AudioFormat | None
    """Of the speech; None: a written message."""
    _words: list[str] = field(init=False, factory=list)
    _audio: bytearray = field(init=False, factory=bytearray, repr=False)
    _cut_ms: int | None = field(init=False, default=None)
    """Where the client truncated it while it was being made."""

    def begin(self) -> None:
        """Announce the part."""
        self._emit("response.content_part.added", part=self._part(""))

    def add_text(self, text: str) -> None:
        """Send a piece of the text, or of the transcript."""
        self._words.append(text)
        name = "output_text" if self._format is None else "output_audio_transcript"
        self._emit(f"response.{name}.delta", delta=text)

    def add_audio(self, audio: bytes) -> None:
        """Send a piece of the speech."""
        self._audio += audio
        self._emit("response.output_audio.delta", delta=base64.b64encode(audio).decode())

    def end(self) -> None:
        """Send that the part is complete, and put what stays of it into the item."""
        text = "".join(self._words)
        if self._format is None:
            self._emit("response.output_text.done", text=text)
        else:
            self._emit("response.output_audio.done")
            self._emit("response.output_audio_transcript.done", transcript=text)
        self._emit("response.content_part.done", part=self._part(text))
        self.item["content"] = [self._content(text)]

    def truncate(self, audio_end_ms: int) -> None:
        """Keep no more than this in the item, or raise the `Problem` of what has not been made yet."""
        truncated(self._content(""), audio_end_ms)
        self._cut_ms = audio_end_ms

    def _part(self, text: str) -> dict[str, Any]:
        # In these events the types are "text" and "audio", in items "output_text" and "output_audio".
        return {"type": "text", "text": text} if self._format is None else {"type": "audio", "transcript": text}

    def _content(self, text: str) -> dict[str, Any]:
        if self._format is None:
            return {"type": "output_text", "text": text}
        recording = Recording(self._format, bytes(self._audio))
        part = {"type": "output_audio", "transcript": text, "audio": recording}
        return part if self._cut_ms is None else truncated(part, self._cut_ms)


def truncated(part: dict[str, Any], audio_end_ms: int) -> dict[str, Any]:
    """Return an assistant's content part with its audio cut, or raise the `Problem` with that.

    A part that loses audio loses its whole transcript: nobody knows which of its words were heard.
    """
    recording: Recording | None = part.get("audio")
    if part["type"] != "output_audio" or recording is None:
        msg = "Only model output audio messages can be truncated: this content has no audio."
        raise invalid(msg, "content_index")
    total = recording.format.ms(len(recording.data))
    if audio_end_ms > total:
        msg = f"Audio content of {total}ms is shorter than the audio_end_ms of {audio_end_ms}ms."
        raise invalid(msg, "audio_end_ms")
    if audio_end_ms == total:
        return part
    kept = recording.data[: recording.format.size(audio_end_ms / 1000)]
    return {**part, "transcript": None, "audio": Recording(recording.format, kept)}
