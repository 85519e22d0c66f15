"""Which tools a model may or has to use."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UnknownObject, WireObject, as_tuple
from realtime_sync.types._common import ToolChoiceFunction, ToolChoiceMcp
from realtime_sync.types.responses._tools import ToolProgrammaticToolCalling

__all__ = [
    "ResponseToolChoice",
    "ToolChoiceAllowed",
    "ToolChoiceApplyPatch",
    "ToolChoiceCustom",
    "ToolChoiceShell",
    "ToolChoiceTypes",
]


@frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceAllowed(WireObject):
    """The choice of some of the tools."""

    type: ClassVar[Literal["allowed_tools"]] = "allowed_tools"
    mode: str | None = None
    """``auto`` or ``required``."""
    tools: tuple[Mapping[str, Any], ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceTypes(WireObject):
    """The choice of a tool of the server."""

    types: ClassVar[tuple[str, ...]] = (
        "file_search",
        "web_search_preview",
        "computer",
        "computer_use_preview",
        "computer_use",
        "web_search_preview_2025_03_11",
        "image_generation",
        "code_interpreter",
    )
    type: str | None = None
    """``file_search``, ``web_search_preview``, ``computer`` and others."""


@frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceCustom(WireObject):
    """The choice of one custom tool."""

    type: ClassVar[Literal["custom"]] = "custom"
    name: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceApplyPatch(WireObject):
    """The choice of the patch tool."""

    type: ClassVar[Literal["apply_patch"]] = "apply_patch"


@frozen(kw_only=True, eq=False, repr=False)
class ToolChoiceShell(WireObject):
    """The choice of the shell."""

    type: ClassVar[Literal["shell"]] = "shell"


ResponseToolChoice: TypeAlias = (
    str
    | ToolChoiceAllowed
    | ToolChoiceTypes
    | ToolChoiceFunction
    | ToolChoiceMcp
    | ToolChoiceCustom
    | ToolProgrammaticToolCalling
    | ToolChoiceApplyPatch
    | ToolChoiceShell
    | UnknownObject
)
"""The choice of tools: ``none``, ``auto``, ``required`` or an object, told by ``type``."""
