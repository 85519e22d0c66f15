"""What is known of the messages of a connection that ended: which of them the peer cannot have seen."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import ConnectionClosed, SendTimeout
from realtime_sync.transport import connect
from realtime_sync.transport._frames import build_close, build_frame
from realtime_sync.transport._outbox import Outbox
from tests.support.peer import CLOSE, TEXT
from tests.support.waiting import run_in_thread, wait_until

SMALL_BUFFERS = {"sockopt": ((1, 7, 8192),)}  # SOL_SOCKET, SO_SNDBUF


@pytest.fixture(params=["ws", "wss"])
def secure(request, tls):
    """Plain, and encrypted; gives the peer's context and the options."""
    if request.param == "ws":
        return None, {}
    return tls.server_context, {"ssl_context": tls.client_context}


def numbered(number: int, size: int) -> str:
    return f"{number:06d}" + "x" * size


def numbers_read(link) -> list[int]:
    """Read to the end of the connection and return the numbers of the whole messages that came."""
    numbers = []
    try:
        while True:
            got = link.read_frame()
            if got.opcode == TEXT:
                numbers.append(int(got.payload[:6]))
    except (EOFError, OSError):
        return numbers


def end(connection) -> None:
    """Service the connection until it is over."""
    with pytest.raises(ConnectionClosed):
        while True:
            connection.service(5)


@pytest.mark.parametrize("size", [100, 40_000])
def test_what_the_account_calls_unwritten_was_not_seen(make_peer, secure, size):
    """A peer stops reading, the connection breaks with half a message out, and then it reads what it has."""
    context, options = secure
    peer = make_peer(tls=context)
    connection = connect(peer.url, options={"write_limit": None, **SMALL_BUFFERS, **options})
    link = peer.link()
    sent = 0
    while connection.backlog < 200_000:  # More than the kernel's buffers take, so some of it waits.
        connection.send(numbered(sent, size))
        sent += 1
    connection.abort()
    seen = numbers_read(link)
    assert seen == list(range(len(seen)))
    assert len(seen) <= connection.messages_written < sent == connection.messages_sent
    if context is None:
        assert len(seen) == connection.messages_written  # TCP delivers what it took before the end.


def test_all_of_a_message_that_went_out_counts(make_peer, secure):
    """And nothing else does: not the pings between, not the close frame behind."""
    context, options = secure
    peer = make_peer(tls=context)
    connection = connect(peer.url, options=options)
    link = peer.link()
    for number in range(3):
        connection.send(numbered(number, 10))
        connection.ping()
    wait_until(lambda: connection.messages_written == 3)
    connection.start_close()
    ending = run_in_thread(end, connection)
    link.finish()
    ending.result()
    assert connection.messages_written == connection.messages_sent == 3


def test_what_a_close_of_the_peer_discards_was_not_written(make_peer):
    """The answer to the peer's close frame overtakes the queue, and is not taken for one of its messages."""
    peer = make_peer()
    connection = connect(peer.url, options={"write_limit": None, "close_timeout": 5, **SMALL_BUFFERS})
    link = peer.link()
    sent = 0
    while connection.backlog < 3_000_000:
        connection.send(numbered(sent, 100_000))
        sent += 1
    link.close(1012)
    ending = run_in_thread(end, connection)
    wait_until(lambda: not connection.is_open)
    frames = [link.read_frame()]
    while frames[-1].opcode != CLOSE:
        frames.append(link.read_frame())
    link.drop()
    ending.result()
    seen = len(frames) - 1
    assert 0 < seen < sent
    assert connection.messages_written == seen


def test_a_reset_leaves_doubt_on_the_safe_side(make_peer, secure):
    """What the kernel took counts as written, although the peer threw it away."""
    context, options = secure
    peer = make_peer(tls=context)
    connection = connect(peer.url, options={"send_timeout": 0.05, "write_limit": 100_000, **SMALL_BUFFERS, **options})
    link = peer.link()
    with pytest.raises(SendTimeout):
        while True:
            connection.send(numbered(0, 20_000))
    link.reset()
    end(connection)
    assert 0 < connection.messages_written < connection.messages_sent


def test_a_write_under_way_when_the_connection_ends_counts():
    """One thread has just written, another one drops the queue before the first can book it."""
    outbox = Outbox(None)
    frames = [build_frame(1, b"one"), build_frame(1, b"two")]
    for frame in frames:
        outbox.offer(frame)
    batch = outbox.take()
    outbox.clear()
    assert outbox.written == 0
    batch.sent.append(len(frames[0]) + 1)
    assert outbox.written == 1
    assert not outbox.wrote()
    batch.sent.append(len(frames[1]) - 1)
    assert outbox.written == 2


def test_a_failed_write_over_tls_leaves_doubt():
    """A record that may be out counts as out."""
    outbox = Outbox(None)
    for text in (b"x" * 100, b"y" * 40_000):
        outbox.offer(build_frame(1, text))
    batch = outbox.take()
    batch.doubtful = 16 * 1024
    outbox.clear()
    assert outbox.written == 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(0, 40_000)),
        st.tuples(st.just("ping"), st.integers(0, 125)),
        st.tuples(st.just("write"), st.integers(1, 50_000)),
        st.tuples(st.just("seal"), st.booleans()),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=30,
)


@given(steps)
def test_the_account_agrees_with_the_bytes(steps):
    """Whatever is queued, written in pieces, sealed and dropped: written messages are those whose last byte is out."""
    outbox = Outbox(None)
    wire = bytearray()
    for step, value in steps:
        if step == "offer":
            outbox.offer(build_frame(1, b"x" * value))
        elif step == "ping":
            outbox.control(build_frame(9, b"p" * value))
        elif step == "seal":
            outbox.seal(build_close(1000, ""), discard=value)
        elif step == "clear":
            outbox.clear()
        elif (batch := outbox.take()) is not None:
            piece = batch.rest()[:value]
            batch.sent.append(len(piece))
            wire += piece
            outbox.wrote()
    outbox.clear()
    assert outbox.written == whole_messages(bytes(wire))


def whole_messages(wire: bytes) -> int:
    """Count the complete text frames at the beginning of a stream of masked frames."""
    count = 0
    while len(wire) >= 2:
        size, head = wire[1] & 0x7F, 2
        if size == 126:
            size, head = (struct.unpack_from(">H", wire, 2)[0] if len(wire) >= 4 else 1 << 20), 4
        total = head + 4 + size
        if len(wire) < total:
            break
        count += wire[0] & 0xF == TEXT
        wire = wire[total:]
    return count
