"""A pool's book without threads, sockets and time, and what connects it to a made-up server."""

from __future__ import annotations

import contextlib

from attrs import Factory, define

from realtime_sync import Client
from realtime_sync.errors import ConnectError
from realtime_sync.responses._pool_book import PoolBook, Ticket
from realtime_sync.responses._proof import Proofs

__all__ = ["Bench", "FakeCarrier", "pools"]


@contextlib.contextmanager
def pools(base_url, *, known=None, client=None):
    """Yield what makes pools for a server, which is taken to have lanes or not, if `known`; they are closed in the end."""
    if known is not None:
        Proofs.note(base_url, lanes=known)
    with contextlib.ExitStack() as stack:
        settings = {"base_url": base_url, "api_key": "test", "timeout": 30, **(client or {})}
        made = stack.enter_context(Client(**settings))

        def make(*connections, **arguments):
            return stack.enter_context(made.responses.pool(*connections, **{"model": "m", **arguments}))

        make.client = made
        yield make


@define(eq=False)
class FakeCarrier:
    """A connection."""

    limit: int = 16
    is_usable: bool = True
    is_over: bool = False
    in_flight: int = 0

    def lose(self):
        self.is_usable, self.is_over = False, True


@define(eq=False)
class Bench:
    """A book, its clock, and what it has asked for."""

    book: PoolBook
    now: float = 0.0
    woken: list = Factory(list)
    closed: list = Factory(list)

    @classmethod
    def of(cls, **settings):
        usual = {
            "max_connections": 2,
            "warm": 0,
            "idle_timeout": 60.0,
            "rotate_after": 3000.0,
            "retries": 2,
            "backoff": lambda _: 1.0,
            "random": lambda: 0.0,
        }
        return cls(PoolBook(**{**usual, **settings}))

    def ask(self, source=None, home=None, *, fork=False, deadline=None):
        """A request enters."""
        more = {} if deadline is None else {"deadline": deadline}
        ticket = Ticket(wake=lambda: self.woken.append(ticket), goes_on_from=source, is_fork=fork, **more)
        ticket.home = home
        self.book.enter(ticket, self.now)
        return ticket

    def asks(self, count):
        return [self.ask() for _ in range(count)]

    def end(self, *tickets, answered=True):
        """Their last event comes."""
        for ticket in tickets:
            self.book.leave(ticket, self.now, answered=answered)

    def dial(self, limit=16, **carrier):
        """The dial that the book wants succeeds; return the new member."""
        assert self.book.wants_dial(self.now)
        self.book.dialling = True
        assert not self.book.wants_dial(self.now)
        assert self.book.dialled(FakeCarrier(limit, **carrier), self.now)
        return self.book.members[-1]

    def fail(self, *, delay=1.0, hopeless=False, error=None):
        """It fails; return the error."""
        assert self.book.wants_dial(self.now)
        self.book.dialling = True
        error = error or ConnectError("refused")
        self.book.dial_failed(error, self.now, delay=delay, hopeless=hopeless)
        return error

    def tick(self, seconds=0.0):
        """Time passes; return what is to be closed."""
        self.now += seconds
        done = self.book.tick(self.now, lambda _: ConnectError("kicked"))
        self.closed += done
        return done
