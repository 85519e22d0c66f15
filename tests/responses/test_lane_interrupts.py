"""Ctrl-C at every point of every call that waits or sends: no lane stays taken, nobody is left in line."""

from __future__ import annotations

import contextlib
import json
import signal
import threading

import pytest

from realtime_sync import Client
from realtime_sync.errors import RequestTimeout
from realtime_sync.responses._proof import Proofs
from tests.support.interrupting import interrupted_everywhere
from tests.support.peer import CLOSE, TEXT, frame
from tests.support.waiting import wait_until

pytestmark = pytest.mark.raises_anywhere

MOMENT = 0.0005


def answering(link):
    """Answer every create at once, on its lane."""
    link.upgrade()
    number = 0
    while (got := link.read_frame()).opcode != CLOSE:
        data = json.loads(got.payload)
        if data["type"] != "response.create" or data.get("input") == "silence":
            continue
        number += 1
        for kind, status in (("response.created", "in_progress"), ("response.completed", "completed")):
            response = {"id": f"resp_{number}", "status": status, "output": []}
            text = json.dumps({"type": kind, "stream_id": data["stream_id"], "response": response})
            link.write(frame(TEXT, text.encode()))
    link.write(frame(CLOSE, got.payload[:2]))
    link.drop()


@pytest.fixture
def conn(make_peer):
    """A connection to a peer that answers at once."""
    peer = make_peer(answering)
    client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k", timeout=20)
    Proofs.note(client.endpoint.base_url, lanes=True)
    with client.responses.connect(model="m") as connection:
        yield connection


CALLS = {
    "create": lambda conn: conn.create(input="x"),
    "by hand": lambda conn: conn.response.create(input="x", stream_id="by-hand"),
    "state": lambda conn: (conn.lane("mine"), conn.lanes.holds("resp_1"), conn.lanes.free),
}


def left_behind(conn):
    """Name what an interrupted call must not leave, once what was sent is answered."""
    core, book = conn._core, conn._api.book
    # What was interrupted leaves on the reader, a moment later.
    wait_until(
        lambda: not (book.active or book.waiting or core.flow.consumers), what="all lanes free, all queues closed"
    )
    lanes = [lane for lane in book.lanes.lanes.values() if lane.calls or lane.holds or lane.retired]
    left = {"lock": core.lock.locked(), "waits": core.flow.waits, "lanes": lanes, "retiring": book.retiring}

    return {name for name, each in left.items() if each}


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupted_call_leaves_nothing(conn, name):
    """Wherever the interrupt comes, every lane is free in the end, and the connection works."""
    left = {}
    call = CALLS[name]
    call(conn)  # The first loads what the others use.
    for point in interrupted_everywhere(lambda: call(conn)):
        if found := left_behind(conn):
            left[point] = found
    assert left == {}
    assert conn.create(input="x").status == "completed"


def test_an_interrupted_wait_in_line_leaves_nothing(conn):
    """A call that waits for a lane, or for its time to run out, goes without a trace; the others are served."""
    streams = [conn.stream(input="silence") for _ in range(16)]
    book = conn._api.book

    def call():
        conn.create(input="x", timeout=MOMENT)

    with contextlib.suppress(RequestTimeout):
        call()
    for _ in interrupted_everywhere(call, RequestTimeout):
        wait_until(lambda: not book.waiting)
    assert len(book.active) == len(streams)
    assert not conn._core.flow.waits


def test_an_interrupted_steer_leaves_nothing(conn):
    """One that waits for a response which never begins."""
    with conn.stream(input="silence") as stream:

        def call():
            stream._deadline = type(stream._deadline)(MOMENT)
            stream.steer("x")

        for _ in interrupted_everywhere(call, RequestTimeout):
            assert not conn._core.lock.locked()
            assert not conn._core.flow.waits


def test_real_signals(conn):
    """A timer's signal at any moment of a hundred requests, in the thread that asks while others ask too."""
    stop, done = threading.Event(), []

    def others():
        while not stop.is_set():
            done.append(conn.create(input="x").status)

    class Alarm(BaseException):
        pass

    def raise_alarm(*_):
        raise Alarm

    threads = [threading.Thread(target=others) for _ in range(2)]
    for thread in threads:
        thread.start()
    before = signal.signal(signal.SIGALRM, raise_alarm)
    interrupted = 0
    try:
        for n in range(100):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + n % 20 * 0.0001)
                conn.create(input="x")
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Alarm:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        stop.set()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert left_behind(conn) == set()
    assert set(done) <= {"completed"}
    assert interrupted
