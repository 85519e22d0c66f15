"""What happens rarely: interrupts inside a write, a kernel that says no, a peer of another kind, Windows' ways."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import threading
from collections import deque

import pytest

from realtime_sync.errors import ClosedError, ClosedOK, ConnectError, ConnectTimeout
from realtime_sync.transport import Deadline, Waiter, _waiting, connect, park_at_exit
from realtime_sync.transport._exchange import Exchange
from realtime_sync.transport._frames import FrameParser, build_frame
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._outbox import Outbox, Unframed
from realtime_sync.transport._poll import READ, WRITE, Poller
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tls import _go_on
from realtime_sync.transport._tls_socket import TlsSocket
from realtime_sync.transport._waker import Waker
from realtime_sync.transport._writer import Writer
from tests.support.waiting import run_in_thread

QUICK = {"close_timeout": 0.2}


class MoodyTls(TlsSocket):
    """A TLS socket that says what the test wants."""

    def __init__(self, error):
        self.plain = socket.socket()
        self.error = error

    def recv_into(self, *_):
        raise self.error

    def send(self, *_):
        raise self.error

    def do_handshake(self):
        raise self.error


# Waiting


def test_a_wait_in_slices(monkeypatch):
    """As on Windows: a wait on the main thread ends by the wake-up or at its time-out, whatever the slices are."""
    monkeypatch.setattr(_waiting, "_SLICE", 0.005)
    waiter = Waiter()
    assert not waiter.wait(0.02)
    assert not waiter.wait(0)
    ringing = threading.Timer(0.02, waiter.wake)
    ringing.start()
    assert waiter.wait(None)
    ringing.join()


def test_only_daemon_threads_are_parked_at_the_exit(monkeypatch):
    """At the exit of the process a daemon thread that was woken stays where it is; others, and others before, go on."""
    never = deque()

    class Never:
        """In the place of a queue that nobody fills."""

        def __class_getitem__(cls, _):
            return cls

        def get(self):
            never.append(threading.current_thread())

    waiter = Waiter()
    waiter.wake()
    monkeypatch.setattr(queue, "SimpleQueue", Never)
    daemon = run_in_thread(park_at_exit)
    daemon.result()
    monkeypatch.setattr(Waiter, "exiting", True)
    park_at_exit()
    assert not never
    daemon = run_in_thread(waiter.wait, 1)
    assert daemon.result()
    assert list(never) == [daemon.thread]


def test_a_waker_that_is_full():
    """A ring more than an eventfd can count neither waits nor raises."""
    waker = Waker()
    if waker._eventfd:
        os.eventfd_write(waker.fd, 2**64 - 2)
        run_in_thread(waker.wake).result(5)
        waker.drain()
    waker.wake()
    waker.close()


# The queue of frames


def test_what_may_be_with_the_kernel_counts_as_written():
    """When writing ends for good, messages whose last byte is out, or may be, are counted; the one cut off is not."""
    outbox = Outbox(None)
    outbox.control(b"\x89ping")
    for message in (b"a" * 10, b"b" * 10, b"c" * 10):
        outbox.offer(message)
    batch = outbox.take()
    batch.sent.append(len(b"\x89ping") + 15)
    batch.doubtful = 5
    outbox.clear()
    assert outbox.written == 2
    outbox = Outbox(None)
    outbox.offer(b"a" * 10)
    outbox.take().sent.append(10)
    outbox.clear()
    assert outbox.written == 1


def test_messages_discarded_while_one_is_encoded():
    """A close that comes while an extension works leaves nothing of the message, and nothing to write."""
    outbox = Outbox(None)
    outbox.offer(Unframed(1, b"hello"))

    def encode(message):
        outbox.clear()
        return build_frame(message.opcode, message.payload)

    assert outbox.take(encode) is None
    assert outbox.backlog == 0


def test_a_message_that_nobody_encodes_waits():
    """Without its extension a message is not sent as it is."""
    outbox = Outbox(None)
    outbox.offer(Unframed(1, b"hello"))
    assert outbox.take() is None
    assert outbox.backlog > 0


def test_a_write_whose_queue_is_cleared_meanwhile():
    """What is noted after the end of writing changes nothing."""
    outbox = Outbox(None)
    outbox.offer(b"a" * 10)
    outbox.take().sent.append(10)
    lock = outbox._lock

    class Clearing:
        def __enter__(self):
            outbox._lock = lock
            outbox.clear()

        def __exit__(self, *_):
            return None

    outbox._lock = Clearing()
    assert not outbox.wrote()
    assert (outbox.written, outbox.backlog) == (1, 0)


# Writing


def make_writer(error):
    """A writer on a stream whose socket raises `error`; returns both."""
    stream = Stream(MoodyTls(error))
    return Writer(stream, Outbox(None), lambda: None), stream


def test_an_interrupt_inside_a_tls_write_ends_writing():
    """Whether the record is out is not known, so nothing more is written; the message may have arrived."""
    writer, stream = make_writer(KeyboardInterrupt())
    writer.outbox.offer(b"x" * 10)
    with pytest.raises(KeyboardInterrupt):
        writer.pump()
    assert isinstance(writer.broken, KeyboardInterrupt)
    assert writer.outbox.written == 1
    writer.fail(OSError("later"))
    assert isinstance(writer.broken, KeyboardInterrupt), "the first cause counts"
    stream.close()


def test_an_interrupt_beside_a_plain_write_harms_nothing(peer, monkeypatch):
    """Over TCP what is out is known: the next call goes on where the interrupted one left."""
    with connect(peer.url, options=QUICK) as connection:
        send = Stream.send

        def cut_short(self, data, sent):
            send(self, data[:5], sent)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Stream, "send", cut_short)
            with pytest.raises(KeyboardInterrupt):
                connection.send("hello")
        connection.send("world")
        link = peer.link()
        assert [link.read_frame().text, link.read_frame().text] == ["hello", "world"]


def test_a_write_that_was_complete_when_the_interrupt_came(peer, monkeypatch):
    """Its booking is made up for by the next call, and nothing goes out twice."""
    with connect(peer.url, options=QUICK) as connection:

        def cut_short(self):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Outbox, "wrote", cut_short)
            with pytest.raises(KeyboardInterrupt):
                connection.send("hello")
        connection.send("world")
        link = peer.link()
        assert [link.read_frame().text, link.read_frame().text] == ["hello", "world"]
        assert connection.backlog == 0


def test_an_interrupt_while_reading_ends_the_connection(peer, monkeypatch):
    """Bytes that were taken and not filed make what follows nonsense: the end is told, with its cause."""
    connection = connect(peer.url, options=QUICK)
    peer.link().send("x")

    def cut_short(self, count):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FrameParser, "parse", cut_short)
        with pytest.raises(KeyboardInterrupt):
            connection.receive(5)
    with pytest.raises(ClosedError, match="interrupted while reading") as caught:
        connection.receive(5)
    assert isinstance(caught.value.__cause__, KeyboardInterrupt)


def test_a_fault_of_our_own_parser_is_no_fault_of_the_peer(peer, monkeypatch):
    """An error that no message can cause is raised as it is, and ends the connection."""
    connection = connect(peer.url, options=QUICK)
    peer.link().send("x")

    def broken(self, messages, start, end):
        raise ZeroDivisionError

    monkeypatch.setattr(FrameParser, "_parse", broken)
    with pytest.raises(ZeroDivisionError):
        connection.receive(5)
    with pytest.raises(ClosedError) as caught:
        connection.receive(5)
    assert caught.value.code == 1006


@pytest.mark.parametrize("error", [OSError("no route"), KeyboardInterrupt()])
def test_a_request_that_cannot_be_sent(peer, monkeypatch, error):
    """What goes wrong while the upgrade request is sent is told as it is, and nothing stays open."""

    def fail(self, data, deadline):
        raise error

    monkeypatch.setattr(Exchange, "send", fail)
    kind = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ConnectError
    with pytest.raises(kind):
        connect(peer.url, options=QUICK)


@pytest.mark.parametrize(("error", "events"), [(ssl.SSLWantReadError, READ), (BlockingIOError, WRITE)])
def test_tls_may_have_to_read_before_it_can_write(error, events):
    """A write, or a handshake, that needs input says so; else it waits for room."""
    stream = Stream(MoodyTls(error()))
    assert not stream.send(memoryview(b"x"), [])
    assert stream.write_events == (WRITE if events == WRITE else 0)
    assert _go_on(stream._socket, Hop("h", 1)) == events
    stream.close()


def test_pumping_into_a_stream_that_is_gone():
    """It writes nothing, and what waits goes on waiting."""
    writer, stream = make_writer(AssertionError("nothing may be written"))
    writer.outbox.offer(b"x")
    stream.close()
    writer.pump()
    assert writer.outbox.backlog == 1


def test_an_interrupt_while_the_poll_is_told_what_to_wait_for(peer, monkeypatch):
    """Afterwards the poll waits for what is wanted, whether it had been told of something else meanwhile or not."""
    watch = Poller.watch

    def interrupted(self, fd, events):
        watch(self, fd, events)
        raise KeyboardInterrupt

    with connect(peer.url, options=QUICK) as connection:
        assert connection.service(0) == []
        servicer = connection._servicer
        servicer._hung_up = True
        with monkeypatch.context() as patch:
            patch.setattr(Poller, "watch", interrupted)
            with pytest.raises(KeyboardInterrupt):
                connection.service(0)
        servicer._hung_up = False
        peer.link().send("hello")
        assert connection.service(5) == ["hello"]


def test_a_request_that_nobody_takes():
    """Bytes before the upgrade that the kernel does not take in time are a time-out of connecting."""
    ours, theirs = socket.socketpair()
    with theirs:
        stream = Stream(ours)
        exchange = Exchange(stream, Hop("example.test", 80), "the request")
        with pytest.raises(ConnectTimeout, match="the request"):
            exchange.send(b"x" * 10_000_000, Deadline(0.05))
        stream.close()


# Closing, with others in the way


def test_closing_beside_a_reader_that_is_stuck(peer):
    """close() and abort() come back in time although another thread never lets go of the reading role."""
    connection = connect(peer.url, options=QUICK)
    role = connection._role
    role.holder = "somebody who is stuck"
    run_in_thread(connection.close).result(2)
    role.holder = None
    with pytest.raises(ClosedOK):
        connection.receive(5)
    assert connection.fileno() == -1


def test_aborting_under_its_own_receive(peer):
    """abort() in a signal handler that interrupts this thread's receive() leaves the rest to that."""
    connection = connect(peer.url, options=QUICK)
    role = connection._role
    role.holder, role.thread = "the frame further out", threading.get_ident()
    connection.abort()
    assert connection.fileno() >= 0
    role.holder = None
    with pytest.raises(ClosedOK):
        connection.receive(5)


def test_closing_what_cannot_be_written_to(peer):
    """Without a way to send the close frame, the end comes at once, with why sending failed."""
    connection = connect(peer.url, options={"close_timeout": 30})
    connection._writer.fail(OSError("no more"))
    run_in_thread(connection.close).result(5)
    assert connection.close_code == 1006
    assert "no more" in connection.close_reason


def test_messages_that_another_thread_takes_meanwhile(peer):
    """receive_many() hands out what is left when somebody else was faster."""

    class Contested(deque):
        def __len__(self):
            return super().__len__() + 1

    with connect(peer.url, options=QUICK) as connection:
        connection._inbox = Contested(["one", "two"])
        assert connection.receive_many(0) == ["one", "two"]


def test_an_address_that_cannot_be_dialled_at_all(peer, monkeypatch):
    """An address that the kernel refuses at once is one failure, and the next is tried."""
    monkeypatch.delattr(socket, "TCP_KEEPIDLE", raising=False)

    def resolve(host, port):
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("255.255.255.255", port)), (*kind, ("127.0.0.1", port))]

    connection = connect(f"ws://example.test:{peer.port}/", options=QUICK, resolve=resolve)
    assert peer.link().request.headers["host"] == f"example.test:{peer.port}"
    connection.close()
