"""Does a voice connection survive? And does `close()` return when the peer does not answer?

Twenty connections over TLS, on each of them 50 numbered messages a second each way, 20 ms of audio in every one: one
thread receives and another sends, as a program with a microphone and a loudspeaker does. Counted are connections that
ended before the plan was done, and messages that never arrived, at either end. OpenSSL forbids two threads in one TLS
connection at a time; whether a client that does it all the same fails in one minute is luck, so a clean run of bare
websocket-client proves nothing, and neither does one of ours on its own.

Then `close()` against a peer that never answers, while another thread waits for the next event.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import _common
import _peer
from _common import BARE_FAST, OURS_FAST, Row, Target
from attrs import Factory, define

ROWS = (OURS_FAST, BARE_FAST)
CLOSE_BUDGET = 1.2
GIVE_UP = 5.0
"""Seconds after which a close counts as one that does not return."""
GRACE = 10.0
"""Seconds that connections may outlast the plan."""


# -- one measurement ----------------------------------------------------------------------------------------------


def work(row: Row, job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: the conversation, or the close."""
    target = Target(**job["target"])
    if "seconds" in job:
        return converse(row, target, job)
    return close_silent(row, target)


@define(eq=False)
class Call:
    """One connection in use by two threads.

    Threads: the reader alone appends to `numbers`; the first to fail sets `failure`. Joined before they are read.
    """

    connection: Any
    send: Callable[[dict[str, Any]], object]
    events: Iterator[str]
    abort: Callable[[], object]
    plan: int
    interval: float
    stop: threading.Event
    failure: str = ""
    sent: int = 0
    numbers: list[int] = Factory(list)

    def receive(self) -> None:
        """Take the numbers of events until all have come, or the connection is no more."""
        try:
            for event_id in self.events:
                self.numbers.append(int(event_id.rpartition("_")[2]))
                if len(self.numbers) == self.plan:
                    return
            self.fail("the connection ended")
        except Exception as error:
            self.fail(f"receiving: {error!r}")

    def speak(self) -> None:
        """Send numbered events at an even rate."""
        pcm = base64.b64encode(random.Random(1).randbytes(_peer.VOICE_BYTES)).decode()  # noqa: S311 (noise)
        start = time.monotonic()
        try:
            for number in range(self.plan):
                if self.stop.wait(max(0.0, start + number * self.interval - time.monotonic())):
                    return
                self.send({"type": "input_audio_buffer.append", "event_id": f"event_{number:021d}", "audio": pcm})
                self.sent += 1
        except Exception as error:
            self.fail(f"sending: {error!r}")

    def fail(self, why: str) -> None:
        """Note the first failure."""
        self.failure = self.failure or why
        self.stop.set()


def open_ours(target: Target, context: Any) -> dict[str, Any]:
    """Open a session of this library, and say how to use it."""
    session = _common.open_realtime_sync(target, context=context)
    events = (event.event_id for event in session)
    return {"connection": session, "send": session.send, "events": events, "abort": session.close}


def open_bare(target: Target, context: Any) -> dict[str, Any]:
    """Open a bare websocket-client connection, and say how to use it."""
    connection = _common.open_websocket_client(target, context=context)
    sock = connection.sock

    def events() -> Iterator[str]:
        while message := connection.recv():
            yield json.loads(message)["event_id"]

    return {
        "connection": connection,
        "send": lambda event: connection.send(json.dumps(event)),
        "events": events(),
        # Its own close and shutdown leave a blocked reader blocked.
        "abort": lambda: socket.socket.shutdown(sock, socket.SHUT_RDWR),
    }


OPENERS = {"realtime_sync": open_ours, "websocket_client": open_bare}


def converse(row: Row, target: Target, job: dict[str, Any]) -> dict[str, Any]:
    """Hold all conversations at once; return what each client end saw, by its key."""
    target.query.update(mode="duplex", rate=job["rate"], seconds=job["seconds"])
    plan, context = job["rate"] * job["seconds"], target.context
    calls: dict[str, Call] = {}
    threads = []
    for number in range(job["connections"]):
        target.query["key"] = key = f"{job['key']}-{number}"
        opened = OPENERS[row.client](target, context)
        call = calls[key] = Call(plan=plan, interval=1 / job["rate"], stop=threading.Event(), **opened)
        threads += [threading.Thread(target=each, daemon=True) for each in (call.receive, call.speak)]
        for thread in threads[-2:]:
            thread.start()
    deadline = time.monotonic() + job["seconds"] + GRACE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for call, reader in zip(calls.values(), threads[::2], strict=True):
        _hang_up(call, reader)
    return {
        key: {"sent": call.sent, "failure": call.failure, **_peer.account(call.numbers)} for key, call in calls.items()
    }


def _hang_up(call: Call, reader: threading.Thread) -> None:
    """Close a connection that did its work; tear down one that did not."""
    if reader.is_alive() or call.failure:
        call.fail("messages are missing, and no error")
        try:
            call.abort()
        except OSError:
            return  # It was torn down before, which is what we want.
        reader.join(GIVE_UP)
    else:
        call.connection.close()


def close_silent(row: Row, target: Target) -> dict[str, Any]:
    """Close while a thread waits for the next event; return seconds for the close, and for that thread to end."""
    target.query["mode"] = "silent"
    opened = OPENERS[row.client](target, None)
    waiting = threading.Event()

    def read() -> None:
        try:
            for _ in opened["events"]:
                waiting.set()  # session.created; the next step of this loop waits for ever.
        except Exception as error:
            print(f"the reader ended with {error!r}", flush=True)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    waiting.wait()
    closer = threading.Thread(target=opened["connection"].close, daemon=True)
    start = time.monotonic()
    closer.start()
    closer.join(GIVE_UP)
    closed = time.monotonic() - start
    reader.join(max(0.0, start + GIVE_UP - time.monotonic()))
    return {
        "closed": None if closer.is_alive() else closed,
        "woken": None if reader.is_alive() else time.monotonic() - start,
    }


# -- the benchmark ------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure every client in turn, and print tables and verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="conversations of each client (1)")
    parser.add_argument("--count", type=int, default=20, help="connections (20)")
    parser.add_argument("--rate", type=int, default=50, help="messages a second each way on each connection (50)")
    parser.add_argument("--seconds", type=int, default=60, help="length of a conversation (60)")
    parser.add_argument("--quick", action="store_true", help="one conversation of 10 seconds")
    options = parser.parse_args()
    rounds, seconds = (1, 10) if options.quick else (options.rounds, options.seconds)
    _common.print_header(
        "voice both ways over TLS, and closing against silence",
        {"rounds": rounds, "connections": options.count, "messages/s": options.rate, "seconds": seconds},
    )
    rows = _common.installed(ROWS)
    with _common.peers("wss") as peers:
        peer = peers["wss"]
        totals: dict[Row, list[dict[str, Any]]] = {row: [] for row in rows}
        for round_number in range(rounds):
            for row in rows:
                job = {"key": f"{round_number}-{row.label}", "connections": options.count, "rate": options.rate}
                ours = _common.measure(__file__, row, target=peer.target(), seconds=seconds, **job)
                totals[row] += pair(peer, ours)
        report(totals, options.rate * seconds)
        report_close({row: _common.measure(__file__, row, target=peer.target()) for row in rows})


def pair(peer: _common.Peer, clients: dict[str, Any]) -> list[dict[str, Any]]:
    """Put the peer's account of each connection beside the client's."""
    reports = [json.loads(peer.read_line()) for _ in clients]
    return [{"peer": each, "client": clients[each["key"]]} for each in reports]


def report(totals: dict[Row, list[dict[str, Any]]], plan: int) -> None:
    """Print the table of the conversations, reasons of failures, and what it means for the budget."""
    lines, verdicts, reasons = [], [], []
    for row, calls in totals.items():
        dropped = [call for call in calls if call["client"]["failure"] or call["peer"]["ended"] != "closed"]
        to_client = sum(plan - call["client"]["received"] for call in calls)
        to_peer = sum(plan - call["peer"]["received"] for call in calls)
        wrong = sum(call[end][what] for call in calls for end in ("client", "peer") for what in ("repeated", "late"))
        lines.append([row.label, str(len(calls)), *map(str, (len(dropped), to_client, to_peer, wrong))])
        reasons += [f"{row.label}: {call['client']['failure']} (the peer: {call['peer']['ended']})" for call in dropped]
        if row.client == "realtime_sync":
            measured = f"{len(dropped)} dropped, {to_client + to_peer} lost, {wrong} repeated or out of order"
            met = not (dropped or to_client or to_peer or wrong)
            verdicts.append((f"{row.label}, none dropped, nothing lost", measured, met))
    _common.print_table(
        ["client", "connections", "dropped", "lost to client", "lost to peer", "repeated or late"], lines
    )
    for reason in reasons:
        print(reason)
    for budget, measured, met in verdicts:
        _common.print_verdict(budget, measured, met=met)
    print(flush=True)


def seconds(value: float | None) -> str:
    """Show a duration; None is one that did not end."""
    return f"not within {GIVE_UP:.0f}" if value is None else f"{value:.2f}"


def report_close(results: dict[Row, dict[str, float | None]]) -> None:
    """Print how long closing took, and what it means for the budget."""
    print("close() against a peer that never answers, with a reader blocked")
    _common.print_table(
        ["client", "returned, s", "reader woke, s"],
        [[row.label, *(seconds(result[what]) for what in ("closed", "woken"))] for row, result in results.items()],
    )
    for row in results:
        if row.client == "realtime_sync":
            closed = results[row]["closed"]
            measured = "did not return" if closed is None else f"{closed:.2f} s"
            met = closed is not None and closed <= CLOSE_BUDGET
            _common.print_verdict(f"{row.label}, close() within {CLOSE_BUDGET} s", measured, met=met)


if __name__ == "__main__":
    _common.run(main, work)
