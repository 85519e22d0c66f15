"""OpenAI's WebSocket APIs for ordinary, blocking Python.

from realtime_sync import Client

with Client().realtime.connect(model="gpt-realtime", modalities=["text"]) as rt:
    print(rt.ask("Hello!").text)

Importing this loads errors and options only; the rest loads when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime_sync._lazy import loader
from realtime_sync._version import __version__
from realtime_sync.config import NOT_GIVEN, ConnectionOptions, RetryPolicy
from realtime_sync.errors import (
    AcknowledgementUnknown,
    AuthenticationError,
    BadRequestError,
    ClosedError,
    ClosedOK,
    ConfigurationError,
    ConflictError,
    ConnectError,
    ConnectionClosed,
    ConnectionRetiring,
    ConnectTimeout,
    DecodeError,
    ForkedError,
    HandshakeRejected,
    InternalServerError,
    InvalidWebhookSignatureError,
    LocalProtocolError,
    MissingExtra,
    NotFoundError,
    OutputInvalid,
    OutputRefused,
    PermissionDeniedError,
    PoolClosed,
    PoolTimeout,
    ProxyError,
    RateLimitError,
    RealtimeSyncError,
    ReceiveTimeout,
    ReconnectFailed,
    RemoteProtocolError,
    RequestTimeout,
    ResponseFailed,
    SendTimeout,
    ServerError,
    SlowConsumer,
    StatusError,
    ToolError,
    TurnInterrupted,
    UnprocessableEntityError,
)

if TYPE_CHECKING:
    from realtime_sync import types as types  # for whoever writes realtime_sync.types
    from realtime_sync.client import Client
    from realtime_sync.realtime import RealtimeSession, Turn, TurnStream
    from realtime_sync.responses import (
        Conversation,
        ConversationStream,
        Lane,
        ResponsesConnection,
        ResponsesPool,
        ResponseStream,
    )
    from realtime_sync.session import Subscription
    from realtime_sync.tools import ToolContext, tool
    from realtime_sync.types import UndecodableEvent, UnknownEvent

__all__ = [
    "NOT_GIVEN",
    "AcknowledgementUnknown",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ClosedError",
    "ClosedOK",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "ConnectionOptions",
    "ConnectionRetiring",
    "Conversation",
    "ConversationStream",
    "DecodeError",
    "ForkedError",
    "HandshakeRejected",
    "InternalServerError",
    "InvalidWebhookSignatureError",
    "Lane",
    "LocalProtocolError",
    "MissingExtra",
    "NotFoundError",
    "OutputInvalid",
    "OutputRefused",
    "PermissionDeniedError",
    "PoolClosed",
    "PoolTimeout",
    "ProxyError",
    "RateLimitError",
    "RealtimeSession",
    "RealtimeSyncError",
    "ReceiveTimeout",
    "ReconnectFailed",
    "RemoteProtocolError",
    "RequestTimeout",
    "ResponseFailed",
    "ResponseStream",
    "ResponsesConnection",
    "ResponsesPool",
    "RetryPolicy",
    "SendTimeout",
    "ServerError",
    "SlowConsumer",
    "StatusError",
    "Subscription",
    "ToolContext",
    "ToolError",
    "Turn",
    "TurnInterrupted",
    "TurnStream",
    "UndecodableEvent",
    "UnknownEvent",
    "UnprocessableEntityError",
    "__version__",
    "tool",
]

# Where the names are that are imported above for type checkers only.
_HOMES = {
    "Client": "client",
    "Conversation": "responses",
    "ConversationStream": "responses",
    "Lane": "responses",
    "RealtimeSession": "realtime",
    "ResponseStream": "responses",
    "ResponsesConnection": "responses",
    "ResponsesPool": "responses",
    "Subscription": "session",
    "ToolContext": "tools",
    "Turn": "realtime",
    "TurnStream": "realtime",
    "UndecodableEvent": "types",
    "UnknownEvent": "types",
    "tool": "tools",
    "types": "types",
}

__getattr__ = loader(__name__, _HOMES)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
