"""Server-sent events: the standard's rules, whatever the pieces."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import RemoteProtocolError
from realtime_sync.http import ServerSentEvent, SseParser


def parse(*pieces: bytes) -> list[tuple[str, str, str]]:
    parser = SseParser()
    return [(each.event, each.data, each.id) for piece in pieces for each in parser.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [("", "a", "")]),
        (b"event: e\ndata: a\nid: 7\n\n", [("e", "a", "7")]),
        (b"data: a\ndata:b\ndata\ndata:  c\n\n", [("", "a\nb\n\n c", "")]),
        (b": comment\n\n:\n\ndata: a\n\n", [("", "a", "")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [("", "a", ""), ("", "b", ""), ("", "c", "")]),
        (b"event: e\n\ndata: a\n\n", [("", "a", "")]),
        (b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [("", "a", "1"), ("", "b", "1"), ("", "c", "")]),
        (b"id: a\0b\ndata: a\n\n", [("", "a", "")]),
        (b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n", [("", "a", ""), ("", "\ufeffb", "")]),
        (b"unknown: x\nDATA: y\n data: z\n\n", []),
        ("data: žluťoučký\u2028kůň\n\n".encode(), [("", "žluťoučký\u2028kůň", "")]),
        (b"data: \xff\n\n", [("", "\ufffd", "")]),
        (b'data: {"a": "b: c"}\n\n', [("", '{"a": "b: c"}', "")]),
        (b"data: unfinished\n", []),
        (b"data:\n\n", [("", "", "")]),
    ],
)
def test_the_rules(stream, expected):
    """Fields, joined data, comments, every end of line, a byte order mark; nothing that is not complete."""
    assert parse(stream) == expected
    assert parse(*(stream[i : i + 1] for i in range(len(stream)))) == expected
    assert parse(*(part for i in range(len(stream)) for part in (stream[i : i + 1], b""))) == expected


LINES = st.lists(
    st.tuples(
        st.sampled_from(
            ["data: a", "data:ž", "event: e", "id: 1", ":", "", "", "retry: 10", "data", "x: y", "data: [DONE]"]
        ),
        st.sampled_from(["\n", "\r", "\r\n"]),
    ),
    max_size=12,
).map(lambda lines: "".join(map("".join, lines)).encode())


@given(LINES, st.lists(st.integers(0, 120), max_size=6))
def test_where_it_is_cut_makes_no_difference(stream, cuts):
    """The events of a stream are the same however it is cut into pieces."""
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert parse(*pieces) == parse(stream)


@given(st.binary(max_size=60))
def test_nothing_is_refused(stream):
    """Any bytes give some events, or none."""
    for event in SseParser(max_size=100).feed(stream):
        assert isinstance(event, ServerSentEvent)


def test_what_is_cut_off_shows():
    """A parser knows whether a stream that ends now would cut an event in two."""
    parser = SseParser()
    assert parser.is_idle
    for piece, idle in ((b"data: a", False), (b"\n", False), (b"\n", True), (b"event: e\n", False), (b"\n", True)):
        parser.feed(piece)
        assert parser.is_idle is idle
    parser.feed(b"data: half of a li")
    assert parser.unfinished == b"data: half of a li"


def test_the_wish_to_wait():
    """`retry` is a number of milliseconds; anything else is ignored."""
    parser = SseParser()
    parser.feed(b"retry: 1500\nretry: x\nretry: \nretry: -1\n")
    assert parser.retry == 1500


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"data: a\n"] * 3, [b"data: " + b"x" * 11 + b"\n"]])
def test_too_much_is_refused(pieces):
    """Neither a line without end nor an event without end fills the memory."""
    parser = SseParser(max_size=10)
    with pytest.raises(RemoteProtocolError, match="max_size") as caught:
        for piece in pieces:
            parser.feed(piece)
    assert caught.value.code == 1009


def test_many_events_of_moderate_size_pass():
    """The limit is for one event, and for one line."""
    parser = SseParser(max_size=10)
    assert sum(len(parser.feed(b"data: abc\n\n")) for _ in range(10)) == 10
