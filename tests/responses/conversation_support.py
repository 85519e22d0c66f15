"""A stand-in for the server under conversations: what it remembers, and what may go wrong with it."""

from __future__ import annotations

import itertools
import json

from attrs import Factory, define

from realtime_sync import RetryPolicy
from realtime_sync.errors import ConnectError, ServerError, TurnInterrupted
from realtime_sync.responses._conversation import Conversation
from realtime_sync.responses._conversation_link import Link
from realtime_sync.types.responses import CompactedResponse
from realtime_sync.wire import parse_event

__all__ = ["FakeServer", "calls", "said", "says", "server_error"]

QUICK = RetryPolicy(initial_delay=0.0, max_delay=0.0)


def said(text):
    """A message of the user."""
    return {"type": "message", "role": "user", "content": text}


def says(text):
    """What the model says, as an output item."""
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def calls(call_id, name="f", **arguments):
    """A call that the model makes."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": json.dumps(arguments)}


def server_error(code, *, status=None, kind=None, **more):
    """The exception of an error event."""
    error = {"type": kind, "code": code, "message": str(code), **more}
    event = parse_event(json.dumps({"type": "error", "status": status, "error": error}), "responses")
    return ServerError(str(code), code=code, type=kind, param=more.get("param"), event=event)


def event(kind, **body):
    return parse_event(json.dumps({"type": kind, **body}), "responses")


@define(eq=False)
class FakeExchange:
    """A request's events, made beforehand; an exception among them is raised in its turn."""

    script: list
    ending: object = None
    closed: bool = False

    def __iter__(self):
        return self

    def __next__(self):
        if not self.script:
            raise StopIteration
        found = self.script.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    def response(self):
        for _ in self:
            pass
        if isinstance(self.ending, BaseException):
            raise self.ending
        return self.ending

    def close(self):
        self.closed = True


@define(eq=False)
class FakeRoute:
    """A connection: it remembers one response, the newest, as a lane does."""

    server: FakeServer
    cache: dict = Factory(dict)
    is_usable: bool = True
    in_flight: int = 0
    closed: bool = False

    def stream(self, body, timeout, *, fork):  # noqa: ARG002
        return self.server.answer(self, body, fork=fork)

    def holds(self, response_id):
        return response_id in self.cache

    def close(self):
        self.is_usable, self.closed = False, True


@define(eq=False)
class FakeServer:
    """Answers requests as `answers` say, unless the next of `faults` says otherwise.

    Faults: an exception of the dial ("dial"), one instead of sending ("unsent"), one before the first event ("silent"),
    one in the middle ("midway"), an error event ("refuse"); an exception alone is raised as the second event.
    """

    answers: list = Factory(list)
    faults: list = Factory(list)
    dial_faults: list = Factory(list)
    requests: list = Factory(list)
    routes: list = Factory(list)
    over_http: list = Factory(list)
    contexts: dict = Factory(dict)
    """What each response was made of, its output included."""
    stored: set = Factory(set)
    compacted: list = Factory(list)
    told: object = lambda previous: {"previous_response_id": previous}
    """What responses tell of the one that they go on from."""
    on_dial: object = lambda: None
    numbers: object = Factory(itertools.count)

    def dial(self, timeout=None):  # noqa: ARG002
        self.on_dial()
        if self.dial_faults:
            raise self.dial_faults.pop(0)
        self.routes.append(FakeRoute(self))
        return self.routes[-1]

    def http(self, body, timeout):  # noqa: ARG002
        self.over_http.append(body)
        return self.answer(FakeRoute(self), body)

    def compact(self, **parameters):
        self.requests.append(parameters)
        return CompactedResponse(output=tuple(event_items(self.compacted)))

    def answer(self, route, parameters, *, fork=False):
        self.requests.append(parameters)
        where, fault = self.faults.pop(0) if self.faults else (None, None)
        if where == "unsent":
            route.is_usable = False
            raise fault
        previous = parameters.get("previous_response_id")
        if where == "refuse":
            route.cache.clear()
            return self.refused(fault)
        known = previous is None or previous in route.cache or previous in self.stored
        if not known:
            return self.refused(server_error("previous_response_not_found", status=400))
        before = self.contexts[previous] if previous is not None else []
        output = self.answers[0] if self.answers else [says("ok")]
        if where != "silent":  # Nobody will ever see that one.
            del self.answers[:1]
        response_id = f"resp_{next(self.numbers) + 1}"
        self.contexts[response_id] = [*before, *parameters["input"], *output]
        route.cache = {**(route.cache if fork else {}), response_id: True}
        if parameters["store"]:
            self.stored.add(response_id)
        usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
        response = {"id": response_id, "output": output, "usage": usage, **self.told(previous)}
        return self.answered(response, where, fault, route)

    def refused(self, error):
        return FakeExchange([error.event], error)

    def answered(self, response, where, fault, route):
        response = {**response, "status": "completed"}
        script = [event("response.created", response={**response, "status": "in_progress", "output": []})]
        script += [
            event("response.output_item.done", item=item, output_index=index)
            for index, item in enumerate(response["output"])
        ]
        last = event("response.completed", response=response)
        if where in {"silent", "midway"}:
            if isinstance(fault, TurnInterrupted):
                route.is_usable = False
            script = [fault] if where == "silent" else [script[0], fault]
            return FakeExchange(script, fault)
        return FakeExchange([*script, last], last.response)

    def conversation(self, *, tools=(), memory=None, fallback=None, retry=QUICK, store=False, via=None, **more):
        """A conversation with this server."""
        settings = {
            "timeout": 10,
            "model": "m",
            "needs_model": True,
            "instructions": None,
            "state": None,
            "key": None,
            "repeat_lost": False,
            "tool_timeout": 10,
            "max_tool_rounds": 10,
        }
        settings.update({name: more.pop(name) for name in [*more] if name in settings})
        link = Link(via=via, dial=self.dial, http=self.http, fallback=fallback)
        chat = Conversation.begin(
            link=link, compact=self.compact, retry=retry, tools=tools, store=store, parameters=more, **settings
        )
        if memory is not None:
            chat._core.memory = memory
        return chat

    def sent(self):
        """What went out: for each request how it began (the id, or None) and its input."""
        return [(each.get("previous_response_id"), each["input"]) for each in self.requests]


def event_items(items):
    """Items as the objects of a response."""
    return event("response.completed", response={"output": list(items)}).response.output


LOST = TurnInterrupted("lost", replay_safe=False)
UNSENT = TurnInterrupted("lost", replay_safe=True)
REFUSED = ConnectError("refused")
