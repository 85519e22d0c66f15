"""The lanes of a connection: their names, what each one remembers, and which of them a request may have.

Facts: the API guide on WebSocket mode, checked November 2026. At most 32 names a connection, which cannot be given
back; the default lane has none and does not count. A lane remembers its newest response only; an older one comes from
storage, if it was stored at all.
"""

from __future__ import annotations

import itertools
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Final

from attrs import define, field

from realtime_sync.errors import LocalProtocolError, RealtimeSyncError, ServerError
from realtime_sync.responses._call import ANY, Call, Phase
from realtime_sync.responses._events import NOT_FOUND

__all__ = ["LaneState", "LaneTable", "NoLanes"]

MAX_NAMES: Final = 32
MAX_KNOWN: Final = 4096
REST_SECONDS: Final = 0.5
"""How long a lane that alone remembers a response is kept for whoever may go on from there."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_OURS: Final = re.compile(r"rts-(\d|[12]\d|3[01])")


class NoLanes(Exception):
    """Every lane is retired. Never leaves the library."""


@define(eq=False)
class LaneState:
    """One lane. The session's lock guards everything."""

    name: str | None
    """None: the default lane."""
    ours: bool = False
    """Lent to whoever asks; a lane whose name a caller chose is that caller's."""
    calls: list[Call] = field(factory=list)
    """What has the lane: in the order of the wire, but for those not sent yet. More than one only if sent by hand."""
    latest: str | None = None
    """The response that it remembers, which may still be running."""
    used_at: int = 0
    """When it was last given to a request, as the table counts."""
    left_at: float = -math.inf
    """When the last request left it, monotonic."""
    thread: int | None = None
    """Whose request that was."""
    awaits_successor: bool = False
    """A steer waits for what the next request here goes on with."""
    retired: bool = False
    """It may still bring events of a request that is over."""
    holds: dict[Call, None] = field(factory=dict)
    """Forks of what it remembers that have not begun: what was asked for after them has to wait, and everybody once
    they have a lane."""

    @property
    def head(self) -> Call | None:
        """The request that its events belong to."""
        for call in self.calls:
            if call.phase is not Phase.GRANTED:
                return call
        return None

    def is_free_for(self, call: Call) -> bool:
        # A fork that has a lane is on its way, also past somebody who waited here before it, but for something else.
        return not self.calls and not [
            fork for fork in self.holds if fork.ticket < call.ticket or fork.lane is not None
        ]


@define(eq=False)
class LaneTable:
    """All lanes of a connection, and where its responses are. The session's lock guards everything."""

    single: bool = False
    """The server knows no lanes: everything runs on the default one, whatever its name here."""
    _clock: Callable[[], float] = time.monotonic
    lanes: dict[str | None, LaneState] = field(init=False)
    heads: dict[str, str] = field(init=False, factory=dict)
    """The newest response of each lane that a caller named, by that name."""
    _homes: dict[str, LaneState] = field(init=False, factory=dict)
    """By response: the lane that remembers it."""
    _unstored: OrderedDict[str, bool] = field(init=False, factory=OrderedDict)
    """The newest responses of this connection, and whether nothing but a lane remembers them."""
    _next_name: int = field(init=False, default=0)
    _unclaimed: int = field(init=False, default=0)
    """How many responses that only a lane remembered were lost since one of them was gone on from."""
    _uses: itertools.count[int] = field(init=False, factory=lambda: itertools.count(1))

    def __attrs_post_init__(self) -> None:
        """There is always the default lane."""
        self.lanes = {None: LaneState(None)}

    @property
    def default(self) -> LaneState:
        return self.lanes[None]

    # -- names --------------------------------------------------------------------------------------------------------

    def reserve(self, name: str | None, *, beside: str | None = None) -> str:
        """Keep a lane for the caller who names it; return its name. Any number of times for the same one.

        None: any unused name, or one of the library's own that nobody needs, but not that which remembers `beside`.

        Raises:
            LocalProtocolError: it is no name of a lane, or one of the library's own; or there are 32 already.
        """
        if name is not None:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                msg = f"a lane is named by 1 to 256 of A-Z a-z 0-9 _ . -; got {name!r}"
                raise LocalProtocolError(msg)
            if name in self.lanes and not self.lanes[name].ours:
                return name
            if _OURS.fullmatch(name):
                msg = f"{name!r} is a name of the library's own (rts-0 to rts-31): choose another one"
                raise LocalProtocolError(msg)
        unused = self._unused()
        if unused is None and self.single:
            # A name only: the server will not see it.
            unused = next(each for n in itertools.count(MAX_NAMES) if (each := f"rts-{n}") not in self.lanes)
        if unused is None and name is None:
            unused = self._give_up_one(self.home(beside))
        if unused is None:
            msg = f"this connection has used {MAX_NAMES} lanes already, which is all it may: open another one"
            raise LocalProtocolError(msg)
        chosen = name or unused
        self.lanes[chosen] = LaneState(chosen)
        return chosen

    def _give_up_one(self, home: LaneState | None) -> str | None:
        """Return the name of a lane that was lent so far, for one caller to keep; None: all are in use."""
        lendable = [lane for lane in self.lanes.values() if lane.ours and not lane.retired and lane is not home]
        idle = [lane for lane in lendable if not lane.calls and not lane.holds]
        rested = [lane for lane in idle if self._is_rested(lane, threading.get_ident())]
        return min(rested, key=self._cost, default=LaneState(None)).name

    def named(self, name: str | None) -> LaneState:
        """Return the lane of that name, a new one if need be."""
        if self.single:
            return self.default
        lane = self.lanes.get(name)
        if lane is None:
            lane = self.lanes[name] = LaneState(name)
        return lane

    def _unused(self) -> str | None:
        if len(self.lanes) > MAX_NAMES:
            return None
        while f"rts-{self._next_name}" in self.lanes:
            self._next_name += 1
        return f"rts-{self._next_name}"

    def close_names(self) -> None:
        """Use no further name: the server has counted more than this table."""
        while (name := self._unused()) is not None:
            self.lanes[name] = LaneState(name, retired=True)

    # -- choosing -----------------------------------------------------------------------------------------------------

    def needed(self, call: Call) -> LaneState | None:
        """Return the one lane that a request can run on, or None: it is not particular."""
        if self.single:
            return self.default
        if call.wants.lane is not ANY:
            return self.named(call.wants.lane)
        return None if call.wants.fork else self.home(call.wants.previous)

    def home(self, response_id: str | None) -> LaneState | None:
        """Return the lane that remembers a response, or on which it runs."""
        return self._homes.get(response_id) if response_id is not None else None

    def is_evicted(self, response_id: str) -> bool:
        """Tell whether a response is known to be remembered nowhere."""
        return self._unstored.get(response_id, False) and response_id not in self._homes

    def hold_back(self, call: Call) -> None:
        """Have whatever comes later on the lane of a response wait until this fork of that response has begun."""
        home = self.home(call.wants.previous)
        if home is not None and self.needed(call) is not home:
            home.holds[call] = None

    def release(self, call: Call) -> bool:
        """Hold back nothing any more; return whether it did."""
        home = self.home(call.wants.previous)
        if home is not None and call in home.holds:
            del home.holds[call]
            return True
        return False

    def choose(self, call: Call, wanted: Collection[LaneState]) -> LaneState | None:
        """Return the lane for a request, or None: it has to wait. `wanted`: lanes that others can do nothing without.

        Raises:
            ServerError: what it goes on from is remembered nowhere.
            LocalProtocolError: the lane that it asks for is retired.
            NoLanes: all of them are.
        """
        previous = call.wants.previous
        if previous is not None and self.is_evicted(previous):
            self._unclaimed = 0
            raise _evicted(previous)
        needed, home = self.needed(call), self.home(previous)
        if needed is not None:
            if needed.retired:
                raise _unusable(needed)
            return needed if needed.is_free_for(call) and self._may_leave(call, needed, home) else None
        if not self._may_leave(call, None, home):
            return None
        return self._any(call, wanted, home)

    def _may_leave(self, call: Call, lane: LaneState | None, home: LaneState | None) -> bool:
        """Tell whether what a request goes on from is complete, and safe from being forgotten, on its own lane."""
        previous = call.wants.previous
        if previous is None or home is None or home is lane or not home.calls:
            return True
        running = [each for each in home.calls if each.response_id == previous]
        return not running and not self._unstored.get(previous, True)

    def _any(self, call: Call, wanted: Collection[LaneState], home: LaneState | None) -> LaneState | None:
        unused = self._unused()
        if unused is not None:
            lane = self.lanes[unused] = LaneState(unused, ours=True)
            return lane
        lendable = [lane for lane in self.lanes.values() if lane.ours and not lane.retired] or self._last_resort()
        free = [lane for lane in lendable if lane not in wanted and lane is not home and lane.is_free_for(call)]
        rested = [lane for lane in free if self._is_rested(lane, call.thread)]
        return min(rested, key=self._cost, default=None)

    def _cost(self, lane: LaneState) -> tuple[bool, int]:
        """Order lanes: those of whose response nothing is lost, then by how long their chain has rested."""
        return self._loses(lane), lane.used_at

    def _is_rested(self, lane: LaneState, thread: int) -> bool:
        """Tell whether nobody is expected to go on from what is lost with a lane.

        Whoever got a response may be about to go on from it: unless this request is what they do instead, or nobody
        does so here, as the responses of a whole round of lanes have shown.
        """
        if not self._loses(lane) or lane.thread == thread or self._unclaimed >= MAX_NAMES:
            return True
        return self._clock() - lane.left_at >= REST_SECONDS

    def _last_resort(self) -> list[LaneState]:
        if self.default.retired:
            raise NoLanes
        return [self.default]

    def _loses(self, lane: LaneState) -> bool:
        return lane.awaits_successor or (lane.latest is not None and self._unstored.get(lane.latest, False))

    # -- what becomes of requests -------------------------------------------------------------------------------------

    def take(self, lane: LaneState, call: Call) -> None:
        """Give a lane to a request."""
        call.lane = lane
        lane.used_at = next(self._uses)
        lane.calls.append(call)

    def leave(self, call: Call) -> None:
        """Take the lane back."""
        lane = call.lane
        if lane is not None and call in lane.calls:
            lane.left_at, lane.thread = self._clock(), call.thread
            lane.calls.remove(call)

    def began(self, call: Call, response_id: str) -> None:
        """Note that a response runs: its lane forgets the one before."""
        lane = call.lane
        if lane is None:
            return
        if call.wants.previous in self._unstored:
            self._unclaimed = 0
        elif self._loses(lane):
            self._unclaimed += 1
        self._forget(lane)
        lane.latest = response_id
        lane.awaits_successor = False
        self._homes[response_id] = lane
        self._unstored[response_id] = call.wants.unstored
        while len(self._unstored) > MAX_KNOWN:
            self._unstored.popitem(last=False)

    def ended(self, call: Call, *, well: bool) -> None:
        """Note how a request ended; one that ended badly leaves nothing to go on from.

        (API guide, checked November 2026: a continuation on the same lane that fails evicts what it referred to.)
        """
        lane = call.lane
        if lane is None:
            return
        if not well and lane.latest is not None and lane.latest in (call.response_id, call.wants.previous):
            self._forget(lane)
        elif well and isinstance(call.wants.lane, str) and call.response_id is not None:
            self.heads[call.wants.lane] = call.response_id

    def retire(self, lane: LaneState) -> None:
        """Give a lane to nobody any more."""
        lane.retired = True
        self._forget(lane)

    def lost(self, kept: Collection[Call]) -> None:
        """Begin on a new connection, where no lane remembers anything, with the lanes that callers named.

        `kept`: what will be sent on the lane that it has.
        """
        self._homes.clear()
        self._unclaimed = self._next_name = 0
        for name, lane in tuple(self.lanes.items()):
            lane.calls = [call for call in lane.calls if call in kept]
            lane.holds.clear()
            lane.latest = None
            # (Retired and never used: a name that only was not to be used, see `close_names`.)
            is_named = name is None or not (lane.ours or (lane.retired and not lane.used_at))
            lane.awaits_successor = lane.retired = False
            if not (is_named or lane.calls):
                del self.lanes[name]

    def _forget(self, lane: LaneState) -> None:
        if lane.latest is not None:
            self._homes.pop(lane.latest, None)
            lane.latest = None
            lane.holds.clear()  # What they go on from is gone, which they will be told.

    def merge(self, calls: Iterable[Call]) -> None:
        """Put everything on the default lane: the server has no other. `calls`: what has a lane, in order."""
        self.single = True
        self._homes.clear()
        for lane in self.lanes.values():
            lane.calls.clear()
            lane.holds.clear()
            lane.latest = None
        for call in calls:
            call.lane = self.default
            self.default.calls.append(call)
            if call.response_id is not None:
                self._homes[call.response_id] = self.default
                self.default.latest = call.response_id


def _evicted(response_id: str) -> RealtimeSyncError:
    msg = (
        f"nothing was sent: response {response_id} was not stored, and its lane has gone on or failed since; "
        "send the whole input without previous_response_id"
    )
    return ServerError(msg, code=NOT_FOUND, param="previous_response_id", replay_safe=True)


def _unusable(lane: LaneState) -> RealtimeSyncError:
    name = repr(lane.name) if lane.name is not None else "the default lane"
    msg = f"{name} may still bring what belongs to an earlier request, whose end is not known: use another lane"
    return LocalProtocolError(msg)
