"""Turns as they are consumed: `TurnStream` for one, `Turns` for those that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from realtime_sync.audio import AudioFormat
from realtime_sync.errors import (
    ConnectionClosed,
    LocalProtocolError,
    ReceiveTimeout,
    ReconnectFailed,
    RequestTimeout,
    ResponseFailed,
    TurnInterrupted,
)
from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._call_book import ToolsDone
from realtime_sync.realtime._content import TurnInput
from realtime_sync.realtime._rules import TOKEN_KEY
from realtime_sync.realtime._sending import NothingHeard, OutOfTime, TurnOver, TurnSender
from realtime_sync.realtime._settings import output_format
from realtime_sync.realtime._state import AUDIO_DELTA, REFUSED, Phase, TurnState
from realtime_sync.realtime._tool_loop import ToolLoop
from realtime_sync.realtime._turn import TEXT_DELTAS, Turn, TurnBuilder
from realtime_sync.session import ClosesOnExit, Core, Deadline, Empty, EventQueue, server_error
from realtime_sync.types import UnknownEvent

__all__ = ["TurnStream", "Turns", "start_turn", "stream_of", "with_token"]

MAX_METADATA = 16
TRANSCRIPT_SECONDS = 2.0
"""How long a turn waits, after its response, for the transcript of what was asked."""


class TurnStream(ClosesOnExit):
    """One running turn. Iterate over its events, or over `text()` or `audio()`; `turn()` gives the whole result.

    Audio that takes its time to send (at a pace, or from an iterator) is sent while the turn is consumed. So are the
    outputs of tools that the model calls; the responses that follow them are part of the turn.

    A context manager: leaving it early cancels the response, and nobody sees the rest. Dropped, it does the same.

    Threads: one consumer at a time; `cancel` and `close` from any.
    """

    def __init__(
        self,
        core: Core,
        api: RealtimeApi,
        state: TurnState,
        sender: TurnSender,
        audio_format: AudioFormat | None,
    ) -> None:
        self._core = core
        self._api = api
        self._state = state
        self._sender = sender
        self._tools = ToolLoop(core, api, state, sender)
        self._builder = TurnBuilder(audio_format)

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
        try:
            return self._next()
        except OutOfTime:
            raise self._timed_out() from None
        except ConnectionClosed as error:
            if self._builder.final and not (self._state.unfinished() or self._tools.pending):
                raise StopIteration from None  # Only the transcript of what was asked was still to come.
            # How getting it back failed says more than why that was tried last.
            raise self._interrupted(error) from (error if isinstance(error, ReconnectFailed) else error.__cause__)
        except NothingHeard:
            self.close()
            msg = "the server's voice detection found no speech in the audio"
            raise RequestTimeout(msg, partial=self._partial()) from None
        except StopIteration:
            raise
        except Exception:
            self.close()  # Something of the sender's, or of the user's own source of audio.
            raise

    def _next(self) -> Any:
        """Return the next event, doing meanwhile what there is to send."""
        while True:
            try:
                event = self._advance()
            except TurnOver:
                continue  # The queue says how.
            if event is not None:
                return event

    def _advance(self) -> Any:
        """Send what is due and take the next event; None if there was none, or it was only for us."""
        sender, tools, state = self._sender, self._tools, self._state
        sender.catch_up()
        try:
            event = state.queue.take(tools.wait_until(self._wait_until()))[1]
        except Empty:
            if state.transcribing():
                self.close()
            elif not tools.expired():
                sender.overdue()
            return None
        if event is REFUSED:
            self._builder.drop_unfinished()  # It was of the response that stood in the way.
            sender.send_again()
            return None
        if isinstance(event, ToolsDone):
            tools.go_on(event, self._builder)
            return None
        self._builder.add(event)
        sender.noticed(event.type)
        tools.noticed(event, self._builder)
        return event

    def _wait_until(self) -> Deadline:
        """Return until when to wait for an event."""
        if self._state.transcribing():
            return self._state.sooner(TRANSCRIPT_SECONDS)
        return self._sender.wait_until()

    def _begin(self) -> None:
        try:
            self._sender.begin()
        except OutOfTime:
            raise self._timed_out() from None
        except TurnOver:
            return  # The queue says how.

    def text(self) -> Iterator[str]:
        """Iterate over the pieces of text (and of transcripts, for audio) as they arrive."""
        for event in self:
            if event.type in TEXT_DELTAS and not isinstance(event, UnknownEvent):
                yield event.delta

    def audio(self) -> Iterator[bytes]:
        """Iterate over the pieces of audio as they arrive, in `audio_format`.

        Raises:
            DecodeError: a piece is not base64; iterate again to go on.
        """
        for event in self:
            if event.type == AUDIO_DELTA and not isinstance(event, UnknownEvent):
                yield event.audio

    @property
    def audio_format(self) -> AudioFormat | None:
        """The format of the turn's audio; None: one that this library does not know."""
        return self._builder.audio_format

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
        if not self._builder.final or (self._tools.pending and self._state.abandoned):
            msg = "this stream was closed before its turn ended"
            raise LocalProtocolError(msg)
        turn = self._partial()
        if turn.status == "failed":
            error = turn.error
            told = (getattr(error, name, None) for name in ("message", "code", "type"))
            what = next(filter(None, told), "no reason was given")
            msg = f"response {turn.id} failed: {what}"
            raise ResponseFailed(msg, response=turn.response, turn=turn)
        return turn

    def _partial(self) -> Turn:
        return self._builder.turn(self._state.timings())

    def _timed_out(self) -> RequestTimeout:
        state = self._state
        msg = f"the turn did not end in time: {state.describe()}"
        if state.phase is Phase.SENT and state.suspect is not None:
            msg += f"; an error that names no event came meanwhile: {server_error(state.suspect)}"
        self.close()
        return RequestTimeout(msg, partial=self._partial(), replay_safe=state.started_at is None)

    def _interrupted(self, error: ConnectionClosed) -> TurnInterrupted:
        return TurnInterrupted(
            f"the turn was cut off: {error.message}",
            partial=self._partial(),
            code=error.code,
            reason=error.reason,
            closed_by=error.closed_by,
            server_error=error.server_error,
            replay_safe=self._state.started_at is None,
        )

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
        if state is not None and (state.phase is not Phase.OVER or state.transcripts_due):
            self._core.post_locked(self._api.book.abandon, state)


def start_turn(core: Core, api: RealtimeApi, content: TurnInput, deadline: Deadline) -> TurnStream:
    """Send a turn of ours and return its stream."""
    item, response, audio = content.item, content.response, content.audio
    state = TurnState(
        queue=core.new_queue(),
        deadline=deadline,
        out_of_band=content.out_of_band,
        detected=audio is not None and audio.settings.detects,
        awaits_detection=audio is not None and audio.settings.detects and audio.settings.creates_response,
        transcribes=audio is not None and audio.settings.transcribes,
    )
    create: dict[str, Any] = {"type": "response.create", "response": with_token(response, state.token)}
    sender = TurnSender(core, api, state, item=item, create=create, audio=audio)
    stream = TurnStream(core, api, state, sender, content.output_format)
    try:
        with core.lock:
            core.open_queue_locked(state.queue)
        stream._begin()  # noqa: SLF001  (same module)
    except BaseException:
        stream.close()
        raise
    return stream


def stream_of(core: Core, api: RealtimeApi, state: TurnState) -> TurnStream:
    """Return the stream of a turn whose response nobody here asked for."""
    create = {"type": "response.create", "response": with_token({}, state.token)}
    sender = TurnSender(core, api, state, item=None, create=create, audio=None)
    return TurnStream(core, api, state, sender, output_format(api.effective, None))


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
        return stream_of(self._core, self._api, state)

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
    for state in queue.clear_locked():
        api.book.abandon(state)
    queue.end_locked(lambda: None)
    core.close_queue_locked(queue)
