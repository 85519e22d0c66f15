"""The catalogue of the Realtime API."""

from __future__ import annotations

from typing import get_args

import attrs
import pytest

from realtime_sync.types import realtime as rt
from realtime_sync.types._base import KnownEvent, layout_of

SERVER_EVENTS = [cls for cls in get_args(rt.ServerEvent) if issubclass(cls, KnownEvent)]
CLIENT_EVENTS = list(get_args(rt.ClientEvent))

ESSENTIAL = {
    "session.created": {"session"},
    "session.updated": {"session"},
    "conversation.created": {"conversation"},
    "conversation.item.added": {"item"},
    "conversation.item.created": {"item"},
    "conversation.item.done": {"item"},
    "conversation.item.deleted": {"item_id"},
    "conversation.item.retrieved": {"item"},
    "conversation.item.truncated": {"item_id"},
    "input_audio_buffer.committed": set(),
    "input_audio_buffer.cleared": set(),
    "input_audio_buffer.speech_started": set(),
    "input_audio_buffer.speech_stopped": set(),
    "input_audio_buffer.timeout_triggered": set(),
    "input_audio_buffer.dtmf_event_received": {"event"},
    "output_audio_buffer.started": set(),
    "output_audio_buffer.stopped": set(),
    "output_audio_buffer.cleared": set(),
    "conversation.item.input_audio_transcription.delta": {"item_id"},
    "conversation.item.input_audio_transcription.completed": {"item_id", "transcript"},
    "conversation.item.input_audio_transcription.failed": {"item_id", "error"},
    "conversation.item.input_audio_transcription.segment": {"item_id", "text"},
    "mcp_list_tools.in_progress": {"item_id"},
    "mcp_list_tools.completed": {"item_id"},
    "mcp_list_tools.failed": {"item_id"},
    "response.mcp_call.in_progress": {"item_id"},
    "response.mcp_call.completed": {"item_id"},
    "response.mcp_call.failed": {"item_id"},
    "response.mcp_call_arguments.delta": {"item_id", "delta"},
    "response.mcp_call_arguments.done": {"item_id", "arguments"},
    "response.created": {"response"},
    "response.done": {"response"},
    "response.output_item.added": {"item"},
    "response.output_item.done": {"item"},
    "response.content_part.added": {"part"},
    "response.content_part.done": {"part"},
    "response.output_text.delta": {"item_id", "delta"},
    "response.output_text.done": {"item_id", "text"},
    "response.output_audio.delta": {"item_id", "delta"},
    "response.output_audio.done": {"item_id"},
    "response.output_audio_transcript.delta": {"item_id", "delta"},
    "response.output_audio_transcript.done": {"item_id", "transcript"},
    "response.function_call_arguments.delta": {"item_id", "delta"},
    "response.function_call_arguments.done": {"item_id", "call_id", "arguments"},
    "rate_limits.updated": {"rate_limits"},
    "error": {"error"},
}


def test_the_fields_an_event_cannot_do_without() -> None:
    """Each server event requires exactly the fields without which it is useless."""
    found = {
        cls.type: {name for name, each in layout_of(cls).fields.items() if each.default is attrs.NOTHING}
        for cls in SERVER_EVENTS
    }
    assert found == ESSENTIAL


def test_all_other_fields_of_a_server_event_may_be_missing() -> None:
    """A field that is not essential defaults to None, in events and in what they carry."""
    for cls in SERVER_EVENTS:
        for name, each in layout_of(cls).fields.items():
            assert each.default is None or name in ESSENTIAL[cls.type]


def test_the_client_events_are_those_of_the_protocol_and_its_beta() -> None:
    """Every client event is in the union, under its own name."""
    assert {cls.type for cls in CLIENT_EVENTS} == {
        "session.update",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
        "response.create",
        "response.cancel",
        "transcription_session.update",
    }


@pytest.mark.parametrize("old", sorted(rt.BETA_NAMES))
def test_beta_names_lead_to_present_events(old: str) -> None:
    """What a beta-era name stands for exists, and the name itself is no event's."""
    names = {cls.type for cls in SERVER_EVENTS}
    assert rt.BETA_NAMES[old] in names
    assert old not in names
