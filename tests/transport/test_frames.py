"""Frames: what is accepted, what is refused with which code, and how they are built."""

from __future__ import annotations

import itertools
import random
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.transport import _masking
from realtime_sync.transport._frames import Control, FrameParser, Opcode, build_close, build_frame
from tests.support.peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

BROKEN_CHARACTER = "ä€😀".encode()[:-2]


def parse(data: bytes, max_size: int | None = None) -> FrameParser:
    parser = FrameParser(max_size)
    parser.feed(data)
    return parser


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 300_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_every_length_form(size, opcode):
    """A message arrives whole and with its kind, whatever form its length is encoded in."""
    payload = b"x" * size
    assert FrameParser().feed(frame(opcode, payload)) == [payload.decode() if opcode == TEXT else payload]


FAULTS = {
    "masked": (frame(TEXT, b"hi", mask=b"abcd"), 1002),
    "masked 16 bit": (frame(TEXT, b"x" * 200, mask=b"abcd"), 1002),
    "rsv1": (frame(TEXT, b"hi", rsv=4), 1002),
    "rsv2": (frame(TEXT, b"hi", rsv=2), 1002),
    "rsv3 on a ping": (frame(PING, b"", rsv=1), 1002),
    "opcode 3": (frame(3, b""), 1002),
    "opcode 11": (frame(11, b""), 1002),
    "length of 16 bits not minimal": (frame(TEXT, b"hi", length_form=16), 1002),
    "length of 64 bits not minimal": (frame(TEXT, b"x" * 200, length_form=64), 1002),
    "length with the top bit": (frame(TEXT, b"", length_form=64, announce=2**63), 1002),
    "continuation of nothing": (frame(CONTINUATION, b"hi"), 1002),
    "text inside a fragmented message": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "fragmented ping": (frame(PING, b"", fin=False), 1002),
    "fragmented close": (frame(CLOSE, b"", fin=False), 1002),
    "long ping": (frame(PING, b"x" * 126), 1002),
    "long close": (frame(CLOSE, b"x" * 126), 1002),
    "close with half a code": (frame(CLOSE, b"\x03"), 1002),
    "close 999": (frame(CLOSE, (999).to_bytes(2, "big")), 1002),
    "close 1004": (frame(CLOSE, (1004).to_bytes(2, "big")), 1002),
    "close 1005": (frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
    "close 1006": (frame(CLOSE, (1006).to_bytes(2, "big")), 1002),
    "close 1015": (frame(CLOSE, (1015).to_bytes(2, "big")), 1002),
    "close 2999": (frame(CLOSE, (2999).to_bytes(2, "big")), 1002),
    "close 5000": (frame(CLOSE, (5000).to_bytes(2, "big")), 1002),
    "close reason not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text with a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "text ends inside a character": (frame(TEXT, BROKEN_CHARACTER), 1007),
    "fragments end inside a character": (frame(TEXT, b"a", fin=False) + frame(CONTINUATION, BROKEN_CHARACTER), 1007),
    "a fragment is not UTF-8": (frame(TEXT, b"ok\xff", fin=False), 1007),
    "too large": (frame(TEXT, b"x" * 101), 1009),
    "too large over fragments": (frame(BINARY, b"x" * 60, fin=False) + frame(CONTINUATION, b"x" * 60), 1009),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("step", [1, 1000])
def test_faults(name, step):
    """What came before a fault is handed out, the fault has the right code, and what follows is thrown away."""
    data, code = FAULTS[name]
    parser = FrameParser(max_size=100)
    stream = frame(TEXT, b"before") + data + frame(TEXT, b"after")
    messages = [message for at in range(0, len(stream), step) for message in parser.feed(stream[at : at + step])]
    assert messages == ["before"]
    assert parser.fault is not None
    assert parser.fault.code == code
    assert str(parser.fault)


def test_size_is_checked_from_the_header():
    """A header that announces 2^40 bytes is refused at once, also in the middle of a message."""
    assert parse(frame(TEXT, b"", length_form=64, announce=2**40), max_size=2**26).fault.code == 1009
    begun = frame(BINARY, b"x" * 60, fin=False) + frame(CONTINUATION, b"", announce=60)
    assert parse(begun, max_size=100).fault.code == 1009
    assert parse(frame(TEXT, b"", length_form=64, announce=2**40)).fault is None


def test_message_of_exactly_max_size():
    """The limit itself is allowed, in one frame or in several."""
    assert FrameParser(100).feed(frame(TEXT, b"x" * 100)) == ["x" * 100]
    assert FrameParser(100).feed(frame(TEXT, b"x" * 60, fin=False) + frame(CONTINUATION, b"x" * 40)) == ["x" * 100]


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1012, 1014, 3000, 4999])
def test_close_codes_that_may_arrive(code):
    """A legal close frame gives code and reason, and ends the input."""
    parser = parse(frame(CLOSE, code.to_bytes(2, "big") + "ä".encode()) + frame(TEXT, b"late"))
    assert parser.controls == [Control(Opcode.CLOSE, code=code, reason="ä")]
    assert parser.fault is None


def test_close_without_a_code():
    """An empty close frame counts as 1005."""
    assert parse(frame(CLOSE)).controls == [Control(Opcode.CLOSE, code=1005)]


def test_controls_between_fragments():
    """Control frames may come between the fragments of a message, in order."""
    parser = FrameParser()
    stream = frame(TEXT, b"a", fin=False) + frame(PING, b"1") + frame(CONTINUATION, b"b", fin=False)
    stream += frame(PONG, b"2") + frame(CONTINUATION, b"") + frame(TEXT, b"next")
    assert parser.feed(stream) == ["ab", "next"]
    assert parser.controls == [Control(Opcode.PING, b"1"), Control(Opcode.PONG, b"2")]


def test_character_split_over_fragments():
    """A character may be split at any byte over fragments."""
    text = "aä€😀z"
    data = text.encode()
    pieces = [frame(TEXT if i == 0 else CONTINUATION, data[i : i + 1], fin=False) for i in range(len(data))]
    assert FrameParser().feed(b"".join(pieces) + frame(CONTINUATION, b"")) == [text]


def test_bad_utf8_fails_before_the_message_is_complete():
    """Inside a large frame, too, an impossible byte fails at once."""
    half = frame(TEXT, b"", announce=2_000_000) + b"x" * 600_000 + b"\xff" + b"x" * 300_000
    assert parse(half).fault.code == 1007


def test_bad_utf8_fails_in_a_small_frame_that_comes_slowly():
    """In a frame that comes in several reads, too, an impossible byte fails before the last of them."""
    parser = FrameParser()
    slow = frame(TEXT, b"abc\xff" + b"x" * 100)
    for byte in range(7):
        assert parser.feed(slow[byte : byte + 1]) == []
    assert parser.fault.code == 1007


@st.composite
def streams(draw):
    """Draw a valid stream: its bytes, its messages and its control frames."""
    data, messages, controls = b"", [], []
    for _ in range(draw(st.integers(0, 6))):
        text = draw(st.booleans())
        content = draw(st.text(max_size=300)) if text else draw(st.binary(max_size=300))
        content = content * draw(st.sampled_from([1, 1, 1, 50]))
        payload = content.encode() if text else content
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
        edges = [0, *cuts, len(payload)]
        for number, (begin, end) in enumerate(itertools.pairwise(edges)):
            opcode = CONTINUATION if number else TEXT if text else BINARY
            data += frame(opcode, payload[begin:end], fin=number == len(edges) - 2)
            if draw(st.booleans()):
                ping = draw(st.binary(max_size=125))
                controls.append(Control(Opcode.PING, ping))
                data += frame(PING, ping)
        messages.append(content)
    return data, messages, controls


@given(streams(), st.integers(0, 2**32))
def test_any_split_gives_the_same_messages(stream, seed):
    """However the bytes of a valid stream are cut into reads, the same messages and control frames come out."""
    data, messages, controls = stream
    parser, pick, got, at = FrameParser(), random.Random(seed), [], 0  # noqa: S311  # to be repeatable
    while at < len(data):
        size = pick.choice([1, 2, 3, 7, 100, 5000])
        got += parser.feed(data[at : at + size])
        at += size
    assert parser.fault is None
    assert got == messages
    assert parser.controls == controls


@given(st.binary(max_size=400))
def test_any_bytes_give_messages_or_a_fault(data):
    """Nothing a server sends makes the parser raise, and it is done after a fault."""
    parser = parse(data, max_size=1000)
    if parser.fault is not None:
        assert parser.feed(frame(TEXT, b"more")) == []


def test_fragments_take_linear_time():
    """Four times as many fragments do not take sixteen times as long."""

    def cost(count: int) -> float:
        data = frame(TEXT, b"x" * 64, fin=False) + frame(CONTINUATION, b"x" * 64, fin=False) * count
        data += frame(CONTINUATION, b"")
        best = 1e9
        for _ in range(3):
            parser, began = FrameParser(), time.process_time()
            assert len(parser.feed(data)[0]) == 64 * (count + 1)
            best = min(best, time.process_time() - began)
        return best

    assert cost(32_000) < 10 * cost(8_000)


def test_buffer_grows_and_shrinks():
    """The buffer is 8 KB at first, grows to 256 KB and no further while reads fill it, and is given back."""
    parser = FrameParser()
    assert len(parser.space()) == 8192
    for _ in range(20):
        parser.parse(len(fill(parser)))
    assert len(parser.space()) == 256 * 1024
    parser = FrameParser()
    data = frame(TEXT, b"x" * 200) * 5000
    assert len(parser.feed(data)) == 5000
    assert parser.is_large
    parser.shrink()
    assert not parser.is_large
    assert len(parser.space()) == 8192
    assert parser.feed(frame(TEXT, b"still works")) == ["still works"]


def fill(parser: FrameParser) -> memoryview:
    """Fill the parser's space with one endless binary message."""
    space = parser.space()
    if not parser._remaining:
        space[:10] = frame(BINARY, b"", length_form=64, announce=2**40)
    return space


def test_shrink_keeps_what_waits():
    """A buffer with half a frame in it is not given back."""
    parser = FrameParser()
    parser.feed(frame(BINARY, b"x" * 500_000))
    whole = frame(TEXT, b"y" * 5000)
    parser.feed(whole[:3000])
    parser.shrink()
    assert parser.feed(whole[3000:]) == ["y" * 5000]


@pytest.mark.parametrize("size", [0, 5, 125, 126, 65535, 65536])
def test_built_frames_are_masked_and_minimal(size):
    """A frame of ours is masked, minimal, and unmasks to its payload."""
    payload = bytes(range(256)) * 257
    payload = payload[:size]
    built = build_frame(Opcode.BINARY, payload)
    head = 2 if size < 126 else 4 if size < 65536 else 10
    assert built[0] == 0x82
    assert built[1] & 0x80
    key = built[head : head + 4]
    assert frame(BINARY, payload, mask=key) == built


def test_masks_differ():
    """Two frames do not share a key."""
    assert len({build_frame(Opcode.TEXT, b"\0\0\0\0")[2:6] for _ in range(8)}) > 1


def test_built_close():
    """A close frame carries code and reason; 1005 stands for neither."""
    assert build_close(1005)[1] == 0x80
    built = build_close(4000, "ä")
    assert frame(CLOSE, (4000).to_bytes(2, "big") + "ä".encode(), mask=built[2:6]) == built


@given(st.binary(max_size=200), st.binary(min_size=4, max_size=4))
def test_python_masking_is_its_own_inverse(payload, key):
    """Masking in Python agrees with the definition, and with whatever masks in C."""
    masked = _masking.mask_in_python(payload, key)
    assert masked == bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    assert _masking.mask(payload, key) == masked


def test_masking_without_wsaccel(monkeypatch):
    """Without the `fast` extra masking falls back to Python."""
    monkeypatch.setitem(sys.modules, "wsaccel.xormask", None)
    assert _masking._choose() is _masking.mask_in_python
