"""Streams of events over HTTP: the events, results and errors of a stream over a WebSocket."""

from __future__ import annotations

import gc
import json
import threading
import time

import pytest
from attrs import evolve

from realtime_sync import Client
from realtime_sync.errors import (
    ClosedOK,
    DecodeError,
    LocalProtocolError,
    RemoteProtocolError,
    RequestTimeout,
    ResponseFailed,
    ServerError,
    TurnInterrupted,
)
from realtime_sync.types import UndecodableEvent, UnknownEvent
from realtime_sync.types.responses import ResponseTextDeltaEvent
from tests.support.waiting import run_in_thread, wait_until
from tests.support.web import base_url, completed, created, response, web

ASK = {"model": "m", "input": "hi"}


@pytest.fixture
def make_client(make_peer):
    """Make clients of a server with a script: ``make_client(script, **settings)``."""
    made = []

    def make(script, **settings):
        peer = make_peer(web(script))
        made.append(Client(base_url=base_url(peer), api_key="sk-key-of-ours", **{"max_retries": 0, **settings}))
        made[-1].peer = peer
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_events_text_and_result(make_client):
    """Typed events in order; the text in pieces; the response, also after the events; the request asks for a stream."""
    seen = []

    def script(exchange):
        seen.append(exchange)
        completed(exchange)

    client = make_client(script)
    with client.responses.stream(**ASK) as stream:
        events = list(stream)
        final = stream.response()
    assert [each.type for each in events] == [
        "response.created",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.completed",
    ]
    assert isinstance(events[1], ResponseTextDeltaEvent)
    assert final.output_text == "Hello"
    assert stream.get_final_response() is final
    assert list(client.responses.create(stream=True, **ASK).text()) == ["Hel", "lo"]
    assert client.responses.stream(**ASK).response().output_text == "Hello"
    assert seen[0].json == {**ASK, "stream": True}
    assert seen[0].headers["accept"] == "text/event-stream"
    assert client.peer.accepted == 1


def test_events_come_as_they_are_sent(make_client):
    """One at a time, without waiting for more."""
    steps = [threading.Event() for _ in range(3)]

    def script(exchange):
        exchange.begin()
        for number, step in enumerate(steps):
            step.wait(10)
            exchange.event(
                "response.output_text.delta", item_id="i", delta=str(number), output_index=0, content_index=0
            )
        exchange.event("response.completed", response=response(text="012"))
        exchange.end()

    pieces = make_client(script).responses.stream(**ASK).text()
    for number, step in enumerate(steps):
        step.set()
        assert next(pieces) == str(number)
    assert list(pieces) == []


FORMS = {
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "cr": lambda data: data.replace(b"\n", b"\r"),
    "comments": lambda data: b": ping\n\n" + data.replace(b"\n\n", b"\n: more\n\n: ping\n\n"),
    "no event lines": lambda data: b"".join(
        line for line in data.splitlines(keepends=True) if not line.startswith(b"event")
    ),
    "done": lambda data: data + b"data: [DONE]\n\n",
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
}


@pytest.mark.parametrize("length", [True, False], ids=["length", "to the end"])
@pytest.mark.parametrize("form", FORMS)
def test_forms_of_streams(make_client, form, length):
    """Every way that servers write them, in chunks of any size, with a length, or up to the end of the connection."""
    events = [
        {"type": "response.created", "response": response("in_progress")},
        {"type": "response.output_text.delta", "item_id": "i", "delta": "žluť", "output_index": 0, "content_index": 0},
        {"type": "response.completed", "response": response(text="žluť")},
    ]
    data = "".join(
        f"event: {each['type']}\ndata: {json.dumps(each, ensure_ascii=False)}\n\n" for each in events
    ).encode()
    data = FORMS[form](data)

    def script(exchange):
        exchange.link.respond(200, "Content-Type: text/event-stream; charset=utf-8", body=data, length=length)
        if not length:
            exchange.link.drop()

    with make_client(script).responses.stream(**ASK) as stream:
        assert "".join(stream.text()) == "žluť"
        assert stream.response().output_text == "žluť"


def test_every_cut_of_the_bytes(make_client):
    """Chunks of one byte give the same events."""

    def script(exchange):
        exchange.begin()
        data = {"type": "response.completed", "response": response(text="ž")}
        for byte in f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode():
            exchange.chunk(bytes([byte]))
        exchange.end()

    assert make_client(script).responses.stream(**ASK).response().output_text == "ž"


# Statuses and errors


def failing(exchange):
    created(exchange)
    error = {"code": "server_error", "message": "it broke"}
    exchange.event("response.failed", response=response("failed", error=error))
    exchange.end()


def test_statuses(make_client):
    """Iterating never raises for one; the result raises for "failed" only."""
    client = make_client(failing)
    with client.responses.stream(**ASK) as stream:
        assert [each.type for each in stream][-1] == "response.failed"
        with pytest.raises(ResponseFailed, match="it broke") as caught:
            stream.response()
    assert caught.value.response.id == "resp_1"

    def incomplete(exchange):
        exchange.begin()
        exchange.event("response.incomplete", response=response("incomplete", text="Hel"))
        exchange.end()

    assert make_client(incomplete).responses.stream(**ASK).response().status == "incomplete"


def test_a_whole_answer_that_failed(make_client):
    """Raises like the result of a stream; one that is not complete returns."""
    bodies = [
        response("failed", error={"code": "c", "message": "it broke"}),
        response("incomplete"),
        response("queued"),
    ]
    client = make_client(lambda exchange: exchange.reply(200, bodies.pop(0)))
    with pytest.raises(ResponseFailed, match="it broke"):
        client.responses.create(**ASK)
    assert client.responses.create(**ASK).status == "incomplete"
    assert client.responses.create(**ASK, background=True).status == "queued"


ERRORS = {
    "flat": b'event: error\ndata: {"type": "error", "code": "c", "message": "it broke", "param": null}\n\n',
    "nested": b'event: error\ndata: {"type": "error", "error": {"code": "c", "message": "it broke"}}\n\n',
    "without a type": b'event: error\ndata: {"code": "c", "message": "it broke"}\n\n',
    "with an error only": b'data: {"error": {"code": "c", "message": "it broke"}}\n\n',
    "with our key": b'data: {"error": {"code": "c", "message": "it broke on sk-key-of-ours"}}\n\n',
}


@pytest.mark.parametrize("form", ERRORS)
def test_an_error_event_ends_a_stream(make_client, form):
    """It is the last event, and what the result raises; proxies that leave the type out are understood."""

    def script(exchange):
        created(exchange)
        exchange.chunk(ERRORS[form])
        exchange.end()

    with make_client(script).responses.stream(**ASK) as stream:
        assert [each.type for each in stream][-1] == "error"
        with pytest.raises(ServerError, match="it broke") as caught:
            stream.response()
    assert caught.value.code == "c"
    assert "sk-key-of-ours" not in repr(vars(caught.value))


def test_an_error_of_plain_text(make_client):
    """By its name it is one, and what it says is told."""

    def script(exchange):
        created(exchange)
        exchange.chunk(b"event: error\ndata: it broke\n\n")
        exchange.end()

    with make_client(script).responses.stream(**ASK) as stream, pytest.raises(ServerError, match="it broke"):
        stream.response()


def test_what_cannot_be_read_is_an_event(make_client):
    """Neither an unknown event, nor one that does not fit, nor one that is none, ends a stream."""

    def script(exchange):
        created(exchange)
        exchange.event("response.sparkle", glitter=1)
        exchange.event("response.output_text.delta", item_id=5, delta=[])
        exchange.chunk(b"data: {half of\n\ndata: [1]\n\n")
        exchange.event("response.completed", response=response(text="fine"))
        exchange.end()

    with make_client(script).responses.stream(**ASK) as stream:
        kinds = [type(each) for each in stream]
        assert stream.response().output_text == "fine"
    assert kinds[2:6] == [UnknownEvent, UnknownEvent, UndecodableEvent, UndecodableEvent]


def test_a_last_event_that_does_not_fit(make_client):
    """Ends the stream all the same; the result says what did not fit."""

    def script(exchange):
        created(exchange)
        exchange.event("response.completed", response=5)
        exchange.end()

    with make_client(script).responses.stream(**ASK) as stream, pytest.raises(DecodeError, match="response"):
        stream.response()


# Cut off

CUTS = {
    "in a line": lambda exchange: (exchange.chunk(b'data: {"type": "resp'), exchange.link.drop()),
    "in a line, in order": lambda exchange: (exchange.chunk(b'data: {"type": "resp'), exchange.end()),
    "in an event": lambda exchange: (exchange.chunk(b"event: response.completed\n"), exchange.end()),
    "between events": lambda exchange: exchange.link.drop(),
    "between events, in order": lambda exchange: exchange.end(),
    "in a chunk": lambda exchange: (exchange.link.write(b"ff\r\ndata: "), exchange.link.drop()),
    "by a reset": lambda exchange: exchange.link.reset(),
    "by [DONE]": lambda exchange: (exchange.chunk(b"data: [DONE]\n\n"), exchange.link.stall()),
}


@pytest.mark.parametrize("where", CUTS)
def test_a_stream_that_is_cut_off(make_client, where):
    """Is a `TurnInterrupted` with what had come, again if asked again; it is not made again by itself."""
    attempts = []

    def script(exchange):
        attempts.append(exchange)
        created(exchange)
        reading.wait(10)
        CUTS[where](exchange)

    reading = threading.Event()
    with make_client(script, max_retries=2).responses.stream(**ASK, store=False) as stream:
        got = [next(stream).type, next(stream).type]
        reading.set()
        with pytest.raises(TurnInterrupted, match="cut off") as caught:
            next(stream)
        with pytest.raises(TurnInterrupted):
            stream.response()
    assert got == ["response.created", "response.output_text.delta"]
    error = caught.value
    assert error.partial.id == "resp_1"
    assert error.partial.output_text == "Hel"
    assert (error.closed_by, error.code, error.replay_safe) == ("lost", 1006, False)
    assert len(attempts) == 1
    if where.startswith(("in a line, ", "in an event")):
        assert "in the midst of an event" in str(error)


def test_a_stream_ends_in_time(make_client):
    """`timeout` is for the whole of it, however lively it is; what had come is in the error."""

    def script(exchange):
        created(exchange)
        exchange.link.drip(b"6\r\n: hi\n\n\r\n" * 200, 0.005)

    with make_client(script, timeout=20).responses.stream(**ASK) as stream:
        next(stream), next(stream)
        start = time.monotonic()
        stream._answer._deadline.at = start + 0.2  # Nearly all of the time was spent before.
        with pytest.raises(RequestTimeout, match="20 s") as caught:
            stream.response()
        assert 0.15 < time.monotonic() - start < 3
        with pytest.raises(RequestTimeout):
            next(stream)
    assert caught.value.partial.output_text == "Hel"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", "<html>Sign in, sk-key-of-ours!</html>"),
        ("application/json", json.dumps(response(text="whole"))),
        ("text/html; charset=utf-8", ""),
    ],
)
def test_something_else_than_a_stream(make_client, content_type, body):
    """A page or an object instead of events is a `DecodeError`, with it."""
    client = make_client(lambda exchange: exchange.reply(200, body, f"Content-Type: {content_type}"))
    with pytest.raises(DecodeError, match=content_type.split(";")[0]) as caught:
        client.responses.stream(**ASK)
    assert caught.value.raw == body.replace("sk-key-of-ours", "[redacted]")
    wait_until(lambda: not client.http._made["http"]._running, what="the end")


def test_a_page_without_end(make_client):
    """Is not read to it."""

    def script(exchange):
        exchange.begin(content_type="text/html")
        for _ in range(3):
            exchange.chunk(b"x" * 50_000)
        exchange.link.read_eof()

    with pytest.raises(DecodeError) as caught:
        make_client(script).responses.stream(**ASK)
    assert len(caught.value.raw) == 65536


def test_the_id_of_the_request(make_client):
    """Is told by the stream, for whoever asks the server's support."""

    def script(exchange):
        exchange.begin("x-request-id: req_1")
        exchange.event("response.completed", response=response())
        exchange.end()

    with make_client(script).responses.stream(**ASK) as stream:
        assert stream.request_id == "req_1"


def test_a_page_that_never_ends(make_client):
    """Is told in time."""

    def script(exchange):
        exchange.begin(content_type="text/html")
        exchange.chunk(b"<html>")
        exchange.link.stall()

    with pytest.raises(DecodeError) as caught:
        make_client(script, timeout=0.6).responses.stream(**ASK)
    assert caught.value.raw == "<html>"


def test_a_page_under_a_wrong_name(make_client):
    """HTML that calls itself a stream has no event, and so no end."""
    client = make_client(lambda exchange: exchange.reply(200, "<html>\n\n</html>", "Content-Type: text/event-stream"))
    with client.responses.stream(**ASK) as stream, pytest.raises(TurnInterrupted) as caught:
        list(stream)
    assert caught.value.partial is None


def test_an_event_that_is_too_large(make_client):
    """Ends the stream with a clear error, before it fills the memory."""

    def script(exchange):
        created(exchange)
        exchange.chunk(b"data: " + b"x" * 20_000)
        exchange.link.stall()

    with make_client(script, options={"max_size": 10_000}).responses.stream(**ASK) as stream:
        with pytest.raises(RemoteProtocolError, match="max_size"):
            stream.response()
        with pytest.raises((TurnInterrupted, ClosedOK)):
            next(stream)


# Leaving


def gone(exchange, ended):
    created(exchange)
    exchange.link.read_eof()
    ended.set()


@pytest.mark.parametrize("how", ["with", "close", "drop", "client"])
def test_leaving_early_closes_the_connection(make_client, how):
    """Which is how the server learns that nobody listens."""
    ended = threading.Event()
    client = make_client(lambda exchange: gone(exchange, ended))
    stream = client.responses.stream(**ASK)
    next(stream)
    if how == "with":
        with stream:
            next(stream)
    elif how == "close":
        stream.close()
        stream.close()
    elif how == "client":
        client.close()
    if how in ("with", "close"):
        assert list(stream) == []
        with pytest.raises(LocalProtocolError, match="closed before"):
            stream.response()
    elif how == "client":
        with pytest.raises(TurnInterrupted) as caught:
            list(stream)
        assert caught.value.closed_by == "local"
    del stream
    gc.collect()
    assert ended.wait(10)


@pytest.mark.parametrize("who", ["stream", "client"])
def test_closing_from_another_thread(make_client, who):
    """Ends the wait of whoever iterates: in order after a close of the stream, else with what had come."""
    ended = threading.Event()
    client = make_client(lambda exchange: gone(exchange, ended))
    stream = client.responses.stream(**ASK)
    next(stream), next(stream)
    running = run_in_thread(list, stream)
    (stream if who == "stream" else client).close()
    if who == "stream":
        assert running.result(5) == []
    else:
        with pytest.raises(TurnInterrupted) as caught:
            running.result(5)
        assert (caught.value.closed_by, caught.value.partial.output_text) == ("local", "Hel")
    assert ended.wait(10)


def test_a_finished_stream_keeps_the_connection(make_client):
    """Even if the end of the body comes after the last event, and a server that never ends it costs a moment."""
    ends = threading.Event()

    def script(exchange):
        created(exchange)
        exchange.event("response.completed", response=response(text="Hello"))
        if ends.is_set():
            exchange.end()
        else:
            exchange.link.read_eof()

    client = make_client(script)
    start = time.monotonic()
    assert client.responses.stream(**ASK).response().output_text == "Hello"
    assert time.monotonic() - start < 3
    ends.set()
    for _ in range(3):
        assert client.responses.stream(**ASK).response().output_text == "Hello"
    assert client.peer.accepted == 2


def test_the_partial_response_is_a_response(make_client):
    """It can be used like any other."""

    def script(exchange):
        created(exchange)
        exchange.link.drop()

    with make_client(script).responses.stream(**ASK) as stream, pytest.raises(TurnInterrupted) as caught:
        stream.response()
    partial = caught.value.partial
    assert evolve(partial, status="incomplete").to_dict()["output"][0]["content"][0]["text"] == "Hel"
