"""Does a web application lose requests while its pool rotates connections, or the server drops them?

A Flask application of one view, with `realtime_sync.contrib.flask`, runs under gunicorn: two processes of 16 threads, a
pool each. `hey` (Debian: ``apt-get install hey``) posts to it over 64 connections that stay open: twice as many as there
are threads, so a request also waits for its turn in gunicorn. Behind it, in a process of its own, the library's local
server answers each request with 20 deltas, one every 5 ms.

The rows: nothing happens; connections rotate every second; the server drops a connection at every 100th request or so
(seeded), before the first event of the response. That last is safe to repeat with ``store=False``, for the request
struck; a response that has begun on the same connection would be cut off. So the row has a connection for every thread
and some more, and each runs alone. The next row has four connections, whose lanes share a fate: what had begun beside the
request struck becomes status 502, by design, and the row shows how much that is; no budget counts it.

No request is posted twice: hey repeats nothing but GETs. What failed is what got no answer, or another status than 200;
the view answers 500 where the text is not the one that it asked for.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import csv
import importlib.util
import random
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import _common
from _common import HERE, Row
from attrs import frozen

PROCESSES = 2
THREADS = 16
"""Of each process."""
VISITORS = 64
WARM_UP = 256
"""Requests at least, before those that count: what loads on first use, and all connections."""
WARM_UPS = 10
"""Batches of these at most, until the pools are complete."""
GAPS = (64, 137)
"""Requests between two that are struck, at least and at most. The least is two for each thread: what is struck has gone
out again by then, and nothing is struck twice."""
HEY_TIMEOUT = 30
CUT_OFF = "502"
"""What a visitor gets whose answer had begun when its connection was lost."""
LOG_LINES = 20
SHARED = {"max_connections": 4, "warm": 4}
ALONE = {"max_connections": 24, "warm": 24}
"""More than threads, so that each request gets a connection of its own also while lost ones are being replaced."""


@frozen(eq=False)
class Case:
    """A row: what the pool of each process is like, and whether the server drops connections."""

    label: str
    pool: dict[str, Any]
    loses: bool = False
    safe: bool = True
    """Whether every request must succeed."""

    @property
    def rotates(self) -> bool:
        """Whether connections rotate while the row is measured."""
        return "rotate_after" in self.pool


ROWS = (
    Case("undisturbed", SHARED),
    Case("rotated every second", {**SHARED, "rotate_after": 1.0}),
    Case("lost before the first event", ALONE, loses=True),
    Case("lost, four connections with lanes", SHARED, loses=True, safe=False),
)
SERVER = Row("local server", "realtime_sync", fast=True)


# -- the application, in gunicorn's processes ---------------------------------------------------------------------


def make_app(base_url: str, pool: dict[str, Any]) -> Any:
    """Return the application; gunicorn calls this in each process."""
    from flask import Flask

    from realtime_sync.contrib.flask import RealtimeSync

    rts = RealtimeSync()
    app = Flask(__name__)
    app.config["REALTIME_SYNC"] = {
        "client": {"base_url": base_url, "api_key": "x"},
        "pool": {"model": "m", "store": False, **pool},
    }
    rts.init_app(app)

    @app.post("/")
    def ask() -> str:
        name = secrets.token_hex(3)
        answer: str = rts.pool.create(input=name).output_text
        if not answer.startswith(name):
            msg = f"{name} got the answer of somebody else: {answer[:20]}"
            raise RuntimeError(msg)
        return answer

    return app


@contextlib.contextmanager
def serving(base_url: str, pool: dict[str, Any]) -> Iterator[tuple[str, IO[str]]]:
    """Serve the application with gunicorn; yield its URL, and the file with what it logs."""
    with (
        tempfile.TemporaryFile("w+") as log,
        # Bound here, so that the port is known and connections wait until the processes are there.
        socket.create_server(("127.0.0.1", 0), backlog=1024) as listening,
    ):
        port, number = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{number}", "--pythonpath", str(HERE)),
                *("--workers", str(PROCESSES), "--threads", str(THREADS), *_without_control()),
                f"web:make_app({base_url!r}, {pool!r})",
            ],
            stderr=log,
            pass_fds=[number],
            env=_common.environment(),
        )
        try:
            yield f"http://127.0.0.1:{port}/", log
        except BaseException:
            log.seek(0)
            print(log.read())
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _without_control() -> list[str]:
    """Return the argument that newer versions of gunicorn need to open no control socket."""
    from gunicorn.config import KNOWN_SETTINGS

    argument = "--no-control-socket"
    return [argument] if any(argument in (setting.cli or ()) for setting in KNOWN_SETTINGS) else []


# -- the local server's process -----------------------------------------------------------------------------------


def work(_: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Be the local server; tell how it is doing for each line on standard input."""
    from realtime_sync.server import LocalServer

    # A name of six characters is one delta, and a word with the space before it is one.
    with LocalServer(responder=lambda request: request.text + " word" * (job["deltas"] - 1)) as server:
        steps = _steps(server, job)
        return _common.serve_batches(lambda: next(steps))


def _steps(server: Any, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield where the server is and how many connections it has had, and from the "arm" on what it dropped."""
    while len(server.handshakes) < job["connections"]:
        yield {"base_url": server.base_url, "ready": False}
    arm(server.faults, job)
    before = len(server.handshakes)
    yield {"base_url": server.base_url, "ready": True}
    yield {"connections": len(server.handshakes) - before, "dropped": server.faults.fired()}


def arm(faults: Any, job: dict[str, Any]) -> None:
    """Have the server drop a connection at some of the next requests, which the seed chooses."""
    from realtime_sync.server import Fault

    # Not a secret: equal seeds must give equal faults.
    chance = random.Random(job["seed"])  # noqa: S311
    at = chance.randint(*GAPS)
    while job["loses"] and at <= job["requests"]:
        faults.add(Fault(at="response.create", do="drop", nth=at))
        at += chance.randint(*GAPS)


# -- one measurement ----------------------------------------------------------------------------------------------


def measure(case: Case, **job: Any) -> dict[str, Any]:
    """Start everything anew, warm it up, and post the requests."""
    wanted = PROCESSES * case.pool["warm"]
    with _common.Worker(__file__, SERVER, loses=case.loses, connections=wanted, **job) as server:
        base_url = server.batch()["base_url"]
        with serving(base_url, case.pool) as (url, log):
            for _ in range(WARM_UPS):
                post(url, WARM_UP)
                if server.batch()["ready"]:
                    break
            else:
                msg = f"{case.label}: the pools have not opened {wanted} connections"
                raise RuntimeError(msg)
            result = post(url, job["requests"]) | server.batch()
            if result["failed"]:
                log.seek(0)
                result["log"] = log.readlines()
    return result


def post(url: str, count: int) -> dict[str, Any]:
    """Post so many requests; return the rate, the median and the 99th percentile in ms, and what failed how."""
    done = subprocess.run(
        ["hey", "-m", "POST", "-n", str(count), "-c", str(VISITORS), "-t", str(HEY_TIMEOUT), "-o", "csv", url],  # noqa: S607
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_common.JOB_TIMEOUT,
        env=_common.environment(),
    )
    answers = list(csv.DictReader(done.stdout.splitlines()))
    statuses = collections.Counter(each["status-code"] for each in answers)
    statuses["none"] = count - len(answers)  # hey lists what was answered.
    del statuses["200"]
    seconds = [float(each["response-time"]) for each in answers]
    ends = [float(each["offset"]) + float(each["response-time"]) for each in answers]
    if len(seconds) < 2:
        msg = f"{url} does not answer"
        raise RuntimeError(msg)
    return {
        "rate": len(answers) / max(ends),
        "median": statistics.median(seconds) * 1000,
        "p99": statistics.quantiles(seconds, n=100)[-1] * 1000,
        "failed": {status: number for status, number in statuses.items() if number},
    }


# -- the benchmark ------------------------------------------------------------------------------------------------


def missing() -> str | None:
    """Return what is not installed here and how to get it, or None."""
    if shutil.which("hey") is None:
        return "hey is not installed: apt-get install hey, or https://github.com/rakyll/hey"
    modules = [name for name in ("gunicorn", "flask", "websockets") if importlib.util.find_spec(name) is None]
    return f"{', '.join(modules)}: not installed: pip install -e '.[bench]'" if modules else None


def main() -> None:
    """Measure every row in turn, and print the table and the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each row (3)")
    parser.add_argument("--count", type=int, default=3200, help="requests of each measurement, a multiple of 64 (3200)")
    parser.add_argument("--deltas", type=int, default=20, help="deltas of a response, one every 5 ms (20)")
    parser.add_argument("--seed", type=int, default=7, help="chooses the requests that are struck (7)")
    parser.add_argument("--quick", action="store_true", help="one round of 640: does it run at all?")
    options = parser.parse_args()
    rounds, count = (1, 640) if options.quick else (options.rounds, options.count)
    if count < VISITORS or count % VISITORS:
        parser.error(f"--count must be a multiple of {VISITORS}, which hey divides it by; got {count}")
    if (lacking := missing()) is not None:
        print(f"skipped: {lacking}")
        return
    shown = {"rounds": rounds, "requests": count, "deltas": options.deltas, "seed": options.seed}
    setting = {"processes": PROCESSES, "threads": THREADS, "visitors": VISITORS}
    _common.print_header("a web application under load", shown | setting, versions=("gunicorn", "flask"))
    results: dict[Case, list[dict[str, Any]]] = {case: [] for case in ROWS}
    for number in range(rounds):
        for case, values in results.items():
            values.append(measure(case, requests=count, deltas=options.deltas, seed=options.seed + number))
    report(count, results)


def report(count: int, results: dict[Case, list[dict[str, Any]]]) -> None:
    """Print the table, then what it means."""
    _common.print_table(
        ["row", "requests", "failed", "requests/s", "median ms", "p99 ms", "connections opened", "dropped"],
        [
            [
                case.label,
                str(count * len(values)),
                told(failures(values)),
                *(f"{statistics.median(each[name] for each in values):.0f}" for name in ("rate", "median", "p99")),
                *(str(sum(each[name] for each in values)) for name in ("connections", "dropped")),
            ]
            for case, values in results.items()
        ],
    )
    for case, values in results.items():
        failed = failures(values)
        budget = "no request fails" if case.safe else f"what fails was cut off ({CUT_OFF})"
        met = not failed or (not case.safe and set(failed) == {CUT_OFF})
        happened = all(each["dropped" if case.loses else "connections"] for each in values)
        is_void = met and not happened and (case.loses or case.rotates)
        _common.print_verdict(f"{budget}, {case.label}", f"{told(failed)} failed", met=None if is_void else met)
        if not met:
            lines = [line for each in values for line in each.get("log", ())]
            print("".join(f"        {line}" for line in lines[-LOG_LINES:]))


def failures(values: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many requests failed with which status, over all rounds."""
    total: collections.Counter[str] = collections.Counter()
    for each in values:
        total.update(each["failed"])
    return dict(total)


def told(failed: dict[str, int]) -> str:
    """Return failures as text: how many, and with which statuses."""
    statuses = ", ".join(f"{number} x {status}" for status, number in sorted(failed.items()))
    return f"{sum(failed.values())} ({statuses})" if failed else "0"


if __name__ == "__main__":
    _common.run(main, work)
