"""Token counts, roughly as the API's: pieces of words, 100 ms of the user's audio, 50 ms of the server's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from realtime_sync.audio import Recording
from realtime_sync.server._pieces import audio_tokens, tokens

__all__ = ["Counts", "context_counts", "transcription_usage", "usage"]

_INPUT_AUDIO_TOKEN_SECONDS = 0.1
_IMAGE_TOKENS = {"low": 85}
_IMAGE_TOKENS_AT_MOST = 765


@frozen(kw_only=True)
class Counts:
    """Tokens by kind."""

    text: int = 0
    audio: int = 0
    image: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return the sum, kind by kind."""
        return Counts(text=self.text + other.text, audio=self.audio + other.audio, image=self.image + other.image)

    @property
    def total(self) -> int:
        """Return the tokens of all kinds."""
        return self.text + self.audio + self.image


def heard_tokens(recording: Recording) -> int:
    """Return the tokens of audio from the user."""
    return math.ceil(round(recording.seconds / _INPUT_AUDIO_TOKEN_SECONDS, 3))


def context_counts(instructions: str, items: Iterable[Mapping[str, Any]]) -> Counts:
    """Return the size of what a response is given: audio counts by its length, not by its transcript."""
    counts = Counts(text=len(tokens(instructions)))
    for item in items:
        if item["type"] != "message":
            words = f"{item.get('name', '')} {item.get('arguments', '')} {item.get('output', '')}".strip()
            counts += Counts(text=len(tokens(words)))
            continue
        for part in item["content"]:
            counts += _part_counts(part)
    return counts


def _part_counts(part: Mapping[str, Any]) -> Counts:
    if part["type"] == "input_image":
        return Counts(image=_IMAGE_TOKENS.get(part.get("detail", "auto"), _IMAGE_TOKENS_AT_MOST))
    if part["type"] == "input_audio":
        return Counts(audio=heard_tokens(part["audio"]))
    if "audio" in part:
        return Counts(audio=audio_tokens(part["audio"].seconds))
    return Counts(text=len(tokens(part.get("text") or part.get("transcript") or "")))


def usage(given: Counts, made: Counts) -> dict[str, Any]:
    """Return the usage of a response."""
    return {
        "total_tokens": given.total + made.total,
        "input_tokens": given.total,
        "output_tokens": made.total,
        "input_token_details": {
            "text_tokens": given.text,
            "audio_tokens": given.audio,
            "image_tokens": given.image,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": made.text, "audio_tokens": made.audio},
    }


def transcription_usage(model: str, recording: Recording, text: str) -> dict[str, Any]:
    """Return the usage of a transcription: whisper models are billed by duration, the others by tokens."""
    if "whisper" in model:
        return {"type": "duration", "seconds": round(recording.seconds, 3)}
    audio, words = heard_tokens(recording), len(tokens(text))
    return {
        "type": "tokens",
        "total_tokens": audio + words,
        "input_tokens": audio,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        "output_tokens": words,
    }
