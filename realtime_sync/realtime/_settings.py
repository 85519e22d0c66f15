"""What callers give as a session, a response or an item, and what of a session matters for turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from realtime_sync.audio import AudioFormat
from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from realtime_sync.types import UnknownObject, WireObject

__all__ = [
    "InputSettings",
    "fields_of",
    "name_of_tool",
    "named_output_format",
    "output_format",
    "part_of",
    "transcribes",
]

_SILENCE_SECONDS = 0.5
"""The default of `silence_duration_ms` (API reference, November 2026)."""
_EAGERNESS_SECONDS = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}
"""How long semantic voice detection waits at most before it takes the speaker for finished (ditto)."""


def fields_of(value: Any, what: str) -> dict[str, Any]:
    """Return the fields of an object as a dict of the caller's own, one level deep.

    Raises:
        LocalProtocolError: it is neither; `what` names the argument.
    """
    if isinstance(value, WireObject):
        return dict(value.wire_items())
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"{what} must be a mapping or an object of realtime_sync.types; got {type(value).__name__}"
    raise LocalProtocolError(msg)


def part_of(value: Any, *names: str) -> Any:
    """Return what lies at the end of a path of names, in mappings and objects alike; None if it is not there."""
    for name in names:
        raw = value.raw if isinstance(value, UnknownObject) else value
        value = raw.get(name) if isinstance(raw, Mapping) else getattr(raw, name, None)
        if value is None or value is NOT_GIVEN:
            return None
    return value


def name_of_tool(tool: Any) -> str | None:
    """Return the name that a definition gives a function; None: it is of another kind of tool."""
    return part_of(tool, "name") if part_of(tool, "type") in (None, "function") else None


@frozen(kw_only=True)
class InputSettings:
    """How a session takes audio in.

    Attributes:
        format: what it expects.
        detects: whether the server finds the turns in it by itself; False also while nothing is known about it, as
            a commit by hand is then the smaller mistake.
        creates_response: whether the server answers by itself what it found.
        silence: seconds of silence after which it takes the speaker for finished.
        transcribes: whether transcripts of the input come.
    """

    format: AudioFormat
    detects: bool
    creates_response: bool
    silence: float
    transcribes: bool

    @classmethod
    def of(cls, session: Any) -> InputSettings:
        """Read them from the effective session: of today's shape, of the beta's, or None.

        Raises:
            ConfigurationError: its audio format is none that this library knows.
        """
        given = part_of(session, "audio", "input")
        detection = part_of(given, "turn_detection") or part_of(session, "turn_detection")
        if part_of(detection, "type") == "none":  # As some compatible servers say null.
            detection = None
        return cls(
            format=AudioFormat.from_wire(part_of(given, "format") or part_of(session, "input_audio_format")),
            detects=detection is not None,
            creates_response=part_of(detection, "create_response") is not False,
            silence=_silence(detection),
            transcribes=transcribes(session),
        )


def transcribes(session: Any) -> bool:
    """Tell whether a session transcribes what the user says."""
    today = part_of(session, "audio", "input", "transcription")
    return (today or part_of(session, "input_audio_transcription")) is not None


def _silence(detection: Any) -> float:
    if part_of(detection, "type") == "semantic_vad":
        return _EAGERNESS_SECONDS.get(part_of(detection, "eagerness") or "auto", _EAGERNESS_SECONDS["low"])
    milliseconds = part_of(detection, "silence_duration_ms")
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else _SILENCE_SECONDS


def named_output_format(value: Any) -> Any:
    """Return the format that a session or a response names for its audio, as on the wire; None: none."""
    return part_of(value, "audio", "output", "format") or part_of(value, "output_audio_format")


def output_format(session: Any, response: Any) -> AudioFormat | None:
    """Return the format of a response's audio: its own settings come before the session's.

    None: one that this library does not know, which is no reason to refuse a turn; its audio can only not be saved.
    """
    try:
        return AudioFormat.from_wire(named_output_format(response) or named_output_format(session))
    except ConfigurationError:
        return None
