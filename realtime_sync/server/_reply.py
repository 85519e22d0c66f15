"""What a responder is asked, what it may answer, and how an answer is cut into pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from attrs import field, frozen

__all__ = [
    "Answer",
    "CallPiece",
    "EndPiece",
    "Piece",
    "Reply",
    "Responder",
    "ResponderRequest",
    "TextPiece",
    "limited",
    "pieces",
    "tokens",
]

_TOKEN = re.compile(r"\s*\S{1,6}|\s+")


def tokens(text: str) -> list[str]:
    """Cut text into token-like pieces of up to six characters and the space before them; joined they are the text."""
    return _TOKEN.findall(text)


@frozen(kw_only=True)
class ResponderRequest:
    """What is to be answered. Read it only: the items belong to the session."""

    api: Literal["realtime", "responses"]
    items: tuple[Mapping[str, Any], ...]
    """The context, oldest first, in the API's own shapes."""
    instructions: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    modalities: tuple[str, ...] = ("text",)
    audio: bytes | None = None
    """The audio to answer, when the newest item is audio; None for text."""
    session: Mapping[str, Any] = field(factory=dict, repr=False)
    """The effective session."""
    response: Mapping[str, Any] = field(factory=dict, repr=False)
    """The parameters of this response, as the client sent them."""

    @property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """The messages as (role, text); of audio its transcript counts."""
        return tuple((str(item["role"]), text_of(item)) for item in self.items if item.get("type") == "message")

    @property
    def text(self) -> str:
        """The newest user message, or an empty text."""
        return next((text for role, text in reversed(self.messages) if role == "user"), "")


def text_of(item: Mapping[str, Any]) -> str:
    """Return the text of a message item: its text parts and transcripts."""
    content = item.get("content") or ()
    if isinstance(content, str):
        return content
    return " ".join(text for part in content if (text := part.get("text") or part.get("transcript") or ""))


@frozen(kw_only=True)
class Reply:
    """A part of an answer; several of them in an iterator make one response."""

    text: str = ""
    """Spoken or written; goes out in token-like deltas."""
    function_call: tuple[str, Mapping[str, Any]] | None = None
    """(name, arguments): asks the client to run a tool. Comes after `text`."""
    error: str | None = None
    """Fails the response with this message, after `text` and `function_call`."""
    incomplete: Literal["max_output_tokens", "content_filter"] | None = None
    """Ends the response as incomplete, with this reason."""
    delay: float = 0.0
    """Seconds to think before this part; scaled by the server's `time_scale`."""


Answer = str | Reply | Iterable[str | Reply]
Responder = Callable[[ResponderRequest], Answer]


@frozen
class TextPiece:
    """One delta of a message."""

    text: str
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

    status: Literal["completed", "incomplete", "failed"] = "completed"
    reason: str | None = None
    message: str | None = None


Piece = TextPiece | CallPiece | EndPiece


def pieces(answer: Answer) -> Iterator[Piece]:
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


def _of_part(part: object) -> Iterator[Piece]:
    if isinstance(part, str):
        yield TextPiece(part)
        return
    if not isinstance(part, Reply):
        msg = f"a responder yields str or Reply, not {type(part).__name__}"
        raise TypeError(msg)
    delay = part.delay
    for token in tokens(part.text):
        yield TextPiece(token, delay)
        delay = 0.0
    if part.function_call is not None:
        name, arguments = part.function_call
        yield CallPiece(name, json.dumps(arguments), delay)
    if part.error is not None:
        yield EndPiece("failed", message=part.error)
    elif part.incomplete is not None:
        yield EndPiece("incomplete", reason=part.incomplete)


def limited(parts: Iterator[Piece], max_tokens: int | None) -> Iterator[Piece]:
    """Pass on at most `max_tokens` tokens (None: all), then end as incomplete. Cut arguments may be invalid JSON."""
    left = max_tokens
    for piece in parts:
        if left is None or isinstance(piece, EndPiece):
            yield piece
            continue
        words = tokens(piece.text if isinstance(piece, TextPiece) else piece.arguments)
        if len(words) > left:
            kept = "".join(words[:left])
            if kept:
                yield TextPiece(kept) if isinstance(piece, TextPiece) else CallPiece(piece.name, kept, cut=True)
            yield EndPiece("incomplete", reason="max_output_tokens")
            return
        left -= len(words)
        yield piece
