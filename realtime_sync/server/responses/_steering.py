"""Steering: input for a response that runs, which its successor begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define

from realtime_sync.server._backend import new_id
from realtime_sync.server._problem import Problem, missing
from realtime_sync.server.responses._items import Item, context_of_steer
from realtime_sync.server.responses._lanes import Lane, Lanes, Run, Steer

__all__ = ["Steering"]

MAX_PENDING = 8
"""Steers that may wait for one response's successor."""
_KEYS = {"type", "previous_response_id", "input"}
_MESSAGES = {
    "response_not_found": "No such response is available on this connection.",
    "response_already_completed": "The response has completed and accepts no steering any more.",
    "response_not_active": "The response has ended and accepts no steering any more.",
    "steering_not_supported": "Responses with automatic compaction or several agents cannot be steered.",
    "too_many_pending_steers": f"No more than {MAX_PENDING} steers may wait for one response.",
    "successor_creation_failed": "The response that was to begin with this input could not be created.",
}


@define(eq=False, kw_only=True)
class Steering:
    """The steers of one connection. Belongs to the connection's thread."""

    _lanes: Lanes
    _emit: Callable[[dict[str, Any], Lane | None], None]

    def steer(self, event: dict[str, Any]) -> None:
        """Accept a `response.steer`, or say why not; raises the `Problem` of one that names no response at all."""
        response_id = event.get("previous_response_id")
        if not isinstance(response_id, str) or not response_id:
            raise missing("previous_response_id")
        if "input" not in event:
            raise missing("input")
        lane = self._lanes.where(response_id)
        run = None if lane is None else lane.run
        steer = Steer(id="", previous_response_id=response_id, input=event["input"], items=())
        try:
            items = _checked(event)
        except Problem as problem:
            self._fail(lane, steer, "invalid_input", problem.message)
            return
        code = _refusal(lane, run, response_id)
        if code is not None or run is None:
            self._fail(lane, steer, code or "response_not_active")
            return
        steer = Steer(id=new_id("steer"), previous_response_id=response_id, input=event["input"], items=items)
        run.steers.append(steer)
        run.answer.send("response.steer.accepted", steer={"id": steer.id, "previous_response_id": response_id})

    def claimed(self, lane: Lane, params: Mapping[str, Any]) -> list[Steer]:
        """Return the steers that a create on this lane begins with."""
        latest = lane.latest
        return lane.pending if latest is not None and params.get("previous_response_id") == latest.id else []

    def give_back(self, lane: Lane, code: str) -> None:
        """Return what waits for a create on this lane to the client."""
        steers, lane.pending = lane.pending, []
        for steer in steers:
            self._fail(lane, steer, code)

    def successor(self, lane: Lane, run: Run) -> tuple[dict[str, Any], tuple[Item, ...]] | None:
        """Return the request and the input of the response that follows by itself on one that has ended, or None.

        When the client's tools have to answer first, the client is told what is missing.
        """
        if not run.steers:
            return None
        lane.pending = run.steers
        if lane.latest is None or lane.latest.id != run.answer.id:
            self.give_back(lane, "successor_creation_failed")
            return None
        if run.answer.open_calls:
            if not lane.waiting or lane.waiting[0].event.get("previous_response_id") != run.answer.id:
                self._tell_pending(run)
            return None
        items = tuple(item for steer in run.steers for item in steer.items)
        params = {name: value for name, value in run.answer.plan.params.items() if name not in {"input", "generate"}}
        return {**params, "previous_response_id": run.answer.id}, items

    def _tell_pending(self, run: Run) -> None:
        required = [
            {"type": f"{call['type']}_output", "call_id": call["call_id"], "name": call["name"]}
            for call in run.answer.open_calls
        ]
        for steer in run.steers:
            run.answer.send(
                "response.steer.pending",
                steer={"id": steer.id, "previous_response_id": steer.previous_response_id},
                reason="waiting_for_required_input",
                required_input=required,
            )

    def _fail(self, lane: Lane | None, steer: Steer, code: str, message: str | None = None) -> None:
        told: dict[str, Any] = {"previous_response_id": steer.previous_response_id, "input": steer.input}
        error = {"type": "invalid_request_error", "code": code, "message": message or _MESSAGES[code]}
        event = {"steer": {**({"id": steer.id} if steer.id else {}), **told}, "error": error}
        self._emit({"type": "response.steer.failed", "sequence_number": 0, **event}, lane)


def _checked(event: dict[str, Any]) -> tuple[Item, ...]:
    extra = sorted(event.keys() - _KEYS)
    if extra:
        msg = f"Unknown parameter: '{extra[0]}'. A steer has type, previous_response_id and input."
        raise Problem(msg, param=extra[0])
    return tuple(context_of_steer(event["input"]))


def _refusal(lane: Lane | None, run: Run | None, response_id: str) -> str | None:
    """Return the code with which a steer is refused, None if it is not."""
    if lane is None:
        return "response_not_found"
    if run is None or run.answer.id != response_id:
        latest = lane.latest
        completed = latest is not None and latest.id == response_id and latest.response["status"] == "completed"
        return "response_already_completed" if completed else "response_not_active"
    params = run.answer.plan.params
    if params.get("context_management") or params.get("multi_agent"):
        return "steering_not_supported"
    return "too_many_pending_steers" if len(run.steers) >= MAX_PENDING else None
