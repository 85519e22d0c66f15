"""Sending: kinds, order, back pressure, and senders that wait."""

from __future__ import annotations

import itertools
import socket
import threading
import time

import pytest

from realtime_sync.errors import ClosedError, ClosedOK, ConnectionClosed, LocalProtocolError, SendTimeout
from realtime_sync.transport import connect
from tests.support.peer import BINARY, PING, PONG, TEXT, echo, frame
from tests.support.waiting import run_in_thread, wait_until

SMALL = {
    "write_limit": (100_000, 20_000),
    "close_timeout": 0.2,
    "sockopt": [(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)],  # or the kernel takes ever more
}


def fill(connection) -> int:
    """Send until the kernels on both sides take nothing more; return how many messages went in."""
    for count in itertools.count():
        try:
            connection.send(b"%06d" % count + b"x" * 9_994, timeout=0.15)
        except SendTimeout:
            break
    return count


def send_on_and_on(connection) -> None:
    while True:
        connection.send(b"x" * 100_000)


def read_all(link, count) -> None:
    for number in range(count):
        assert link.read_data().payload[:6] == b"%06d" % number


@pytest.mark.parametrize(
    ("data", "opcode", "payload"),
    [
        ("", TEXT, b""),
        ("hé", TEXT, "hé".encode()),
        (b"raw", BINARY, b"raw"),
        (bytearray(b"raw"), BINARY, b"raw"),
        (memoryview(b"xrawx")[1:4], BINARY, b"raw"),
        ("x" * 300_000, TEXT, b"x" * 300_000),
    ],
)
def test_kinds(peer, data, opcode, payload):
    """A str goes out as text, bytes-like objects as binary, masked and whole."""
    with connect(peer.url, options=SMALL) as connection:
        link = peer.link()
        reading = run_in_thread(link.read_frame)
        connection.send(data)
        connection.flush(5)
        got = reading.result()
        assert (got.opcode, got.payload, got.fin, got.masked) == (opcode, payload, True, True)
        assert connection.messages_sent == 1
        assert connection.bytes_sent > len(payload)


@pytest.mark.parametrize(("data", "error"), [(5, TypeError), (None, TypeError), ("\ud800", LocalProtocolError)])
def test_what_cannot_be_sent(make_peer, data, error):
    """What is no message is refused, and the connection goes on."""
    with connect(make_peer(echo).url) as connection:
        with pytest.raises(error):
            connection.send(data)
        connection.send("fine")
        assert connection.receive(5) == "fine"


def test_many_small_messages_keep_their_order(peer):
    """Messages that share a write arrive apart and in order."""
    with connect(peer.url, options={"write_limit": None, "close_timeout": 0.2}) as connection:
        link = peer.link()
        for number in range(5000):
            connection.send(f"{number:>300}")
        reading = run_in_thread(lambda: [int(link.read_frame().text) for _ in range(5000)])
        connection.flush(20)
        assert reading.result() == list(range(5000))


def test_slow_peer_blocks_senders_until_the_low_mark(peer):
    """Above the high mark senders wait; below the low one all of them go on, and nothing is lost or doubled."""
    with connect(peer.url, options=SMALL) as connection:
        link = peer.link()
        count = fill(connection)
        assert not connection.offer(connection.prepare("no room"))
        senders = [run_in_thread(connection.send, f"blocked {i}") for i in range(4)]
        wait_until(lambda: len(connection._writer._waiting) == 4)
        assert not any(sender.done() for sender in senders)
        read_all(link, count)
        assert {link.read_data().text for _ in range(4)} == {f"blocked {i}" for i in range(4)}
        for sender in senders:
            sender.result()


def test_hysteresis(peer):
    """Between the marks a blocked queue stays blocked, and an open one stays open."""
    with connect(peer.url, options={**SMALL, "write_limit": (100_000, 0)}) as connection:
        link = peer.link()
        count = fill(connection)
        outgoing = connection.prepare(b"late")
        assert not connection.offer(outgoing)
        assert connection.backlog >= 100_000
        read_all(link, count // 2)
        connection.pump()
        assert connection.offer(outgoing) == (connection.backlog - len(outgoing) <= 0)
        read_more = run_in_thread(lambda: [link.read_data() for _ in range(count - count // 2)])
        connection.wait_admission(10)
        read_more.result()


@pytest.mark.parametrize("secure", [False, True])
def test_send_timeout(make_peer, tls, secure):
    """A peer that takes nothing for send_timeout fails the sender, which may repeat; the connection goes on."""
    peer = make_peer(tls=tls.server_context) if secure else make_peer()
    options = {**SMALL, "send_timeout": 0.3, "ca_file": tls.ca_file}
    with connect(peer.url, options=options) as connection:
        link = peer.link()
        count = fill(connection)
        began = time.monotonic()
        with pytest.raises(SendTimeout) as caught:
            connection.send("withdrawn")
        assert 0.2 < time.monotonic() - began < 5
        assert caught.value.replay_safe
        reading = run_in_thread(read_all, link, count)
        connection.send("goes on")
        reading.result()
        connection.flush(5)
        assert link.read_data().text == "goes on"


def test_progress_keeps_a_sender_waiting(peer):
    """send_timeout counts time without progress, not time."""
    options = {**SMALL, "write_limit": (4_000_000, 0), "send_timeout": 0.3}
    with connect(peer.url, options=options) as connection:
        link = peer.link()
        count = fill(connection)
        waiting = run_in_thread(connection.send, "patient")
        wait_until(lambda: connection._writer._waiting)
        never = threading.Event()
        for number in range(count):
            assert link.read_data().payload[:6] == b"%06d" % number
            if number % (count // 6) == 0:
                never.wait(0.15)  # The peer's pace, longer in all than send_timeout.
        waiting.result()
        assert waiting.took > 0.3


def test_flush(peer):
    """flush() waits until the kernel has everything, and says so when it has not."""
    with connect(peer.url, options=SMALL) as connection:
        link = peer.link()
        connection.flush(0)
        count = fill(connection)
        with pytest.raises(SendTimeout):
            connection.flush(0.05)
        flushing = run_in_thread(connection.flush)
        read_all(link, count)
        flushing.result()
        assert connection.backlog == 0


def test_service_writes_what_remains(peer):
    """The thread in service() writes what a sender left, without being asked."""
    with connect(peer.url, options={"write_limit": None, "close_timeout": 0.2}) as connection:
        link = peer.link()
        serving = run_in_thread(connection.receive)
        wait_until(lambda: connection._role.holder is not None)
        connection.send(b"x" * 8_000_000)
        assert connection.backlog
        assert len(link.read_frame().payload) == 8_000_000
        link.send("done")
        assert serving.result() == "done"


def test_reader_is_never_stuck_behind_a_sender(peer):
    """While a sender is blocked the reader reads on, answers pings when it can, and nobody deadlocks."""
    with connect(peer.url, options=SMALL) as connection:
        link = peer.link()
        count = fill(connection)
        sender = run_in_thread(connection.send, "last")
        link.write(frame(PING, b"first") + frame(PING, b"newest"))
        link.send("hello")
        assert connection.receive(5) == "hello"
        seen, pongs = 0, []
        while seen <= count:
            got = link.read_frame()
            if got.opcode == PONG:
                pongs.append(got.payload)
            else:
                seen += 1
        sender.result()
        assert pongs == [b"first", b"newest"]


def test_both_sides_flood_each_other(make_peer):
    """A peer with one loop that answers threefold, against a sender beside a reader: no deadlock, nothing lost."""

    def threefold(link):
        link.upgrade()
        for _ in range(300):
            got = link.read_data()
            link.write(frame(BINARY, got.payload) * 3)
        link.finish()

    with connect(make_peer(threefold).url) as connection:
        sending = run_in_thread(lambda: [connection.send(b"%03d" % i + b"x" * 20_000) for i in range(300)])
        got = [connection.receive(20)[:3] for _ in range(900)]
        assert got == [b"%03d" % (i // 3) for i in range(900)]
        sending.result()


@pytest.mark.parametrize("how", ["close", "abort", "server closes", "server resets"])
def test_the_end_wakes_blocked_senders(peer, how):
    """A blocked sender and a flush end at once when the connection does, whoever ends it."""
    connection = connect(peer.url, options=SMALL)
    link = peer.link()
    fill(connection)
    blocked = [run_in_thread(connection.send, "x"), run_in_thread(connection.flush)]
    wait_until(lambda: len(connection._writer._waiting) == 2)
    if how == "close":
        connection.close()
    elif how == "abort":
        connection.abort()
    else:
        reading = run_in_thread(connection.receive)
        if how == "server closes":
            link.close(1012)
            link.half_close()
        else:
            link.reset()
        with pytest.raises(ConnectionClosed):
            reading.result()
    for call in blocked:
        with pytest.raises(ConnectionClosed):
            call.result(5)


def test_failed_write_ends_the_connection_with_what_the_server_had_said(peer):
    """When writing fails, what the server sent before is still handed out, with its close code."""
    connection = connect(peer.url, options={"close_timeout": 0.2})
    link = peer.link()
    link.send("parting words")
    link.close(4100, "quota")
    link.drop()

    with pytest.raises(ClosedError):
        send_on_and_on(connection)
    assert not connection.is_open
    assert connection.receive(5) == "parting words"
    with pytest.raises(ClosedError) as caught:
        connection.receive(5)
    assert (caught.value.code, caught.value.reason) == (4100, "quota")


def test_failed_write_without_a_word(peer):
    """When writing fails and nothing was said, the end is 1006 for everybody."""
    connection = connect(peer.url)
    link = peer.link()
    link.reset()
    with pytest.raises(ClosedError) as caught:
        send_on_and_on(connection)
    assert caught.value.code == 1006
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(ClosedError):
        connection.flush()
    with pytest.raises(ClosedError) as caught:
        connection.receive(5)
    assert caught.value.code == 1006


def test_ping(make_peer):
    """A ping goes out and its answer is no message; over 125 bytes it is refused."""
    peer = make_peer()
    with connect(peer.url, options={"close_timeout": 0.1}) as connection:
        link = peer.link()
        connection.ping(b"payload")
        got = link.read_frame()
        assert (got.opcode, got.payload) == (PING, b"payload")
        link.write(frame(PONG, b"payload") + frame(PONG, b"unasked"))
        link.send("message")
        assert connection.receive(5) == "message"
        with pytest.raises(LocalProtocolError):
            connection.ping(b"x" * 126)


def test_flood_of_pings_costs_no_memory(peer):
    """Of very many pings that wait for an answer only a few get one."""
    with connect(peer.url, options=SMALL) as connection:
        link = peer.link()
        fill(connection)
        before = connection.backlog
        link.write(frame(PING, b"x" * 125) * 5000 + frame(TEXT, b"done"))
        assert connection.receive(5) == "done"
        assert connection.backlog < before + 5000


def test_send_after_close(make_peer):
    """After close() every way of sending raises how it ended."""
    connection = connect(make_peer(echo).url)
    connection.close()
    outgoing = connection.prepare("x")
    for call in (
        lambda: connection.send("x"),
        lambda: connection.offer(outgoing),
        connection.ping,
        connection.wait_admission,
        connection.flush,
    ):
        with pytest.raises(ClosedOK):
            call()
    connection.pump()
