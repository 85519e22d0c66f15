"""The calls of one response, and what comes of them."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from realtime_sync.session import Deadline, Waiter
from realtime_sync.tools._context import ToolContext
from realtime_sync.tools._tool import Tool

__all__ = ["Batch", "FunctionCall", "FunctionOutput", "Job"]


@frozen
class FunctionCall:
    """A call as a model made it.

    Attributes:
        arguments: JSON text.
    """

    call_id: str
    name: str
    arguments: str = field(repr=False)


@frozen
class FunctionOutput:
    """What the model is told in answer to a call.

    Attributes:
        text: the output.
        failed: whether it tells of an error.
    """

    call_id: str
    text: str = field(repr=False)
    failed: bool = False


@define(eq=False, kw_only=True)
class Job:
    """One call on its way through the executor, whose lock guards `output` and `expires_at`."""

    call: FunctionCall
    tool: Tool[Any, Any]
    batch: Batch
    limit: float | None
    """Seconds that the call may take once it has begun."""
    output: FunctionOutput | None = None
    expires_at: float | None = None
    """When it has taken too long, monotonic; None: it has not begun, or has no limit."""
    _context: ToolContext | None = field(init=False, default=None, repr=False)
    """What the tool may know; only from when the call begins until the tool has it."""
    _variables: contextvars.Context = field(init=False, factory=contextvars.copy_context, repr=False)
    """The context variables of the thread that asked for the call, which the tool sees too."""

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for the output any more. No lock: both only ever change one way."""
        return self.batch.cancelled or self.output is not None

    def begin_locked(self) -> None:
        """Note that the call begins, and what the tool may know of it."""
        batch = self.batch
        self.expires_at = None if self.limit is None else time.monotonic() + self.limit
        self._context = ToolContext(
            session=batch.session(),
            turn=batch.turn,
            call_id=self.call.call_id,
            name=self.call.name,
            deadline=Deadline(
                min((each for each in (batch.deadline.remaining(), self.limit) if each is not None), default=None)
            ),
            is_cancelled=lambda: self.unwanted,
        )

    def run(self) -> FunctionOutput:
        """Call the function, on a thread of the executor, once it has begun; never raises."""
        context, self._context = self._context, None
        if context is None or context.session is None:  # Dropped, so that nobody will ever read this.
            return FunctionOutput(self.call.call_id, "", failed=True)
        text, failed = self._variables.run(self.tool.answer, self.call.arguments, context)
        return FunctionOutput(self.call.call_id, text, failed)


@define(eq=False, kw_only=True)
class Batch:
    """Calls that run beside each other. The executor's lock guards what is not given at the start."""

    session: Callable[[], Any] = field(repr=False)
    """Returns what tools know as the session, or None: it was dropped. Only a tool that runs keeps it alive."""
    turn: Any = field(repr=False)
    deadline: Deadline
    on_done: Callable[[Batch], None] = field(repr=False)
    """Called once all outputs are there, on any thread, without a lock; never for a batch that was cancelled."""
    jobs: tuple[Job, ...] = field(init=False, default=())
    cancelled: bool = field(init=False, default=False)
    missing: int = field(init=False, default=0)
    """How many outputs are still to come."""
    parent: Any = field(init=False, default=None, repr=False)
    """The worker that waits for it, if one of this executor's own does."""
    waiter: Waiter | None = field(init=False, default=None, repr=False)

    @property
    def done(self) -> bool:
        return not self.missing and not self.cancelled

    @property
    def outputs(self) -> tuple[FunctionOutput, ...]:
        """What there is to tell the model, in the order of the calls."""
        return tuple(job.output for job in self.jobs if job.output is not None)
