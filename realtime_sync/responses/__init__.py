"""The Responses API in WebSocket mode: lanes of requests on one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime_sync._lazy import loader
from realtime_sync.responses._api import ResponsesApi
from realtime_sync.responses._call import ANY
from realtime_sync.responses._connection import Lane, Lanes, ResponsesConnection
from realtime_sync.responses._events import request_error
from realtime_sync.responses._parameters import CreateDefaults, CreateParameters, create_body
from realtime_sync.responses._result import ResultBuilder
from realtime_sync.responses._stream import ResponseStream

if TYPE_CHECKING:
    from realtime_sync.responses._conversation import Conversation
    from realtime_sync.responses._conversation_stream import ConversationStream
    from realtime_sync.responses._pool import PoolStats, ResponsesPool
    from realtime_sync.responses._pool_stream import PoolStream

__all__ = [
    "ANY",
    "Conversation",
    "ConversationStream",
    "CreateDefaults",
    "CreateParameters",
    "Lane",
    "Lanes",
    "PoolStats",
    "PoolStream",
    "ResponseStream",
    "ResponsesApi",
    "ResponsesConnection",
    "ResponsesPool",
    "ResultBuilder",
    "create_body",
    "request_error",
]

# Conversations read what responses hold, and so load the event catalogue: not before one is asked for. Nor is a pool.
_HOMES = {
    "Conversation": "_conversation",
    "ConversationStream": "_conversation_stream",
    "PoolStats": "_pool",
    "PoolStream": "_pool_stream",
    "ResponsesPool": "_pool",
}

__getattr__ = loader(__name__, _HOMES)
