"""The Responses API as the session layer sees it: who owns an event, what a sent one means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import define, field

from realtime_sync.responses._book import LaneBook
from realtime_sync.responses._call import Call
from realtime_sync.responses._parameters import CREATE, make_whole, refuse_unsupported
from realtime_sync.responses._proof import Proofs
from realtime_sync.responses._resume import ResponsesResumption
from realtime_sync.session import Core, Entry, EventQueue, Rule

__all__ = ["ResponsesApi"]

_NOTED = frozenset({CREATE, "response.steer"})


@define(eq=False)
class ResponsesApi:
    """What a Responses connection tracks: its requests. The session's lock guards everything."""

    _server: str
    """Its base URL: what is known of its lanes holds for all connections to it."""
    registry: str = field(init=False, default="responses")
    rules: Mapping[str, Rule] = field(init=False, factory=lambda: MappingProxyType({}), repr=False)
    """None: no event of this API has an id of its own that an answer could name."""
    tracked: frozenset[str] = field(init=False, default=frozenset({"error"}), repr=False)
    counted: frozenset[str] = field(init=False, default=frozenset(), repr=False)
    book: LaneBook = field(init=False, repr=False)
    core: Core = field(init=False, repr=False)

    def bind(self, core: Core) -> None:
        self.core = core
        self.book = LaneBook(
            submit=core.submit,
            proved=self._proved,
            close_queue=core.close_queue_locked,
            answered=self._answered,
            knows_lanes=Proofs.of(self._server),
        )

    def _proved(self, *, lanes: bool) -> None:
        Proofs.note(self._server, lanes=lanes)

    def _answered(self) -> None:
        self.core.acknowledgements.answers += 1  # The connection is a good one: see `Recovery`.

    def reconnects(self) -> ResponsesResumption:
        """Return what a lost connection takes to be replaced; before the first event."""
        return ResponsesResumption(self.book)

    def has_routes_locked(self) -> bool:
        return bool(self.book.active)

    def complete(self, data: dict[str, Any]) -> None:
        if data["type"] == CREATE:
            refuse_unsupported(data)
            make_whole(data)

    def owner_locked(self, entry: Entry) -> EventQueue | Any | None:
        return self.book.owner(entry)

    def count_locked(self, entries: Sequence[Entry]) -> None:
        """Nothing: no event is counted."""

    def sent_locked(self, data: Mapping[str, Any], claim: object) -> None:
        if data["type"] in _NOTED:
            call = claim if isinstance(claim, Call) else None
            if call is not None:
                call.number = self.core.connection.messages_sent - 1
            self.book.sent(data, call)

    def interrupted_locked(self, data: Mapping[str, Any], claim: object) -> None:
        self.sent_locked(data, claim)  # The book notes nothing twice.

    def refused_event_id(self, event: Any) -> str | None:  # noqa: ARG002  # of an API whose events have ids
        return None

    def is_harmless(self, event: Any) -> bool:  # noqa: ARG002  # no error of this API is
        return False

    def has_open_calls_locked(self) -> bool:
        return self.book.has_open

    def ended_locked(self) -> None:
        self.book.end()

    def tick_locked(self) -> None:
        self.book.tick()
