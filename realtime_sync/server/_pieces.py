"""An answer, cut into the pieces that a session turns into events: deltas of text and speech, calls, an end."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator

from attrs import evolve, frozen

from realtime_sync.audio import Recording
from realtime_sync.server._reply import Answer, Reply
from realtime_sync.server._speaker import Speech

__all__ = [
    "AudioPiece",
    "CallPiece",
    "EndPiece",
    "Piece",
    "RecordedPiece",
    "TextPiece",
    "audio_tokens",
    "limited",
    "pieces",
    "spoken",
    "tokens",
    "written",
]

TOKEN_SECONDS = 0.005
"""Pause before each delta of a written text, before scaling."""
CHUNK_SECONDS = 0.1
"""Length of one delta of speech."""
_AUDIO_TOKEN_SECONDS = 0.05
_TOKEN = re.compile(r"\s*\S{1,6}|\s+")
_SENTENCE_END = re.compile(r"[.!?:;\n][\"')\]]*\s*$")
_PHRASE = 60
"""Characters after which speech begins at the next break between words."""


def tokens(text: str) -> list[str]:
    """Cut text into token-like pieces of up to six characters and the space before them; joined they are the text."""
    return _TOKEN.findall(text)


def audio_tokens(seconds: float) -> int:
    """Return the tokens of so much generated speech: one for every 50 ms."""
    return math.ceil(round(seconds / _AUDIO_TOKEN_SECONDS, 3))


@frozen
class TextPiece:
    """One delta of a message: of its text, or of its transcript."""

    text: str
    delay: float = 0.0
    """Seconds to wait before it, before scaling; likewise below."""


@frozen
class AudioPiece:
    """One delta of a message's speech, in the format of the response."""

    audio: bytes
    seconds: float
    delay: float = 0.0


@frozen
class RecordedPiece:
    """A text that brings its own audio; `written` or `spoken` makes deltas of it."""

    text: str
    recording: Recording
    delay: float = 0.0


@frozen
class CallPiece:
    """One function call, arguments as JSON text."""

    name: str
    arguments: str
    delay: float = 0.0
    cut: bool = False
    """The arguments were cut by a token limit and may be invalid JSON."""


@frozen
class EndPiece:
    """The end of a response, and why."""

    status: str = "completed"
    """completed, incomplete or failed."""
    reason: str | None = None
    message: str | None = None
    delay: float = 0.0


Piece = TextPiece | AudioPiece | CallPiece | EndPiece


def pieces(answer: Answer) -> Iterator[Piece | RecordedPiece]:
    """Cut an answer into pieces, with an `EndPiece` last.

    A text that is given whole is cut into token-like deltas; each text of an iterator is one delta as it is.

    Raises:
        TypeError: it is none of the things a responder may return.
    """
    for part in _parts(answer):
        for piece in _of_part(part):
            yield piece
            if isinstance(piece, EndPiece):
                return
    yield EndPiece()


def _parts(answer: object) -> Iterable[object]:
    if isinstance(answer, str):
        return (Reply(text=answer),)
    if isinstance(answer, Reply):
        return (answer,)
    if isinstance(answer, Iterable):
        return answer
    msg = f"a responder returns str, Reply or an iterable of these, not {type(answer).__name__}"
    raise TypeError(msg)


def _of_part(part: object) -> Iterator[Piece | RecordedPiece]:
    if isinstance(part, str):
        yield TextPiece(part)
        return
    if not isinstance(part, Reply):
        msg = f"a responder yields str or Reply, not {type(part).__name__}"
        raise TypeError(msg)
    delay = part.delay
    if part.audio is not None:
        yield RecordedPiece(part.text, part.audio, delay)
        delay = 0.0
    else:
        for token in tokens(part.text):
            yield TextPiece(token, delay)
            delay = 0.0
    if part.function_call is not None:
        name, arguments = part.function_call
        yield CallPiece(name, json.dumps(arguments), delay)
        delay = 0.0
    if part.error is not None:
        yield EndPiece("failed", message=part.error, delay=delay)
    elif part.incomplete is not None:
        yield EndPiece("incomplete", reason=part.incomplete, delay=delay)


def written(parts: Iterable[Piece | RecordedPiece]) -> Iterator[Piece]:
    """Pass an answer on as text, at a readable pace; speech that it brought along is left out."""
    for piece in parts:
        if isinstance(piece, TextPiece):
            yield evolve(piece, delay=piece.delay + TOKEN_SECONDS)
        elif isinstance(piece, RecordedPiece):
            for number, token in enumerate(tokens(piece.text)):
                yield TextPiece(token, TOKEN_SECONDS + (0 if number else piece.delay))
        else:
            yield piece


def spoken(parts: Iterable[Piece | RecordedPiece], speech: Speech) -> Iterator[Piece]:
    """Pass an answer on as speech and its transcript, phrase by phrase, so that the first words come early."""
    phrase: list[TextPiece] = []
    for piece in parts:
        if phrase and (not isinstance(piece, TextPiece) or piece.delay):
            yield from _uttered(phrase, speech)
            phrase = []
        if isinstance(piece, TextPiece):
            phrase.append(piece)
            if _is_phrase("".join(each.text for each in phrase)):
                yield from _uttered(phrase, speech)
                phrase = []
        elif isinstance(piece, RecordedPiece):
            yield from _interleaved(tokens(piece.text), speech.converted(piece.recording), speech, piece.delay)
        else:
            yield piece


def _is_phrase(text: str) -> bool:
    return _SENTENCE_END.search(text) is not None or (len(text) >= _PHRASE and text[-1] in " ,")


def _uttered(phrase: list[TextPiece], speech: Speech) -> Iterator[Piece]:
    words = [piece.text for piece in phrase]
    return _interleaved(words, speech.of("".join(words)), speech, phrase[0].delay)


def _interleaved(words: list[str], audio: bytes, speech: Speech, delay: float) -> Iterator[Piece]:
    """Yield words and audio side by side, each word no later than its share of the audio."""
    size = speech.format.size(CHUNK_SECONDS)
    chunks = [audio[start : start + size] for start in range(0, len(audio), size)]
    told = 0
    for number, chunk in enumerate(chunks, start=1):
        due = math.ceil(len(words) * number / len(chunks))
        for word in words[told:due]:
            yield TextPiece(word, delay)
            delay = 0.0
        told = due
        seconds = speech.format.seconds(len(chunk))
        yield AudioPiece(chunk, seconds, delay + seconds / speech.pace)
        delay = 0.0
    for word in words[told:]:
        yield TextPiece(word, delay)
        delay = 0.0


def limited(parts: Iterable[Piece], max_tokens: int | None) -> Iterator[Piece]:
    """Pass on at most `max_tokens` tokens (None: all), then end as incomplete. Cut arguments may be invalid JSON."""
    left = max_tokens
    for piece in parts:
        if left is None or isinstance(piece, EndPiece):
            yield piece
            continue
        size = _size(piece)
        if size > left:
            if left:
                yield _cut(piece, left)
            yield EndPiece("incomplete", reason="max_output_tokens")
            return
        left -= size
        yield piece


def _size(piece: TextPiece | AudioPiece | CallPiece) -> int:
    if isinstance(piece, AudioPiece):
        return audio_tokens(piece.seconds)
    return len(tokens(piece.text if isinstance(piece, TextPiece) else piece.arguments))


def _cut(piece: TextPiece | AudioPiece | CallPiece, size: int) -> Piece:
    if isinstance(piece, TextPiece):
        return evolve(piece, text="".join(tokens(piece.text)[:size]))
    if isinstance(piece, CallPiece):
        return evolve(piece, arguments="".join(tokens(piece.arguments)[:size]), cut=True)
    seconds = size * _AUDIO_TOKEN_SECONDS
    kept = int(len(piece.audio) * seconds / piece.seconds) // 2 * 2
    return evolve(piece, audio=piece.audio[:kept], seconds=seconds)
