"""WebSocket connections with blocking calls: exact closes, deadlines, size limits, safe from any thread.

Usable on its own, for any WebSocket server::

    from realtime_sync.transport import connect

    with connect("wss://example.com/socket", headers={"Authorization": "Bearer …"}) as connection:
        connection.send("hello")
        print(connection.receive(timeout=10))
"""

from __future__ import annotations

from realtime_sync.transport._connect import connect, open_stream
from realtime_sync.transport._connection import Connection
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._deflate import PerMessageDeflate
from realtime_sync.transport._outbox import Outgoing
from realtime_sync.transport._poll import READ, wait_for
from realtime_sync.transport._process import forks
from realtime_sync.transport._refusal import api_error, retry_after
from realtime_sync.transport._request import Request
from realtime_sync.transport._steps import Step
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tls import tls_context
from realtime_sync.transport._waiting import Waiter, park_at_exit, take

__all__ = [
    "READ",
    "Connection",
    "Deadline",
    "Outgoing",
    "PerMessageDeflate",
    "Request",
    "Step",
    "Stream",
    "Waiter",
    "api_error",
    "connect",
    "forks",
    "open_stream",
    "park_at_exit",
    "retry_after",
    "take",
    "tls_context",
    "wait_for",
]
