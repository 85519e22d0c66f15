"""How long does it take from a blocking send to the receipt of the event that answers it?

The peer answers every message with one prebuilt event, on the same machine. Each client encodes a small event, sends
it, and waits for the answer, decoded; one after the other, each timed. The row for the raw socket sends and receives
the same bytes and looks at none of them: what the kernel and the peer take. Where that is a large part of bare
websocket-client's time, the run measures the machine, and says that it does not count.

A hand-over from one thread to another costs 2 µs on one CPU, and between two, where the other one may even have to be
woken, up to 100; and where the scheduler puts client, reader and peer changes from minute to minute. So on Linux there
are two measurements. On one CPU all work is counted and nothing else, and the figures repeat to a few percent. On any
CPU it is as the scheduler likes, while idle processes keep the CPUs from going to sleep, which would add the same to
everybody and make all ratios look good.

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
QUESTIONS = {"echo": {"type": "response.cancel"}, "acknowledgement": {"type": "input_audio_buffer.clear"}}
"""What is sent for each of the peer's answers: this library matches an acknowledgement with what it is for."""
BUDGET = 1.5
"""Times the round trip of bare websocket-client, without wsaccel, which is no part of it."""
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
COMPARED = (OURS, OURS_FAST)
ONE, ANY = "one", "any"
PLACES = (ONE, ANY) if hasattr(os, "sched_setaffinity") else (ANY,)


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Time batches of round trips on one connection: median and 99th percentile of each, in µs."""
    target = Target(**job["target"])
    answer = job["answer"]
    target.query.update(mode="echo", answer=answer)
    connection = OPENERS[row.client](target)
    exchange = EXCHANGES[row.client](connection, QUESTIONS[answer], _peer.ANSWERS[answer])
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


def exchange_typed(connection: Any, question: dict[str, str], answer: bytes) -> Callable[[], None]:
    """Send a dict, receive a typed event: this library and the official SDK."""
    kind = _type_of(answer)

    def exchange() -> None:
        connection.send(question)
        assert connection.recv().type == kind

    return exchange


def exchange_json(connection: Any, question: dict[str, str], answer: bytes) -> Callable[[], None]:
    """Send and receive JSON text: the bare WebSocket libraries."""
    kind = _type_of(answer)

    def exchange() -> None:
        connection.send(json.dumps(question))
        assert json.loads(connection.recv())["type"] == kind

    return exchange


def exchange_raw(connection: Any, question: dict[str, str], answer: bytes) -> Callable[[], None]:
    """Send and receive prebuilt bytes."""
    wire = _common.masked(question)
    buffer = bytearray(len(answer))

    def exchange() -> None:
        connection.sendall(wire)
        view = memoryview(buffer)
        while view:
            view = view[connection.recv_into(view) :]

    return exchange


def _type_of(answer: bytes) -> str:
    kind: str = json.loads(answer[answer.index(b"{") :])["type"]
    return kind


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
    parser.add_argument("--cpus", choices=(*PLACES, "both"), default="both", help="where everything runs (both)")
    parser.add_argument("--answer", choices=QUESTIONS, default="echo", help="what the peer answers with (echo)")
    parser.add_argument("--quick", action="store_true", help="one round: does it run at all?")
    options = parser.parse_args()
    rounds, count = (1, options.count) if options.quick else (options.rounds, options.count)
    how = {"rounds": rounds, "round trips": count, "answer": options.answer}
    _common.print_header("blocking send to matching receive", how)
    for place in PLACES if options.cpus == "both" else (options.cpus,):
        measure(place, rounds, {"count": count, "answer": options.answer})


def measure(place: str, rounds: int, job: dict[str, Any]) -> None:
    """Measure every client in turn, over each scheme, and report."""
    rows = _common.installed(ROWS)
    with on_one_cpu() if place == ONE else cpus_awake(), _common.peers(*SCHEMES) as peers:
        for scheme in SCHEMES:
            target = peers[scheme].target()
            with contextlib.ExitStack() as stack:
                workers = [stack.enter_context(_common.Worker(__file__, row, target=target, **job)) for row in rows]
                results = [[worker.batch() for worker in workers] for _ in range(rounds)]
            by_row = {row: list(values) for row, values in zip(rows, zip(*results, strict=True), strict=True)}
            report(f"{scheme}, {place} CPU", by_row)


@contextlib.contextmanager
def on_one_cpu() -> Iterator[None]:
    """Keep this process, and those that it starts meanwhile, on one CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


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


def report(where: str, results: dict[Row, list[dict[str, float]]]) -> None:
    """Print the table for one scheme and place, then what it means for the budget."""
    medians = {row: [each["median"] for each in values] for row, values in results.items()}
    tails = {row: statistics.median(each["p99"] for each in values) for row, values in results.items()}
    print(f"over {where}")
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
            f"{where} does not count: the raw socket took {floor:.2f} times {BARE.label}'s time "
            f"(wanted: {FLOOR_SHARE} at most), so this measures the machine"
        )
    for ours in COMPARED:
        times = _common.times(medians.get(ours, ()), medians.get(BARE))
        if times is not None:
            name = f"{ours.label} over {where}, within {BUDGET} times {BARE.label}"
            _common.print_verdict(name, f"{times:.2f} times", met=times <= BUDGET if counts else None)
    print(flush=True)


if __name__ == "__main__":
    _common.run(main, work)
