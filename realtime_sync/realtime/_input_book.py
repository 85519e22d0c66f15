"""Whose the audio is that goes in: one turn at a time has the input buffer, and the events about it."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import Any

from attrs import define, field

from realtime_sync.realtime._slot import ResponseSlot
from realtime_sync.realtime._state import TurnState

__all__ = ["INPUT_EVENTS", "TRANSCRIPT_ENDS", "InputBook"]

_STARTED = "input_audio_buffer.speech_started"
_COMMITTED = "input_audio_buffer.committed"
INPUT_EVENTS = frozenset(
    {_STARTED, "input_audio_buffer.speech_stopped", _COMMITTED, "input_audio_buffer.timeout_triggered"}
)
"""What the server says about the audio it gets; all but the last name the item that it will become."""

TRANSCRIPT_ENDS = frozenset(
    {
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
    }
)

_MAX_COMMITS = 1024


@define(eq=False)
class InputBook:
    """The input buffer's user, and the commits under way. The session's lock guards everything."""

    _lock: Lock
    floor: ResponseSlot = field(init=False)
    """Held by the turn that sends audio, from its first chunk until the server has all it needs."""
    speaker: TurnState | None = field(init=False, default=None)
    """The turn whose audio the server searches for speech."""
    newest_item_id: str | None = field(init=False, default=None)
    """The item of the last commit that no call of ours made."""
    _commits: deque[tuple[str, TurnState | None]] = field(init=False, factory=deque)
    """The event id of each commit sent and not answered, in order, and whose it is."""

    def __attrs_post_init__(self) -> None:
        """Make the floor under the same lock."""
        self.floor = ResponseSlot(self._lock)

    def listens_locked(self, turn: TurnState) -> None:
        """Give a turn the events about the input, and the response that comes of it."""
        self.speaker = turn

    def sent_commit(self, event_id: str, turn: TurnState | None) -> None:
        """Note a commit, whoever sent it, so that its answer can be told by the order."""
        if len(self._commits) >= _MAX_COMMITS:
            self._commits.popleft()
        self._commits.append((event_id, turn))

    def refused(self, event_id: str) -> None:
        """Forget a commit that was refused."""
        for each in self._commits:
            if each[0] == event_id:
                self._commits.remove(each)
                return

    def owner(self, kind: str, item_id: str | None) -> TurnState | None:
        """Return the turn that an event of `INPUT_EVENTS` belongs to, noting what it says."""
        turn = self.speaker
        if turn is None:
            if kind != _COMMITTED:
                return None
            if not self._commits:
                self.newest_item_id = item_id
                return None
            turn = self._commits.popleft()[1]
            if turn is None:
                return None
        turn.heard = True
        if kind == _STARTED:
            turn.unanswered_speech = True
            turn.committed = False
        elif kind == _COMMITTED:
            turn.committed = True
            if turn.transcribes and item_id is not None:
                turn.transcripts_due.add(item_id)
        return turn

    def expects_response(self) -> TurnState | None:
        """Return the turn whose audio a response answers that nobody asked for."""
        turn = self.speaker
        return turn if turn is not None and turn.awaits_detection and (turn.heard or turn.input_sent) else None

    def release_locked(self, turn: TurnState) -> None:
        """Let the next turn speak."""
        if self.speaker is turn:
            self.speaker = None
        self.floor.release_locked(turn)

    def lost_locked(self) -> None:
        """Forget what the old session was told. Turns that were under way have let go of it."""
        self._commits.clear()
        self.newest_item_id = None

    def end_locked(self) -> None:
        """Let everybody go: the session is over."""
        self.speaker = None
        self._commits.clear()
        self.floor.end_locked()


def transcript_ended(turn: TurnState, event: Any, item_id: str | None) -> bool:
    """Note a transcript's end; return whether it was the last that the turn waited for."""
    if event.type not in TRANSCRIPT_ENDS or item_id not in turn.transcripts_due:
        return False
    turn.transcripts_due.discard(item_id)
    return not turn.transcripts_due
