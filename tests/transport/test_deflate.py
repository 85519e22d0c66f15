"""permessage-deflate: what is agreed on, what goes out, what is taken in, and how little a bomb gets."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.errors import ConfigurationError
from realtime_sync.extensions import RSV1
from realtime_sync.transport import PerMessageDeflate
from realtime_sync.transport._frames import Control, FrameParser, Opcode
from tests.support.deflate import Deflater, Inflater
from tests.support.peer import BINARY, CONTINUATION, PING, TEXT, frame

ALWAYS = {"min_size": 1}
HELLO = bytes.fromhex("f248cdc9c90700")
"""RFC 7692 section 7.2.3.1: "Hello" in one compressed block."""


def agreed(*parameters, **settings):
    """Return a codec for the response parameters, each "name" or "name=value"."""
    pairs = tuple((name, value or None) for name, _, value in (each.partition("=") for each in parameters))
    return PerMessageDeflate(**settings).accept(pairs)


def unless(keeps, parameter):
    """Return the parameter for a side that forgets."""
    return [] if keeps else [parameter]


def parser(*parameters, max_size=None, **settings):
    return FrameParser(max_size, agreed(*parameters, **settings))


def sentences(count, seed=0):
    """Make texts that are like each other, as events are."""
    pick = random.Random(seed)  # noqa: S311  # to be repeatable
    words = [
        "response",
        "output_text",
        "delta",
        "item_id",
        "content_index",
        "the",
        "quick",
        "brown",
        "fox",
        "ä",
        "€",
        "😀",
    ]
    return [" ".join(pick.choices(words, k=pick.choice([1, 5, 60, 2000]))) for _ in range(count)]


# What is agreed on


@pytest.mark.parametrize(
    ("settings", "offer"),
    [
        ({}, "client_max_window_bits"),
        ({"client_max_window_bits": 8}, "client_max_window_bits"),
        (
            {"server_no_context_takeover": True, "client_no_context_takeover": True, "server_max_window_bits": 9},
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits",
        ),
    ],
)
def test_offer(settings, offer):
    """The settings are offered as RFC 7692 section 7.1 spells them."""
    (parameters,) = PerMessageDeflate(**settings).offers()
    assert "; ".join(name if value is None else f"{name}={value}" for name, value in parameters) == offer


@pytest.mark.parametrize(
    ("settings", "response", "complaint"),
    [
        ({}, ["dictionary=5"], "unknown"),
        ({}, ["server_no_context_takeover", "server_no_context_takeover"], "twice"),
        ({}, ["server_max_window_bits=10", "server_max_window_bits=10"], "twice"),
        ({}, ["server_no_context_takeover=1"], "no value"),
        ({}, ["client_no_context_takeover=true"], "no value"),
        ({}, ["server_max_window_bits"], "8 to 15"),
        ({}, ["client_max_window_bits"], "8 to 15"),
        ({}, ["server_max_window_bits=7"], "8 to 15"),
        ({}, ["server_max_window_bits=16"], "8 to 15"),
        ({}, ["server_max_window_bits=08"], "8 to 15"),
        ({}, ["server_max_window_bits=+9"], "8 to 15"),
        ({}, ["client_max_window_bits=nine"], "8 to 15"),
        ({"server_max_window_bits": 10}, ["server_max_window_bits=11"], "larger"),
        ({"server_max_window_bits": 10}, [], "missing"),
        ({"server_no_context_takeover": True}, [], "missing"),
    ],
)
def test_refused_responses(settings, response, complaint):
    """A response that is illegal, or does not answer the offer, is refused with its reason."""
    with pytest.raises(ValueError, match=complaint):
        agreed(*response, **settings)


@pytest.mark.parametrize(
    ("settings", "response"),
    [
        ({}, ["server_no_context_takeover"]),
        ({}, ["client_no_context_takeover"]),
        ({}, ["server_max_window_bits=8"]),
        ({"server_max_window_bits": 10}, ["server_max_window_bits=9"]),
        ({"client_max_window_bits": 9}, ["client_max_window_bits=15"]),
        ({"client_no_context_takeover": True}, []),
    ],
)
def test_accepted_responses(settings, response):
    """What a server may decide by itself is accepted: less than was offered, also where nothing was asked for."""
    assert agreed(*response, **settings).rsv == RSV1


@pytest.mark.parametrize(
    "wrong",
    [
        {"server_max_window_bits": 7},
        {"server_max_window_bits": "10"},
        {"client_max_window_bits": 16},
        {"client_max_window_bits": None},
        {"client_max_window_bits": True},
        {"server_no_context_takeover": 1},
        {"client_no_context_takeover": "yes"},
        {"level": 0},
        {"level": 10},
        {"mem_level": 0},
        {"min_size": 0},
        {"min_size": 1.5},
    ],
    ids=str,
)
def test_settings_that_cannot_work(wrong):
    """A setting that cannot work is refused by its name."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        PerMessageDeflate(**wrong)


# What goes out


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("keeps", [True, False])
def test_sent_messages_can_be_read_within_the_agreed_window(bits, keeps):
    """A peer with a window of exactly the agreed size, 256 bytes too, reads everything that is sent."""
    codec = agreed(
        f"client_max_window_bits={bits}", *unless(keeps, "client_no_context_takeover"), client_max_window_bits=15
    )
    inflater = Inflater(bits=bits, keeps=keeps)
    for text in sentences(12, seed=bits):
        rsv, payload = codec.encode(TEXT, text.encode())
        assert (inflater.inflate(payload) if rsv else payload) == text.encode()
        assert rsv == (RSV1 if len(text.encode()) >= 64 else 0)


def test_the_smaller_window_counts():
    """Of our own limit and the server's the smaller one is kept."""
    for response, bits in (([], 9), (["client_max_window_bits=8"], 8), (["client_max_window_bits=15"], 9)):
        codec = agreed(*response, client_max_window_bits=9)
        inflater = Inflater(bits=bits)
        for text in sentences(6):
            rsv, payload = codec.encode(TEXT, text.encode())
            assert (inflater.inflate(payload) if rsv else payload) == text.encode()


def test_context_makes_like_messages_shorter():
    """With a context a message that came before costs a few bytes; without one it costs the same again."""
    message = bytes(random.Random(1).randbytes(500))  # noqa: S311  # to be repeatable
    keeps, forgets = agreed(), agreed("client_no_context_takeover")
    first, second = keeps.encode(BINARY, message), keeps.encode(BINARY, message)
    assert len(second[1]) < 20 < len(first[1])
    message = b"abcdefgh" * 50
    assert forgets.encode(BINARY, message) == forgets.encode(BINARY, message)


def test_what_is_not_compressed():
    """Short messages, and without a context those that do not get shorter, go out as they are."""
    noise = bytes(random.Random(2).randbytes(2000))  # noqa: S311  # to be repeatable
    assert agreed().encode(TEXT, b"x" * 63) == (0, b"x" * 63)
    assert agreed().encode(TEXT, b"x" * 64)[0] == RSV1
    assert agreed().encode(TEXT, b"") == (0, b"")
    assert agreed("client_no_context_takeover").encode(BINARY, noise) == (0, noise)
    assert agreed().encode(BINARY, noise)[0] == RSV1, "the context has it, so it must go out compressed"


# What is taken in


SPECIMENS = {
    "one block": ([HELLO], "Hello"),
    "two fragments": ([HELLO[:3], HELLO[3:]], "Hello"),
    "a byte each": ([HELLO[i : i + 1] for i in range(len(HELLO))], "Hello"),
    "no compression": ([bytes.fromhex("000500faff48656c6c6f00")], "Hello"),
    "a final block": ([bytes.fromhex("f348cdc9c9070000")], "Hello"),
    "a final block, no padding": ([bytes.fromhex("f348cdc9c90700")], "Hello"),
    "two blocks": ([bytes.fromhex("f248050000 00ffff cac9c90700")], "Hello"),
    "a final block, then another": ([bytes.fromhex("f348cdc9c90700") + HELLO], "HelloHello"),
    "empty": ([b"\x00"], ""),
    "empty fragments": ([b"", HELLO, b"", b""], "Hello"),
    "empty at the end": ([HELLO + b"\x00\x00\xff\xff", b"\x00"], "Hello"),
}


@pytest.mark.parametrize("name", SPECIMENS)
@pytest.mark.parametrize("keeps", [True, False])
def test_forms_of_compressed_messages(name, keeps):
    """The forms that RFC 7692 section 7.2.3 shows are read, fragmented and one after another, others between them."""
    pieces, text = SPECIMENS[name]
    stream = b""
    for number, piece in enumerate(pieces):
        stream += frame(
            TEXT if not number else CONTINUATION, piece, fin=number == len(pieces) - 1, rsv=4 * (not number)
        )
        stream += frame(PING, b"!")
    stream += frame(TEXT, b"plain") + frame(TEXT, HELLO, rsv=4)
    reader = parser(*unless(keeps, "server_no_context_takeover"))
    assert reader.feed(stream * 3) == [text, "plain", "Hello"] * 3
    assert reader.fault is None
    assert reader.controls == [Control(Opcode.PING, b"!")] * 3 * len(pieces)


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("keeps", [True, False])
def test_received_messages_of_every_window(bits, keeps):
    """Whatever window the server agreed to, and whether it keeps its context, its messages come through."""
    response = [f"server_max_window_bits={bits}", *unless(keeps, "server_no_context_takeover")]
    reader, deflater = parser(*response), Deflater(bits=bits, keeps=keeps)
    texts = sentences(10, seed=bits)
    stream = b"".join(frame(TEXT, deflater.deflate(text.encode()), rsv=4) for text in texts)
    assert reader.feed(stream) == texts


FAULTS = {
    "corrupt": (frame(TEXT, b"\xff" * 20, rsv=4), 1007),
    "corrupt later": (frame(TEXT, HELLO[:4], fin=False, rsv=4) + frame(CONTINUATION, b"\xff" * 20), 1007),
    "a distance too far": (
        frame(TEXT, Deflater(knows=b"known only to the server").deflate(b"known only"), rsv=4),
        1007,
    ),
    "not UTF-8": (frame(TEXT, Deflater().deflate(b"ab\xff"), rsv=4), 1007),
    "ends inside a character": (frame(TEXT, Deflater().deflate("ä".encode()[:1]), rsv=4), 1007),
    "RSV1 on a continuation": (frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", rsv=4), 1002),
    "RSV1 on a compressed continuation": (
        frame(TEXT, HELLO[:3], fin=False, rsv=4) + frame(CONTINUATION, HELLO[3:], rsv=4),
        1002,
    ),
    "RSV1 on a ping": (frame(PING, b"", rsv=4), 1002),
    "RSV2": (frame(TEXT, HELLO, rsv=6), 1002),
    "RSV3 alone": (frame(BINARY, HELLO, rsv=1), 1002),
    "too large inflated": (frame(BINARY, Deflater().deflate(b"x" * 101), rsv=4), 1009),
    "too large over fragments": (
        frame(BINARY, Deflater().deflate(b"x" * 101)[:2], fin=False, rsv=4)
        + frame(CONTINUATION, Deflater().deflate(b"x" * 101)[2:]),
        1009,
    ),
    "too large and not compressed": (frame(BINARY, b"x" * 101), 1009),
    "a header too large and not compressed": (frame(BINARY, b"", length_form=64, announce=2**40), 1009),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("step", [1, 1000])
def test_faults(name, step):
    """What came before a fault is handed out, the fault has the right code, and what follows is thrown away."""
    data, code = FAULTS[name]
    reader = parser(max_size=100)
    stream = frame(TEXT, HELLO, rsv=4) + data + frame(TEXT, b"after")
    messages = [message for at in range(0, len(stream), step) for message in reader.feed(stream[at : at + step])]
    assert messages == ["Hello"]
    assert reader.fault is not None
    assert reader.fault.code == code
    assert str(reader.fault)


def test_max_size_is_that_of_the_message():
    """A message of exactly max_size comes through, also when it is longer compressed, however it is fragmented."""
    noise = bytes(random.Random(3).randbytes(100))  # noqa: S311  # to be repeatable
    packed = Deflater().deflate(noise)
    assert len(packed) > 100
    assert parser(max_size=100).feed(frame(BINARY, packed, rsv=4)) == [noise]
    pieces = frame(BINARY, packed[:50], fin=False, rsv=4) + frame(CONTINUATION, packed[50:])
    assert parser(max_size=100).feed(pieces) == [noise]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_bomb_gets_no_memory(opcode):
    """A small message that would inflate to 32 MB is refused with no more than max_size and a chunk allocated."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(deflater.compress(bytes(2**20)) for _ in range(32)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    stream = frame(opcode, packed[:-4], rsv=4)
    reader = parser(max_size=2**20)
    tracemalloc.start()
    try:
        assert reader.feed(stream) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.fault.code == 1009
    assert peak < 2**20 * 1.4 + 800_000, "the receive buffer has 256 KB, and a chunk is there twice"


def test_endless_nothing_takes_no_memory_and_ends():
    """Blocks that contain nothing, final ones too, are read in time that grows with their bytes only."""
    reader = parser(max_size=1000)
    assert reader.feed(frame(TEXT, b"\x00\x00\x00\xff\xff" * 50_000 + b"\x00", rsv=4)) == [""]
    assert reader.feed(frame(TEXT, b"\x03\x00" * 20_000, rsv=4)) == [""]
    assert reader.fault is None


@st.composite
def compressed_streams(draw):
    """Draw messages, some compressed, fragmented anywhere: the bytes of the stream and what is in it."""
    deflater = Deflater(bits=draw(st.integers(9, 15)), keeps=draw(st.booleans()))
    data, messages = b"", []
    for _ in range(draw(st.integers(0, 5))):
        text = draw(st.booleans())
        content = draw(st.text(max_size=60)) if text else draw(st.binary(max_size=60))
        content = content * draw(st.sampled_from([1, 1, 30, 3000]))
        payload = content.encode() if text else content
        if packed := draw(st.booleans()):
            payload = deflater.deflate(payload)
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        edges = [0, *cuts, len(payload)]
        for number in range(len(edges) - 1):
            opcode = CONTINUATION if number else TEXT if text else BINARY
            last, rsv = number == len(edges) - 2, 4 if packed and not number else 0
            data += frame(opcode, payload[edges[number] : edges[number + 1]], fin=last, rsv=rsv)
            data += frame(PING) if draw(st.booleans()) else b""
        messages.append(content)
    return deflater.keeps, data, messages


@settings(deadline=None, max_examples=60)
@given(compressed_streams(), st.integers(0, 2**32))
def test_any_split_gives_the_same_messages(stream, seed):
    """However the bytes of a stream are cut into reads, the same messages come out, compressed or not."""
    keeps, data, messages = stream
    reader = parser(*unless(keeps, "server_no_context_takeover"))
    pick, got, at = random.Random(seed), [], 0  # noqa: S311  # to be repeatable
    while at < len(data):
        size = pick.choice([1, 3, 100, 5000])
        got += reader.feed(data[at : at + size])
        at += size
    assert reader.fault is None
    assert got == messages


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=200), max_size=20), st.integers(8, 15), st.booleans(), st.integers(1, 9))
def test_what_is_sent_is_what_arrives(messages, bits, keeps, level):
    """Any messages survive the way through our compressor and a decompressor of the agreed window."""
    response = [f"client_max_window_bits={bits}", *unless(keeps, "client_no_context_takeover")]
    codec = agreed(*response, client_max_window_bits=15, level=level, **ALWAYS)
    inflater = Inflater(bits=bits, keeps=keeps)
    for message in messages + messages:
        rsv, payload = codec.encode(BINARY, message)
        assert (inflater.inflate(payload) if rsv else payload) == message


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_give_messages_or_a_fault(payloads):
    """No compressed data makes the parser raise, and a fault has one of the codes for data."""
    reader = parser(max_size=1000)
    reader.feed(b"".join(frame(BINARY, payload, rsv=4) for payload in payloads))
    assert reader.fault is None or reader.fault.code in (1007, 1009)
