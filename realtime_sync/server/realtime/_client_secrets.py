"""The route that makes client secrets: for a browser or another program that shall not know the key."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from realtime_sync.server._backend import Backend, new_id
from realtime_sync.server._incoming import check_depth, parsed
from realtime_sync.server._problem import invalid
from realtime_sync.server._shape import integer, mapping, one_of, record
from realtime_sync.server.realtime._settings import default_session, update

__all__ = ["create_client_secret"]

_HTTP = -1
"""What the journal has as the connection of an HTTP request."""
_DEFAULT_MODEL = "gpt-realtime"
_body = record(
    {
        "expires_after": record(
            {"anchor": one_of("created_at"), "seconds": integer(10, 7200)}, defaults={"seconds": 600}
        ),
        "session": mapping(),
    },
    defaults={"expires_after": {"seconds": 600}, "session": {"type": "realtime"}},
)


def create_client_secret(backend: Backend) -> Response:
    """Answer the current request with a new secret, or raise the `Problem` with it."""
    text = request.get_data().decode(errors="replace") or "{}"
    given = parsed(text, backend.journal, _HTTP, f"POST {request.path}")
    check_depth(given)
    body: dict[str, Any] = _body(given, "")
    wanted = body["session"]
    if wanted.get("type") != "realtime":
        msg = "This local server makes conversation sessions only: the type is 'realtime'."
        raise invalid(msg, "session.type")
    model = wanted.get("model", _DEFAULT_MODEL)
    if not isinstance(model, str):
        msg = "Invalid type for 'session.model': expected a string."
        raise invalid(msg, "session.model")
    session = update(default_session(new_id("sess"), model, None), wanted, has_spoken=False)
    secret = backend.secrets.issue(body["expires_after"]["seconds"], session)
    shown = {**session, "expires_at": secret.expires_at}
    return jsonify(value=secret.value, expires_at=secret.expires_at, session=shown)
