"""How long does it take from a blocking send to the receipt of the event that answers it?

The peer answers every message with one prebuilt event, on the same machine. Each client encodes a small event, sends
it, and waits for the answer, decoded; one after the other, each timed. The row for the raw socket sends and receives
the same bytes and looks at none of them: what the kernel and the peer take. Where that is a large part of bare
websocket-client's time, the run measures the machine, and says that it does not count: a CPU that goes to sleep between
two messages, as virtual ones do, adds the same 100 µs to everybody and makes all ratios look good. So on Linux idle
processes keep the CPUs awake meanwhile.

Each client has a process and a connection of its own, and they take turns, a few hundred round trips at a time. Medians
over the rounds of each round's median and 99th percentile; a ratio is the median of the rounds' ratios, so that what
else a machine does for a second or two slows both sides of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import _common
import _peer
from _common import BARE, BARE_FAST, OFFICIAL, OURS, OURS_FAST, RAW, WEBSOCKETS, Row, Target

ROWS = (RAW, OURS_FAST, OURS, BARE_FAST, BARE, WEBSOCKETS, OFFICIAL)
SCHEMES = ("ws", "wss")
QUESTION = {"type": "input_audio_buffer.clear"}
ANSWER = "input_audio_buffer.cleared"
BUDGET = 1.5
"""Times the round trip of bare websocket-client with the same accelerators."""
FLOOR_SHARE = 0.5
"""The most that the raw socket's time may be of bare websocket-client's."""
WARM_UP = 30
"""Round trips before each batch: the others have had the CPU's caches meanwhile."""
IDLER = """
import os, sys
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # Runs when nothing else wants to, and yields at once.
while os.getppid() == int(sys.argv[1]):
    pass
"""
COMPARED = ((OURS, BARE), (OURS_FAST, BARE_FAST))


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Time batches of round trips on one connection: median and 99th percentile of each, in µs."""
    target = Target(**job["target"])
    target.query["mode"] = "echo"
    connection = OPENERS[row.client](target)
    exchange = EXCHANGES[row.client](connection)
    clock = time.perf_counter_ns

    def batch() -> dict[str, Any]:
        for _ in range(WARM_UP):
            exchange()
        times = []
        for _ in range(job["count"]):
            start = clock()
            exchange()
            times.append(clock() - start)
        return {"median": statistics.median(times) / 1000, "p99": statistics.quantiles(times, n=100)[-1] / 1000}

    ended = _common.serve_batches(batch)
    connection.close()
    return ended


def exchange_typed(connection: Any) -> Callable[[], None]:
    """Send a dict, receive a typed event: this library and the official SDK."""

    def exchange() -> None:
        connection.send(QUESTION)
        assert connection.recv().type == ANSWER

    return exchange


def exchange_json(connection: Any) -> Callable[[], None]:
    """Send and receive JSON text: the bare WebSocket libraries."""

    def exchange() -> None:
        connection.send(json.dumps(QUESTION))
        assert json.loads(connection.recv())["type"] == ANSWER

    return exchange


def exchange_raw(connection: Any) -> Callable[[], None]:
    """Send and receive prebuilt bytes."""
    question = _common.masked(QUESTION)
    buffer = bytearray(len(_peer.ECHO))

    def exchange() -> None:
        connection.sendall(question)
        view = memoryview(buffer)
        while view:
            view = view[connection.recv_into(view) :]

    return exchange


OPENERS = {
    "raw": _common.open_raw,
    "realtime_sync": _common.open_realtime_sync,
    "official": _common.open_official,
    "websocket_client": _common.open_websocket_client,
    "websockets": _common.open_websockets,
}
EXCHANGES = {
    "raw": exchange_raw,
    "realtime_sync": exchange_typed,
    "official": exchange_typed,
    "websocket_client": exchange_json,
    "websockets": exchange_json,
}


# -- the benchmark ------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure every client in turn, and print tables and verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="batches of each client (30)")
    parser.add_argument("--count", type=int, default=300, help="round trips of each batch (300)")
    parser.add_argument("--quick", action="store_true", help="one round: does it run at all?")
    options = parser.parse_args()
    rounds, count = (1, options.count) if options.quick else (options.rounds, options.count)
    _common.print_header("blocking send to matching receive", {"rounds": rounds, "round trips": count})
    rows = _common.installed(ROWS)
    with _common.peers(*SCHEMES) as peers, cpus_awake():
        for scheme in SCHEMES:
            target = peers[scheme].target()
            with contextlib.ExitStack() as stack:
                workers = [
                    stack.enter_context(_common.Worker(__file__, row, target=target, count=count)) for row in rows
                ]
                results = [[worker.batch() for worker in workers] for _ in range(rounds)]
            report(scheme, {row: list(values) for row, values in zip(rows, zip(*results, strict=True), strict=True)})


@contextlib.contextmanager
def cpus_awake() -> Iterator[None]:
    """Keep every CPU from going to sleep, where the system has a way that takes time from nobody."""
    idlers = []
    if hasattr(os, "SCHED_IDLE"):
        command = [sys.executable, "-c", IDLER, str(os.getpid())]
        idlers = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for idler in idlers:
            idler.kill()
            idler.wait()


def report(scheme: str, results: dict[Row, list[dict[str, float]]]) -> None:
    """Print the table for one scheme, then what it means for the budget."""
    medians = {row: [each["median"] for each in values] for row, values in results.items()}
    tails = {row: statistics.median(each["p99"] for each in values) for row, values in results.items()}
    print(f"over {scheme}")
    _common.print_table(
        ["client", "median µs", "p99 µs", "lowest", "highest", "of websocket-client", "of official"],
        [
            [
                row.label,
                f"{statistics.median(medians[row]):.0f}",
                f"{tails[row]:.0f}",
                f"{min(medians[row]):.0f}",
                f"{max(medians[row]):.0f}",
                *(
                    "-" if (times := _common.times(medians[row], medians.get(base))) is None else f"{times:.2f}x"
                    for base in (BARE, OFFICIAL)
                ),
            ]
            for row in results
        ],
    )
    floor = _common.times(medians.get(RAW, ()), medians.get(BARE))
    counts = floor is None or floor <= FLOOR_SHARE
    if not counts:
        print(
            f"{scheme} does not count: the raw socket took {floor:.2f} times {BARE.label}'s time "
            f"(wanted: {FLOOR_SHARE} at most), so this measures the machine"
        )
    for ours, bare in COMPARED:
        times = _common.times(medians.get(ours, ()), medians.get(bare))
        if times is not None:
            name = f"{ours.label} over {scheme}, within {BUDGET} times {bare.label}"
            _common.print_verdict(name, f"{times:.2f} times", met=times <= BUDGET if counts else None)
    print(flush=True)


if __name__ == "__main__":
    _common.run(main, work)
