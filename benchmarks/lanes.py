"""What do lanes cost? Requests of several threads over one WebSocket, against a WebSocket for each thread.

Threads ask for one response after the other and read every event of it; the peer answers at once, with bytes built
beforehand (40 deltas of text unless said otherwise), each on the lane that the request names. One socket means one
reader thread that tells the events apart; as many sockets as threads mean as many reader threads. Of the official SDK
there are two rows: a socket a thread, and one socket with one loop that sends every lane's request and tells the events
apart by hand, since its connections cannot be shared by threads that each wait for a response of their own.

Clients take turns, each measurement in a fresh process. Responses a second, all threads together; medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import _common
from _common import Row, Target

SHARED = Row("realtime_sync, one socket", "realtime_sync")
SHARED_FAST = Row("realtime_sync[fast], one socket", "realtime_sync", fast=True)
OWN = Row("realtime_sync, a socket a thread", "realtime_sync")
OWN_FAST = Row("realtime_sync[fast], a socket a thread", "realtime_sync", fast=True)
OFFICIAL_LOOP = Row("openai[realtime], one socket, one loop", "official")
OFFICIAL_OWN = Row("openai[realtime], a socket a thread", "official")
ROWS = (SHARED_FAST, SHARED, OWN_FAST, OWN, OFFICIAL_LOOP, OFFICIAL_OWN)
COMPARED = ((SHARED, OWN), (SHARED_FAST, OWN_FAST))
LANES = (1, 4, 16)
BUDGET = 1.0
"""The least that 16 lanes on one socket may do of what 16 sockets do."""
TERMINAL = "response.completed"


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Return how many responses a second the threads got together."""
    target = Target(**job["target"])
    target.query.update(mode="responses", count=job["deltas"])
    with contextlib.ExitStack() as stack:
        asks = RUNNERS[row.label.removeprefix("realtime_sync[fast]").removeprefix("realtime_sync")](
            target, job["lanes"], stack
        )
        each = max(1, job["requests"] // job["lanes"])
        run(asks, 3)  # What loads on first use, and whether the server has lanes.
        start = time.perf_counter()
        run(asks, each)
        seconds = time.perf_counter() - start
    return {"rate": each * job["lanes"] / seconds}


def run(asks: list[Callable[[int], None]], count: int) -> None:
    """Have each of these ask so many times, in a thread of its own."""
    threads = [threading.Thread(target=ask, args=(count,)) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def shared(target: Target, lanes: int, stack: contextlib.ExitStack) -> list[Callable[[int], None]]:
    """Give threads of this library one connection."""
    connection = stack.enter_context(connect(target))
    return [lambda count: ask(connection, count) for _ in range(lanes)]


def own(target: Target, lanes: int, stack: contextlib.ExitStack) -> list[Callable[[int], None]]:
    """Give each thread of this library a connection of its own."""
    connections = [stack.enter_context(connect(target)) for _ in range(lanes)]
    return [lambda count, connection=connection: ask(connection, count) for connection in connections]


def connect(target: Target) -> Any:
    """Open a connection of this library, with default options."""
    from realtime_sync import Client

    return Client(base_url=target.base_url, api_key="x").responses.connect(model="m", extra_query=target.query)


def ask(connection: Any, count: int) -> None:
    """Read that many responses, event by event."""
    for _ in range(count):
        with connection.stream(input="go") as stream:
            for event in stream:
                kind = event.type
            assert kind == TERMINAL


def official_own(target: Target, lanes: int, stack: contextlib.ExitStack) -> list[Callable[[int], None]]:
    """Give each thread of the official SDK a connection of its own."""
    connections = [stack.enter_context(connect_official(target)) for _ in range(lanes)]

    def ask_official(connection: Any, count: int) -> None:
        for _ in range(count):
            connection.response.create(model="m", input="go")
            while connection.recv().type != TERMINAL:
                pass

    return [lambda count, connection=connection: ask_official(connection, count) for connection in connections]


def official_loop(target: Target, lanes: int, stack: contextlib.ExitStack) -> list[Callable[[int], None]]:
    """Let one loop of the official SDK keep all lanes busy."""
    connection = stack.enter_context(connect_official(target))

    def loop(count: int) -> None:
        left = {f"lane-{n}": count for n in range(lanes)}
        for name in left:
            connection.response.create(model="m", input="go", stream_id=name)
        while left:
            event = connection.recv()
            if event.type != TERMINAL:
                continue
            left[event.stream_id] -= 1
            if left[event.stream_id]:
                connection.response.create(model="m", input="go", stream_id=event.stream_id)
            else:
                del left[event.stream_id]

    return [loop]


def connect_official(target: Target) -> Any:
    """Open a connection of the official SDK, with default options."""
    from openai import OpenAI

    return OpenAI(base_url=target.base_url, api_key="x").responses.connect(extra_query=target.query)


RUNNERS = {
    ", one socket": shared,
    ", a socket a thread": own,
    OFFICIAL_LOOP.label: official_loop,
    OFFICIAL_OWN.label: official_own,
}


# -- the benchmark ------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure every client in turn, and print tables and verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each client (3)")
    parser.add_argument("--count", type=int, default=320, help="responses of each measurement (320)")
    parser.add_argument("--deltas", type=int, default=40, help="deltas of a response (40)")
    parser.add_argument("--quick", action="store_true", help="one round of 64: does it run at all?")
    options = parser.parse_args()
    rounds, count = (1, 64) if options.quick else (options.rounds, options.count)
    given = {"rounds": rounds, "responses": count, "deltas a response": options.deltas}
    _common.print_header("requests of several threads on one socket", given)
    rows = _common.installed(ROWS)
    results: dict[tuple[int, Row], list[float]] = {key: [] for key in itertools.product(LANES, rows)}
    with _common.peers("ws") as peers:
        target = peers["ws"].target()
        for _ in range(rounds):
            for (lanes, row), values in results.items():
                job = {"target": target, "lanes": lanes, "requests": count, "deltas": options.deltas}
                values.append(_common.measure(__file__, row, **job)["rate"])
    for lanes in LANES:
        report(lanes, {row: results[lanes, row] for row in rows})


def report(lanes: int, rates: dict[Row, list[float]]) -> None:
    """Print the table for one number of lanes, then what it means for the budget."""
    print(f"{lanes} threads")
    base = rates.get(OFFICIAL_OWN)
    _common.print_table(
        ["client", "responses/s", "lowest", "highest", "of official, a socket a thread"],
        [
            [
                row.label,
                f"{statistics.median(values):.0f}",
                f"{min(values):.0f}",
                f"{max(values):.0f}",
                "-" if (times := _common.times(values, base)) is None else f"{times:.2f}x",
            ]
            for row, values in rates.items()
        ],
    )
    for one, many in COMPARED:
        times = _common.times(rates.get(one, ()), rates.get(many))
        if lanes == max(LANES) and times is not None:
            name = f"{one.label}: no slower with {lanes} lanes than {lanes} sockets"
            _common.print_verdict(name, f"{times:.2f} times their rate", met=times >= BUDGET)
    print(flush=True)


if __name__ == "__main__":
    _common.run(main, work)
