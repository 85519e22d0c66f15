"""Calls of shells and patches, and their outputs."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple
from realtime_sync.types.responses._containers import (
    ResponseFunctionShellToolCallEnvironment,
    ResponseInputItemShellCallEnvironment,
)
from realtime_sync.types.responses._function_calls import ToolCallCaller

__all__ = [
    "ResponseApplyPatchToolCall",
    "ResponseApplyPatchToolCallOperation",
    "ResponseApplyPatchToolCallOperationCreateFile",
    "ResponseApplyPatchToolCallOperationDeleteFile",
    "ResponseApplyPatchToolCallOperationUpdateFile",
    "ResponseApplyPatchToolCallOutput",
    "ResponseFunctionShellCallOutputContent",
    "ResponseFunctionShellCallOutputContentOutcome",
    "ResponseFunctionShellCallOutputContentOutcomeExit",
    "ResponseFunctionShellCallOutputContentOutcomeTimeout",
    "ResponseFunctionShellToolCall",
    "ResponseFunctionShellToolCallAction",
    "ResponseFunctionShellToolCallOutput",
    "ResponseFunctionShellToolCallOutputOutput",
    "ResponseFunctionShellToolCallOutputOutputOutcome",
    "ResponseFunctionShellToolCallOutputOutputOutcomeExit",
    "ResponseFunctionShellToolCallOutputOutputOutcomeTimeout",
    "ResponseInputItemApplyPatchCall",
    "ResponseInputItemApplyPatchCallOperation",
    "ResponseInputItemApplyPatchCallOperationCreateFile",
    "ResponseInputItemApplyPatchCallOperationDeleteFile",
    "ResponseInputItemApplyPatchCallOperationUpdateFile",
    "ResponseInputItemApplyPatchCallOutput",
    "ResponseInputItemLocalShellCall",
    "ResponseInputItemLocalShellCallAction",
    "ResponseInputItemLocalShellCallOutput",
    "ResponseInputItemShellCall",
    "ResponseInputItemShellCallAction",
    "ResponseInputItemShellCallOutput",
    "ResponseItemLocalShellCall",
    "ResponseItemLocalShellCallAction",
    "ResponseItemLocalShellCallOutput",
    "ResponseOutputItemLocalShellCall",
    "ResponseOutputItemLocalShellCallAction",
    "ResponseOutputItemLocalShellCallOutput",
    "ResponseShellCallOutputContentDoneEventOutput",
    "ResponseShellCallOutputContentDoneEventOutputOutcome",
    "ResponseShellCallOutputContentDoneEventOutputOutcomeExit",
    "ResponseShellCallOutputContentDoneEventOutputOutcomeTimeout",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionShellCallOutputContentOutcomeTimeout(WireObject):
    """The command ran out of time."""

    type: ClassVar[Literal["timeout"]] = "timeout"


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionShellCallOutputContentOutcomeExit(WireObject):
    """The command ended by itself."""

    type: ClassVar[Literal["exit"]] = "exit"
    exit_code: int | None = None


ResponseFunctionShellCallOutputContentOutcome: TypeAlias = (
    ResponseFunctionShellCallOutputContentOutcomeTimeout
    | ResponseFunctionShellCallOutputContentOutcomeExit
    | UnknownObject
)
"""How a command ended, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionShellCallOutputContent(WireObject):
    """What one command wrote, and how it ended."""

    outcome: ResponseFunctionShellCallOutputContentOutcome | None = None
    stderr: str | None = None
    stdout: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionShellToolCallOutputOutput(WireObject):
    """What one command wrote, and how it ended, as the server has it."""

    outcome: ResponseFunctionShellCallOutputContentOutcome | None = None
    stderr: str | None = None
    stdout: str | None = None
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionShellToolCallAction(WireObject):
    """The commands of a shell call."""

    commands: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    max_output_length: int | None = UNSET
    timeout_ms: int | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionShellToolCall(WireObject):
    """A call of a shell."""

    type: ClassVar[Literal["shell_call"]] = "shell_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    action: ResponseFunctionShellToolCallAction | None = None
    environment: ResponseFunctionShellToolCallEnvironment | None = None
    caller: ToolCallCaller | None = None
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemShellCall(WireObject):
    """A call of a shell, as a client sends it back."""

    type: ClassVar[Literal["shell_call"]] = "shell_call"
    id: str | None = UNSET
    status: str | None = UNSET
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    action: ResponseFunctionShellToolCallAction | None = None
    caller: ToolCallCaller | None = UNSET
    environment: ResponseInputItemShellCallEnvironment | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionShellToolCallOutput(WireObject):
    """The answer to a shell call, as the server has it."""

    type: ClassVar[Literal["shell_call_output"]] = "shell_call_output"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    max_output_length: int | None = None
    output: tuple[ResponseFunctionShellToolCallOutputOutput, ...] | None = field(default=None, converter=as_tuple)
    caller: ToolCallCaller | None = None
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemShellCallOutput(WireObject):
    """The answer to a shell call."""

    type: ClassVar[Literal["shell_call_output"]] = "shell_call_output"
    id: str | None = UNSET
    status: str | None = UNSET
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    output: tuple[ResponseFunctionShellCallOutputContent, ...] | None = field(default=None, converter=as_tuple)
    caller: ToolCallCaller | None = UNSET
    max_output_length: int | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemLocalShellCallAction(WireObject):
    """The command of a call of the older shell."""

    type: str | None = "exec"
    command: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    env: Mapping[str, Any] | None = None
    timeout_ms: int | None = UNSET
    user: str | None = UNSET
    working_directory: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemLocalShellCall(WireObject):
    """A call of the older shell."""

    type: ClassVar[Literal["local_shell_call"]] = "local_shell_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    action: ResponseOutputItemLocalShellCallAction | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemLocalShellCallOutput(WireObject):
    """The answer to a call of the older shell."""

    type: ClassVar[Literal["local_shell_call_output"]] = "local_shell_call_output"
    id: str | None = None
    status: str | None = UNSET
    """``in_progress``, ``completed`` or ``incomplete``."""
    output: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseApplyPatchToolCallOperationCreateFile(WireObject):
    """The making of a file."""

    type: ClassVar[Literal["create_file"]] = "create_file"
    diff: str | None = None
    path: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseApplyPatchToolCallOperationDeleteFile(WireObject):
    """The removal of a file."""

    type: ClassVar[Literal["delete_file"]] = "delete_file"
    path: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseApplyPatchToolCallOperationUpdateFile(WireObject):
    """A change of a file."""

    type: ClassVar[Literal["update_file"]] = "update_file"
    diff: str | None = None
    path: str | None = None


ResponseApplyPatchToolCallOperation: TypeAlias = (
    ResponseApplyPatchToolCallOperationCreateFile
    | ResponseApplyPatchToolCallOperationDeleteFile
    | ResponseApplyPatchToolCallOperationUpdateFile
    | UnknownObject
)
"""What a patch does, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseApplyPatchToolCall(WireObject):
    """A patch to apply."""

    type: ClassVar[Literal["apply_patch_call"]] = "apply_patch_call"
    id: str | None = None
    status: str | None = None
    """``in_progress`` or ``completed``."""
    call_id: str | None = None
    """What ties an output to its call."""
    operation: ResponseApplyPatchToolCallOperation | None = None
    caller: ToolCallCaller | None = None
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemApplyPatchCall(WireObject):
    """A patch to apply, as a client sends it back."""

    type: ClassVar[Literal["apply_patch_call"]] = "apply_patch_call"
    id: str | None = UNSET
    status: str | None = None
    """``in_progress`` or ``completed``."""
    call_id: str | None = None
    """What ties an output to its call."""
    operation: ResponseApplyPatchToolCallOperation | None = None
    caller: ToolCallCaller | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseApplyPatchToolCallOutput(WireObject):
    """Whether a patch could be applied, as the server has it."""

    type: ClassVar[Literal["apply_patch_call_output"]] = "apply_patch_call_output"
    id: str | None = None
    status: str | None = None
    """``completed`` or ``failed``."""
    call_id: str | None = None
    """What ties an output to its call."""
    caller: ToolCallCaller | None = None
    created_by: str | None = None
    output: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemApplyPatchCallOutput(WireObject):
    """Whether a patch could be applied."""

    type: ClassVar[Literal["apply_patch_call_output"]] = "apply_patch_call_output"
    id: str | None = UNSET
    status: str | None = None
    """``completed`` or ``failed``."""
    call_id: str | None = None
    """What ties an output to its call."""
    caller: ToolCallCaller | None = UNSET
    output: str | None = UNSET


# The official SDK has a name for each place where one of these can stand.
ResponseFunctionShellToolCallOutputOutputOutcomeTimeout: TypeAlias = (
    ResponseFunctionShellCallOutputContentOutcomeTimeout
)
ResponseShellCallOutputContentDoneEventOutputOutcomeTimeout: TypeAlias = (
    ResponseFunctionShellCallOutputContentOutcomeTimeout
)
ResponseFunctionShellToolCallOutputOutputOutcomeExit: TypeAlias = ResponseFunctionShellCallOutputContentOutcomeExit
ResponseShellCallOutputContentDoneEventOutputOutcomeExit: TypeAlias = ResponseFunctionShellCallOutputContentOutcomeExit
ResponseFunctionShellToolCallOutputOutputOutcome: TypeAlias = ResponseFunctionShellCallOutputContentOutcome
ResponseShellCallOutputContentDoneEventOutputOutcome: TypeAlias = ResponseFunctionShellCallOutputContentOutcome
ResponseShellCallOutputContentDoneEventOutput: TypeAlias = ResponseFunctionShellToolCallOutputOutput
ResponseInputItemShellCallAction: TypeAlias = ResponseFunctionShellToolCallAction
ResponseInputItemLocalShellCallAction: TypeAlias = ResponseOutputItemLocalShellCallAction
ResponseItemLocalShellCallAction: TypeAlias = ResponseOutputItemLocalShellCallAction
ResponseInputItemLocalShellCall: TypeAlias = ResponseOutputItemLocalShellCall
ResponseItemLocalShellCall: TypeAlias = ResponseOutputItemLocalShellCall
ResponseInputItemLocalShellCallOutput: TypeAlias = ResponseOutputItemLocalShellCallOutput
ResponseItemLocalShellCallOutput: TypeAlias = ResponseOutputItemLocalShellCallOutput
ResponseInputItemApplyPatchCallOperationCreateFile: TypeAlias = ResponseApplyPatchToolCallOperationCreateFile
ResponseInputItemApplyPatchCallOperationDeleteFile: TypeAlias = ResponseApplyPatchToolCallOperationDeleteFile
ResponseInputItemApplyPatchCallOperationUpdateFile: TypeAlias = ResponseApplyPatchToolCallOperationUpdateFile
ResponseInputItemApplyPatchCallOperation: TypeAlias = ResponseApplyPatchToolCallOperation
