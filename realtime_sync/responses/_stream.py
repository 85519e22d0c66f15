"""A request as it is consumed: `ResponseStream`, and how one is started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.errors import (
    ConnectionClosed,
    LocalProtocolError,
    ReconnectFailed,
    RequestTimeout,
    ResponseFailed,
    SendTimeout,
    TurnInterrupted,
)
from realtime_sync.responses._api import ResponsesApi
from realtime_sync.responses._call import ANY, Call, LaneChoice, Phase, Wants
from realtime_sync.responses._events import request_error
from realtime_sync.responses._lanes import REST_SECONDS
from realtime_sync.responses._parameters import decimals
from realtime_sync.responses._result import ResultBuilder
from realtime_sync.session import ClosesOnExit, Core, Deadline, Empty, Waiter
from realtime_sync.types import UnknownEvent, UnknownObject, WireObject

if TYPE_CHECKING:
    from realtime_sync.types.responses import Response, ServerEvent

__all__ = ["ResponseStream", "start", "steer_event"]

NORMAL_CLOSE = 1000


class ResponseStream(ClosesOnExit):
    """One running request. Iterate over its events, or over `text()`; `response()` gives the whole result.

    A context manager: leaving it early drains the rest in the background, and nobody sees it; the lane is free again
    when the response has ended, since this API cannot cancel one. Dropped, it does the same.

    Threads: one consumer at a time; `steer`, `abandon` and `close` from any.
    """

    def __init__(self, core: Core, api: ResponsesApi, call: Call, deadline: Deadline) -> None:
        self._core = core
        self._api = api
        self._call = call
        self._deadline = deadline
        self._builder = ResultBuilder()

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str | None:
        """The id of the response, of the newest if a steer brought another one; None: it has not begun."""
        return self._call.response_id

    @property
    def lane(self) -> str | None:
        """The name of the lane that it runs on; None for the default lane, and for a server without lanes."""
        return self._call.stream_id

    @property
    def responses(self) -> tuple[Response, ...]:
        """The responses that have ended so far: one, and one more for every steer that took effect, in order."""
        return tuple(self._builder.responses)

    @property
    def pending_input(self) -> tuple[Any, ...] | None:
        """What the server waits for before an accepted steer takes effect: outputs of the client's tools, as stubs.

        The next request on this lane is the successor: send the outputs with `previous_response_id`, and the server
        puts what the steer said in front. None: nothing waits.
        """
        return self._call.pending_input

    @property
    def steer_unknown(self) -> bool:
        """Whether the server never told what became of a steer; its lane is not used again then."""
        return self._call.steer_unknown

    # -- consuming ----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[ServerEvent]:
        return self

    def __next__(self) -> ServerEvent:
        """Return the next event; never raises for a status, nor for an error event, which is the last then.

        Raises:
            RequestTimeout: the call's time is up; the rest is drained in the background.
            TurnInterrupted: the connection ended before the response did, or takes the request no more.
            ServerError, LocalProtocolError: it was to go out again, and what it needs is gone meanwhile; see `start`.
        """
        self._core.check()
        try:
            event = self._take()
        except ConnectionClosed as error:
            # How getting it back failed says more than why that was tried last.
            raise self._interrupted(error) from (error if isinstance(error, ReconnectFailed) else error.__cause__)
        self._builder.add(event)
        return event  # type: ignore[no-any-return]  # of this API's registry

    def _take(self) -> Any:
        queue = self._call.queue
        if queue is None or self._call.left:
            raise StopIteration
        try:
            return queue.take(self._deadline)[1]
        except Empty:
            raise self._timed_out() from None

    def text(self) -> Iterator[str]:
        """Iterate over the pieces of text as they arrive."""
        for event in self:
            if event.type == "response.output_text.delta" and not isinstance(event, UnknownEvent):
                yield event.delta

    def response(self) -> Response:
        """Wait for the end and return the response, also what was iterated over before.

        A completed one returns, and an incomplete one: see its `status`. After a steer that took effect it is the
        successor; see `responses` for all.

        Raises:
            ResponseFailed: it ended with status "failed".
            ServerError: the server refused the request, or ended it with an error event.
            RequestTimeout: the call's time is up; the rest is drained in the background.
            TurnInterrupted: the connection ended before the response did.
            DecodeError: the last event cannot be read.
            LocalProtocolError: the stream was left before its end.
        """
        for _ in self:
            pass
        builder, call = self._builder, self._call
        error = builder.error if builder.error is not None else call.error
        if error is not None:
            note = "" if builder.error is not None else "; it named no lane, and may have answered this request"
            raise request_error(error, note)
        if builder.misfit is not None:
            raise builder.misfit
        response = builder.final
        if response is None or (self._call.left and call.phase is not Phase.OVER):
            msg = "this stream was left before its response ended"
            raise LocalProtocolError(msg)
        if response.status == "failed":
            told = (getattr(response.error, name, None) for name in ("message", "code", "type"))
            what = next(filter(None, told), "no reason was given")
            msg = f"response {response.id} failed: {what}"
            raise ResponseFailed(msg, response=response)
        return response

    get_final_response = response

    def _timed_out(self) -> RequestTimeout:
        call = self._call
        msg = f"the response did not end in time: {call.phase.value}"
        if call.suspect is not None:
            msg += f"; an error that names no lane came meanwhile: {request_error(call.suspect)}"
        self.close()
        return RequestTimeout(msg, partial=self._builder.partial())

    def _interrupted(self, error: ConnectionClosed) -> TurnInterrupted:
        partial = self._builder.partial()
        msg = f"the response was cut off: {error.message}"
        suspects = decimals(self._call.body)
        silent = error.code == NORMAL_CLOSE and error.closed_by == "remote"
        if silent and suspects and partial is None:
            msg = (
                f"the server closed the connection without a word. It may be {' and '.join(suspects)}: there have been "
                "servers that do so on a number with a fraction. Leave it out, or send a whole number"
            )
        return TurnInterrupted(
            msg,
            partial=partial,
            code=error.code,
            reason=error.reason,
            closed_by=error.closed_by,
            server_error=error.server_error,
            replay_safe=self._surely_unsent(),
        )

    def _surely_unsent(self) -> bool:
        """Tell, once the connection is over, whether the server cannot have seen the whole request."""
        number, core = self._call.number, self._core
        return not self._call.seen and (
            number is None or (core.finished and number >= core.connection.messages_written)
        )

    # -- steering -----------------------------------------------------------------------------------------------------

    def steer(self, input: str | Iterable[Any]) -> None:  # noqa: A002  (the wire's name)
        """Give the running response something more; the turn then ends with the response that takes it up.

        Waits until the response has begun, within the call's time. What comes of it shows in the events:
        ``response.steer.accepted``, then a ``response.created`` for the successor; or ``response.steer.failed``, which
        gives the input back; or ``response.steer.pending``, see `pending_input`. Never send an accepted one again.

        Args:
            input: text, or messages of the user (classes or dicts).

        Raises:
            LocalProtocolError: it has ended, or the input cannot be sent; nothing was sent.
            RequestTimeout: it did not begin in time.
            SendTimeout, ConnectionClosed: as `send`.
        """
        self._core.check()
        data = self._core.complete(steer_event(self._running_id(), input))  # Also checks it.
        self._core.send(data, deadline=self._deadline)

    def _running_id(self) -> str:
        call, core = self._call, self._core
        while True:
            waiter = Waiter()
            with core.lock:
                if call.phase is Phase.RUNNING and call.response_id is not None:
                    return call.response_id
                if call.phase is Phase.OVER or self._call.left:
                    msg = "there is nothing to steer: the response has ended"
                    raise LocalProtocolError(msg)
                if core.ended is not None:
                    raise core.closed_error()
                call.watchers.append(waiter.wake)
            try:
                core.flow.begin_wait(waiter)
                if not waiter.wait(self._deadline.remaining()):
                    msg = "nothing was sent: the response did not begin in time"
                    raise RequestTimeout(msg, replay_safe=True)
            finally:
                core.flow.waits.discard(waiter)

    # -- ending -------------------------------------------------------------------------------------------------------

    def abandon(self, *, hard: bool = False) -> None:
        """Leave: let nobody see the rest, which is drained in the background. Any number of times.

        Args:
            hard: close the connection instead, with everything that runs on it: the one way to stop a response.
        """
        core = self._core
        if core.forked:
            return
        self._call.left = True
        if self._call.phase is not Phase.OVER:
            core.post_locked(self._api.book.abandon, self._call)
            if hard:
                core.start_close(NORMAL_CLOSE, "")

    def close(self) -> None:
        """As `abandon`."""
        self.abandon()

    def __del__(self) -> None:
        """Leave on the reader."""
        call = getattr(self, "_call", None)
        if call is not None and call.phase is not Phase.OVER:
            call.left = True
            self._core.post_locked(self._api.book.abandon, call)


def start(
    core: Core,
    api: ResponsesApi,
    body: Mapping[str, Any],
    deadline: Deadline,
    *,
    lane: LaneChoice = ANY,
    fork: bool = False,
) -> ResponseStream:
    """Wait for a lane, send a request on it, and return its stream.

    Raises:
        RequestTimeout: no lane became free, or the server took no data, in time; nothing was sent.
        ConnectionRetiring: the connection takes no new requests.
        ServerError: what it goes on from is known to be remembered nowhere (code ``previous_response_not_found``);
            nothing was sent.
        LocalProtocolError: the lane cannot be used; nothing was sent.
        ConnectionClosed: the connection is over; nothing was sent if it is `replay_safe`.
        SendTimeout: as `Session.send`.
    """
    waiter = Waiter()
    call = Call(wants=Wants.of(body, lane, fork=fork), body=body, queue=core.new_queue(), wake=waiter.wake)
    stream = ResponseStream(core, api, call, deadline)
    try:
        message = _wait_for_lane(core, api, call, waiter, deadline)
        _send(core, message, call, deadline)
    except ConnectionClosed as error:
        error.replay_safe = error.replay_safe or stream._surely_unsent()  # noqa: SLF001  (same module)
        raise
    except BaseException:
        stream.close()
        raise
    return stream


def _wait_for_lane(core: Core, api: ResponsesApi, call: Call, waiter: Waiter, deadline: Deadline) -> dict[str, Any]:
    """Return what to send, once the request has a lane."""
    with core.lock:
        if core.ended is not None:
            raise core.closed_error()
        core.open_queue_locked(call.queue)  # type: ignore[arg-type]  # it has one
        api.book.enter(call)
        if call.phase is Phase.GRANTED:
            return api.book.message(call)
    try:
        core.flow.begin_wait(waiter)
        while not (woken := waiter.wait(_slice(deadline))):
            if deadline.passed():
                break
            core.post_locked(api.book.look_again)
    finally:
        core.flow.waits.discard(waiter)
    if call.refusal is not None:
        raise call.refusal
    if not woken:
        msg = f"the request could not be sent in time: {call.phase.value}"
        raise RequestTimeout(msg, replay_safe=True)
    with core.lock:
        if call.phase is Phase.WAITING:
            raise core.closed_error()
        return api.book.message(call)


def _slice(deadline: Deadline) -> float:
    left = deadline.remaining()
    return REST_SECONDS if left is None else min(REST_SECONDS, left)


def _send(core: Core, message: dict[str, Any], call: Call, deadline: Deadline) -> None:
    try:
        core.send(message, deadline=deadline, claim=call)
    except SendTimeout as error:
        if not deadline.passed():
            raise
        msg = "the request could not be sent in time: the server takes no data"
        raise RequestTimeout(msg, replay_safe=error.replay_safe) from error


def steer_event(response_id: str, given: Any) -> Any:
    """Return the event that gives a running response something more."""
    content = (given,) if isinstance(given, Mapping | WireObject | UnknownObject) else given
    if not isinstance(content, str) and isinstance(content, Iterable):
        # Plain, because a message for a request is of another class than one for a steer, though they look the same.
        content = [each.to_dict() if isinstance(each, WireObject | UnknownObject) else each for each in content]
    from realtime_sync.types.responses import ResponseSteerEvent  # noqa: PLC0415  (the catalogue loads on first use)

    return ResponseSteerEvent(previous_response_id=response_id, input=content)
