"""How many events a second does a client receive, as a user reads them: one loop, one field of every event?

The peer streams prebuilt bytes over ws and wss; small text deltas and 6.4 KB audio deltas. Rows for this library with
and without its `fast` extra, bare websocket-client and `websockets` (recv and json.loads), the official SDK's
iteration, and a bare `recv_into` of the same bytes: the most that this peer can give. Where that is not three times
the fastest client, the run measures the peer, and says that it does not count.

Clients take turns, each measurement in a fresh process; a first stream warms up, a second is timed. Medians.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from typing import Any

import _common
import _peer
from _common import BARE, BARE_FAST, OFFICIAL, OURS, OURS_FAST, RAW, WEBSOCKETS, Row, Target

CASES = tuple(itertools.product(("text", "audio"), ("ws", "wss")))
COUNTS = {  # Events of a stream, so that each client is timed over about half a second to two seconds.
    RAW: {"text": 1_000_000, "audio": 60_000},
    OURS_FAST: {"text": 150_000, "audio": 25_000},
    OURS: {"text": 100_000, "audio": 25_000},
    BARE_FAST: {"text": 25_000, "audio": 10_000},
    BARE: {"text": 6_000, "audio": 500},
    WEBSOCKETS: {"text": 40_000, "audio": 15_000},
    OFFICIAL: {"text": 8_000, "audio": 6_000},
}
GO = {"type": "response.create"}
PEER_MARGIN = 3.0
BUDGETS = {  # Times the official SDK's events per second.
    ("text", OURS): 10.0,
    ("text", OURS_FAST): 16.0,
    ("audio", OURS): 4.5,
    ("audio", OURS_FAST): 4.5,
}

Result = dict[tuple[str, str, Row], list[float]]


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Receive one stream to warm up and one for the clock; return events per second."""
    kind, count = job["kind"], job["count"]
    for number in (max(count // 10, 500), count):
        target = Target(**job["target"])
        target.query.update(mode="stream", kind=kind, count=number)
        seconds = CLIENTS[row.client](target, number, kind)
    return {"rate": count / seconds}


def check(total: int, count: int, kind: str) -> None:
    """Make sure that the client received all of every event's delta."""
    expected = count * len(_peer.delta(kind, 0)["delta"])
    if total != expected:
        msg = f"received {total} characters of {expected}"
        raise AssertionError(msg)


def receive_raw(target: Target, count: int, kind: str) -> float:
    """Read the bytes of the stream into one buffer; look at none."""
    left = count * _peer.frames(kind)[1]
    buffer = memoryview(bytearray(2**18))
    with _common.open_raw(target) as sock:
        start = time.perf_counter()
        sock.sendall(_common.masked(GO))
        while left > 0:
            left -= sock.recv_into(buffer)
        return time.perf_counter() - start


def receive_typed(connection: Any, count: int, kind: str) -> float:
    """Iterate over typed events; this library and the official SDK are used the same way."""
    total = 0
    start = time.perf_counter()
    connection.send(GO)
    for event in itertools.islice(connection, count):
        total += len(event.delta)
    seconds = time.perf_counter() - start
    connection.close()
    check(total, count, kind)
    return seconds


def receive_json(connection: Any, count: int, kind: str) -> float:
    """Call recv and json.loads, as users of a bare WebSocket library do."""
    total = 0
    start = time.perf_counter()
    connection.send(json.dumps(GO))
    for _ in range(count):
        event = json.loads(connection.recv())
        total += len(event["delta"])
    seconds = time.perf_counter() - start
    connection.close()
    check(total, count, kind)
    return seconds


CLIENTS = {
    "raw": receive_raw,
    "realtime_sync": lambda target, *rest: receive_typed(_common.open_realtime_sync(target), *rest),
    "official": lambda target, *rest: receive_typed(_common.open_official(target), *rest),
    "websocket_client": lambda target, *rest: receive_json(_common.open_websocket_client(target), *rest),
    "websockets": lambda target, *rest: receive_json(_common.open_websockets(target), *rest),
}


# -- the benchmark ------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure every client in turn, and print tables and verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each client and case (3)")
    parser.add_argument("--count", type=int, help="events of each stream (as many as suit the client's speed)")
    parser.add_argument("--quick", action="store_true", help="one round of short streams: does it run at all?")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    shorter = 10 if options.quick else 1
    _common.print_header(
        "events received per second, one field of each read",
        {
            "rounds": rounds,
            "events a stream": options.count or f"as suits the client{', a tenth' if options.quick else ''}",
            **{f"bytes of a {kind} event": _peer.frames(kind)[1] for kind in ("text", "audio")},
        },
    )
    rows = _common.installed(list(COUNTS))
    rates: Result = {(*case, row): [] for case in CASES for row in rows}
    with _common.peers("ws", "wss") as peers:
        for _ in range(rounds):
            for (kind, scheme), row in itertools.product(CASES, rows):
                count = options.count or COUNTS[row][kind] // shorter
                job = {"target": peers[scheme].target(), "kind": kind, "count": count}
                rates[kind, scheme, row].append(_common.measure(__file__, row, **job)["rate"])
    report(rates, rows)


def report(rates: Result, rows: list[Row]) -> None:
    """Print a table for each case, then what they mean for the budgets."""
    medians = {key: statistics.median(values) for key, values in rates.items()}
    for kind, scheme in CASES:
        print(f"{kind} deltas over {scheme}")
        _common.print_table(
            ["client", "events/s", "µs/event", "lowest", "highest", "of official"],
            [
                [
                    row.label,
                    f"{medians[kind, scheme, row]:,.0f}",
                    f"{1e6 / medians[kind, scheme, row]:.2f}",
                    f"{min(rates[kind, scheme, row]):,.0f}",
                    f"{max(rates[kind, scheme, row]):,.0f}",
                    "-" if (times := of_official(rates, kind, scheme, row)) is None else f"{times:.1f}x",
                ]
                for row in rows
            ],
        )
    for kind, scheme in CASES:
        fastest = max(medians[kind, scheme, row] for row in rows if row is not RAW)
        margin = medians[kind, scheme, RAW] / fastest
        counts = margin >= PEER_MARGIN
        if not counts:
            print(
                f"{kind} over {scheme} does not count: the raw socket was only {margin:.1f} times faster than the "
                f"fastest client (wanted: {PEER_MARGIN:.0f}), so the fastest rows measure the peer"
            )
        for row in (OURS, OURS_FAST):
            times = of_official(rates, kind, scheme, row)
            if times is not None:
                budget = BUDGETS[kind, row]
                name = f"{row.label}, {kind} over {scheme}, at least {budget:g} times the official SDK"
                _common.print_verdict(name, f"{times:.1f} times", met=times >= budget if counts else None)


def of_official(rates: Result, kind: str, scheme: str, row: Row) -> float | None:
    """Return how many times the official SDK's rate a row's is; None if one of them was not measured."""
    return _common.times(rates.get((kind, scheme, row), ()), rates.get((kind, scheme, OFFICIAL)))


if __name__ == "__main__":
    _common.run(main, work)
