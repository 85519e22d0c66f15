"""What a responder is asked, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from attrs import field, frozen

from realtime_sync.audio import Recording

__all__ = ["Answer", "Reply", "Responder", "ResponderRequest", "text_of"]


@frozen(kw_only=True)
class ResponderRequest:
    """What is to be answered. Read it only: the items belong to the session."""

    api: Literal["realtime", "responses"]
    items: tuple[Mapping[str, Any], ...]
    """The context, oldest first, in the API's own shapes: audio without its bytes, but with what was heard in it."""
    instructions: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    modalities: tuple[str, ...] = ("text",)
    audio: Recording | None = field(default=None, repr=False)
    """The audio to answer, when the newest item has audio; None for text."""
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

    def setting(self, name: str) -> Any:
        """Return a parameter of the response, else the session's; None when neither has it."""
        return self.response.get(name, self.session.get(name))


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
    audio: Recording | None = field(default=None, repr=False)
    """The speech for `text`, in any format, where audio is asked for; None: the server's voice reads the text."""
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
