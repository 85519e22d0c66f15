"""Calls of the client's own functions and tools, and their outputs."""

from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple
from realtime_sync.types._values import from_json
from realtime_sync.types.responses._content import ResponseInputContent
from realtime_sync.types.responses._tools import Tool

__all__ = [
    "ResponseApplyPatchToolCallCaller",
    "ResponseApplyPatchToolCallCallerDirect",
    "ResponseApplyPatchToolCallCallerProgram",
    "ResponseApplyPatchToolCallOutputCaller",
    "ResponseApplyPatchToolCallOutputCallerDirect",
    "ResponseApplyPatchToolCallOutputCallerProgram",
    "ResponseCustomToolCall",
    "ResponseCustomToolCallCaller",
    "ResponseCustomToolCallCallerDirect",
    "ResponseCustomToolCallCallerProgram",
    "ResponseCustomToolCallItem",
    "ResponseCustomToolCallOutput",
    "ResponseCustomToolCallOutputCaller",
    "ResponseCustomToolCallOutputCallerDirect",
    "ResponseCustomToolCallOutputCallerProgram",
    "ResponseCustomToolCallOutputItem",
    "ResponseFunctionShellToolCallCaller",
    "ResponseFunctionShellToolCallCallerDirect",
    "ResponseFunctionShellToolCallCallerProgram",
    "ResponseFunctionShellToolCallOutputCaller",
    "ResponseFunctionShellToolCallOutputCallerDirect",
    "ResponseFunctionShellToolCallOutputCallerProgram",
    "ResponseFunctionToolCall",
    "ResponseFunctionToolCallCaller",
    "ResponseFunctionToolCallCallerDirect",
    "ResponseFunctionToolCallCallerProgram",
    "ResponseFunctionToolCallItem",
    "ResponseFunctionToolCallOutputItem",
    "ResponseFunctionToolCallOutputItemCaller",
    "ResponseFunctionToolCallOutputItemCallerDirect",
    "ResponseFunctionToolCallOutputItemCallerProgram",
    "ResponseInputItemApplyPatchCallCaller",
    "ResponseInputItemApplyPatchCallCallerDirect",
    "ResponseInputItemApplyPatchCallCallerProgram",
    "ResponseInputItemApplyPatchCallOutputCaller",
    "ResponseInputItemApplyPatchCallOutputCallerDirect",
    "ResponseInputItemApplyPatchCallOutputCallerProgram",
    "ResponseInputItemFunctionCallOutput",
    "ResponseInputItemFunctionCallOutputCaller",
    "ResponseInputItemFunctionCallOutputCallerDirect",
    "ResponseInputItemFunctionCallOutputCallerProgram",
    "ResponseInputItemProgram",
    "ResponseInputItemProgramOutput",
    "ResponseInputItemShellCallCaller",
    "ResponseInputItemShellCallCallerDirect",
    "ResponseInputItemShellCallCallerProgram",
    "ResponseInputItemShellCallOutputCaller",
    "ResponseInputItemShellCallOutputCallerDirect",
    "ResponseInputItemShellCallOutputCallerProgram",
    "ResponseInputItemToolSearchCall",
    "ResponseItemProgram",
    "ResponseItemProgramOutput",
    "ResponseOutputItemProgram",
    "ResponseOutputItemProgramOutput",
    "ResponseSteerInputItemListFunctionCallOutput",
    "ResponseSteerInputItemListFunctionCallOutputCaller",
    "ResponseSteerInputItemListFunctionCallOutputCallerDirect",
    "ResponseSteerInputItemListFunctionCallOutputCallerProgram",
    "ResponseToolSearchCall",
    "ResponseToolSearchOutputItem",
    "ResponseToolSearchOutputItemParam",
    "ToolCallCaller",
    "ToolCallCallerDirect",
    "ToolCallCallerProgram",
]


@frozen(kw_only=True, eq=False, repr=False)
class ToolCallCallerDirect(WireObject):
    """The model made the call itself."""

    type: ClassVar[Literal["direct"]] = "direct"


@frozen(kw_only=True, eq=False, repr=False)
class ToolCallCallerProgram(WireObject):
    """A program of the model made the call."""

    type: ClassVar[Literal["program"]] = "program"
    caller_id: str | None = None
    """The id of the program."""


ToolCallCaller: TypeAlias = ToolCallCallerDirect | ToolCallCallerProgram | UnknownObject
"""Who made a call, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionToolCall(WireObject):
    """A call of a function by the model."""

    type: ClassVar[Literal["function_call"]] = "function_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    name: str | None = None
    arguments: str | None = None
    """JSON text; not always complete JSON when the response was cut."""
    async_: bool | None = None
    """Whether the response goes on before the output is there."""
    caller: ToolCallCaller | None = UNSET
    namespace: str | None = None

    def parsed_arguments(self) -> Any:
        """Return the arguments as JSON values.

        Raises:
            DecodeError: the arguments are no JSON, as happens when a response was cut.
        """
        return from_json(self.arguments, f"the arguments of {self.name}")


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionToolCallItem(WireObject):
    """A call of a function, as the list of a response's items has it."""

    type: ClassVar[Literal["function_call"]] = "function_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    name: str | None = None
    arguments: str | None = None
    """JSON text; not always complete JSON when the response was cut."""
    async_: bool | None = None
    """Whether the response goes on before the output is there."""
    caller: ToolCallCaller | None = None
    namespace: str | None = None
    created_by: str | None = None

    def parsed_arguments(self) -> Any:
        """Return the arguments as JSON values.

        Raises:
            DecodeError: the arguments are no JSON, as happens when a response was cut.
        """
        return from_json(self.arguments, f"the arguments of {self.name}")


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionToolCallOutputItem(WireObject):
    """The answer to a function call, as the server has it."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    name: str | None = None
    output: str | tuple[ResponseInputContent, ...] | None = field(default=None, converter=as_tuple)
    caller: ToolCallCaller | None = None
    created_by: str | None = None
    namespace: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemFunctionCallOutput(WireObject):
    """The answer to a function call."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"
    id: str | None = UNSET
    status: str | None = UNSET
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = UNSET
    """What ties an output to its call."""
    name: str | None = UNSET
    output: str | tuple[ResponseInputContent, ...] | None = field(default=None, converter=as_tuple)
    caller: ToolCallCaller | None = UNSET
    namespace: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCustomToolCall(WireObject):
    """A call of a custom tool by the model."""

    type: ClassVar[Literal["custom_tool_call"]] = "custom_tool_call"
    id: str | None = None
    call_id: str | None = None
    """What ties an output to its call."""
    name: str | None = None
    input: str | None = None
    async_: bool | None = None
    """Whether the response goes on before the output is there."""
    caller: ToolCallCaller | None = UNSET
    namespace: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCustomToolCallItem(WireObject):
    """A call of a custom tool, as the list of a response's items has it."""

    type: ClassVar[Literal["custom_tool_call"]] = "custom_tool_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    name: str | None = None
    input: str | None = None
    async_: bool | None = None
    """Whether the response goes on before the output is there."""
    caller: ToolCallCaller | None = None
    namespace: str | None = None
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCustomToolCallOutput(WireObject):
    """The answer to a call of a custom tool."""

    type: ClassVar[Literal["custom_tool_call_output"]] = "custom_tool_call_output"
    id: str | None = None
    call_id: str | None = None
    """What ties an output to its call."""
    output: str | tuple[ResponseInputContent, ...] | None = field(default=None, converter=as_tuple)
    caller: ToolCallCaller | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCustomToolCallOutputItem(WireObject):
    """The answer to a call of a custom tool, as the server has it."""

    type: ClassVar[Literal["custom_tool_call_output"]] = "custom_tool_call_output"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    output: str | tuple[ResponseInputContent, ...] | None = field(default=None, converter=as_tuple)
    caller: ToolCallCaller | None = None
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolSearchCall(WireObject):
    """A search for tools."""

    type: ClassVar[Literal["tool_search_call"]] = "tool_search_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    arguments: Any = None
    execution: str | None = None
    """``server`` or ``client``."""
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemToolSearchCall(WireObject):
    """A search for tools, as a client sends it back."""

    type: ClassVar[Literal["tool_search_call"]] = "tool_search_call"
    id: str | None = UNSET
    status: str | None = UNSET
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = UNSET
    """What ties an output to its call."""
    arguments: Any = None
    execution: str | None = None
    """``server`` or ``client``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolSearchOutputItem(WireObject):
    """The tools that a search found, as the server has it."""

    type: ClassVar[Literal["tool_search_output"]] = "tool_search_output"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    execution: str | None = None
    """``server`` or ``client``."""
    tools: tuple[Tool, ...] | None = field(default=None, converter=as_tuple)
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseToolSearchOutputItemParam(WireObject):
    """The tools that a search found."""

    type: ClassVar[Literal["tool_search_output"]] = "tool_search_output"
    id: str | None = UNSET
    status: str | None = UNSET
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = UNSET
    """What ties an output to its call."""
    tools: tuple[Tool, ...] | None = field(default=None, converter=as_tuple)
    execution: str | None = None
    """``server`` or ``client``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemProgram(WireObject):
    """A program of the model that calls tools."""

    type: ClassVar[Literal["program"]] = "program"
    id: str | None = None
    call_id: str | None = None
    """What ties an output to its call."""
    code: str | None = None
    fingerprint: str | None = None
    """For the server only: to be sent back as it came."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemProgramOutput(WireObject):
    """What a program returned."""

    type: ClassVar[Literal["program_output"]] = "program_output"
    id: str | None = None
    status: str | None = None
    """``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    result: str | None = None


# The official SDK has a name for each place where one of these can stand.
ResponseApplyPatchToolCallCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseApplyPatchToolCallOutputCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseCustomToolCallCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseCustomToolCallOutputCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseFunctionShellToolCallCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseFunctionShellToolCallOutputCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseFunctionToolCallCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseFunctionToolCallOutputItemCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseInputItemApplyPatchCallCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseInputItemApplyPatchCallOutputCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseInputItemFunctionCallOutputCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseInputItemShellCallCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseInputItemShellCallOutputCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseSteerInputItemListFunctionCallOutputCallerDirect: TypeAlias = ToolCallCallerDirect
ResponseApplyPatchToolCallCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseApplyPatchToolCallOutputCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseCustomToolCallCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseCustomToolCallOutputCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseFunctionShellToolCallCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseFunctionShellToolCallOutputCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseFunctionToolCallCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseFunctionToolCallOutputItemCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseInputItemApplyPatchCallCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseInputItemApplyPatchCallOutputCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseInputItemFunctionCallOutputCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseInputItemShellCallCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseInputItemShellCallOutputCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseSteerInputItemListFunctionCallOutputCallerProgram: TypeAlias = ToolCallCallerProgram
ResponseApplyPatchToolCallCaller: TypeAlias = ToolCallCaller
ResponseApplyPatchToolCallOutputCaller: TypeAlias = ToolCallCaller
ResponseCustomToolCallCaller: TypeAlias = ToolCallCaller
ResponseCustomToolCallOutputCaller: TypeAlias = ToolCallCaller
ResponseFunctionShellToolCallCaller: TypeAlias = ToolCallCaller
ResponseFunctionShellToolCallOutputCaller: TypeAlias = ToolCallCaller
ResponseFunctionToolCallCaller: TypeAlias = ToolCallCaller
ResponseFunctionToolCallOutputItemCaller: TypeAlias = ToolCallCaller
ResponseInputItemApplyPatchCallCaller: TypeAlias = ToolCallCaller
ResponseInputItemApplyPatchCallOutputCaller: TypeAlias = ToolCallCaller
ResponseInputItemFunctionCallOutputCaller: TypeAlias = ToolCallCaller
ResponseInputItemShellCallCaller: TypeAlias = ToolCallCaller
ResponseInputItemShellCallOutputCaller: TypeAlias = ToolCallCaller
ResponseSteerInputItemListFunctionCallOutputCaller: TypeAlias = ToolCallCaller
ResponseSteerInputItemListFunctionCallOutput: TypeAlias = ResponseInputItemFunctionCallOutput
ResponseInputItemProgram: TypeAlias = ResponseOutputItemProgram
ResponseItemProgram: TypeAlias = ResponseOutputItemProgram
ResponseInputItemProgramOutput: TypeAlias = ResponseOutputItemProgramOutput
ResponseItemProgramOutput: TypeAlias = ResponseOutputItemProgramOutput
