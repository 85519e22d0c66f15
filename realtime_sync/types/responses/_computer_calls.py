"""Calls of a computer, and what its screen showed."""

from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from realtime_sync.types._base import UNSET, UnknownObject, WireObject, as_tuple

__all__ = [
    "ComputerAction",
    "ComputerActionClick",
    "ComputerActionDoubleClick",
    "ComputerActionDrag",
    "ComputerActionDragPath",
    "ComputerActionKeypress",
    "ComputerActionMove",
    "ComputerActionScreenshot",
    "ComputerActionScroll",
    "ComputerActionType",
    "ComputerActionWait",
    "ComputerSafetyCheck",
    "ResponseComputerToolCall",
    "ResponseComputerToolCallAction",
    "ResponseComputerToolCallActionClick",
    "ResponseComputerToolCallActionDoubleClick",
    "ResponseComputerToolCallActionDrag",
    "ResponseComputerToolCallActionDragPath",
    "ResponseComputerToolCallActionKeypress",
    "ResponseComputerToolCallActionMove",
    "ResponseComputerToolCallActionScreenshot",
    "ResponseComputerToolCallActionScroll",
    "ResponseComputerToolCallActionType",
    "ResponseComputerToolCallActionWait",
    "ResponseComputerToolCallOutputItem",
    "ResponseComputerToolCallOutputItemAcknowledgedSafetyCheck",
    "ResponseComputerToolCallOutputScreenshot",
    "ResponseComputerToolCallPendingSafetyCheck",
    "ResponseInputItemComputerCallOutput",
    "ResponseInputItemComputerCallOutputAcknowledgedSafetyCheck",
]


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionClick(WireObject):
    """A click of the mouse."""

    type: ClassVar[Literal["click"]] = "click"
    button: str | None = None
    """``left``, ``right``, ``wheel``, ``back`` or ``forward``."""
    x: int | None = None
    y: int | None = None
    keys: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionDoubleClick(WireObject):
    """A double click."""

    type: ClassVar[Literal["double_click"]] = "double_click"
    keys: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)
    x: int | None = None
    y: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionDragPath(WireObject):
    """A point on the way of a drag."""

    x: int | None = None
    y: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionDrag(WireObject):
    """A drag of the mouse."""

    type: ClassVar[Literal["drag"]] = "drag"
    path: tuple[ComputerActionDragPath, ...] | None = field(default=None, converter=as_tuple)
    keys: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionKeypress(WireObject):
    """A press of keys together."""

    type: ClassVar[Literal["keypress"]] = "keypress"
    keys: tuple[str, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionMove(WireObject):
    """A move of the mouse."""

    type: ClassVar[Literal["move"]] = "move"
    x: int | None = None
    y: int | None = None
    keys: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionScreenshot(WireObject):
    """A look at the screen."""

    type: ClassVar[Literal["screenshot"]] = "screenshot"


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionScroll(WireObject):
    """A turn of the wheel."""

    type: ClassVar[Literal["scroll"]] = "scroll"
    scroll_x: int | None = None
    scroll_y: int | None = None
    x: int | None = None
    y: int | None = None
    keys: tuple[str, ...] | None = field(default=UNSET, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionType(WireObject):
    """Text typed in."""

    type: ClassVar[Literal["type"]] = "type"
    text: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ComputerActionWait(WireObject):
    """A pause."""

    type: ClassVar[Literal["wait"]] = "wait"


ComputerAction: TypeAlias = (
    ComputerActionClick
    | ComputerActionDoubleClick
    | ComputerActionDrag
    | ComputerActionKeypress
    | ComputerActionMove
    | ComputerActionScreenshot
    | ComputerActionScroll
    | ComputerActionType
    | ComputerActionWait
    | UnknownObject
)
"""What to do with a computer, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ComputerSafetyCheck(WireObject):
    """A warning that the client has to acknowledge."""

    id: str | None = None
    code: str | None = UNSET
    message: str | None = UNSET


@frozen(kw_only=True, eq=False, repr=False)
class ResponseComputerToolCall(WireObject):
    """A call of a computer."""

    type: ClassVar[Literal["computer_call"]] = "computer_call"
    id: str | None = None
    status: str | None = None
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    pending_safety_checks: tuple[ComputerSafetyCheck, ...] | None = field(default=None, converter=as_tuple)
    action: ComputerAction | None = None
    actions: tuple[ComputerAction, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseComputerToolCallOutputScreenshot(WireObject):
    """A picture of the screen after a call."""

    type: str | None = "computer_screenshot"
    file_id: str | None = None
    image_url: str | None = field(default=None, repr=False)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseComputerToolCallOutputItem(WireObject):
    """The answer to a computer call, as the server has it."""

    type: ClassVar[Literal["computer_call_output"]] = "computer_call_output"
    id: str | None = None
    status: str | None = None
    """``completed``, ``incomplete``, ``failed`` or ``in_progress``."""
    call_id: str | None = None
    """What ties an output to its call."""
    output: ResponseComputerToolCallOutputScreenshot | None = None
    acknowledged_safety_checks: tuple[ComputerSafetyCheck, ...] | None = field(default=None, converter=as_tuple)
    created_by: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class ResponseInputItemComputerCallOutput(WireObject):
    """The answer to a computer call."""

    type: ClassVar[Literal["computer_call_output"]] = "computer_call_output"
    id: str | None = UNSET
    status: str | None = UNSET
    """``in_progress``, ``completed`` or ``incomplete``."""
    call_id: str | None = None
    """What ties an output to its call."""
    output: ResponseComputerToolCallOutputScreenshot | None = None
    acknowledged_safety_checks: tuple[ComputerSafetyCheck, ...] | None = field(default=UNSET, converter=as_tuple)


# The official SDK has a name for each place where one of these can stand.
ResponseComputerToolCallActionClick: TypeAlias = ComputerActionClick
ResponseComputerToolCallActionDoubleClick: TypeAlias = ComputerActionDoubleClick
ResponseComputerToolCallActionDragPath: TypeAlias = ComputerActionDragPath
ResponseComputerToolCallActionDrag: TypeAlias = ComputerActionDrag
ResponseComputerToolCallActionKeypress: TypeAlias = ComputerActionKeypress
ResponseComputerToolCallActionMove: TypeAlias = ComputerActionMove
ResponseComputerToolCallActionScreenshot: TypeAlias = ComputerActionScreenshot
ResponseComputerToolCallActionScroll: TypeAlias = ComputerActionScroll
ResponseComputerToolCallActionType: TypeAlias = ComputerActionType
ResponseComputerToolCallActionWait: TypeAlias = ComputerActionWait
ResponseComputerToolCallAction: TypeAlias = ComputerAction
ResponseComputerToolCallOutputItemAcknowledgedSafetyCheck: TypeAlias = ComputerSafetyCheck
ResponseComputerToolCallPendingSafetyCheck: TypeAlias = ComputerSafetyCheck
ResponseInputItemComputerCallOutputAcknowledgedSafetyCheck: TypeAlias = ComputerSafetyCheck
