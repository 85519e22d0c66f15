"""WebSocket connections with blocking calls: exact closes, deadlines, size limits, safe from any thread.

Usable on its own, for any WebSocket server::

    from realtime_sync.transport import connect

    with connect("wss://example.com/socket", headers={"Authorization": "Bearer …"}) as connection:
        connection.send("hello")
        print(connection.receive(timeout=10))
"""

from __future__ import annotations

from realtime_sync.transport._connect import connect
from realtime_sync.transport._connection import Connection
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._deflate import PerMessageDeflate
from realtime_sync.transport._outbox import Outgoing
from realtime_sync.transport._steps import Step
from realtime_sync.transport._tls import tls_context
from realtime_sync.transport._waiting import Waiter, park_at_exit

__all__ = [
    "Connection",
    "Deadline",
    "Outgoing",
    "PerMessageDeflate",
    "Step",
    "Waiter",
    "connect",
    "park_at_exit",
    "tls_context",
]
