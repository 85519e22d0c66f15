"""The demo's function call: the model asks, Python answers, the model goes on."""

from __future__ import annotations

import datetime as dt

from realtime_sync.cli._table import Row, Stopwatch
from realtime_sync.realtime import RealtimeSession

__all__ = ["call_a_function"]

QUESTION = "Which weekday will it be? Please use get_weekday for 2030-01-01."


def get_weekday(date: str) -> dict[str, str]:
    """Return the weekday of a date.

    Args:
        date: YYYY-MM-DD
    """
    try:
        found = {"weekday": dt.date.fromisoformat(date).strftime("%A")}
    except ValueError as error:
        found = {"error": str(error)}
    print(f"     get_weekday({date!r}) -> {found}")
    return found


def call_a_function(session: RealtimeSession, timeout: float) -> list[Row]:
    """Hold one turn in which the model may call `get_weekday`."""
    session.tool(get_weekday)
    print(f"you> {QUESTION}")
    watch = Stopwatch(session, QUESTION)
    with session.stream(QUESTION, timeout=timeout) as stream:
        watch.events = sum(1 for _ in stream)
        turn = stream.turn()
    print(f"bot> {turn.text}\n")
    return [watch.row(turn.timings.first_token)]
