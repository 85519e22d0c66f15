"""What HTTP and WebSocket connections share, and the one place that knows `requests`, which loads when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime_sync.config import ConnectionOptions
from realtime_sync.http._environment import settle

if TYPE_CHECKING:
    import requests

__all__ = ["new_session", "settle"]


def new_session(settled: ConnectionOptions) -> requests.Session:
    """Return a session for one server; see `realtime_sync.http._session`, which is loaded now."""
    from realtime_sync.http import _session  # noqa: PLC0415  (loads requests)

    return _session.new_session(settled)
