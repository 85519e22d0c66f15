"""Voice sessions over TLS through a network that keeps breaking, with the server in a process of its own.

Each of twenty sessions sends 20 ms of audio fifty times a second, listens to spoken answers in real time, and adds and
deletes items that the server acknowledges. Nothing acknowledged may be lost, nothing may come twice, at either end;
threads end, and memory stays as it is. EXAMPLES_FACTOR=225 makes it half an hour.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from realtime_sync import Client
from realtime_sync.audio import PCM16_24K
from realtime_sync.errors import AcknowledgementUnknown, ConnectionClosed, RequestTimeout, ServerError, TurnInterrupted
from tests.support.examples import examples
from tests.support.reconnecting import acknowledge_last, item
from tests.support.waiting import run_in_thread

ROOT = Path(__file__).resolve().parents[2]
SECONDS = max(8, examples(8))
SESSIONS = 20
SEED = 20261121
FRAME_SECONDS = 0.02
BYTES_PER_SECOND = 150_000
"""Roughly, of one session, both ways together."""
RETRY = {
    "reconnect": True,
    "reconnect_retries": 10_000,
    "initial_delay": 0.02,
    "max_delay": 0.5,
    "deadline": None,
    "close_codes": [1005, 1006, 1011, 1012],
}
OPTIONS = {"ping_interval": 1.0, "ping_timeout": 2.0, "close_timeout": 0.5}
LOST = (ConnectionClosed, RequestTimeout, AcknowledgementUnknown)
QUESTION = "What is 6 times 7?"
OUT_OF_BAND = {"conversation": "none"}
AUDIO = {"input": {"turn_detection": None}}


class VoiceSession:
    """A session in use by a microphone, a loudspeaker, a program that requests, and a receiver.

    Threads: each method that begins with "_" is one; what it changes is read when all are joined.
    """

    def __init__(self, client: Client, number: int, ending: threading.Event) -> None:
        resume = "conversation" if number % 2 else "session"
        session = {"output_modalities": ["audio"], "audio": AUDIO}
        self.rt = client.realtime.connect(model="m", session=session, retry={**RETRY, "resume": resume})
        self.name = f"{number:02}"
        self.ending = ending
        self.spoken: collections.Counter[bytes] = collections.Counter()
        self.sent = self.interrupted = self.gaps = 0
        self.acknowledged: list[int] = []
        self.unsent: set[str] = set()
        self._calls = [run_in_thread(call) for call in (self._microphone, self._loudspeaker, self._program)]
        self._receiver = run_in_thread(self._receive)

    def _microphone(self) -> None:
        frame, start = PCM16_24K.silence(FRAME_SECONDS), time.monotonic()
        while not self.ending.wait(max(0.0, start + self.sent * FRAME_SECONDS - time.monotonic())):
            self.rt.input_audio_buffer.append(frame, event_id=f"{self.name} audio:{self.sent}")
            self.sent += 1
            if self.sent % 500 == 0:
                self.rt.input_audio_buffer.clear()

    def _loudspeaker(self) -> None:
        while not self.ending.is_set():
            try:
                self.spoken[self.rt.ask(QUESTION, response=OUT_OF_BAND, timeout=15).audio] += 1
            except (TurnInterrupted, RequestTimeout):
                self.interrupted += 1

    def _program(self) -> None:
        number = 0
        while not self.ending.wait(0.2):
            event = {**item("noted", f"item_{self.name}_{number}"), "event_id": f"{self.name} item:{number}"}
            try:
                self.rt.request(event, timeout=5)
                self.acknowledged.append(number)
                self.rt.conversation.item.delete(event["item"]["id"], wait=True, timeout=5)
            except (*LOST, ServerError):  # ServerError: the item to delete went with its connection.
                self.interrupted += 1
            number += 1

    def _receive(self) -> None:
        for event in self.rt:
            if event.type == "reconnected":
                self.gaps += 1
                self.unsent.update(each["event_id"] for each in event.unsent)

    def finish(self) -> None:
        """Wait for the threads, and until the server has all that was sent."""
        for call in self._calls:
            call.result(60)
        acknowledge_last(self.rt)
        self.rt.close()
        self._receiver.result(10)


@contextlib.contextmanager
def soak_server(tls):
    """Run the server; yield (its base URL, a call that ends the faults, a call that ends it and returns its report)."""
    high = max(200_000, BYTES_PER_SECOND * SECONDS // 3)
    command = [sys.executable, "-m", "tests.support.soak_server", tls.cert_file, tls.key_file]
    with subprocess.Popen(
        [*command, str(SEED), str(high // 20), str(high)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            port = process.stdout.readline().strip()

            def calm():
                process.stdin.write("calm\n")
                process.stdin.flush()

            yield f"https://localhost:{port}/v1", calm, lambda: json.loads(process.communicate(timeout=30)[0])
        finally:
            process.kill()


def connected(client: Client, number: int, ending: threading.Event) -> VoiceSession:
    """Open a session, however often the network breaks before it is open."""
    while True:
        try:
            return VoiceSession(client, number, ending)
        except LOST:
            continue


def resident() -> int:
    """Return this process's memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


@pytest.mark.timeout(120 + 2 * SECONDS)
def test_voice_through_a_network_that_keeps_breaking(tls):
    """Nothing acknowledged is lost, nothing comes twice, and audio is lost only with the connection that carried it."""
    threads, ending, memory = threading.active_count(), threading.Event(), []
    with soak_server(tls) as (base_url, calm, report):
        options = {**OPTIONS, "ssl_context": tls.client_context}
        with Client(base_url=base_url, api_key="k", options=options, retry=RETRY, timeout=30) as client:
            began = time.monotonic()
            sessions = [connected(client, number, ending) for number in range(SESSIONS)]
            for part in (0.3, 1.0):
                ending.wait(began + part * SECONDS - time.monotonic())
                memory.append(resident() if sys.platform == "linux" else 0)
            calm()
            ending.set()
            for each in sessions:
                each.finish()
        seen = report()
    check(sessions, seen)
    assert threading.active_count() <= threads
    print(summary(sessions, seen, memory))
    if SECONDS >= 120:  # Before that, it is still filling its buffers.
        assert memory[1] < memory[0] * 1.1, memory


def check(sessions: list[VoiceSession], seen: dict) -> None:
    """Compare what the clients know with what the server saw, and every answer with every other."""
    assert not seen["wrong"]
    assert sum(seen["faults"].values()) >= SESSIONS / 2, seen["faults"]
    assert len(set().union(*(each.spoken for each in sessions))) == 1, "an answer was heard in part, or in part twice"
    for each in sessions:
        lost = unseen(seen, f"{each.name} item", 1 + max(each.acknowledged, default=0))
        assert not lost.intersection(each.acknowledged), "an acknowledged item was lost"
        audio = f"{each.name} audio"
        lost = unseen(seen, audio, each.sent)
        holes = [number for number in lost if number - 1 not in lost]
        assert len(holes) <= each.gaps, "audio was lost, and not with a connection"
        assert {number for number in range(each.sent) if f"{audio}:{number}" in each.unsent} <= lost


def unseen(seen: dict, stream: str, count: int) -> set[int]:
    """Return which of the first `count` numbers of a stream the server never saw; on a busy machine that may be all."""
    return {*seen["missing"].get(stream, ()), *range(seen["last"].get(stream, -1) + 1, count)}


def summary(sessions: list[VoiceSession], seen: dict, memory: list[int]) -> str:
    """Say in a line what happened."""
    count = {name: sum(getattr(each, name) for each in sessions) for name in ("sent", "gaps", "interrupted")}
    answers = sum(each.spoken.total() for each in sessions)
    items = sum(len(each.acknowledged) for each in sessions)
    return (
        f"{SECONDS} s, {count['sent']} frames of audio sent, {answers} answers heard, {items} items acknowledged, "
        f"{count['gaps']} gaps, {count['interrupted']} calls interrupted; faults {seen['faults']}; "
        f"memory {' to '.join(f'{each / 2**20:.0f} MiB' for each in memory)}"
    )
