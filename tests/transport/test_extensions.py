"""Extensions on a connection: agreed on in the upgrade, applied in the order of the wire, several at once."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ClosedError, ClosedOK, ConfigurationError, ConnectError
from realtime_sync.extensions import RSV1, RSV2, Codec, Extension
from realtime_sync.transport import PerMessageDeflate, connect
from realtime_sync.transport._extensions import agree, offer_header, parse_header
from tests.support.deflate import Deflater, Inflater
from tests.support.extensions import Xor, XorCodec, xor
from tests.support.peer import BINARY, CLOSE, CONTINUATION, PING, TEXT, Link, frame
from tests.support.waiting import run_in_thread

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
XOR = "Sec-WebSocket-Extensions: x-xor; key=7"
QUICK = {"close_timeout": 0.05}
COMPRESSED = {**QUICK, "compression": "deflate"}


def accepting(*headers):
    return lambda link: link.upgrade(*headers)


def compressing_echo(link: Link) -> None:
    """Send every message back compressed, whatever form it came in."""
    link.upgrade(DEFLATE)
    inflater, deflater = Inflater(), Deflater()
    while (got := link.read_frame()).opcode != CLOSE:
        payload = inflater.inflate(got.payload) if got.rsv else got.payload
        link.write(frame(got.opcode, deflater.deflate(payload), rsv=4))
    link.write(frame(CLOSE, got.payload[:2]))
    link.drop()


# The upgrade


@pytest.mark.parametrize(
    ("options", "offer"),
    [
        ({}, None),
        ({"compression": None}, None),
        ({"compression": "deflate"}, "permessage-deflate; client_max_window_bits"),
        (
            {"extensions": [PerMessageDeflate(server_max_window_bits=9)], "compression": "deflate"},
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits",
        ),
        (
            {"extensions": [Xor(7, 9)], "compression": "deflate"},
            "x-xor; key=7; marked, x-xor; key=9; marked, permessage-deflate; client_max_window_bits",
        ),
    ],
)
def test_what_is_offered(make_peer, options, offer):
    """The options say what is offered, each alternative for itself; a server may decline all of it."""
    peer = make_peer()
    connection = connect(peer.url, options={**QUICK, **options})
    link = peer.link()
    assert link.request.headers.get("sec-websocket-extensions") == offer
    link.send("plain")
    assert connection.receive(5) == "plain"
    connection.send("x" * 500)
    assert (got := link.read_frame()).text == "x" * 500
    assert got.rsv == 0
    link.write(frame(TEXT, b"", rsv=4))
    with pytest.raises(ClosedError, match="reserved bit"):
        connection.receive(5)
    connection.abort()


@pytest.mark.parametrize(
    ("accepted", "complaint"),
    [
        ("x-other", "not offered"),
        ("permessage-deflate, x-other", "not offered"),
        ("permessage-deflate; client_max_window_bits=16", "in a way that was not offered.*8 to 15"),
        ("permessage-deflate; strength=9", "unknown"),
        ("permessage-deflate, permessage-deflate", "twice"),
        ("x-xor; key=3", "no such key"),
        ("x-xor; key", "no such key"),
        ("permessage-deflate; ", "malformed"),
        ('permessage-deflate; a="b', "malformed"),
        ("@", "malformed"),
        ("x-same; a, permessage-deflate", "same reserved bit"),
    ],
)
def test_what_is_refused(make_peer, accepted, complaint):
    """An answer that accepts what was not offered, or in another way, fails the connect with its reason."""

    class Same(Xor):
        name = "x-same"

        def accept(self, parameters):  # noqa: ARG002
            codec = XorCodec(1)
            codec.rsv = RSV1 | RSV2
            return codec

    peer = make_peer(accepting(f"Sec-WebSocket-Extensions: {accepted}"))
    with pytest.raises(ConnectError, match=complaint) as caught:
        connect(peer.url, options={"extensions": [Xor(), Same()], "compression": "deflate"})
    assert caught.value.replay_safe
    assert peer.link().read_eof() == b""


def test_repeated_header_lines_are_one_list(make_peer):
    """Two header lines accept two extensions, in their order."""
    peer = make_peer(accepting(XOR, DEFLATE))
    with connect(peer.url, options={**COMPRESSED, "extensions": [Xor()]}) as connection:
        connection.send("y" * 100)
        assert peer.link().read_frame().rsv == 6


HEADERS = [
    ("a", [("a", ())]),
    ("a, b", [("a", ()), ("b", ())]),
    (' a ;b ; c = d\t,e;f="g"', [("a", (("b", None), ("c", "d"))), ("e", (("f", "g"),))]),
    ('a; b="\\c"', [("a", (("b", "c"),))]),
    (",, a,,", [("a", ())]),
    ("", []),
    ("a; b; b", [("a", (("b", None), ("b", None)))]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "parsed"), HEADERS)
def test_header_grammar(value, parsed):
    """The header is read by RFC 6455 section 9.1: lists, parameters, quoted values, white space."""
    assert parse_header(value) == parsed


@pytest.mark.parametrize("value", ["a b", "a;", "a; b=", 'a; b="c d"', 'a; b=""', "a; =b", ";a", "a; b=c d", "ä"])
def test_headers_that_are_none(value):
    """What does not follow the grammar is refused."""
    with pytest.raises(ValueError, match="malformed"):
        parse_header(value)


@given(st.text(alphabet='ab;,="\\ \t@', max_size=30))
def test_any_header_is_read_or_refused(value):
    """No header makes the parser hang or raise anything else."""
    with contextlib.suppress(ValueError):
        for name, parameters in parse_header(value):
            assert set(name) <= set("ab")
            assert all(name for name, _ in parameters)


TOKENS = st.text(alphabet="abcXYZ019-_.!", min_size=1, max_size=5)


@given(st.lists(st.tuples(TOKENS, st.lists(st.tuples(TOKENS, st.none() | TOKENS), max_size=3).map(tuple)), max_size=4))
def test_offers_are_read_back(offers):
    """What is written as an offer is read as the same."""

    class Any(Xor):
        def __init__(self, name, parameters):
            self.name = name
            self.parameters = parameters

        def offers(self):
            return (self.parameters,)

    assert parse_header(offer_header([Any(*each) for each in offers])) == offers


# Options


class Nameless(Xor):
    name = ""


class Offerless(Xor):
    def offers(self):
        return ()


class OddOffer(Xor):
    def __init__(self, offer):
        self.offer = offer

    def offers(self):
        return (self.offer,)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"extensions": "permessage-deflate"}, "sequence"),
        ({"extensions": {"permessage-deflate": {}}}, "sequence"),
        ({"extensions": 5}, "sequence"),
        ({"extensions": ["permessage-deflate"]}, "instances of .*Extension; got str"),
        ({"extensions": [PerMessageDeflate]}, "got the class PerMessageDeflate"),
        ({"extensions": [PerMessageDeflate(), PerMessageDeflate(level=9)]}, "twice"),
        ({"extensions": [Nameless()]}, "token"),
        ({"extensions": [Offerless()]}, "offers nothing"),
        ({"extensions": [OddOffer((("a b", None),))]}, "token as its name"),
        ({"extensions": [OddOffer(("a",))]}, "token as its name"),
        ({"extensions": [OddOffer((("a", "b\r\nX: y"),))]}, "value is a token"),
        ({"extensions": [OddOffer((("a", 5),))]}, "value is a token"),
        ({"compression": "gzip"}, "'deflate' or None"),
        ({"compression": True}, "'deflate' or None"),
    ],
)
def test_options_that_cannot_work(wrong, complaint):
    """What cannot be offered is refused when the options are made, and told by its name."""
    with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))}.*{complaint}"):
        ConnectionOptions.of(wrong)


# Messages


def test_compressed_both_ways(make_peer):
    """Messages of every kind and size go out compressed and come back compressed."""
    with connect(make_peer(compressing_echo).url, options=COMPRESSED) as connection:
        messages = ["short", "ä€😀" * 200, b"\x00\xff" * 300, "", b"", "z" * 300_000, "ä€😀" * 200]
        for message in messages:
            connection.send(message)
        assert [connection.receive(10) for _ in messages] == messages
        assert connection.bytes_sent < 10_000
        assert connection.bytes_received < 10_000
        assert connection.backlog == 0


def test_over_tls_and_with_the_upgrade(make_peer, tls):
    """Compressed frames that come in one write with the upgrade response are read, over TLS too."""
    first = frame(TEXT, Deflater().deflate(b"hello"), rsv=4)
    peer = make_peer(lambda link: link.upgrade(DEFLATE, trailing=first), tls=tls.server_context)
    with connect(peer.url, options={**COMPRESSED, "ca_file": tls.ca_file}) as connection:
        assert connection.receive(5) == "hello"


def test_every_connection_begins_afresh(make_peer):
    """Connections that share an extension share nothing else: each has a context of its own."""
    options = ConnectionOptions(**QUICK, extensions=[PerMessageDeflate()])
    peer = make_peer(compressing_echo)
    for _ in range(2):
        with connect(peer.url, options=options) as one, connect(peer.url, options=options) as other:
            for connection, number in itertools.product((one, other), range(3)):
                connection.send(f"the same text again and again, {number} " * 9)
            for connection, number in itertools.product((one, other), range(3)):
                assert connection.receive(5) == f"the same text again and again, {number} " * 9


def test_many_senders_share_one_context(make_peer):
    """Whoever sends, and however they interleave: what refers back finds what it refers to, each sender's in order."""
    peer = make_peer(accepting(DEFLATE))
    with connect(peer.url, options={**COMPRESSED, "write_limit": (50_000, 10_000)}) as connection:
        link = peer.link()
        start = threading.Barrier(4)

        def send(name):
            start.wait()
            for number in range(150):
                connection.send(f'{{"type": "append", "from": {name}, "number": {number}, "audio": "{"AbCd" * 40}"}}')

        senders = [run_in_thread(send, name) for name in range(4)]
        inflater, seen = Inflater(bits=13), {name: [] for name in range(4)}
        for _ in range(600):
            got = link.read_data()
            text = inflater.inflate(got.payload).decode()
            name, number = (int(part.split(",")[0]) for part in text.split(": ")[2:4])
            seen[name].append(number)
        for sender in senders:
            sender.result()
    assert all(numbers == list(range(150)) for numbers in seen.values())


def test_another_extension(make_peer):
    """An extension that marks each frame, holds bytes back and has parameters works through the same interface."""
    peer = make_peer(accepting(XOR))
    with connect(peer.url, options={**QUICK, "extensions": [Xor(7)]}) as connection:
        link = peer.link()
        connection.send("hello")
        got = link.read_frame()
        assert (got.opcode, got.rsv, got.payload) == (TEXT, 2, xor(b"hello", 7) + b".")
        link.write(frame(TEXT, xor(b"one", 7), rsv=2, fin=False) + frame(PING, b"p"))
        link.write(frame(CONTINUATION, b"", rsv=2, fin=False) + frame(CONTINUATION, xor(b"two", 7) + b".", rsv=2))
        link.write(frame(BINARY, b".", rsv=2) + frame(TEXT, b"?", rsv=2))
        assert [connection.receive(5) for _ in range(3)] == ["onetwo", b"", " (asked)"]
        assert link.read_frame().payload == b"p"
        link.write(frame(TEXT, b"unmarked"))
        with pytest.raises(ClosedError, match="RSV2"):
            connection.receive(5)
        assert link.read_frame().close_code == 1002


@pytest.mark.parametrize("order", [("xor", "deflate"), ("deflate", "xor")])
def test_two_extensions(make_peer, order):
    """Two extensions work together, in the order of the response."""
    accepted = {"xor": "x-xor; key=7", "deflate": "permessage-deflate"}
    peer = make_peer(accepting("Sec-WebSocket-Extensions: " + ", ".join(accepted[each] for each in order)))
    with connect(peer.url, options={**COMPRESSED, "extensions": [Xor(7)]}) as connection:
        link = peer.link()
        inflater, deflater = Inflater(), Deflater()
        text = "as in a mirror " * 20
        for message in (text, text, "short", ""):
            connection.send(message)
            got = link.read_frame()
            payload = got.payload
            for each in reversed(order):
                if each == "xor":
                    assert payload.endswith(b".")
                    payload = xor(payload[:-1], 7)
                elif got.rsv & 4:
                    payload = inflater.inflate(payload)
            assert payload.decode() == message
            for each in order:
                payload = xor(payload, 7) + b"." if each == "xor" else deflater.deflate(payload)
            link.write(frame(TEXT, payload[:3], rsv=6, fin=False) + frame(PING))
            if order[-1] == "deflate":
                link.write(frame(CONTINUATION, payload[3:], rsv=2))
                assert connection.receive(5) == message
            else:  # Xor looks at each frame for itself, and would take no byte for a mark.
                link.write(frame(CONTINUATION, payload[3:], rsv=2))
                assert connection.receive(5) == message
            link.read_frame()


# What goes wrong


class Failing(XorCodec):
    """A codec that fails as it is told."""

    def __init__(self, where, error):
        super().__init__(7)
        self.where, self.error = where, error

    def encode(self, opcode, payload):
        if self.where == "encode" and payload == b"now":
            raise self.error
        return super().encode(opcode, payload)

    def begin(self, opcode, rsv):
        if self.where == "begin":
            raise self.error
        return super().begin(opcode, rsv)

    def decode(self, data):
        if self.where == "decode":
            raise self.error
        return super().decode(data)


class Fails(Xor):
    def __init__(self, where, error):
        super().__init__()
        self.codec = Failing(where, error)

    def accept(self, parameters):  # noqa: ARG002
        return self.codec


@pytest.mark.parametrize("where", ["begin", "decode"])
def test_an_extension_that_fails_on_what_arrives(make_peer, where):
    """A codec that raises ends the connection with its error as the cause, and the server is told 1011."""
    error = ZeroDivisionError("its own fault")
    peer = make_peer(accepting(XOR))
    with connect(peer.url, options={**QUICK, "extensions": [Fails(where, error)]}) as connection:
        link = peer.link()
        link.write(frame(TEXT, b".", rsv=2))
        with pytest.raises(ClosedError, match=r"extension failed \(ZeroDivisionError") as caught:
            connection.receive(5)
        assert caught.value.code == 1011
        assert caught.value.__cause__.__cause__ is error
        assert link.read_frame().close_code == 1011


@pytest.mark.parametrize("error", [ZeroDivisionError("its own fault"), KeyboardInterrupt()])
def test_an_extension_that_fails_on_what_goes_out(make_peer, error):
    """A codec that raises, or is interrupted, ends the connection; what went before it has gone out."""
    peer = make_peer(accepting(XOR))
    connection = connect(peer.url, options={**QUICK, "extensions": [Fails("encode", error)]})
    link = peer.link()
    connection.send("before")
    if isinstance(error, Exception):
        connection.send("now")
    else:
        with pytest.raises(KeyboardInterrupt):
            connection.send("now")
    with pytest.raises(ClosedError) as caught:
        connection.send("after")
    assert caught.value.__cause__ is error
    with pytest.raises(ClosedError):
        connection.receive(5)
    assert link.read_frame().payload == xor(b"before", 7) + b"."
    assert link.read_eof() == b""


# Queues


def test_messages_go_from_one_kind_of_connection_to_another(make_peer):
    """What one connection prepared another can send, whichever of the two has extensions."""
    plain, packed = make_peer(), make_peer(accepting(DEFLATE))
    with connect(plain.url, options=QUICK) as one, connect(packed.url, options=COMPRESSED) as other:
        for size in (5, 100, 200, 70_000):
            text = "ab" * size
            for maker, user in itertools.product((one, other), (one, other)):
                outgoing = maker.prepare(text)
                assert len(outgoing) >= 2 * size
                assert user.offer(outgoing)
            one.pump()
            other.pump()
        inflater, plain_link, packed_link = Inflater(bits=13, step=200_000), plain.link(), packed.link()
        for size in (5, 5, 100, 100, 200, 200, 70_000, 70_000):
            assert plain_link.read_frame().text == "ab" * size
            got = packed_link.read_frame()
            assert (inflater.inflate(got.payload) if got.rsv else got.payload) == b"ab" * size


def test_back_pressure_and_close(make_peer):
    """Messages that wait count as they are, block senders at the mark, and go out before a close frame."""
    peer = make_peer(accepting(XOR))
    options = {
        "extensions": [Xor(7)],
        "close_timeout": 5,
        "write_limit": (300_000, 50_000),
        "sockopt": [(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)],
    }
    connection = connect(peer.url, options=options)
    link = peer.link()
    count = 0
    while connection.offer(connection.prepare(b"%06d" % count * 5_000)):
        connection.pump()
        count += 1
    assert connection.backlog >= 200_000
    closing = run_in_thread(connection.close)
    for number in range(count):
        got = link.read_data()
        assert xor(got.payload[:6], 7) == b"%06d" % number
    link.finish()
    closing.result()
    assert connection.backlog == 0
    with pytest.raises(ClosedOK):
        connection.receive(1)


def test_a_close_of_the_peer_discards_what_waits(make_peer):
    """When the server closes, messages that wait are discarded and only the answer goes out behind the one begun."""
    peer = make_peer(accepting(DEFLATE))
    options = {
        **COMPRESSED,
        "close_timeout": 5,
        "write_limit": None,
        "sockopt": [(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)],
    }
    connection = connect(peer.url, options=options)
    link = peer.link()
    pick = random.Random(4)  # noqa: S311  # to be repeatable
    noise = [b"again and " * 40 + pick.randbytes(60_000) for _ in range(120)]
    for each in noise:
        connection.send(each)
    assert connection.backlog
    link.close(1001)
    while connection.close_code is None:
        connection.service(5)
    reading = run_in_thread(connection.receive, 5)
    inflater, seen = Inflater(bits=13, step=100_000), []
    while (got := link.read_frame()).opcode != CLOSE:
        seen.append(inflater.inflate(got.payload))
    assert seen == noise[: len(seen)]
    assert len(seen) < len(noise)
    assert got.close_code == 1001
    link.drop()
    with pytest.raises(ClosedOK):
        reading.result()


def test_the_interface_can_be_told_apart():
    """Codec and Extension are abstract, and no answer at all is no codec."""
    for cls in (Extension, Codec):
        with pytest.raises(TypeError):
            cls()
    assert agree([Xor()], None) is None
