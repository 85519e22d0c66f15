"""TLS inside TLS, over an outer connection that takes and gives bytes whenever it likes; and what is said before frames."""

from __future__ import annotations

import contextlib
import random
import ssl

import pytest

from realtime_sync.errors import ConnectError
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._exchange import Exchange
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._nested import NestedTls
from realtime_sync.transport._poll import READ, WRITE

WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Outer:
    """Stands for the `SSLSocket` to the proxy, with the server behind it: all in memory, and moody."""

    def __init__(self, context: ssl.SSLContext, moods: random.Random) -> None:
        self.to_server, self.from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = context.wrap_bio(self.to_server, self.from_server, server_side=True)
        self.received = b""
        self.ended = False
        self._moods = moods
        self._refused: bytes | None = None

    def send(self, data: bytes) -> int:
        assert self._refused in (None, data), "a TLS write that has to wait is repeated with the same bytes"
        self._refused = data
        if self._moods.random() < 0.4:
            raise self._moods.choice([ssl.SSLWantWriteError, ssl.SSLWantReadError])
        self._refused = None
        self.to_server.write(data)
        self.serve()
        return len(data)

    def recv(self, size: int) -> bytes:
        if self.ended:
            return b""
        if not self.from_server.pending or self._moods.random() < 0.4:
            raise self._moods.choice([ssl.SSLWantReadError, ssl.SSLWantWriteError])
        return self.from_server.read(self._moods.randint(1, size))

    def serve(self) -> None:
        """Let the server take what has come."""
        try:
            self.server.do_handshake()
            while True:
                self.received += self.server.read(65536)
        except ssl.SSLWantReadError:
            return

    def fileno(self) -> int:
        return 99

    def detach(self) -> int:
        return 99


def patiently(call, *arguments):
    """Repeat a call until it need not wait any more."""
    for _ in range(10_000):
        try:
            return call(*arguments)
        except WANTS:
            continue
    pytest.fail("it waits for ever")


@pytest.fixture(params=range(6))
def pair(request, tls):
    """An established inner connection, and the outer one with the server behind it."""
    outer = Outer(tls.server_context, random.Random(request.param))  # noqa: S311  # a seed makes it repeatable
    nested = NestedTls(outer, tls.client_context, "localhost")
    patiently(nested.do_handshake)
    return nested, outer


def test_bytes_go_through_whatever_the_outer_connection_does(pair):
    """In both directions at once, in pieces of any size, nothing is lost, doubled or reordered."""
    nested, outer = pair
    moods = random.Random(7)  # noqa: S311  # a seed makes it repeatable
    to_send = moods.randbytes(200_000)
    to_receive = moods.randbytes(200_000)
    sent, offered, received = 0, 0, b""
    space = memoryview(bytearray(50_000))
    waiting: memoryview | None = None
    while sent < len(to_send) or len(received) < len(to_receive):
        if offered < len(to_receive):
            outer.server.write(to_receive[offered : offered + 7_000])
            offered += 7_000
        with contextlib.suppress(*WANTS):
            received += bytes(space[: nested.recv_into(space)])
        try:
            waiting = waiting or memoryview(to_send)[sent : sent + moods.randint(1, 60_000)]
            if waiting:
                sent += nested.send(waiting)
            waiting = None
        except WANTS:
            continue
    assert received == to_receive
    assert outer.received == to_send


def test_what_send_reports_is_on_its_way(pair):
    """When `send` returns, the outer connection has every byte of it."""
    nested, outer = pair
    message = b"x" * 16_000
    assert patiently(nested.send, memoryview(message)) == len(message)
    assert outer.received == message


def test_the_end(pair):
    """An outer connection that ends is an inner one that ends, never data; an orderly end is a plain 0."""
    nested, outer = pair
    with pytest.raises(ssl.SSLWantReadError):
        outer.server.unwrap()
    assert patiently(nested.recv_into, memoryview(bytearray(10))) == 0
    outer.ended = True
    assert nested.fileno() == nested.detach() == 99


def test_an_end_without_notice(pair):
    """Without TLS's own farewell it is an SSLEOFError, which `Stream` takes for the end."""
    nested, outer = pair
    outer.ended = True
    with pytest.raises(ssl.SSLEOFError):
        patiently(nested.recv_into, memoryview(bytearray(10)))


class Stub:
    """A stream whose answers are written down: exceptions are raised, numbers are bytes sent, None is "try later"."""

    fd = -1
    read_events, write_events = READ, WRITE

    def __init__(self, sends, receives):
        self.sends, self.receives = list(sends), list(receives)

    def send(self, data, sent):
        outcome = self.sends.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        sent.append(min(outcome, len(data)))
        return True

    def receive_into(self, space):
        outcome = self.receives.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        space[: len(outcome)] = outcome
        return len(outcome)


@pytest.mark.parametrize(
    ("left", "expected"),
    [(ssl.SSLError(1, "alert"), ssl.SSLError), (ConnectionResetError(), BrokenPipeError), (b"", BrokenPipeError)],
)
def test_the_last_words_of_a_peer_that_hung_up(left, expected):
    """A TLS alert that was sent before the end says more than a broken pipe; anything else does not."""
    exchange = Exchange(Stub([3, BrokenPipeError()], [left]), Hop("h", 1), "the test")
    with pytest.raises(expected):
        exchange.send(b"hello", Deadline(5))


def test_answers_in_pieces():
    """What is wanted is put together from pieces; an end before that is an error."""
    exchange = Exchange(Stub([], [b"a", b"bc", b"d", b""]), Hop("h", 1), "the test")
    assert exchange.read_exactly(3, Deadline(5)) == b"abc"
    with pytest.raises(ConnectError, match="closed the connection instead of answering the test"):
        exchange.read_exactly(2, Deadline(5))
