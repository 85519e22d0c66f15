"""A connection as a pool has it: what it can take, and requests that tell when they are over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import define, field

from realtime_sync.errors import ConnectError
from realtime_sync.responses._call import Phase
from realtime_sync.responses._connection import Lanes, ResponsesConnection
from realtime_sync.responses._stream import ResponseStream
from realtime_sync.session import Waiter

__all__ = ["PoolLink", "Told", "lost_at_once"]


class Told(Protocol):
    """Called when a response has begun, and when its request is over, whoever still reads it; again, perhaps.

    On the reader, under the session's lock: it does not block, and takes no lock but the pool's.
    """

    def __call__(self, *, over: bool, answered: bool) -> None: ...


@define(eq=False)
class PoolLink:
    """A `Carrier`. Threads: any. What the book asks for takes no lock; the rest takes the session's."""

    connection: ResponsesConnection
    _lanes: Lanes = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Look its lanes up once."""
        self._lanes = self.connection.lanes

    @property
    def limit(self) -> int:
        return self._lanes.limit

    @property
    def is_usable(self) -> bool:
        core = self.connection._core  # noqa: SLF001  (one package)
        return not (core.finished or core.closing or self._lanes.retiring)

    @property
    def is_over(self) -> bool:
        return self.connection.closed

    @property
    def in_flight(self) -> int:
        return 0 if self.connection.closed else self._lanes.in_flight

    def holds(self, response_id: str) -> bool:
        """Tell whether a lane of it remembers a response, and new requests can have that."""
        return self.is_usable and self._lanes.holds(response_id)

    def start(
        self, body: Mapping[str, Any], timeout: float | None, *, fork: bool, told: Told
    ) -> tuple[ResponseStream, bool]:
        """Send a request; return its stream, and whether it has begun so early that nothing was told of it.

        Raises as `Lanes.start`.

        Args:
            body: as `create_body` makes it.
            timeout: seconds in all; None: no limit.
            fork: go on beside whatever else goes on from the same response.
            told: see `Told`.
        """
        stream = self._lanes.start(body, timeout, fork=fork)
        call, core = stream._call, stream._core  # noqa: SLF001  (one package)

        def tell() -> None:
            over = call.phase is Phase.OVER or core.ended is not None
            told(over=over, answered=bool(call.response_ids) or call.error is not None)

        with core.lock:
            call.tell = tell
            is_early = call.phase is not Phase.SENT or core.ended is not None
        return stream, is_early

    @staticmethod
    def is_through(stream: ResponseStream) -> bool:
        """Tell whether a request is over, whoever still reads what came of it."""
        return stream._call.phase is Phase.OVER or stream._core.finished  # noqa: SLF001  (one package)

    def when_over(self, ring: Callable[[], None]) -> None:
        """Have `ring` called when the connection ends, on its reader under the session's lock; now if it has."""
        core, waiter = self.connection._core, Waiter()  # noqa: SLF001  (one package)
        waiter.wake = ring
        with core.lock:
            if core.ended is None:
                core.end_waiters.add(waiter)
                return
        ring()

    def start_close(self) -> None:
        """Close without waiting."""
        self.connection.start_close()

    def close(self) -> None:
        """Close, and wait for it, a second or so."""
        self.connection.close()


def lost_at_once(link: PoolLink) -> ConnectError:
    """Return what to tell those who wait when a connection ends before the server has answered anything on it."""
    connection = link.connection
    if connection.closed:
        how = f"code {connection.close_code}" + (f": {connection.close_reason}" if connection.close_reason else "")
    else:
        how = "it takes no requests"
    return ConnectError(f"the server lets connections open and ends them before it has answered anything ({how})")
