"""The tools a model may use that the client runs or that find other tools, and the union of all tools."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple
from realtime_sync.types.responses._containers import FunctionShellToolEnvironment
from realtime_sync.types.responses._hosted_tools import (
    FileSearchTool,
    ToolCodeInterpreter,
    ToolImageGeneration,
    ToolMcp,
    WebSearchPreviewTool,
    WebSearchTool,
)

__all__ = [
    "ApplyPatchTool",
    "ComputerTool",
    "ComputerUsePreviewTool",
    "CustomTool",
    "CustomToolInputFormat",
    "CustomToolInputFormatGrammar",
    "CustomToolInputFormatText",
    "EmptyModelParam",
    "FunctionShellTool",
    "FunctionTool",
    "InputTokenCountParamsToolChoiceSpecificProgrammaticToolCalling",
    "NamespaceTool",
    "NamespaceToolTool",
    "NamespaceToolToolFunction",
    "ResponseToolChoiceSpecificProgrammaticToolCallingParam",
    "ResponseToolSearchOutputItemTool",
    "ResponseToolSearchOutputItemToolLocalShell",
    "ResponseToolSearchOutputItemToolProgrammaticToolCalling",
    "ResponsesClientEventToolChoiceSpecificProgrammaticToolCallingParam",
    "Tool",
    "ToolLocalShell",
    "ToolProgrammaticToolCalling",
    "ToolSearchOutputNamespaceTool",
    "ToolSearchOutputNamespaceToolTool",
    "ToolSearchOutputNamespaceToolToolFunction",
    "ToolSearchTool",
]


EmptyModelParam: TypeAlias = Mapping[str, Any]
"""An object whose fields are the user's own: a JSON schema."""


@frozen(kw_only=True, eq=False, repr=False)
class FunctionTool(WireObject):
    """A function of the client."""

    type: ClassVar[Literal["function"]] = "function"
    name: str | None = None
    parameters: Mapping[str, Any] | None = UNSET
    """The JSON schema of the arguments."""
    strict: bool | None = UNSET
    """Whether arguments have to follow the schema; None: the server decides."""
    allowed_callers: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    """``direct`` or ``programmatic``."""
    async_: bool | None = None
    """Whether the response goes on before the output is there."""
    defer_loading: bool | None = None
    description: str | None = UNSET
    output_schema: Mapping[str, Any] | None = UNSET
    """The JSON schema of the output."""


@frozen(kw_only=True, eq=False, repr=False)
class CustomToolInputFormatText(WireObject):
    """Input of any text."""

    type: ClassVar[Literal["text"]] = "text"


@frozen(kw_only=True, eq=False, repr=False)
class CustomToolInputFormatGrammar(WireObject):
    """Input that follows a grammar."""

    type: ClassVar[Literal["grammar"]] = "grammar"
    definition: str | None = None
    syntax: str | None = None
    """``lark`` or ``regex``."""


CustomToolInputFormat: TypeAlias = CustomToolInputFormatText | CustomToolInputFormatGrammar | UnknownObject
"""What the input of a custom tool looks like, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class CustomTool(WireObject):
    """A tool of the client that takes text rather than JSON."""

    type: ClassVar[Literal["custom"]] = "custom"
    name: str | None = None
    allowed_callers: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    """``direct`` or ``programmatic``."""
    async_: bool | None = None
    """Whether the response goes on before the output is there."""
    defer_loading: bool | None = None
    description: str | None = None
    format: CustomToolInputFormat | None = None


NamespaceToolTool: TypeAlias = FunctionTool | CustomTool | UnknownObject
"""A tool in a namespace, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class NamespaceTool(WireObject):
    """Tools under a name of their own."""

    type: ClassVar[Literal["namespace"]] = "namespace"
    name: str | None = None
    description: str | None = None
    tools: tuple[NamespaceToolTool, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ToolSearchTool(WireObject):
    """The search for tools whose loading was deferred."""

    type: ClassVar[Literal["tool_search"]] = "tool_search"
    description: str | None = UNSET
    execution: str | None = None
    """``server`` or ``client``."""
    parameters: EmptyModelParam | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ApplyPatchTool(WireObject):
    """The editing of files by patches, which the client applies."""

    type: ClassVar[Literal["apply_patch"]] = "apply_patch"
    allowed_callers: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    """``direct`` or ``programmatic``."""


@frozen(kw_only=True, eq=False, repr=False)
class FunctionShellTool(WireObject):
    """A shell, in a container or on the client's machine."""

    type: ClassVar[Literal["shell"]] = "shell"
    allowed_callers: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    """``direct`` or ``programmatic``."""
    environment: FunctionShellToolEnvironment | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ToolLocalShell(WireObject):
    """The older shell, on the client's machine."""

    type: ClassVar[Literal["local_shell"]] = "local_shell"


@frozen(kw_only=True, eq=False, repr=False)
class ToolProgrammaticToolCalling(WireObject):
    """Programs by the model that call tools."""

    type: ClassVar[Literal["programmatic_tool_calling"]] = "programmatic_tool_calling"


@frozen(kw_only=True, eq=False, repr=False)
class ComputerTool(WireObject):
    """A computer that the model operates."""

    type: ClassVar[Literal["computer"]] = "computer"


@frozen(kw_only=True, eq=False, repr=False)
class ComputerUsePreviewTool(WireObject):
    """A computer that the model operates, as in the preview."""

    type: ClassVar[Literal["computer_use_preview"]] = "computer_use_preview"
    display_height: int | None = None
    display_width: int | None = None
    environment: str | None = None
    """``windows``, ``mac``, ``linux``, ``ubuntu`` or ``browser``."""


Tool: TypeAlias = (
    FunctionTool
    | FileSearchTool
    | ComputerTool
    | ComputerUsePreviewTool
    | WebSearchTool
    | ToolMcp
    | ToolCodeInterpreter
    | ToolProgrammaticToolCalling
    | ToolImageGeneration
    | ToolLocalShell
    | FunctionShellTool
    | CustomTool
    | NamespaceTool
    | ToolSearchTool
    | WebSearchPreviewTool
    | ApplyPatchTool
    | UnknownObject
)
"""A tool that a model may use, told by ``type``."""


# The official SDK has a name for each place where one of these can stand.
ToolSearchOutputNamespaceToolToolFunction: TypeAlias = FunctionTool
ToolSearchOutputNamespaceToolTool: TypeAlias = NamespaceToolTool
ToolSearchOutputNamespaceTool: TypeAlias = NamespaceTool
ResponseToolSearchOutputItemToolLocalShell: TypeAlias = ToolLocalShell
InputTokenCountParamsToolChoiceSpecificProgrammaticToolCalling: TypeAlias = ToolProgrammaticToolCalling
ResponseToolChoiceSpecificProgrammaticToolCallingParam: TypeAlias = ToolProgrammaticToolCalling
ResponseToolSearchOutputItemToolProgrammaticToolCalling: TypeAlias = ToolProgrammaticToolCalling
ResponsesClientEventToolChoiceSpecificProgrammaticToolCallingParam: TypeAlias = ToolProgrammaticToolCalling
ResponseToolSearchOutputItemTool: TypeAlias = Tool
NamespaceToolToolFunction: TypeAlias = FunctionTool
