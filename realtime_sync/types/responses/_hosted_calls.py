"""Calls of the server's own tools: search, code interpreter, images, MCP."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple

__all__ = [
    "McpToolCallError",
    "McpToolCallErrorHTTPError",
    "McpToolCallErrorMcpProtocolError",
    "McpToolCallErrorMcpToolExecutionError",
    "ResponseCodeInterpreterToolCall",
    "ResponseCodeInterpreterToolCallOutput",
    "ResponseCodeInterpreterToolCallOutputImage",
    "ResponseCodeInterpreterToolCallOutputLogs",
    "ResponseFileSearchToolCall",
    "ResponseFileSearchToolCallResult",
    "ResponseFunctionWebSearch",
    "ResponseFunctionWebSearchAction",
    "ResponseFunctionWebSearchActionFind",
    "ResponseFunctionWebSearchActionOpenPage",
    "ResponseFunctionWebSearchActionSearch",
    "ResponseFunctionWebSearchActionSearchSource",
    "ResponseInputItemImageGenerationCall",
    "ResponseInputItemImageGenerationCallError",
    "ResponseInputItemImageGenerationCallErrorModerationDetails",
    "ResponseInputItemImageGenerationCallSvgUsage",
    "ResponseInputItemMcpApprovalRequest",
    "ResponseInputItemMcpApprovalResponse",
    "ResponseInputItemMcpCall",
    "ResponseInputItemMcpListTools",
    "ResponseInputItemMcpListToolsTool",
    "ResponseItemImageGenerationCall",
    "ResponseItemImageGenerationCallError",
    "ResponseItemImageGenerationCallErrorModerationDetails",
    "ResponseItemImageGenerationCallSvgUsage",
    "ResponseItemMcpApprovalRequest",
    "ResponseItemMcpApprovalResponse",
    "ResponseItemMcpCall",
    "ResponseItemMcpListTools",
    "ResponseItemMcpListToolsTool",
    "ResponseOutputItemImageGenerationCall",
    "ResponseOutputItemImageGenerationCallError",
    "ResponseOutputItemImageGenerationCallErrorModerationDetails",
    "ResponseOutputItemImageGenerationCallSvgUsage",
    "ResponseOutputItemMcpApprovalRequest",
    "ResponseOutputItemMcpApprovalResponse",
    "ResponseOutputItemMcpCall",
    "ResponseOutputItemMcpListTools",
    "ResponseOutputItemMcpListToolsTool",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFileSearchToolCallResult(WireObject):
    """A piece of a file that a search found."""

    attributes: Mapping[str, Any] | None = UNSET
    file_id: str | None = None
    filename: str | None = None
    score: float | None = None
    text: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFileSearchToolCall(WireObject):
    """A search of files."""

    type: ClassVar[Literal["file_search_call"]] = "file_search_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``searching``, ``completed``, ``incomplete`` or ``failed``."""
    queries: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    results: tuple[ResponseFileSearchToolCallResult, ...] | None = field(default=UNSET, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionWebSearchActionSearchSource(WireObject):
    """A page that a search found."""

    type: str | None = "url"
    url: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionWebSearchActionSearch(WireObject):
    """A search of the web."""

    type: ClassVar[Literal["search"]] = "search"
    queries: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    query: str | None = None
    sources: tuple[ResponseFunctionWebSearchActionSearchSource, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionWebSearchActionOpenPage(WireObject):
    """The opening of a page."""

    type: ClassVar[Literal["open_page"]] = "open_page"
    url: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionWebSearchActionFind(WireObject):
    """A search in a page."""

    type: ClassVar[Literal["find_in_page"]] = "find_in_page"
    pattern: str | None = None
    url: str | None = None


ResponseFunctionWebSearchAction: TypeAlias = (
    ResponseFunctionWebSearchActionSearch
    | ResponseFunctionWebSearchActionOpenPage
    | ResponseFunctionWebSearchActionFind
    | UnknownObject
)
"""What was done on the web, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFunctionWebSearch(WireObject):
    """A call of the web search."""

    type: ClassVar[Literal["web_search_call"]] = "web_search_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``searching``, ``completed``, ``failed`` or ``incomplete``."""
    action: ResponseFunctionWebSearchAction | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterToolCallOutputLogs(WireObject):
    """What the code printed."""

    type: ClassVar[Literal["logs"]] = "logs"
    logs: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterToolCallOutputImage(WireObject):
    """An image that the code made."""

    type: ClassVar[Literal["image"]] = "image"
    url: str | None = None


ResponseCodeInterpreterToolCallOutput: TypeAlias = (
    ResponseCodeInterpreterToolCallOutputLogs | ResponseCodeInterpreterToolCallOutputImage | UnknownObject
)
"""What the code left behind, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCodeInterpreterToolCall(WireObject):
    """A run of Python code."""

    type: ClassVar[Literal["code_interpreter_call"]] = "code_interpreter_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed``, ``incomplete``, ``interpreting`` or ``failed``."""
    code: str | None = UNSET
    container_id: str | None = None
    outputs: tuple[ResponseCodeInterpreterToolCallOutput, ...] | None = field(default=UNSET, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemImageGenerationCallErrorModerationDetails(WireObject):
    """Why an image was blocked."""

    categories: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    moderation_stage: str | None = None
    """``input``, ``output`` or ``unknown``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemImageGenerationCallError(WireObject):
    """Why an image could not be made."""

    type: str | None = None
    code: str | None = UNSET
    message: str | None = None
    param: str | None = UNSET
    moderation_details: ResponseOutputItemImageGenerationCallErrorModerationDetails | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemImageGenerationCallSvgUsage(WireObject):
    """The tokens that a drawing used."""

    input_tokens: int | None = None
    model: str | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemImageGenerationCall(WireObject):
    """The making of an image."""

    type: ClassVar[Literal["image_generation_call"]] = "image_generation_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed``, ``generating`` or ``failed``."""
    result: str | None = field(default=UNSET, repr=False)
    action: str | None = UNSET
    """``generate``, ``edit`` or ``auto``."""
    background: str | None = UNSET
    """``transparent``, ``opaque`` or ``auto``."""
    error: ResponseOutputItemImageGenerationCallError | None = None
    output_format: str | None = UNSET
    """``png``, ``webp``, ``jpeg``, ``gif`` or ``svg``."""
    quality: str | None = UNSET
    """``low``, ``medium``, ``high``, ``xhigh``, ``max`` or ``auto``."""
    revised_prompt: str | None = UNSET
    size: str | None = UNSET
    """``1024x1024``, ``1024x1536`` or ``1536x1024``."""
    svg_usage: ResponseOutputItemImageGenerationCallSvgUsage | None = None


@frozen(kw_only=True, eq=False, repr=False)
class McpToolCallErrorMcpProtocolError(WireObject):
    """The MCP server broke the protocol."""

    type: ClassVar[Literal["mcp_protocol_error"]] = "mcp_protocol_error"
    code: int | None = None
    message: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class McpToolCallErrorMcpToolExecutionError(WireObject):
    """The tool failed."""

    type: ClassVar[Literal["mcp_tool_execution_error"]] = "mcp_tool_execution_error"
    content: Any = None


@frozen(kw_only=True, eq=False, repr=False)
class McpToolCallErrorHTTPError(WireObject):
    """The MCP server could not be reached."""

    type: ClassVar[Literal["http_error"]] = "http_error"
    code: int | None = None
    message: str | None = None


McpToolCallError: TypeAlias = (
    McpToolCallErrorMcpProtocolError | McpToolCallErrorMcpToolExecutionError | McpToolCallErrorHTTPError | UnknownObject
)
"""Why the call of an MCP tool failed, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemMcpCall(WireObject):
    """A call of an MCP tool."""

    type: ClassVar[Literal["mcp_call"]] = "mcp_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed``, ``incomplete``, ``calling`` or ``failed``."""
    name: str | None = None
    arguments: str | None = None
    """JSON text; not always complete JSON when the response was cut."""
    server_label: str | None = None
    approval_request_id: str | None = UNSET
    error: McpToolCallError | None = UNSET
    output: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemMcpListToolsTool(WireObject):
    """A tool of an MCP server."""

    name: str | None = None
    input_schema: Mapping[str, Any] | None = None
    annotations: Mapping[str, Any] | None = UNSET
    description: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemMcpListTools(WireObject):
    """The tools of an MCP server."""

    type: ClassVar[Literal["mcp_list_tools"]] = "mcp_list_tools"
    id: str | None = None
    server_label: str | None = None
    tools: tuple[ResponseOutputItemMcpListToolsTool, ...] | None = field(default=None, converter=as_tuple)
    error: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseItemMcpListToolsTool(WireObject):
    """A tool of an MCP server, as the list of a response's items has it."""

    name: str | None = None
    input_schema: Any = None
    annotations: Any = None
    description: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseItemMcpListTools(WireObject):
    """The tools of an MCP server, as the list of a response's items has it."""

    type: ClassVar[Literal["mcp_list_tools"]] = "mcp_list_tools"
    id: str | None = None
    server_label: str | None = None
    tools: tuple[ResponseItemMcpListToolsTool, ...] | None = field(default=None, converter=as_tuple)
    error: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemMcpApprovalRequest(WireObject):
    """The request to approve a call of an MCP tool."""

    type: ClassVar[Literal["mcp_approval_request"]] = "mcp_approval_request"
    id: str | None = None
    name: str | None = None
    arguments: str | None = None
    """JSON text; not always complete JSON when the response was cut."""
    server_label: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemMcpApprovalResponse(WireObject):
    """The answer to a request for an approval."""

    type: ClassVar[Literal["mcp_approval_response"]] = "mcp_approval_response"
    id: str | None = UNSET
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = UNSET


# The official SDK has a name for each place where one of these can stand.
ResponseInputItemImageGenerationCallErrorModerationDetails: TypeAlias = (
    ResponseOutputItemImageGenerationCallErrorModerationDetails
)
ResponseItemImageGenerationCallErrorModerationDetails: TypeAlias = (
    ResponseOutputItemImageGenerationCallErrorModerationDetails
)
ResponseInputItemImageGenerationCallError: TypeAlias = ResponseOutputItemImageGenerationCallError
ResponseItemImageGenerationCallError: TypeAlias = ResponseOutputItemImageGenerationCallError
ResponseInputItemImageGenerationCallSvgUsage: TypeAlias = ResponseOutputItemImageGenerationCallSvgUsage
ResponseItemImageGenerationCallSvgUsage: TypeAlias = ResponseOutputItemImageGenerationCallSvgUsage
ResponseInputItemImageGenerationCall: TypeAlias = ResponseOutputItemImageGenerationCall
ResponseItemImageGenerationCall: TypeAlias = ResponseOutputItemImageGenerationCall
ResponseInputItemMcpCall: TypeAlias = ResponseOutputItemMcpCall
ResponseItemMcpCall: TypeAlias = ResponseOutputItemMcpCall
ResponseInputItemMcpListToolsTool: TypeAlias = ResponseOutputItemMcpListToolsTool
ResponseInputItemMcpListTools: TypeAlias = ResponseOutputItemMcpListTools
ResponseInputItemMcpApprovalRequest: TypeAlias = ResponseOutputItemMcpApprovalRequest
ResponseItemMcpApprovalRequest: TypeAlias = ResponseOutputItemMcpApprovalRequest
ResponseInputItemMcpApprovalResponse: TypeAlias = ResponseOutputItemMcpApprovalResponse
ResponseItemMcpApprovalResponse: TypeAlias = ResponseOutputItemMcpApprovalResponse
