"""A request of a pool as it is consumed: `PoolStream`, which moves to another connection where that can do no harm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from realtime_sync.errors import ConnectionClosed, TurnInterrupted
from realtime_sync.responses._events import CONNECTION_LIMIT, error_code
from realtime_sync.responses._pool_core import Ask, PoolCore
from realtime_sync.responses._recovery import is_repeatable
from realtime_sync.session import ClosesOnExit, Deadline
from realtime_sync.types import UnknownEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from realtime_sync.responses._stream import ResponseStream
    from realtime_sync.types.responses import Response, ServerEvent

__all__ = ["PoolStream"]

MAX_MOVES = 10


class PoolStream(ClosesOnExit):
    """One running request of a pool. Iterate over its events, or over `text()`; `response()` gives the whole result.

    As a `ResponseStream`; but a request that is lost with its connection before anything came of it goes out again on
    another one, if the server cannot have seen it, or (once) if nothing outside its response can have happened.

    A context manager: leaving it early drains the rest in the background. Threads: one consumer at a time; `steer`,
    `abandon` and `close` from any.
    """

    def __init__(
        self, core: PoolCore, ask: Ask, deadline: Deadline, *, moves: bool = True, repeat_lost: bool = False
    ) -> None:
        """Send the request; see `PoolCore.send` for what that raises.

        Args:
            core: of the pool.
            ask: the request.
            deadline: of all of it.
            moves: go to another connection by itself.
            repeat_lost: send it again even where something outside the response may have happened.
        """
        self._core = core
        self._ask = ask
        self._deadline = deadline
        self._moves_left = MAX_MOVES if moves else 0
        self._may_repeat = repeat_lost or is_repeatable(ask.body)
        self._left = False
        self._begun = False
        self._inner = self._sent()

    def _sent(self) -> ResponseStream:
        while True:
            try:
                return self._core.send(self._ask, self._deadline)
            except ConnectionClosed as error:
                if not self._may_go_again(error):
                    raise

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str | None:
        """The id of the response, of the newest if a steer brought another one; None: it has not begun."""
        return self._inner.id

    @property
    def lane(self) -> str | None:
        """The name of the lane that it runs on, which others on other connections share; None: it has none."""
        return self._inner.lane

    @property
    def responses(self) -> tuple[Response, ...]:
        """As `ResponseStream.responses`."""
        return self._inner.responses

    @property
    def pending_input(self) -> tuple[Any, ...] | None:
        """As `ResponseStream.pending_input`."""
        return self._inner.pending_input

    @property
    def steer_unknown(self) -> bool:
        """As `ResponseStream.steer_unknown`."""
        return self._inner.steer_unknown

    # -- consuming ----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[ServerEvent]:
        return self

    def __next__(self) -> ServerEvent:
        """Return the next event; never raises for a status, nor for an error event, which is the last then.

        Raises:
            RequestTimeout: the call's time is up; the rest is drained in the background.
            TurnInterrupted: the connection ended, and asking again might do something twice.
            PoolTimeout, PoolClosed, ConnectError: it could have gone to another connection, and there was none.
        """
        while True:
            try:
                event = next(self._inner)
            except ConnectionClosed as error:
                if not self._may_go_again(error):
                    raise
            else:
                if not (event.type == "error" and self._is_moved_by(event)):
                    self._begun = True
                    return event
            self._inner = self._sent()

    def text(self) -> Iterator[str]:
        """Iterate over the pieces of text as they arrive."""
        for event in self:
            if event.type == "response.output_text.delta" and not isinstance(event, UnknownEvent):
                yield event.delta

    def response(self) -> Response:
        """Wait for the end and return the response, also what was iterated over before.

        Raises:
            ResponseFailed, ServerError, RequestTimeout, TurnInterrupted, DecodeError: as `ResponseStream.response`.
            PoolTimeout, PoolClosed, ConnectError: as when iterating.
        """
        for _ in self:
            pass
        return self._inner.response()

    get_final_response = response

    # -- going elsewhere ----------------------------------------------------------------------------------------------

    def _may_go_again(self, error: ConnectionClosed) -> bool:
        """Tell whether the request may go to another connection, and count that."""
        if self._begun or self._left or not self._moves_left or self._deadline.passed():
            return False
        if not error.replay_safe:
            if not self._may_repeat or not isinstance(error, TurnInterrupted) or error.partial is not None:
                return False
            self._may_repeat = False  # Once: it may be the request that ends connections.
        self._moves_left -= 1
        self._core.count_recovery()
        return True

    def _is_moved_by(self, event: Any) -> bool:
        """Tell whether an error event only says that this connection begins nothing any more."""
        if error_code(event) != CONNECTION_LIMIT or self._begun or not self._moves_left:
            return False
        self._moves_left -= 1
        self._core.count_recovery()
        return True

    # -- steering and ending ------------------------------------------------------------------------------------------

    def steer(self, input: str | Iterable[Any]) -> None:  # noqa: A002  (the wire's name)
        """Give the running response something more; as `ResponseStream.steer`."""
        self._inner.steer(input)

    def abandon(self) -> None:
        """Leave: let nobody see the rest, which is drained in the background. Any number of times.

        (There is no ``hard=True`` as on a connection of one's own: it would end what others run on this one.)
        """
        self._left = True
        self._inner.abandon()

    def close(self) -> None:
        """As `abandon`."""
        self.abandon()
