"""Lanes without threads and sockets: the test is the callers, the reader, the clock and the server."""

from __future__ import annotations

import itertools
import json
import threading

from realtime_sync.responses._book import LaneBook
from realtime_sync.responses._call import ANY, Call, Phase, Wants
from realtime_sync.session import DISCARD, EventQueue
from realtime_sync.session._flow import Flow
from realtime_sync.wire import parse_event

__all__ = ["MAILBOX", "Bench", "event"]

MAILBOX = "mailbox"


def event(kind, lane=None, **fields):
    """An event of the server, as it is decoded."""
    named = {} if lane is None else {"stream_id": lane}
    return parse_event(json.dumps({"type": kind, **named, **fields}), "responses")


class Bench:
    """A book, and what a server would say about its requests."""

    def __init__(self, *, knows_lanes=True):
        self.now = 0.0
        self.submitted = []
        self.proofs = []
        self.calls = []
        self._lock = threading.Lock()
        self._flow = Flow(wake=lambda: None)
        self._numbers = itertools.count()
        self._ids = itertools.count(1)
        self.book = LaneBook(
            submit=lambda data, call: self.submitted.append((data, call)),
            proved=lambda *, lanes: self.proofs.append(lanes),
            close_queue=self._flow.consumers.discard,
            knows_lanes=knows_lanes,
            clock=lambda: self.now,
        )

    # -- callers ------------------------------------------------------------------------------------------------------

    def ask(self, previous=None, lane=ANY, *, fork=False, thread=0, **body):
        """Make a request, as a thread of that number, and send it if it has a lane at once."""
        if previous is not None:
            body["previous_response_id"] = previous
        call = Call(
            wants=Wants.of(body, lane, fork=fork),
            body=body,
            queue=EventQueue(session_lock=self._lock, flow=self._flow),
            thread=thread,
        )
        self.calls.append(call)
        self.book.enter(call)
        self.send(call)
        return call

    def send(self, *calls):
        """Send the requests that have got a lane."""
        for call in calls:
            if call.phase is Phase.GRANTED:
                call.number = next(self._numbers)
                self.book.sent(self.book.message(call), call)

    def by_hand(self, lane=None, **body):
        """Send a request without asking for a lane."""
        data = {"type": "response.create", **({} if lane is None else {"stream_id": lane}), **body}
        before = set(self.book.active)
        self.book.sent(data, None)
        (call,) = set(self.book.active) - before
        self.calls.append(call)
        return call

    def steer(self, call, text="more"):
        """Steer the running response of a request."""
        data = {"type": "response.steer", "previous_response_id": call.response_id, "input": text}
        self.book.sent(data, None)

    def asked(self, count, **body):
        """Make several requests."""
        return [self.ask(**body) for _ in range(count)]

    # -- the server ---------------------------------------------------------------------------------------------------

    def receive(self, message):
        """Route an event; return the request that got it, `DISCARD` or `MAILBOX`, and send what may go out now."""
        entry = (next(self._numbers), message, 1)
        owner = self.book.owner(entry)
        if isinstance(owner, EventQueue):
            owner.put_locked(entry)
        owners = [call for call in self.calls if call.queue is not None and entry in call.queue._entries]
        self.send(*self.calls)
        if owners:
            (found,) = owners
            return found
        return DISCARD if owner is DISCARD else MAILBOX

    def tell(self, kind, lane=None, **fields):
        """Route an event of the server."""
        return self.receive(event(kind, lane, **fields))

    def tell_of(self, call, kind, response_id=None, **response):
        """Route an event about the response of a request, on its lane."""
        found = response_id or call.response_id
        return self.tell(kind, call.stream_id, response={"id": found, "output": [], **response})

    def begin(self, call, response_id=None, kind="response.created"):
        """Let the response of a request begin; return where that went."""
        return self.tell_of(call, kind, response_id or f"resp_{next(self._ids)}")

    def end(self, call, kind="response.completed", **response):
        """Let it end."""
        return self.tell_of(call, kind, status=kind.rpartition(".")[2], **response)

    def answer(self, *calls):
        """Let responses begin and end; return the id of the last."""
        for call in calls:
            self.begin(call)
            self.end(call)
        return calls[-1].response_ids[-1]

    def refuse(self, call=None, code="bad", lane=True, **more):
        """Send an error, on the lane of a request or on none."""
        named = call.stream_id if lane and call is not None else None
        error = {"type": "invalid_request_error", "code": code, "message": code, **more}
        return self.tell("error", named, status=400, error=error)

    def delta(self, lane, text="x"):
        """Send a piece of text on a lane."""
        return self.tell("response.output_text.delta", lane, output_index=0, content_index=0, item_id="i", delta=text)

    def look_again(self, seconds):
        """Let time pass, and somebody in line look at their clock."""
        self.now += seconds
        self.book.look_again()
        self.send(*self.calls)

    def pass_time(self, seconds):
        """Let time pass, and the reader look at its clock."""
        self.now += seconds
        self.book.tick()
        self.send(*self.calls)
