"""Which request an event belongs to, and which request may go out: a state machine without threads, sockets or waiting.

An event names its lane, and on a lane one request runs at a time, so the lane tells the request. Whether a server knows
lanes at all shows only when an event of a named lane names it too: until then one request runs at a time, and a server
that names none, or refuses the name, gets everything one after the other.

Threads: `enter` and `sent` may run on a caller's thread, which an interrupt may stop at any point; so they change
nothing but what is the caller's own, and `abandon` puts that right whatever is left of it. Everything else, what
decides about other requests above all, runs on the reader, which no signal interrupts. The session's lock guards
everything.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Protocol

from attrs import define, field

from realtime_sync.errors import ConnectionClosed, ConnectionRetiring, RealtimeSyncError
from realtime_sync.responses._call import Call, Phase, Steer, Wants
from realtime_sync.responses._events import (
    BEGINNINGS,
    CONNECTION_LIMIT,
    ENDS,
    ERRORS,
    STEERS,
    error_code,
    field_of,
    names_stream_id,
    part_of,
    response_id_of,
    was_steered,
)
from realtime_sync.responses._lanes import LaneState, LaneTable, NoLanes
from realtime_sync.session import DISCARD, Entry, EventQueue

__all__ = ["LaneBook"]

MAX_IN_FLIGHT: Final = 16
MAX_DRAINING: Final = 8
MAX_CUT: Final = 1024
DRAIN_SECONDS: Final = 600.0
PATIENCE_SECONDS: Final = 10.0
"""How long to wait for what is overdue: the first event after an error that named no lane, or what became of a steer
after the response that it was for has ended."""

_IN_FLIGHT = "response_already_in_flight"
_TOO_MANY_LANES = "websocket_stream_limit_reached"


class _Proved(Protocol):
    def __call__(self, *, lanes: bool) -> None: ...


@define(eq=False, kw_only=True)
class LaneBook:
    """All requests of a connection.

    `_submit` hands an event and its request to the reader for sending; `_proved` is told whether the server knows
    lanes, once that shows; `_close_queue` is given the queue of each request that is over; `_answered` is called
    whenever the server has answered one, by its beginning or by an error; `_clock` is monotonic.
    """

    _submit: Callable[[dict[str, Any], Call], None]
    _proved: _Proved
    _close_queue: Callable[[EventQueue], None]
    knows_lanes: bool | None = None
    """Whether the server does; None: not known yet."""
    _answered: Callable[[], object] = lambda: None
    _clock: Callable[[], float] = time.monotonic
    lanes: LaneTable = field(init=False)
    waiting: dict[Call, None] = field(init=False, factory=dict)
    """What waits for a lane, in order."""
    active: dict[Call, None] = field(init=False, factory=dict)
    """What has a lane, in the order in which it got it."""
    retiring: ConnectionRetiring | None = field(init=False, default=None)
    """Why nothing new goes out on this connection."""
    _by_response: dict[str, Call] = field(init=False, factory=dict)
    away: bool = field(init=False, default=False)
    """There is no connection right now, but there will be another one: everybody waits in line."""
    _cut: OrderedDict[str, None] = field(init=False, factory=OrderedDict)
    """Responses that an error event ended for whoever waited: what still comes of them is nobody's."""
    _proved_here: bool = field(init=False, default=False)
    """On this connection, not only on another one to the same server."""
    _tickets: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        """Begin with what is known."""
        self.lanes = LaneTable(single=self.knows_lanes is False, clock=self._clock)

    @property
    def limit(self) -> int:
        """How many requests may run at once."""
        if self.away:
            return 0
        return MAX_IN_FLIGHT if self.knows_lanes else 1

    # -- going out ----------------------------------------------------------------------------------------------------

    def enter(self, call: Call) -> None:
        """Let a request have a lane, now or when its turn comes; then it wakes, as it does if it never will.

        Caller's thread.
        """
        self._tickets += 1
        call.ticket = self._tickets
        self.lanes.hold_back(call)
        # What waits for a lane of its own could not go now, or it would have gone. Who takes any lane waits in line.
        waits = len(self.active) >= self.limit or (self._takes_any(call) and any(map(self._takes_any, self.waiting)))
        if waits or not self._decide(call, self._wanted()):
            self.waiting[call] = None

    def _takes_any(self, call: Call) -> bool:
        return self.lanes.needed(call) is None

    def _wanted(self) -> tuple[LaneState, ...]:
        """Return the lanes that those in line can do nothing without."""
        return tuple(lane for call in self.waiting if (lane := self.lanes.needed(call)) is not None)

    def _decide(self, call: Call, wanted: tuple[LaneState, ...]) -> bool:
        """Give a request a lane or tell it why not; False: it has to wait."""
        try:
            if self.retiring is not None:
                raise self._refused()
            lane = self.lanes.choose(call, wanted)
        except NoLanes:
            self._retire("every lane of this connection may still bring what belongs to earlier requests")
            return self._decide(call, wanted)
        except RealtimeSyncError as refusal:
            self._refuse(call, refusal)
            return True
        if lane is None:
            return False
        self.active[call] = None
        self.lanes.take(lane, call)
        call.phase = Phase.GRANTED
        self.waiting.pop(call, None)
        if call.again:
            call.phase = Phase.SENT
            self._submit(self.message(call), call)
        call.wake()
        return True

    def _refuse(self, call: Call, refusal: RealtimeSyncError) -> None:
        """Let go of a request that cannot be sent, or not again: then whoever asked waits for its events already."""
        call.refusal = refusal
        self._over(call)
        if call.queue is not None:
            call.queue.end_locked(lambda: refusal)
        call.notify()
        call.wake()

    def message(self, call: Call) -> dict[str, Any]:
        """Return what to send for a request that has a lane."""
        name = call.lane.name if call.lane is not None else None
        return {"type": "response.create", **call.body, **({} if name is None else {"stream_id": name})}

    def look_again(self) -> None:
        """Let those go whose turn came with time alone. Reader thread."""
        self._grant()

    def _grant(self) -> None:
        """Let those go whose turn has come. What can only run on a lane of its own does not hold up others."""
        more = True
        while more and self.waiting and len(self.active) < self.limit:
            more = False
            wanted = self._wanted()
            for call in tuple(self.waiting):
                if len(self.active) >= self.limit:
                    break
                if self._decide(call, wanted) and call.refusal is not None:
                    more = True  # Without it, one that waits further ahead may go.

    def sent(self, data: Mapping[str, Any], call: Call | None) -> None:
        """Note a `response.create` or a `response.steer` that takes its place in the outgoing order.

        Caller's thread, or the reader; again for the same event, if an interrupt left it undone.
        """
        if data["type"] == "response.create":
            self._sent_create(data, call)
            return
        running = self._by_response.get(data.get("previous_response_id") or "")
        if running is not None and not [each for each in running.steers if each.data is data]:
            running.steers.append(Steer(data, data["previous_response_id"]))

    def _sent_create(self, data: Mapping[str, Any], call: Call | None) -> None:
        stream_id = data.get("stream_id")
        if call is None:
            call = self._by_hand(data, stream_id if isinstance(stream_id, str) else None)
        lane = call.lane
        if lane is not None and call.phase is not Phase.OVER:
            call.stream_id = stream_id
            call.phase = Phase.SENT
            # Its place is behind what was sent before it. By one assignment, which no interrupt can cut in two.
            lane.calls = [*(each for each in lane.calls if each is not call), call]

    def _by_hand(self, data: Mapping[str, Any], name: str | None) -> Call:
        lane = self.lanes.named(name)
        known = [call for call in lane.calls if call.body is data]
        call = known[0] if known else Call(wants=Wants.of(data, name), body=data)
        # The lane first: by that the call is known if an interrupt has this done again.
        if not known:
            self.lanes.take(lane, call)
        self.active[call] = None
        return call

    # -- coming in ----------------------------------------------------------------------------------------------------

    def owner(self, entry: Entry) -> EventQueue | Any | None:
        """Return the queue of the request that an event belongs to, `DISCARD`, or None for nobody's. Reader thread."""
        event = entry[1]
        kind = event.type
        if kind in ERRORS:
            return self._error(entry)
        if kind in STEERS:
            return self._steer(entry)
        lane = self._lane_of(event, kind) if kind.startswith("response.") else None
        call = lane.head if lane is not None else None
        if kind in BEGINNINGS:
            return self._begins(call, entry, kind)
        if kind in ENDS:
            return self._ends(call, entry, kind)
        if call is None or call.phase is not Phase.RUNNING:
            return None  # The rest of something that is over, or of nobody's: never the next one's.
        return self._deliver(call)

    def _lane_of(self, event: Any, kind: str) -> LaneState | None:
        """Return the lane of an event of a response, learning from it whether the server knows lanes."""
        name = field_of(event, "stream_id")
        if isinstance(name, str):
            lane = self.lanes.default if self.lanes.single else self.lanes.lanes.get(name)
            if not self._proved_here and not self.lanes.single and lane is not None and lane.head is not None:
                self._proved_here = True
                self.knows_lanes = True
                self._proved(lanes=True)
                self._grant()
            return lane
        default = self.lanes.default
        # On a retired default lane it may be what belongs to an earlier request there.
        unclaimed = default.head is None and not default.retired
        if unclaimed and not self._proved_here and kind in BEGINNINGS and self._sent_named():
            self._go_single()
        return default

    def _sent_named(self) -> list[Call]:
        return [call for call in self.active if call.is_sent and call.stream_id is not None]

    def _go_single(self) -> None:
        """Go on without lanes: what has one runs, or waits at the server, in the order in which it was sent."""
        self.knows_lanes = False
        self._proved(lanes=False)
        self.lanes.merge(sorted(self.active, key=lambda call: (call.number is None, call.number or 0)))

    def _deliver(self, call: Call) -> EventQueue | Any | None:
        if call.queue is None:
            return None
        return call.queue if call.drains_since is None else DISCARD

    def _last(self, call: Call, entry: Entry) -> EventQueue | Any | None:
        """Deliver the last event of a request: into its queue before the end of that."""
        owner = self._deliver(call)
        if owner is call.queue and call.queue is not None:
            call.queue.put_locked(entry)
            owner = DISCARD
        self._finish(call)
        return owner

    # -- responses ----------------------------------------------------------------------------------------------------

    def _begins(self, call: Call | None, entry: Entry, kind: str) -> EventQueue | Any | None:
        event = entry[1]
        response_id = response_id_of(event)
        if call is None or not self._is_awaited(call, response_id):
            return None
        if call.phase is not Phase.RUNNING:
            self._began(call, response_id)
        if kind == "response.in_progress" and self.lanes.release(call):
            self._grant()
        return self._deliver(call)

    def _is_awaited(self, call: Call, response_id: str | None) -> bool:
        """Tell whether a response can be the one that a request waits for, or has."""
        if call.phase is Phase.RUNNING:
            return response_id is None or response_id == call.response_id
        return response_id is None or (response_id not in self._by_response and response_id not in self._cut)

    def _began(self, call: Call, response_id: str | None) -> None:
        """Note that the response of a request runs, its first or the successor that a steer brought."""
        call.phase = Phase.RUNNING
        self._answered()
        call.due = call.suspect = None
        call.begun_steers(response_id)
        if response_id is not None:
            call.response_ids.append(response_id)
            self._by_response[response_id] = call
            self.lanes.began(call, response_id)
        call.notify()

    def _ends(self, call: Call | None, entry: Entry, kind: str) -> EventQueue | Any | None:
        event = entry[1]
        response_id = response_id_of(event)
        if call is None or not self._is_awaited(call, response_id):
            return None
        if call.phase is not Phase.RUNNING:
            self._began(call, response_id)  # Some servers tell of a short response by its end alone.
        call.steers = [steer for steer in call.steers if steer.successor is None or steer.successor != response_id]
        self.lanes.ended(call, well=kind != "response.failed")
        if call.steers or was_steered(event):
            call.phase = Phase.SETTLING
            call.due = self._clock() + PATIENCE_SECONDS
            return self._deliver(call)
        return self._last(call, entry)

    def _finish(self, call: Call) -> None:
        """Let go of a request that has ended, and let the next one have its lane."""
        self._over(call)
        if call.queue is not None:
            call.queue.end_locked(lambda: None)
        call.notify()
        self._grant()

    def _over(self, call: Call) -> None:
        """Forget a request, whatever is known of it."""
        self.waiting.pop(call, None)
        self.active.pop(call, None)
        self.lanes.release(call)
        self.lanes.leave(call)
        for response_id in call.response_ids:
            self._by_response.pop(response_id, None)
        call.phase = Phase.OVER
        call.due = None
        if call.queue is not None:
            self._close_queue(call.queue)
        call.tell()

    # -- steers -------------------------------------------------------------------------------------------------------

    def _steer(self, entry: Entry) -> EventQueue | Any | None:
        event = entry[1]
        told = field_of(event, "steer")
        steer_id, response_id = part_of(told, "id"), part_of(told, "previous_response_id")
        call = self._by_response.get(response_id) if isinstance(response_id, str) else None
        if call is None:
            return None
        steer = call.steer_of(steer_id, response_id)
        if event.type == "response.steer.accepted":
            if steer is None:
                call.steers.append(steer := Steer({}, response_id))
            steer.id = steer_id
            return self._deliver(call)
        if steer is not None:
            call.steers.remove(steer)
        if event.type == "response.steer.pending":
            call.pending_input = tuple(field_of(event, "required_input") or ())
            if call.lane is not None:
                call.lane.awaits_successor = True
        if call.steers or call.phase is not Phase.SETTLING:
            return self._deliver(call)
        return self._last(call, entry)

    # -- errors -------------------------------------------------------------------------------------------------------

    def _error(self, entry: Entry) -> EventQueue | Any | None:
        event = entry[1]
        code = error_code(event)
        if code == CONNECTION_LIMIT:
            self._retire("the connection has reached the server's limit on its duration", event)
        call = self._blamed(event, code)
        if call is None:
            return None
        self._answered()
        if call.phase is Phase.SENT and self._goes_again(call, event, code):
            return None if call.by_hand else DISCARD
        self.lanes.ended(call, well=False)
        call.error = event
        if call.phase is Phase.RUNNING and call.response_id is not None:
            self._cut[call.response_id] = None  # It may have been about something else, and the response go on.
            while len(self._cut) > MAX_CUT:
                self._cut.popitem(last=False)
        return self._last(call, entry)

    def _blamed(self, event: Any, code: str | None) -> Call | None:
        """Return the request that an error answers, or None; those it may answer are marked."""
        name = field_of(event, "stream_id")
        if isinstance(name, str) and not self.lanes.single:
            lane = self.lanes.lanes.get(name)
            return lane.head if lane is not None else None
        sent = [call for call in self.active if call.is_sent]
        unanswered = [call for call in sent if call.phase is Phase.SENT]
        if code == CONNECTION_LIMIT:
            sent = unanswered  # What runs goes on.
        elif code == _IN_FLIGHT and len(sent) > 1:
            return next(iter(unanswered), None)
        head = self.lanes.default.head
        if head is not None and head in sent:
            return head
        for candidates in (sent, unanswered):
            if len(candidates) == 1:
                return candidates[0]
        for call in unanswered:
            if call.suspect is None:
                call.suspect, call.due = event, self._clock() + PATIENCE_SECONDS
        return None

    def _goes_again(self, call: Call, event: Any, code: str | None) -> bool:
        """Have a request go out again that was refused because of its lane; return whether it does."""
        if call.by_hand or call.drains_since is not None:
            return False
        if call.stream_id is not None and not self._proved_here and names_stream_id(event):
            if not self.lanes.single:
                self._go_single()
        elif code == _TOO_MANY_LANES and call.lane is not None and call.lane.ours:
            call.lane.retired = True
            self.lanes.close_names()
        elif code != _IN_FLIGHT:
            return False
        elif not self.lanes.single:
            self._go_single()
        self._wait_again(call)
        self._grant()
        return True

    def _wait_again(self, call: Call) -> None:
        """Put a request that is sent again at the head of the line."""
        self.active.pop(call, None)
        self.lanes.leave(call)
        call.phase, call.lane, call.number, call.again = Phase.WAITING, None, None, True
        call.suspect = call.due = None
        self.waiting = {call: None, **self.waiting}

    # -- giving up ----------------------------------------------------------------------------------------------------

    def abandon(self, call: Call) -> None:
        """Let nobody see the rest of a request; its lane is free at its end. Any number of times. Reader thread."""
        if call.phase is Phase.OVER or call.drains_since is not None:
            return
        if call.queue is not None:
            call.queue.clear_locked()
            call.queue.end_locked(lambda: None)
        if not call.is_sent:
            self._over(call)
            self._grant()
            return
        call.drains_since = self._clock()
        if sum(each.drains_since is not None for each in self.active) > MAX_DRAINING:
            self._retire(f"more than {MAX_DRAINING} requests that nobody waits for are still running")

    def tick(self) -> None:
        """Give up on what has waited too long. Reader thread."""
        now = self._clock()
        if self.retiring is not None:
            self._refuse_waiting()  # An interrupt may have kept a caller's thread from doing so.
        for call in tuple(self.active):
            if call.due is not None and now >= call.due:
                self._overdue(call)
            elif call.drains_since is not None and now - call.drains_since > DRAIN_SECONDS:
                self._retire(f"a request that nobody waits for is still running after {DRAIN_SECONDS:.0f} s")
        self._grant()

    def _overdue(self, call: Call) -> None:
        """End a request without its last event: its lane may still bring that, and is nobody's any more."""
        if call.phase is Phase.SETTLING:
            call.steer_unknown = True
        else:
            call.error = call.suspect
        lane = call.lane
        if lane is not None:
            self.lanes.retire(lane)
            if self.lanes.single or (lane.name is None and not self._proved_here):
                self._retire(
                    "the server may have one lane only, which may still bring what belongs to an earlier request"
                )
        self._finish(call)

    def retire(self, reason: str) -> None:
        """Let nothing new go out; what runs goes on. Reader thread."""
        self._retire(reason)

    def _retire(self, reason: str, event: Any = None) -> None:
        if self.retiring is None:
            self.retiring = ConnectionRetiring(
                f"nothing was sent, open another connection: {reason}", server_error=event
            )
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        for call in tuple(self.waiting):
            self._refuse(call, self._refused())

    def _refused(self) -> ConnectionRetiring:
        known = self.retiring
        return ConnectionRetiring(
            known.message if known is not None else "", server_error=known.server_error if known is not None else None
        )

    # -- another connection -------------------------------------------------------------------------------------------

    def lost(self, unseen: Collection[Call], make_error: Callable[[], ConnectionClosed]) -> None:
        """Fail what the server may have seen, and let everything else wait for another connection. Reader thread.

        Args:
            unseen: requests whose message waits to be written.
            make_error: what those get that fail.
        """
        self.away = True
        self.retiring = None
        self._proved_here = False
        self._cut.clear()
        # Whoever asked is about to send it, or its message waits for another connection already.
        kept = [call for call in self.active if call.phase is Phase.GRANTED]
        for call in tuple(self.active):
            if call in kept:
                continue
            is_queued = not call.again or call.number is not None  # Else the reader has yet to send it.
            if is_queued and call not in unseen:
                self._lose(call, seen=True, make_error=make_error)
            elif call.is_lost or call.drains_since is not None:
                self._lose(call, seen=False, make_error=make_error)
            elif is_queued:
                call.phase, call.number = Phase.GRANTED, None
                call.suspect = call.due = None
                kept.append(call)
            else:
                self._wait_again(call)
        self.lanes.lost(kept)

    def _lose(self, call: Call, *, seen: bool, make_error: Callable[[], ConnectionClosed]) -> None:
        call.seen = seen
        self._over(call)
        if call.queue is not None:
            call.queue.end_locked(make_error)
        call.notify()

    def resumed(self) -> None:
        """Go on, on a new connection. Reader thread."""
        self.away = False
        self._grant()

    def end(self) -> None:
        """Wake whoever waits: the connection is over, and the core ends every queue. Reader thread."""
        for call in (*self.waiting, *self.active):
            call.wake()
            call.notify()

    @property
    def has_open(self) -> bool:
        """Whether anybody waits for a response, or for its lane."""
        return bool(self.waiting) or any(not call.by_hand and call.drains_since is None for call in self.active)
