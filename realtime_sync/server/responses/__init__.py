"""The Responses API, as the local server speaks it."""

from __future__ import annotations

from flask import Blueprint, Response

from realtime_sync.server._channel import Channel
from realtime_sync.server._journal import Handshake
from realtime_sync.server._web import WebSocketResponse
from realtime_sync.server.responses._connection import ResponsesConnection
from realtime_sync.server.responses._http import HttpRoutes
from realtime_sync.server.responses._runs import Desk

__all__ = ["Desk", "responses_routes"]


def responses_routes(desk: Desk) -> Blueprint:
    """Return the routes of the Responses API, below the version prefix."""
    routes = Blueprint("responses", __name__)

    @routes.get("/responses", websocket=True)
    def connect() -> Response:
        def serve(channel: Channel, handshake: Handshake) -> ResponsesConnection:
            return ResponsesConnection.start(channel, handshake, backend=desk.backend, store=desk.store)

        return WebSocketResponse(desk.backend, serve)

    HttpRoutes(desk).add_to(routes)
    return routes
