"""Fuzzing of the frame parser: against a second implementation, by faults in valid streams, and for its memory."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime_sync.transport import PerMessageDeflate
from realtime_sync.transport._frames import FrameParser, Opcode
from tests.support.deflate import Deflater
from tests.support.peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.support.reference import judge
from tests.transport import test_deflate, test_frames

MAX_SIZE = 100

PIECES = st.one_of(
    st.builds(
        frame,
        st.sampled_from([TEXT, TEXT, BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE, 3, 11]),
        st.one_of(
            st.binary(max_size=20),
            st.text(max_size=20).map(str.encode),
            st.sampled_from([b"x" * 100, b"x" * 101, b"x" * 126, b"\x03\xe8", b"\x03\xe8\xff", b"\x03\xed", b"\xc3"]),
        ),
        fin=st.sampled_from([True, True, False]),
        rsv=st.sampled_from([0] * 12 + [1, 2, 4]),
        mask=st.sampled_from([None] * 12 + [b"abcd"]),
        length_form=st.sampled_from([None] * 10 + [16, 64]),
    ),
    st.binary(max_size=8),
)


def cut(data: bytes, seed: int) -> list[bytes]:
    """Cut bytes into reads of every size."""
    pick, pieces = random.Random(seed), []  # noqa: S311  # to be repeatable
    while data:
        size = pick.choice([1, 1, 2, 3, 10, 100, 1000])
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@settings(deadline=None, max_examples=150)
@given(st.lists(PIECES, max_size=12).map(b"".join), st.integers(0, 2**32))
@example(frame(TEXT, b"a", fin=False) + frame(PING, b"") + frame(TEXT, b"b"), 0)
@example(frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"\xa4"), 1)
@example(frame(BINARY, b"x" * 60, fin=False) + frame(CONTINUATION, b"x" * 41), 2)
def test_two_implementations_agree(data, seed):
    """On any stream, however it is cut, the parser says what a plain reading of RFC 6455 says, in bounded memory."""
    messages, controls, codes = judge(data, MAX_SIZE)
    parser, got = FrameParser(MAX_SIZE), []
    for piece in cut(data, seed):
        got += parser.feed(piece)
        assert len(parser._message) <= MAX_SIZE
    assert got == messages
    assert (parser.fault.code if parser.fault else None) in codes
    assert [control.opcode for control in parser.controls] == [opcode for opcode, _ in controls]
    assert [c.payload for c in parser.controls if c.opcode != Opcode.CLOSE] == [p for o, p in controls if o != CLOSE]


@settings(deadline=None, max_examples=150)
@given(
    test_frames.streams(), st.sampled_from(sorted(test_frames.FAULTS)), st.binary(max_size=20), st.integers(0, 2**32)
)
def test_a_fault_behind_any_stream(stream, name, rest, seed):
    """Whatever came before a fault is delivered, the code is the fault's, and nothing behind it counts."""
    data, messages, controls = stream
    fault, code = test_frames.FAULTS[name]
    if code == 1009:
        fault = frame(BINARY, b"", length_form=64, announce=2**40)
    parser, got = FrameParser(10**6), []
    for piece in cut(data + fault + rest, seed):
        got += parser.feed(piece)
    assert got == messages
    assert parser.controls == controls
    assert parser.fault.code == code


@settings(deadline=None, max_examples=50)
@given(
    test_deflate.compressed_streams(),
    st.sampled_from(sorted(test_deflate.FAULTS)),
    st.binary(max_size=20),
    st.integers(),
)
def test_a_fault_behind_any_compressed_stream(stream, name, rest, seed):
    """The same with compression: what refers back to the stream before it included."""
    keeps, data, messages = stream
    fault, code = test_deflate.FAULTS[name]
    if code == 1009:
        fault = frame(TEXT, Deflater().deflate(b"x" * 10**6), rsv=4)
    parameters = () if keeps else (("server_no_context_takeover", None),)
    parser, got = FrameParser(10**6 - 1, PerMessageDeflate().accept(parameters)), []
    if name == "a distance too far" and keeps:
        fault = frame(TEXT, b"\xff" * 9, rsv=4)  # With a long enough memory nothing is too far.
    for piece in cut(data + fault + rest, seed):
        got += parser.feed(piece)
    assert got == messages
    assert parser.fault.code == code


def test_every_beginning():
    """All first bytes with all kinds of sizes, of a stream and of a continuation, are judged as by the second one."""
    for before in (b"", frame(TEXT, b"a", fin=False)):
        for first in range(256):
            for second in (0, 1, 99, 100, 101, 125, 126, 127, 128, 226, 254, 255):
                data = before + bytes([first, second]) + b"\x00\x64" + b"0" * 200
                parser = FrameParser(MAX_SIZE)
                space = parser.space()
                space[: len(data)] = data
                got = parser.parse(len(data))
                messages, _, codes = judge(data, MAX_SIZE)
                assert got == messages, (before, first, second)
                assert (parser.fault.code if parser.fault else None) in codes, (before, first, second)
