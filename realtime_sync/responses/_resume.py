"""What a Responses connection does about its loss: nothing can be restored, and what was not sent goes out later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from realtime_sync.errors import ConnectionClosed
from realtime_sync.responses._book import LaneBook
from realtime_sync.responses._call import Call
from realtime_sync.responses._parameters import CREATE
from realtime_sync.session import Held, Pending

__all__ = ["ResponsesResumption"]

_RUNNING = frozenset({"response.steer", "response.inject"})
"""Events for a response that runs, which none does on a new connection."""


@define(eq=False)
class ResponsesResumption:
    """Requests that the server may have seen fail; the others wait. The session's lock guards everything."""

    _book: LaneBook
    same_session: bool = field(init=False, default=False)

    def lost_locked(self, unwritten: Sequence[Held], make_error: Callable[[], ConnectionClosed]) -> None:
        """Fail what was on its way; no lane remembers anything any more."""
        unseen = {each.claim for each in unwritten if isinstance(each.claim, Call)}
        self._book.lost(unseen, make_error)

    def dialled_locked(self) -> None:
        """Do nothing: a server that greets says nothing that matters here."""

    def restoring_locked(self) -> Sequence[Mapping[str, Any]]:
        """Return nothing: what a connection was is what its lanes remembered, which no event brings back."""
        return ()

    def restored_locked(self, event: Mapping[str, Any], pending: Pending) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        """Return nothing to send after an answer to what restores, of which there is none."""
        return ()

    def admits_locked(self, held: Held) -> bool:
        """Tell whether an event makes sense on the new connection: it may need nothing that was lost."""
        if self.is_over_locked(held.claim) or held.data["type"] in _RUNNING:
            return False
        previous = held.data.get("previous_response_id") if held.data["type"] == CREATE else None
        # A request that somebody waits for gets the server's answer in any case.
        return held.claim is not None or not isinstance(previous, str) or not self._book.lanes.is_evicted(previous)

    def is_over_locked(self, claim: object) -> bool:
        """Tell whether an event is of a request that is over."""
        return isinstance(claim, Call) and claim.is_lost

    def resumed_locked(self) -> tuple[str, ...]:
        """Let those go that waited for a connection; return the ids of restored items, of which there are none."""
        self._book.resumed()
        return ()
