"""Which connection of a pool a request may have, and what becomes of the connections.

A state machine without threads, sockets, waiting, or a clock of its own.

How much one connection takes, and whether it takes anything, is for the connection to say (`Carrier`): lanes, their
names and their limits are its own business. Here it has places, and a request has one from the time it may be sent
until its last event.

Threads: `enter` and `forget_home` may run on a caller's thread, which an interrupt may stop at any point; so they
change nothing but what is the caller's own, and `leave` puts that right whatever is left of it. Everything else, what
decides about other requests above all, runs on threads that no signal interrupts. The pool's lock guards everything.
"""

from __future__ import annotations

import math
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Protocol

from attrs import define, field

from realtime_sync.errors import PoolClosed

__all__ = ["Carrier", "Counters", "Member", "PoolBook", "Ticket"]

ROTATION_SPREAD: Final = 0.1
"""By how much of its time, at most, a connection rotates earlier: those opened together do not all go together."""
LIFE_SECONDS: Final = 60.0
"""A connection that lives that long was a good one, whatever it did."""
DRAIN_LOOK_SECONDS: Final = 1.0
"""How often to look whether a connection without places taken still has something running."""


class Carrier(Protocol):
    """A connection, as far as the book asks. Both are looked at under the pool's lock, and so must take none."""

    @property
    def limit(self) -> int:
        """How many requests it runs at once."""
        ...

    @property
    def is_usable(self) -> bool:
        """Whether it takes new requests."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        ...

    @property
    def in_flight(self) -> int:
        """How many requests it runs, those included that nobody waits for."""
        ...


@define(eq=False)
class Member:
    """A connection of the pool."""

    carrier: Any
    opened_at: float
    rotates_at: float
    leases: dict[Ticket, None] = field(factory=dict, repr=False)
    """Who has a place."""
    served: bool = False
    """It was lent before."""
    proved: bool = False
    """The server has answered something on it."""
    idle_since: float = 0.0

    def has_room_for(self, ticket: Ticket) -> bool:
        """Tell whether a request may have a place now: there is one, and nobody goes on from the same response."""
        carrier = self.carrier
        if len(self.leases) >= carrier.limit or not carrier.is_usable:
            return False
        source = ticket.goes_on_from
        return source is None or ticket.is_fork or not any(each.goes_on_from == source for each in self.leases)


@define(eq=False, kw_only=True)
class Ticket:
    """One request, in line or with a place. `wake` ends the wait of whoever asked."""

    wake: Callable[[], object] = field(repr=False)
    deadline: float = math.inf
    """When it gives up waiting, monotonic."""
    goes_on_from: str | None = None
    """The response that its lane shall remember."""
    is_fork: bool = False
    """Others may go on from there at the same time."""
    home: Member | None = field(default=None, repr=False)
    """The one connection that will do, since it remembers that response; None: any."""
    member: Member | None = field(default=None, repr=False)
    """Where it has a place."""
    refusal: BaseException | None = field(default=None, repr=False)
    """Why it will not get one. Shared by many: who raises it makes a copy."""


@define(eq=False)
class Counters:
    """What has happened since the pool was made."""

    opened: int = 0
    lost: int = 0
    rotated: int = 0
    closed_idle: int = 0
    dial_failures: int = 0
    full: int = 0
    delta: int = 0
    reused: int = 0
    waits: int = 0
    timeouts: int = 0
    recoveries: int = 0


@define(eq=False, kw_only=True)
class PoolBook:
    """The connections of a pool and the line of requests before them.

    Attributes:
        max_connections: how many take requests at once; as many again may be finishing their last ones.
        warm: how many to keep open, used or not.
        idle_timeout: seconds after which an unused one goes; None: never.
        rotate_after: seconds that one takes requests; None: no limit.
        retries: how many more dials a request waits for after one that failed.
        backoff: seconds to wait after the nth connection in a row that ended before it was of any use.
    """

    max_connections: int
    warm: int
    idle_timeout: float | None
    rotate_after: float | None
    retries: int
    backoff: Callable[[int], float]
    random: Callable[[], float] = random.random
    members: list[Member] = field(init=False, factory=list)
    """Those that take requests."""
    retiring: list[Member] = field(init=False, factory=list)
    """Those that only finish what they have."""
    line: OrderedDict[Ticket, None] = field(init=False, factory=OrderedDict)
    """Who waits, in order. (Of a plain dict the first is slow to find once many before it are gone.)"""
    dialling: bool = field(init=False, default=False)
    failures: int = field(init=False, default=0)
    """How many connections in a row came to nothing."""
    not_before: float = field(init=False, default=-math.inf)
    """No dial before that time, monotonic."""
    error: BaseException | None = field(init=False, default=None)
    """Of the newest failure."""
    closed: bool = field(init=False, default=False)
    counters: Counters = field(init=False, factory=Counters)
    _hopeless: bool = field(init=False, default=False)
    """Dialling again soon will not help."""

    # -- requests -----------------------------------------------------------------------------------------------------

    def enter(self, ticket: Ticket, now: float) -> None:
        """Give a request a place, or a reason why it gets none, or put it in line. Caller's thread."""
        if self.closed:
            ticket.refusal = PoolClosed()
            return
        if now < self.not_before:
            ticket.refusal = self._refusal_of(ticket)
            if ticket.refusal is not None:
                return
        self.line[ticket] = None
        if len(self.line) == 1:
            self._place(ticket)
        if ticket.member is None:
            self.counters.waits += 1

    def forget_home(self, ticket: Ticket) -> None:
        """Let a request that waits for one connection have any. Caller's thread; `grant` is to be called after it."""
        ticket.home = None

    def leave(self, ticket: Ticket, now: float, *, answered: bool = False) -> None:
        """Take back whatever a request has; again, too. `answered`: the server has said something to it."""
        self.line.pop(ticket, None)
        for member in (*self.members, *self.retiring):
            if ticket in member.leases:
                del member.leases[ticket]
                member.idle_since = now
        if answered and ticket.member is not None:
            self.prove(ticket.member)
        self.grant()

    def began(self, ticket: Ticket) -> None:
        """Note that the server answers a request: the connection may take more now."""
        if ticket.member is not None:
            self.prove(ticket.member)
        self.grant()

    def grant(self) -> None:
        """Give places to those whose turn it is. Who can only have one connection does not hold up others."""
        if not self.line:
            return
        free = [member for member in self.members if member.carrier.is_usable]
        room = sum(max(0, member.carrier.limit - len(member.leases)) for member in free)
        while room > 0 and (ticket := self._place_first()) is not None:
            ticket.wake()
            room -= 1

    def _place_first(self) -> Ticket | None:
        """Give a place to the first in line that can have one, and return it."""
        for ticket in self.line:
            if self._place(ticket):
                return ticket
        return None

    def _place(self, ticket: Ticket) -> bool:
        """Give a request the best place that there is; return whether there is one."""
        home = ticket.home
        if home is not None and home not in self.members:
            home = None  # What it remembered is lost, or was stored; the server will tell.
        candidates = self.members if home is None else (home,)
        open_to_it = [member for member in candidates if member.has_room_for(ticket)]
        if not open_to_it:
            return False
        # The one with the least to do, and of several the oldest: so those that are not needed become idle.
        member = min(open_to_it, key=lambda each: len(each.leases))
        member.leases[ticket] = None
        ticket.member = member
        self.line.pop(ticket, None)
        self._count(ticket, member)
        return True

    def _count(self, ticket: Ticket, member: Member) -> None:
        counters = self.counters
        counters.reused += member.served
        member.served = True
        if ticket.goes_on_from is None:
            counters.full += 1
        else:
            counters.delta += 1

    def prove(self, member: Member) -> None:
        """Note that the server has answered something on a connection. Also on a caller's thread: it is only notes."""
        if not member.proved:
            member.proved = True
            self._recovered()

    # -- connections --------------------------------------------------------------------------------------------------

    def wants_dial(self, now: float) -> bool:
        """Tell whether another connection is to be made now."""
        return self._lacks_one() and now >= self.not_before

    def _lacks_one(self) -> bool:
        if self.closed or self.dialling or len(self.members) >= self.max_connections:
            return False
        if len(self.members) + len(self.retiring) >= 2 * self.max_connections:
            return False
        if len(self.members) < self.warm and not self._hopeless:
            return True
        return any(ticket.home is None or ticket.home not in self.members for ticket in self.line)

    def dialled(self, carrier: Any, now: float) -> bool:
        """Take a new connection in; False: the pool was closed meanwhile."""
        self.dialling = False
        if self.closed:
            return False
        member = Member(carrier, now, self._rotates_at(now), idle_since=now)
        self.members.append(member)
        self.counters.opened += 1
        self.grant()
        return True

    def _rotates_at(self, now: float) -> float:
        return (
            math.inf if self.rotate_after is None else now + self.rotate_after * (1 - ROTATION_SPREAD * self.random())
        )

    def dial_failed(self, error: BaseException, now: float, *, delay: float, hopeless: bool) -> None:
        """Note that no connection came about: the next dial is in `delay` seconds. `hopeless`: it will not help."""
        self.dialling = False
        self._failed(error, now, delay=delay, hopeless=hopeless)

    def _failed(self, error: BaseException, now: float, *, delay: float | None = None, hopeless: bool = False) -> None:
        self.failures += 1
        self.counters.dial_failures += 1
        self.error = error
        self._hopeless = hopeless
        self.not_before = now + (self.backoff(self.failures) if delay is None else delay)
        for ticket in tuple(self.line):
            ticket.refusal = self._refusal_of(ticket)
            if ticket.refusal is not None:
                ticket.wake()
                self.line.pop(ticket, None)

    def _refusal_of(self, ticket: Ticket) -> BaseException | None:
        """Return why it is of no use that a request waits for the next dial, or None."""
        if self.error is None or any(each.carrier.is_usable for each in self.members):
            return None
        is_spent = self._hopeless or self.failures > self.retries
        return self.error if is_spent or self.not_before >= ticket.deadline else None

    def _recovered(self) -> None:
        self.failures, self.error, self._hopeless = 0, None, False

    def tick(self, now: float, lost: Callable[[Any], BaseException]) -> list[Any]:
        """Look after the connections, and return those to close.

        Args:
            now: monotonic.
            lost: makes the error that tells of a connection that ended before the server answered anything on it.
        """
        for member in tuple(self.members):
            if member.carrier.is_over:
                self._lost(member, now, lost)
            elif not member.carrier.is_usable:
                self._retire(member)
                if not member.proved:
                    self._failed(lost(member.carrier), now)
            elif now >= member.rotates_at:
                self._retire(member)
                self.counters.rotated += 1
            elif self._is_superfluous(member, now):
                self._retire(member)
                self.counters.closed_idle += 1
            elif now - member.opened_at >= LIFE_SECONDS:
                self.prove(member)
        self.retiring = [member for member in self.retiring if not member.carrier.is_over]
        done = [member for member in self.retiring if not member.leases and not member.carrier.in_flight]
        self.retiring = [member for member in self.retiring if member not in done]
        self.grant()
        return [member.carrier for member in done]

    def _lost(self, member: Member, now: float, lost: Callable[[Any], BaseException]) -> None:
        self.members.remove(member)
        self.counters.lost += 1
        if not member.proved:
            self._failed(lost(member.carrier), now)

    def _retire(self, member: Member) -> None:
        self.members.remove(member)
        self.retiring.append(member)

    def _is_superfluous(self, member: Member, now: float) -> bool:
        if self.idle_timeout is None or member.leases or len(self.members) <= self.warm:
            return False
        return now - member.idle_since >= self.idle_timeout

    def next_due(self, now: float) -> float | None:
        """Return the seconds until `tick` or a dial is due, if nothing else happens; None: never."""
        due = [member.rotates_at for member in self.members]
        due += [member.opened_at + LIFE_SECONDS for member in self.members if not member.proved]
        if self.idle_timeout is not None and len(self.members) > self.warm:
            # One that is lent now can be idle for long enough by then at the earliest.
            due += [(now if member.leases else member.idle_since) + self.idle_timeout for member in self.members]
        if any(not member.leases for member in self.retiring):
            due.append(now + DRAIN_LOOK_SECONDS)
        if self._lacks_one():
            due.append(self.not_before)
        soonest = min(due, default=math.inf)
        return None if soonest == math.inf else max(0.0, soonest - now)

    def needs_care(self) -> bool:
        """Tell whether something has changed so that `tick` or a dial may be due sooner than it was."""
        if self._lacks_one() or any(not member.leases for member in self.retiring):
            return True
        if any(not member.carrier.is_usable for member in self.members):
            return True
        # There is room, and still a line: those ahead wait for connections that have none.
        return bool(self.line) and any(len(member.leases) < member.carrier.limit for member in self.members)

    def close(self) -> list[Any]:
        """Refuse whoever waits, and return all connections, to be closed."""
        self.closed = True
        for ticket in tuple(self.line):
            ticket.refusal = PoolClosed()
            ticket.wake()
            self.line.pop(ticket, None)
        carriers = [member.carrier for member in (*self.members, *self.retiring)]
        self.members, self.retiring = [], []
        return carriers
