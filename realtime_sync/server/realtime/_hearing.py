"""What is heard in the user's audio: for the responder, and for the transcription events of who asked for them."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import define, field

from realtime_sync.audio import Recording
from realtime_sync.server._generation import Generation
from realtime_sync.server._pieces import EndPiece, Piece, TextPiece, tokens
from realtime_sync.server._transcriber import Transcriber
from realtime_sync.server.realtime._items import shown
from realtime_sync.server.realtime._state import State
from realtime_sync.server.realtime._usage import transcription_usage

__all__ = ["Ears", "Hearing", "Unheard", "heard", "snapshot"]

logger = logging.getLogger("realtime_sync.server")

_EVENT = "conversation.item.input_audio_transcription"


@define(eq=False)
class Hearing:
    """The text of one piece of audio, made once, by the thread that asks first.

    Threads: workers: text (blocks while another one listens).
    Locks: _lock guards _text and _failure; it is held while the transcriber runs, so that it runs once. The
    connection's thread never takes it.
    """

    _recording: Recording = field(repr=False)
    _transcriber: Transcriber
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _text: str | None = field(init=False, default=None)
    _failure: str | None = field(init=False, default=None)

    def text(self) -> tuple[str | None, str | None]:
        """Return what is heard and None, or None and why nothing could be."""
        with self._lock:
            if self._text is None and self._failure is None:
                try:
                    self._text = self._checked(self._transcriber(self._recording))
                except Exception as error:
                    # User code: whatever it raises costs this transcript only.
                    logger.warning("the transcriber raised %r", error, exc_info=True)
                    self._failure = f"the transcriber raised {type(error).__name__}: {error}"
            return self._text, self._failure

    @staticmethod
    def _checked(text: object) -> str:
        if isinstance(text, str):
            return text
        msg = f"a transcriber returns str, not {type(text).__name__}"
        raise TypeError(msg)


Unheard = tuple[dict[str, Any], dict[int, Hearing]]
"""A copy of an item, and what still has to be heard in it, by content index."""


def snapshot(items: Iterable[Mapping[str, Any]]) -> list[Unheard]:
    """Return copies of items, without audio, for a worker to complete with `heard`."""
    copies: list[Unheard] = []
    for item in items:
        content = item["content"] if item["type"] == "message" else ()
        copies.append((shown(item), {n: part["hearing"] for n, part in enumerate(content) if "hearing" in part}))
    return copies


def heard(copies: Iterable[Unheard]) -> Iterator[dict[str, Any]]:
    """Yield the copies with what is heard filled in; on a worker thread, since it may take long."""
    for item, unheard in copies:
        for index, hearing in unheard.items():
            item["content"][index]["transcript"], _ = hearing.text()
        yield item


@define(eq=False)
class _Transcription:
    """One transcript under way to the client."""

    item_id: str
    part: dict[str, Any]
    model: str
    with_logprobs: bool
    words: list[str] = field(init=False, factory=list)
    worker: Generation = field(init=False)


@define(eq=False, kw_only=True)
class Ears:
    """Transcribe for the client, beside everything else. Belongs to the connection's thread."""

    _state: State
    _running: list[_Transcription] = field(init=False, factory=list)
    _numbers: itertools.count[int] = field(init=False, factory=itertools.count)

    def listen(self, item: dict[str, Any]) -> None:
        """Give every audio part of the item that has no transcript something to hear it by."""
        for part in item.get("content", ()):
            if part["type"] == "input_audio" and not part["transcript"]:
                part["hearing"] = Hearing(part["audio"], self._state.backend.transcriber)

    def transcribe(self, item: dict[str, Any]) -> None:
        """Begin to send the transcript of the item's first part, if the session asks for one."""
        asked = self._state.input_settings["transcription"]
        if asked is None:
            return
        part, channel = item["content"][0], self._state.channel
        hearing: Hearing = part["hearing"]
        running = _Transcription(item["id"], part, asked.get("model", ""), bool(self._state.settings["include"]))
        running.worker = Generation(
            make=lambda: _transcript(hearing),
            deliver=lambda piece: channel.post(lambda: self._take(running, piece)),
            time_scale=self._state.backend.time_scale,
            who="transcriber",
            name=str(next(self._numbers)),
        )
        self._running.append(running)
        running.worker.start()

    def close(self) -> list[Generation]:
        """Stop listening; return the workers, to join."""
        for running in self._running:
            running.worker.cancel()
        return [running.worker for running in self._running]

    def _take(self, running: _Transcription, piece: Piece) -> None:
        place = {"item_id": running.item_id, "content_index": 0}
        if isinstance(piece, TextPiece):
            running.worker.taken()
            running.words.append(piece.text)
            event = {**place, "delta": piece.text, **_logprobs(running, [piece.text])}
            self._state.emit({"type": f"{_EVENT}.delta", **event})
            return
        self._running.remove(running)
        if isinstance(piece, EndPiece) and piece.message is not None:
            error = {"type": "transcription_error", "code": "transcription_failed", "param": None}
            self._state.emit({"type": f"{_EVENT}.failed", **place, "error": {**error, "message": piece.message}})
            return
        text = running.part["transcript"] = "".join(running.words)
        usage = transcription_usage(running.model, running.part["audio"], text)
        event = {**place, "transcript": text, **_logprobs(running, running.words), "usage": usage}
        self._state.emit({"type": f"{_EVENT}.completed", **event})


def _transcript(hearing: Hearing) -> Iterator[Piece]:
    text, failure = hearing.text()
    yield from (TextPiece(token) for token in tokens(text or ""))
    yield EndPiece(message=failure)


def _logprobs(running: _Transcription, words: Iterable[str]) -> dict[str, Any]:
    """Return the log probabilities of a stand-in that has no doubts, where the session includes them."""
    if not running.with_logprobs:
        return {}
    certain = [{"token": word, "logprob": 0.0, "bytes": list(word.encode(errors="replace"))} for word in words]
    return {"logprobs": certain}
