"""What does a session cost that is open and has nothing to do: memory, and threads? And does memory grow with use?

Every client opens sessions in a process of its own, over ws, and receives session.created on each; resident memory is
read before and after, once garbage is collected. A few sessions come first and stay, so that what is loaded or made
once is in neither reading. "+ reader" means a thread of the user's for each session, waiting for the next event, which
is how the official SDK and bare websocket-client hear of anything at all.

The second part streams events through one session of this library. A queue that was fuller than ever before leaves
its mark once; a leak grows without end. So what counts is the growth over the second half.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import statistics
import threading
from pathlib import Path
from typing import Any

import _common
from _common import BARE, OFFICIAL, OURS, WEBSOCKETS, Row, Target

CASES = ((OURS, False), (OURS, True), (BARE, True), (WEBSOCKETS, False), (OFFICIAL, False), (OFFICIAL, True))
WARM_UP = 5
BUDGET = 60.0
"""KB an idle session of this library, with its one thread."""
FLAT_WARM_UP = 100_000
FLAT_BUDGET = 1024.0
"""KB by which a process may grow over the second half of any number of events: what an allocator wobbles."""
GO = {"type": "response.create"}


def resident_kb() -> float:
    """Return this process's resident memory in KB, once garbage is collected."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: idle sessions, or events through one."""
    target = Target(**job["target"])
    if "flat" in job:
        return flat(target, job["flat"])
    return idle(row, target, job["sessions"], reader=job["reader"])


OPENERS = {
    "realtime_sync": _common.open_realtime_sync,
    "official": _common.open_official,
    "websocket_client": _common.open_websocket_client,
    "websockets": _common.open_websockets,
}


def idle(row: Row, target: Target, sessions: int, *, reader: bool) -> dict[str, Any]:
    """Open idle sessions; return the KB and the threads that each takes."""
    target.query["mode"] = "idle"
    kept: list[Any] = []
    ended: list[Exception] = []
    created = threading.Semaphore(0)

    def read(connection: Any) -> None:
        try:
            while connection.recv():
                created.release()
        except Exception as error:
            ended.append(error)

    def open_some(number: int) -> None:
        for _ in range(number):
            connection = OPENERS[row.client](target)
            kept.append(connection)
            if reader:
                threading.Thread(target=read, args=(connection,), daemon=True).start()
                created.acquire()
            else:
                connection.recv()

    open_some(WARM_UP)
    memory, threads = resident_kb(), threading.active_count()
    open_some(sessions)
    result = {
        "kb": (resident_kb() - memory) / sessions,
        "threads": (threading.active_count() - threads) / sessions,
    }
    assert not ended, ended
    return result


def flat(target: Target, events: int) -> dict[str, Any]:
    """Stream events through one session; return resident KB before, half-way and after."""
    target.query.update(mode="stream", kind="text", count=FLAT_WARM_UP + events)
    with _common.open_realtime_sync(target) as session:
        session.send(GO)
        stream = iter(session)
        kb = []
        for part in (FLAT_WARM_UP, events // 2, events - events // 2):
            assert sum(1 for _ in itertools.islice(stream, part)) == part
            kb.append(resident_kb())
    return dict(zip(("before", "half-way", "after"), kb, strict=True))


# -- the benchmark ------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure every client in turn, and print tables and verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each client (3)")
    parser.add_argument("--count", type=int, default=200, help="sessions of each measurement (200)")
    parser.add_argument(
        "--flat", type=float, default=1.0, metavar="N", help="millions of events through one session (1)"
    )
    parser.add_argument("--quick", action="store_true", help="one round of 40 sessions, 0.1 million events")
    options = parser.parse_args()
    rounds, sessions, events = options.rounds, options.count, round(options.flat * 1e6)
    if options.quick:
        rounds, sessions, events = 1, 40, 100_000
    _common.print_header(
        "memory and threads of idle sessions", {"rounds": rounds, "sessions": sessions, "events through one": events}
    )
    rows = _common.installed(list(dict.fromkeys(row for row, _ in CASES)))
    results: dict[tuple[Row, bool], list[dict[str, float]]] = {case: [] for case in CASES if case[0] in rows}
    with _common.peers("ws") as peers:
        for _ in range(rounds):
            for (row, reader), values in results.items():
                job = {"target": peers["ws"].target(), "sessions": sessions, "reader": reader}
                values.append(_common.measure(__file__, row, **job))
        report(results)
        grown = _common.measure(__file__, OURS, target=peers["ws"].target(), flat=events)
    shown = ", ".join(f"{kb:,.0f} KB {when}" for when, kb in grown.items())
    print(f"{events:,} events through one session, resident: {shown}")
    growth = grown["after"] - grown["half-way"]
    _common.print_verdict(
        f"{OURS.label}, flat over {events:,} events (second half: at most {FLAT_BUDGET:.0f} KB more)",
        f"{growth:+.0f} KB",
        met=growth <= FLAT_BUDGET,
    )


def report(results: dict[tuple[Row, bool], list[dict[str, float]]]) -> None:
    """Print the table, then what it means for the budget."""
    medians = {case: statistics.median(each["kb"] for each in values) for case, values in results.items()}
    _common.print_table(
        ["client", "KB/session", "lowest", "highest", "threads/session"],
        [
            [
                row.label + (" + reader" if reader else ""),
                f"{medians[row, reader]:.1f}",
                f"{min(each['kb'] for each in values):.1f}",
                f"{max(each['kb'] for each in values):.1f}",
                f"{statistics.median(each['threads'] for each in values):.2f}",
            ]
            for (row, reader), values in results.items()
        ],
    )
    if (OURS, False) in medians:
        kb = medians[OURS, False]
        name = f"{OURS.label}, at most {BUDGET:.0f} KB an idle session"
        _common.print_verdict(name, f"{kb:.1f} KB", met=kb <= BUDGET)


if __name__ == "__main__":
    _common.run(main, work)
