"""The tools that run at the server: search, code interpreter, images, MCP."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple, as_value
from realtime_sync.types.responses._containers import ContainerAutoNetworkPolicy
from realtime_sync.types.responses._text_format import ResponseConfigurationUpdateItemReasoning

__all__ = [
    "ComparisonFilter",
    "CompoundFilter",
    "CompoundFilterFilter",
    "FileSearchTool",
    "FileSearchToolFilters",
    "FileSearchToolRankingOptions",
    "FileSearchToolRankingOptionsHybridSearch",
    "McpToolApprovalFilter",
    "McpToolFilter",
    "ResponseToolSearchOutputItemToolCodeInterpreter",
    "ResponseToolSearchOutputItemToolCodeInterpreterContainer",
    "ResponseToolSearchOutputItemToolCodeInterpreterContainerCodeInterpreterToolAuto",
    "ResponseToolSearchOutputItemToolImageGeneration",
    "ResponseToolSearchOutputItemToolImageGenerationInputImageMask",
    "ResponseToolSearchOutputItemToolImageGenerationSvg",
    "ResponseToolSearchOutputItemToolMcp",
    "ResponseToolSearchOutputItemToolMcpAllowedTools",
    "ResponseToolSearchOutputItemToolMcpAllowedToolsMcpToolFilter",
    "ResponseToolSearchOutputItemToolMcpRequireApproval",
    "ResponseToolSearchOutputItemToolMcpRequireApprovalMcpToolApprovalFilter",
    "ResponseToolSearchOutputItemToolMcpRequireApprovalMcpToolApprovalFilterAlways",
    "ResponseToolSearchOutputItemToolMcpRequireApprovalMcpToolApprovalFilterNever",
    "ToolCodeInterpreter",
    "ToolCodeInterpreterContainer",
    "ToolCodeInterpreterContainerCodeInterpreterToolAuto",
    "ToolImageGeneration",
    "ToolImageGenerationInputImageMask",
    "ToolImageGenerationSvg",
    "ToolMcp",
    "ToolMcpAllowedTools",
    "ToolMcpAllowedToolsMcpToolFilter",
    "ToolMcpRequireApproval",
    "ToolMcpRequireApprovalMcpToolApprovalFilter",
    "ToolMcpRequireApprovalMcpToolApprovalFilterAlways",
    "ToolMcpRequireApprovalMcpToolApprovalFilterNever",
    "WebSearchPreviewTool",
    "WebSearchPreviewToolUserLocation",
    "WebSearchTool",
    "WebSearchToolFilters",
    "WebSearchToolUserLocation",
]


@frozen(kw_only=True, eq=False, repr=False)
class ComparisonFilter(WireObject):
    """A condition on one attribute of a file."""

    types: ClassVar[tuple[str, ...]] = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")
    type: str | None = None
    """``eq``, ``ne``, ``gt``, ``gte``, ``lt``, ``lte``, ``in`` or ``nin``."""
    key: str | None = None
    value: str | float | bool | tuple[str | float, ...] | None = field(default=None, converter=as_value)


CompoundFilterFilter: TypeAlias = ComparisonFilter | Any
"""A condition of a compound filter; another compound filter stays as it came."""


@frozen(kw_only=True, eq=False, repr=False)
class CompoundFilter(WireObject):
    """Several conditions on the attributes of a file."""

    types: ClassVar[tuple[str, ...]] = ("and", "or")
    type: str | None = None
    """``and`` or ``or``."""
    filters: tuple[CompoundFilterFilter, ...] | None = field(default=None, converter=as_tuple)


FileSearchToolFilters: TypeAlias = ComparisonFilter | CompoundFilter | UnknownObject
"""Which files a search looks at, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class FileSearchToolRankingOptionsHybridSearch(WireObject):
    """How much meaning and words count in a search."""

    embedding_weight: float | None = None
    text_weight: float | None = None


@frozen(kw_only=True, eq=False, repr=False)
class FileSearchToolRankingOptions(WireObject):
    """How the results of a search are ranked."""

    hybrid_search: FileSearchToolRankingOptionsHybridSearch | None = None
    ranker: str | None = None
    """``auto`` or ``default-2024-11-15``."""
    score_threshold: float | None = None


@frozen(kw_only=True, eq=False, repr=False)
class FileSearchTool(WireObject):
    """The search of files in vector stores."""

    type: ClassVar[Literal["file_search"]] = "file_search"
    vector_store_ids: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    filters: FileSearchToolFilters | None = UNSET
    max_num_results: int | None = None
    ranking_options: FileSearchToolRankingOptions | None = None


@frozen(kw_only=True, eq=False, repr=False)
class WebSearchToolUserLocation(WireObject):
    """Where the user is, roughly."""

    type: str | None = "approximate"
    city: str | None = UNSET
    country: str | None = UNSET
    region: str | None = UNSET
    timezone: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class WebSearchToolFilters(WireObject):
    """Where a web search may look."""

    allowed_domains: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class WebSearchTool(WireObject):
    """The search of the web."""

    types: ClassVar[tuple[str, ...]] = ("web_search", "web_search_2025_08_26")
    type: str | None = "web_search"
    """``web_search`` or ``web_search_2025_08_26``."""
    external_web_access: bool | None = None
    filters: WebSearchToolFilters | None = UNSET
    search_context_size: str | None = None
    """``low``, ``medium`` or ``high``."""
    user_location: WebSearchToolUserLocation | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class WebSearchPreviewTool(WireObject):
    """The search of the web, as in the preview."""

    types: ClassVar[tuple[str, ...]] = ("web_search_preview", "web_search_preview_2025_03_11")
    type: str | None = "web_search_preview"
    """``web_search_preview`` or ``web_search_preview_2025_03_11``."""
    search_content_types: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    """``text`` or ``image``."""
    search_context_size: str | None = None
    """``low``, ``medium`` or ``high``."""
    user_location: WebSearchToolUserLocation | None = UNSET


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


ToolMcpAllowedTools: TypeAlias = tuple[str, ...] | McpToolFilter
"""The tools of an MCP server that may be used."""


ToolMcpRequireApproval: TypeAlias = McpToolApprovalFilter | str
"""When an MCP server's tool needs an approval: a filter, ``always`` or ``never``."""


@frozen(kw_only=True, eq=False, repr=False)
class ToolMcp(WireObject):
    """The tools of an MCP server or a connector."""

    type: ClassVar[Literal["mcp"]] = "mcp"
    server_label: str | None = None
    allowed_callers: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    """``direct`` or ``programmatic``."""
    allowed_tools: ToolMcpAllowedTools | None = field(default=UNSET, converter=as_value)
    authorization: str | None = field(default=None, repr=False)
    connector_id: str | None = None
    """``connector_dropbox``, ``connector_gmail``, ``connector_googlecalendar`` and others."""
    defer_loading: bool | None = None
    headers: Mapping[str, Any] | None = field(default=UNSET, repr=False)
    require_approval: ToolMcpRequireApproval | None = UNSET
    server_description: str | None = None
    server_url: str | None = None
    tunnel_id: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ToolCodeInterpreterContainerCodeInterpreterToolAuto(WireObject):
    """A container made for the code interpreter."""

    type: str | None = "auto"
    file_ids: tuple[str, ...] | None = field(default=None, converter=as_tuple)
    memory_limit: str | None = UNSET
    """``1g``, ``4g``, ``16g`` or ``64g``."""
    network_policy: ContainerAutoNetworkPolicy | None = None


ToolCodeInterpreterContainer: TypeAlias = str | ToolCodeInterpreterContainerCodeInterpreterToolAuto
"""The container of a code interpreter: its id, or how to make one."""


@frozen(kw_only=True, eq=False, repr=False)
class ToolCodeInterpreter(WireObject):
    """The running of Python code by the server."""

    type: ClassVar[Literal["code_interpreter"]] = "code_interpreter"
    container: ToolCodeInterpreterContainer | None = None
    allowed_callers: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    """``direct`` or ``programmatic``."""


@frozen(kw_only=True, eq=False, repr=False)
class ToolImageGenerationInputImageMask(WireObject):
    """Which part of an image to paint."""

    file_id: str | None = None
    image_url: str | None = field(default=None, repr=False)


@frozen(kw_only=True, eq=False, repr=False)
class ToolImageGenerationSvg(WireObject):
    """How drawings are made."""

    model: str | None = None
    reasoning: ResponseConfigurationUpdateItemReasoning | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ToolImageGeneration(WireObject):
    """The making of images by the server."""

    type: ClassVar[Literal["image_generation"]] = "image_generation"
    action: str | None = None
    """``generate``, ``edit`` or ``auto``."""
    background: str | None = None
    """``transparent``, ``opaque`` or ``auto``."""
    complexity: str | None = None
    """``low``, ``medium`` or ``high``."""
    frame_count: int | None = None
    frame_duration_ms: int | None = None
    input_fidelity: str | None = UNSET
    """``high`` or ``low``."""
    input_image_mask: ToolImageGenerationInputImageMask | None = None
    model: str | None = None
    """``gpt-image-1``, ``gpt-image-1-mini``, ``gpt-image-2`` and others."""
    moderation: str | None = None
    """``auto`` or ``low``."""
    output_compression: int | None = None
    output_format: str | None = None
    """``png``, ``webp``, ``jpeg``, ``gif`` or ``svg``."""
    partial_images: int | None = None
    quality: str | None = None
    """``low``, ``medium``, ``high``, ``xhigh``, ``max`` or ``auto``."""
    size: str | None = None
    """``1024x1024``, ``1024x1536``, ``1536x1024`` or ``auto``."""
    svg: ToolImageGenerationSvg | None = None


# The official SDK has a name for each place where one of these can stand.
WebSearchPreviewToolUserLocation: TypeAlias = WebSearchToolUserLocation
ResponseToolSearchOutputItemToolMcpAllowedToolsMcpToolFilter: TypeAlias = McpToolFilter
ResponseToolSearchOutputItemToolMcpRequireApprovalMcpToolApprovalFilterAlways: TypeAlias = McpToolFilter
ResponseToolSearchOutputItemToolMcpRequireApprovalMcpToolApprovalFilterNever: TypeAlias = McpToolFilter
ToolMcpAllowedToolsMcpToolFilter: TypeAlias = McpToolFilter
ToolMcpRequireApprovalMcpToolApprovalFilterAlways: TypeAlias = McpToolFilter
ToolMcpRequireApprovalMcpToolApprovalFilterNever: TypeAlias = McpToolFilter
ResponseToolSearchOutputItemToolMcpRequireApprovalMcpToolApprovalFilter: TypeAlias = McpToolApprovalFilter
ToolMcpRequireApprovalMcpToolApprovalFilter: TypeAlias = McpToolApprovalFilter
ResponseToolSearchOutputItemToolMcpAllowedTools: TypeAlias = ToolMcpAllowedTools
ResponseToolSearchOutputItemToolMcpRequireApproval: TypeAlias = ToolMcpRequireApproval
ResponseToolSearchOutputItemToolMcp: TypeAlias = ToolMcp
ResponseToolSearchOutputItemToolCodeInterpreterContainerCodeInterpreterToolAuto: TypeAlias = (
    ToolCodeInterpreterContainerCodeInterpreterToolAuto
)
ResponseToolSearchOutputItemToolCodeInterpreterContainer: TypeAlias = ToolCodeInterpreterContainer
ResponseToolSearchOutputItemToolCodeInterpreter: TypeAlias = ToolCodeInterpreter
ResponseToolSearchOutputItemToolImageGenerationInputImageMask: TypeAlias = ToolImageGenerationInputImageMask
ResponseToolSearchOutputItemToolImageGenerationSvg: TypeAlias = ToolImageGenerationSvg
ResponseToolSearchOutputItemToolImageGeneration: TypeAlias = ToolImageGeneration
