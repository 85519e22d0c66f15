"""Turns as they are consumed: `TurnStream` for one, `Turns` for those that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from realtime_sync.errors import (
    ConnectionClosed,
    LocalProtocolError,
    RealtimeSyncError,
    ReceiveTimeout,
    RequestTimeout,
    ResponseFailed,
    SendTimeout,
    TurnInterrupted,
)
from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._book import REFUSED, Phase, TurnState
from realtime_sync.realtime._rules import TOKEN_KEY
from realtime_sync.realtime._slot import UNKNOWN_RESPONSE
from realtime_sync.realtime._turn import TEXT_DELTAS, Turn, TurnBuilder
from realtime_sync.session import ClosesOnExit, Core, Deadline, Empty, EventQueue, server_error
from realtime_sync.types import UnknownEvent

__all__ = ["TurnStream", "Turns", "start_turn", "with_token"]

MAX_METADATA = 16
RETRY_SECONDS = 1.0


class TurnStream(ClosesOnExit):
    """One running turn. Iterate over its events, or over `text()`; `turn()` blocks for the rest and gives the result.

    A context manager: leaving it early cancels the response, and nobody sees the rest. Dropped, it does the same.

    Threads: one consumer at a time; `cancel` and `close` from any.
    """

    def __init__(self, core: Core, api: RealtimeApi, state: TurnState, create: dict[str, Any] | None) -> None:
        self._core = core
        self._api = api
        self._state = state
        self._create = create
        self._builder = TurnBuilder()

    # -- consuming ----------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the turn's next event; never raises for a status.

        Raises:
            RequestTimeout: the call's time is up; the response is cancelled.
            TurnInterrupted: the connection ended before the turn did.
        """
        self._core.check()
        while True:
            try:
                _, event, _ = self._state.queue.take(self._state.deadline)
            except Empty:
                raise self._timed_out() from None
            except ConnectionClosed as error:
                raise self._interrupted(error) from error.__cause__
            if event is REFUSED:
                self._builder = TurnBuilder()  # What was collected was of the response that stood in the way.
                self._send_again()
                continue
            self._builder.add(event)
            return event

    def text(self) -> Iterator[str]:
        """Iterate over the pieces of text (and of transcripts, for audio) as they arrive."""
        for event in self:
            if event.type in TEXT_DELTAS and not isinstance(event, UnknownEvent):
                yield event.delta

    def turn(self) -> Turn:
        """Wait for the end of the turn and return all of it, also what was iterated over before.

        Completed, incomplete and cancelled turns return: see `Turn.status`.

        Raises:
            ResponseFailed: the response ended with status "failed".
            ServerError: the server refused the item or the request.
            RequestTimeout: the call's time is up; the response is cancelled.
            TurnInterrupted: the connection ended before the turn did.
            LocalProtocolError: the stream was closed before its end.
        """
        for _ in self:
            pass
        if self._state.error is not None:
            raise server_error(self._state.error)
        if not self._builder.final:
            msg = "this stream was closed before its turn ended"
            raise LocalProtocolError(msg)
        turn = self._partial()
        if turn.status == "failed":
            error = turn.error
            what = getattr(error, "message", None) or getattr(error, "code", None) or "no reason was given"
            msg = f"response {turn.id} failed: {what}"
            raise ResponseFailed(msg, response=turn.response, turn=turn)
        return turn

    def _partial(self) -> Turn:
        return self._builder.turn(self._state.timings())

    def _timed_out(self) -> RequestTimeout:
        state = self._state
        phase = state.phase
        self.close()
        msg = f"the turn did not end in time (it was {phase.value}); its response is cancelled"
        if phase is Phase.SENT and state.suspect is not None:
            msg += f"; an error that names no event came meanwhile: {server_error(state.suspect)}"
        return RequestTimeout(msg, partial=self._partial())

    def _interrupted(self, error: ConnectionClosed) -> TurnInterrupted:
        return TurnInterrupted(
            f"the turn was cut off: {error.message}",
            partial=self._partial(),
            code=error.code,
            reason=error.reason,
            closed_by=error.closed_by,
            server_error=error.server_error,
        )

    # -- sending ------------------------------------------------------------------------------------------------

    def _begin(self, item: dict[str, Any] | None) -> None:
        """Wait for the conversation to be free, then send the item and the create."""
        state = self._state
        try:
            self._wait_for_vad()
            self._take_slot(front=False)
            if item is not None:
                self._core.send(self._core.complete(item), deadline=state.deadline, claim=state)
            if not state.abandoned:  # The item may have been refused already.
                self._send_create()
        except RealtimeSyncError as error:
            safe = error.replay_safe and state.started_at is None
            if isinstance(error, SendTimeout) and state.deadline.passed():
                msg = "the turn could not be sent in time: the server takes no data"
                raise RequestTimeout(msg, replay_safe=safe) from error
            error.replay_safe = safe
            raise

    def _wait_for_vad(self) -> None:
        """Hold back while voice detection may be starting a response that could not be told from ours."""
        book, deadline = self._api.book, self._state.deadline
        while not book.echoes and (pause := book.vad_pause()) and not deadline.passed() and not self._core.finished:
            remaining = deadline.remaining()
            book.slot.wait_response_done(Deadline(pause if remaining is None else min(pause, remaining)))

    def _take_slot(self, *, front: bool) -> None:
        state = self._state
        if state.out_of_band and self._api.book.echoes:
            return  # The token tells its events apart, so it need not wait.
        token = object()
        try:
            self._core.flow.begin_wait(token)
            if not self._api.book.slot.acquire(state, state.deadline, front=front):
                raise self._timed_out()
        finally:
            self._core.flow.waits.discard(token)
        if state.abandoned:
            with self._core.lock:
                self._api.book.slot.release_locked(state)
            msg = "this stream was closed"
            raise LocalProtocolError(msg)

    def _send_create(self) -> None:
        assert self._create is not None  # noqa: S101  (only turns of ours are sent)
        data = self._core.complete({**self._create, "event_id": None})
        self._core.send(data, deadline=self._state.deadline, claim=self._state)

    def _send_again(self) -> None:
        """Send the refused create again, after the next end of a response or a second."""
        state = self._state
        book = self._api.book
        if book.slot.occupant == UNKNOWN_RESPONSE:
            # The server knows of an active response that we do not.
            remaining = state.deadline.remaining()
            pause = RETRY_SECONDS if remaining is None else min(RETRY_SECONDS, remaining)
            book.slot.wait_response_done(Deadline(pause))
        self._take_slot(front=True)
        self._send_create()

    # -- ending -------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Have the server end the response. The turn goes on to its terminal event, with status "cancelled"."""
        self._core.check()
        with self._core.lock:
            self._api.book.cancel(self._state)

    def close(self) -> None:
        """Leave: cancel the response if it runs, and let nobody see the rest. Any number of times."""
        core = self._core
        if core.forked:
            return
        with core.lock:
            self._api.book.abandon(self._state)

    def __del__(self) -> None:
        """Leave on the reader."""
        state = getattr(self, "_state", None)
        if state is not None and state.phase is not Phase.OVER:
            self._core.post_locked(self._api.book.abandon, state)


def start_turn(
    core: Core, api: RealtimeApi, item: dict[str, Any] | None, response: dict[str, Any], timeout: float | None
) -> TurnStream:
    """Send a turn of ours and return its stream."""
    out_of_band = response.get("conversation") == "none"
    if item is not None and out_of_band:
        # Nothing out of band may touch the conversation: the text is this response's own input.
        response = {**response, "input": [*(response.get("input") or ()), item["item"]]}
        item = None
    state = TurnState(queue=core.new_queue(), deadline=Deadline(timeout), out_of_band=out_of_band)
    create: dict[str, Any] = {"type": "response.create", "response": with_token(response, state.token)}
    stream = TurnStream(core, api, state, create)
    try:
        with core.lock:
            core.open_queue_locked(state.queue)
        stream._begin(item)  # noqa: SLF001  (same module)
    except BaseException:
        stream.close()
        raise
    return stream


def with_token(response: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Add the token to the metadata, unless the caller used up every pair."""
    given = response.get("metadata")
    if given is not None and not isinstance(given, Mapping):
        return dict(response)  # Nonsense is the server's to refuse.
    metadata = dict(given or {})
    if len(metadata) < MAX_METADATA:
        metadata[TOKEN_KEY] = token
    return {**response, "metadata": metadata}


class Turns:
    """An iterator of `TurnStream`, one for every response that none of our calls asked for.

    Active from the call of `turns()` until `close`, the end of a ``for`` loop, or until it is dropped. If several
    are open, the oldest gets the turns.
    """

    def __init__(self, core: Core, api: RealtimeApi, timeout: float | None) -> None:
        self._core = core
        self._api = api
        self._timeout = timeout
        self._queue: EventQueue = core.new_queue()
        self._listener = _listener(self._queue)
        with core.lock:
            core.open_queue_locked(self._queue)
            api.book.listeners.append(self._listener)

    def __iter__(self) -> Iterator[TurnStream]:
        return self

    def __next__(self) -> TurnStream:
        """Wait for the next turn.

        Raises:
            ReceiveTimeout: none began within the time-out; iterate again to go on.
            ConnectionClosed: the connection ended, other than by a close in order.
        """
        self._core.check()
        try:
            state = self._queue.take(Deadline(self._timeout))[1]
        except Empty:
            msg = f"no turn began within {self._timeout} s"
            raise ReceiveTimeout(msg) from None
        except ConnectionClosed:
            if self._core.ended_quietly:
                raise StopIteration from None
            raise
        return TurnStream(self._core, self._api, state, None)

    def close(self) -> None:
        """Stop: later responses go to the mailbox. Turns not taken yet are cancelled."""
        if self._core.forked:
            return
        with self._core.lock:
            _stop_locked(self._core, self._api, self._listener, self._queue)

    def __del__(self) -> None:
        """Stop on the reader."""
        listener = getattr(self, "_listener", None)
        if listener is not None and not self._queue.ended:
            self._core.post_locked(_stop_locked, self._core, self._api, listener, self._queue)


def _listener(queue: EventQueue) -> Any:
    def listen(state: TurnState) -> None:
        queue.put_locked((0, state, 0))

    return listen


def _stop_locked(core: Core, api: RealtimeApi, listener: Any, queue: EventQueue) -> None:
    if listener in api.book.listeners:
        api.book.listeners.remove(listener)
    for _, state, _ in queue.entries:
        api.book.abandon(state)
    queue.clear_locked()
    queue.end_locked(lambda: None)
    core.close_queue_locked(queue)
