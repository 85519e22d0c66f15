"""What does an agent's loop cost: twenty rounds of tools, each adding to the history?

A conversation over one WebSocket sends what is new in each round; over HTTP every request holds all of it, on a
connection that is kept open or on a fresh one with a TLS handshake of its own. The local server, over TLS and in a process of its
own, stands in for the API: it calls a tool as often as asked, at once, so that what is measured is everything but the
model. Between client and server a relay counts the bytes that the client sends, handshakes included, and delays both
ways by half a round trip; once without any delay, which no network has, and once with `--rtt`.

The HTTP rows are plain `requests`, without streaming. Clients take turns, each measurement in a fresh process.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import queue
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _common
from _common import Row

WEBSOCKET = Row("realtime_sync, WebSocket", "realtime_sync")
KEPT = Row("requests, kept open", "requests")
FRESH = Row("requests, fresh TLS", "requests_fresh")
ROWS = (WEBSOCKET, KEPT, FRESH)
OUTPUT = "as slow as the tide, and as sure, then " * 40
"""What the tool says: 1.6 KB."""
ROUNDS = 20
FASTER = 0.63
"""The most that the WebSocket's time may be of the time over HTTP with fresh connections."""
LINEAR = 2.2
"""The most that the bytes of twenty rounds may be of those of ten."""


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Run one loop, after one past the relay that loads what a program loads once; return its seconds."""
    loop = over_websocket if row.client == "realtime_sync" else over_http
    loop({**job, "url": job["direct"], "rounds": 2}, fresh=row.client == "requests_fresh")
    return {"seconds": loop(job, fresh=row.client == "requests_fresh")}


def lookup(number: int) -> str:
    """Look something up.

    Args:
        number: which.
    """
    return f"{number}: {OUTPUT}"


def over_websocket(job: dict[str, Any], *, fresh: bool) -> float:
    """Run the loop as a conversation."""
    from realtime_sync import Client

    assert not fresh
    with Client(base_url=job["url"], api_key="x", options={"ca_file": job["ca_file"]}) as client:
        start = time.perf_counter()
        with client.responses.conversation("m", tools=[lookup], max_tool_rounds=job["rounds"]) as chat:
            assert chat.run(f"{job['rounds']} rounds").output_text == "done"
            assert chat.stats.delta == job["rounds"]
        return time.perf_counter() - start


def over_http(job: dict[str, Any], *, fresh: bool) -> float:
    """Run the loop by hand, sending everything each time."""
    import requests

    from realtime_sync import tool

    definition = tool(lookup).definition(with_strict=True)
    history: list[dict[str, Any]] = [{"type": "message", "role": "user", "content": f"{job['rounds']} rounds"}]
    start = time.perf_counter()
    with requests.Session() as session:
        while True:
            ask = requests.post if fresh else session.post
            body = {"model": "m", "store": False, "tools": [definition], "input": history}
            answer = ask(f"{job['url']}/responses", json=body, verify=job["ca_file"], timeout=60)
            answer.raise_for_status()
            output = answer.json()["output"]
            history += output
            calls = [item for item in output if item["type"] == "function_call"]
            if not calls:
                return time.perf_counter() - start
            for call in calls:
                result = lookup(**json.loads(call["arguments"]))
                history.append({"type": "function_call_output", "call_id": call["call_id"], "output": result})


# -- the server and the network -----------------------------------------------------------------------------------


def serve(pem: str) -> None:
    """Be the server's process: print its port, end with the standard input."""
    from realtime_sync.server import LocalServer, Reply

    def responder(request: Any) -> Any:
        done = sum(item["type"] == "function_call_output" for item in request.items)
        wanted = int(request.text.split()[0])
        return Reply(function_call=("lookup", {"number": done})) if done < wanted else "done"

    with LocalServer(responder=responder, tls=(pem, pem), time_scale=0) as server:
        print(server.base_url.rpartition(":")[2].partition("/")[0], flush=True)
        sys.stdin.read()


class Relay:
    """A network between client and server: it delays what passes, and counts what the client sends."""

    def __init__(self, port: int, rtt: float) -> None:
        self._server = port
        self._rtt = rtt
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._counts = itertools.count()
        self._lock = threading.Lock()
        self.sent = 0
        """Bytes from clients. Guarded by `_lock` while it grows."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # TCP's own handshake takes a round trip before the client may say anything.
            self._pump(client, server, counts=True, ready=time.monotonic() + self._rtt)
            self._pump(server, client, counts=False, ready=0.0)

    def _pump(self, source: socket.socket, target: socket.socket, *, counts: bool, ready: float) -> None:
        chunks: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def read() -> None:
            while True:
                try:
                    data = source.recv(2**16)
                except OSError:
                    data = b""
                if counts:
                    with self._lock:
                        self.sent += len(data)
                chunks.put((max(time.monotonic(), ready) + self._rtt / 2, data))
                if not data:
                    return

        def write() -> None:
            with target:
                while True:
                    due, data = chunks.get()
                    time.sleep(max(0.0, due - time.monotonic()))
                    if not data:
                        with contextlib.suppress(OSError):
                            target.shutdown(socket.SHUT_RDWR)
                        return
                    try:
                        target.sendall(data)
                    except OSError:
                        return

        for each in (read, write):
            threading.Thread(target=each, daemon=True).start()


@contextlib.contextmanager
def server() -> Iterator[tuple[int, str]]:
    """Run the server; yield its port and the authority to trust."""
    folder = Path(tempfile.mkdtemp())
    pem, ca_file = _common._certificate(folder)  # noqa: SLF001  (a script of the same folder)
    environment = {**os.environ, "PYTHONPATH": str(_common.HERE.parent)}
    command = [sys.executable, __file__, "--serve", pem]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), ca_file
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        shutil.rmtree(folder)


# -- the benchmark ------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure every client in turn, and print tables and verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each client (5)")
    parser.add_argument("--rtt", type=float, default=20.0, help="round trip of the delayed network in ms (20)")
    parser.add_argument("--quick", action="store_true", help="one measurement: does it run at all?")
    options = parser.parse_args()
    times = 1 if options.quick else options.rounds
    given = {"measurements": times, "rounds of tools": ROUNDS, "tool output": f"{len(OUTPUT)} B", "rtt": options.rtt}
    _common.print_header("an agent's loop: rounds of tools with a growing history", given)
    with server() as (port, ca_file):
        direct = f"https://127.0.0.1:{port}/v1"
        for rtt in (0.0, options.rtt / 1000):
            results: dict[tuple[Row, int], list[dict[str, float]]] = {
                key: [] for key in itertools.product(ROWS, (ROUNDS // 2, ROUNDS))
            }
            for _ in range(times):
                for (row, rounds), values in results.items():
                    relay = Relay(port, rtt)
                    url = f"https://127.0.0.1:{relay.port}/v1"
                    job = {"url": url, "direct": direct, "ca_file": ca_file, "rounds": rounds}
                    result = _common.measure(__file__, row, **job)
                    relay.close()
                    values.append({**result, "sent": relay.sent})
            report(rtt, results)


def report(rtt: float, results: dict[tuple[Row, int], list[dict[str, float]]]) -> None:
    """Print the table for one network, then what it means for the budgets."""

    def all_of(row: Row, name: str, rounds: int = ROUNDS) -> list[float]:
        return [each[name] for each in results[row, rounds]]

    def median(row: Row, name: str, rounds: int = ROUNDS) -> float:
        return statistics.median(all_of(row, name, rounds))

    print(f"with a round trip of {rtt * 1000:g} ms")
    _common.print_table(
        ["client", "ms", "of fresh TLS", "KB sent", "KB, half the rounds", "growth"],
        [
            [
                row.label,
                f"{median(row, 'seconds') * 1000:.0f}",
                f"{_common.times(all_of(row, 'seconds'), all_of(FRESH, 'seconds')) or 0:.2f}x",
                f"{median(row, 'sent') / 1000:.0f}",
                f"{median(row, 'sent', ROUNDS // 2) / 1000:.0f}",
                f"{median(row, 'sent') / median(row, 'sent', ROUNDS // 2):.2f}x",
            ]
            for row in ROWS
        ],
    )
    share = _common.times(all_of(WEBSOCKET, "seconds"), all_of(FRESH, "seconds")) or 0.0
    _common.print_verdict(f"time, at most {FASTER} of HTTP with fresh TLS", f"{share:.2f}", met=share <= FASTER)
    growth = median(WEBSOCKET, "sent") / median(WEBSOCKET, "sent", ROUNDS // 2)
    _common.print_verdict(
        f"bytes sent, {LINEAR} times for twice the rounds", f"{growth:.2f} times", met=growth <= LINEAR
    )
    print(flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        _common.run(main, work)
