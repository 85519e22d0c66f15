"""What a response does with tools: arguments, progress, outputs."""

from typing import ClassVar, Literal

from attrs import field, frozen

from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.types.responses._event_bases import ItemEvent, StreamEvent
from realtime_sync.types.responses._shell_calls import ResponseFunctionShellToolCallOutputOutput

__all__ = [
    "ResponseCodeInterpreterCallCodeDeltaEvent",
    "ResponseCodeInterpreterCallCodeDoneEvent",
    "ResponseCodeInterpreterCallCompletedEvent",
    "ResponseCodeInterpreterCallInProgressEvent",
    "ResponseCodeInterpreterCallInterpretingEvent",
    "ResponseCustomToolCallInputDeltaEvent",
    "ResponseCustomToolCallInputDoneEvent",
    "ResponseFileSearchCallCompletedEvent",
    "ResponseFileSearchCallInProgressEvent",
    "ResponseFileSearchCallSearchingEvent",
    "ResponseFunctionCallArgumentsDeltaEvent",
    "ResponseFunctionCallArgumentsDoneEvent",
    "ResponseImageGenCallCompletedEvent",
    "ResponseImageGenCallGeneratingEvent",
    "ResponseImageGenCallInProgressEvent",
    "ResponseImageGenCallPartialImageEvent",
    "ResponseMcpCallArgumentsDeltaEvent",
    "ResponseMcpCallArgumentsDoneEvent",
    "ResponseMcpCallCompletedEvent",
    "ResponseMcpCallFailedEvent",
    "ResponseMcpCallInProgressEvent",
    "ResponseMcpListToolsCompletedEvent",
    "ResponseMcpListToolsFailedEvent",
    "ResponseMcpListToolsInProgressEvent",
    "ResponseShellCallCommandAddedEvent",
    "ResponseShellCallCommandDeltaEvent",
    "ResponseShellCallCommandDoneEvent",
    "ResponseShellCallOutputContentDeltaEvent",
    "ResponseShellCallOutputContentDeltaEventDelta",
    "ResponseShellCallOutputContentDoneEvent",
    "ResponseWebSearchCallCompletedEvent",
    "ResponseWebSearchCallInProgressEvent",
    "ResponseWebSearchCallSearchingEvent",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseShellCallOutputContentDeltaEventDelta(WireObject):
    """What a command wrote."""

    stderr: str | None = None
    stdout: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallCompletedEvent(ItemEvent):
    """The code interpreter finished."""

    type: ClassVar[Literal["response.code_interpreter_call.completed"]] = "response.code_interpreter_call.completed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallInProgressEvent(ItemEvent):
    """A call of the code interpreter began."""

    type: ClassVar[Literal["response.code_interpreter_call.in_progress"]] = "response.code_interpreter_call.in_progress"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallInterpretingEvent(ItemEvent):
    """The code interpreter runs the code."""

    type: ClassVar[Literal["response.code_interpreter_call.interpreting"]] = (
        "response.code_interpreter_call.interpreting"
    )
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallCodeDeltaEvent(ItemEvent):
    """More of the code to run."""

    type: ClassVar[Literal["response.code_interpreter_call_code.delta"]] = "response.code_interpreter_call_code.delta"
    item_id: str
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterCallCodeDoneEvent(ItemEvent):
    """The code to run is complete."""

    type: ClassVar[Literal["response.code_interpreter_call_code.done"]] = "response.code_interpreter_call_code.done"
    item_id: str
    code: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCustomToolCallInputDeltaEvent(ItemEvent):
    """More input for a custom tool."""

    type: ClassVar[Literal["response.custom_tool_call_input.delta"]] = "response.custom_tool_call_input.delta"
    item_id: str
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCustomToolCallInputDoneEvent(ItemEvent):
    """The input for a custom tool is complete."""

    type: ClassVar[Literal["response.custom_tool_call_input.done"]] = "response.custom_tool_call_input.done"
    item_id: str
    input: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFileSearchCallCompletedEvent(ItemEvent):
    """A search of files finished."""

    type: ClassVar[Literal["response.file_search_call.completed"]] = "response.file_search_call.completed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFileSearchCallInProgressEvent(ItemEvent):
    """A call of the file search began."""

    type: ClassVar[Literal["response.file_search_call.in_progress"]] = "response.file_search_call.in_progress"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFileSearchCallSearchingEvent(ItemEvent):
    """Files are being searched."""

    type: ClassVar[Literal["response.file_search_call.searching"]] = "response.file_search_call.searching"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDeltaEvent(ItemEvent):
    """More of the arguments of a function call."""

    type: ClassVar[Literal["response.function_call_arguments.delta"]] = "response.function_call_arguments.delta"
    item_id: str
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionCallArgumentsDoneEvent(ItemEvent):
    """The arguments of a function call are complete."""

    type: ClassVar[Literal["response.function_call_arguments.done"]] = "response.function_call_arguments.done"
    item_id: str
    arguments: str
    """JSON text; not always complete JSON when the response was cut."""
    name: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseImageGenCallCompletedEvent(ItemEvent):
    """An image is complete."""

    type: ClassVar[Literal["response.image_generation_call.completed"]] = "response.image_generation_call.completed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseImageGenCallGeneratingEvent(ItemEvent):
    """An image is being made."""

    type: ClassVar[Literal["response.image_generation_call.generating"]] = "response.image_generation_call.generating"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseImageGenCallInProgressEvent(ItemEvent):
    """A call of the image tool began."""

    type: ClassVar[Literal["response.image_generation_call.in_progress"]] = "response.image_generation_call.in_progress"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseImageGenCallPartialImageEvent(ItemEvent):
    """An image as far as it is made."""

    type: ClassVar[Literal["response.image_generation_call.partial_image"]] = (
        "response.image_generation_call.partial_image"
    )
    item_id: str
    partial_image_b64: str = field(repr=False)
    partial_image_index: int | None = None
    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallCompletedEvent(ItemEvent):
    """A call of an MCP tool succeeded."""

    type: ClassVar[Literal["response.mcp_call.completed"]] = "response.mcp_call.completed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallFailedEvent(ItemEvent):
    """A call of an MCP tool failed."""

    type: ClassVar[Literal["response.mcp_call.failed"]] = "response.mcp_call.failed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallInProgressEvent(ItemEvent):
    """A call of an MCP tool began."""

    type: ClassVar[Literal["response.mcp_call.in_progress"]] = "response.mcp_call.in_progress"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDeltaEvent(ItemEvent):
    """More of the arguments for an MCP tool."""

    type: ClassVar[Literal["response.mcp_call_arguments.delta"]] = "response.mcp_call_arguments.delta"
    item_id: str
    delta: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDoneEvent(ItemEvent):
    """The arguments for an MCP tool are complete."""

    type: ClassVar[Literal["response.mcp_call_arguments.done"]] = "response.mcp_call_arguments.done"
    item_id: str
    arguments: str
    """JSON text; not always complete JSON when the response was cut."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpListToolsCompletedEvent(ItemEvent):
    """The tools of an MCP server are known."""

    type: ClassVar[Literal["response.mcp_list_tools.completed"]] = "response.mcp_list_tools.completed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpListToolsFailedEvent(ItemEvent):
    """The tools of an MCP server could not be listed."""

    type: ClassVar[Literal["response.mcp_list_tools.failed"]] = "response.mcp_list_tools.failed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpListToolsInProgressEvent(ItemEvent):
    """The tools of an MCP server are being listed."""

    type: ClassVar[Literal["response.mcp_list_tools.in_progress"]] = "response.mcp_list_tools.in_progress"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseShellCallCommandAddedEvent(StreamEvent):
    """A shell call began a command."""

    type: ClassVar[Literal["response.shell_call_command.added"]] = "response.shell_call_command.added"
    command: str | None = None
    command_index: int | None = None
    output_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseShellCallCommandDeltaEvent(StreamEvent):
    """More of a command."""

    type: ClassVar[Literal["response.shell_call_command.delta"]] = "response.shell_call_command.delta"
    command_index: int | None = None
    delta: str
    output_index: int | None = None
    obfuscation: str | None = None
    """Padding that hides the length of the delta."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseShellCallCommandDoneEvent(StreamEvent):
    """A command is complete."""

    type: ClassVar[Literal["response.shell_call_command.done"]] = "response.shell_call_command.done"
    command: str
    command_index: int | None = None
    output_index: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseShellCallOutputContentDeltaEvent(ItemEvent):
    """A command wrote more."""

    type: ClassVar[Literal["response.shell_call_output_content.delta"]] = "response.shell_call_output_content.delta"
    command_index: int | None = None
    delta: ResponseShellCallOutputContentDeltaEventDelta


@frozen(kw_only=True, eq=False, repr=False)
class ResponseShellCallOutputContentDoneEvent(ItemEvent):
    """The output of a command is complete."""

    type: ClassVar[Literal["response.shell_call_output_content.done"]] = "response.shell_call_output_content.done"
    command_index: int | None = None
    output: tuple[ResponseFunctionShellToolCallOutputOutput, ...] = field(converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseWebSearchCallCompletedEvent(ItemEvent):
    """A search of the web finished."""

    type: ClassVar[Literal["response.web_search_call.completed"]] = "response.web_search_call.completed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseWebSearchCallInProgressEvent(ItemEvent):
    """A call of the web search began."""

    type: ClassVar[Literal["response.web_search_call.in_progress"]] = "response.web_search_call.in_progress"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseWebSearchCallSearchingEvent(ItemEvent):
    """The web is being searched."""

    type: ClassVar[Literal["response.web_search_call.searching"]] = "response.web_search_call.searching"
    item_id: str
