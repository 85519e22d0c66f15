"""Whose the audio is that goes in: one turn at a time has the input buffer, and the events about it."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import Any

from attrs import define, field

from realtime_sync.realtime._slot import ResponseSlot
from realtime_sync.realtime._state import Phase, TurnState

__all__ = ["CLEARED", "INPUT_EVENTS", "TRANSCRIPT_ENDS", "InputBook", "transcript_ended"]

_STARTED = "input_audio_buffer.speech_started"
_STOPPED = "input_audio_buffer.speech_stopped"
_COMMITTED = "input_audio_buffer.committed"
CLEARED = "input_audio_buffer.cleared"
INPUT_EVENTS = frozenset({_STARTED, _STOPPED, _COMMITTED, "input_audio_buffer.timeout_triggered"})
"""What the server says about the audio it gets, naming the item that it will become."""

TRANSCRIPT_ENDS = frozenset(
    {
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
    }
)

_MAX_PENDING = 1024


@define(eq=False)
class InputBook:
    """The input buffer's user, and what was asked of the buffer. The session's lock guards everything."""

    _lock: Lock
    floor: ResponseSlot = field(init=False)
    """Held by the turn that sends audio, from its first piece until the server has, or has cleared, all of it."""
    speaker: TurnState | None = field(init=False, default=None)
    """The turn whose audio the server searches for speech."""
    newest_item_id: str | None = field(init=False, default=None)
    """The item of the last commit that no call of ours made, while nothing answers it."""
    _commits: deque[tuple[str, TurnState | None]] = field(init=False, factory=lambda: deque(maxlen=_MAX_PENDING))
    """The event id of each commit sent and not answered, in order, and whose it is."""
    _clears: deque[tuple[str, TurnState | None]] = field(init=False, factory=lambda: deque(maxlen=_MAX_PENDING))
    """The same of each clear."""

    def __attrs_post_init__(self) -> None:
        """Make the floor under the same lock."""
        self.floor = ResponseSlot(self._lock)

    def listens_locked(self, turn: TurnState) -> None:
        """Give a turn the events about the input, and the response that comes of it."""
        self.speaker = turn

    def sent_commit(self, event_id: str, turn: TurnState | None) -> None:
        """Note a commit, whoever sent it, so that its answer can be told by the order."""
        self._commits.append((event_id, turn))

    def sent_clear(self, event_id: str) -> None:
        """Note a clear, whoever sent it, for the same reason."""
        holder = self.floor.holder
        turn = holder if isinstance(holder, TurnState) and event_id == clear_id(holder) else None
        self._clears.append((event_id, turn))

    def refused(self, event_id: str) -> None:
        """Forget a commit or a clear that was refused, or whose turn is over."""
        _forget(self._commits, event_id)
        _forget(self._clears, event_id)

    def cleared(self) -> TurnState | None:
        """Return the turn whose rest the server has cleared now, if it was one's."""
        return self._clears.popleft()[1] if self._clears else None

    def owner(self, kind: str, item_id: str | None) -> TurnState | None:
        """Return the turn that an event of `INPUT_EVENTS` belongs to, noting what it says."""
        turn = self.speaker
        if kind == _COMMITTED and self._commits:
            asker = self._commits.popleft()[1]
            turn = turn or asker
            if turn is None:
                return None
        elif turn is None:
            if kind == _COMMITTED:
                self.newest_item_id = item_id
            return None
        turn.heard = True
        if kind == _STARTED:
            turn.unanswered_speech = turn.in_speech = True
            turn.committed = False
        elif kind == _STOPPED:
            turn.in_speech = False
        elif kind == _COMMITTED:
            turn.in_speech = False
            turn.unanswered_speech = turn.committed = True
            if turn.transcribes and item_id is not None:
                turn.transcripts_due.add(item_id)
            self.answered_locked(turn)
        return turn

    def expects_response(self) -> TurnState | None:
        """Return the turn whose audio a response answers that nobody asked for."""
        turn = self.speaker
        # Not only once speech was heard: some servers say nothing of it.
        return turn if turn is not None and turn.awaits_detection and turn.started_at is not None else None

    def answered_locked(self, turn: TurnState) -> None:
        """Note that the server has made something of a turn's audio: by push to talk, that was all of it."""
        if not turn.detected and not turn.clearing:
            self.release_locked(turn)

    def release_locked(self, turn: TurnState) -> None:
        """Let the next turn speak."""
        if self.speaker is turn:
            self.speaker = None
        self.floor.release_locked(turn)

    def lost_locked(self) -> None:
        """Forget what the old session was told; whoever was speaking has failed."""
        self.speaker = self.newest_item_id = None
        self._commits.clear()
        self._clears.clear()
        holder = self.floor.holder
        if isinstance(holder, TurnState) and holder.phase is Phase.OVER:  # Or it has not begun to speak.
            self.floor.release_locked(holder)

    def end_locked(self) -> None:
        """Let everybody go: the session is over."""
        self.speaker = None
        self._commits.clear()
        self._clears.clear()
        self.floor.end_locked()


def clear_id(turn: TurnState) -> str:
    """Return the event id of the clear that follows a turn that was left; `token_in` reads the token in it."""
    return f"evt_{turn.token}_clear"


def _forget(line: deque[tuple[str, TurnState | None]], event_id: str) -> None:
    for each in line:
        if each[0] == event_id:
            line.remove(each)
            return


def transcript_ended(turn: TurnState, event: Any, item_id: str | None) -> bool:
    """Note a transcript's end; return whether it was the last that the turn waited for."""
    if event.type not in TRANSCRIPT_ENDS or item_id not in turn.transcripts_due:
        return False
    turn.transcripts_due.discard(item_id)
    return not turn.transcripts_due
