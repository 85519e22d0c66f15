"""`Conversation`: turns that follow one another, with their history, their tools, and as little sent as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from attrs import evolve

from realtime_sync.config import NOT_GIVEN, NotGiven, seconds_or
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from realtime_sync.responses._conversation_core import ConversationCore, ConversationStats
from realtime_sync.responses._conversation_queue import Turn
from realtime_sync.responses._conversation_settings import Settings
from realtime_sync.responses._conversation_state import Memory, Usage, restored, to_state
from realtime_sync.responses._conversation_stream import ConversationStream, Request
from realtime_sync.responses._conversation_tools import ToolRounds, ToolSet, check_not_inside
from realtime_sync.responses._history import own_copies
from realtime_sync.session import ClosesOnExit, Deadline
from realtime_sync.tools import Tool, Toolbox

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from realtime_sync.config import RetryPolicy
    from realtime_sync.responses._conversation_link import Link
    from realtime_sync.responses._conversation_settings import AnyTool, TurnParameters
    from realtime_sync.responses._history import Input
    from realtime_sync.types.responses import CompactedResponse, Response

__all__ = ["Conversation"]

T = TypeVar("T")


class Conversation(ClosesOnExit):
    """A conversation with a model. Made by ``client.responses.conversation(…)``; a context manager.

    It keeps the history, answers the model's calls of functions (`run`), and sends only what is new where the server
    remembers the rest. Lost connections, forgotten responses and busy servers are dealt with where that can do nothing
    twice; an error is raised where it might.

    What the history has: the turns that ended, input and output, and the outputs of tools as soon as they are there. A
    turn that was abandoned, timed out or failed is not in it, so that it can just be asked again.

    Threads: all methods from any; one turn at a time, the others wait for theirs in the order in which they came.

    Attributes:
        key: what the caller calls the conversation, or None.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        core: ConversationCore,
        compact: Callable[..., CompactedResponse],
        timeout: float | None,
        key: str | None,
    ) -> None:
        """Put it together. `compact` does that over HTTP."""
        self.key = key
        self._settings = settings
        self._core = core
        self._compact = compact
        self._timeout = timeout
        self._rounds = ToolRounds(core=core)
        self._before = core.memory
        """The memory before the newest request of `run`. Only ever replaced by whoever has the turn."""

    @classmethod
    def begin(
        cls,
        *,
        link: Link,
        compact: Callable[..., CompactedResponse],
        retry: RetryPolicy,
        timeout: float | None,
        model: str | None,
        needs_model: bool,
        tools: Iterable[AnyTool],
        instructions: str | None,
        store: bool | NotGiven,
        state: Mapping[str, Any] | None,
        key: str | None,
        repeat_lost: bool,
        tool_timeout: float | None,
        max_tool_rounds: int,
        parameters: Mapping[str, Any],
    ) -> Conversation:
        """Make one of what a caller gives; see ``client.responses.conversation`` for arguments and errors."""
        saved = restored(state) if state is not None else None
        settings = Settings.of(
            saved,
            model=model,
            instructions=instructions,
            store=store,
            key=key,
            repeat_lost=repeat_lost,
            tools=ToolSet.of(tools, Toolbox(timeout=tool_timeout, max_rounds=max_tool_rounds)),
            parameters=parameters,
        )
        if settings.model is None and needs_model:
            msg = "a conversation needs model=: there is no connection whose default it could be"
            raise ConfigurationError(msg)
        memory = saved.memory if saved is not None else Memory()
        core = ConversationCore(link=link, retry=retry, memory=memory)
        return cls(settings=settings, core=core, compact=compact, timeout=timeout, key=key)

    def __repr__(self) -> str:
        state = "closed" if self._core.closed else "open"
        return f"Conversation(model={self.model!r}, items={len(self._core.memory.items)}, {state})"

    @property
    def model(self) -> str | None:
        """What answers, unless a call names another; None: what the connection has for a default."""
        return self._settings.model

    # -- turns --------------------------------------------------------------------------------------------------

    @overload
    def create(
        self,
        input: Input = ...,
        *,
        parse: type[T],
        timeout: float | None | NotGiven = ...,
        extra_body: Mapping[str, Any] | None = ...,
        **parameters: Unpack[TurnParameters],
    ) -> T: ...
    @overload
    def create(
        self,
        input: Input = ...,
        *,
        parse: None = ...,
        timeout: float | None | NotGiven = ...,
        extra_body: Mapping[str, Any] | None = ...,
        **parameters: Unpack[TurnParameters],
    ) -> Response: ...
    def create(
        self,
        input: Input = None,  # noqa: A002  (the API's name)
        *,
        parse: Any = None,
        timeout: float | None | NotGiven = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> Any:
        """Have one response, and wait for it. Calls of functions in it are the caller's to answer, by the next turn.

        Args:
            input: a text, an item or several; None: what the history ends with, such as the outputs of tools.
            parse: an attrs class, a dataclass or a TypedDict: the answer is asked for in its form.
            timeout: seconds for all of it, the wait for other turns included (left out: the client's; None: no limit).
            extra_body: fields that this library does not know.
            parameters: fields of the request that hold for this turn only, instead of the conversation's.

        Returns:
            The response, completed or incomplete; with `parse` an instance.

        Raises:
            ResponseFailed, ServerError, StatusError: the server would not or could not.
            TurnInterrupted: the connection was lost when it was no longer safe to ask again.
            ConnectError: no connection came about.
            RequestTimeout: the time was over; the turn is abandoned.
            OutputInvalid, OutputRefused: the answer has no instance in it; the turn is in the history all the same.
            LocalProtocolError: the input cannot be sent, or the conversation is closed; nothing was sent.
        """
        arguments = {"parse": parse, "timeout": timeout, "extra_body": extra_body, **parameters}
        with self.stream(input, **arguments) as stream:
            return stream.result()

    @overload
    def stream(
        self,
        input: Input = ...,
        *,
        parse: type[T],
        timeout: float | None | NotGiven = ...,
        extra_body: Mapping[str, Any] | None = ...,
        **parameters: Unpack[TurnParameters],
    ) -> ConversationStream[T]: ...
    @overload
    def stream(
        self,
        input: Input = ...,
        *,
        parse: None = ...,
        timeout: float | None | NotGiven = ...,
        extra_body: Mapping[str, Any] | None = ...,
        **parameters: Unpack[TurnParameters],
    ) -> ConversationStream[Response]: ...
    def stream(
        self,
        input: Input = None,  # noqa: A002  (the API's name)
        *,
        parse: Any = None,
        timeout: float | None | NotGiven = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> ConversationStream[Any]:
        """Have one response as it comes; like `create`, which has the arguments and errors.

        Waits until no other turn runs. The request goes out with the first event that is asked for.
        """
        deadline = self._deadline(timeout)
        request, _ = self._settings.request(input, parse, parameters, extra_body)
        stream: ConversationStream[Any] = ConversationStream(self._core, request, deadline)
        self._enter(stream, deadline)
        return stream

    @overload
    def run(
        self,
        input: Input = ...,
        *,
        parse: type[T],
        max_tool_rounds: int | NotGiven = ...,
        timeout: float | None | NotGiven = ...,
        extra_body: Mapping[str, Any] | None = ...,
        **parameters: Unpack[TurnParameters],
    ) -> T: ...
    @overload
    def run(
        self,
        input: Input = ...,
        *,
        parse: None = ...,
        max_tool_rounds: int | NotGiven = ...,
        timeout: float | None | NotGiven = ...,
        extra_body: Mapping[str, Any] | None = ...,
        **parameters: Unpack[TurnParameters],
    ) -> Response: ...
    def run(
        self,
        input: Input = None,  # noqa: A002  (the API's name)
        *,
        parse: Any = None,
        max_tool_rounds: int | NotGiven = NOT_GIVEN,
        timeout: float | None | NotGiven = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> Any:
        """Have a response, answer the model's calls of this conversation's tools, and go on until it calls no more.

        Each round enters the history by itself: what the model called, then what the tools answered, in the order of
        the calls. So no tool runs twice, whatever fails or is interrupted; a call that had no result by then is noted
        as interrupted. Calls that are not of functions given as tools are the caller's: the response comes back then.

        Args:
            input, parse, timeout, extra_body, parameters: as for `create`; the time is that of all rounds and tools.
            max_tool_rounds: how often calls are answered before they are left to the caller (left out: the
                conversation's).

        Returns:
            The last response; with `parse` an instance.

        Raises:
            RequestTimeout: the time was over, in a tool perhaps; `partial` is the newest response, if there is any.
            ResponseFailed, …: as `create`.
        """
        deadline = self._deadline(timeout)
        request, tools = self._settings.request(input, parse, parameters, extra_body)
        rounds = tools.box.max_rounds
        if not isinstance(max_tool_rounds, NotGiven):
            rounds = Toolbox(max_rounds=max_tool_rounds).max_rounds  # It knows what they may be.
        turn = Turn()
        try:
            self._enter(turn, deadline)
            response = self._round(request, deadline, tools if rounds else None)
            for left in range(rounds - 1, -1, -1):
                if not self._rounds.answer(response, tools, deadline, lambda: self):
                    break
                response = self._round(evolve(request, items=()), deadline, tools if left else None)
            else:
                self._rounds.warn_at_limit(response, tools, rounds)
        finally:
            self._core.queue.leave(turn)
        return response if request.form is None else request.form.instance(response)

    def _round(self, request: Request, deadline: Deadline, tools: ToolSet | None) -> Response:
        """Have one response; `tools` will answer its calls, None: nobody here will."""
        self._before = self._core.memory
        foresee = None if tools is None else lambda response: self._rounds.expect(response, tools)
        with ConversationStream[Any](self._core, request, deadline, foresee) as stream:
            return stream.response()

    def _enter(self, holder: object, deadline: Deadline) -> None:
        check_not_inside(self._core)
        self._core.enter(holder, deadline)
        self._rounds.settle()

    def _deadline(self, timeout: float | None | NotGiven) -> Deadline:
        return Deadline(seconds_or("timeout", timeout, self._timeout))

    # -- the conversation itself --------------------------------------------------------------------------------

    def tool(self, function: Callable[..., Any]) -> Tool[..., Any]:
        """Give the model another function from its next turn on; also as a decorator. One of the same name goes.

        Raises:
            ToolError: it cannot be a tool.
        """
        return self._settings.tools.box.add(function)

    @property
    def history(self) -> list[dict[str, Any]]:
        """The items of the conversation as they would be sent in full, oldest first; a copy.

        After a compaction it begins with what that left.
        """
        return own_copies(self._core.memory.items)

    @property
    def usage(self) -> Usage:
        """The tokens that all responses used together."""
        return self._core.memory.usage

    @property
    def last_response(self) -> Response | None:
        """The newest response; None before the first."""
        return self._core.memory.last

    @property
    def stats(self) -> ConversationStats:
        """What was sent in full and as a delta, and what was recovered from."""
        return self._core.stats

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.closed

    def fork(self) -> Conversation:
        """Return a conversation that goes on from here by itself: the same history, tools and connection.

        In a tool that this conversation waits for, it goes on from before the request that led to the call.
        """
        core = self._core
        core.check_open()
        memory = evolve(self._settled_memory(), usage=Usage())
        forked = ConversationCore(
            link=core.link.share(),
            retry=core.retry,
            memory=memory,
            adds_encrypted=core.adds_encrypted,
            continues=core.continues,
            is_new_fork=True,
        )
        return Conversation(
            settings=self._settings.for_fork(),
            core=forked,
            compact=self._compact,
            timeout=self._timeout,
            key=self.key,
        )

    def compact(self, *, timeout: float | None | NotGiven = NOT_GIVEN) -> None:
        """Have the server make the history shorter, over HTTP, and go on from what it returns.

        Raises:
            StatusError: the server would not, a `NotFoundError` where it cannot; the history is as it was.
            LocalProtocolError: there is no history, or a call in it has no output yet.
            RequestTimeout: another turn was still running.
        """
        deadline = self._deadline(timeout)
        turn = Turn()
        try:
            self._enter(turn, deadline)
            items = self._core.memory.items
            if not items:
                msg = "there is nothing to be compacted yet"
                raise LocalProtocolError(msg)
            named = {"model": self.model, "instructions": self._settings.instructions}
            options = {name: value for name, value in named.items() if value is not None}
            compacted = self._compact(input=list(items), timeout=deadline.remaining(), **options)
            # As it came: what the server returned is a window that is not to be pruned.
            output = tuple(each.to_dict() for each in compacted.output or ())
            self._core.start_over(output)
        finally:
            self._core.queue.leave(turn)

    def to_dict(self) -> dict[str, Any]:
        """Return the conversation as JSON values, for ``state=``: history, usage, model, instructions.

        There are no tools, keys or URLs of servers in it, and no parameters: give those again. A turn that is running
        is not in it.
        """
        settings = self._settings
        return to_state(
            self._settled_memory(), model=settings.model, instructions=settings.instructions, store=settings.store
        )

    def _settled_memory(self) -> Memory:
        """Return what is known without calls that are just being answered."""
        return self._before if self._rounds.running else self._core.memory

    def close(self) -> None:
        """End the conversation: its tools, its waiting turns, and a connection of its own. May be called again."""
        if not self._core.closed:
            self._core.close()
            self._settings.tools.box.executor.close()
            self._core.link.close()
