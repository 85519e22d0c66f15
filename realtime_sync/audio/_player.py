"""A playback that runs in real time without a sound device: for scripts, servers and tests."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from realtime_sync.audio._playback import Playback
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from realtime_sync.session import ClosesOnExit, Waiter

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Player"]

_numbers = itertools.count(1)

_MOST_BEHIND = 0.2
"""Seconds. A device that was held up longer goes on from where it is; it does not hurry."""


class Player(ClosesOnExit):
    """Pull a playback as fast as a sound device would, and hand what comes to a callable.

        with Player(playback, speaker.write):
            ...
            playback.wait_heard()

    Without a callable the audio goes nowhere, but counts as heard. As a context manager it runs on a thread of its own
    (``rts-playback-N``); or call `step` yourself, with a clock of your own.

    Threads: any: `start`, `close`. `step` and `write` run on one thread: the player's, or yours.

    Args:
        playback: where the audio comes from.
        write: takes each piece of audio; a slow one (a pipe to a program that plays) slows the player down.
        block_ms: how long each piece is, in milliseconds.
        pad: write silence where there is no audio, as a device plays it; else nothing is written then.
        clock: seconds, monotonic; a test's own.

    Raises:
        ConfigurationError: `block_ms` is less than a sample.
    """

    def __init__(
        self,
        playback: Playback,
        write: Callable[[bytes], object] | None = None,
        *,
        block_ms: float = 20,
        pad: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._playback = playback
        self._write = write
        self._pad = pad
        self._clock = clock
        self._size = playback.format.size(block_ms / 1000)
        if self._size <= 0:
            msg = f"block_ms must be the length of at least one sample; got {block_ms!r}"
            raise ConfigurationError(msg)
        self._block = playback.format.seconds(self._size)
        # the stepping thread only
        self._next: float | None = None
        # guarded by _lock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop: Waiter | None = None
        self._error: BaseException | None = None

    def step(self) -> float:
        """Play the next piece if it is due; return the seconds until another one is.

        Raises:
            Exception: whatever `write` raises.
        """
        now = self._clock()
        if self._next is None or now - self._next > _MOST_BEHIND:
            self._next = now
        if self._next <= now:
            self._next += self._block
            block = self._playback.read(self._size, pad=self._pad)
            if block and self._write is not None:
                self._write(block)
        return max(0.0, self._next - self._clock())

    def start(self) -> None:
        """Play on a thread, until `close`.

        Raises:
            LocalProtocolError: it was started before.
        """
        with self._lock:
            if self._thread is not None:
                msg = "this player was started before: make a new one"
                raise LocalProtocolError(msg)
            self._stop = Waiter()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop,), name=f"rts-playback-{next(_numbers)}", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Stop the thread, within the piece that it is at. What waits in the playback stays there.

        Raises:
            Exception: what `write` raised, to the first who closes; it had ended the thread.
        """
        with self._lock:
            thread, stop, self._stop = self._thread, self._stop, None
        if stop is not None:
            stop.wake()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> Self:
        self.start()
        return self

    def _run(self, stop: Waiter) -> None:
        try:
            while not stop.wait(self.step()):
                pass
        except BaseException as error:  # noqa: BLE001  (it is raised again by `close`)
            with self._lock:
                self._error = error
