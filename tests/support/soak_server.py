"""A local server behind a network that keeps breaking, as a program of its own, so that a soak measures the client alone.

``python -m tests.support.soak_server CERT KEY SEED LOW HIGH``: a connection breaks after LOW to HIGH bytes. The first
line it prints is the relay's port. A line on standard input ends the faults; the end of standard input ends the
program, which then prints one line of JSON: what `Audit.report` returns, and the faults that happened.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from realtime_sync.server import Fault, LocalServer, ReceivedEvent, speak_by_tone
from tests.support.chaos import ChaosRelay

__all__ = ["Audit"]

LOOK_EVERY = 1.0
"""Seconds; the server keeps far more events than come in the meantime."""


class Audit:
    """Reads event ids of the form ``stream:number``: on one connection the numbers of a stream only rise, and none comes twice.

    What a lost connection still brings may come after the first of the next connection.

    Threads: `look` is called by one at a time.
    """

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._last_event: ReceivedEvent | None = None
        self._last: dict[str, int] = {}
        self._on_connection: dict[tuple[str, int], int] = {}
        self._missing: dict[str, set[int]] = {}
        self._wrong: list[str] = []

    def look(self) -> None:
        """Take in what has come since the last time."""
        new: list[ReceivedEvent] = []
        for event in reversed(self._server.received):
            if event is self._last_event:
                break
            new.append(event)
        for event in reversed(new):
            self._last_event = event
            stream, colon, number = event["event_id"].partition(":")
            if colon:
                self._take(stream, int(number), event.connection)

    def _take(self, stream: str, number: int, connection: int) -> None:
        before = self._on_connection.get((stream, connection), -1)
        last, missing = self._last.get(stream, -1), self._missing.setdefault(stream, set())
        if number <= before:
            self._wrong.append(f"{stream}:{number} after {before}")
        elif number > last:
            missing.update(range(last + 1, number))
            self._last[stream] = number
        elif number in missing:
            missing.remove(number)
        else:
            self._wrong.append(f"{stream}:{number} twice")
        self._on_connection[stream, connection] = number

    def report(self) -> dict[str, Any]:
        """Return the last number and the missing ones of every stream, and what came twice or out of order."""
        self.look()
        missing = {stream: sorted(numbers) for stream, numbers in self._missing.items()}
        return {"last": self._last, "missing": missing, "wrong": self._wrong}


def main(certificate: str, key: str, seed: str, low: str, high: str) -> None:
    """Serve until standard input ends."""
    closing = Fault(at="input_audio_buffer.append", do="close", code=1012, probability=0.0005, seed=int(seed))
    with LocalServer(tls=(certificate, key), faults=closing, speaker=speak_by_tone, speech_pace=1.0) as server:
        port = int(server.base_url.rpartition(":")[2].partition("/")[0])
        relay = ChaosRelay(port, seed=int(seed), after=(int(low), int(high)))
        audit, ending = Audit(server), threading.Event()

        def look() -> None:
            while not ending.wait(LOOK_EVERY):
                audit.look()

        looking = threading.Thread(target=look, name="soak-audit")
        looking.start()
        print(relay.port, flush=True)
        for _ in sys.stdin:
            relay.calm.set()
        ending.set()
        looking.join()
        relay.close()
        print(json.dumps({**audit.report(), "faults": relay.broken}))


if __name__ == "__main__":
    main(*sys.argv[1:])
