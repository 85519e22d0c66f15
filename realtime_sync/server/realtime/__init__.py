"""The Realtime API, as the local server speaks it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, request

from realtime_sync.server._backend import Backend
from realtime_sync.server._channel import Channel
from realtime_sync.server._journal import Handshake
from realtime_sync.server._problem import Problem
from realtime_sync.server._web import WebSocketResponse, offered_keys
from realtime_sync.server.realtime._calls import Calls, add_call_routes
from realtime_sync.server.realtime._client_secrets import create_client_secret
from realtime_sync.server.realtime._session import RealtimeSession

__all__ = ["realtime_routes"]


def realtime_routes(backend: Backend) -> Blueprint:
    """Return the routes of the Realtime API, below the version prefix."""
    routes = Blueprint("realtime", __name__)
    calls = Calls()
    add_call_routes(routes, backend, calls)

    @routes.get("/realtime", websocket=True)
    def connect() -> Response:
        secret = backend.secrets.find(offered_keys())
        configured = None if secret is None else secret.session
        model, call_id = _target(request.args, request.headers.get("OpenAI-Beta"))
        if call_id is not None:
            configured = calls.session_of(call_id)
            model = str(configured["model"])

        def serve(channel: Channel, handshake: Handshake) -> RealtimeSession:
            return RealtimeSession.start(channel, handshake, backend=backend, model=model, configured=configured)

        return WebSocketResponse(backend, serve)

    @routes.post("/realtime/client_secrets")
    def client_secrets() -> Response:
        return create_client_secret(backend)

    @routes.get("/realtime")
    def explain() -> Response:
        msg = "This URL is a WebSocket: connect to it with 'Upgrade: websocket'."
        raise Problem(msg, status=426, headers={"Upgrade": "websocket"})

    return routes


def _target(query: Mapping[str, str], beta: str | None) -> tuple[str, str | None]:
    """Return the model of a conversation session, or the call to control; or raise the `Problem` with URL or header."""
    if beta is not None and "realtime=v1" in beta:
        msg = "The beta protocol is not spoken here: leave out the header 'OpenAI-Beta: realtime=v1'."
        raise Problem(msg, code="beta_api_shape_disabled")
    given = [name for name in ("model", "call_id", "intent") if query.get(name)]
    if len(given) != 1:
        msg = f"Give exactly one of model, call_id and intent in the query; got {', '.join(given) or 'none of them'}."
        raise Problem(msg, code="missing_required_parameter" if not given else "invalid_value", param="model")
    if given == ["call_id"]:
        return "", query["call_id"]
    if given == ["intent"]:
        msg = "This local server makes conversation sessions only: give a model instead of an intent."
        raise Problem(msg, code="invalid_value", param="intent")
    return query["model"], None
