"""The Responses API in WebSocket mode: lanes of requests on one connection."""

from realtime_sync.responses._parameters import CreateParameters, create_body

__all__ = ["CreateParameters", "create_body"]
