"""Many threads, TLS under load, and forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from realtime_sync.errors import ConnectionClosed, ForkedError
from realtime_sync.transport import connect
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._role import Role
from tests.support.peer import CLOSE, Link, echo
from tests.support.waiting import run_in_thread, wait_until


@pytest.fixture
def nervous():
    """Switch threads as often as the interpreter can."""
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(old)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.usefixtures("nervous")
def test_sending_and_reading_at_once(make_peer, tls, secure):
    """On many connections one thread sends while another reads, over TLS as well: none dropped, nothing lost."""
    peer = make_peer(echo, tls=tls.server_context) if secure else make_peer(echo)
    voice = "v" * 1500

    def talk(connection):
        for number in range(60):
            connection.send(f"{number:03d}{voice}")

    connections = [connect(peer.url, options={"ca_file": tls.ca_file, "ping_interval": 0.01}) for _ in range(10)]
    talking = [run_in_thread(talk, connection) for connection in connections]
    hearing = [
        run_in_thread(lambda c=connection: [int(c.receive(20)[:3]) for _ in range(60)]) for connection in connections
    ]
    for call in hearing:
        assert call.result() == list(range(60))
    for call in talking:
        call.result()
    for connection in connections:
        connection.close()


@pytest.mark.usefixtures("nervous")
def test_three_senders_over_tls(make_peer, tls):
    """Three senders that are switched between at every chance keep the record order: every message arrives, each sender's in order."""
    got = []

    def collect(link: Link) -> None:
        link.upgrade()
        while (frame := link.read_data()).opcode != CLOSE:
            got.append(frame.text[:6])
        link.close(1000)

    peer = make_peer(collect, tls=tls.server_context)
    with connect(peer.url, options={"ca_file": tls.ca_file, "write_limit": (50_000, 10_000)}) as connection:
        padding = "p" * 20_000

        def send(name):
            for number in range(80):
                connection.send(f"{name}{number:05d}{padding}")

        for sender in [run_in_thread(send, name) for name in "abc"]:
            sender.result(60)
        connection.flush(20)
    peer.link()
    for name in "abc":
        assert [each for each in got if each[0] == name] == [f"{name}{number:05d}" for number in range(80)]


def test_concurrent_receivers_share_the_messages(peer):
    """Receivers in several threads each get messages of their own, and all of them end with the connection."""
    connection = connect(peer.url, options={"close_timeout": 0.2})
    link = peer.link()
    got = []

    def receive():
        try:
            while True:
                got.append(connection.receive())
        except ConnectionClosed as error:
            return error.code

    receivers = [run_in_thread(receive) for _ in range(5)]
    for number in range(500):
        link.send(str(number))
    wait_until(lambda: len(got) == 500)
    connection.close()
    assert sorted(map(int, got)) == list(range(500))
    assert [receiver.result() for receiver in receivers] == [1000] * 5


def test_many_threads_close(peer):
    """Any number of threads may close at once; all return, and the first one's code is sent."""
    connection = connect(peer.url)
    link = peer.link()
    closers = [run_in_thread(connection.close, 4000) for _ in range(8)]
    assert link.read_frame().close_code == 4000
    link.close(4000)
    for closer in closers:
        closer.result(5)


def test_role_is_handed_on():
    """A role goes to one at a time, a wait for it can time out, and nobody in line is forgotten."""
    role, inside, most = Role(), [], []

    def work():
        for _ in range(200):
            token = object()
            try:
                if role.enter(token, Deadline(20)):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            finally:
                if role.holder is token:
                    role.holder = None
                for following in role.waiting[:1]:
                    following.wake()

    for worker in [run_in_thread(work) for _ in range(8)]:
        worker.result()
    assert len(most) == 1600
    assert max(most) == 1
    assert role.enter("a", Deadline(0))
    assert role.mine()
    assert not role.enter("b", Deadline(0.01))
    assert not role.waiting


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork(make_peer, tls, secure):
    """In a forked child the connection is dead, even while the parent's threads hold locks; the parent goes on."""
    peer = make_peer(echo, tls=tls.server_context) if secure else make_peer(echo)
    connection = connect(peer.url, options={"ca_file": tls.ca_file})
    stop = threading.Event()

    def chatter():
        while not stop.is_set():
            connection.send("x" * 5000)
            assert connection.receive(10) == "x" * 5000

    chatting = run_in_thread(chatter)
    for _ in range(5):
        child = os.fork()
        if not child:
            os._exit(_in_child(connection))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
    stop.set()
    chatting.result()
    connection.send("still here")
    assert connection.receive(5) == "still here"
    connection.close()
    assert connection.close_code == 1000


def _in_child(connection) -> int:
    """Use the inherited connection in every way; return how many of them misbehaved."""
    signal.alarm(10)
    wrong = 0
    calls = (
        lambda: connection.send("x"),
        lambda: connection.receive(1),
        lambda: connection.receive_many(1),
        lambda: connection.service(1),
        lambda: connection.flush(1),
        lambda: connection.wait_admission(1),
        lambda: connection.offer(connection.prepare("x")),
        connection.pump,
        connection.ping,
    )
    for call in calls:
        try:
            call()
        except ForkedError:
            continue
        wrong += 1
    connection.wake()
    connection.start_close()
    connection.close()
    connection.abort()
    connection.discard_after_fork()
    return wrong


@pytest.mark.parametrize("at_exit", ["nothing", "connection.close", "connection.abort"])
def test_script_that_just_ends(at_exit):
    """A script that ends with an open connection and a name lookup that hangs, ends at once and silently."""
    script = textwrap.dedent(f"""
        import atexit, contextlib, threading
        from realtime_sync.errors import ConnectionClosed, ConnectTimeout
        from realtime_sync.transport import connect
        from tests.support.peer import Peer

        peer = Peer()
        connection = connect(peer.url, options={{"close_timeout": 0.2}})
        if {at_exit != "nothing"}:
            atexit.register({at_exit if at_exit != "nothing" else None})


        def listen():
            with contextlib.suppress(ConnectionClosed):
                connection.receive()

        threading.Thread(target=listen, daemon=True).start()
        try:
            connect("ws://example.test", options={{"open_timeout": 0.1}}, resolve=lambda *_: threading.Event().wait())
        except ConnectTimeout:
            print("ended", flush=True)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
