"""Lanes against a model of the server that knows the truth: whatever happens, each event reaches the request that caused it."""

from __future__ import annotations

import itertools

import pytest
from attrs import Factory, define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime_sync.errors import ClosedError
from realtime_sync.responses._book import MAX_IN_FLIGHT, PATIENCE_SECONDS
from realtime_sync.responses._call import ANY, Phase
from realtime_sync.session import DISCARD
from tests.responses.lane_support import MAILBOX, Bench, event
from tests.support.examples import examples

NAMES = ["mine", "yours", None]


@define(eq=False)
class Create:
    """A request as the server has it."""

    call: object
    body: dict
    id: str | None = None
    """Of the response that runs."""
    ids: list = field(factory=list)
    steers: dict = field(factory=dict)
    """Accepted, by id: for the successor of the response that runs."""
    unanswered: list = field(factory=list)
    """The ids of the responses that steers without an answer were for."""
    settling: bool = False
    over: bool = False
    given_up: bool = False
    """The client has waited long enough for what became of a steer."""


@define(eq=False)
class ServerLane:
    creates: list[Create] = Factory(list)
    latest: str | None = None


class LaneModel(RuleBasedStateMachine):
    """Callers, a server and time, in any order."""

    knows_lanes = None
    """What the client takes for granted of a server."""
    has_lanes = True

    @initialize()
    def begin(self):
        self.bench = Bench(knows_lanes=self.knows_lanes)
        self.lanes = {}
        self.ids = itertools.count(1)
        self.made = []
        self.known = []
        self.unstored = set()
        self.creates = {}
        self.seen = set()

    # -- the wire -----------------------------------------------------------------------------------------------------

    def lane_of(self, create):
        name = create.body.get("stream_id") if self.has_lanes else None
        return self.lanes.setdefault(name, ServerLane())

    def deliver(self):
        """Hand to the server what was sent meanwhile."""
        for data, call in self.bench.submitted:
            self.bench.book.sent(data, call)
            self.arrived(call, data)
        self.bench.submitted.clear()
        for call in self.bench.calls:
            if call.is_sent and call not in self.seen:
                self.seen.add(call)
                named = {} if call.stream_id is None else {"stream_id": call.stream_id}
                self.arrived(call, {**call.body, **named})

    def arrived(self, call, body):
        create = self.creates[call] = Create(call, body)
        lane = self.lane_of(create)
        if self.has_lanes and not call.by_hand:
            assert all(each.call.by_hand for each in lane.creates), "two requests at once on a lane"
        lane.creates.append(create)

    def tell(self, create, kind, **fields):
        """Send an event that a request caused, and see where it goes."""
        lane = create.body.get("stream_id") if self.has_lanes else None
        call = create.call
        if call.by_hand or create.over or create.given_up:
            expected = MAILBOX
        else:
            expected = DISCARD if call.drains_since is not None else call
        got = self.bench.receive(event(kind, lane, **fields))
        assert got is expected or got == expected, f"{kind} of {create} went to {got}"

    def response(self, create, **fields):
        return {"id": create.id, "output": [], **fields}

    # -- callers ------------------------------------------------------------------------------------------------------

    @rule(
        choice=st.sampled_from([ANY, ANY, ANY, *NAMES]),
        previous=st.one_of(st.none(), st.integers(0, 5)),
        fork=st.booleans(),
        store=st.booleans(),
    )
    def ask(self, choice, previous, fork, store):
        """Make a request, going on from one of the newest responses perhaps."""
        source = self.known[-1 - previous] if previous is not None and previous < len(self.known) else None
        call = self.bench.ask(source, choice, fork=fork and source is not None, store=store)
        self.made.append(call)
        self.deliver()

    @rule(name=st.sampled_from(NAMES))
    def by_hand(self, name):
        """Send one without asking for a lane. (On a server without lanes it cannot be told from the others.)"""
        lane = self.lanes.get(name)
        unsafe = lane is not None and any(
            call.wants.previous == lane.latest for call in (*self.bench.book.active, *self.bench.book.waiting)
        )
        if self.has_lanes and self.bench.book.knows_lanes and not unsafe:  # It would evict what others go on from.
            self.bench.by_hand(name)
            self.deliver()

    @precondition(lambda self: self.made)
    @rule(index=st.integers(0, 20))
    def leave(self, index):
        """Leave a request, wherever it is."""
        call = self.made[-1 - index % len(self.made)]
        # More than 8 that drain would retire the connection, and with it the fun.
        if sum(each.drains_since is not None for each in self.bench.book.active) < 8:
            self.bench.book.abandon(call)
            self.bench.send(*self.bench.calls)
            self.deliver()

    def running(self):
        heads = [lane.creates[0] for lane in self.lanes.values() if lane.creates]
        return [create for create in heads if create.id is not None]

    @precondition(lambda self: self.running())
    @rule(index=st.integers(0, 20), answer=st.sampled_from(["accepted", "failed", "silence"]))
    def steer(self, index, answer):
        """Steer a running response; the server takes it, refuses it, or says nothing."""
        running = self.running()
        create = running[index % len(running)]
        call = create.call
        if call.phase is not Phase.RUNNING or create.settling:
            return
        self.bench.steer(call)
        steer = {"previous_response_id": create.id}
        if answer == "accepted" and not create.unanswered:
            steer["id"] = f"st_{next(self.ids)}"
            create.steers[steer["id"]] = create.id
            self.tell(create, "response.steer.accepted", steer=steer)
        elif answer == "failed" and not create.unanswered:
            self.tell(create, "response.steer.failed", steer={**steer, "input": "x"}, error={"code": "no"})
        else:
            create.unanswered.append(create.id)

    # -- the server ---------------------------------------------------------------------------------------------------

    def pick(self, index):
        busy = [lane for lane in self.lanes.values() if lane.creates]
        if not busy:
            return None, None
        lane = busy[index % len(busy)]
        return lane, lane.creates[0]

    @rule(index=st.integers(0, 20), refuses=st.sampled_from([False, False, False, True]))
    def start(self, index, refuses):
        """Begin a response, or refuse it."""
        lane, create = self.pick(index)
        if create is None or create.id is not None:
            return
        previous = create.body.get("previous_response_id")
        if self.has_lanes and previous in self.unstored and not create.call.by_hand:
            assert any(each.latest == previous for each in self.lanes.values()), f"not found: {create}; {self.lanes}"
        if refuses:
            self.refuse(lane, create)
        else:
            self.run(lane, create)

    def refuse(self, lane, create):
        lane.creates.remove(create)
        if lane.latest is not None and lane.latest == create.body.get("previous_response_id"):
            lane.latest = None
        self.tell(create, "error", status=400, error={"code": "bad", "message": "no"})
        create.over = True
        self.deliver()

    def run(self, lane, create):
        create.id = f"resp_{next(self.ids)}"
        create.ids.append(create.id)
        lane.latest = create.id
        if create.body.get("store") is False:
            self.unstored.add(create.id)
        self.tell(create, "response.created", response=self.response(create))
        self.known.append(create.id)
        self.deliver()

    @rule(index=st.integers(0, 20), kind=st.sampled_from(["delta", "delta", "in_progress"]))
    def go_on(self, index, kind):
        """Send something of a running response."""
        _, create = self.pick(index)
        if create is None or create.id is None or create.settling:
            return
        if kind == "delta":
            self.tell(create, "response.output_text.delta", item_id="i", delta="x", output_index=0, content_index=0)
        else:
            self.tell(create, "response.in_progress", response=self.response(create))
        self.deliver()

    @rule(index=st.integers(0, 20), kind=st.sampled_from(["completed", "completed", "incomplete", "failed", "error"]))
    def finish(self, index, kind):
        """End a response; if a steer waits, its successor is to come."""
        lane, create = self.pick(index)
        if create is None or create.id is None or create.settling:
            return
        if kind in ("failed", "error"):
            lane.latest = None
        if kind == "error":
            self.tell(create, "error", status=500, error={"code": "bad", "message": "no"})
            self.over(lane, create)
            return
        reason = {"incomplete_details": {"reason": "steered"}} if kind == "incomplete" and create.steers else {}
        self.tell(create, f"response.{kind}", response=self.response(create, status=kind, **reason))
        create.settling = True
        if not create.steers and not create.unanswered:
            self.over(lane, create)
        self.deliver()

    def over(self, lane, create):
        create.over = True
        if create in lane.creates:
            lane.creates.remove(create)
        self.deliver()

    @rule(index=st.integers(0, 20), how=st.sampled_from(["successor", "pending", "failed"]))
    def settle(self, index, how):
        """Say what became of the steers of a response that has ended."""
        lane, create = self.pick(index)
        if create is None or not create.settling or (not create.steers and not create.given_up):
            return
        if how == "successor" or create.given_up:
            create.steers.clear()
            create.settling = False
            self.run(lane, create)
            return
        for steer_id, response_id in list(create.steers.items()):
            steer = {"id": steer_id, "previous_response_id": response_id}
            del create.steers[steer_id]
            if how == "pending":
                self.tell(create, "response.steer.pending", steer=steer, reason="r", required_input=[])
            else:
                self.tell(create, "response.steer.failed", steer={**steer, "input": "x"}, error={"code": "no"})
        if not create.unanswered:
            self.over(lane, create)
        self.deliver()

    @rule()
    def time_passes(self):
        """More time than anybody waits for what became of a steer."""
        settling = [create for lane in self.lanes.values() for create in lane.creates if create.settling]
        self.bench.pass_time(PATIENCE_SECONDS + 1)
        for create in settling:
            assert create.call.phase is Phase.OVER
            assert create.call.steer_unknown
            create.given_up = True
        self.deliver()

    @rule()
    def lose(self):
        """Lose the connection, and get another one: the server has nothing any more, and remembers nothing unstored."""
        lost = tuple(self.bench.book.active)
        self.bench.book.lost((), lambda: ClosedError("lost"))
        assert not self.bench.book.active
        for call in lost:
            assert (call.phase, call.seen) == (Phase.OVER, True)
            assert call.by_hand or call.queue.ended
        for create in self.creates.values():
            create.over = True
        self.lanes.clear()
        self.bench.book.resumed()
        self.bench.send(*self.bench.calls)
        self.deliver()

    # -- always -------------------------------------------------------------------------------------------------------

    @invariant()
    def limits_are_kept(self):
        """No more at once than the server runs, one at a time without lanes, and no name too many."""
        book = self.bench.book
        assert len([call for call in book.active if not call.by_hand]) <= MAX_IN_FLIGHT
        if not self.has_lanes:
            assert len(book.active) <= 1
        assert len(book.lanes.lanes) <= 33

    def teardown(self):
        """Let the server do all that it has to do: then nobody waits any more."""
        for _ in range(2000):
            lane, create = self.pick(0)
            if create is None:
                break
            if create.id is None:
                self.start(0, refuses=False)
            elif not create.settling:
                self.finish(0, "completed")
            elif create.steers and not create.unanswered and not create.given_up:
                self.settle(0, "failed")
            else:
                if not create.given_up:
                    self.time_passes()
                lane.creates.remove(create)  # It never says.
        book = getattr(self, "bench", None) and self.bench.book
        if book:
            assert not book.waiting, f"left waiting: {list(book.waiting)}"
            assert not book.active, f"left running: {list(book.active)}"
            assert not any(lane.calls or lane.holds for lane in book.lanes.lanes.values())


class WithoutLanes(LaneModel):
    """A server that names no lanes, which the client has to find out."""

    has_lanes = False


class OnProof(LaneModel):
    """A server whose lanes are known from another connection."""

    knows_lanes = True


@pytest.mark.parametrize("machine", [LaneModel, OnProof, WithoutLanes])
def test_lanes_model(machine):
    """Random requests, forks, steers, errors, ends, time-outs and leaving."""
    case = machine.TestCase
    case.settings = settings(max_examples=examples(12), stateful_step_count=50, deadline=None)
    case("runTest").runTest()
