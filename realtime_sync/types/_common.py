"""What more than one API has: input content, prompts, choices of tools, and the error event of realtime sessions."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, KnownEvent, UnknownObject, WireObject

__all__ = [
    "PromptCacheBreakpoint",
    "RealtimeError",
    "RealtimeErrorEvent",
    "ResponseInputFile",
    "ResponseInputFilePromptCacheBreakpoint",
    "ResponseInputImage",
    "ResponseInputImagePromptCacheBreakpoint",
    "ResponseInputText",
    "ResponseInputTextPromptCacheBreakpoint",
    "ResponsePrompt",
    "ResponsePromptVariables",
    "ServerEventBase",
    "Timestamp",
    "ToolChoiceFunction",
    "ToolChoiceMcp",
]

Timestamp: TypeAlias = float | str
"""Unix seconds, whole or not; some servers send an ISO 8601 string, which stays one."""


@frozen(kw_only=True, eq=False, repr=False)
class PromptCacheBreakpoint(WireObject):
    """A place up to which the prompt cache shall hold the input."""

    mode: str | None = None
    """``explicit``."""
    ttl: str | None = None
    """``30m`` or ``12h``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputText(WireObject):
    """Text for the model."""

    type: ClassVar[Literal["input_text"]] = "input_text"
    text: str | None = None
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputImage(WireObject):
    """An image for the model: a URL, a data URL, or an uploaded file."""

    type: ClassVar[Literal["input_image"]] = "input_image"
    detail: str | None = UNSET
    """``low``, ``high``, ``auto`` or ``original``."""
    file_id: str | None = UNSET
    image_url: str | None = field(default=UNSET, repr=False)
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputFile(WireObject):
    """A file for the model: an uploaded one, a URL, or its content."""

    type: ClassVar[Literal["input_file"]] = "input_file"
    detail: str | None = None
    """``auto``, ``low`` or ``high``."""
    file_data: str | None = field(default=UNSET, repr=False)
    """A data URL."""
    file_id: str | None = UNSET
    file_url: str | None = UNSET
    filename: str | None = UNSET
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = UNSET


ResponsePromptVariables: TypeAlias = str | ResponseInputText | ResponseInputImage | ResponseInputFile | UnknownObject
"""The value of a variable of a stored prompt."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponsePrompt(WireObject):
    """A stored prompt and the values of its variables."""

    id: str | None = None
    version: str | None = UNSET
    variables: Mapping[str, Any] | None = UNSET
    """`ResponsePromptVariables` by name; those received are JSON objects."""


@frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceFunction(WireObject):
    """The choice of one function."""

    type: ClassVar[Literal["function"]] = "function"
    name: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceMcp(WireObject):
    """The choice of an MCP server, or of one of its tools."""

    type: ClassVar[Literal["mcp"]] = "mcp"
    server_label: str | None = None
    name: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeError(WireObject):
    """What went wrong. The session usually stays open."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None
    """The id of the client event at fault."""


@frozen(kw_only=True, eq=False, repr=False)
class ServerEventBase(KnownEvent):
    """What all events of realtime and translation sessions have."""

    event_id: str | None = None
    """The server's id of this event."""


@frozen(kw_only=True, eq=False, repr=False)
class RealtimeErrorEvent(ServerEventBase):
    """Something went wrong; the session usually stays open."""

    type: ClassVar[Literal["error"]] = "error"
    error: RealtimeError


# The official SDK has a name for each place where one of these can stand.
ResponseInputFilePromptCacheBreakpoint: TypeAlias = PromptCacheBreakpoint
ResponseInputImagePromptCacheBreakpoint: TypeAlias = PromptCacheBreakpoint
ResponseInputTextPromptCacheBreakpoint: TypeAlias = PromptCacheBreakpoint
