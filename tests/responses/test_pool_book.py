"""The book of a pool: who gets a place, when connections open, rotate and go; rule by rule, then at random."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from realtime_sync.errors import ConnectError, PoolClosed
from realtime_sync.responses._pool_book import DRAIN_LOOK_SECONDS, LIFE_SECONDS, Ticket
from tests.responses.pool_support import Bench, FakeCarrier
from tests.support.examples import examples


def has_place(*tickets):
    return [ticket.member is not None for ticket in tickets]


# -- places -----------------------------------------------------------------------------------------------------------


def test_the_first_request_waits_for_a_dial():
    """Nothing is dialled before; then one connection is, and the request has a place on it."""
    bench = Bench.of()
    assert not bench.book.wants_dial(0)
    ticket = bench.ask()
    assert has_place(ticket) == [False]
    member = bench.dial()
    assert ticket.member is member
    assert bench.woken == [ticket]
    assert not bench.book.wants_dial(0)


def test_a_connection_takes_as_many_as_it_says():
    """And the next request brings the next connection, up to the limit of the pool."""
    bench = Bench.of()
    first = bench.asks(2)
    bench.dial(limit=2)
    second = bench.ask()
    assert has_place(*first, second) == [True, True, False]
    bench.dial(limit=1)
    assert has_place(second) == [True]
    bench.ask()
    assert not bench.book.wants_dial(0)


def test_one_dial_at_a_time():
    """However many wait."""
    bench = Bench.of(max_connections=4)
    bench.asks(10)
    bench.book.dialling = True
    assert not bench.book.wants_dial(0)
    bench.book.dialled(FakeCarrier(1), 0)
    assert bench.book.wants_dial(0)


def test_a_connection_may_turn_out_to_take_more():
    """Once the server has shown that it has lanes, those in line have places."""
    bench = Bench.of(max_connections=1)
    tickets = bench.asks(3)
    member = bench.dial(limit=1)
    assert has_place(*tickets) == [True, False, False]
    member.carrier.limit = 16
    bench.book.began(tickets[0])
    assert has_place(*tickets) == [True, True, True]


def test_first_come_first_served():
    """A place that becomes free is the first one's in line; nobody who comes later goes ahead."""
    bench = Bench.of(max_connections=1)
    running = bench.ask()
    bench.dial(limit=1)
    one, two = bench.asks(2)
    bench.end(running)
    late = bench.ask()
    assert has_place(one, two, late) == [True, False, False]
    bench.end(one)
    assert has_place(two, late) == [True, False]
    assert bench.woken == [running, one, two]


def test_nobody_overtakes_who_may_go_but_was_not_looked_at_yet():
    """Whoever comes while there is a line joins it, though there is room."""
    bench = Bench.of()
    bench.asks(2)
    old = bench.dial(limit=1)
    new = bench.dial(limit=1)
    first = bench.ask("r1", old)
    new.carrier.limit = 2
    bench.book.forget_home(first)
    assert has_place(bench.ask(), first) == [False, False]
    bench.book.grant()
    assert has_place(first) == [True]


def test_a_request_that_leaves_passes_its_place_on():
    """Granted in the moment in which it gave up, or by an error: the next one has it."""
    bench = Bench.of(max_connections=1)
    first, second = bench.asks(2)
    bench.dial(limit=1)
    bench.end(first, answered=False)
    assert has_place(second) == [True]
    bench.end(first)  # Again: it has nothing any more.
    assert list(second.member.leases) == [second]


def test_a_request_that_gives_up_leaves_the_line():
    """Nobody waits behind it."""
    bench = Bench.of(max_connections=1)
    running = bench.ask()
    bench.dial(limit=1)
    gone, waits = bench.asks(2)
    bench.end(gone)
    bench.end(running)
    assert has_place(gone, waits) == [False, True]


def test_whatever_an_interrupt_leaves_is_put_right():
    """A place taken and not noted, a place in line and on a connection: leaving takes all of it back."""
    bench = Bench.of(max_connections=1)
    running = bench.ask()
    member = bench.dial(limit=2)
    ticket = bench.ask()
    ticket.member = None  # As if the interrupt had come just before.
    bench.book.line[ticket] = None
    bench.end(ticket)
    assert list(member.leases) == [running]
    assert not bench.book.line


def test_the_least_busy_connection_is_taken():
    """And of equals the oldest, so that one that is not needed becomes idle."""
    bench = Bench.of()
    running = bench.asks(3)
    old = bench.dial(limit=2)
    new = bench.dial(limit=2)
    bench.end(*running)
    one, two, three = bench.asks(3)
    assert [each.member for each in (one, two, three)] == [old, new, old]


# -- affinity ---------------------------------------------------------------------------------------------------------


def test_a_request_goes_where_its_response_is_remembered():
    """Also when others have less to do."""
    bench = Bench.of()
    bench.asks(2)
    old = bench.dial(limit=1)
    bench.dial(limit=5)
    old.carrier.limit = 5
    assert bench.ask("r1", old).member is old
    assert bench.book.counters.delta == 1


def test_it_waits_for_that_connection_and_holds_up_nobody():
    """Others pass it, but not on the connection that it waits for."""
    bench = Bench.of()
    filler = bench.asks(2)
    old = bench.dial(limit=1)
    new = bench.dial(limit=1)
    waits = bench.ask("r1", old)
    other = bench.ask()
    bench.end(filler[1])
    assert has_place(waits, other) == [False, True]
    assert other.member is new
    third = bench.ask()
    bench.end(filler[0])
    assert has_place(waits, third) == [True, False]
    assert waits.member is old


def test_no_response_is_gone_on_from_twice_at_a_time():
    """The second one waits until the first is over, though there is room; a fork does not."""
    bench = Bench.of()
    filler = bench.ask()
    member = bench.dial()
    first, second = bench.ask("r1", member), bench.ask("r1", member)
    fork, other = bench.ask("r1", member, fork=True), bench.ask("r2", member)
    assert bench.book.needs_care()  # Who came behind it has to be looked at.
    bench.tick()
    assert has_place(first, second, fork, other) == [True, False, True, True]
    bench.end(fork, filler)
    assert has_place(second) == [False]
    bench.end(first)
    assert has_place(second) == [True]


def test_a_request_may_forget_its_home():
    """Then any connection will do."""
    bench = Bench.of()
    bench.ask()
    old = bench.dial(limit=1)
    waits = bench.ask("r1", old)
    assert not bench.book.wants_dial(0)
    bench.book.forget_home(waits)
    assert bench.dial() is waits.member


def test_a_request_whose_home_is_lost_goes_anywhere():
    """What it goes on from may be stored; the server will tell."""
    bench = Bench.of(max_connections=1)
    bench.ask()
    old = bench.dial(limit=1)
    waits = bench.ask("r1", old)
    old.carrier.lose()
    bench.tick(2)
    assert bench.book.wants_dial(bench.now + 1)
    bench.now += 1
    assert bench.dial() is waits.member


# -- connections that go ----------------------------------------------------------------------------------------------


def test_an_idle_connection_is_closed():
    """After its time without a request, not before, and not while it has one."""
    bench = Bench.of()
    ticket = bench.ask()
    member = bench.dial()
    assert bench.book.next_due(0) == 60
    assert bench.tick(100) == []
    assert bench.book.next_due(100) == 60
    bench.end(ticket)
    assert bench.book.next_due(100) == 60
    assert bench.tick(59) == []
    assert bench.tick(1) == [member.carrier]
    assert bench.book.members == []
    assert bench.book.counters.closed_idle == 1


def test_warm_connections_stay_open():
    """So many are opened without a request, and kept without one."""
    bench = Bench.of(max_connections=3, warm=1)
    member = bench.dial(limit=1)
    assert not bench.book.wants_dial(0)
    running = bench.asks(2)
    other = bench.dial(limit=1)
    bench.end(*running)
    assert bench.tick(60) == [member.carrier]
    assert bench.tick(1000) == []
    assert bench.book.members == [other]
    other.carrier.lose()
    bench.tick()
    assert bench.book.wants_dial(bench.now)


def test_none_is_closed_without_an_idle_timeout():
    """Nor does the keeper wake for it."""
    bench = Bench.of(idle_timeout=None, rotate_after=None)
    bench.end(bench.ask())
    bench.ask()
    bench.dial()
    bench.tick(LIFE_SECONDS)
    assert bench.book.next_due(bench.now) is None
    assert bench.tick(1e9) == []


@pytest.mark.parametrize(("random", "at"), [(0.0, 3000.0), (1.0, 2700.0)])
def test_a_connection_rotates_before_its_time(random, at):
    """It takes nothing new, goes when it has ended what it has, and another one takes its place meanwhile."""
    bench = Bench.of(max_connections=1, idle_timeout=None, random=lambda: random)
    running = bench.ask()
    old = bench.dial()
    bench.tick(at - 1)
    assert bench.book.members == [old]
    assert bench.tick(1) == []
    late = bench.ask()
    assert has_place(late) == [False]
    new = bench.dial()
    assert late.member is new
    bench.end(running)
    assert bench.book.needs_care()
    assert bench.tick() == [old.carrier]
    assert (bench.book.counters.rotated, bench.book.counters.opened) == (1, 2)


def test_retiring_connections_are_limited():
    """As many again as may be open; then nothing is opened until one has gone."""
    bench = Bench.of(max_connections=1, idle_timeout=None)
    first = bench.ask()
    bench.dial(limit=1)
    bench.tick(3000)
    second = bench.ask()
    bench.dial(limit=1)
    bench.tick(3000)
    third = bench.ask()
    assert not bench.book.wants_dial(bench.now)
    bench.end(first)
    bench.tick()
    assert bench.book.wants_dial(bench.now)
    assert has_place(second, third) == [True, False]


def test_a_retiring_connection_drains():
    """One that still runs what nobody waits for stays until that is over; it is looked at now and then."""
    bench = Bench.of(idle_timeout=None)
    bench.end(bench.ask())
    ticket = bench.ask()
    member = bench.dial()
    bench.end(ticket)
    member.carrier.in_flight = 1
    assert bench.tick(3000) == []
    assert bench.book.next_due(bench.now) == DRAIN_LOOK_SECONDS
    member.carrier.in_flight = 0
    assert bench.tick(1) == [member.carrier]


def test_a_connection_that_retires_by_itself():
    """It takes nothing new, and what it has goes on; that is no loss."""
    bench = Bench.of(max_connections=1)
    running = bench.ask()
    member = bench.dial(limit=1)
    bench.book.began(running)
    member.carrier.is_usable = False
    waits = bench.ask()
    assert has_place(waits) == [False]
    assert bench.book.needs_care()
    assert bench.tick() == []
    bench.dial()
    assert has_place(waits) == [True]
    bench.end(running)
    assert bench.tick() == [member.carrier]
    assert bench.book.counters.lost == 0


def test_a_lost_connection_is_replaced():
    """At once, if the server had answered something on it."""
    bench = Bench.of()
    running = bench.ask()
    member = bench.dial()
    bench.book.began(running)
    member.carrier.lose()
    bench.end(running)
    waits = bench.ask()
    bench.tick()
    assert waits.refusal is None
    assert bench.dial() is waits.member
    assert bench.book.counters.lost == 1


# -- dials that fail --------------------------------------------------------------------------------------------------


def test_failed_dials_share_one_backoff():
    """Nobody dials before it is over; a request waits for so many dials, then it fails as the last one did."""
    bench = Bench.of(retries=1)
    ticket = bench.ask()
    bench.fail(delay=5)
    assert ticket.refusal is None
    assert not bench.book.wants_dial(4.9)
    assert bench.book.next_due(0) == 5
    bench.now = 5
    error = bench.fail(delay=0)  # However soon the next one might be.
    assert ticket.refusal is error
    assert bench.woken == [ticket]
    assert not bench.book.line


def test_who_comes_while_the_server_is_down_fails_at_once():
    """Until the next dial is due, which the next request brings; its success ends all that."""
    bench = Bench.of(retries=0)
    bench.ask()
    error = bench.fail(delay=5)
    assert bench.ask().refusal is error
    bench.now = 5
    waits = bench.ask()
    assert waits.refusal is None
    member = bench.dial()
    assert waits.member is member
    assert bench.book.failures == 1
    bench.book.began(waits)
    assert bench.book.failures == 0


def test_a_hopeless_failure_is_told_at_once():
    """No retry would help: the key is wrong, say. And nothing is dialled only to keep connections warm."""
    bench = Bench.of(warm=1)
    ticket = bench.ask()
    error = bench.fail(hopeless=True)
    assert ticket.refusal is error
    assert not bench.book.wants_dial(100)
    bench.now = 100
    bench.ask()
    assert bench.book.wants_dial(100)


def test_nobody_waits_for_a_dial_that_comes_too_late():
    """When the server asks to wait longer than a request has time, it fails now, and says so."""
    bench = Bench.of()
    patient, hasty = bench.ask(), bench.ask(deadline=10)
    error = bench.fail(delay=30)
    assert (patient.refusal, hasty.refusal) == (None, error)
    assert bench.ask(deadline=29).refusal is error


def test_open_connections_serve_on_while_dials_fail():
    """Who waits is not refused: a place will become free."""
    bench = Bench.of(retries=0)
    running = bench.ask()
    bench.dial(limit=1)
    waits = bench.ask()
    bench.fail(hopeless=True)
    assert waits.refusal is None
    bench.end(running)
    assert has_place(waits) == [True]


def test_a_server_that_greets_and_kicks():
    """Connections that end before anything was answered on them count as failures, so nobody waits for ever."""
    bench = Bench.of(retries=1)
    ticket = bench.ask()
    for _ in range(2):
        bench.dial().carrier.lose()
        bench.end(ticket, answered=False)
        ticket = bench.ask()
        bench.tick()
        bench.now += 1
    assert isinstance(ticket.refusal, ConnectError)
    assert bench.book.counters.dial_failures == 2


def test_connections_that_take_nothing_from_the_start():
    """One that retires before anything was answered on it was of no use either."""
    bench = Bench.of(retries=0)
    bench.ask()
    member = bench.dial(limit=1)
    waits = bench.ask()
    member.carrier.is_usable = False
    bench.tick()
    assert isinstance(waits.refusal, ConnectError)


def test_a_connection_that_lives_long_is_a_good_one():
    """Whatever it did; what failed before is forgotten."""
    bench = Bench.of()
    bench.ask()
    bench.fail()
    bench.now = 1
    bench.dial()
    bench.tick(LIFE_SECONDS - 1)
    assert bench.book.failures == 1
    bench.tick(1)
    assert bench.book.failures == 0


# -- the end ----------------------------------------------------------------------------------------------------------


def test_closing_refuses_everybody():
    """Who waits, who comes, and the dial that was under way; what was open is to be closed."""
    bench = Bench.of(max_connections=1)
    bench.ask()
    member = bench.dial(limit=1)
    waits = bench.ask()
    assert bench.book.close() == [member.carrier]
    assert isinstance(waits.refusal, PoolClosed)
    assert waits in bench.woken
    assert isinstance(bench.ask().refusal, PoolClosed)
    assert not bench.book.dialled(FakeCarrier(), 0)
    assert not bench.book.wants_dial(0)


def test_a_long_line_is_served_quickly():
    """Ten thousand in line: each place that becomes free costs about as much as with ten of them."""
    bench = Bench.of(max_connections=1)
    running = bench.ask()
    bench.dial(limit=1)
    line = bench.asks(10_000)
    for ticket in line:
        bench.end(running)
        running = ticket
        assert ticket.member is not None
    assert bench.woken[1:] == line


# -- at random --------------------------------------------------------------------------------------------------------


class Pool(RuleBasedStateMachine):
    """Requests come, end, fail and give up; dials succeed and fail; connections are lost, retire, rotate, idle."""

    @initialize(connections=st.integers(1, 3), warm=st.integers(0, 1), limit=st.integers(1, 3))
    def begin(self, connections, warm, limit):
        self.limit = limit
        self.settings = {"max_connections": connections, "warm": warm, "idle_timeout": 5.0, "rotate_after": 20.0}
        self.bench = Bench.of(**self.settings)
        self.book = self.bench.book
        self.live = []

    def ask(self, source, home, *, fork):
        ticket = self.bench.ask(source, home, fork=fork)
        if ticket.refusal is None:
            self.live.append(ticket)
        if self.book.needs_care():
            self.care()

    def care(self):
        """What the keeper does when it is called."""
        self.bench.tick()
        self.look()

    def look(self):
        self.live = [ticket for ticket in self.live if ticket.refusal is None]

    @rule(source=st.sampled_from([None, "r1", "r2"]), which=st.integers(0, 2), fork=st.booleans())
    def request(self, source, which, fork):
        members = self.book.members
        home = members[which % len(members)] if source is not None and members else None
        self.ask(source, home, fork=fork)

    @rule(which=st.integers(0, 99), answered=st.booleans())
    @precondition(lambda self: self.live)
    def end_or_give_up(self, which, answered):
        """Whoever it is: with a place or in line; sometimes in doubt whether it has one, as after an interrupt."""
        ticket = self.live.pop(which % len(self.live))
        had_place = ticket.member is not None
        self.bench.end(ticket, answered=answered and had_place)
        if self.book.needs_care():
            self.care()

    @rule(which=st.integers(0, 99))
    @precondition(lambda self: any(ticket.member is not None for ticket in self.live))
    def begins(self, which):
        running = [ticket for ticket in self.live if ticket.member is not None]
        self.book.began(running[which % len(running)])

    @rule(succeeds=st.booleans(), delay=st.floats(0, 3), hopeless=st.booleans())
    @precondition(lambda self: self.book.wants_dial(self.bench.now))
    def dial(self, succeeds, delay, hopeless):
        if succeeds:
            self.bench.dial(self.limit)
        else:
            self.bench.fail(delay=delay, hopeless=hopeless)
        self.look()

    @rule(which=st.integers(0, 5), how=st.sampled_from(["lost", "retires", "grows"]))
    @precondition(lambda self: self.book.members)
    def happens_to(self, which, how):
        member = self.book.members[which % len(self.book.members)]
        if how == "grows":
            member.carrier.limit = 4
        elif how == "retires":
            member.carrier.is_usable = False
        else:
            member.carrier.lose()
            for ticket in [*member.leases]:  # Its core tells everybody.
                self.live.remove(ticket)
                self.bench.end(ticket, answered=False)
        self.care()

    @rule(seconds=st.floats(0, 8))
    def time(self, seconds):
        self.bench.tick(seconds)
        self.look()

    @rule()
    def fork(self):
        """The run goes on in a child: with the same settings, and nothing of what the parent has."""
        carriers = [member.carrier for member in self.book.members]
        self.bench = Bench.of(**self.settings)
        self.book, self.live = self.bench.book, []
        assert all(not carrier.is_over for carrier in carriers if carrier.is_usable)

    @rule()
    @precondition(lambda self: len(self.live) > 3)
    def close(self):
        """Everybody in line is refused and every connection handed out; then a new pool is made."""
        open_ones = [member.carrier for member in (*self.book.members, *self.book.retiring)]
        line = [*self.book.line]
        assert self.book.close() == open_ones
        assert all(isinstance(ticket.refusal, PoolClosed) and ticket in self.bench.woken for ticket in line)
        self.bench = Bench.of(**self.settings)
        self.book, self.live = self.bench.book, []

    @invariant()
    def limits_hold(self):
        """What the book says of itself at any time."""
        book = self.book
        assert len(book.members) <= book.max_connections
        assert len(book.members) + len(book.retiring) <= 2 * book.max_connections
        for member in (*book.members, *book.retiring):
            assert len(member.leases) <= member.carrier.limit
            sources = [each.goes_on_from for each in member.leases if each.goes_on_from and not each.is_fork]
            assert len(sources) == len(set(sources))

    @invariant()
    def every_request_is_in_one_place(self):
        """In line, or on one connection; and nothing else is."""
        book = self.book
        leased = [ticket for member in (*book.members, *book.retiring) for ticket in member.leases]
        assert len(leased) == len(set(leased))
        assert set(leased) | set(book.line) == set(self.live)
        assert not set(leased) & set(book.line)
        assert all(ticket in self.bench.woken or ticket.member is not None for ticket in leased)

    @invariant()
    def nobody_waits_without_a_reason(self):
        """Who is in line has no room anywhere, or only where it may not go."""
        book = self.book
        for ticket in book.line:
            wanted = [ticket.home] if ticket.home in book.members else book.members
            assert not any(member.has_room_for(ticket) for member in wanted)

    def teardown(self):
        """Everybody is served in the end, if the server answers; and nothing is left."""
        if not hasattr(self, "book"):
            return
        for _ in range(20 * len(self.live) + 20):
            self.bench.tick(1.0)
            self.look()
            if not self.live:
                break
            if self.book.wants_dial(self.bench.now):
                self.bench.dial(self.limit)
            for ticket in [each for each in self.live if each.member is not None]:
                self.live.remove(ticket)
                self.bench.end(ticket)
        assert self.live == []
        self.bench.tick(1000)
        self.bench.tick(1000)
        assert not self.book.line
        assert not self.book.retiring
        assert len(self.book.members) <= self.book.warm
        carriers = self.bench.closed
        assert len(carriers) == len(set(map(id, carriers)))


TestPool = Pool.TestCase
TestPool.__doc__ = "No waiter starves, no lane is lent twice, limits hold, nothing leaks."
TestPool.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)


def test_tickets_are_told_apart_by_identity():
    """Two requests for the same are two requests."""
    assert Ticket(wake=print) != Ticket(wake=print)
