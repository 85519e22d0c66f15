"""Messages, reasoning and the other items of a response, and the unions of all items."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple
from realtime_sync.types.responses._computer_calls import (
    ResponseComputerToolCall,
    ResponseComputerToolCallOutputItem,
    ResponseInputItemComputerCallOutput,
)
from realtime_sync.types.responses._content import (
    ResponseInputContent,
    ResponseOutputMessageContent,
    ResponseReasoningItemContent,
    ResponseReasoningItemSummary,
)
from realtime_sync.types.responses._function_calls import (
    ResponseCustomToolCall,
    ResponseCustomToolCallItem,
    ResponseCustomToolCallOutput,
    ResponseCustomToolCallOutputItem,
    ResponseFunctionToolCall,
    ResponseFunctionToolCallItem,
    ResponseFunctionToolCallOutputItem,
    ResponseInputItemFunctionCallOutput,
    ResponseInputItemToolSearchCall,
    ResponseOutputItemProgram,
    ResponseOutputItemProgramOutput,
    ResponseToolSearchCall,
    ResponseToolSearchOutputItem,
    ResponseToolSearchOutputItemParam,
)
from realtime_sync.types.responses._hosted_calls import (
    ResponseCodeInterpreterToolCall,
    ResponseFileSearchToolCall,
    ResponseFunctionWebSearch,
    ResponseItemMcpListTools,
    ResponseOutputItemImageGenerationCall,
    ResponseOutputItemMcpApprovalRequest,
    ResponseOutputItemMcpApprovalResponse,
    ResponseOutputItemMcpCall,
    ResponseOutputItemMcpListTools,
)
from realtime_sync.types.responses._shell_calls import (
    ResponseApplyPatchToolCall,
    ResponseApplyPatchToolCallOutput,
    ResponseFunctionShellToolCall,
    ResponseFunctionShellToolCallOutput,
    ResponseInputItemApplyPatchCall,
    ResponseInputItemApplyPatchCallOutput,
    ResponseInputItemShellCall,
    ResponseInputItemShellCallOutput,
    ResponseOutputItemLocalShellCall,
    ResponseOutputItemLocalShellCallOutput,
)
from realtime_sync.types.responses._text_format import (
    ResponseConfigurationUpdateItemReasoning,
    ResponseConfigurationUpdateItemText,
)
from realtime_sync.types.responses._tools import Tool

__all__ = [
    "EasyInputMessage",
    "ResponseCompactionItem",
    "ResponseCompactionItemParam",
    "ResponseConfigurationUpdateItem",
    "ResponseConfigurationUpdateItemParam",
    "ResponseInputItem",
    "ResponseInputItemAdditionalTools",
    "ResponseInputItemCompactionTrigger",
    "ResponseInputItemItemReference",
    "ResponseInputItemMessage",
    "ResponseInputMessageItem",
    "ResponseItem",
    "ResponseItemAdditionalTools",
    "ResponseOutputItem",
    "ResponseOutputItemAdditionalTools",
    "ResponseOutputMessage",
    "ResponseReasoningItem",
]

_OTHERS = ("user", "system", "developer")
_PARTS_OF_OTHERS = ("input_text", "input_image", "input_file")


def _is_by_model(raw: Mapping[str, Any]) -> bool:
    """Tell by role and content whether a message is the model's; the role alone does not decide."""
    content = raw.get("content")
    if isinstance(content, str):
        return False
    if raw.get("role") not in _OTHERS:
        return True
    parts = content if isinstance(content, list) else ()
    return any(isinstance(part, dict) and part.get("type") not in _PARTS_OF_OTHERS for part in parts)


@frozen(kw_only=True, eq=False, repr=False)
class EasyInputMessage(WireObject):
    """A message for the model, its content as text or parts."""

    type: ClassVar[Literal["message"]] = "message"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    role: str | None = None
    """``user``, ``assistant``, ``system`` or ``developer``."""
    content: str | tuple[ResponseInputContent, ...] | None = field(default=None, converter=as_tuple)
    phase: str | None = UNSET
    """``commentary`` or ``final_answer``."""

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from other messages: it has a role."""
        return "role" in raw


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemMessage(WireObject):
    """A message for the model, its content in parts."""

    type: ClassVar[Literal["message"]] = "message"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    role: str | None = None
    """``user``, ``system`` or ``developer``."""
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    content: tuple[ResponseInputContent, ...] | None = field(default=None, converter=as_tuple)

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from other messages: parts by someone else than the model."""
        return not _is_by_model(raw) and isinstance(raw.get("content"), list) and "phase" not in raw


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputMessageItem(WireObject):
    """A message for the model, as the server has it."""

    type: ClassVar[Literal["message"]] = "message"
    role: str | None = None
    """``user``, ``system`` or ``developer``."""
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    content: tuple[ResponseInputContent, ...] | None = field(default=None, converter=as_tuple)

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from other messages: parts by someone else than the model."""
        return not _is_by_model(raw)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputMessage(WireObject):
    """A message of the model."""

    type: ClassVar[Literal["message"]] = "message"
    role: str | None = None
    """``assistant``, ``unknown``, ``user``, ``system``, ``critic``, ``discriminator``, ``developer`` or ``tool``."""
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    content: tuple[ResponseOutputMessageContent, ...] | None = field(default=None, converter=as_tuple)
    phase: str | None = UNSET
    """``commentary`` or ``final_answer``."""

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from other messages: parts by the model."""
        return _is_by_model(raw)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseReasoningItem(WireObject):
    """What the model thought, as far as it is shown."""

    type: ClassVar[Literal["reasoning"]] = "reasoning"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    summary: tuple[ResponseReasoningItemSummary, ...] | None = field(default=None, converter=as_tuple)
    content: tuple[ResponseReasoningItemContent, ...] | None = field(default=None, converter=as_tuple)
    encrypted_content: str | None = field(default=UNSET, repr=False)
    """For the server only: to be sent back as it came."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCompactionItem(WireObject):
    """What a compaction made of earlier items, as the server has it."""

    type: ClassVar[Literal["compaction"]] = "compaction"
    id: str | None = None
    encrypted_content: str | None = field(default=None, repr=False)
    """For the server only: to be sent back as it came."""
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseCompactionItemParam(WireObject):
    """What a compaction made of earlier items."""

    type: ClassVar[Literal["compaction"]] = "compaction"
    id: str | None = UNSET
    encrypted_content: str | None = field(default=None, repr=False)
    """For the server only: to be sent back as it came."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemCompactionTrigger(WireObject):
    """The request to compact what came before."""

    type: ClassVar[Literal["compaction_trigger"]] = "compaction_trigger"
    id: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseConfigurationUpdateItem(WireObject):
    """A change of the configuration within a conversation."""

    type: ClassVar[Literal["configuration_update"]] = "configuration_update"
    id: str | None = UNSET
    reasoning: ResponseConfigurationUpdateItemReasoning | None = None
    text: ResponseConfigurationUpdateItemText | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseOutputItemAdditionalTools(WireObject):
    """Tools that were added within a conversation, as the server has it."""

    type: ClassVar[Literal["additional_tools"]] = "additional_tools"
    role: str | None = None
    """``unknown``, ``user``, ``assistant``, ``system``, ``critic``, ``discriminator``, ``developer`` or ``tool``."""
    id: str | None = None
    tools: tuple[Tool, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemAdditionalTools(WireObject):
    """Tools to add within a conversation."""

    type: ClassVar[Literal["additional_tools"]] = "additional_tools"
    role: ClassVar[Literal["developer"]] = "developer"
    id: str | None = UNSET
    tools: tuple[Tool, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemItemReference(WireObject):
    """A stand-in for an item that the server has."""

    type: ClassVar[Literal["item_reference"]] = "item_reference"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    id: str | None = None

    @classmethod
    def recognises(cls, raw: Mapping[str, Any]) -> bool:
        """Tell it from messages without a type: it has no role."""
        return "role" not in raw and "id" in raw


ResponseInputItem: TypeAlias = (
    ResponseOutputMessage
    | ResponseInputItemMessage
    | EasyInputMessage
    | ResponseFileSearchToolCall
    | ResponseComputerToolCall
    | ResponseInputItemComputerCallOutput
    | ResponseFunctionWebSearch
    | ResponseFunctionToolCall
    | ResponseInputItemFunctionCallOutput
    | ResponseInputItemToolSearchCall
    | ResponseToolSearchOutputItemParam
    | ResponseInputItemAdditionalTools
    | ResponseConfigurationUpdateItem
    | ResponseReasoningItem
    | ResponseCompactionItemParam
    | ResponseOutputItemImageGenerationCall
    | ResponseCodeInterpreterToolCall
    | ResponseOutputItemLocalShellCall
    | ResponseOutputItemLocalShellCallOutput
    | ResponseInputItemShellCall
    | ResponseInputItemShellCallOutput
    | ResponseInputItemApplyPatchCall
    | ResponseInputItemApplyPatchCallOutput
    | ResponseOutputItemMcpListTools
    | ResponseOutputItemMcpApprovalRequest
    | ResponseOutputItemMcpApprovalResponse
    | ResponseOutputItemMcpCall
    | ResponseCustomToolCallOutput
    | ResponseCustomToolCall
    | ResponseInputItemCompactionTrigger
    | ResponseInputItemItemReference
    | ResponseOutputItemProgram
    | ResponseOutputItemProgramOutput
    | UnknownObject
)
"""What can stand in the input of a response, told by ``type``, messages by ``role`` and content."""


ResponseOutputItem: TypeAlias = (
    ResponseOutputMessage
    | ResponseFileSearchToolCall
    | ResponseFunctionToolCall
    | ResponseFunctionToolCallOutputItem
    | ResponseFunctionWebSearch
    | ResponseComputerToolCall
    | ResponseComputerToolCallOutputItem
    | ResponseReasoningItem
    | ResponseOutputItemProgram
    | ResponseOutputItemProgramOutput
    | ResponseToolSearchCall
    | ResponseToolSearchOutputItem
    | ResponseOutputItemAdditionalTools
    | ResponseCompactionItem
    | ResponseOutputItemImageGenerationCall
    | ResponseCodeInterpreterToolCall
    | ResponseOutputItemLocalShellCall
    | ResponseOutputItemLocalShellCallOutput
    | ResponseFunctionShellToolCall
    | ResponseFunctionShellToolCallOutput
    | ResponseApplyPatchToolCall
    | ResponseApplyPatchToolCallOutput
    | ResponseOutputItemMcpCall
    | ResponseOutputItemMcpListTools
    | ResponseOutputItemMcpApprovalRequest
    | ResponseOutputItemMcpApprovalResponse
    | ResponseCustomToolCall
    | ResponseCustomToolCallOutputItem
    | UnknownObject
)
"""What a response can hold, told by ``type``."""


ResponseItem: TypeAlias = (
    ResponseInputMessageItem
    | ResponseOutputMessage
    | ResponseFileSearchToolCall
    | ResponseComputerToolCall
    | ResponseComputerToolCallOutputItem
    | ResponseFunctionWebSearch
    | ResponseFunctionToolCallItem
    | ResponseFunctionToolCallOutputItem
    | ResponseToolSearchCall
    | ResponseToolSearchOutputItem
    | ResponseOutputItemAdditionalTools
    | ResponseConfigurationUpdateItem
    | ResponseReasoningItem
    | ResponseOutputItemProgram
    | ResponseOutputItemProgramOutput
    | ResponseCompactionItem
    | ResponseOutputItemImageGenerationCall
    | ResponseCodeInterpreterToolCall
    | ResponseOutputItemLocalShellCall
    | ResponseOutputItemLocalShellCallOutput
    | ResponseFunctionShellToolCall
    | ResponseFunctionShellToolCallOutput
    | ResponseApplyPatchToolCall
    | ResponseApplyPatchToolCallOutput
    | ResponseItemMcpListTools
    | ResponseOutputItemMcpApprovalRequest
    | ResponseOutputItemMcpApprovalResponse
    | ResponseOutputItemMcpCall
    | ResponseCustomToolCallItem
    | ResponseCustomToolCallOutputItem
    | UnknownObject
)
"""What the list of a response's items can hold, told by ``type`` and ``role``."""


# The official SDK has a name for each place where one of these can stand.
ResponseConfigurationUpdateItemParam: TypeAlias = ResponseConfigurationUpdateItem
ResponseItemAdditionalTools: TypeAlias = ResponseOutputItemAdditionalTools
