"""Answering a turn's function calls: the tools run, their outputs go out, and the response goes on."""

from __future__ import annotations

import logging
from typing import Any

from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._call_book import CallsDue, ToolsDone
from realtime_sync.realtime._events import response_id_of
from realtime_sync.realtime._sending import TurnSender
from realtime_sync.realtime._state import TurnState
from realtime_sync.realtime._turn import TurnBuilder
from realtime_sync.session import Core, Deadline
from realtime_sync.tools import Batch

__all__ = ["ToolLoop"]

logger = logging.getLogger("realtime_sync")


class ToolLoop:
    """The calls of one turn. The book says which are due; here they are carried out.

    Tools run in threads of their own. While they run the turn's consumer waits for events as ever: the outputs are
    announced in its queue, so that whatever else ends the turn ends that wait too.

    Threads: one at a time, the turn's consumer.

    Attributes:
        pending: calls are being answered, and the response that goes on has not begun.
    """

    def __init__(self, core: Core, api: RealtimeApi, state: TurnState, sender: TurnSender) -> None:
        self._core = core
        self._api = api
        self._state = state
        self._sender = sender
        self._may_expire = False
        self.pending = False

    def noticed(self, event: Any, builder: TurnBuilder) -> None:
        """Take an event into account that the consumer has just taken out: begin to answer the calls of a response."""
        state = self._state
        if event.type == "response.created":
            self.pending = False
        elif event.type == "response.done":
            due: CallsDue | None = state.due.pop(response_id_of(event) or "", None)
            if due is not None:
                self._begin(due, builder)
            elif state.answered_rounds and state.answered_rounds >= self._api.tools.max_rounds:
                self._warn_at_limit(builder)

    def _begin(self, due: CallsDue, builder: TurnBuilder) -> None:
        core, state, tools = self._core, self._state, self._api.tools
        self.pending = True

        def done(batch: Batch) -> None:
            with core.lock:
                state.queue.put_locked((0, ToolsDone(batch, due), 0))

        turn = builder.turn(state.timings())
        batch = tools.start(due.calls, session=self._api.session, turn=turn, deadline=state.deadline, on_done=done)
        with core.lock:
            wanted = not (state.queue.ended or state.cancel_asked)
            if wanted:
                state.batches.append(batch)
        if not wanted:
            tools.executor.cancel(batch)

    def go_on(self, done: ToolsDone, builder: TurnBuilder) -> None:
        """Send the outputs, and ask for the rest of the answer unless other calls are the caller's to answer.

        Raises:
            OutOfTime: the conversation did not become free in time.
        """
        state, goes_on = self._state, not done.due.others
        with self._core.lock:
            if done.batch not in state.batches:
                return  # Cancelled meanwhile.
        if self._sender.answer(done.batch.outputs, builder.output(), goes_on=goes_on):
            builder.answered(call.call_id for call in done.due.calls)
        with self._core.lock:
            self._api.book.answered(state, done.batch)
        self.pending = self.pending and goes_on

    def wait_until(self, deadline: Deadline) -> Deadline:
        """Return until when the consumer may wait: until then, or until it has to call `expired`."""
        expiry = self._api.tools.executor.next_expiry() if self._state.batches else None
        left = deadline.remaining()
        self._may_expire = expiry is not None and (left is None or expiry < left)
        return Deadline(expiry) if self._may_expire else deadline

    def expired(self) -> bool:
        """Give up the tools that have taken too long, if that was what the wait was for; return whether it was."""
        if self._may_expire:
            self._api.tools.executor.expire()
        return self._may_expire

    def _warn_at_limit(self, builder: TurnBuilder) -> None:
        calls = [item.name for item in builder.output() if getattr(item, "type", None) == "function_call"]
        if any(name in self._api.tools for name in calls):
            logger.warning(
                "after %d rounds of tools (max_tool_rounds) the model still calls %s: that is left to the caller",
                self._api.tools.max_rounds,
                ", ".join(map(str, calls)),
            )
