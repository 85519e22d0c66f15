"""The names of all events, for editors to complete and type checkers to check."""

from typing import Literal, TypeAlias

__all__ = ["ClientEventName", "ServerEventName"]

ServerEventName: TypeAlias = Literal[
    "session.created",
    "session.updated",
    "session.closed",
    "session.input_transcript.delta",
    "session.output_transcript.delta",
    "session.output_audio.delta",
    "error",
    # What some servers call them.
    "response.text.delta",
]
"""What a server's event can be called."""

ClientEventName: TypeAlias = Literal[
    "session.update",
    "session.input_audio_buffer.append",
    "session.close",
]
"""What a client's event can be called."""
