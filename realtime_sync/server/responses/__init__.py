"""The Responses API, as the local server speaks it."""

from __future__ import annotations

from flask import Blueprint, Response

from realtime_sync.server._backend import Backend
from realtime_sync.server._channel import Channel
from realtime_sync.server._journal import Handshake
from realtime_sync.server._web import WebSocketResponse
from realtime_sync.server.responses._connection import ResponsesConnection
from realtime_sync.server.responses._store import Store

__all__ = ["responses_routes"]


def responses_routes(backend: Backend) -> Blueprint:
    """Return the routes of the Responses API, below the version prefix."""
    routes = Blueprint("responses", __name__)
    store = Store()

    @routes.get("/responses", websocket=True)
    def connect() -> Response:
        def serve(channel: Channel, handshake: Handshake) -> ResponsesConnection:
            return ResponsesConnection.start(channel, handshake, backend=backend, store=store)

        return WebSocketResponse(backend, serve)

    return routes
