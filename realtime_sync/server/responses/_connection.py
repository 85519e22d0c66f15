"""A WebSocket of the Responses API: creates in, the events of their responses out, lane by lane."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field

from realtime_sync.server._backend import Backend
from realtime_sync.server._channel import Channel
from realtime_sync.server._generation import Generation
from realtime_sync.server._incoming import check_depth, parsed
from realtime_sync.server._journal import Handshake
from realtime_sync.server._pieces import EndPiece, Piece
from realtime_sync.server._problem import Problem, invalid, missing
from realtime_sync.server.responses._answer import ResponsesAnswer
from realtime_sync.server.responses._items import checked_input
from realtime_sync.server.responses._lanes import Create, Lane, Lanes, Run
from realtime_sync.server.responses._plan import Plan, generation, planned
from realtime_sync.server.responses._problems import error_event, rejected
from realtime_sync.server.responses._requests import checked_create, checked_inject, checked_stream_id
from realtime_sync.server.responses._steering import Steering
from realtime_sync.server.responses._store import Record, Store

__all__ = ["ResponsesConnection"]

logger = logging.getLogger("realtime_sync.server")

CONNECTION_SECONDS = 3600
"""The API's limit on a connection, before scaling."""
_JOIN_SECONDS = 1.0
_MULTI_AGENT = "responses_multi_agent=v1"
_BESIDE = ("error", "response.steer", "response.inject")
"""Events whose loss ends no response."""


@define(eq=False, kw_only=True)
class ResponsesConnection:
    """One connection. An `Application`: every method runs on the connection's thread, so there are no locks.

    Workers post what they want done through the channel, as functions; `on_post` calls them.
    """

    _channel: Channel
    _backend: Backend
    _store: Store
    _index: int
    """Of the WebSocket, as the journal counts them."""
    _multi_agent: bool
    """The client asked for the beta with `response.inject`."""
    _expires: float | None
    """On the monotonic clock; None: never."""
    _lanes: Lanes = field(init=False, factory=Lanes)
    _steering: Steering = field(init=False)
    _retired: list[Generation] = field(init=False, factory=list)
    """Cancelled, but their thread may not have noticed yet."""

    def __attrs_post_init__(self) -> None:
        """Put the parts together."""
        self._steering = Steering(lanes=self._lanes, emit=self._emit)

    @classmethod
    def start(cls, channel: Channel, handshake: Handshake, *, backend: Backend, store: Store) -> ResponsesConnection:
        """Return the application for a new connection."""
        lifetime = CONNECTION_SECONDS * backend.time_scale or None
        return cls(
            channel=channel,
            backend=backend,
            store=store,
            index=handshake.connection,
            multi_agent=_MULTI_AGENT in handshake.headers.get("openai-beta", ""),
            expires=time.monotonic() + lifetime if lifetime else None,
        )

    # Application

    def on_open(self) -> None:
        """Nothing is sent before the client asks."""

    def on_message(self, data: str) -> None:
        """Handle one client event; whatever is wrong with it is answered by an error event."""
        try:
            self._handle(parsed(data, self._backend.journal, self._index))
        except Problem as problem:
            self._emit(error_event(problem), None)

    def on_post(self, act: Callable[[], None]) -> None:
        """Do what a worker posted."""
        act()

    def on_timer(self) -> float | None:
        """End the connection when its time is over and nothing runs; return the seconds until its time is over."""
        left = self._time_left()
        if left is not None and left <= 0:
            left = None
            if self._lanes.is_idle:
                self._emit(error_event(_too_old()), None)
                self._channel.close(1001, "maximum duration of 60 minutes")
        return left

    def _time_left(self) -> float | None:
        return None if self._expires is None else self._expires - time.monotonic()

    def on_close(self) -> None:
        """Stop the workers."""
        workers = [*self._retired, *(run.worker for run in self._lanes.running if run.worker is not None)]
        for worker in workers:
            worker.cancel()
        deadline = time.monotonic() + _JOIN_SECONDS
        for worker in workers:
            if not worker.join(max(0.0, deadline - time.monotonic())):
                logger.warning("a responder is still running after its connection has ended")

    # events

    def _emit(self, event: dict[str, Any], lane: Lane | None) -> None:
        """Send an event of a lane (None: of no lane), or commit the fault that strikes it.

        Raises:
            Problem: a fault puts an error in its place, which ends the response.
        """
        if not self._channel.is_open:
            return
        fault = self._backend.faults.take("sent", event["type"])
        if fault is not None and fault.do == "reject":
            if not event["type"].startswith(_BESIDE):
                raise rejected(fault)
            event, fault = event if event["type"] == "error" else error_event(rejected(fault)), None
        if lane is not None and lane.name is not None:
            event = {**event, "stream_id": lane.name}
        self._channel.send(json.dumps(event, ensure_ascii=False, separators=(",", ":")), fault)

    def _handle(self, event: dict[str, Any]) -> None:
        check_depth(event)
        kinds = [kind for kind in self._handlers if self._multi_agent or kind != "response.inject"]
        if "type" not in event:
            raise missing("type")
        if event["type"] not in kinds:
            known = ", ".join(f"'{kind}'" for kind in kinds)
            msg = f"Invalid value: '{event['type']}'. Supported values are: {known}."
            raise invalid(msg, "type")
        fault = self._backend.faults.take("received", event["type"])
        refusal = rejected(fault) if fault is not None and fault.do == "reject" else None
        if fault is None or refusal is not None or self._channel.commit(fault, b""):
            self._handlers[event["type"]](self, event, refusal)

    def _create(self, event: dict[str, Any], refusal: Problem | None) -> None:
        name = checked_stream_id(event)
        try:
            lane = self._lanes.lane(name)
        except Problem as problem:
            self._emit(error_event(problem), Lane(name))
            return
        self._lanes.submit(lane, Create(event=event, fault=refusal))
        self._go_on()

    def _steer(self, event: dict[str, Any], refusal: Problem | None) -> None:
        if refusal is not None:
            raise refusal
        self._steering.steer(event)

    def _inject(self, event: dict[str, Any], refusal: Problem | None) -> None:
        if refusal is not None:
            raise refusal
        event = checked_inject(event)
        items = checked_input(event["input"], self._store.item)
        lane = self._lanes.where(event["response_id"])
        body: dict[str, Any] = {"response_id": event["response_id"]}
        if lane is None or lane.run is None or lane.run.answer.id != event["response_id"]:
            code = "response_not_found" if lane is None else "response_already_completed"
            error = {"code": code, "message": f"Response '{event['response_id']}' does not run on this connection."}
            number = {"type": "response.inject.failed", "sequence_number": 0}
            self._emit({**number, **body, "input": event["input"], "error": error}, lane)
            return
        lane.run.answer.inject(items)
        lane.run.answer.send("response.inject.created", **body)

    _handlers: ClassVar[dict[Any, Callable[[ResponsesConnection, dict[str, Any], Problem | None], None]]] = {
        "response.create": _create,
        "response.steer": _steer,
        "response.inject": _inject,
    }

    # responses

    def _go_on(self) -> None:
        """Begin what may begin."""
        while (turn := self._lanes.next()) is not None:
            lane, create = turn
            try:
                plan = self._planned(lane, create)
            except Problem as problem:
                self._refuse(lane, create.event, problem)
            else:
                self._begin(lane, plan)
        self.on_timer()

    def _planned(self, lane: Lane, create: Create) -> Plan:
        if create.fault is not None:
            raise create.fault
        left = self._time_left()
        if left is not None and left <= 0:
            raise _too_old()
        params = checked_create(create.event, websocket=True, multi_agent=self._multi_agent)
        items = [item for steer in self._steering.claimed(lane, params) for item in steer.items]
        return planned(params, self._previous(lane), self._store.item, tuple(items))

    def _previous(self, lane: Lane) -> Callable[[str], Record | None]:
        def find(response_id: str) -> Record | None:
            if lane.latest is not None and lane.latest.id == response_id:
                return lane.latest
            return self._lanes.cached(response_id) or self._store.find(response_id)

        return find

    def _refuse(self, lane: Lane, event: dict[str, Any], problem: Problem) -> None:
        """Answer a create by an error; what it would have continued on this lane is evicted."""
        self._emit(error_event(problem), lane)
        if lane.latest is not None and event.get("previous_response_id") == lane.latest.id:
            lane.latest = None
            self._steering.give_back(lane, "successor_creation_failed")

    def _begin(self, lane: Lane, plan: Plan) -> None:
        claimed = self._steering.claimed(lane, plan.params)
        if not claimed:
            self._steering.give_back(lane, "response_not_active")
        lane.pending = []
        answer = ResponsesAnswer(emit=lambda event: self._emit(event, lane), plan=plan)
        run = lane.run = Run(answer=answer, displaced=lane.latest)
        # A lane remembers one response: the new one, from here on.
        lane.latest = None
        self._lanes.began(lane, answer.id)
        try:
            answer.begin()
        except Problem as problem:
            self._abort(lane, run, problem)
            return
        if answer.status != "in_progress":
            self._ended(lane, run)
        else:
            self._ask(lane, run)

    def _ask(self, lane: Lane, run: Run) -> None:
        """Let a worker ask the responder."""
        gained = run.answer.gained if run.answer.injected else ()
        run.answered = len(run.answer.injected)
        worker = generation(
            run.answer.plan,
            self._backend,
            lambda piece: self._channel.post(lambda: self._take(lane, worker, piece)),
            run.answer.id[-6:],
            gained,
        )
        run.worker = worker
        worker.start()

    def _take(self, lane: Lane, worker: Generation, piece: Piece) -> None:
        """Take a piece of an answer; pieces of a response that is over are thrown away."""
        run = lane.run
        if run is None or run.worker is not worker:
            return
        worker.taken()
        answer = run.answer
        completes = isinstance(piece, EndPiece) and piece.status == "completed"
        try:
            if completes and run.answered < len(answer.injected):
                self._retire(run)
                self._ask(lane, run)
                return
            if run.steers and not isinstance(piece, EndPiece) and not answer.open_calls:
                answer.finish("incomplete", "steered")
            elif not answer.take(piece):
                return
        except Problem as problem:
            self._abort(lane, run, problem)
        else:
            self._ended(lane, run)

    def _abort(self, lane: Lane, run: Run, problem: Problem) -> None:
        """End the lane's response by an error event."""
        run.answer.status = "failed"
        self._emit(error_event(problem), lane)
        self._ended(lane, run)

    def _retire(self, run: Run) -> None:
        self._retired = [each for each in self._retired if not each.join(0)]
        if run.worker is not None:
            run.worker.cancel()
            self._retired.append(run.worker)

    def _ended(self, lane: Lane, run: Run) -> None:
        """Remember the lane's response, which has ended, and go on with the next one."""
        self._retire(run)
        record = run.answer.record
        lane.run = None
        if run.answer.plan.stores:
            self._store.put(record)
        if record.can_go_on:
            lane.latest = record
        elif run.displaced is not None and run.displaced.id != run.answer.plan.params.get("previous_response_id"):
            lane.latest = run.displaced
        successor = self._steering.successor(lane, run)
        if successor is not None:
            self._begin(lane, planned(successor[0], self._previous(lane), self._store.item, successor[1]))
        else:
            self._go_on()


def _too_old() -> Problem:
    msg = "Responses websocket connection limit reached (60 minutes). Create a new websocket connection to continue."
    return Problem(msg, code="websocket_connection_limit_reached")
