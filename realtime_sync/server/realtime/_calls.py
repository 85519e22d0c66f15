"""Calls by WebRTC and SIP, without their media: they can be begun, taken, refused, passed on, ended, and controlled."""

from __future__ import annotations

import threading
from typing import Any

from attrs import define, field
from flask import Blueprint, Response, request

from realtime_sync.server._backend import Backend, new_id
from realtime_sync.server._incoming import check_depth, parsed
from realtime_sync.server._problem import Problem, invalid, missing
from realtime_sync.server._shape import integer, record, text
from realtime_sync.server.realtime._settings import default_session, update

__all__ = ["Calls", "add_call_routes"]

_HTTP = -1
"""What the journal has as the connection of an HTTP request."""
_MAX_CALLS = 10_000
_PREFIX = "rtc_"
_DEFAULT_MODEL = "gpt-realtime"
_reject = record({"status_code": integer(300, 699)})
_refer = record({"target_uri": text(min_length=1, max_length=2048)}, required=("target_uri",))


@define(eq=False)
class Calls:
    """The calls of one server that have a session. Any other id of the form ``rtc_…`` is a call that rings.

    Threads: any. Locks: _lock guards _sessions. Bounds: 10,000 calls; the oldest go first.
    """

    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _sessions: dict[str, dict[str, Any]] = field(init=False, factory=dict, repr=False)

    def add(self, call_id: str, session: dict[str, Any]) -> None:
        """Give a call its session.

        Raises:
            Problem: it has one.
        """
        with self._lock:
            if call_id in self._sessions:
                msg = f"The call '{call_id}' was accepted already."
                raise Problem(msg, code="call_already_accepted", param="call_id", status=409)
            self._sessions[call_id] = session
            if len(self._sessions) > _MAX_CALLS:
                del self._sessions[next(iter(self._sessions))]

    def session_of(self, call_id: str) -> dict[str, Any]:
        """Return the effective session of a call, or raise the `Problem` that there is no such call."""
        with self._lock:
            session = self._sessions.get(call_id)
        if session is None:
            raise _no_call(call_id)
        return session

    def end(self, call_id: str) -> None:
        """Forget a call, or raise the `Problem` that there is no such call."""
        with self._lock:
            session = self._sessions.pop(call_id, None)
        if session is None:
            raise _no_call(call_id)


def _no_call(call_id: str) -> Problem:
    return Problem(f"No call with the id '{call_id}'.", code="call_not_found", param="call_id", status=404)


def add_call_routes(routes: Blueprint, backend: Backend, calls: Calls) -> None:
    """Add what each URL of a call does."""

    @routes.post("/realtime/calls")
    def create_call() -> Response:
        offer, config = _offer(backend)
        call_id = new_id("rtc")
        calls.add(call_id, _session(config))
        headers = {"Location": f"{request.path}/{call_id}"}
        return Response(_answer(offer), status=201, headers=headers, mimetype="application/sdp")

    @routes.post("/realtime/calls/<call_id>/accept")
    def accept_call(call_id: str) -> Response:
        _check_ringing(call_id)
        calls.add(call_id, _session(_body(backend)))
        return Response(status=200)

    @routes.post("/realtime/calls/<call_id>/reject")
    def reject_call(call_id: str) -> Response:
        _check_ringing(call_id)
        _reject(_body(backend), "")
        return Response(status=200)

    @routes.post("/realtime/calls/<call_id>/refer")
    def refer_call(call_id: str) -> Response:
        calls.session_of(call_id)
        _refer(_body(backend), "")
        return Response(status=200)

    @routes.post("/realtime/calls/<call_id>/hangup")
    def hang_up_call(call_id: str) -> Response:
        calls.end(call_id)
        return Response(status=200)


def _check_ringing(call_id: str) -> None:
    if not call_id.startswith(_PREFIX):
        raise _no_call(call_id)


def _offer(backend: Backend) -> tuple[str, dict[str, Any]]:
    """Return the SDP and the session of a request, in either of its forms."""
    if request.mimetype == "multipart/form-data":
        parts = {**request.form.to_dict(), **{name: each.read().decode() for name, each in request.files.items()}}
        sdp, config = parts.get("sdp"), parts.get("session", "{}")
    else:
        sdp, config = request.get_data().decode(errors="replace"), "{}"
    if not sdp:
        raise missing("sdp")
    if not sdp.startswith("v=0"):
        msg = "Invalid value for 'sdp': an offer begins with 'v=0'."
        raise invalid(msg, "sdp")
    return sdp, _parsed(backend, config)


def _body(backend: Backend) -> dict[str, Any]:
    return _parsed(backend, request.get_data().decode(errors="replace") or "{}")


def _parsed(backend: Backend, given: str) -> dict[str, Any]:
    body = parsed(given, backend.journal, _HTTP, f"POST {request.path}")
    check_depth(body)
    return body


def _session(config: dict[str, Any]) -> dict[str, Any]:
    """Return the effective session for what a request configures."""
    model = config.get("model", _DEFAULT_MODEL)
    if not isinstance(model, str):
        msg = "Invalid type for 'session.model': expected a string."
        raise invalid(msg, "session.model")
    return update(default_session(new_id("sess"), model, None), {"type": "realtime", **config}, has_spoken=False)


def _answer(offer: str) -> str:
    """Return the answer to an offer: no media here, so every stream of it is declined (RFC 3264, section 6)."""
    declined = []
    for line in offer.splitlines():
        if line.startswith("m="):
            kind, _, *rest = line.split(" ")
            declined.append(" ".join([kind, "0", *rest]))
    return "\r\n".join(["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=-", "t=0 0", *declined, ""])
