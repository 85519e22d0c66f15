"""The Responses API in WebSocket mode: lanes of requests on one connection."""

from realtime_sync.responses._api import ResponsesApi
from realtime_sync.responses._call import ANY
from realtime_sync.responses._connection import Lane, Lanes, ResponsesConnection
from realtime_sync.responses._events import request_error
from realtime_sync.responses._parameters import CreateDefaults, CreateParameters, create_body
from realtime_sync.responses._result import ResultBuilder
from realtime_sync.responses._stream import ResponseStream

__all__ = [
    "ANY",
    "CreateDefaults",
    "CreateParameters",
    "Lane",
    "Lanes",
    "ResponseStream",
    "ResponsesApi",
    "ResponsesConnection",
    "ResultBuilder",
    "create_body",
    "request_error",
]
