"""What a tool may know about the call that it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from realtime_sync.session import Deadline

__all__ = ["ToolContext"]


@frozen(kw_only=True, eq=False)
class ToolContext:
    """Given to a tool that has a parameter annotated with this class, which the model does not see.

    Attributes:
        session: the session or conversation of the call. All its methods may be called; a turn that a tool asks for
            comes before the one that called it goes on.
        turn: what had arrived of the turn up to the call: a `Turn`, or a response of the Responses API.
        call_id: the id of the call.
        name: the name under which the tool was called.
        deadline: when the result must be there, by the tool's own time-out and by that of the turn:
            ``deadline.remaining()`` are the seconds left, None without a limit.
    """

    session: Any = field(repr=False)
    turn: Any = field(repr=False)
    call_id: str
    name: str
    deadline: Deadline = field(repr=False)
    _is_cancelled: Callable[[], bool] = field(repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more: the turn was left or cancelled, or time is up. Any thread."""
        return self._is_cancelled()
