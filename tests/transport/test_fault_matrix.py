"""What a connection makes of everything that can go wrong after the upgrade: one row each, plain and encrypted."""

from __future__ import annotations

import socket
import time

import pytest

from realtime_sync.errors import ClosedError, ClosedOK, ConnectionClosed
from realtime_sync.transport import connect
from realtime_sync.transport._frames import FrameParser
from tests.support.deflate import Deflater
from tests.support.peer import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame

ACCEPT = "Sec-WebSocket-Extensions: permessage-deflate"
OPTIONS = {"compression": "deflate", "max_size": 1000, "close_timeout": 0.1, "ping_interval": 0.05, "ping_timeout": 0.1}
HALF_A_FRAME = frame(TEXT, b"", announce=500) + b"half of it"
QUICKLY = 1.0
"""Seconds that any of this may take on a busy machine; what waits for a time-out waits 0.15 s."""


def alert(link):
    """Send a fatal TLS alert that is none of the record layer's (over plain TCP: nonsense)."""
    socket.socket.send(link.sock, b"\x15\x03\x03\x00\x02\x02\x28")


def close(code):
    return lambda link: link.close(code)


def write(*pieces):
    return lambda link: link.write(b"".join(pieces))


def packed(payload, opcode=TEXT, **kwargs):
    return frame(opcode, Deflater().deflate(payload), rsv=4, **kwargs)


ROWS = {  # name: (what the server does, the exception, its code, who ended it, the code that the server is told)
    "reset": (lambda link: link.reset(), ClosedError, 1006, "lost", None),
    "end without a close frame": (lambda link: link.drop(), ClosedError, 1006, "lost", None),
    "end without close_notify": (lambda link: link.sever(), ClosedError, 1006, "lost", None),
    "end inside a frame": (lambda link: (link.write(HALF_A_FRAME), link.sever()), ClosedError, 1006, "lost", None),
    "end inside a message": (
        lambda link: (link.write(frame(TEXT, b"half", fin=False)), link.sever()),
        ClosedError,
        1006,
        "lost",
        None,
    ),
    "reset inside a frame": (lambda link: (link.write(HALF_A_FRAME), link.reset()), ClosedError, 1006, "lost", None),
    "silence inside a frame": (write(HALF_A_FRAME), ClosedError, 1006, "lost", None),
    "silence": (lambda link: None, ClosedError, 1006, "lost", None),
    "TLS alert": (alert, ClosedError, None, "lost", None),
    "HTTP": (write(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), ClosedError, 1002, "lost", 1002),
    "zeros": (write(bytes(50)), ClosedError, 1002, "lost", 1002),
    "masked": (write(frame(TEXT, b"hi", mask=b"abcd")), ClosedError, 1002, "lost", 1002),
    "reserved opcode": (write(frame(7, b"")), ClosedError, 1002, "lost", 1002),
    "reserved bit": (write(frame(TEXT, b"", rsv=1)), ClosedError, 1002, "lost", 1002),
    "compressed ping": (write(frame(PING, b"", rsv=4)), ClosedError, 1002, "lost", 1002),
    "compressed continuation": (
        write(frame(TEXT, b"", fin=False), frame(CONTINUATION, b"", rsv=4)),
        ClosedError,
        1002,
        "lost",
        1002,
    ),
    "fragmented ping": (write(frame(PING, b"", fin=False)), ClosedError, 1002, "lost", 1002),
    "longer than minimal": (write(frame(TEXT, b"hi", length_form=64)), ClosedError, 1002, "lost", 1002),
    "no UTF-8": (write(frame(TEXT, b"\xff")), ClosedError, 1007, "lost", 1007),
    "no UTF-8, compressed": (write(packed(b"\xff")), ClosedError, 1007, "lost", 1007),
    "corrupt": (write(frame(BINARY, b"\xff" * 9, rsv=4)), ClosedError, 1007, "lost", 1007),
    "too large": (write(frame(BINARY, b"", announce=1001)), ClosedError, 1009, "lost", 1009),
    "2^62 bytes": (write(frame(BINARY, b"", length_form=64, announce=2**62)), ClosedError, 1009, "lost", 1009),
    "too large inflated": (write(packed(b"x" * 1001, BINARY)), ClosedError, 1009, "lost", 1009),
    "half a close code": (write(frame(CLOSE, b"\x03")), ClosedError, 1002, "lost", 1002),
    "close reason no UTF-8": (write(frame(CLOSE, b"\x03\xe8\xff")), ClosedError, 1007, "lost", 1007),
    "close without a code": (close(None), ClosedError, 1005, "remote", 1005),
    **{f"close {code}": (close(code), ClosedOK, code, "remote", code) for code in (1000, 1001)},
    **{f"close {code}": (close(code), ClosedError, code, "remote", code) for code in (1003, 1008, 1011, 3000, 4999)},
    **{f"close {code}": (close(code), ClosedError, 1002, "lost", 1002) for code in (999, 1005, 1006, 1015, 2999, 5000)},
}


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("name", ROWS)
def test_faults(make_peer, tls, name, secure):
    """What came before is handed out; then everybody gets the same end, in time; nothing of it is safe to repeat."""
    does, error, code, closed_by, told = ROWS[name]
    peer = make_peer(lambda link: link.upgrade(ACCEPT), tls=tls.server_context if secure else None)
    connection = connect(peer.url, options={**OPTIONS, "ca_file": tls.ca_file})
    link = peer.link()
    link.write(frame(TEXT, b"before") + packed(b"and before"))
    assert [connection.receive(5), connection.receive(5)] == ["before", "and before"]
    began = time.monotonic()
    does(link)
    with pytest.raises(ConnectionClosed) as caught:
        connection.receive(5)
    assert time.monotonic() - began < QUICKLY
    assert type(caught.value) is error
    assert code is None or (caught.value.code, connection.close_code) == (code, code)
    assert caught.value.closed_by == closed_by
    assert caught.value.reason or closed_by == "remote", "what was lost says how"
    assert not caught.value.replay_safe
    with pytest.raises(error):
        connection.send("too late")
    if told is not None:
        while (got := link.read_frame()).opcode == PING:
            pass
        assert (got.close_code or 1005) == told


def test_every_close_code():
    """Of all codes exactly the registered ones that may be sent, and 3000 to 4999, end a connection in order."""
    legal = {*range(1000, 1015), *range(3000, 5000)} - {1004, 1005, 1006}
    for code in [*range(5100), 10_000, 65_535]:
        parser = FrameParser()
        parser.feed(frame(CLOSE, code.to_bytes(2, "big")))
        assert [control.code for control in parser.controls] == ([code] if code in legal else [])
        assert (parser.fault is None) == (code in legal)
        assert parser.fault is None or parser.fault.code == 1002
