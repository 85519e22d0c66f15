"""The tools of one session or conversation: their names, their limits, and the threads they run in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field

from realtime_sync.config import NotGiven
from realtime_sync.errors import ToolError
from realtime_sync.session import Deadline
from realtime_sync.tools._batch import Batch, FunctionCall, Job
from realtime_sync.tools._executor import Executor
from realtime_sync.tools._tool import Tool, tool
from realtime_sync.types import WireObject

__all__ = ["MAX_TOOL_ROUNDS", "TOOL_TIMEOUT", "Toolbox"]

TOOL_TIMEOUT = 60.0
MAX_TOOL_ROUNDS = 10


@define(eq=False, kw_only=True)
class Toolbox:
    """What a model may call, by name.

    Threads: any. No lock: `_tools` changes by single built-in operations.

    Attributes:
        timeout: seconds for one call of a tool that has no limit of its own; None: no limit.
        max_rounds: how often in one turn the model's calls are answered before they are left to the caller.
    """

    timeout: float | None = TOOL_TIMEOUT
    max_rounds: int = MAX_TOOL_ROUNDS
    executor: Executor = field(init=False, factory=Executor, repr=False)
    _tools: dict[str, Tool[Any, Any]] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Check the limits.

        Raises:
            ToolError: one is none.
        """
        if self.timeout is not None and (not _is_number(self.timeout) or not self.timeout > 0):
            msg = f"tool_timeout is a number of seconds above 0, or None; got {self.timeout!r}"
            raise ToolError(msg, replay_safe=True)
        if not isinstance(self.max_rounds, int) or isinstance(self.max_rounds, bool) or self.max_rounds < 0:
            msg = f"max_tool_rounds is a whole number, 0 or more; got {self.max_rounds!r}"
            raise ToolError(msg, replay_safe=True)

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def add(self, function: Callable[..., Any]) -> Tool[..., Any]:
        """Add a function, or a tool made of one; another one of the same name goes.

        Raises:
            ToolError: it cannot be a tool.
        """
        made = function if isinstance(function, Tool) else tool(function)
        self._tools[made.name] = made
        return made

    def sort(self, tools: Iterable[Any], name_of: Callable[[Any], Any], *, beside: Iterable[Any] = ()) -> list[Any]:
        """Add the functions among what a caller gives as tools; return the definitions of other tools.

        Args:
            tools: functions, tools made of them, and definitions.
            name_of: tells the name of a definition, or None.
            beside: definitions that were given elsewhere; they come first.

        Raises:
            ToolError: one cannot be a tool, or two have the same name.
        """
        others = list(beside)
        for each in tools:
            if isinstance(each, Mapping | WireObject):
                others.append(each)
                continue
            made = tool(each)
            if made.name in self:
                msg = f"two tools are called {made.name}"
                raise ToolError(msg, replay_safe=True)
            self.add(made)
        twice = [name for name in map(name_of, others) if name in self]
        if twice:
            msg = f"{twice[0]} is given as a function and as a definition: give the function alone"
            raise ToolError(msg, replay_safe=True)
        return others

    @property
    def tools(self) -> tuple[Tool[Any, Any], ...]:
        """The tools, in the order in which they were added."""
        return tuple(self._tools.values())

    def start(
        self,
        calls: Sequence[FunctionCall],
        *,
        session: Callable[[], Any],
        turn: Any,
        deadline: Deadline,
        on_done: Callable[[Batch], None],
    ) -> Batch:
        """Begin to answer calls, all of them of tools in here, beside each other.

        Args:
            calls: at least one.
            session, turn: for `ToolContext`; the session as a function that returns it, or None once it is dropped.
            deadline: of the turn, for `ToolContext`.
            on_done: called once all outputs are there; see `Batch`.
        """
        batch = Batch(session=session, turn=turn, deadline=deadline, on_done=on_done)
        batch.jobs = tuple(self._job(call, batch) for call in calls)
        try:
            self.executor.submit(batch)
        except BaseException:  # An interrupt: nobody will ever ask for it.
            self.executor.cancel(batch)
            raise
        return batch

    def _job(self, call: FunctionCall, batch: Batch) -> Job:
        called = self._tools[call.name]
        limit = self.timeout if isinstance(called.timeout, NotGiven) else called.timeout
        return Job(call=call, tool=called, batch=batch, limit=limit)

    def merged(
        self, others: Iterable[Any], name_of: Callable[[Any], Any], *, with_strict: bool = False
    ) -> list[Mapping[str, Any]]:
        """Return a list of ``tools`` for the API: others, without those that have the name of one in here, then these.

        Args:
            others: definitions, in the API's shape or of its classes.
            name_of: returns the name that a definition gives a function.
            with_strict: see `Tool.definition`.
        """
        mine = self.tools
        names = {each.name for each in mine}
        kept = [each for each in others if name_of(each) not in names]
        return [*kept, *(each.definition(with_strict=with_strict) for each in mine)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
