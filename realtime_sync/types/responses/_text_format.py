"""In what form a model answers, and how hard it thinks."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject

__all__ = [
    "Reasoning",
    "ResponseConfigurationUpdateItemReasoning",
    "ResponseConfigurationUpdateItemText",
    "ResponseConfigurationUpdateItemTextFormat",
    "ResponseFormatJSONObject",
    "ResponseFormatText",
    "ResponseFormatTextConfig",
    "ResponseFormatTextJSONSchemaConfig",
    "ResponseTextConfig",
    "ResponseToolSearchOutputItemToolImageGenerationSvgReasoning",
    "ResponsesResponseConfigurationUpdateItemReasoning",
    "ResponsesResponseConfigurationUpdateItemText",
    "ToolImageGenerationSvgReasoning",
]


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFormatText(WireObject):
    """Plain text."""

    type: ClassVar[Literal["text"]] = "text"


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFormatJSONObject(WireObject):
    """Any JSON object: the older way; a schema is better."""

    type: ClassVar[Literal["json_object"]] = "json_object"


@frozen(kw_only=True, eq=False, repr=False)
class ResponseFormatTextJSONSchemaConfig(WireObject):
    """JSON that follows a schema."""

    type: ClassVar[Literal["json_schema"]] = "json_schema"
    name: str | None = None
    schema: Mapping[str, Any] | None = None
    """The JSON schema of the answer."""
    description: str | None = None
    strict: bool | None = UNSET


ResponseFormatTextConfig: TypeAlias = (
    ResponseFormatText | ResponseFormatTextJSONSchemaConfig | ResponseFormatJSONObject | UnknownObject
)
"""The form of an answer, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseTextConfig(WireObject):
    """The form and the length of an answer."""

    format: ResponseFormatTextConfig | None = None
    verbosity: str | None = UNSET
    """``low``, ``medium`` or ``high``."""


@frozen(kw_only=True, eq=False, repr=False)
class Reasoning(WireObject):
    """How a reasoning model thinks."""

    context: str | None = UNSET
    """``auto``, ``current_turn`` or ``all_turns``."""
    effort: str | None = UNSET
    """``none``, ``minimal``, ``low``, ``medium``, ``high``, ``xhigh`` or ``max``."""
    generate_summary: str | None = UNSET
    """``auto``, ``concise`` or ``detailed``."""
    mode: str | None = None
    """``standard`` or ``pro``."""
    summary: str | None = UNSET
    """``auto``, ``concise`` or ``detailed``."""


ResponseConfigurationUpdateItemTextFormat: TypeAlias = (
    ResponseFormatText | ResponseFormatTextJSONSchemaConfig | UnknownObject
)
"""The forms an answer can change to in a conversation, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseConfigurationUpdateItemReasoning(WireObject):
    """How hard to think from here on."""

    effort: str | None = UNSET
    """``none``, ``minimal``, ``low``, ``medium``, ``high``, ``xhigh`` or ``max``."""


@frozen(kw_only=True, eq=False, repr=False)
class ResponseConfigurationUpdateItemText(WireObject):
    """The form of answers from here on."""

    format: ResponseConfigurationUpdateItemTextFormat | None = None


# The official SDK has a name for each place where one of these can stand.
ResponseToolSearchOutputItemToolImageGenerationSvgReasoning: TypeAlias = ResponseConfigurationUpdateItemReasoning
ResponsesResponseConfigurationUpdateItemReasoning: TypeAlias = ResponseConfigurationUpdateItemReasoning
ToolImageGenerationSvgReasoning: TypeAlias = ResponseConfigurationUpdateItemReasoning
ResponsesResponseConfigurationUpdateItemText: TypeAlias = ResponseConfigurationUpdateItemText
