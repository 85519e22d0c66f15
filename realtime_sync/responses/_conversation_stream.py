"""One request of a conversation: its events, the recovery of what can be recovered, and its place in the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import define, evolve, field, frozen

from realtime_sync.errors import ConnectTimeout, LocalProtocolError, RealtimeSyncError, RequestTimeout, ServerError
from realtime_sync.responses._conversation_link import Exchange, Route
from realtime_sync.responses._delta import fingerprint, least
from realtime_sync.responses._history import Item
from realtime_sync.responses._recovery import NOT_FOUND, Failure, Step, Tries, decide, is_repeatable
from realtime_sync.responses._structured import AnswerFormat
from realtime_sync.session import ClosesOnExit, Deadline
from realtime_sync.types.responses import Response, ResponseCreatedEvent, ResponseTextDeltaEvent

if TYPE_CHECKING:
    from realtime_sync.responses._conversation_core import ConversationCore

__all__ = ["ConversationStream", "Request"]

T = TypeVar("T")

ENCRYPTED = "reasoning.encrypted_content"
_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_FIRST = frozenset({"response.created", "response.queued", "response.in_progress"})
"""The events that tell nothing of what a response holds."""


@frozen(kw_only=True)
class Request:
    """What is to be asked, before it is known how.

    Attributes:
        body: its fields, without input.
        items: what is new in it.
        adds_encrypted: whether to ask for encrypted reasoning, which the caller did not.
        repeat_lost: whether it may go out again though the server may have had it, whatever it does.
        form: that of the answer.
    """

    body: Mapping[str, Any] = field(repr=False)
    items: tuple[Item, ...] = field(repr=False)
    adds_encrypted: bool = False
    repeat_lost: bool = False
    form: AnswerFormat | None = None

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of the request as they go out."""
        return {**self.body, "include": [ENCRYPTED]} if self.adds_encrypted else self.body

    @property
    def stores(self) -> bool:
        return self.body.get("store") is not False


@define(eq=False)
class _Attempt:
    """The request as it went out once."""

    previous: str | None
    """The response that it goes on from; None: it is sent in full."""
    fingerprint: str
    input: tuple[Item, ...] = field(repr=False)
    """All of it, whatever of it went out."""
    route: Route | None = None
    exchange: Exchange | None = None
    began: bool = False
    produced: bool = False
    finished: list[Any] = field(factory=list, repr=False)
    """The output items as they were finished: some servers leave the output out of the last event."""


class ConversationStream(ClosesOnExit, Generic[T]):
    """A response of a conversation as it comes. Made by `Conversation.stream`; a context manager.

    Read it in one of these ways: iterate the events, or `text()`; `response()` waits for the rest. The turn enters the
    history with its last event. Leaving earlier abandons it: then it is as if it had not been asked.

    Where a failure is recovered from, the events of another attempt follow, from ``response.created`` on; that only
    happens while the response holds nothing yet.

    Threads: one at a time; `close` from any.
    """

    def __init__(
        self,
        core: ConversationCore,
        request: Request,
        deadline: Deadline,
        foresee: Callable[[Response], None] | None = None,
    ) -> None:
        """Begin nothing yet. `foresee` is told the response just before it enters the history."""
        self._core = core
        self._request = evolve(request, adds_encrypted=request.adds_encrypted and core.adds_encrypted)
        self._deadline = deadline
        self._foresee = foresee
        self._tries = Tries()
        self._in_full = False
        self._attempt: _Attempt | None = None
        self._response: Response | None = None
        self._error: RealtimeSyncError | None = None
        self._ended = False

    def __repr__(self) -> str:
        state = "ended" if self._ended else "open"
        return f"{type(self).__name__}({state})"

    def __del__(self) -> None:
        """Let the next turn begin, without a lock; what still comes of this one is of no interest to anybody."""
        core = getattr(self, "_core", None)
        if core is not None:
            core.queue.leave(self)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the next event.

        Raises:
            StopIteration: the response has ended, whatever became of it; `response()` tells.
            TurnInterrupted, ConnectError, RequestTimeout, …: it cannot be had; see `Conversation.create`.
        """
        while not self._ended:
            try:
                event = self._next()
            except RealtimeSyncError as error:
                if not self._recover(error):
                    self._error = error
                    if not isinstance(error, ConnectTimeout) or not self._deadline.passed():
                        raise
                    self._error = self._out_of_time()
                    raise self._error from error
            else:
                if event is not None:
                    return event
        raise StopIteration

    def text(self) -> Iterator[str]:
        """Yield the pieces of the answer's text as they come; raises as `response` at the end."""
        for event in self:
            if isinstance(event, ResponseTextDeltaEvent):
                yield event.delta
        self.response()

    def response(self) -> Response:
        """Wait for the end and return the response: completed or incomplete.

        Raises:
            ResponseFailed, ServerError: it failed.
            LocalProtocolError: the stream was left before its end.
            TurnInterrupted, ConnectError, RequestTimeout, …: as when iterating.
        """
        for _ in self:
            pass
        if self._error is not None:
            raise self._error
        if self._response is None:
            msg = "this stream was left before its end, so there is no response"
            raise LocalProtocolError(msg)
        return self._response

    get_final_response = response

    def result(self) -> T:
        """Wait for the end and return the instance of the class given as ``parse=``, or the response without one.

        Raises:
            OutputInvalid, OutputRefused: there is no such instance in the answer.
            ResponseFailed, …: as `response`.
        """
        response = self.response()
        form = self._request.form
        result: T = response if form is None else form.instance(response)  # type: ignore[assignment]
        return result

    def close(self) -> None:
        """Leave the stream; a turn that has not ended is abandoned and does not enter the history."""
        if not self._ended:
            self._ended = True
            self._abandon()
        self._let_go()

    abandon = close

    # -- attempts -----------------------------------------------------------------------------------------------

    def _next(self) -> Any:
        """Return the next event of this attempt, None if there is none to be seen."""
        attempt = self._attempt
        exchange = attempt.exchange if attempt is not None else None
        if attempt is None or exchange is None:
            attempt, exchange = self._open()
        event = next(exchange, None)
        if event is None:
            self._finish(attempt, exchange)
            return None
        attempt.began = True
        if event.type in _TERMINAL:
            return event if self._conclude(attempt, exchange) else None
        if attempt.previous is not None and isinstance(event, ResponseCreatedEvent):
            self._check_lineage(event, attempt.previous)
        if event.type not in _FIRST:
            attempt.produced = True
        item = getattr(event, "item", None)
        if event.type == "response.output_item.done" and item is not None:
            attempt.finished.append(item)
        return event

    def _check_lineage(self, event: ResponseCreatedEvent, previous: str) -> None:
        """Raise if a response does not go on from where it should: one that knows only what is new is of no use."""
        if event.response.previous_response_id != previous:
            self._core.continues = False
            msg = f"the server did not go on from {previous}"
            raise ServerError(msg, code=NOT_FOUND, event=event)

    def _open(self) -> tuple[_Attempt, Exchange]:
        """Send the request: in full, unless what it goes to now remembers what came before."""
        core, request = self._core, self._request
        core.check_open()
        if self._deadline.passed():
            raise self._out_of_time()
        route = core.link.prepare(self._deadline)
        core.check_open()  # While it was dialled it may have been closed.
        memory = core.memory
        anchor = None if self._in_full or memory.anchor is None or not core.link.holds(memory.anchor) else memory.anchor
        given = (*memory.items, *request.items)
        of_fields = fingerprint(request.fields)
        sending = least(anchor, of_fields, given)
        body = {**request.fields, "input": list(sending.items)}
        if sending.previous_response_id is not None:
            body["previous_response_id"] = sending.previous_response_id
        attempt = _Attempt(previous=sending.previous_response_id, fingerprint=of_fields, input=given, route=route)
        self._attempt = attempt
        is_fork = core.is_new_fork and attempt.previous is not None
        exchange = attempt.exchange = core.link.send(route, body, self._deadline, fork=is_fork)
        core.count_sent(sending, over_http=route is None)
        return attempt, exchange

    def _conclude(self, attempt: _Attempt, exchange: Exchange) -> bool:
        """Deal with the last event; return whether it is to be seen: not if there is another attempt."""
        try:
            self._finish(attempt, exchange)
        except RealtimeSyncError as error:
            if self._recover(error):
                return False
            self._error = error
        return True

    def _finish(self, attempt: _Attempt, exchange: Exchange) -> None:
        """Take the response into the history, in one step: no interrupt finds that half done."""
        response = exchange.response()
        if not response.output and attempt.finished:
            response = evolve(response, output=tuple(attempt.finished))
        if self._foresee is not None:
            self._foresee(response)
        self._core.learn(attempt.input, response, attempt.fingerprint, stored=self._request.stores)
        self._response = response
        self._ended = True
        exchange.close()
        self._let_go()

    def _out_of_time(self) -> RequestTimeout:
        seconds = self._deadline.seconds or 0.0
        return RequestTimeout(f"no request could be sent within {seconds:g} s", replay_safe=True)

    # -- failures -----------------------------------------------------------------------------------------------

    def _recover(self, error: RealtimeSyncError) -> bool:
        """Prepare another attempt, if one may help; else end."""
        try:
            if self._prepare_another(error):
                return True
        except BaseException:
            self._give_up()
            raise
        self._give_up()
        return False

    def _prepare_another(self, error: RealtimeSyncError) -> bool:
        core, attempt, request = self._core, self._attempt, self._request
        decision = decide(
            Failure(
                error=error,
                began=attempt is not None and attempt.began,
                produced=attempt is not None and attempt.produced,
                is_delta=attempt is not None and attempt.previous is not None,
                is_repeatable=request.repeat_lost or is_repeatable(request.fields),
                asks_for_encrypted=request.adds_encrypted,
                over_http=core.link.over_http,
            ),
            self._tries,
            core.retry,
            fallback=core.link.fallback,
        )
        if decision.step is Step.GIVE_UP or self._deadline.passed() or core.closed:
            return False
        left = self._deadline.remaining()
        if left is not None and decision.delay >= left:
            return False
        route = attempt.route if attempt is not None else None
        if decision.step is Step.REDIAL and not core.link.replace(route):
            return False
        if decision.step is Step.OVER_HTTP:
            core.link.go_over_http()
        elif decision.step is Step.WITHOUT_ENCRYPTED:
            self._request = evolve(request, adds_encrypted=False)
            core.adds_encrypted = False
        elif decision.step is Step.IN_FULL:
            self._in_full = True
        self._tries = self._tries.after(decision)
        # What a request fails on, the server forgets.
        core.forget()
        self._abandon()
        core.count_recovery(decision.step)
        if decision.delay:
            core.pause(decision.delay)
        return True

    def _give_up(self) -> None:
        self._ended = True
        self._abandon()
        self._let_go()

    def _abandon(self) -> None:
        """Leave the attempt; what the server remembers is uncertain then."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None and attempt.exchange is not None:
            self._core.forget()
            attempt.exchange.close()

    def _let_go(self) -> None:
        """Let the next turn begin."""
        self._core.queue.leave(self)
