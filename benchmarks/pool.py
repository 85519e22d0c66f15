"""What does a pool give a threaded web application: many threads over few connections?

Sixty-four threads ask for one response after the other, as the views of a web application do. They share a pool of four
WebSockets, or open one for every request, or use HTTP with `requests`, each thread on a connection that stays open. The
peer answers each request after `--delay` milliseconds, however many there are, with bytes built beforehand: over a
WebSocket a response in events (20 deltas unless said otherwise), over HTTP the same response as one object. So HTTP has
the lightest task: nothing of its response streams. Another row rotates the pool's connections all the time, which must
fail no request.

Rows take turns, each measurement in a fresh process. Requests a second of all threads together, and the median and the
99th percentile of what a thread waits; medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import _common
from _common import Row, Target

POOL = Row("realtime_sync, pool", "realtime_sync")
POOL_FAST = Row("realtime_sync[fast], pool", "realtime_sync", fast=True)
ROTATING = Row("realtime_sync, pool that rotates", "realtime_sync")
FRESH = Row("realtime_sync, a connection a request", "realtime_sync")
KEPT = Row("requests, kept open", "requests")
ROWS = (POOL_FAST, POOL, ROTATING, FRESH, KEPT)
ROTATE_AFTER = 0.2
"""Seconds; the real limit is 60 minutes."""
WARM_UP = 3
"""Calls of each thread: what loads on first use, connections that stay open, and whether the server has lanes."""
TIMES_FRESH = 2.0
"""At least so many times the requests a second of a connection a request."""


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Have the threads ask; return the rate, the median and the 99th percentile in ms, and how many requests failed."""
    target = Target(**job["target"])
    target.query.update(mode="thinking", count=job["deltas"], delay=job["delay"] / 1000)
    with contextlib.ExitStack() as stack:
        asks = RUNNERS[row.label.rpartition(", ")[2]](target, job, stack)
        times, failed, seconds = run(asks, max(1, job["requests"] // job["threads"]))
    return {
        "rate": len(times) / seconds,
        "median": statistics.median(times) * 1000,
        "p99": statistics.quantiles(times, n=100)[-1] * 1000,
        "failed": failed,
    }


def run(asks: list[Callable[[], object]], count: int) -> tuple[list[float], int, float]:
    """Call each of these so many times, in a thread of its own.

    Returns:
        What each call took, how many failed, and the seconds of all together.
    """
    times: list[float] = []
    failures: list[Exception] = []
    started: list[float] = []
    ready = threading.Barrier(len(asks), action=lambda: started.append(time.perf_counter()))

    def repeat(ask: Callable[[], object]) -> None:
        for _ in range(WARM_UP):
            ask()
        ready.wait(60)
        for _ in range(count):
            start = time.perf_counter()
            try:
                ask()
            except Exception as error:
                failures.append(error)
            times.append(time.perf_counter() - start)

    threads = [threading.Thread(target=repeat, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(failures), time.perf_counter() - started[0]


def client_of(target: Target, stack: contextlib.ExitStack) -> Any:
    """Make a client of this library that trusts the peer."""
    from realtime_sync import Client

    return stack.enter_context(Client(base_url=target.base_url, api_key="x", options={"ca_file": target.ca_file}))


def over_pool(
    target: Target, job: dict[str, Any], stack: contextlib.ExitStack, **more: Any
) -> list[Callable[[], object]]:
    """Give all threads one pool."""
    pool = client_of(target, stack).responses.pool(
        job["connections"], model="m", store=False, extra_query=target.query, **more
    )
    stack.enter_context(pool)
    return [lambda: pool.create(input="go")] * job["threads"]


def over_rotating_pool(target: Target, job: dict[str, Any], stack: contextlib.ExitStack) -> list[Callable[[], object]]:
    """Give all threads one pool whose connections are soon too old."""
    return over_pool(target, job, stack, rotate_after=ROTATE_AFTER)


def over_fresh(target: Target, job: dict[str, Any], stack: contextlib.ExitStack) -> list[Callable[[], object]]:
    """Have every request open a connection."""
    client = client_of(target, stack)

    def ask() -> None:
        with client.responses.connect(model="m", store=False, extra_query=target.query) as connection:
            connection.create(input="go")

    return [ask] * job["threads"]


def over_http(target: Target, job: dict[str, Any], stack: contextlib.ExitStack) -> list[Callable[[], object]]:
    """Give each thread an HTTP connection of its own."""
    import requests

    def asker() -> Callable[[], object]:
        session = stack.enter_context(requests.Session())
        session.trust_env = False
        session.verify = target.ca_file or True
        session.params = target.query
        url, body = f"{target.base_url}/responses", {"model": "m", "store": False, "input": "go"}
        return lambda: session.post(url, json=body, timeout=60).json()["output"][0]["content"][0]["text"]

    return [asker() for _ in range(job["threads"])]


RUNNERS = {
    "pool": over_pool,
    "pool that rotates": over_rotating_pool,
    "a connection a request": over_fresh,
    "kept open": over_http,
}


# -- the benchmark ------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure every row in turn, and print tables and verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each row (3)")
    parser.add_argument("--count", type=int, default=3200, help="requests of each measurement (3200)")
    parser.add_argument("--threads", type=int, default=64, help="threads that ask (64)")
    parser.add_argument("--connections", type=int, default=4, help="connections of the pool (4)")
    parser.add_argument("--deltas", type=int, default=20, help="deltas of a response (20)")
    parser.add_argument("--delay", type=float, default=100.0, help="ms that the peer takes for a response (100)")
    parser.add_argument("--quick", action="store_true", help="one round of 640: does it run at all?")
    options = parser.parse_args()
    rounds, count = (1, 640) if options.quick else (options.rounds, options.count)
    job = {
        "threads": options.threads,
        "connections": options.connections,
        "requests": count,
        "deltas": options.deltas,
        "delay": options.delay,
    }
    _common.print_header("many threads over few connections", {"rounds": rounds, **job})
    rows = _common.installed(ROWS)
    schemes = ("ws", "wss")
    results: dict[tuple[str, Row], list[dict[str, Any]]] = {(scheme, row): [] for scheme in schemes for row in rows}
    with _common.peers(*schemes) as peers:
        for _ in range(rounds):
            for (scheme, row), values in results.items():
                values.append(_common.measure(__file__, row, target=peers[scheme].target(), **job))
    for scheme in schemes:
        report(scheme, {row: results[scheme, row] for row in rows})


def report(scheme: str, results: dict[Row, list[dict[str, Any]]]) -> None:
    """Print the table of one scheme, then what it means."""
    print(f"over {scheme}{' and https' if scheme == 'wss' else ' and http'}")
    rates = {row: [each["rate"] for each in values] for row, values in results.items()}
    base = rates.get(KEPT)
    _common.print_table(
        ["row", "requests/s", "lowest", "highest", "median ms", "p99 ms", "failed", "of requests, kept open"],
        [
            [
                row.label,
                f"{statistics.median(rates[row]):.0f}",
                f"{min(rates[row]):.0f}",
                f"{max(rates[row]):.0f}",
                *(f"{statistics.median(each[name] for each in values):.1f}" for name in ("median", "p99")),
                str(sum(each["failed"] for each in values)),
                "-" if (times := _common.times(rates[row], base)) is None else f"{times:.2f}x",
            ]
            for row, values in results.items()
        ],
    )
    failed = sum(each["failed"] for values in results.values() for each in values)
    _common.print_verdict(f"no request fails over {scheme}, rotations included", f"{failed} failed", met=not failed)
    times = _common.times(rates[POOL], rates[FRESH])
    if times is not None:
        name = f"over {scheme} {TIMES_FRESH:g} times the requests a second of a connection a request"
        _common.print_verdict(name, f"{times:.2f} times", met=times >= TIMES_FRESH)
    print(flush=True)


if __name__ == "__main__":
    _common.run(main, work)
