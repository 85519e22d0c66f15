"""The lanes of one connection: what runs, what waits, and what each lane remembers."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

from attrs import define, field, frozen

from realtime_sync.server._generation import Generation
from realtime_sync.server._problem import Problem
from realtime_sync.server.responses._answer import ResponsesAnswer
from realtime_sync.server.responses._items import Item
from realtime_sync.server.responses._store import Record

__all__ = ["Create", "Lane", "Lanes", "Run", "Steer"]

MAX_RUNNING = 16
"""Responses that run at once on one connection."""
MAX_KNOWN = 1024
"""Responses of a connection that can be told from unknown ones."""
MAX_NAMES = 32
"""Named lanes that a connection may have; the default lane does not count."""


@frozen(kw_only=True)
class Create:
    """A `response.create` that waits for its turn."""

    event: dict[str, Any] = field(repr=False)
    fault: Problem | None = None
    """With what to refuse it when its turn comes."""


@frozen(kw_only=True)
class Steer:
    """Input that was accepted for the response after the one that it names."""

    id: str
    previous_response_id: str
    input: Any
    """As the client sent it: it is given back when it cannot be used."""
    items: tuple[Item, ...] = field(repr=False)


@define(eq=False, kw_only=True)
class Run:
    """A response in progress on a lane."""

    answer: ResponsesAnswer
    displaced: Record | None
    """What the lane remembered before."""
    worker: Generation | None = None
    """None: the responder is not asked."""
    steers: list[Steer] = field(factory=list)
    answered: int = 0
    """How many of the injected items the responder has been told of."""


@define(eq=False)
class Lane:
    """One lane. At most one response runs on it; the others wait."""

    name: str | None
    """None: the default lane."""
    waiting: collections.deque[Create] = field(init=False, factory=collections.deque)
    run: Run | None = field(init=False, default=None)
    latest: Record | None = field(init=False, default=None)
    """The lane's place in the connection's cache."""
    pending: list[Steer] = field(init=False, factory=list)
    """Accepted for the successor of `latest`, which the client has to create."""


@define(eq=False)
class Lanes:
    """All lanes of a connection. Belongs to the connection's thread."""

    _lanes: dict[str | None, Lane] = field(init=False, factory=lambda: {None: Lane(None)})
    _arrived: collections.deque[Lane] = field(init=False, factory=collections.deque)
    """A lane for each create that waits, in the order in which they came."""
    _known: dict[str, Lane] = field(init=False, factory=dict)
    """Where each response of this connection ran; the newest ones."""

    def __iter__(self) -> Iterator[Lane]:
        """Iterate over the lanes."""
        return iter(self._lanes.values())

    @property
    def running(self) -> list[Run]:
        """The responses in progress."""
        return [lane.run for lane in self if lane.run is not None]

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs or waits."""
        return not self._arrived and not self.running

    def lane(self, name: str | None) -> Lane:
        """Return the lane with this name, a new one if need be; or raise the `Problem` of too many."""
        if name not in self._lanes:
            if len(self._lanes) > MAX_NAMES:
                msg = (
                    f"This connection has used {MAX_NAMES} stream ids already: use one of them, or another connection."
                )
                raise Problem(msg, code="websocket_stream_limit_reached", param="stream_id")
            self._lanes[name] = Lane(name)
        return self._lanes[name]

    def submit(self, lane: Lane, create: Create) -> None:
        """Let a create wait for its turn."""
        lane.waiting.append(create)
        self._arrived.append(lane)

    def next(self) -> tuple[Lane, Create] | None:
        """Take the create that waits longest of those that may begin now."""
        if len(self.running) >= MAX_RUNNING:
            return None
        lane = next((lane for lane in self._arrived if lane.run is None), None)
        if lane is None:
            return None
        self._arrived.remove(lane)
        return lane, lane.waiting.popleft()

    def cached(self, response_id: str) -> Record | None:
        """Return a response from the connection's cache: one that is the latest of its lane."""
        return next((lane.latest for lane in self if lane.latest is not None and lane.latest.id == response_id), None)

    def began(self, lane: Lane, response_id: str) -> None:
        """Remember where a response runs."""
        self._known[response_id] = lane
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def where(self, response_id: str) -> Lane | None:
        """Return the lane on which a response runs or ran."""
        return self._known.get(response_id)
