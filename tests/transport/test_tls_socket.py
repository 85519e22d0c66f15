"""TLS over a layer that takes and gives bytes whenever it likes; and what is said before frames."""

from __future__ import annotations

import contextlib
import random
import ssl

import pytest

from realtime_sync.errors import ConnectError
from realtime_sync.http._socket import StreamSocket
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._exchange import Exchange
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._poll import WRITE
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tls_socket import TlsSocket

WAITS = (BlockingIOError, ssl.SSLWantReadError)


class Below:
    """Stands for the socket below, with the server behind it: all in memory, and moody."""

    def __init__(self, context: ssl.SSLContext, moods: random.Random) -> None:
        self.to_server, self.from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = context.wrap_bio(self.to_server, self.from_server, server_side=True)
        self.received = b""
        self.ended = False
        self._moods = moods
        self._refused = b""

    def send(self, data: bytes) -> int:
        assert data[: len(self._refused)] == self._refused, "what was refused comes again, before anything else"
        self._refused = data
        if self._moods.random() < 0.4:
            raise self._moods.choice(WAITS)
        count = self._moods.randint(1, len(data))
        self._refused = data[count:]
        self.to_server.write(data[:count])
        self.serve()
        return count

    def recv_into(self, space: memoryview) -> int:
        if self.ended:
            return 0
        if not self.from_server.pending or self._moods.random() < 0.4:
            raise BlockingIOError
        data = self.from_server.read(self._moods.randint(1, len(space)))
        space[: len(data)] = data
        return len(data)

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

    def settimeout(self, _seconds: float) -> None:
        return

    def close(self) -> None:
        return

    def detach(self) -> int:
        return 99


def patiently(call, *arguments):
    """Repeat a call until it need not wait any more."""
    for _ in range(10_000):
        try:
            return call(*arguments)
        except WAITS:
            continue
    pytest.fail("it waits for ever")


@pytest.fixture(params=range(6))
def pair(request, tls):
    """An established connection, and the layer below with the server behind it."""
    below = Below(tls.server_context, random.Random(request.param))  # noqa: S311  # a seed makes it repeatable
    encrypted = TlsSocket(below, tls.client_context, "localhost")
    patiently(encrypted.do_handshake)
    return encrypted, below


@pytest.mark.parametrize("room", [50_000, 20_000, 4096, 100])
def test_bytes_go_through_whatever_the_layer_below_does(pair, room):
    """In both directions at once, in pieces of any size, nothing is lost, doubled or reordered."""
    encrypted, below = pair
    moods = random.Random(7)  # noqa: S311  # a seed makes it repeatable
    to_send = moods.randbytes(200_000)
    to_receive = moods.randbytes(200_000)
    sent, offered, received = 0, 0, b""
    space = memoryview(bytearray(room))
    waiting: memoryview | None = None
    while sent < len(to_send) or len(received) < len(to_receive):
        if offered < len(to_receive):
            below.server.write(to_receive[offered : offered + 7_000])
            offered += 7_000
        with contextlib.suppress(*WAITS):
            received += bytes(space[: encrypted.recv_into(space)])
        try:
            waiting = waiting or memoryview(to_send)[sent : sent + moods.randint(1, 60_000)]
            if waiting:
                sent += encrypted.send(waiting)
            waiting = None
        except WAITS:
            continue
    assert received == to_receive
    assert below.received == to_send


def test_what_no_poll_would_tell_of(pair):
    """Until it says that it is drained, all that has arrived comes without another look at the layer below."""
    encrypted, below = pair
    for size in (3000, 5000, 1, 16_000, 20_000):
        below.server.write(b"x" * size)
    received = 0
    space = memoryview(bytearray(6000))
    while received < 44_001:
        received += patiently(encrypted.recv_into, space)
        if not below.from_server.pending:
            assert encrypted.is_drained == (received == 44_001)


def test_two_layers(tls):
    """Through a proxy that is spoken to over TLS itself, each layer has a handshake, and bytes of its own."""
    moods = random.Random(3)  # noqa: S311  # a seed makes it repeatable
    below = Below(tls.server_context, moods)
    outer = TlsSocket(below, tls.client_context, "localhost")
    patiently(outer.do_handshake)
    far = Below(tls.server_context, random.Random(4))  # noqa: S311  # as above
    inner = TlsSocket(outer, tls.client_context, "localhost")

    def relay() -> None:
        """Do what the proxy does: hand on what it decrypts to the server, and encrypt what comes back."""
        while below.received:
            with contextlib.suppress(*WAITS):
                below.received = below.received[far.send(below.received) :]
        if far.from_server.pending:
            below.server.write(far.from_server.read())

    def through(call, *arguments):
        for _ in range(10_000):
            relay()
            try:
                return call(*arguments)
            except WAITS:
                continue
        pytest.fail("it waits for ever")

    through(inner.do_handshake)
    message = moods.randbytes(15_000)
    assert through(inner.send, memoryview(message)) == len(message)
    relay()
    assert far.received == message
    for _ in range(5):
        far.server.write(message)
    space, received = memoryview(bytearray(9000)), b""
    while len(received) < 5 * len(message):
        received += bytes(space[: through(inner.recv_into, space)])
        if not below.from_server.pending and not far.from_server.pending:
            assert inner.is_drained == (len(received) == 5 * len(message))
    assert received == 5 * message
    assert inner.plain is below
    assert inner.inner.version() == outer.inner.version() == "TLSv1.3"


def test_what_send_reports_is_on_its_way(pair):
    """When `send` returns, the layer below has every byte of it."""
    encrypted, below = pair
    message = b"x" * 16_000
    assert patiently(encrypted.send, memoryview(message)) == len(message)
    assert below.received == message


def test_the_end(pair):
    """Whether TLS was told of it or not, the end is a plain 0, again and again, and comes behind all data."""
    encrypted, below = pair
    space = memoryview(bytearray(10))
    below.server.write(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        below.server.unwrap()
    assert patiently(encrypted.recv_into, space) == 10
    assert patiently(encrypted.recv_into, space) == 0
    below.ended = True
    assert encrypted.recv_into(space) == 0
    assert encrypted.fileno() == encrypted.detach() == 99


def test_an_end_without_notice(pair):
    """A layer below that ends in the midst of a record is a connection that ends, never data."""
    encrypted, below = pair
    below.server.write(b"cut off")
    half = below.from_server.read()[:-5]
    below.from_server.write(half)
    space = memoryview(bytearray(10))
    with contextlib.suppress(*WAITS):
        while below.from_server.pending:
            encrypted.recv_into(space)
    below.ended = True
    assert encrypted.recv_into(space) == 0
    assert encrypted.recv_into(space) == 0


def test_a_record_that_was_changed_on_its_way(pair):
    """It is an error, and the server is told of it at once, or as soon as the layer below takes it."""
    encrypted, below = pair
    below.serve = lambda: None
    below.server.write(b"genuine")
    record = bytearray(below.from_server.read())
    record[-1] ^= 1
    below.from_server.write(record)
    with pytest.raises(ssl.SSLError):
        patiently(encrypted.recv_into, memoryview(bytearray(10)))
    patiently(encrypted._push)
    with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
        below.server.read(10)


class Talkative:
    """A TLS engine that has something to say of its own when it reads, as for an update of keys."""

    def __init__(self, encrypted: TlsSocket) -> None:
        self._inner = encrypted.inner
        self._outgoing = encrypted._outgoing

    def write(self, data: bytes) -> int:
        return self._inner.write(data)

    def read(self, size: int, space: memoryview) -> int:
        count = self._inner.read(size, space)
        self._inner.write(b"<answer>")
        return count


def test_what_tls_has_to_say_goes_out_at_once(pair):
    """After a read, without a send; and what the layer below did not take then, with the next one, in order."""
    encrypted, below = pair
    encrypted.inner = Talkative(encrypted)
    for _ in range(5):
        below.server.write(b"hello")
        assert patiently(encrypted.recv_into, memoryview(bytearray(5))) == 5
    patiently(encrypted.send, memoryview(b"the end"))
    assert below.received == b"<answer>" * 5 + b"the end"


def test_the_reader_leaves_a_message_to_its_writer(pair):
    """While a message is half on its way, nothing goes out beside the writer, who has to know how far it came."""
    encrypted, below = pair
    encrypted.inner = Talkative(encrypted)
    taken = []

    def send_some(data):
        if taken:
            raise BlockingIOError
        taken.append(data[:9])
        return len(taken[0])

    below.send = send_some
    with pytest.raises(BlockingIOError):
        encrypted.send(memoryview(b"message"))
    below.send = lambda data: taken.append(data) or len(data)
    below.server.write(b"hello")
    assert patiently(encrypted.recv_into, memoryview(bytearray(5))) == 5
    assert len(taken) == 1, "the reader has written"
    assert encrypted.send(memoryview(b"message")) == 7
    below.to_server.write(b"".join(taken))
    below.serve()
    assert below.received == b"message<answer>"


def test_an_idle_connection_that_has_ended(pair):
    """HTTP asks before it uses one again. The end may have come with the last answer, and no poll tells of it."""
    encrypted, below = pair
    idle = StreamSocket(Stream(encrypted), lambda: pytest.fail("no request runs"))
    assert idle.is_quiet()
    below.server.write(b"last answer")
    with pytest.raises(ssl.SSLWantReadError):
        below.server.unwrap()
    assert patiently(encrypted.recv_into, memoryview(bytearray(20))) == 11
    assert not all(idle.is_quiet() for _ in range(100)), "the layer below is moody, but not for ever"


def test_an_end_inside_the_handshake(tls):
    """There it is an error, which tells that the server hung up."""
    below = Below(tls.server_context, random.Random(1))  # noqa: S311  # a seed makes it repeatable
    encrypted = TlsSocket(below, tls.client_context, "localhost")
    below.ended = True
    with pytest.raises(ssl.SSLEOFError):
        patiently(encrypted.do_handshake)


class Stub:
    """A stream whose answers are written down: exceptions are raised, numbers are bytes sent, None is "try later"."""

    fd = -1
    write_events = WRITE

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
