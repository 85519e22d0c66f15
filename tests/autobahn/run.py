"""Run the client cases of the Autobahn test suite against this library, and print what the suite thinks of it.

By hand, as the suite needs Python 2.7 (README.md beside this file)::

    wstest -m fuzzingserver -s tests/autobahn/fuzzingserver.json      # in one terminal, from the root of the project
    python tests/autobahn/run.py                                      # in another

Exit code 1 if any case failed, was closed wrongly, or was left out.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import sys
import time

from realtime_sync.errors import ConnectionClosed
from realtime_sync.transport import Connection, PerMessageDeflate, connect

AGENT = "realtime_sync"
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
OPTIONS = {
    "extensions": [PerMessageDeflate(min_size=1, client_max_window_bits=15)],
    "max_size": None,
    "open_timeout": 30,
    "close_timeout": 5,
    "write_limit": None,  # one thread does everything here, and the server may not read while it writes
    "ping_interval": None,
}


def echo(connection: Connection) -> None:
    """Send every message back until the connection ends: all that the suite wants of a client."""
    try:
        while True:
            for message in connection.receive_many(timeout=120):
                connection.send(message)
    except ConnectionClosed:
        connection.close()


def ask(url: str, what: str) -> object:
    """Return what the server answers to a question about its cases."""
    with connect(f"{url}/{what}", options={**OPTIONS, "extensions": ()}) as connection:
        return json.loads(connection.receive(timeout=30))


def main() -> int:
    """Run the cases, have the reports written, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="ws://127.0.0.1:9911", help="the fuzzing server (ws://127.0.0.1:9911)")
    parser.add_argument("--cases", default="", help="only cases that begin with this, such as 13.")
    parser.add_argument(
        "--reports", type=pathlib.Path, default="build/autobahn/index.json", help="the index that the server writes"
    )
    options = parser.parse_args()
    count = ask(options.url, "getCaseCount")
    behaviour: dict[str, str] = {}
    began = time.monotonic()
    for number in range(1, count + 1):
        case = ask(options.url, f"getCaseInfo?case={number}")["id"]
        if not case.startswith(options.cases):
            continue
        echo(connect(f"{options.url}/runCase?case={number}&agent={AGENT}", options=OPTIONS))
        behaviour[case] = ask(options.url, f"getCaseStatus?case={number}&agent={AGENT}")["behavior"]
        if behaviour[case] not in GOOD:
            print(case, behaviour[case], flush=True)
    seconds = time.monotonic() - began
    echo(connect(f"{options.url}/updateReports?agent={AGENT}", options=OPTIONS))
    written = json.loads(options.reports.read_text(encoding="utf-8"))[AGENT]
    results = {case: (behaviour[case], written[case]["behaviorClose"]) for case in behaviour}
    return report(results, len(results) if options.cases else count, seconds)


def report(results: dict[str, tuple[str, str]], count: int, seconds: float) -> int:
    """Print a line for each group of cases and the sums; return the exit code."""
    groups: dict[str, collections.Counter[str]] = {}
    for case, (behaviour, _) in results.items():
        groups.setdefault(".".join(case.split(".")[:2]), collections.Counter())[behaviour] += 1
    for group, counter in groups.items():
        print(f"{group:6}", ", ".join(f"{number} {what}" for what, number in sorted(counter.items())))
    for title, place in (("behaviour", 0), ("close", 1)):
        print(title, dict(collections.Counter(result[place] for result in results.values())))
    bad = [case for case, result in results.items() if not set(result) <= GOOD]
    missing = count - len(results)
    print(f"{len(results)} cases in {seconds:.0f} s; {missing} left out; not good: {bad or 'none'}")
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main())
