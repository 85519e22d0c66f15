"""OpenAI's WebSocket APIs for ordinary, blocking Python.

from realtime_sync import Client

with Client().realtime.connect(model="gpt-realtime", modalities=["text"]) as rt:
    print(rt.ask("Hello!").text)
"""

from realtime_sync._version import __version__
from realtime_sync.client import Client
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
    ConnectTimeout,
    DecodeError,
    ForkedError,
    HandshakeRejected,
    InternalServerError,
    LocalProtocolError,
    MissingExtra,
    NotFoundError,
    PermissionDeniedError,
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
from realtime_sync.realtime import RealtimeSession, Turn, TurnStream
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
    "DecodeError",
    "ForkedError",
    "HandshakeRejected",
    "InternalServerError",
    "LocalProtocolError",
    "MissingExtra",
    "NotFoundError",
    "PermissionDeniedError",
    "ProxyError",
    "RateLimitError",
    "RealtimeSession",
    "RealtimeSyncError",
    "ReceiveTimeout",
    "ReconnectFailed",
    "RemoteProtocolError",
    "RequestTimeout",
    "ResponseFailed",
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
