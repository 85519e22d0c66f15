"""The demo's function call: the model asks, Python answers, the model goes on."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from realtime_sync.cli._table import Row, Stopwatch
from realtime_sync.realtime import RealtimeSession

__all__ = ["call_a_function"]

QUESTION = "Which weekday will it be? Please use get_weekday for 2030-01-01."
TOOL = {
    "type": "function",
    "name": "get_weekday",
    "description": "Return the weekday of a date.",
    "parameters": {
        "type": "object",
        "properties": {"date": {"type": "string", "description": "YYYY-MM-DD"}},
        "required": ["date"],
    },
}


def get_weekday(date: str) -> dict[str, Any]:
    """Return the weekday of a date, or say what is wrong with it."""
    try:
        return {"weekday": dt.date.fromisoformat(date).strftime("%A")}
    except ValueError as error:
        return {"error": str(error)}


def call_a_function(session: RealtimeSession, timeout: float) -> list[Row]:
    """Hold one turn in which the model may call `get_weekday`."""
    from realtime_sync.types.realtime import function_result  # the catalogue loads on first use

    session.session.update({"tools": [TOOL]}, wait=True)
    print(f"you> {QUESTION}")
    watch = Stopwatch(session, QUESTION)
    turn = session.ask(QUESTION, timeout=timeout)
    for call in turn.function_calls:
        arguments = call.parsed_arguments()
        result = get_weekday(**arguments)
        print(f"     {call.name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())}) -> {json.dumps(result)}")
        session.conversation.item.create(function_result(call, result), wait=True)
    if turn.function_calls:
        turn = session.ask(timeout=timeout)
    print(f"bot> {turn.text}\n")
    return [watch.row(turn.timings.first_token)]
