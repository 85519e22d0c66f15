"""The tools of MCP servers: what a client offers, what the server found and called."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple, as_value
from realtime_sync.types._values import from_json

__all__ = [
    "McpToolApprovalFilter",
    "McpToolFilter",
    "RealtimeMcpApprovalRequest",
    "RealtimeMcpApprovalResponse",
    "RealtimeMcpListTools",
    "RealtimeMcpListToolsTool",
    "RealtimeMcpProtocolError",
    "RealtimeMcpToolCall",
    "RealtimeMcpToolCallError",
    "RealtimeMcpToolExecutionError",
    "RealtimeMcphttpError",
    "RealtimeResponseCreateMcpTool",
    "RealtimeResponseCreateMcpToolAllowedTools",
    "RealtimeResponseCreateMcpToolAllowedToolsMcpToolFilter",
    "RealtimeResponseCreateMcpToolRequireApproval",
    "RealtimeResponseCreateMcpToolRequireApprovalMcpToolApprovalFilter",
    "RealtimeResponseCreateMcpToolRequireApprovalMcpToolApprovalFilterAlways",
    "RealtimeResponseCreateMcpToolRequireApprovalMcpToolApprovalFilterNever",
    "RealtimeSessionCreateResponseToolMcpTool",
    "RealtimeSessionCreateResponseToolMcpToolAllowedTools",
    "RealtimeSessionCreateResponseToolMcpToolAllowedToolsMcpToolFilter",
    "RealtimeSessionCreateResponseToolMcpToolRequireApproval",
    "RealtimeSessionCreateResponseToolMcpToolRequireApprovalMcpToolApprovalFilter",
    "RealtimeSessionCreateResponseToolMcpToolRequireApprovalMcpToolApprovalFilterAlways",
    "RealtimeSessionCreateResponseToolMcpToolRequireApprovalMcpToolApprovalFilterNever",
    "RealtimeToolsConfigUnionMcp",
    "RealtimeToolsConfigUnionMcpAllowedTools",
    "RealtimeToolsConfigUnionMcpAllowedToolsMcpToolFilter",
    "RealtimeToolsConfigUnionMcpRequireApproval",
    "RealtimeToolsConfigUnionMcpRequireApprovalMcpToolApprovalFilter",
    "RealtimeToolsConfigUnionMcpRequireApprovalMcpToolApprovalFilterAlways",
    "RealtimeToolsConfigUnionMcpRequireApprovalMcpToolApprovalFilterNever",
]


@frozen(kw_only=True, eq=False, repr=False)
class McpToolFilter(WireObject):
    """Some of the tools of an MCP server."""

    read_only: bool | None = None
    tool_names: tuple[str, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class McpToolApprovalFilter(WireObject):
    """Which tools of an MCP server need an approval."""

    always: McpToolFilter | None = None
    never: McpToolFilter | None = None


RealtimeToolsConfigUnionMcpAllowedTools: TypeAlias = tuple[str, ...] | McpToolFilter
"""The tools of an MCP server that may be used."""


RealtimeToolsConfigUnionMcpRequireApproval: TypeAlias = McpToolApprovalFilter | str
"""When an MCP server's tool needs an approval: a filter, ``always`` or ``never``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeToolsConfigUnionMcp(WireObject):
    """The tools of an MCP server or a connector."""

    type: ClassVar[Literal["mcp"]] = "mcp"
    server_label: str | None = None
    allowed_callers: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    allowed_tools: RealtimeToolsConfigUnionMcpAllowedTools | None = field(default=UNSET, converter=as_value)
    authorization: str | None = field(default=None, repr=False)
    """An OAuth access token."""
    connector_id: str | None = None
    """``connector_dropbox``, ``connector_gmail``, ``connector_googlecalendar`` and others."""
    defer_loading: bool | None = None
    headers: Mapping[str, Any] | None = field(default=UNSET, repr=False)
    """Sent to the MCP server."""
    require_approval: RealtimeToolsConfigUnionMcpRequireApproval | None = UNSET
    server_description: str | None = None
    server_url: str | None = None
    tunnel_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcpListToolsTool(WireObject):
    """A tool of an MCP server."""

    name: str | None = None
    input_schema: Mapping[str, Any] | None = None
    annotations: Mapping[str, Any] | None = UNSET
    description: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcpListTools(WireObject):
    """The tools of an MCP server."""

    type: ClassVar[Literal["mcp_list_tools"]] = "mcp_list_tools"
    id: str | None = None
    server_label: str | None = None
    tools: tuple[RealtimeMcpListToolsTool, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcpProtocolError(WireObject):
    """The MCP server broke the protocol."""

    type: ClassVar[Literal["protocol_error"]] = "protocol_error"
    code: int | None = None
    message: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcpToolExecutionError(WireObject):
    """The tool failed."""

    type: ClassVar[Literal["tool_execution_error"]] = "tool_execution_error"
    message: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcphttpError(WireObject):
    """The MCP server could not be reached."""

    type: ClassVar[Literal["http_error"]] = "http_error"
    code: int | None = None
    message: str | None = None


RealtimeMcpToolCallError: TypeAlias = (
    RealtimeMcpProtocolError | RealtimeMcpToolExecutionError | RealtimeMcphttpError | UnknownObject
)
"""Why the call of an MCP tool failed, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcpToolCall(WireObject):
    """A call of an MCP tool."""

    type: ClassVar[Literal["mcp_call"]] = "mcp_call"
    id: str | None = None
    name: str | None = None
    arguments: str | None = None
    """JSON text; not always complete JSON when the response was cut."""
    server_label: str | None = None
    approval_request_id: str | None = UNSET
    error: RealtimeMcpToolCallError | None = UNSET
    output: str | None = UNSET

    def parsed_arguments(self) -> Any:
        """Return the arguments as JSON values.

        Raises:
            DecodeError: the arguments are no JSON, as happens when a response was cut.
        """
        return from_json(self.arguments, f"the arguments of {self.name}")


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcpApprovalRequest(WireObject):
    """The request to approve a call of an MCP tool."""

    type: ClassVar[Literal["mcp_approval_request"]] = "mcp_approval_request"
    id: str | None = None
    name: str | None = None
    arguments: str | None = None
    """JSON text; not always complete JSON when the response was cut."""
    server_label: str | None = None

    def parsed_arguments(self) -> Any:
        """Return the arguments as JSON values.

        Raises:
            DecodeError: the arguments are no JSON, as happens when a response was cut.
        """
        return from_json(self.arguments, f"the arguments of {self.name}")


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeMcpApprovalResponse(WireObject):
    """The answer to a request for an approval."""

    type: ClassVar[Literal["mcp_approval_response"]] = "mcp_approval_response"
    id: str | None = None
    approval_request_id: str | None = None
    approve: bool | None = None
    reason: str | None = UNSET


# The official SDK has a name for each place where one of these can stand.
RealtimeResponseCreateMcpToolAllowedToolsMcpToolFilter: TypeAlias = McpToolFilter
RealtimeResponseCreateMcpToolRequireApprovalMcpToolApprovalFilterAlways: TypeAlias = McpToolFilter
RealtimeResponseCreateMcpToolRequireApprovalMcpToolApprovalFilterNever: TypeAlias = McpToolFilter
RealtimeSessionCreateResponseToolMcpToolAllowedToolsMcpToolFilter: TypeAlias = McpToolFilter
RealtimeSessionCreateResponseToolMcpToolRequireApprovalMcpToolApprovalFilterAlways: TypeAlias = McpToolFilter
RealtimeSessionCreateResponseToolMcpToolRequireApprovalMcpToolApprovalFilterNever: TypeAlias = McpToolFilter
RealtimeToolsConfigUnionMcpAllowedToolsMcpToolFilter: TypeAlias = McpToolFilter
RealtimeToolsConfigUnionMcpRequireApprovalMcpToolApprovalFilterAlways: TypeAlias = McpToolFilter
RealtimeToolsConfigUnionMcpRequireApprovalMcpToolApprovalFilterNever: TypeAlias = McpToolFilter
RealtimeResponseCreateMcpToolRequireApprovalMcpToolApprovalFilter: TypeAlias = McpToolApprovalFilter
RealtimeSessionCreateResponseToolMcpToolRequireApprovalMcpToolApprovalFilter: TypeAlias = McpToolApprovalFilter
RealtimeToolsConfigUnionMcpRequireApprovalMcpToolApprovalFilter: TypeAlias = McpToolApprovalFilter
RealtimeResponseCreateMcpToolAllowedTools: TypeAlias = RealtimeToolsConfigUnionMcpAllowedTools
RealtimeSessionCreateResponseToolMcpToolAllowedTools: TypeAlias = RealtimeToolsConfigUnionMcpAllowedTools
RealtimeResponseCreateMcpToolRequireApproval: TypeAlias = RealtimeToolsConfigUnionMcpRequireApproval
RealtimeSessionCreateResponseToolMcpToolRequireApproval: TypeAlias = RealtimeToolsConfigUnionMcpRequireApproval
RealtimeResponseCreateMcpTool: TypeAlias = RealtimeToolsConfigUnionMcp
RealtimeSessionCreateResponseToolMcpTool: TypeAlias = RealtimeToolsConfigUnionMcp
