"""What a conversation can be given to talk over: a connection, or a lane of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define

from realtime_sync.errors import ConfigurationError
from realtime_sync.responses._connection import Lane, ResponsesConnection
from realtime_sync.responses._conversation_link import Route
from realtime_sync.responses._parameters import KEYWORDS

if TYPE_CHECKING:
    from realtime_sync.responses._conversation_link import Exchange

__all__ = ["ConnectionRoute", "as_keywords", "route_over"]


def as_keywords(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as the keywords of a `stream`: what those do not know is in ``extra_body``."""
    known = {name: value for name, value in body.items() if name in KEYWORDS}
    return {**known, "extra_body": {name: value for name, value in body.items() if name not in KEYWORDS} or None}


@define(eq=False)
class ConnectionRoute:
    """A connection: each request runs on the lane that remembers what it goes on from, else on any."""

    connection: ResponsesConnection

    @property
    def is_usable(self) -> bool:
        return not (self.connection.closed or self.connection.lanes.retiring)

    @property
    def in_flight(self) -> int:
        return self.connection.lanes.in_flight

    def stream(self, body: Mapping[str, Any], timeout: float | None, *, fork: bool) -> Exchange:
        if fork:  # With the connection's defaults, as everything else.
            keywords = as_keywords(body)
            extra = keywords.pop("extra_body")
            full = self.connection._body(keywords, extra, function="create")  # noqa: SLF001  (one package)
            return self.connection.lanes.start(full, timeout, fork=True)
        return self.connection.stream(**as_keywords(body), timeout=timeout)

    def holds(self, response_id: str) -> bool:
        return self.connection.lanes.holds(response_id)

    def close(self) -> None:
        self.connection.close()


@define(eq=False)
class _LaneRoute:
    """A lane of the caller's own."""

    lane: Lane
    is_usable: bool = True
    in_flight: int = 0

    def stream(self, body: Mapping[str, Any], timeout: float | None, *, fork: bool) -> Exchange:  # noqa: ARG002
        return self.lane.stream(**as_keywords(body), timeout=timeout)

    def holds(self, response_id: str) -> bool:
        return self.lane.latest_response_id == response_id

    def close(self) -> None:
        """Leave it to whoever made it."""


def route_over(via: Any) -> Route:
    """Return the route over what a caller gave.

    Raises:
        ConfigurationError: it is nothing that takes requests.
    """
    if isinstance(via, ResponsesConnection):
        return ConnectionRoute(via)
    if isinstance(via, Lane):
        return _LaneRoute(via)
    if hasattr(via, "as_route"):  # A pool.
        return via.as_route()  # type: ignore[no-any-return]
    if all(hasattr(via, name) for name in ("stream", "holds", "is_usable", "in_flight")):
        return via  # type: ignore[no-any-return]  # A pool, say: it is one by itself.
    msg = f"via is an open ResponsesConnection, a Lane of one, or a pool; got {type(via).__name__}"
    raise ConfigurationError(msg)
