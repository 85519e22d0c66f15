"""Getting a turn of ours to the server: its item, its audio, its `response.create`, each when its time has come."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from realtime_sync.errors import ConnectionClosed, LocalProtocolError, RealtimeSyncError, RequestTimeout, SendTimeout
from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._item_ids import new_item_id
from realtime_sync.realtime._resources import audio_pieces
from realtime_sync.realtime._slot import UNKNOWN_RESPONSE, ResponseSlot
from realtime_sync.realtime._source import AudioInput
from realtime_sync.realtime._state import TurnState
from realtime_sync.session import Core, Deadline
from realtime_sync.tools import FunctionOutput
from realtime_sync.types import UnknownObject, WireObject

__all__ = ["NothingHeard", "OutOfTime", "TurnOver", "TurnSender"]

RETRY_SECONDS = 1.0
HEARING_SECONDS = 10.0
"""How long the server may take to find speech in audio that it has got; beyond the length of that audio, if it got it
faster than it was spoken."""
SETTLE_SECONDS = 0.5
"""How long a turn whose audio has ended, and was answered, waits for the server to find speech in the last of it."""
CATCH_UP_PIECES = 8
"""How many pieces of audio go out at most before the next event is looked at."""


class OutOfTime(Exception):
    """The turn's time is up. Never leaves the library."""


class TurnOver(Exception):
    """The turn ended while it waited for something; its queue says how. Never leaves the library."""


class NothingHeard(Exception):
    """The server found no speech in the turn's audio. Never leaves the library."""


class TurnSender:
    """Sends one turn.

    Text goes out at once. Audio goes out piece by piece: what needs no waiting at once, the rest (a paced or live
    source) as the turn is consumed, on the consumer's thread; so no thread of its own is needed, and the turn's events
    are seen between two pieces.

    Threads: one at a time, the turn's consumer.

    Args:
        item: the event that adds the user's message; None: there is none.
        create: the `response.create`.
        audio: what is spoken; None: nothing.
    """

    def __init__(
        self,
        core: Core,
        api: RealtimeApi,
        state: TurnState,
        *,
        item: dict[str, Any] | None,
        create: dict[str, Any],
        audio: AudioInput | None,
    ) -> None:
        self._core = core
        self._api = api
        self._state = state
        self._item = item
        self._create: dict[str, Any] = create
        self._audio = audio
        self._appends = itertools.count(1)
        self._hearing = 0.0
        """For how many seconds, once settled, the server may still find first speech."""

    # -- the beginning --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Send what needs no waiting but for the conversation to be free.

        Raises:
            OutOfTime: it did not become free in time.
            TurnOver: the turn ended meanwhile.
        """
        state = self._state
        try:
            if self._audio is None:
                self._respond(spoken=False)
            else:
                self._speak(self._audio)
        except RealtimeSyncError as error:
            error.replay_safe = error.replay_safe and state.started_at is None
            raise

    def _speak(self, audio: AudioInput) -> None:
        state, book = self._state, self._api.book
        self._acquire(book.input.floor)
        if state.awaits_detection:
            self._take_slot(front=False)  # Or the speech would cut off the response of another call.
        with self._core.lock:
            book.speaks(state)
            if audio.live:
                book.slot.release_locked(state)  # Never held while user code runs.
        if audio.settings.detects:
            self._send_item()
        while not audio.waits and self._audio is not None and not state.queue.ended:
            self.feed()

    # -- while it is consumed -------------------------------------------------------------------------------------

    def wait_until(self) -> Deadline:
        """Return until when the consumer may wait for an event; then it calls `overdue`."""
        if self._audio is not None:
            return self._state.sooner(self._audio.due())
        patience = self._patience()
        return self._state.deadline if patience is None else self._state.sooner(max(0.0, patience))

    def _patience(self) -> float | None:
        """Return for how many seconds more the server may find speech that changes something; None: without limit."""
        state = self._state
        if not state.input_sent or not state.detected:
            return None
        if not state.heard:
            return state.settled_at + self._hearing - time.monotonic()
        return state.settled_at - time.monotonic() if state.is_answered() else None

    def catch_up(self) -> None:
        """Send the audio that must not wait for the consumer any longer, before it takes the next event."""
        for _ in range(CATCH_UP_PIECES):
            if self._audio is None or not self._audio.presses():
                return
            self.feed()

    def overdue(self) -> None:
        """Do what the time has come for.

        Raises:
            OutOfTime: for nothing more.
            NothingHeard: the server heard no speech.
            TurnOver: the turn ended meanwhile, as every method here may find.
        """
        state = self._state
        settles = state.input_sent and state.is_answered()
        if state.deadline.passed() and not settles:
            raise OutOfTime
        if self._audio is not None:
            self.feed()
        elif settles or ((patience := self._patience()) is not None and patience <= 0):
            self._stop_listening()

    def noticed(self, kind: str) -> None:
        """Take an event of the turn into account that its consumer has just taken out."""
        if kind == "input_audio_buffer.committed" and self._audio is None:
            self._respond_if_found()

    def feed(self) -> None:
        """Send the next piece of audio, or what follows the last one."""
        audio, state = self._audio, self._state
        if audio is None:
            return
        state.fed_by = threading.current_thread()
        try:
            piece = audio.next_piece()
        except BaseException:
            with self._core.lock:
                self._api.book.abandon(state)  # Whatever the source was about to say, it cannot be asked again.
            raise
        if state.queue.ended:  # Refused or left, perhaps while the user's own iterator took its time.
            self._audio = None
        elif piece is not None:
            for text in audio_pieces(piece):
                event = {"type": "input_audio_buffer.append", "audio": text}
                self._send({**event, "event_id": f"evt_{state.token}_{next(self._appends)}"})
        else:
            self._audio = None
            self._spoken(audio)

    def _spoken(self, audio: AudioInput) -> None:
        """Go on after the last piece."""
        state = self._state
        if not audio.settings.detects:
            self._respond(spoken=True)
            return
        self._hearing = HEARING_SECONDS + (0 if audio.waits else audio.seconds_sent)
        with self._core.lock:
            state.input_sent = True
            state.settled_at = time.monotonic() + SETTLE_SECONDS
        self._respond_if_found()

    def _respond_if_found(self) -> None:
        """Ask for the response by hand, where the server only finds the turn but does not answer it."""
        state = self._state
        if not state.awaits_detection and state.input_sent and state.committed and state.create_event_id is None:
            self._take_slot(front=False)
            self._send_create()

    def _stop_listening(self) -> None:
        """Stop waiting for speech that did not come."""
        state = self._state
        with self._core.lock:
            if not state.heard:
                raise NothingHeard
            if state.is_answered():
                self._api.book.complete(state)

    # -- item and create ------------------------------------------------------------------------------------------

    def _respond(self, *, spoken: bool) -> None:
        """Wait for the conversation to be free, then send what the response is to answer, and the create."""
        state = self._state
        if not spoken:
            self._wait_for_detection()
        self._take_slot(front=False)
        self._send_item()
        if spoken:
            self._send({"type": "input_audio_buffer.commit"})
        if not state.abandoned:  # The item may have been refused already.
            self._send_create()

    def _send_item(self) -> None:
        item, self._item = self._item, None
        if item is not None:
            self._send(item)

    def _wait_for_detection(self) -> None:
        """Hold back while voice detection may be starting a response that could not be told from ours."""
        book, state = self._api.book, self._state
        while (
            not book.creates.echoes
            and (pause := book.vad_pause())
            and not state.deadline.passed()
            and not self._core.finished
        ):
            book.slot.wait_response_done(state.sooner(pause))

    def _take_slot(self, *, front: bool) -> None:
        if self._state.out_of_band and self._api.book.creates.echoes:
            return  # The token tells its events apart, so it need not wait.
        self._acquire(self._api.book.slot, front=front)

    def _acquire(self, slot: ResponseSlot, *, front: bool = False) -> None:
        """Wait for the conversation, or for the input.

        Raises:
            OutOfTime: it did not become free in time.
            TurnOver: the turn ended, or was left, meanwhile.
            LocalProtocolError: it would never become free.
        """
        state, holder = self._state, slot.holder
        mine = isinstance(holder, TurnState) and holder.fed_by is threading.current_thread() and holder.feeds()
        if mine and not slot.ended:
            msg = (
                "this thread sends the audio of another turn as it consumes it, and would wait for that turn for ever: "
                "consume it to its end first, or ask on another thread"
            )
            raise LocalProtocolError(msg)
        token = object()
        try:
            self._core.flow.begin_wait(token)
            if not slot.acquire(state, state.deadline, front=front):
                raise OutOfTime
        finally:
            self._core.flow.waits.discard(token)
        if state.queue.ended and not self._core.finished:
            with self._core.lock:
                slot.release_locked(state)
            raise TurnOver

    def answer(self, outputs: Sequence[FunctionOutput], called: Sequence[Any], *, goes_on: bool) -> bool:
        """Send the outputs of function calls, and ask for the rest of the answer; False: the turn was ended meanwhile.

        Args:
            outputs: in the order of the calls.
            called: the items of the response that made the calls.
            goes_on: ask for the rest, that is; not while the user speaks, which the server will answer by itself.

        Raises:
            OutOfTime: the conversation did not become free in time.
            TurnOver: the turn ended meanwhile.
        """
        state, book = self._state, self._api.book
        goes_on = goes_on and not state.unanswered_speech
        if goes_on:
            self._wait_for_detection()
            self._take_slot(front=False)
        with self._core.lock:
            over = state.cancel_asked or state.queue.ended
            if over:
                book.slot.release_locked(state)
        if over:
            return False
        items = [
            {"type": "function_call_output", "call_id": output.call_id, "output": output.text} for output in outputs
        ]
        if not state.out_of_band:
            for item in items:
                self._send({"type": "conversation.item.create", "item": {"id": new_item_id(), **item}})
        if goes_on:
            self._create = continued(self._create, called, items)
            self._send_create()
        return True

    def _send_create(self) -> None:
        self._send({**self._create, "event_id": None})

    def _send(self, event: dict[str, Any]) -> None:
        state = self._state
        try:
            self._core.send(self._core.complete(event), deadline=state.deadline, claim=state)
        except SendTimeout as error:
            if not state.deadline.passed():
                raise
            msg = "the turn could not be sent in time: the server takes no data"
            raise RequestTimeout(msg, replay_safe=error.replay_safe) from error
        except ConnectionClosed as error:
            if state.started_at is None:
                raise
            # Something was sent, so it is for the queue to tell the end, behind what had arrived until then.
            self._audio = None
            raise TurnOver from error

    def send_again(self) -> None:
        """Send the refused create again, after the next end of a response or a second.

        Raises:
            OutOfTime: the conversation did not become free in time.
        """
        book = self._api.book
        if book.slot.occupant == UNKNOWN_RESPONSE:
            # The server knows of an active response that we do not.
            book.slot.wait_response_done(self._state.sooner(RETRY_SECONDS))
        self._take_slot(front=True)
        self._send_create()


def continued(create: Mapping[str, Any], called: Sequence[Any], outputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the create that goes on after calls: the same settings, but no tool is forced again.

    A response with an input of its own sees nothing else, so the calls and their outputs are added to that.
    """
    response = dict(create["response"])
    if response.get("tool_choice") not in (None, "auto", "none"):
        del response["tool_choice"]
    if response.get("conversation") == "none" or response.get("input") is not None:
        response["input"] = [*(response.get("input") or ()), *map(_as_input, called), *outputs]
    return {**create, "response": response}


def _as_input(item: Any) -> Mapping[str, Any]:
    """Return an item that a response has made, as one that can be given to another: without the server's own marks."""
    fields = item.to_dict() if isinstance(item, (WireObject, UnknownObject)) else item
    return {name: value for name, value in fields.items() if name not in ("id", "object", "status")}
