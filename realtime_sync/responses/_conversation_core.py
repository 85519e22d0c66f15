"""The inside of a conversation: what its turns share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from realtime_sync.config import RetryPolicy
from realtime_sync.errors import LocalProtocolError, RequestTimeout
from realtime_sync.responses._conversation_queue import TurnQueue
from realtime_sync.responses._conversation_state import Memory
from realtime_sync.session import Deadline, Waiter

if TYPE_CHECKING:
    from realtime_sync.responses._conversation_link import Link
    from realtime_sync.responses._delta import Sending
    from realtime_sync.responses._history import Item
    from realtime_sync.responses._recovery import Step
    from realtime_sync.types.responses import Response

__all__ = ["ConversationCore", "ConversationStats"]


@frozen(kw_only=True)
class ConversationStats:
    """What a conversation has sent.

    Attributes:
        full: requests that held everything.
        delta: requests that held only what was new.
        over_http: those of them that went over HTTP.
        recoveries: how often a failure was recovered from, by the name of what was done.
    """

    full: int = 0
    delta: int = 0
    over_http: int = 0
    recoveries: dict[str, int] = field(factory=dict)


@define(eq=False, kw_only=True)
class ConversationCore:
    """What a conversation's turns share: its memory, its way to the server, and the line in which they wait.

    Threads: any.
    Locks: `_lock` guards `memory` and `stats` while they are replaced; either may be read without it. It is never held
    while waiting, sending or calling user code. A pause ends by `close` or when its time is over.

    Attributes:
        adds_encrypted: whether to ask for encrypted reasoning where it is needed; a model may not have any.
        continues: whether the server goes on from a response that a request names, as far as is known.
        is_new_fork: whether what it goes on from is another conversation's as well, up to its first response.
    """

    link: Link
    retry: RetryPolicy
    memory: Memory = field(factory=Memory)
    stats: ConversationStats = field(factory=ConversationStats)
    queue: TurnQueue = field(factory=TurnQueue)
    adds_encrypted: bool = True
    continues: bool = True
    is_new_fork: bool = False
    closed: bool = field(init=False, default=False)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _pauses: dict[int, Waiter] = field(init=False, factory=dict, repr=False)
    """Changed by single built-in operations only; whoever adds to it looks at `closed` afterwards."""

    def check_open(self) -> None:
        """Raise `LocalProtocolError` if the conversation was closed."""
        if self.closed:
            msg = "this conversation was closed; to go on, make a new one with state=chat.to_dict()"
            raise LocalProtocolError(msg)

    def enter(self, holder: object, deadline: Deadline) -> None:
        """Wait until no other turn runs; `holder` has the turn then, until it leaves the line, or is no more.

        Raises:
            RequestTimeout: that took too long; nothing was sent.
            LocalProtocolError: the conversation was closed.
        """
        self.check_open()
        if not self.queue.enter(holder, deadline):
            self.check_open()
            msg = f"another turn of this conversation was still running after {deadline.seconds:g} s; nothing was sent"
            raise RequestTimeout(msg, replay_safe=True)

    def learn(self, sent: tuple[Item, ...], response: Response, of_fields: str, *, stored: bool) -> None:
        """Take a response into the history, in one step."""
        with self._lock:
            memory = self.memory.with_response(sent, response, of_fields, stored=stored)
            self.memory = memory if self.continues else evolve(memory, anchor=None)
        self.is_new_fork = False

    def start_over(self, items: tuple[Item, ...]) -> None:
        """Put other items in the place of the history."""
        with self._lock:
            self.memory = evolve(self.memory, items=items, anchor=None)

    def forget(self) -> None:
        """Note that the server may have forgotten what it does not store."""
        with self._lock:
            self.memory = self.memory.without_anchor()

    def add(self, items: tuple[Item, ...]) -> None:
        """Put items at the end of the history, such as a tool's outputs, which the server is yet to get."""
        with self._lock:
            self.memory = evolve(self.memory, items=(*self.memory.items, *items))

    def count_sent(self, sending: Sending, *, over_http: bool) -> None:
        """Count a request."""
        is_delta = sending.previous_response_id is not None
        with self._lock:
            stats = self.stats
            self.stats = evolve(
                stats,
                full=stats.full + (not is_delta),
                delta=stats.delta + is_delta,
                over_http=stats.over_http + over_http,
            )

    def count_recovery(self, step: Step) -> None:
        """Count a recovery."""
        name = step.name.lower()
        with self._lock:
            counts = self.stats.recoveries
            self.stats = evolve(self.stats, recoveries={**counts, name: counts.get(name, 0) + 1})

    def pause(self, delay: float) -> None:
        """Wait `delay` seconds.

        Raises:
            LocalProtocolError: the conversation was closed.
        """
        waiter = Waiter()
        try:
            self._pauses[id(waiter)] = waiter
            if not self.closed:
                waiter.wait(delay)
        finally:
            self._pauses.pop(id(waiter), None)
        self.check_open()

    def close(self) -> None:
        """End every wait for a turn and every pause."""
        self.closed = True
        self.queue.close()
        for waiter in tuple(self._pauses.values()):
            waiter.wake()
