"""Responses made for HTTP: each writes its events down as they come, for whoever follows them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field, frozen

from realtime_sync.server._backend import Backend
from realtime_sync.server._generation import Generation
from realtime_sync.server._pieces import Piece
from realtime_sync.server._problem import Problem
from realtime_sync.server.responses._answer import ResponsesAnswer
from realtime_sync.server.responses._plan import Plan, generation, planned
from realtime_sync.server.responses._store import Record, Store

__all__ = ["Desk", "HttpRun", "Written"]

logger = logging.getLogger("realtime_sync.server")

_MAX_KEPT = 256
"""Background responses whose events are kept, to be followed again."""
_JOIN_SECONDS = 1.0


@frozen
class Written:
    """One event of a response."""

    type: str
    data: str = field(repr=False)
    """As JSON."""


@define(eq=False, kw_only=True)
class HttpRun:
    """A response that is made for HTTP, and its events.

    Threads: any. The worker hands pieces to it, threads of connections follow it.
    Locks: _changed guards _answer, _events and _over. What ends a wait: the next event, the end, `cancel`.
    """

    # set once
    _store: Store
    _answer: ResponsesAnswer = field(init=False)
    _worker: Generation | None = field(init=False, default=None)
    # guarded by _changed
    _changed: threading.Condition = field(init=False, factory=threading.Condition, repr=False)
    _events: list[Written] = field(init=False, factory=list, repr=False)
    _over: bool = field(init=False, default=False)

    @classmethod
    def start(cls, plan: Plan, backend: Backend, store: Store) -> HttpRun:
        """Begin a response."""
        run = cls(store=store)
        run._answer = ResponsesAnswer(emit=run._write, plan=plan)
        with run._changed:
            run._answer.begin()
            if run._answer.status != "in_progress":
                run._end_locked()
                return run
        worker = run._worker = generation(plan, backend, lambda piece: run._take(worker, piece), run.id[-6:])
        worker.start()
        return run

    @property
    def id(self) -> str:
        """The response's id."""
        return self._answer.id

    @property
    def record(self) -> Record:
        """The response as it is now."""
        with self._changed:
            return self._answer.record

    @property
    def is_over(self) -> bool:
        """Whether no more events will come."""
        with self._changed:
            return self._over

    def wait(self) -> dict[str, Any]:
        """Wait for the end, and return the response."""
        with self._changed:
            self._changed.wait_for(lambda: self._over)
            return self._answer.record.response

    def follow(self, after: int = -1) -> Iterator[Written]:
        """Yield every event with a sequence number above `after`, as they come, up to the end."""
        number = after + 1
        while (event := self._event(number)) is not None:
            number += 1
            yield event

    def _event(self, number: int) -> Written | None:
        """Wait for one event; None: the response ended before it."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or len(self._events) > number)
            return self._events[number] if len(self._events) > number else None

    def cancel(self) -> None:
        """End the response, if it has not ended."""
        if self._worker is not None:
            self._worker.cancel()
        with self._changed:
            if not self._over:
                self._answer.cancel()
                self._end_locked()

    def join(self, timeout: float) -> bool:
        """Wait for the worker to end; true when it has."""
        return self._worker is None or self._worker.join(timeout)

    def _take(self, worker: Generation, piece: Piece) -> None:
        """Take a piece, on the worker's thread."""
        worker.taken()
        with self._changed:
            if not self._over and self._answer.take(piece):
                self._end_locked()

    def _write(self, event: dict[str, Any]) -> None:
        self._events.append(Written(event["type"], json.dumps(event, ensure_ascii=False, separators=(",", ":"))))
        self._changed.notify_all()

    def _end_locked(self) -> None:
        self._over = True
        record = self._answer.record
        # A client that went away never learnt the id, unless the response runs without it.
        wanted = record.response["status"] != "cancelled" or record.params.get("background")
        if wanted and record.params.get("store") is not False:
            self._store.put(record)
        self._changed.notify_all()


@define(eq=False, kw_only=True)
class Desk:
    """Where HTTP requests for responses are taken up.

    Threads: any.
    Locks: _lock guards _background, _runs and _closed.
    """

    _backend: Backend
    store: Store = field(factory=Store)
    closing: threading.Event = field(init=False, factory=threading.Event)
    """Set when the server closes: ends the waits of faults."""
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)
    _runs: list[HttpRun] = field(init=False, factory=list, repr=False)
    """Those whose worker may still run."""
    _background: dict[str, HttpRun] = field(init=False, factory=dict, repr=False)
    _closed: bool = field(init=False, default=False)

    @property
    def backend(self) -> Backend:
        """What the connections of the server share."""
        return self._backend

    def plan(self, params: Mapping[str, Any]) -> Plan:
        """Return the plan for a checked request, or raise the `Problem` with it."""
        return planned(params, self.store.find, self.store.item)

    def create(self, params: Mapping[str, Any]) -> HttpRun:
        """Begin a response, or raise the `Problem` with it."""
        plan = self.plan(params)
        with self._lock:
            if self._closed:
                msg = "The server is shutting down."
                raise Problem(msg, kind="server_error", status=503)
            run = HttpRun.start(plan, self._backend, self.store)
            self._runs = [each for each in self._runs if not each.join(0)]
            self._runs.append(run)
            if params.get("background"):
                self._background[run.id] = run
                if len(self._background) > _MAX_KEPT:
                    del self._background[next(iter(self._background))]
        return run

    def background(self, response_id: str) -> HttpRun | None:
        """Return a background response, running or not."""
        with self._lock:
            return self._background.get(response_id)

    def find(self, response_id: str) -> Record | None:
        """Return a response that is stored, or that runs in the background."""
        run = self.background(response_id)
        return self.store.find(response_id) if run is None or run.is_over else run.record

    def delete(self, response_id: str) -> bool:
        """Forget a response, ending it if it runs; false when there is none."""
        with self._lock:
            run = self._background.pop(response_id, None)
        if run is not None:
            run.cancel()
        return self.store.delete(response_id)

    def close(self) -> None:
        """End every response, within about a second. No new one begins."""
        self.closing.set()
        with self._lock:
            self._closed = True
            runs = list(self._runs)
        for run in runs:
            run.cancel()
        deadline = time.monotonic() + _JOIN_SECONDS
        for run in runs:
            if not run.join(max(0.0, deadline - time.monotonic())):
                logger.warning("a responder is still running after its server was closed")
