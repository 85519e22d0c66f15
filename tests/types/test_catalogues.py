"""What holds for each catalogue: exports, unions, names, and the fields an event cannot do without."""

from __future__ import annotations

from typing import get_args

import attrs
import pytest

from realtime_sync.types import realtime, responses, translation
from realtime_sync.types._base import KnownEvent, WireObject, layout_of
from realtime_sync.wire import event_names

CATALOGUES = {"realtime": realtime, "translation": translation, "responses": responses}
BETA_PREFIX = "RealtimeBeta"

# Beside these, every field of an event of a server may be missing.
ESSENTIAL = {
    "translation": {
        "session.created": {"session"},
        "session.updated": {"session"},
        "session.closed": set(),
        "session.input_transcript.delta": {"delta"},
        "session.output_transcript.delta": {"delta"},
        "session.output_audio.delta": {"delta"},
        "error": {"error"},
    },
    "responses": {
        **{f"response.{name}": {"response"} for name in ("created", "queued", "in_progress", "completed")},
        **{f"response.{name}": {"response"} for name in ("failed", "incomplete")},
        **{f"response.output_item.{name}": {"item"} for name in ("added", "done")},
        **{f"response.content_part.{name}": {"part"} for name in ("added", "done")},
        **{f"response.reasoning_summary_part.{name}": {"part"} for name in ("added", "done")},
        **{f"response.mcp_list_tools.{name}": {"item_id"} for name in ("in_progress", "completed", "failed")},
        **{f"response.mcp_call.{name}": {"item_id"} for name in ("in_progress", "completed", "failed")},
        **{f"response.web_search_call.{name}": {"item_id"} for name in ("in_progress", "searching", "completed")},
        **{f"response.file_search_call.{name}": {"item_id"} for name in ("in_progress", "searching", "completed")},
        **{
            f"response.code_interpreter_call.{name}": {"item_id"}
            for name in ("in_progress", "interpreting", "completed")
        },
        **{
            f"response.image_generation_call.{name}": {"item_id"} for name in ("in_progress", "generating", "completed")
        },
        "response.image_generation_call.partial_image": {"item_id", "partial_image_b64"},
        **{
            f"response.{name}.delta": {"item_id", "delta"}
            for name in (
                "output_text",
                "refusal",
                "reasoning_text",
                "reasoning_summary_text",
                "function_call_arguments",
                "mcp_call_arguments",
                "custom_tool_call_input",
                "code_interpreter_call_code",
            )
        },
        "response.output_text.done": {"item_id", "text"},
        "response.output_text.annotation.added": {"item_id"},
        "response.refusal.done": {"item_id", "refusal"},
        "response.reasoning_text.done": {"item_id", "text"},
        "response.reasoning_summary_text.done": {"item_id", "text"},
        "response.function_call_arguments.done": {"item_id", "arguments"},
        "response.mcp_call_arguments.done": {"item_id", "arguments"},
        "response.custom_tool_call_input.done": {"item_id", "input"},
        "response.code_interpreter_call_code.done": {"item_id", "code"},
        "response.audio.delta": {"delta"},
        "response.audio.done": set(),
        "response.audio.transcript.delta": {"delta"},
        "response.audio.transcript.done": set(),
        "response.shell_call_command.added": set(),
        "response.shell_call_command.delta": {"delta"},
        "response.shell_call_command.done": {"command"},
        "response.shell_call_output_content.delta": {"delta"},
        "response.shell_call_output_content.done": {"output"},
        "response.compaction.compacting": {"item_id"},
        "response.steer.accepted": {"steer"},
        "response.steer.pending": {"steer"},
        "response.steer.failed": {"error"},
        "response.inject.created": {"response_id"},
        "response.inject.failed": {"error"},
        "error": {"error"},
    },
}


def classes_of(catalogue) -> list[type[WireObject]]:
    return [each for each in vars(catalogue).values() if isinstance(each, type) and issubclass(each, WireObject)]


def server_events(catalogue) -> list[type[KnownEvent]]:
    return [each for each in get_args(catalogue.ServerEvent) if issubclass(each, KnownEvent)]


def required(cls) -> set[str]:
    return {name for name, each in layout_of(cls).fields.items() if each.default is attrs.NOTHING}


@pytest.mark.parametrize("name", ESSENTIAL)
def test_the_fields_an_event_cannot_do_without(name) -> None:
    """Each server event requires exactly the fields without which it is useless."""
    classes = [cls for cls in server_events(CATALOGUES[name]) if cls is not responses.ResponseErrorEvent]
    assert {cls.type: required(cls) for cls in classes} == ESSENTIAL[name]
    assert required(responses.ResponseErrorEvent) == {"message"}


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_all_other_fields_of_a_server_event_may_be_missing(catalogue) -> None:
    """A field that is not essential reads None when it is missing."""
    for cls in server_events(catalogue):
        for name, each in layout_of(cls).fields.items():
            assert each.default is None or name in required(cls)


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_every_class_is_exported_and_described(catalogue) -> None:
    """The list of exports is complete, and each class says what it is."""
    assert len(set(catalogue.__all__)) == len(catalogue.__all__)
    assert all(hasattr(catalogue, name) for name in catalogue.__all__)
    for cls in classes_of(catalogue):
        assert cls.__name__ in catalogue.__all__
        assert cls.__doc__
        assert "Method generated by attrs" not in cls.__doc__


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_every_event_belongs_to_a_union(catalogue) -> None:
    """No event class was left out of ServerEvent and ClientEvent."""
    events = {cls for cls in classes_of(catalogue) if issubclass(cls, KnownEvent)}
    assert events == {*server_events(catalogue), *get_args(catalogue.ClientEvent)}


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_literals_are_the_names_of_the_events(name) -> None:
    """What an editor completes is what can be sent and what can come."""
    catalogue = CATALOGUES[name]
    assert set(get_args(catalogue.ServerEventName)) == event_names(name)
    assert set(get_args(catalogue.ClientEventName)) == {cls.type for cls in get_args(catalogue.ClientEvent)}


@pytest.mark.parametrize("catalogue", CATALOGUES.values(), ids=CATALOGUES)
def test_one_default_for_what_only_clients_send(catalogue) -> None:
    """Of the fields of a client's event none reads None where nothing was given."""
    for cls in get_args(catalogue.ClientEvent):
        outgoing = layout_of(cls).outgoing
        assert {*layout_of(cls).fields} == {*outgoing, *required(cls)}
