"""What is known of one turn while it runs."""

from __future__ import annotations

import enum
import secrets
import threading
import time
from typing import Any

from attrs import define, field

from realtime_sync.realtime._turn import TEXT_DELTAS, Timings
from realtime_sync.session import Deadline, EventQueue
from realtime_sync.tools import Batch

__all__ = ["AUDIO_DELTA", "REFUSED", "Phase", "TurnState"]

AUDIO_DELTA = "response.output_audio.delta"


class Phase(enum.Enum):
    """Where a turn is."""

    WAITING = "for the conversation, or for the turn that speaks, to end"
    SPEAKING = "its audio is on the way, or the server has not answered it yet"
    SENT = "sent, not yet answered"
    RUNNING = "its response runs"
    ANSWERING = "its tools run, or their results wait for the conversation to be free"
    REFUSED = "another response was active; to be sent again"
    OVER = "ended, failed or abandoned; but for the transcript of its input, perhaps"


class _Refused:
    """The type of `REFUSED`."""

    type = "refused"


REFUSED = _Refused()
"""Put into a turn's queue to tell its consumer to send the create again."""


@define(eq=False, kw_only=True)
class TurnState:
    """One turn, from the call to its terminal event. The session's lock guards every field but the first four."""

    queue: EventQueue
    deadline: Deadline
    out_of_band: bool = False
    token: str = field(factory=lambda: secrets.token_hex(8))
    phase: Phase = Phase.WAITING
    create_event_id: str | None = None
    response_id: str | None = None
    error: Any = None
    """The error event that failed the turn."""
    suspect: Any = None
    """The first error event that named nothing and came while the create was unanswered: it may be the answer."""
    suspected_at: float = 0.0
    cancel_asked: bool = False
    """Somebody cancelled it: as soon as its response is known, and it has no further one."""
    interrupted: bool = False
    """It was interrupted before its response was known: nothing of that one shall reach anybody."""
    abandoned_at: float | None = None
    item_ids: set[str] = field(factory=set)
    event_ids: set[str] = field(factory=set)
    # of one that nobody asked for
    asked: bool = True
    watched: bool = False
    """Its events are everybody's: the library only answers its calls."""
    # of function calls
    calls: list[Any] = field(factory=list)
    """The finished function calls of the running response."""
    due: dict[str, Any] = field(factory=dict)
    """By response id: the calls to be answered that the consumer has not come to yet (`CallsDue`)."""
    batches: list[Batch] = field(factory=list)
    """The tools that run for it."""
    answering: bool = False
    """Its tools run, or their outputs are not all sent."""
    answered_rounds: int = 0
    # of a turn that is spoken
    detected: bool = False
    """The server finds the turn in the audio by itself."""
    awaits_detection: bool = False
    """The server finds the turn in the audio and answers it by itself."""
    input_sent: bool = False
    """All its audio is sent, with the silence or the commit behind it."""
    settled_at: float = 0.0
    """When the server has surely found what speech there is in the last of its audio; monotonic."""
    heard: bool = False
    """The server has found speech in it, or answered it."""
    in_speech: bool = False
    """The last speech that began has not ended."""
    unanswered_speech: bool = False
    """Speech was found since the last response began, so another one is to come."""
    committed: bool = False
    """What was found has become an item."""
    clearing: bool = False
    """It was left in the middle, and the server has not cleared its buffer yet."""
    fed_by: threading.Thread | None = None
    """What asked last for a piece of its audio. Written by that thread only, without the lock."""
    transcripts_due: set[str] = field(factory=set)
    """Items of the input whose transcript has not come."""
    transcribes: bool = False
    # when, monotonic
    started_at: float | None = None
    first_event_at: float | None = None
    first_token_at: float | None = None
    first_audio_at: float | None = None
    done_at: float | None = None

    @property
    def abandoned(self) -> bool:
        return self.abandoned_at is not None

    @property
    def may_answer(self) -> bool:
        """Whether its calls can be answered: of a response beside the conversation, whoever asked has to know how."""
        return self.asked or not self.out_of_band

    def timings(self) -> Timings:
        """Return the arrival times relative to the start."""
        start = self.started_at

        def since(moment: float | None) -> float | None:
            return None if moment is None or start is None else moment - start

        return Timings(
            first_event=since(self.first_event_at),
            first_token=since(self.first_token_at),
            first_audio=since(self.first_audio_at),
            done=since(self.done_at),
        )

    def note_arrival(self, kind: str) -> None:
        """Keep the time of the first event, of the first text and of the first audio."""
        if self.first_event_at is None:
            self.first_event_at = time.monotonic()
        if self.first_token_at is None and kind in TEXT_DELTAS:
            self.first_token_at = time.monotonic()
        if self.first_audio_at is None and kind == AUDIO_DELTA:
            self.first_audio_at = time.monotonic()

    def unfinished(self) -> bool:
        """Tell whether more audio, or its answer, is to come."""
        return self.awaits_detection and not self.cancel_asked and (not self.input_sent or self.unanswered_speech)

    def goes_on(self) -> bool:
        """Tell whether the end of a response is not the end of the turn, because more audio or answers may come."""
        settles = self.awaits_detection and not self.cancel_asked and time.monotonic() < self.settled_at
        return settles or self.unfinished()

    def is_answered(self) -> bool:
        """Tell whether everything that the server found in its audio so far is answered to the end."""
        done = self.heard and not (self.unanswered_speech or self.answering)
        return self.awaits_detection and self.phase is Phase.SPEAKING and done

    def transcribing(self) -> bool:
        """Tell whether all of it is over but for the transcript of what was asked."""
        return self.phase is Phase.OVER and bool(self.transcripts_due)

    def sooner(self, seconds: float) -> Deadline:
        """Return a deadline in so many seconds, or the turn's own if that comes first."""
        left = self.deadline.remaining()
        return Deadline(seconds if left is None else min(seconds, left))

    def feeds(self) -> bool:
        """Tell whether its consumer still sends audio of it."""
        return not self.input_sent and not self.abandoned

    def leaves_audio(self) -> bool:
        """Tell whether the server's buffer holds audio of a turn that is left now."""
        return not self.input_sent or (self.detected and not self.committed)

    def describe(self) -> str:
        """Return how far it has come, for whoever waited for it in vain."""
        if self.phase is not Phase.SPEAKING or self.answering:
            return _DESCRIPTIONS[Phase.ANSWERING if self.phase is Phase.SPEAKING else self.phase]
        if not self.input_sent:
            return "its audio was still being sent"
        return "the server had not answered its audio" if self.heard else "the server had found no speech in its audio"


_DESCRIPTIONS = {
    Phase.WAITING: "it was waiting for another turn to end, and nothing of it was sent",
    Phase.SENT: "it was sent, and the server had not begun its response",
    Phase.RUNNING: "its response was still running, and is cancelled",
    Phase.ANSWERING: "its tools were running, or their results waited for another response to end",
    Phase.REFUSED: "it was sent, and the server was busy with another response",
    Phase.OVER: "it was over",
}
