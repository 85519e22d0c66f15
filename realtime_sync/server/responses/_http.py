"""The routes of the Responses API over HTTP."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from flask import Blueprint, Response, request

from realtime_sync.server._backend import new_id
from realtime_sync.server._incoming import check_depth, parsed
from realtime_sync.server._problem import Problem, invalid
from realtime_sync.server.responses._compaction import compacted_window
from realtime_sync.server.responses._problems import rejected
from realtime_sync.server.responses._requests import checked_compact, checked_count, checked_create
from realtime_sync.server.responses._runs import Desk
from realtime_sync.server.responses._store import Record, not_found
from realtime_sync.server.responses._stream import Broken, event_stream, json_body, pause
from realtime_sync.server.responses._usage import context_tokens, usage

__all__ = ["HttpRoutes"]

_MAX_LIMIT = 100
_HTTP = -1
"""What the journal has as the connection of an HTTP request."""


@frozen
class HttpRoutes:
    """What each URL does. Threads: those of the connections, any number at once."""

    _desk: Desk

    def add_to(self, routes: Blueprint) -> None:
        """Add every route to a blueprint."""
        routes.before_request(self._commit_fault)
        for method, path, view in (
            ("POST", "", self._create),
            ("POST", "/input_tokens", self._input_tokens),
            ("POST", "/compact", self._compact),
            ("GET", "/<response_id>", self._retrieve),
            ("DELETE", "/<response_id>", self._delete),
            ("POST", "/<response_id>/cancel", self._cancel),
            ("GET", "/<response_id>/input_items", self._input_items),
        ):
            routes.add_url_rule("/responses" + path, view.__name__, view, methods=[method])

    def _commit_fault(self) -> Response | None:
        rule = request.url_rule
        if rule is None or rule.websocket:
            return None
        name = f"{request.method} {rule.rule.replace('<', '{').replace('>', '}')}"
        fault = self._desk.backend.faults.take("received", name, *_event_of(name))
        if fault is None or pause(fault, self._desk):
            return None
        if fault.do == "reject":
            raise rejected(fault)
        return _unhandled(fault.do)

    def _create(self) -> Response:
        desk = self._desk
        params = checked_create(_body(desk), websocket=False)
        run = desk.create(params)
        if params.get("stream"):
            return event_stream(desk, run, owned=not params.get("background"))
        if params.get("background"):
            return json_body(desk, run.record.response)
        response = run.wait()
        if response["status"] == "cancelled":
            msg = "The server is shutting down."
            raise Problem(msg, kind="server_error", status=503)
        return json_body(desk, response, f"response.{response['status']}")

    def _retrieve(self, response_id: str) -> Response:
        desk = self._desk
        if request.args.get("stream") == "true":
            run = desk.background(response_id)
            if run is None:
                raise self._not_background(response_id, "streamed again")
            return event_stream(desk, run, _integer("starting_after", -1), owned=False)
        return json_body(desk, self._existing(response_id).response)

    def _delete(self, response_id: str) -> Response:
        if not self._desk.delete(response_id):
            raise not_found(response_id)
        return json_body(self._desk, {"id": response_id, "object": "response", "deleted": True})

    def _cancel(self, response_id: str) -> Response:
        run = self._desk.background(response_id)
        if run is None:
            raise self._not_background(response_id, "cancelled")
        run.cancel()
        return json_body(self._desk, run.record.response)

    def _input_items(self, response_id: str) -> Response:
        return json_body(self._desk, _page(self._existing(response_id).input))

    def _input_tokens(self) -> Response:
        plan = self._desk.plan(checked_count(_body(self._desk)))
        return json_body(self._desk, {"object": "response.input_tokens", "input_tokens": plan.given_tokens})

    def _compact(self) -> Response:
        plan = self._desk.plan(checked_compact(_body(self._desk)))
        window = compacted_window(item for item in plan.context if item["type"] != "compaction_trigger")
        body = {
            "id": new_id("resp"),
            "object": "response.compaction",
            "created_at": int(time.time()),
            "output": window,
            "usage": usage(plan.given_tokens, cached=0, made=context_tokens(window[-1:]), reasoned=0),
        }
        return json_body(self._desk, body)

    def _existing(self, response_id: str) -> Record:
        record = self._desk.find(response_id)
        if record is None:
            raise not_found(response_id)
        return record

    def _not_background(self, response_id: str, verb: str) -> Problem:
        self._existing(response_id)
        return invalid(f"Only a response that was created with background=true can be {verb}.", None)


def _event_of(name: str) -> tuple[str, ...]:
    """Return the event that means the same over a WebSocket, so that a fault may name either."""
    return ("response.create",) if name == "POST /v1/responses" else ()


def _unhandled(do: str) -> Response:
    """Return what answers a request that is never handled."""
    return Response('{"type": "half of a', mimetype="application/json") if do == "bad_json" else Broken(do)


def _body(desk: Desk) -> dict[str, Any]:
    data = request.get_data().decode(errors="replace")
    body = parsed(data, desk.backend.journal, _HTTP, f"{request.method} {request.path}")
    check_depth(body)
    return body


def _integer(name: str, default: int) -> int:
    value = request.args.get(name)
    if value is None:
        return default
    try:
        return int(value)
    except ValueError:
        msg = f"Invalid type for '{name}': expected an integer, but got '{value[:32]}' instead."
        raise Problem(msg, code="invalid_type", param=name) from None


def _page(every: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the page of a list that the query asks for."""
    limit, order, after = _integer("limit", 20), request.args.get("order", "desc"), request.args.get("after")
    if not 1 <= limit <= _MAX_LIMIT:
        msg = f"Invalid 'limit': expected a value from 1 to {_MAX_LIMIT}, but got {limit} instead."
        raise invalid(msg, "limit")
    if order not in {"asc", "desc"}:
        msg = f"Invalid value: '{order}'. Supported values are: 'asc' and 'desc'."
        raise invalid(msg, "order")
    items = list(every if order == "asc" else reversed(every))
    if after is not None:
        places = [number for number, item in enumerate(items) if item["id"] == after]
        if not places:
            msg = f"No item with id '{after}' in this list."
            raise invalid(msg, "after")
        items = items[places[0] + 1 :]
    page = items[:limit]
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return {"object": "list", "data": page, **ends, "has_more": len(items) > limit}
