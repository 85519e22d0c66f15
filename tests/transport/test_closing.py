"""How a connection ends: every side, every code, every kind of peer."""

from __future__ import annotations

import gc
import pickle
import socket
import time
import warnings

import pytest

from realtime_sync.errors import (
    ClosedError,
    ClosedOK,
    ConnectionClosed,
    LocalProtocolError,
    ReceiveTimeout,
    RemoteProtocolError,
)
from realtime_sync.transport import connect
from realtime_sync.transport._closing import TRANSITIONS, Closing, Phase, Step
from tests.support.peer import BINARY, CLOSE, CONTINUATION, PING, TEXT, echo, frame
from tests.support.waiting import run_in_thread, wait_until


def ended(connection, timeout=5) -> ConnectionClosed:
    """Return what ends the connection; every later call says the same with a fresh exception."""
    with pytest.raises(ConnectionClosed) as caught:
        connection.receive(timeout)
    error = caught.value
    for again in (
        lambda: connection.receive(0),
        lambda: connection.service(0),
        lambda: connection.send("x"),
        connection.ping,
    ):
        with pytest.raises(type(error)) as later:
            again()
        assert (later.value.code, later.value.reason, later.value.closed_by) == (
            error.code,
            error.reason,
            error.closed_by,
        )
        assert later.value is not error
    assert (connection.close_code, connection.close_reason) == (error.code, error.reason)
    assert not connection.is_open
    return error


# The server closes


@pytest.mark.parametrize(
    ("code", "echoed", "kind"),
    [
        (1000, 1000, ClosedOK),
        (1001, 1001, ClosedOK),
        (None, None, ClosedError),
        (1011, 1011, ClosedError),
        (1012, 1012, ClosedError),
        (3000, 3000, ClosedError),
        (4999, 4999, ClosedError),
    ],
)
def test_server_closes(peer, code, echoed, kind):
    """What was queued comes first, then the code and reason the server gave; the code is echoed."""
    connection = connect(peer.url)
    link = peer.link()
    link.send("one", "two")
    link.close(code, "why" if code else "")
    assert connection.receive(5) == "one"
    assert connection.receive(5) == "two"
    assert link.read_frame().close_code == echoed
    link.drop()
    error = ended(connection)
    assert isinstance(error, kind)
    assert (error.code, error.reason, error.closed_by) == (code or 1005, "why" if code else "", "remote")
    assert pickle.loads(pickle.dumps(error)).code == error.code  # our own bytes


def test_server_closes_and_never_ends_tcp(peer):
    """A server that closes and then keeps the connection is dropped after close_timeout."""
    connection = connect(peer.url, options={"close_timeout": 0.3})
    link = peer.link()
    link.close(1001, "maximum duration")
    began = time.monotonic()
    assert ended(connection).reason == "maximum duration"
    assert 0.2 < time.monotonic() - began < 4
    assert link.read_frame().close_code == 1001
    assert link.read_eof() == b""


def test_reply_is_not_cut_off_by_a_reset(peer):
    """After the reply the server gets to end TCP first, so that it surely reads the reply, even late."""
    connection = connect(peer.url)
    link = peer.link()
    link.write(frame(TEXT, b"x" * 100_000) + frame(CLOSE, b"\x03\xe8") + b"noise after the close frame" * 1000)
    assert len(connection.receive(5)) == 100_000
    waiting = run_in_thread(ended, connection)
    assert link.read_frame().close_code == 1000
    link.drop()
    assert waiting.result().code == 1000


def test_end_without_a_close_frame(peer):
    """End of file without a close frame is 1006, lost."""
    connection = connect(peer.url)
    link = peer.link()
    link.send("last")
    link.drop()
    assert connection.receive(5) == "last"
    error = ended(connection)
    assert isinstance(error, ClosedError)
    assert (error.code, error.closed_by) == (1006, "lost")


def test_half_close_without_a_close_frame(peer):
    """A server that ends its direction only has ended the connection."""
    connection = connect(peer.url)
    link = peer.link()
    link.half_close()
    assert ended(connection).code == 1006
    assert link.read_eof() == b""


def test_reset(peer):
    """A reset is 1006 with its cause."""
    connection = connect(peer.url)
    peer.link().reset()
    error = ended(connection)
    assert error.code == 1006
    assert isinstance(error.__cause__, ConnectionResetError)


def test_end_in_the_middle_of_a_message(peer):
    """Half a message is not handed out."""
    connection = connect(peer.url)
    link = peer.link()
    link.write(frame(TEXT, b"whole") + frame(TEXT, b"half", fin=False) + frame(CONTINUATION, b"", announce=100))
    link.drop()
    assert connection.receive(5) == "whole"
    assert ended(connection).code == 1006


def test_tls_end_without_close_notify(make_peer, tls):
    """Over TLS, too, the end is 1006 before a close frame and clean after one, close_notify or not."""
    peer = make_peer(tls=tls.server_context)
    for close_first, code in ((False, 1006), (True, 1000)):
        connection = connect(peer.url, options={"ca_file": tls.ca_file})
        link = peer.link()
        if close_first:
            link.close(1000)
        link.sever()
        assert ended(connection).code == code


# This side closes


def test_close(peer):
    """A close sends code and reason, waits for the answer, and drops the connection."""
    connection = connect(peer.url)
    link = peer.link()
    closing = run_in_thread(connection.close, 4001, "done")
    got = link.read_frame()
    assert (got.close_code, got.close_reason, got.masked) == (4001, "done", True)
    assert not closing.done()
    link.close(4001)
    closing.result()
    assert link.read_eof() == b""
    error = ended(connection)
    assert isinstance(error, ClosedOK)
    assert (error.code, error.reason, error.closed_by) == (4001, "done", "local")


def test_close_is_idempotent(make_peer):
    """The first caller decides code and reason; later ones do nothing."""
    connection = connect(make_peer(echo).url)
    connection.close(4000, "first")
    connection.close(4002, "second")
    connection.start_close(4003)
    connection.abort()
    assert (connection.close_code, connection.close_reason) == (4000, "first")


@pytest.mark.parametrize("peer_does", ["nothing", "talks on", "reads nothing"])
def test_close_against_a_peer_that_never_answers(peer, peer_does):
    """close() returns within close_timeout and drops the socket, whatever the peer does instead of answering."""
    close_timeout = 0.2
    connection = connect(peer.url, options={"write_limit": None, "close_timeout": close_timeout})
    link = peer.link()
    if peer_does == "talks on":
        link.send(*["x" * 1000] * 100)
    elif peer_does == "reads nothing":
        connection.send(b"x" * 12_000_000)
    began = time.monotonic()
    connection.close()
    assert close_timeout * 0.9 < time.monotonic() - began < close_timeout + 0.2
    assert connection.fileno() == -1
    with pytest.raises(ClosedOK):
        connection.receive(0)


@pytest.mark.parametrize("secure", [False, True])
def test_close_while_another_thread_is_in_receive(make_peer, tls, secure):
    """close() ends a receive() that is blocked on a silent peer, within close_timeout and a moment."""
    peer = make_peer(tls=tls.server_context) if secure else make_peer()
    connection = connect(peer.url, options={"ca_file": tls.ca_file, "close_timeout": 0.2})
    blocked = run_in_thread(connection.receive)
    wait_until(lambda: connection._role.holder is not None)
    began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 2
    with pytest.raises(ClosedOK):
        blocked.result(1)


def test_queued_messages_go_out_before_the_close_frame(peer):
    """What was sent before close() arrives before the close frame."""
    connection = connect(peer.url, options={"write_limit": None, "close_timeout": 20})
    link = peer.link()
    for number in range(40):
        connection.send(b"%d" % number + b"x" * 200_000)
    assert connection.backlog
    closing = run_in_thread(connection.close)
    for number in range(40):
        assert link.read_frame().payload.startswith(b"%d" % number + b"x")
    assert link.read_frame().close_code == 1000
    link.close()
    closing.result()


def test_what_arrives_during_a_close_is_thrown_away(peer):
    """Messages that come after close() was called are not handed out; earlier ones are."""
    connection = connect(peer.url)
    link = peer.link()
    link.send("before", "before too")
    assert connection.receive(5) == "before"
    closing = run_in_thread(connection.close)
    assert link.read_frame().opcode == CLOSE
    link.send("after")
    link.write(frame(PING, b"still there?"))
    link.close()
    closing.result()
    assert connection.receive(0) == "before too"
    assert ended(connection).code == 1000


@pytest.mark.parametrize("instead", [frame(TEXT, b"x", rsv=4), frame(TEXT, b"\xff"), b""])
def test_nonsense_in_answer_to_a_close(peer, instead):
    """A peer that answers a close with nonsense, or just ends, ends the closing at once and in order."""
    connection = connect(peer.url, options={"close_timeout": 20})
    link = peer.link()
    closing = run_in_thread(connection.close)
    assert link.read_frame().opcode == CLOSE
    link.write(instead)
    if not instead:
        link.drop()
    closing.result(5)
    assert isinstance(ended(connection), ClosedOK)


def test_both_close_at_once(peer):
    """When both sides close at the same time, the close asked for first counts, and nobody waits."""
    connection = connect(peer.url, options={"close_timeout": 20})
    link = peer.link()
    link.close(4444)
    connection.start_close(4001)
    waiting = run_in_thread(ended, connection)
    assert link.read_frame().close_code == 4001
    assert waiting.result(5).code == 4001


def test_server_closes_while_our_close_frame_waits(peer):
    """A close frame that crosses the server's still goes out, behind what waits before it."""
    small = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)]
    connection = connect(peer.url, options={"close_timeout": 20, "write_limit": None, "sockopt": small})
    link = peer.link()
    connection.send(b"x" * 8_000_000)
    link.close(4444)
    connection.start_close(4001)
    while connection.bytes_received == 0:
        assert connection.service(0.01) == []
    waiting = run_in_thread(ended, connection)
    assert len(link.read_frame().payload) == 8_000_000
    assert link.read_frame().close_code == 4001
    link.drop()
    assert waiting.result(5).code == 4001


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
def test_codes_that_may_not_be_sent(make_peer, code):
    """A code that may not be sent is refused, and the connection goes on."""
    with connect(make_peer(echo).url) as connection:
        for close in (connection.close, connection.start_close):
            with pytest.raises(LocalProtocolError):
                close(code)
        connection.send("fine")
        assert connection.receive(5) == "fine"


def test_reasons_that_may_not_be_sent(make_peer):
    """A reason over 123 bytes, or that UTF-8 cannot hold, is refused."""
    with connect(make_peer(echo).url) as connection:
        for reason in ("x" * 124, "ä" * 62, "\ud800"):
            with pytest.raises(LocalProtocolError):
                connection.close(1000, reason)
        connection.close(1000, "ä" * 61)
        assert connection.close_reason == "ä" * 61


def test_with_closes(peer):
    """Leaving the with block closes the connection, and does not hide an exception."""
    with pytest.raises(ZeroDivisionError), connect(peer.url, options={"close_timeout": 0.1}) as connection:
        raise ZeroDivisionError
    assert connection.close_code == 1000
    assert peer.link().read_frame().close_code == 1000


def test_start_close_is_driven_by_service(peer):
    """start_close() returns at once; the thread in service() does the rest."""
    connection = connect(peer.url)
    link = peer.link()
    connection.start_close(4000, "soon")
    with pytest.raises(ClosedOK):
        connection.send("too late")
    serving = run_in_thread(serve, connection)
    got = link.read_frame()
    assert (got.close_code, got.close_reason) == (4000, "soon")
    link.close(4000)
    assert isinstance(serving.result(), ClosedOK)


def serve(connection) -> ConnectionClosed:
    try:
        while True:
            connection.service(None)
    except ConnectionClosed as error:
        return error


def test_abort(peer):
    """abort() drops at once, without a close frame, from any thread."""
    connection = connect(peer.url)
    link = peer.link()
    blocked = run_in_thread(connection.receive)
    wait_until(lambda: connection._role.holder is not None)
    connection.abort()
    with pytest.raises(ConnectionClosed) as caught:
        blocked.result()
    assert (caught.value.code, caught.value.closed_by) == (1006, "local")
    assert link.read_eof() == b""
    assert connection.fileno() == -1


def test_dropped_without_close(peer):
    """A connection that is only forgotten warns, and ends."""
    connection = connect(peer.url)
    link = peer.link()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del connection
        gc.collect()
    assert "unclosed" in " ".join(str(each.message) for each in caught if each.category is ResourceWarning)
    assert link.read_eof() == b""


# The server breaks the protocol


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(TEXT, b"x", rsv=4), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(BINARY, b"", announce=2**30), 1009),
        (frame(CLOSE, b"\x03\xed"), 1002),
    ],
)
def test_faults(peer, bad, code):
    """What came before a fault is handed out; the server gets the exact code; the error has the cause."""
    connection = connect(peer.url, options={"max_size": 1000, "close_timeout": 0.5})
    link = peer.link()
    link.write(frame(TEXT, b"fine") + bad + frame(TEXT, b"late"))
    assert connection.receive(5) == "fine"
    waiting = run_in_thread(ended, connection)
    got = link.read_frame()
    assert got.close_code == code
    assert got.close_reason
    link.drop()
    error = waiting.result()
    assert isinstance(error, ClosedError)
    assert error.code == code
    assert isinstance(error.__cause__, RemoteProtocolError)
    assert error.__cause__.code == code


def test_fault_against_a_peer_that_talks_on(peer):
    """After a fault the peer may go on as it likes: it is dropped after close_timeout."""
    connection = connect(peer.url, options={"close_timeout": 0.3})
    link = peer.link()
    link.write(frame(3, b"") + frame(TEXT, b"x" * 50_000))
    began = time.monotonic()
    assert ended(connection).code == 1002
    assert time.monotonic() - began < 4


def test_transitions():
    """The table has a row for every step that can come, and an impossible one raises and changes nothing."""
    for phase in Phase:
        for step in Step:
            closing = Closing()
            closing.phase = phase
            if (phase, step) in TRANSITIONS:
                assert closing.step(step) is TRANSITIONS[phase, step]
            else:
                with pytest.raises(LocalProtocolError):
                    closing.step(step)
                assert closing.phase is phase
    assert all(TRANSITIONS[phase, Step.END] is Phase.GONE for phase in Phase)


def test_receive_timeout_is_no_end(peer):
    """A receive that times out says so and harms nothing."""
    with connect(peer.url, options={"close_timeout": 0.1}) as connection:
        for timeout in (0, 0.01):
            with pytest.raises(ReceiveTimeout):
                connection.receive(timeout)
        peer.link().send("late")
        assert connection.receive(5) == "late"
