"""What the connections of one server share."""

from __future__ import annotations

import collections
import itertools
import secrets
import threading
from collections.abc import Callable

from attrs import define, field

from realtime_sync.audio import AudioFormat
from realtime_sync.server._faults import Faults
from realtime_sync.server._journal import Handshake, Journal
from realtime_sync.server._reply import Responder
from realtime_sync.server._secrets import ClientSecrets
from realtime_sync.server._speaker import Speaker, cached
from realtime_sync.server._transcriber import Transcriber

__all__ = ["Backend", "new_id"]


def new_id(prefix: str) -> str:
    """Return a new id in the API's style: ``item_`` and 24 random characters."""
    return f"{prefix}_{secrets.token_hex(12)}"


@define(eq=False, kw_only=True)
class Backend:
    """The responder, the voice, the ears, the faults and the records of one server.

    Threads: any. Locks: _lock guards _handshakes; everything else is set once and safe by itself.
    """

    responder: Responder
    speaker: Speaker
    transcriber: Transcriber
    speech_pace: float
    """How many times faster than real time speech is delivered, before scaling."""
    faults: Faults
    time_scale: float
    """Factor on pauses, on the idle time-out and on a session's lifetime; 0: no pauses, and no time ever runs out."""
    speak: Callable[[str, str, float, AudioFormat], bytes] = field(init=False, repr=False)
    """(text, voice, speed, format) to audio; remembers the newest phrases."""
    journal: Journal = field(init=False, factory=Journal)
    secrets: ClientSecrets = field(init=False, factory=ClientSecrets)
    _numbers: itertools.count[int] = field(init=False, factory=itertools.count)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _handshakes: collections.deque[Handshake] = field(init=False, factory=lambda: collections.deque(maxlen=10_000))

    def __attrs_post_init__(self) -> None:
        """Give the speaker its memory."""
        self.speak = cached(self.speaker)

    def next_connection(self) -> int:
        """Return the index of a new WebSocket."""
        return next(self._numbers)

    def shook_hands(self, handshake: Handshake) -> None:
        """Keep the record of a new WebSocket."""
        with self._lock:
            self._handshakes.append(handshake)

    def handshakes(self) -> list[Handshake]:
        """Return a copy of the records."""
        with self._lock:
            return list(self._handshakes)
