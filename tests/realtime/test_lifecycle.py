"""Closing, losing, interrupting, forking and ending, with peers that misbehave."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from realtime_sync import Client
from realtime_sync.errors import (
    ClosedError,
    ClosedOK,
    ConnectionClosed,
    ReceiveTimeout,
    RequestTimeout,
    SendTimeout,
    TurnInterrupted,
)
from tests.support.peer import TEXT, Link, echo, frame
from tests.support.waiting import run_in_thread, wait_until

DELTA = {
    "type": "response.output_text.delta",
    "event_id": "e",
    "response_id": "r",
    "item_id": "i",
    "output_index": 0,
    "content_index": 0,
    "delta": "x" * 200,
}


NARROW = {"sockopt": [(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536), (socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)]}
"""Options that keep the kernel from holding megabytes, so that a little traffic already fills it."""


def narrow(link):
    """The same for the peer's end."""
    link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)


@pytest.fixture
def open_session(make_peer, tls):
    """Open a session to a raw peer; returns (session, the peer's end)."""
    opened = []

    def open_session(*, secure=False, script=Link.upgrade, **options):
        options = {"close_timeout": 0.2, **options}
        peer = make_peer(script, tls=tls.server_context if secure else None)
        if secure:
            options["ssl_context"] = tls.client_context
        scheme = "https" if secure else "http"
        client = Client(base_url=f"{scheme}://{peer.host}:{peer.port}/v1", api_key="k", timeout=20)
        opened.append(client.realtime.connect(model="m", options=options))
        return opened[-1], peer.link() if script is Link.upgrade else None

    yield open_session
    for rt in opened:
        rt.close()


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_close_beside_a_blocked_reader_and_a_silent_peer(open_session, secure):
    """The peer never answers and threads wait: close returns within close_timeout and a moment, and wakes everybody."""
    rt, _ = open_session(secure=secure)
    waiting = [run_in_thread(rt.receive), run_in_thread(rt.wait_for, "x.y"), run_in_thread(rt.subscribe("*").get)]
    wait_until(lambda: len(rt._core.mailbox._waiters) == 1)
    start = time.monotonic()
    rt.close(4000, "enough")
    assert time.monotonic() - start < 2
    for call in waiting:
        with pytest.raises(ClosedOK):
            call.result()
    assert (rt.close_code, rt.close_reason) == (4000, "enough")
    rt.close()


def test_close_from_many_threads_at_once(open_session):
    """The first caller decides; all return in time."""
    rt, link = open_session()
    closing = [run_in_thread(rt.close, 4000 + n, str(n)) for n in range(8)]
    link.finish()
    for call in closing:
        call.result()
        assert call.took < 4
    assert rt.close_code in range(4000, 4008)


def test_close_while_a_sender_is_blocked(open_session):
    """A sender stuck on a peer that does not read wakes with ClosedOK."""
    rt, _ = open_session(write_limit=50_000)

    def flood():
        while True:
            rt.send({"type": "x", "pad": "y" * 20_000})

    sender = run_in_thread(flood)
    wait_until(lambda: rt.stats.send_backlog_bytes >= 50_000)
    closing = run_in_thread(rt.close)
    closing.result()
    assert closing.took < 4
    with pytest.raises(ConnectionClosed):
        sender.result()


def test_send_times_out_without_progress(open_session):
    """A peer that takes nothing for send_timeout: SendTimeout, nothing of the message sent, session usable for reading."""
    rt, link = open_session(write_limit=50_000, send_timeout=0.3)

    def flood():
        while True:
            rt.send({"type": "x", "pad": "y" * 20_000})

    with pytest.raises(SendTimeout) as caught:
        flood()
    assert caught.value.replay_safe
    link.send(json.dumps(DELTA))
    assert rt.receive(timeout=10).type == DELTA["type"]


def test_a_session_that_only_sends_does_not_deadlock_with_a_talkative_peer(open_session):
    """A peer with one loop that answers threefold, against a sender that never receives."""
    count = 400

    def threefold(link):
        narrow(link)
        link.upgrade()
        answer = frame(TEXT, json.dumps(DELTA).encode()) * 3
        for _ in range(count):
            link.read_frame()
            link.write(answer)

    rt, _ = open_session(script=threefold, max_queue=64, write_limit=50_000, send_timeout=10, **NARROW)
    pad = "y" * 3000
    for n in range(count):
        rt.send({"type": "x", "n": n, "pad": pad})
    assert {rt.receive(timeout=10).type for _ in range(3 * count)} == {DELTA["type"]}


def test_an_unread_mailbox_pauses_the_reader_and_loses_nothing(open_session):
    """TCP pushes back on the server; when the script receives at last, everything is there in order."""
    count = 3000

    def pour(link):
        narrow(link)
        link.upgrade()
        for n in range(count):
            link.write(frame(TEXT, json.dumps({**DELTA, "event_id": str(n)}).encode()))
        link.close()

    rt, _ = open_session(script=pour, max_queue=100, **NARROW)
    wait_until(lambda: rt._core.flow.paused)
    assert rt.stats.mailbox_events < 1000
    assert [event.event_id for event in rt] == [str(n) for n in range(count)]
    assert rt.stats.mailbox_dropped == 0
    assert rt.stats.paused_seconds > 0


def test_close_ends_a_pause(open_session):
    """A paused reader still closes, in time."""

    def pour(link):
        link.upgrade()
        try:
            while True:
                link.write(frame(TEXT, json.dumps(DELTA).encode()) * 100)
        except OSError:
            return

    rt, _ = open_session(script=pour, max_queue=10)
    wait_until(lambda: rt._core.flow.paused)
    start = time.monotonic()
    rt.close()
    assert time.monotonic() - start < 4


def test_a_message_over_max_size_ends_the_session_with_1009(open_session):
    """What came before it is delivered first; the peer is told why."""
    rt, link = open_session(max_size=1000)
    link.send(json.dumps(DELTA), json.dumps({**DELTA, "delta": "z" * 2000}))
    assert rt.receive(timeout=10).delta == DELTA["delta"]
    with pytest.raises(ClosedError) as caught:
        rt.receive(timeout=10)
    assert caught.value.code == 1009
    assert link.read_data().close_code == 1009


def test_junk_frames_end_the_session_with_1002(open_session):
    """A protocol error is an orderly error, after what came before."""
    rt, link = open_session()
    link.send(json.dumps(DELTA))
    link.write(frame(TEXT, b"x", rsv=4))
    assert rt.receive(timeout=10)
    error = pytest.raises(ClosedError, rt.receive, 10).value
    assert error.code == 1002


def test_a_server_that_disappears_mid_turn(open_session):
    """A reset while a turn runs: TurnInterrupted at once, everywhere."""
    rt, link = open_session()
    asked = run_in_thread(rt.ask, "hello")
    link.read_frame()
    link.read_frame()
    link.reset()
    with pytest.raises(TurnInterrupted):
        asked.result()
    assert rt.wait_closed(10)
    assert rt.close_code == 1006


def test_a_silent_peer_is_found_by_ping(open_session):
    """A half-open connection ends within ping_interval + ping_timeout, as 1006."""
    rt, _ = open_session(ping_interval=0.1, ping_timeout=0.2)
    error = pytest.raises(ClosedError, rt.receive, 10).value
    assert error.code == 1006


def test_every_thread_is_woken_by_the_end(open_session):
    """Whatever a thread waits for, a lost connection wakes it at once."""
    rt, link = open_session()
    calls = [
        run_in_thread(rt.receive),
        run_in_thread(rt.wait_for, "response.done"),
        run_in_thread(rt.subscribe("*").get),
        run_in_thread(rt.ask, "one"),
        run_in_thread(rt.ask, "two"),
        run_in_thread(rt.session.update, {}, wait=True),
        run_in_thread(lambda: next(rt.turns())),
        run_in_thread(rt.dispatch_events),
    ]
    for _ in range(3):
        link.read_frame()
    wait_until(
        lambda: rt._api.book.slot._claimants and rt._core.callbacks.ordinary._guests and rt._core.mailbox._waiters
    )
    link.drop()
    for call in calls[:-1]:
        with pytest.raises(ConnectionClosed):
            call.result()
    assert calls[-1].result() is True


def run_script(body: str, *arguments: str, timeout: float = 30, **kwargs) -> subprocess.CompletedProcess:
    """Run a script in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(body), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=Path(__file__).parents[2],
        **kwargs,
    )


@pytest.mark.parametrize("script", [Link.upgrade, echo], ids=["silent peer", "peer that answers"])
def test_a_script_that_just_ends_ends(make_peer, script):
    """With a session open and daemon threads inside it: exit code 0, silence, no delay beyond a second."""
    peer = make_peer(script)
    start = time.monotonic()
    done = run_script(
        """
        import sys, threading
        from realtime_sync import Client
        rt = Client(base_url=sys.argv[1], api_key="k").realtime.connect(model="m")
        rt.on("response.done", print)
        def send():
            while True:
                rt.send({"type": "x"})
        def ask():
            rt.ask("x")
        for target in (rt.receive, rt.wait_closed, rt.subscribe("response.done").get, ask, send):
            threading.Thread(target=target, daemon=True).start()
        """,
        f"http://127.0.0.1:{peer.port}/v1",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - start < 30  # most of it to start an interpreter, on a busy machine


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_leaves_the_parents_session_alone(make_peer):
    """The child gets ForkedError and may exit in any way; the parent goes on, even if a thread held locks at the fork."""
    peer = make_peer(echo)
    done = run_script(
        """
        import os, sys, threading, warnings
        warnings.simplefilter("ignore")
        from realtime_sync import Client
        from realtime_sync.errors import ForkedError
        rt = Client(base_url=sys.argv[1], api_key="k").realtime.connect(model="m")
        stop = threading.Event()
        def hammer():
            while not stop.is_set():
                rt.send({"type": "x"}); rt.receive(timeout=5)
        threads = [threading.Thread(target=hammer) for _ in range(3)]
        [t.start() for t in threads]
        for _ in range(5):
            child = os.fork()
            if child == 0:
                calls = [lambda: rt.send({"type": "x"}), rt.receive, lambda: rt.stats, lambda: rt.ask("x"),
                         lambda: rt.subscribe("*"), lambda: rt.wait_for("x.y"), lambda: rt.on("x.y", print)]
                for call in calls:
                    try:
                        call()
                    except ForkedError:
                        continue
                    os._exit(2)
                rt.close()
                del rt, calls
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        [t.join() for t in threads]
        rt.send({"type": "last"})
        while rt.receive(timeout=5).type != "last":
            pass
        rt.close()
        print("fine")
        """,
        f"http://127.0.0.1:{peer.port}/v1",
        timeout=60,
    )
    assert done.stdout == "fine\n", done.stderr
    assert done.returncode == 0


def test_close_in_a_signal_handler(make_peer):
    """A handler that interrupts the main thread anywhere may close the session."""
    peer = make_peer(echo)
    done = run_script(
        """
        import os, signal, sys, threading
        from realtime_sync import Client
        from realtime_sync.errors import ConnectionClosed
        client = Client(base_url=sys.argv[1], api_key="k", options={"close_timeout": 0.1})
        for n in range(20):
            rt = client.realtime.connect(model="m")
            signal.signal(signal.SIGALRM, lambda *_: rt.close())
            signal.setitimer(signal.ITIMER_REAL, 0.001 + n * 0.0005)
            try:
                while True:
                    rt.send({"type": "x"})
                    rt.receive(timeout=5)
            except ConnectionClosed:
                pass
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert rt.wait_closed(5)
            rt.close()
        print("fine")
        """,
        f"http://127.0.0.1:{peer.port}/v1",
        timeout=90,
    )
    assert done.stdout == "fine\n", done.stderr


class Interrupted(BaseException):
    """Raised by the alarm, as Ctrl-C would."""


# An interrupt that hits a finalizer or a callback of the garbage collector can be raised nowhere.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.raises_anywhere
def test_interrupts_anywhere_leave_the_session_usable(open_session):
    """An alarm that raises inside every blocking call, 400 times: nothing stays locked, and the session works after."""
    rt, _ = open_session(script=echo)
    calls = [
        lambda: rt.receive(timeout=0.05),
        lambda: rt.wait_for("response.done", timeout=0.05),
        lambda: rt.request({"type": "session.update", "session": {}}, timeout=0.05),
        lambda: rt.ask("x", timeout=0.05),
        lambda: rt.subscribe("response.done").get(timeout=0.05),
        lambda: rt.wait_closed(0.05),
        lambda: rt.dispatch_events(0.05),
        lambda: next(rt.turns(timeout=0.05)),
        lambda: [rt.send({"type": "x"}) for _ in range(200)],
    ]

    def alarm(*_):
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, alarm)
    interrupted = 0
    try:
        for n in range(400):
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0003 + (n * 7919 % 400) * 0.000006)
                    calls[n % len(calls)]()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupted:
                interrupted += 1
            except (ReceiveTimeout, RequestTimeout):
                continue
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert interrupted > 100
    marker = rt.send({"type": "still.usable"})
    while rt.receive(timeout=10).to_dict()["event_id"] != marker:
        pass
    usable = run_in_thread(rt.subscribe, "*")
    usable.result().close()
    assert not rt._core.lock.locked() or rt._core.lock.acquire(timeout=5)


def test_many_sessions_opened_and_closed_leave_nothing(open_session, make_peer):
    """Dozens of sessions, each with callbacks, one after the other and at once; the leak check does the rest."""
    peer = make_peer(echo)
    client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k")

    def use(n):
        with client.realtime.connect(model="m") as rt:
            seen = threading.Semaphore(0)
            rt.on("x.y", lambda event: seen.release())
            rt.send({"type": "x.y"})
            assert seen.acquire(timeout=10)

    for n in range(20):
        use(n)
    for call in [run_in_thread(use, n) for n in range(20)]:
        call.result()
    client.close()
