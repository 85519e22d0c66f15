"""What goes over HTTP: events as a stream, bodies as JSON, and what faults make of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Response

from realtime_sync.server._faults import Fault
from realtime_sync.server._problem import Problem
from realtime_sync.server._web import accepted_connection
from realtime_sync.server.responses._problems import rejected, streamed_error
from realtime_sync.server.responses._runs import Desk, HttpRun, Written

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["Broken", "event_stream", "json_body", "pause"]

_GARBAGE = b"\xff\xfe this is no HTTP"
_HALF_JSON = '{"type": "half of a'


class Broken(Response):
    """A response that a fault keeps from being one: the connection ends in its midst, or before it begins."""

    def __init__(self, do: str, body: bytes = b"") -> None:
        super().__init__(body, mimetype="application/json")
        self._do = do
        self._body = body

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send what the fault says, and end the connection."""
        if self._do == "cut" and self._body:
            return self._half(super().__call__(environ, start_response))
        if self._do == "garbage":
            accepted_connection(environ).socket.sendall(_GARBAGE)
        raise _gone(self._do)

    def _half(self, _: Iterable[bytes]) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise _gone(self._do)


def _gone(do: str) -> ConnectionAbortedError:
    return ConnectionAbortedError(f"a fault ({do}) ends the connection")


def pause(fault: Fault, desk: Desk) -> bool:
    """Commit a "delay" or a "stall"; true: nothing more is wrong, go on."""
    if fault.do in {"delay", "stall"}:
        desk.closing.wait(None if fault.do == "stall" else fault.seconds)
    return fault.do == "delay"


def json_body(desk: Desk, body: dict[str, Any], *points: str) -> Response:
    """Return a JSON body, or what the fault at one of the points makes of it."""
    data = json.dumps(body, ensure_ascii=False).encode(errors="replace")
    fault = desk.backend.faults.take("sent", *points)
    if fault is not None and fault.do == "reject":
        raise rejected(fault)
    if fault is not None and fault.do == "bad_json":
        data = _HALF_JSON.encode()
    elif fault is not None and not pause(fault, desk):
        return Broken(fault.do, data)
    return Response(data, mimetype="application/json")


def event_stream(desk: Desk, run: HttpRun, after: int = -1, *, owned: bool) -> Response:
    """Return the run's events as server-sent events; `owned`: the run ends when the client goes away."""
    headers = {"Cache-Control": "no-cache", "Content-Type": "text/event-stream; charset=utf-8"}
    response = Response(_chunks(desk, run, after), headers=headers)
    if owned:
        response.call_on_close(run.cancel)
    return response


def _chunks(desk: Desk, run: HttpRun, after: int) -> Iterator[bytes]:
    number = after
    for event in run.follow(after):
        number += 1
        fault = desk.backend.faults.take("sent", event.type)
        if fault is None or pause(fault, desk):
            yield _framed(event)
        elif fault.do == "bad_json":
            yield _framed(Written(event.type, _HALF_JSON))
        elif fault.do == "reject":
            yield _framed(_error(rejected(fault), number))
            return
        elif fault.do == "close":
            return
        elif fault.do != "swallow":
            framed = _framed(event)
            yield {"cut": framed[: len(framed) // 2], "garbage": _GARBAGE}.get(fault.do, b"")
            raise _gone(fault.do)


def _error(problem: Problem, number: int) -> Written:
    return Written("error", json.dumps(streamed_error(problem, number)))


def _framed(event: Written) -> bytes:
    return f"event: {event.type}\ndata: {event.data}\n\n".encode(errors="replace")
