"""The input audio buffer: audio that was appended and is not yet an item."""

from __future__ import annotations

import base64
from typing import Any

from attrs import define, field

from realtime_sync.server._backend import new_id
from realtime_sync.server._problem import Problem

__all__ = ["InputAudio"]

_MIN_COMMIT_MS = 100
_MAX_BYTES = 64 * 2**20
_BYTES_PER_MS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}


@define(eq=False)
class InputAudio:
    """Belongs to the connection's thread. Holds at most 64 MiB."""

    _data: bytearray = field(init=False, factory=bytearray, repr=False)

    def append(self, audio: bytes) -> None:
        """Add audio, or raise the `Problem` of a full buffer."""
        if len(self._data) + len(audio) > _MAX_BYTES:
            msg = f"The input audio buffer is full: it holds {_MAX_BYTES} bytes. Commit or clear it."
            raise Problem(msg, code="input_audio_buffer_full")
        self._data += audio

    def clear(self) -> None:
        """Throw the audio away."""
        self._data.clear()

    def commit(self, audio_format: str) -> dict[str, Any]:
        """Empty the buffer into a user item and return it, or raise the `Problem` of too little audio."""
        milliseconds = len(self._data) / _BYTES_PER_MS[audio_format]
        if milliseconds < _MIN_COMMIT_MS:
            msg = (
                f"Error committing input audio buffer: buffer too small. Expected at least {_MIN_COMMIT_MS}ms of "
                f"audio, but buffer only has {milliseconds:.2f}ms of audio."
            )
            raise Problem(msg, code="input_audio_buffer_commit_empty")
        part = {"type": "input_audio", "audio": base64.b64encode(self._data).decode(), "transcript": None}
        self._data.clear()
        return {
            "id": new_id("item"),
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [part],
        }
