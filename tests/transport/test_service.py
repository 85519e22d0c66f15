"""The interface for the thread that reads: rounds, waking, pausing, liveness."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import socket
import threading
import time

import pytest

from realtime_sync.errors import ClosedError, ClosedOK, ConnectionClosed, ReceiveTimeout, SendTimeout
from realtime_sync.transport import _servicer, connect
from realtime_sync.transport._liveness import KeepAlive
from tests.support.peer import BINARY, CLOSE, PING, PONG, TEXT, echo, frame
from tests.support.waiting import run_in_thread, wait_until

QUICK = {"close_timeout": 0.2}


def serve(connection, *, read=True) -> None:
    while True:
        connection.service(None, read=read)


@pytest.fixture(params=["poll", "select"])
def either_poll(request, monkeypatch):
    """Run with `select.poll`, and as on Windows: without it, and without eventfd."""
    if request.param == "select":
        monkeypatch.delattr(select, "poll")
        monkeypatch.delattr(os, "eventfd", raising=False)
    return request.param


def test_rounds(make_peer, either_poll):
    """service() returns what is complete, [] on time-out, and at last the end, every time."""
    peer = make_peer()
    connection = connect(peer.url, options=QUICK)
    link = peer.link()
    assert connection.service(0) == []
    assert connection.service(0.01) == []
    link.send("one", b"two")
    got = []
    while len(got) < 2:
        got += connection.service(5)
    assert got == ["one", b"two"]
    link.write(frame(TEXT, b"", announce=5) + b"he")
    assert connection.service(0.05) == []
    link.write(b"llo")
    assert connection.service(5) == ["hello"]
    connection.send("back")
    assert link.read_data().text == "back"
    link.close(1000)
    link.drop()
    for _ in range(3):
        with pytest.raises(ClosedOK):
            connection.service(5)


def test_a_round_is_bounded(peer):
    """A round hands out about 256 KB even when more is there."""
    with connect(peer.url, options=QUICK) as connection:
        link = peer.link()
        writing = run_in_thread(link.write, frame(BINARY, b"x" * 1000) * 4000)
        sizes = []
        while sum(sizes) < 4000:
            sizes.append(len(connection.service(5)))
        writing.result()
        assert max(sizes) <= 525


def test_wake(peer, either_poll):
    """wake() ends the service() in progress, or the next one, once."""
    with connect(peer.url, options=QUICK) as connection:
        for read in (True, False):
            connection.wake()
            connection.wake()
            assert connection.service(10, read=read) == []
            began = time.monotonic()
            assert connection.service(0.05, read=read) == []
            assert time.monotonic() - began > 0.03
            waiting = run_in_thread(connection.service, None, read=read)
            wait_until(lambda: connection._role.holder is not None)
            connection.wake()
            assert waiting.result(5) == []
    connection.wake()


def test_wake_does_not_disturb_receive(peer):
    """receive() goes on waiting when woken."""
    with connect(peer.url, options=QUICK) as connection:
        waiting = run_in_thread(connection.receive)
        wait_until(lambda: connection._role.holder is not None)
        connection.wake()
        peer.link().send("message")
        assert waiting.result() == "message"


def test_paused(make_peer, either_poll):
    """While paused nothing is read, pings are not answered, and writing goes on."""
    peer = make_peer()
    with connect(peer.url, options={**QUICK, "write_limit": None}) as connection:
        link = peer.link()
        link.write(frame(PING, b"?"))
        link.send("waits")
        connection.send(b"x" * 8_000_000)
        reading = run_in_thread(link.read_frame)
        wait_until(lambda: connection.service(0.01, read=False) or not connection.backlog)
        assert len(reading.result().payload) == 8_000_000
        assert connection.bytes_received == 0
        assert connection.service(5) == ["waits"]
        assert link.read_frame().opcode == PONG


@pytest.mark.parametrize("how", ["reset", "drop"])
def test_paused_and_hung_up(peer, how, either_poll):
    """A peer that hangs up during a pause is no busy loop; on resuming its messages come first, then the end."""
    connection = connect(peer.url, options=QUICK)
    link = peer.link()
    link.send("last words")
    if how == "drop":
        link.drop()
    else:
        wait_until(lambda: select.select([connection.fileno()], [], [], 0)[0])
        link.reset()
    began, cpu = time.monotonic(), time.thread_time()
    while time.monotonic() - began < 0.2:
        assert connection.service(0.2, read=False) == []
    assert time.thread_time() - cpu < 0.1
    if how == "drop":
        assert connection.service(5) == ["last words"]
    with pytest.raises(ClosedError):
        serve(connection)


def test_close_ends_a_pause(peer):
    """A paused service() closes all the same."""
    connection = connect(peer.url, options={"close_timeout": 5})
    link = peer.link()
    link.send("not read")

    serving = run_in_thread(serve, connection, read=False)
    wait_until(lambda: connection._role.holder is not None)
    connection.start_close(4000)
    assert link.read_frame().close_code == 4000
    link.close(4000)
    with pytest.raises(ClosedOK):
        serving.result(5)


# Liveness


def test_silent_peer_is_noticed(peer):
    """A server that answers no ping is lost after ping_interval and ping_timeout."""
    connection = connect(peer.url, options={"ping_interval": 0.1, "ping_timeout": 0.3})
    link = peer.link()
    began = time.monotonic()
    with pytest.raises(ClosedError) as caught:
        connection.receive(10)
    assert 0.3 < time.monotonic() - began < 5
    assert caught.value.code == 1006
    assert "ping" in caught.value.reason
    assert link.read_frame().opcode == PING


def test_any_byte_counts_as_life(peer):
    """Bytes of a message that is not complete keep the connection alive, without any pong."""
    with connect(peer.url, options={**QUICK, "ping_interval": 0.02, "ping_timeout": 0.25}) as connection:
        link = peer.link()
        dripping = run_in_thread(link.drip, frame(TEXT, b"x" * 10), 0.03)
        assert connection.receive(10) == "x" * 10
        dripping.result()


def test_answered_pings(make_peer):
    """A server that answers pings stays connected, however long it says nothing."""
    peer = make_peer(echo)
    with connect(peer.url, options={"ping_interval": 0.02, "ping_timeout": 0.25}) as connection:
        began = time.monotonic()
        while time.monotonic() - began < 0.35:
            assert connection.service(0.2) == []
        assert connection.bytes_received > 0


def test_a_pause_stops_the_clock(peer):
    """A pause longer than ping_timeout is no death, and no ping goes out during it."""
    with connect(peer.url, options={**QUICK, "ping_interval": 0.1, "ping_timeout": 0.15}) as connection:
        link = peer.link()
        connection.service(0.12)
        assert link.read_frame().opcode == PING
        began = time.monotonic()
        while time.monotonic() - began < 0.25:
            assert connection.service(0.25, read=False) == []
        connection.send("marker")
        assert link.read_frame().opcode == TEXT
        assert connection.service(0.05) == []
        assert connection.is_open


def test_a_process_that_slept_is_not_dead(peer):
    """When nobody serviced for longer than ping_timeout (busy, asleep, stopped), what had arrived meanwhile counts."""
    with connect(peer.url, options={**QUICK, "ping_interval": 0.05, "ping_timeout": 0.1}) as connection:
        link = peer.link()
        connection.service(0.06)
        assert link.read_frame().opcode == PING
        link.write(frame(PONG))
        threading.Event().wait(0.3)  # The process sleeps.
        assert connection.service(0) == []
        assert connection.is_open


def test_schedule():
    """The schedule: a ping an interval, death a time-out after the first unanswered one, any sign of life resets."""
    alive = KeepAlive(20, 30, now=100)
    assert alive.due(0) == 120
    assert not alive.ping_is_due(119, 0)
    assert alive.ping_is_due(120, 7)
    assert alive.due(7) == 140
    assert alive.ping_is_due(140, 7)
    assert alive.due(7) == 150
    assert not alive.is_overdue(149, 7)
    assert alive.is_overdue(150, 7)
    assert not alive.is_overdue(1000, 8)
    assert alive.due(8) == 160
    assert alive.ping_is_due(160, 8)
    assert not alive.is_overdue(189, 8)
    assert alive.is_overdue(190, 8)
    alive.restart(1000)
    assert not alive.is_overdue(1001, 8)
    assert alive.due(8) == 1020
    for interval, timeout in ((None, 30), (None, None)):
        assert KeepAlive(interval, timeout, now=0).due(0) == float("inf")
    forever = KeepAlive(20, None, now=0)
    assert forever.ping_is_due(20, 0)
    assert not forever.is_overdue(10**9, 0)


def test_idle_buffer_is_given_back(peer, monkeypatch):
    """After a burst and some silence the receive buffer is small again."""
    monkeypatch.setattr(_servicer, "_IDLE", 0.1)
    with connect(peer.url, options=QUICK) as connection:
        peer.link().write(frame(BINARY, b"x" * 3_000_000))
        assert len(connection.receive(10)) == 3_000_000
        parser = connection._servicer._parser
        assert parser.is_large
        assert connection.service(0.2) == []
        assert not parser.is_large


def test_counters(make_peer):
    """Bytes and messages are counted in both directions."""
    with connect(make_peer(echo).url) as connection:
        connection.send("12345")
        assert connection.receive(5) == "12345"
        assert (connection.messages_sent, connection.messages_received) == (1, 1)
        assert (connection.bytes_sent, connection.bytes_received) == (11, 7)


# Signals, in the main thread, which runs the tests


def test_closing_from_a_signal_handler(peer):
    """start_close() in a signal handler ends the service() that it interrupts."""
    connection = connect(peer.url, options=QUICK)
    old = signal.signal(signal.SIGALRM, lambda *_: connection.start_close(4000))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(ClosedOK) as caught:
            serve(connection)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert caught.value.code == 4000


def test_close_under_its_own_receive(peer):
    """close() in a signal handler that interrupts this very thread's receive() does not deadlock."""
    connection = connect(peer.url, options=QUICK)
    old = signal.signal(signal.SIGALRM, lambda *_: connection.close(4000))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        began = time.monotonic()
        with pytest.raises(ClosedOK):
            connection.receive(10)
        assert time.monotonic() - began < 4
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert peer.link().read_frame().opcode == CLOSE


class Interrupted(BaseException):
    """What the signal handler raises."""


def interrupts(call, times):
    """Run `call` over and over in the main thread while signals raise at random points; return how often they did."""
    armed, main, kicks = [False], threading.get_ident(), queue.SimpleQueue()

    def handler(*_):
        if armed[0]:
            armed[0] = False
            raise Interrupted

    def kick():
        never = threading.Event()
        for number in range(times):
            kicks.get()
            never.wait(0.0003 + (number % 37) * 0.00001)
            # Again and again: CPython misses a signal that comes just before a system call blocks.
            while armed[0]:
                signal.pthread_kill(main, signal.SIGUSR1)
                never.wait(0.001)

    # Not the timer that pytest-timeout uses.
    old = signal.signal(signal.SIGUSR1, handler)
    kicking = run_in_thread(kick)
    count = 0
    try:
        for _ in range(times):
            try:
                armed[0] = True
                kicks.put(None)
                while True:
                    call()
            except Interrupted:
                count += 1
    finally:
        armed[0] = False
        for _ in range(times - count):
            kicks.put(None)
        kicking.result()
        signal.signal(signal.SIGUSR1, old)
    return count


@pytest.mark.raises_anywhere
def test_interrupted_receive(peer):
    """An interrupt ends a receive() that waits, 400 times, and nothing is lost or left locked."""
    with connect(peer.url, options=QUICK) as connection:
        assert connection.service(0) == []  # A first read comes before any waiting, and could be what is interrupted.
        assert interrupts(lambda: connection.receive(10), 400) == 400
        link = peer.link()
        link.send("still", "there")
        assert run_in_thread(connection.receive, 5).result() == "still"
        assert connection.receive(5) == "there"


@pytest.mark.raises_anywhere
def test_interrupted_senders_that_wait(peer):
    """An interrupt ends a send() that waits for room, a flush() and a wait for the reading role, and nothing stays."""
    with connect(peer.url, options={**QUICK, "write_limit": (1000, 100)}) as connection:
        link = peer.link()
        while True:  # Until the kernels on both sides are full.
            try:
                connection.send(b"x" * 1_000_000, timeout=0.3)
            except SendTimeout:
                break
        assert interrupts(lambda: connection.send("y"), 200) == 200
        assert interrupts(lambda: connection.flush(10), 200) == 200
        reading = run_in_thread(connection.receive)
        wait_until(lambda: connection._role.holder is not None)
        assert interrupts(lambda: connection.receive(10), 200) == 200
        assert not connection._writer._waiting
        assert not connection._role.waiting
        link.send("done")
        assert reading.result() == "done"
        assert connection.is_open


@pytest.mark.raises_anywhere
def test_interrupts_while_sending(peer):
    """An interrupt in the middle of sending never tears the stream: whole frames, in order, none twice."""
    received = []

    def read(link):
        while (got := link.read_frame()).opcode != CLOSE:
            received.append(int(got.payload))

    sent = [0]

    def send():
        connection.send(b"%0250d" % sent[0])
        sent[0] += 1

    with connect(peer.url, options=QUICK) as connection:
        reading = run_in_thread(read, peer.link())
        assert interrupts(send, 400) == 400
        connection.send(b"%0250d" % -1)
        assert connection.is_open
    reading.result()
    assert received[-1] == -1
    # A message whose send() was interrupted may or may not be out: the test sends the same number again.
    assert sorted(received[:-1]) == received[:-1]
    assert set(received) == {*range(sent[0]), -1} or set(received) == {*range(sent[0] + 1), -1}


@pytest.mark.raises_anywhere
def test_interrupts_while_receiving(make_peer):
    """An interrupt while bytes are moving leaves the connection usable or ends it cleanly; it never tears messages."""

    def script(link):
        link.upgrade()
        number = 0
        while True:
            link.send(f"{number:0250d}")
            number += 1

    connection = connect(make_peer(script).url)
    seen = [int(connection.receive(10)) for _ in range(20)]
    with contextlib.suppress(ConnectionClosed):
        interrupts(lambda: seen.append(int(connection.receive(10))), 100)
    assert connection.is_open or "interrupted" in connection.close_reason
    assert seen == sorted(set(seen))
    connection.abort()


def test_receive_many(peer):
    """receive_many() hands out all that is there, in order, and times out like receive()."""
    with connect(peer.url, options=QUICK) as connection:
        link = peer.link()
        with pytest.raises(ReceiveTimeout):
            connection.receive_many(0.01)
        link.write(b"".join(frame(TEXT, b"%d" % number) for number in range(100)))
        assert connection.receive(5) == "0"
        got = []
        while len(got) < 99:
            got += connection.receive_many(5)
        assert got == [str(number) for number in range(1, 100)]


def test_service_after_receive(peer):
    """service() hands out first what receive() had left over."""
    with connect(peer.url, options=QUICK) as connection:
        peer.link().write(frame(TEXT, b"one") + frame(TEXT, b"two") + frame(TEXT, b"three"))
        assert connection.receive(5) == "one"
        assert connection.service(5) == ["two", "three"]


def test_service_waits_its_turn(peer):
    """A second thread in service() waits for the first, within its own time-out."""
    with connect(peer.url, options=QUICK) as connection:
        first = run_in_thread(connection.service, None)
        wait_until(lambda: connection._role.holder is not None)
        assert connection.service(0.05) == []
        with pytest.raises(ReceiveTimeout):
            connection.receive(0.05)
        peer.link().send("for the first")
        assert first.result() == ["for the first"]


@pytest.mark.raises_anywhere
def test_interrupts_over_tls(make_peer, tls):
    """Over TLS, too, an interrupt leaves the connection usable, or ends it cleanly if it came inside a write."""
    received = []

    def read(link):
        link.upgrade()
        while (got := link.read_frame()).opcode != CLOSE:
            received.append(int(got.payload))

    connection = connect(make_peer(read, tls=tls.server_context).url, options={**QUICK, "ca_file": tls.ca_file})
    sent = [0]

    def send():
        connection.send(b"%0250d" % sent[0])
        sent[0] += 1

    with contextlib.suppress(ConnectionClosed):
        interrupts(send, 100)
    was_open = connection.is_open
    connection.close()
    assert was_open or connection.close_code == 1006
    wait_until(lambda: len(received) >= sent[0] or not was_open)
    assert received == sorted(received)


def test_a_lease_is_one_threads_alone(make_peer):
    """A lease hands out what came before it, keeps other readers waiting, and lets them in when it ends."""
    peer = make_peer()
    connection = connect(peer.url, options=QUICK)
    link = peer.link()
    link.send("one", "two", "three")
    assert connection.receive(5) == "one"
    got = []
    with connection.lease() as lease:
        while len(got) < 2:
            got += lease.service(5)
        assert lease.service(0) == []
        waiting = run_in_thread(connection.receive, 5)
        with pytest.raises(ReceiveTimeout):
            run_in_thread(connection.receive, 0.02).result()
    assert got == ["two", "three"]
    link.send("four")
    assert waiting.result() == "four"
    connection.close()


def test_messages_one_by_one_and_in_a_burst_over_tls(make_peer, tls):
    """Over TLS single messages are handed out one by one, and a burst of records together again."""
    peer = make_peer(tls=tls.server_context)
    connection = connect(peer.url, options={**QUICK, "ca_file": tls.ca_file})
    link = peer.link()
    for each in ("one", "two"):
        link.send(each)
        assert receive_all(connection, 1) == [[each]]
    for number in range(200):
        link.send(str(number))
    batches = receive_all(connection, 200)
    assert [each for batch in batches for each in batch] == [str(number) for number in range(200)]
    assert len(batches) < 200
    connection.close()


def test_records_are_read_to_the_last(make_peer, tls):
    """What has arrived comes in one round, in however many TLS records."""
    texts = [f"{number:0500}" for number in range(110)]  # More than three records of 16 KB, and less than a window.

    peer = make_peer(tls=tls.server_context)
    connection = connect(peer.url, options={**QUICK, "ca_file": tls.ca_file})
    link = peer.link()
    with socket.socket(fileno=os.dup(connection.fileno())) as arrived:
        for _ in range(2):  # By the second time the buffer has grown.
            link.write(b"".join(frame(TEXT, text.encode()) for text in texts))
            wait_until(lambda: waiting_in(arrived) > 504 * len(texts))
            batches = receive_all(connection, len(texts))
            assert [each for batch in batches for each in batch] == texts
    assert len(batches) == 1
    connection.close()


def waiting_in(sock) -> int:
    """Return how many bytes have arrived and were not read."""
    with contextlib.suppress(BlockingIOError):
        return len(sock.recv(2**18, socket.MSG_PEEK))
    return 0


def receive_all(connection, count) -> list[list[str]]:
    batches = []
    while sum(map(len, batches)) < count:
        if batch := connection.service(5):
            batches.append(batch)
    return batches
