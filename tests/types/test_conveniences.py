"""What saves the three lines that everybody writes."""

from __future__ import annotations

import json
import pathlib
import re

import attrs
import pytest

from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import DecodeError, LocalProtocolError
from realtime_sync.types import realtime, responses, translation
from realtime_sync.wire import parse_event, to_wire
from realtime_sync.wire._converter import structure_function

PNG = b"\x89PNG\r\n\x1a\n...."


@pytest.mark.parametrize(
    "event",
    [
        realtime.ResponseAudioDeltaEvent(item_id="i", delta="YWJj"),
        translation.RealtimeTranslationOutputAudioDeltaEvent(delta="YWJj"),
        responses.ResponseAudioDeltaEvent(delta="YWJj"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_audio_is_bytes(event) -> None:
    """A delta's audio needs no decoding by the user, stays out of logs, and says so if it is none."""
    assert event.audio == b"abc"
    assert "YWJj" not in repr(event)
    with pytest.raises(DecodeError, match="base64"):
        _ = attrs.evolve(event, delta="Y").audio


def test_the_text_of_a_realtime_response() -> None:
    """Text and transcripts of all messages, in order; calls apart."""
    call = realtime.RealtimeConversationItemFunctionCall(call_id="c", name="f", arguments='{"a": [1]}')
    part = realtime.RealtimeConversationItemAssistantMessageContent
    response = realtime.RealtimeResponse(
        output=[
            realtime.RealtimeConversationItemAssistantMessage(
                content=[part(type="output_text", text="Hi "), part(type="output_audio", transcript="there")]
            ),
            call,
            realtime.RealtimeConversationItemAssistantMessage(),
        ]
    )
    assert response.output_text == "Hi there"
    assert response.function_calls == (call,)
    assert call.parsed_arguments() == {"a": [1]}
    assert (realtime.RealtimeResponse().output_text, realtime.RealtimeResponse().function_calls) == ("", ())


def test_the_text_of_a_response() -> None:
    """The text of all messages, in order, without what is no text; and the wire's own field beside it."""
    raw = {
        "type": "response.completed",
        "response": {
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "x"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}, {"type": "output_text"}]},
            ],
            "output_text": "from the wire",
        },
    }  # fmt: skip
    event = parse_event(json.dumps(raw), "responses")
    assert event.response.output_text == "ab"
    assert event.response.output_text_ == "from the wire"
    assert [call.parsed_arguments() for call in event.response.function_calls] == [{}]
    assert event.to_dict() == raw
    assert (responses.Response().output_text, responses.Response().function_calls) == ("", ())


@pytest.mark.parametrize("arguments", ['{"a": ', "", None])
@pytest.mark.parametrize(
    "cls",
    [realtime.RealtimeConversationItemFunctionCall, realtime.RealtimeMcpToolCall, responses.ResponseFunctionToolCall],
)
def test_arguments_that_were_cut_say_so(cls, arguments) -> None:
    """Arguments that are no JSON raise an error that names the function."""
    with pytest.raises(DecodeError, match="arguments of lookup"):
        cls(name="lookup", arguments=arguments).parsed_arguments()


def test_realtime_items_in_one_call() -> None:
    """Text, audio, images and results become items that can be sent."""
    assert realtime.user_text("x", id="i").to_dict() == {
        "type": "message",
        "role": "user",
        "id": "i",
        "content": [{"type": "input_text", "text": "x"}],
    }
    spoken = realtime.ConversationItemCreateEvent(item=realtime.user_audio(b"abc", transcript="a"))
    part = {"type": "input_audio", "audio": "YWJj", "transcript": "a"}
    assert to_wire(spoken)["item"]["content"] == [part]
    image = realtime.user_image(PNG, "what is it?", detail="low").to_dict()["content"]
    assert image[0] == {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgouLi4u", "detail": "low"}
    assert image[1] == {"type": "input_text", "text": "what is it?"}
    assert realtime.user_image("data:x").to_dict()["content"] == [{"type": "input_image", "image_url": "data:x"}]
    call = realtime.RealtimeConversationItemFunctionCall(call_id="c", name="f")
    assert realtime.function_result(call, {"é": 1}).to_dict() == {
        "type": "function_call_output",
        "call_id": "c",
        "output": '{"é": 1}',
    }
    assert realtime.function_result("c", "text", id="i").output == "text"


def test_responses_items_in_one_call() -> None:
    """The same for the input of a response."""
    call = responses.ResponseFunctionToolCall(call_id="c", name="f")
    custom = responses.ResponseCustomToolCall(call_id="d", name="g")
    event = responses.ResponseCreateEvent(
        input=[
            responses.user_text("x"),
            responses.user_image(PNG, "y"),
            responses.user_image("https://example.com/a.png"),
            responses.function_result(call, [1]),
            responses.function_result("c", "text"),
            responses.custom_tool_result(custom, "out"),
            responses.custom_tool_result("d", "out"),
        ]
    )
    sent = to_wire(event)["input"]
    assert sent[0] == {"type": "message", "role": "user", "content": "x"}
    assert [part["type"] for part in sent[1]["content"]] == ["input_image", "input_text"]
    assert sent[2]["content"][0]["image_url"] == "https://example.com/a.png"
    assert sent[3] == {"type": "function_call_output", "call_id": "c", "output": "[1]"}
    assert sent[4]["output"] == "text"
    assert sent[5] == sent[6] == {"type": "custom_tool_call_output", "call_id": "d", "output": "out"}


@pytest.mark.parametrize("build", [realtime.user_image, responses.user_image])
def test_bytes_that_are_no_image_are_refused(build) -> None:
    """A wrong file is an error before anything is sent."""
    with pytest.raises(LocalProtocolError, match="PNG"):
        build(b"%PDF-1.7")


@pytest.mark.parametrize("output", [object(), float("nan"), {1j: 2}])
@pytest.mark.parametrize("build", [realtime.function_result, responses.function_result])
def test_results_that_json_does_not_have_are_refused(build, output) -> None:
    """A result that cannot be written is an error that says what may be given."""
    with pytest.raises(LocalProtocolError, match="result of a function"):
        build("c", output)


def test_the_output_of_one_response_is_the_input_of_the_next() -> None:
    """The items of a response can be sent as they came, also those that only servers make."""
    output = [
        {"type": "shell_call", "id": "s", "call_id": "c", "created_by": "m", "action": {"commands": ["ls"]}},
        {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": []},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": None},
        {"type": "of the future", "x": 1},
    ]
    raw = {"type": "response.completed", "response": {"output": output}}
    event = parse_event(json.dumps(raw), "responses")
    assert to_wire(responses.ResponseCreateEvent(input=event.response.output))["input"] == output


def test_usage_adds_up_by_kind() -> None:
    """Counts are summed at every depth; what neither side counted stays None."""
    usage, details = realtime.RealtimeResponseUsage, realtime.RealtimeResponseUsageInputTokenDetails
    first = usage(total_tokens=3, input_token_details=details(text_tokens=1, cached_tokens=1))
    second = usage(total_tokens=4, input_token_details=details(text_tokens=2, audio_tokens=5), output_tokens=4)
    third = usage()
    total = sum([first, second, third])
    assert total == first + second
    assert total == usage(
        total_tokens=7,
        output_tokens=4,
        input_token_details=details(text_tokens=3, audio_tokens=5, cached_tokens=1),
    )
    one = responses.ResponseUsage(output_tokens_details=responses.ResponseUsageOutputTokensDetails(reasoning_tokens=2))
    assert (one + one).output_tokens_details.reasoning_tokens == 4
    with pytest.raises(TypeError):
        _ = first + one


def test_null_and_unset_differ_in_what_both_sides_send() -> None:
    """A tool is sent by clients and sent back by servers: null goes out only where it was given or came."""
    tool = responses.FunctionTool(name="f", strict=None)
    assert tool.to_dict() == {"type": "function", "name": "f", "strict": None}
    assert responses.FunctionTool(name="f").to_dict() == {"type": "function", "name": "f"}
    assert attrs.evolve(tool, strict=NOT_GIVEN).to_dict() == {"type": "function", "name": "f"}
    came = structure_function(responses.FunctionTool)({"type": "function", "name": "f"}, None)
    assert came.strict is None
    assert came.to_dict() == {"type": "function", "name": "f"}
    assert came == responses.FunctionTool(name="f") == tool
    assert hash(came) == hash(tool)
    assert attrs.evolve(came, strict=True).to_dict() == {"type": "function", "name": "f", "strict": True}


def test_an_object_that_stands_alone_may_be_of_another_type() -> None:
    """A fixed type in a place without a choice is a hint: another value does not lose the whole response."""
    raw = {"type": "web_search", "user_location": {"type": "exact", "city": "Rome"}}
    tool = structure_function(responses.WebSearchTool)(raw, None)
    assert tool.user_location.type == "exact"
    assert tool.to_dict() == raw
    assert responses.WebSearchToolUserLocation(city="Rome").to_dict() == {"type": "approximate", "city": "Rome"}
    assert structure_function(responses.WebSearchToolUserLocation)({"city": "x"}, None).to_dict() == {"city": "x"}


def test_the_code_of_the_docs_runs() -> None:
    """Each Python block of the page about types runs as it stands."""
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "types.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, str(page), "exec"), {})  # noqa: S102
