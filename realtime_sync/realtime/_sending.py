"""Getting a turn of ours to the server: its item, its audio, its `response.create`, each when its time has come."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from realtime_sync.errors import LocalProtocolError, RealtimeSyncError, RequestTimeout, SendTimeout
from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._resources import new_item_id
from realtime_sync.realtime._slot import UNKNOWN_RESPONSE
from realtime_sync.realtime._source import AudioInput
from realtime_sync.realtime._state import Phase, TurnState
from realtime_sync.session import Core, Deadline
from realtime_sync.tools import FunctionOutput
from realtime_sync.types import UnknownObject, WireObject

__all__ = ["OutOfTime", "TurnSender"]

RETRY_SECONDS = 1.0
HEARING_SECONDS = 10.0
"""How long the server may take to find speech in audio that it has got, beyond the length of that audio."""
TRANSCRIPT_SECONDS = 2.0
"""How long a turn waits, after its response, for the transcript of what was asked."""


class OutOfTime(Exception):
    """The turn's time is up. Never leaves the library."""


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
        self._give_up_at: float | None = None
        """When to stop waiting for the server to hear speech, or for a transcript; monotonic."""

    # -- the beginning --------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Send what needs no waiting but for the conversation to be free.

        Raises:
            OutOfTime: it did not become free in time.
        """
        state = self._state
        try:
            if self._audio is None:
                self._respond()
            else:
                self._speak(self._audio)
        except RealtimeSyncError as error:
            safe = error.replay_safe and state.started_at is None
            if isinstance(error, SendTimeout) and state.deadline.passed():
                msg = "the turn could not be sent in time: the server takes no data"
                raise RequestTimeout(msg, replay_safe=safe) from error
            error.replay_safe = safe
            raise

    def _speak(self, audio: AudioInput) -> None:
        state, book = self._state, self._api.book
        floor = book.input.floor
        if isinstance(floor.holder, TurnState) and floor.holder.fed_by == threading.get_ident():
            msg = (
                "the audio source of a turn asked for another turn with audio, which would wait for the first for ever"
            )
            raise LocalProtocolError(msg)
        token = object()
        try:
            self._core.flow.begin_wait(token)
            if not floor.acquire(state, state.deadline):
                raise OutOfTime
        finally:
            self._core.flow.waits.discard(token)
        self._check_open()
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
        left = self._state.deadline.remaining()
        if self._audio is not None:
            due = self._audio.due()
            return Deadline(due if left is None else min(due, left))
        if self._give_up_at is not None:
            until = max(0.0, self._give_up_at - time.monotonic())
            return Deadline(until if left is None else min(until, left))
        return self._state.deadline

    def overdue(self) -> None:
        """Do what the time has come for.

        Raises:
            OutOfTime: for nothing more.
            RequestTimeout: the server heard no speech.
        """
        state = self._state
        if state.deadline.passed():
            raise OutOfTime
        if self._audio is not None:
            self.feed()
        elif self._give_up_at is not None and time.monotonic() >= self._give_up_at:
            self._give_up()

    def noticed(self, kind: str) -> None:
        """Take an event of the turn into account that its consumer has just taken out."""
        state = self._state
        if state.heard and self._give_up_at is not None and not state.transcripts_due:
            self._give_up_at = None
        if state.phase is Phase.OVER and state.transcripts_due:
            self._give_up_at = time.monotonic() + TRANSCRIPT_SECONDS
        elif kind == "input_audio_buffer.committed" and self._audio is None:
            self._respond_if_found()

    def feed(self) -> None:
        """Send the next piece of audio, or what follows the last one."""
        audio, state = self._audio, self._state
        if audio is None:
            return
        state.fed_by = threading.get_ident()
        piece = audio.next_piece(enough=state.committed)
        state.fed_by = None
        if state.queue.ended:  # Refused or left while the user's own iterator took its time.
            self._audio = None
        elif piece is not None:
            event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode("ascii")}
            event["event_id"] = f"evt_{state.token}_{next(self._appends)}"
            self._core.send(event, deadline=state.deadline, claim=state)
        else:
            self._audio = None
            self._spoken(audio)

    def _spoken(self, audio: AudioInput) -> None:
        """Go on after the last piece."""
        state = self._state
        if not audio.settings.detects:
            self._respond()
            return
        with self._core.lock:
            state.input_sent = True
            heard = state.heard
        if not heard:
            self._give_up_at = time.monotonic() + HEARING_SECONDS + audio.seconds_sent
        self._respond_if_found()

    def _respond_if_found(self) -> None:
        """Ask for the response by hand, where the server only finds the turn but does not answer it."""
        state = self._state
        if not state.awaits_detection and state.input_sent and state.committed and state.create_event_id is None:
            self._take_slot(front=False)
            self._send_create()

    def _give_up(self) -> None:
        """Stop waiting for what did not come."""
        state = self._state
        self._give_up_at = None
        if state.transcripts_due:
            with self._core.lock:
                self._api.book.leave(state)
            return
        msg = "the server's voice detection found no speech in the audio"
        raise RequestTimeout(msg)

    # -- item and create ------------------------------------------------------------------------------------------

    def _respond(self) -> None:
        """Wait for the conversation to be free, then send what the response is to answer, and the create."""
        state = self._state
        spoken = state.started_at is not None
        if not spoken:
            self._wait_for_detection()
        self._take_slot(front=False)
        self._send_item()
        if spoken:
            commit = self._core.complete({"type": "input_audio_buffer.commit"})
            self._core.send(commit, deadline=state.deadline, claim=state)
            with self._core.lock:
                self._api.book.input.release_locked(state)
        if not state.abandoned:  # The item may have been refused already.
            self._send_create()

    def _send_item(self) -> None:
        item, self._item = self._item, None
        if item is not None:
            self._core.send(self._core.complete(item), deadline=self._state.deadline, claim=self._state)

    def _wait_for_detection(self) -> None:
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
                raise OutOfTime
        finally:
            self._core.flow.waits.discard(token)
        self._check_open()

    def _check_open(self) -> None:
        state = self._state
        if state.abandoned:
            with self._core.lock:
                self._api.book.slot.release_locked(state)
                self._api.book.input.release_locked(state)
            msg = "this stream was closed"
            raise LocalProtocolError(msg)

    def answer(self, outputs: Sequence[FunctionOutput], called: Sequence[Any], *, goes_on: bool) -> bool:
        """Send the outputs of function calls, and ask for the rest of the answer; False: the turn was ended meanwhile.

        Args:
            outputs: in the order of the calls.
            called: the items of the response that made the calls.
            goes_on: ask for the rest, that is; not while the user speaks, which the server will answer by itself.

        Raises:
            OutOfTime: the conversation did not become free in time.
        """
        state, book = self._state, self._api.book
        goes_on = goes_on and not state.unanswered_speech
        if goes_on:
            self._wait_for_detection()
            self._take_slot(front=False)
        with self._core.lock:
            over = state.cancel_asked or state.phase is Phase.OVER
            if over and not state.abandoned:
                book.slot.release_locked(state)
        if over:
            return False
        items = [
            {"type": "function_call_output", "call_id": output.call_id, "output": output.text} for output in outputs
        ]
        if not state.out_of_band:
            for item in items:
                event = {"type": "conversation.item.create", "item": {"id": new_item_id(), **item}}
                self._core.send(self._core.complete(event), deadline=state.deadline, claim=state)
        if goes_on:
            self._create = continued(self._create, called, items)
            self._send_create()
        else:
            with self._core.lock:
                book.answered(state)
            self.noticed("")
        return True

    def _send_create(self) -> None:
        data = self._core.complete({**self._create, "event_id": None})
        self._core.send(data, deadline=self._state.deadline, claim=self._state)

    def send_again(self) -> None:
        """Send the refused create again, after the next end of a response or a second.

        Raises:
            OutOfTime: the conversation did not become free in time.
        """
        state = self._state
        book = self._api.book
        if book.slot.occupant == UNKNOWN_RESPONSE:
            # The server knows of an active response that we do not.
            remaining = state.deadline.remaining()
            pause = RETRY_SECONDS if remaining is None else min(RETRY_SECONDS, remaining)
            book.slot.wait_response_done(Deadline(pause))
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
