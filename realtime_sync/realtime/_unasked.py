"""Answering the function calls of responses that nobody asked for, as voice detection starts them."""

from __future__ import annotations

import logging
import threading

from attrs import define, field

from realtime_sync.errors import ConnectionClosed, RealtimeSyncError
from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._state import TurnState
from realtime_sync.realtime._stream import stream_of
from realtime_sync.session import Core, server_error
from realtime_sync.tools import thread_name

__all__ = ["UnaskedCalls"]

logger = logging.getLogger("realtime_sync")

MAX_THREADS = 8


@define(eq=False)
class UnaskedCalls:
    """Consumes such turns in place of the caller; their events go to the mailbox and the callbacks all the same.

    Threads: the reader calls `begin_locked` and starts rts-tools-N, which run `_work` and end when nothing is left.
    Locks: the session's lock guards every field.
    """

    _core: Core
    _api: RealtimeApi
    _waiting: list[TurnState] = field(init=False, factory=list)
    _threads: int = field(init=False, default=0)

    def begin_locked(self, state: TurnState) -> None:
        """Answer the calls of a turn, as soon as there is a thread for it."""
        self._core.flow.consumers.add(state.queue)  # So that the end of the session reaches it.
        self._waiting.append(state)
        if self._threads < MAX_THREADS:
            self._threads += 1
            self._core.post(self._start_thread)

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._work, name=thread_name(), daemon=True).start()
        except RuntimeError as error:
            logger.warning("function calls wait for a thread that cannot be started: %s", error)
            with self._core.lock:
                self._threads -= 1

    def _work(self) -> None:
        while True:
            with self._core.lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                state = self._waiting.pop(0)
            self._answer(state)

    def _answer(self, state: TurnState) -> None:
        try:
            for _ in stream_of(self._core, self._api, state):
                pass
            if state.error is not None:
                raise server_error(state.error)
        except ConnectionClosed as error:
            logger.debug("the calls of an unasked response were not answered: %s", error)
        except RealtimeSyncError as error:
            logger.warning("the calls of an unasked response were not answered: %s", error)
