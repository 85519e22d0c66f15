"""What HTTP and WebSocket connections share, and the one place that knows `requests`, which loads when it is needed."""

from __future__ import annotations

from realtime_sync.http._environment import settle

__all__ = ["settle"]
