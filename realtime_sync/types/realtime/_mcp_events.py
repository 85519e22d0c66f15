"""What the server tells about MCP servers and the calls of their tools."""

from typing import ClassVar, Literal

from attrs import frozen

from realtime_sync.types._common import ServerEventBase
from realtime_sync.types.realtime._event_bases import ResponseEventBase

__all__ = [
    "McpListToolsCompleted",
    "McpListToolsFailed",
    "McpListToolsInProgress",
    "ResponseMcpCallArgumentsDelta",
    "ResponseMcpCallArgumentsDone",
    "ResponseMcpCallCompleted",
    "ResponseMcpCallFailed",
    "ResponseMcpCallInProgress",
]


@frozen(kw_only=True, eq=False, repr=False)
class McpListToolsInProgress(ServerEventBase):
    """The tools of an MCP server are being listed."""

    type: ClassVar[Literal["mcp_list_tools.in_progress"]] = "mcp_list_tools.in_progress"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class McpListToolsCompleted(ServerEventBase):
    """The tools of an MCP server are known."""

    type: ClassVar[Literal["mcp_list_tools.completed"]] = "mcp_list_tools.completed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class McpListToolsFailed(ServerEventBase):
    """The tools of an MCP server could not be listed."""

    type: ClassVar[Literal["mcp_list_tools.failed"]] = "mcp_list_tools.failed"
    item_id: str


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDelta(ResponseEventBase):
    """More of the arguments for an MCP tool."""

    type: ClassVar[Literal["response.mcp_call_arguments.delta"]] = "response.mcp_call_arguments.delta"
    item_id: str
    delta: str
    obfuscation: str | None = None
    """Padding that hides the length of the delta."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallArgumentsDone(ResponseEventBase):
    """The arguments for an MCP tool are complete."""

    type: ClassVar[Literal["response.mcp_call_arguments.done"]] = "response.mcp_call_arguments.done"
    item_id: str
    arguments: str
    """JSON text; not always complete JSON when the response was cut."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallInProgress(ServerEventBase):
    """A call of an MCP tool began."""

    type: ClassVar[Literal["response.mcp_call.in_progress"]] = "response.mcp_call.in_progress"
    item_id: str
    output_index: int | None = None
    """The place of the item in the response."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallCompleted(ServerEventBase):
    """A call of an MCP tool succeeded."""

    type: ClassVar[Literal["response.mcp_call.completed"]] = "response.mcp_call.completed"
    item_id: str
    output_index: int | None = None
    """The place of the item in the response."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMcpCallFailed(ServerEventBase):
    """A call of an MCP tool failed."""

    type: ClassVar[Literal["response.mcp_call.failed"]] = "response.mcp_call.failed"
    item_id: str
    output_index: int | None = None
    """The place of the item in the response."""
