"""The result of a turn, and how it is put together from the turn's events."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, BinaryIO

from attrs import define, field, frozen

from realtime_sync.audio import PCM16_24K, AudioFormat, Recording
from realtime_sync.errors import ConfigurationError, DecodeError
from realtime_sync.realtime._settings import named_output_format, output_format, part_of
from realtime_sync.types import UnknownEvent

__all__ = ["Timings", "Turn", "TurnBuilder"]

logger = logging.getLogger("realtime_sync")

TEXT_DELTAS = frozenset({"response.output_text.delta", "response.output_audio_transcript.delta"})


@frozen(kw_only=True)
class Timings:
    """Seconds from sending the request (for a response that somebody else started: from its creation).

    Attributes:
        first_event: to the first event of the turn, or None.
        first_token: to the first piece of text or transcript, or None.
        first_audio: to the first piece of audio, or None.
        done: to the terminal event, or None while it has not come.
    """

    first_event: float | None = None
    first_token: float | None = None
    first_audio: float | None = None
    done: float | None = None


@frozen(kw_only=True)
class Turn:
    """What came of one turn: of its response or, when the server answered in several, of all of them in order.

    Attributes:
        id: the id of the (last) response; None if none began.
        status: "completed", "incomplete", "cancelled", "failed", "in_progress" (of a partial turn), or None.
        text: output text and, for audio parts, their transcript, in order.
        transcript: the transcript of the audio parts alone.
        input_transcript: what the user said, as the server transcribed it; None: it was not asked to, or the transcript
            had not come when the turn ended.
        audio: the audio that arrived, in `audio_format`. Of an interrupted turn: what was taken out before.
        audio_format: the format of `audio`; None: one that this library does not know.
        items: the output items, in order.
        function_calls: those of `items` that are function calls which no tool has answered.
        rounds: how many responses there were, those after calls of tools included, without those that were cut off by
            the user's own further speech; the same holds for everything that is collected of them.
        usage: token counts, of all rounds together, or None.
        timings: when things arrived.
        response: the response object of the terminal event, or None.
        error: why the response failed, from `status_details`, or None.
    """

    id: str | None
    status: str | None
    text: str
    transcript: str
    input_transcript: str | None = None
    audio: bytes = field(default=b"", repr=False)
    audio_format: AudioFormat | None = PCM16_24K
    rounds: int = 1
    items: tuple[Any, ...] = field(repr=False)
    usage: Any = field(repr=False)
    timings: Timings = field(repr=False)
    response: Any = field(repr=False)
    error: Any = None
    function_calls: tuple[Any, ...] = field(default=(), repr=False)

    def save_wav(self, path: str | PurePath | BinaryIO) -> None:
        """Write `audio` to a WAV file (or a binary file object). No audio makes a file without any.

        Raises:
            ConfigurationError: the server's audio format is none that this library knows.
            OSError: the file cannot be written.
        """
        if self.audio_format is None:
            msg = "the audio of this turn is in a format that this library does not know: use its bytes as they are"
            raise ConfigurationError(msg)
        Recording(self.audio_format, self.audio).save(path)


@define(eq=False)
class _Round:
    """What is collected of one response."""

    response: Any
    text: list[str] = field(factory=list)
    transcript: list[str] = field(factory=list)
    audio: list[bytes] = field(factory=list)
    items: dict[str, Any] = field(factory=dict)

    def add(self, event: Any) -> None:
        """Take a piece of it into account."""
        kind = event.type
        if kind in TEXT_DELTAS:
            self.text.append(event.delta)
            if kind != "response.output_text.delta":
                self.transcript.append(event.delta)
        elif kind == "response.output_audio.delta":
            try:
                self.audio.append(event.audio)
            except DecodeError as error:
                logger.warning("a piece of audio was left out: %s", error)
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self.items[event.item.id or str(len(self.items))] = event.item

    @property
    def output(self) -> tuple[Any, ...]:
        # Some servers leave `output` out of the terminal event; the item events say the same.
        return tuple(getattr(self.response, "output", None) or self.items.values())


@define(eq=False)
class TurnBuilder:
    """Collects a turn's events, on the thread that consumes them."""

    audio_format: AudioFormat | None = PCM16_24K
    final: bool = field(init=False, default=False)
    """The terminal event of the newest response has been taken into account."""
    _id: str | None = field(init=False, default=None)
    _status: Any = field(init=False, default=None)
    _rounds: list[_Round] = field(init=False, factory=list)
    _answered: set[str] = field(init=False, factory=set)
    """The ids of the calls that tools have answered."""
    _input: dict[str, str] = field(init=False, factory=dict)
    """The transcripts of the input items, in the order in which they were committed."""

    def add(self, event: Any) -> None:
        """Take one event of the turn into account."""
        kind = event.type
        if isinstance(event, UnknownEvent):
            if kind == "response.done":  # It did not fit its class; the turn is over all the same.
                self.final = True
                self._status = part_of(event.raw, "response", "status")
        elif kind in ("response.created", "response.done"):
            self._responds(event.response, ends=kind == "response.done")
        elif kind == "input_audio_buffer.committed":
            self._input.setdefault(event.item_id, "")
        elif kind == "conversation.item.input_audio_transcription.completed":
            self._input[event.item_id] = event.transcript or ""
        elif self._rounds:
            self._rounds[-1].add(event)
        elif kind.startswith("response."):
            self._rounds.append(_Round(None))  # From a server that does without response.created.
            self._rounds[-1].add(event)

    def drop_unfinished(self) -> None:
        """Forget a response that has begun: it turned out not to be this turn's."""
        if self._rounds and not self.final:
            self._rounds.pop()
            before = self._rounds[-1].response if self._rounds else None
            self._id, self._status = getattr(before, "id", None), getattr(before, "status", None)
            self.final = before is not None

    def _responds(self, response: Any, *, ends: bool) -> None:
        if not self._rounds or not ends:
            if self._rounds and self._status == "cancelled":
                self._rounds.pop()  # Cut off by further speech, which the new one answers too.
            self._rounds.append(_Round(response))
        if named_output_format(response) is not None:
            self.audio_format = output_format(None, response)
        self._rounds[-1].response = response
        self._id = response.id or self._id
        self._status = response.status
        self.final = ends

    def answered(self, call_ids: Iterable[str]) -> None:
        """Note that calls of the responses so far are answered."""
        self._answered.update(call_ids)

    def output(self) -> tuple[Any, ...]:
        """Return the items of the newest response."""
        return self._rounds[-1].output if self._rounds else ()

    def turn(self, timings: Timings) -> Turn:
        """Return what has been collected so far."""
        response = self._rounds[-1].response if self._rounds else None
        items = tuple(item for each in self._rounds for item in each.output)
        heard = " ".join(text for text in self._input.values() if text)
        return Turn(
            id=self._id,
            status=self._status,
            text="".join("".join(each.text) or _text_of(each.output) for each in self._rounds),
            transcript="".join(piece for each in self._rounds for piece in each.transcript),
            input_transcript=heard or None,
            audio=b"".join(piece for each in self._rounds for piece in each.audio),
            audio_format=self.audio_format,
            rounds=len(self._rounds),
            items=items,
            usage=_total([getattr(each.response, "usage", None) for each in self._rounds]),
            timings=timings,
            response=response if self.final else None,
            error=part_of(response, "status_details", "error"),
            function_calls=tuple(
                item
                for item in items
                if getattr(item, "type", None) == "function_call" and item.call_id not in self._answered
            ),
        )


def _total(usages: list[Any]) -> Any:
    known = [usage for usage in usages if usage is not None]
    total = known[0] if known else None
    for usage in known[1:]:
        total = total + usage
    return total


def _text_of(items: tuple[Any, ...]) -> str:
    """Join the text of finished items: for servers that send no deltas."""
    parts = (part for item in items for part in getattr(item, "content", None) or ())
    return "".join(getattr(part, "text", None) or getattr(part, "transcript", None) or "" for part in parts)
