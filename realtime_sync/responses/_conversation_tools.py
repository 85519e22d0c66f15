"""The tools of a conversation: which calls of a response are theirs, and the outputs that the model gets."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from realtime_sync.errors import LocalProtocolError, RequestTimeout
from realtime_sync.responses._history import unanswered
from realtime_sync.session import Deadline
from realtime_sync.tools import Batch, FunctionCall, Tool, Toolbox
from realtime_sync.tools._tool import error_text
from realtime_sync.types.responses import Response, ResponseFunctionToolCall

if TYPE_CHECKING:
    from realtime_sync.responses._conversation_core import ConversationCore

__all__ = ["Calls", "ToolRounds", "ToolSet", "check_not_inside"]

logger = logging.getLogger("realtime_sync")

_inside: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar("realtime_sync_inside", default=())
"""The conversations that wait for the tool that runs in this context."""

_INTERRUPTED = "the call was interrupted; whether it took effect is not known"


def check_not_inside(core: ConversationCore) -> None:
    """Raise `LocalProtocolError` in a tool for which the conversation itself waits, rather than wait for ever."""
    if core in _inside.get():
        msg = (
            "this conversation waits for the tool that asks, and can have no turn before its result: "
            "ask on a fork of it (context.session.fork())"
        )
        raise LocalProtocolError(msg)


@frozen
class ToolSet:
    """What a model may call: functions of this side, and what else is declared.

    Attributes:
        box: the functions.
        others: definitions of other tools, which the server or the caller runs.
    """

    box: Toolbox
    others: tuple[Any, ...] = field(repr=False)

    @classmethod
    def of(cls, tools: Iterable[Any], box: Toolbox) -> ToolSet:
        """Sort what a caller gives as tools; the functions go into `box`.

        Raises:
            ToolError: one cannot be a tool, or two have the same name.
        """
        return cls(box, tuple(box.sort(tools, _name_of)))

    @property
    def definitions(self) -> list[Any]:
        """All of them, as the API wants them."""
        return self.box.merged(self.others, _name_of, with_strict=True)

    @property
    def functions(self) -> tuple[Tool[Any, Any], ...]:
        return self.box.tools

    def calls(self, response: Response) -> Calls:
        """Return the calls of a response that are to be answered here; of one that was cut off there are none."""
        if response.status not in {None, "completed"} or not self.box.tools:
            return Calls()
        declared = set(map(_name_of, self.others))
        here, others = {}, False
        for item in response.output or ():
            kind = getattr(item, "type", None)
            if isinstance(item, ResponseFunctionToolCall) and item.call_id and item.name not in declared:
                here[item.call_id] = FunctionCall(item.call_id, item.name or "", item.arguments or "")
            elif kind in _FOR_THE_CALLER:
                others = True
        return Calls(tuple(here.values()), others)


_FOR_THE_CALLER = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "computer_call",
        "local_shell_call",
        "apply_patch_call",
        "mcp_approval_request",
    }
)
"""The items that the server wants an answer to. (A shell call is one only where the shell is the client's.)"""


def _name_of(definition: Any) -> Any:
    """Return the name that a definition gives a function."""
    return definition.get("name") if isinstance(definition, Mapping) else getattr(definition, "name", None)


@frozen
class Calls:
    """What a response calls.

    Attributes:
        here: calls to be answered on this side, in order.
        others: whether there are calls that are the caller's to answer.
    """

    here: tuple[FunctionCall, ...] = ()
    others: bool = False


@define(eq=False, kw_only=True)
class ToolRounds:
    """The calls that a conversation has begun to answer.

    Threads: one at a time, the one that has the turn.
    """

    _core: ConversationCore
    _begun: tuple[FunctionCall, ...] = field(init=False, default=())
    """Those of the newest response. An interrupt at any point leaves them to be settled before the next turn."""

    def expect(self, response: Response, tools: ToolSet) -> None:
        """Note the calls of a response that is about to enter the history, and is then to be answered."""
        self._begun = tools.calls(response).here

    def answer(self, response: Response, tools: ToolSet, deadline: Deadline, session: Callable[[], Any]) -> bool:
        """Run what a response calls, beside each other, and put the outputs into the history, in the calls' order.

        Returns:
            Whether the model is to go on with that: not if there is nothing to be answered here, or the caller has to.

        Raises:
            RequestTimeout: the time of the turn was over first.
            LocalProtocolError: the conversation was closed.
        """
        core, calls = self._core, tools.calls(response)
        if not calls.here:
            return False
        answered = self._refusals(calls.here, tools)
        mine = [each for each in calls.here if each.call_id not in answered]
        try:
            if mine:
                batch = self._started(mine, response, tools, deadline, session)
                try:
                    tools.box.executor.wait(batch, deadline)
                finally:
                    tools.box.executor.cancel(batch)
                    answered.update({each.call_id: each.text for each in batch.outputs})
        finally:
            self._settle(answered)
        core.check_open()
        if len(answered) < len(calls.here):
            msg = "the time of the turn was over before its tools had answered; the history has them as interrupted"
            raise RequestTimeout(msg, partial=response)
        return not calls.others

    @staticmethod
    def _refusals(calls: Iterable[FunctionCall], tools: ToolSet) -> dict[str, str]:
        """Return what the model is told about calls of functions that there are not, by the ids of the calls."""
        there_are = ", ".join(each.name for each in tools.functions)
        wrong = [each for each in calls if each.name not in tools.box]
        for each in wrong:
            logger.warning("the model called %s, which is no tool of this conversation", each.name)
        return {each.call_id: error_text(f"there is no tool {each.name}; there are: {there_are}") for each in wrong}

    def _started(
        self,
        calls: Sequence[FunctionCall],
        response: Response,
        tools: ToolSet,
        deadline: Deadline,
        session: Callable[[], Any],
    ) -> Batch:
        """Start the calls, in a context that tells what waits for them."""

        def start() -> Batch:
            _inside.set((*_inside.get(), self._core))
            return tools.box.start(calls, session=session, turn=response, deadline=deadline, on_done=lambda _: None)

        # A context of its own, and not one that is put right afterwards, which an interrupt could prevent.
        return contextvars.copy_context().run(start)

    @staticmethod
    def warn_at_limit(response: Response, tools: ToolSet, rounds: int) -> None:
        """Log that calls are left to the caller, if a response has some."""
        names = [each.name for each in tools.calls(response).here]
        if names:
            logger.warning(
                "after %d rounds of tools (max_tool_rounds) the model still calls %s: that is left to the caller",
                rounds,
                ", ".join(names),
            )

    def settle(self) -> None:
        """See to it that every call that was begun has an output in the history."""
        if self._begun:
            self._settle({})

    def _settle(self, answered: Mapping[str, str]) -> None:
        open_calls = {each["call_id"] for each in unanswered(self._core.memory.items)}
        outputs = [
            {
                "type": "function_call_output",
                "call_id": each.call_id,
                "output": answered.get(each.call_id, error_text(_INTERRUPTED)),
            }
            for each in self._begun
            if each.call_id in open_calls
        ]
        if outputs:
            self._core.add(tuple(outputs))
        self._begun = ()

    @property
    def running(self) -> bool:
        """Whether calls wait for their outputs."""
        begun = {each.call_id for each in self._begun}
        return any(each.get("call_id") in begun for each in unanswered(self._core.memory.items))
