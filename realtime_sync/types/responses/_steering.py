"""What steers a running response."""

from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple
from realtime_sync.types.responses._content import ResponseInputContent
from realtime_sync.types.responses._function_calls import ResponseInputItemFunctionCallOutput

__all__ = [
    "ResponseInjectFailedEventError",
    "ResponseSteer",
    "ResponseSteerAcceptedEventSteer",
    "ResponseSteerFailedEventError",
    "ResponseSteerFailedEventSteer",
    "ResponseSteerInput",
    "ResponseSteerInputItemList",
    "ResponseSteerInputItemListMessage",
    "ResponseSteerPendingEventSteer",
    "ResponseSteerRequiredInput",
    "ResponseSteerRequiredInputApplyPatchCallOutput",
    "ResponseSteerRequiredInputComputerCallOutput",
    "ResponseSteerRequiredInputCustomToolCallOutput",
    "ResponseSteerRequiredInputFunctionCallOutput",
    "ResponseSteerRequiredInputMcpApprovalResponse",
    "ResponseSteerRequiredInputShellCallOutput",
    "ResponseSteerRequiredInputToolSearchOutput",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerInputItemListMessage(WireObject):
    """A message of the user for a running response."""

    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["user"]] = "user"
    id: str | None = UNSET
    status: str | None = UNSET
    content: tuple[ResponseInputContent, ...] | str | None = field(default=None, converter=as_tuple)


ResponseSteerInputItemList: TypeAlias = (
    ResponseSteerInputItemListMessage | ResponseInputItemFunctionCallOutput | UnknownObject
)
"""What can be given to a running response, told by ``type``."""


ResponseSteerInput: TypeAlias = str | tuple[ResponseSteerInputItemList, ...]
"""What to give to a running response: text or items."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteer(WireObject):
    """A steer, and the response it was for."""

    id: str | None = None
    previous_response_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerFailedEventSteer(WireObject):
    """A steer that failed, with its input."""

    id: str | None = None
    input: ResponseSteerInput | None = field(default=None, converter=as_tuple)
    previous_response_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerFailedEventError(WireObject):
    """Why a steer failed."""

    type: str | None = None
    code: str | None = None
    """``response_not_found``, ``invalid_input``, ``steering_not_supported`` and others."""
    message: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerRequiredInputFunctionCallOutput(WireObject):
    """The answer to a function call is missing."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"
    call_id: str | None = None
    """What ties an output to its call."""
    name: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerRequiredInputCustomToolCallOutput(WireObject):
    """The answer to a call of a custom tool is missing."""

    type: ClassVar[Literal["custom_tool_call_output"]] = "custom_tool_call_output"
    call_id: str | None = None
    """What ties an output to its call."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerRequiredInputComputerCallOutput(WireObject):
    """The answer to a computer call is missing."""

    type: ClassVar[Literal["computer_call_output"]] = "computer_call_output"
    call_id: str | None = None
    """What ties an output to its call."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerRequiredInputShellCallOutput(WireObject):
    """The answer to a shell call is missing."""

    type: ClassVar[Literal["shell_call_output"]] = "shell_call_output"
    call_id: str | None = None
    """What ties an output to its call."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerRequiredInputApplyPatchCallOutput(WireObject):
    """The result of a patch is missing."""

    type: ClassVar[Literal["apply_patch_call_output"]] = "apply_patch_call_output"
    call_id: str | None = None
    """What ties an output to its call."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerRequiredInputToolSearchOutput(WireObject):
    """The answer to a search for tools is missing."""

    type: ClassVar[Literal["tool_search_output"]] = "tool_search_output"
    call_id: str | None = None
    """What ties an output to its call."""
    execution: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseSteerRequiredInputMcpApprovalResponse(WireObject):
    """The answer to a request for an approval is missing."""

    type: ClassVar[Literal["mcp_approval_response"]] = "mcp_approval_response"
    approval_request_id: str | None = None


ResponseSteerRequiredInput: TypeAlias = (
    ResponseSteerRequiredInputFunctionCallOutput
    | ResponseSteerRequiredInputCustomToolCallOutput
    | ResponseSteerRequiredInputComputerCallOutput
    | ResponseSteerRequiredInputShellCallOutput
    | ResponseSteerRequiredInputApplyPatchCallOutput
    | ResponseSteerRequiredInputToolSearchOutput
    | ResponseSteerRequiredInputMcpApprovalResponse
    | UnknownObject
)
"""What the client has to send before a steer can take effect, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInjectFailedEventError(WireObject):
    """Why an injection failed."""

    code: str | None = None
    """``response_already_completed`` or ``response_not_found``."""
    message: str | None = None


# The official SDK has a name for each place where one of these can stand.
ResponseSteerAcceptedEventSteer: TypeAlias = ResponseSteer
ResponseSteerPendingEventSteer: TypeAlias = ResponseSteer
