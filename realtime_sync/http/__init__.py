"""HTTP, by the same way as WebSocket connections; the one place that knows `requests`, which loads when needed.

- `HttpClient` sends a request once and returns its `Answer`, of which `SseParser` makes events.
- `settle` says what the environment adds to options; WebSocket connections ask it too.

Importing this package loads none of it but `settle`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime_sync._lazy import loader
from realtime_sync.http._environment import settle

if TYPE_CHECKING:
    from realtime_sync.http._client import HttpClient
    from realtime_sync.http._exchange import Answer, HttpRequest
    from realtime_sync.http._multipart import multipart
    from realtime_sync.http._sse import ServerSentEvent, SseParser

__all__ = ["Answer", "HttpClient", "HttpRequest", "ServerSentEvent", "SseParser", "multipart", "settle"]

_HOMES = {
    "Answer": "_exchange",
    "HttpClient": "_client",
    "HttpRequest": "_exchange",
    "ServerSentEvent": "_sse",
    "SseParser": "_sse",
    "multipart": "_multipart",
}

__getattr__ = loader(__name__, _HOMES)
