"""Streams as server-sent events."""

from __future__ import annotations

import gc
import json
import threading

import pytest

from realtime_sync.contrib import BadInput, ServerSentEvents, frame, text_events
from realtime_sync.errors import ConnectError, RateLimitError, TurnInterrupted
from realtime_sync.wire import parse_event
from tests.contrib.support import ScriptedStream, delta, frames
from tests.support.waiting import run_in_thread, wait_until


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("rts-sse-")]


def test_text_then_done():
    """The pieces of text come in order, then the end with the response's id and status."""
    stream = ScriptedStream(delta("Hel"), delta("lo"), None)
    body = b"".join(ServerSentEvents(stream))
    assert frames(body) == [
        ("delta", {"text": "Hel"}),
        ("delta", {"text": "lo"}),
        ("done", {"id": "resp_1", "status": "completed"}),
    ]
    assert stream.closed.is_set()


def test_every_event_ends_with_an_empty_line_and_has_one_line_of_data():
    """Line breaks in the text cannot end an event or begin another one."""
    sent = frame("delta", {"text": "a\n\nevent: done\r\ndata: {}\r\r"})
    assert sent.endswith(b"\n\n")
    assert sent.count(b"\n") == 3
    assert b"\r" not in sent


def test_half_a_surrogate_pair():
    """A piece may end within an emoji; the browser puts the halves together."""
    halves = [frames(frame("delta", {"text": half}))[0][1]["text"] for half in ("\ud83d", "\ude00")]
    assert "".join(halves).encode("utf-16", "surrogatepass").decode("utf-16") == "\N{GRINNING FACE}"


def test_heartbeat_while_nothing_comes():
    """A silent stream sends comments, and goes on with what comes then."""
    stream = ScriptedStream()
    events = ServerSentEvents(stream, heartbeat=0.01)
    first = next(events)
    assert first.startswith(b":")
    assert first.endswith(b"\n\n")
    stream.queue.put(delta("x"))
    rest = next(chunk for chunk in events if not chunk.startswith(b":"))
    assert frames(rest) == [("delta", {"text": "x"})]
    events.close()


def test_closing_leaves_the_stream_while_it_is_silent():
    """The browser goes while the model thinks: the stream is closed at once, and no thread stays."""
    stream = ScriptedStream()
    events = ServerSentEvents(stream, heartbeat=0.01)
    next(events)
    events.close()
    assert stream.closed.is_set()
    wait_until(lambda: not readers(), what="the end of the reading thread")


def test_closing_from_another_thread_ends_the_wait():
    """A thread that waits for the next event without a heartbeat is woken, and is told of no failure."""
    stream = ScriptedStream()
    events = ServerSentEvents(stream, heartbeat=None)
    waiting = run_in_thread(lambda: list(events))
    events.close()
    assert waiting.result() == []


def test_a_response_that_is_never_sent_ends_with_it():
    """Dropped without close, it has the reading thread leave at the next event, and close the stream."""
    stream = ScriptedStream()
    ServerSentEvents(stream)
    gc.collect()
    stream.queue.put(delta("x"))
    assert stream.closed.wait(5)
    wait_until(lambda: not readers(), what="the end of the reading thread")


def test_a_slow_browser_stops_the_reading():
    """Not more than 256 events are read ahead of what the browser took; the rest stays in the stream."""
    stream = ScriptedStream(*[delta(str(n)) for n in range(1000)], None)
    events = ServerSentEvents(stream)
    wait_until(lambda: stream.queue.qsize() == 1001 - 257, what="the reader at its limit")
    body = b"".join(events)
    assert [data.get("text") for _, data in frames(body)][:1000] == [str(n) for n in range(1000)]


def test_what_fails_first_raises():
    """A failure before any text is raised by `begin`, so that it can become a status; the stream is closed."""
    stream = ScriptedStream(ConnectError("refused"))
    with pytest.raises(ConnectError):
        ServerSentEvents(stream).begin()
    assert stream.closed.is_set()


def test_what_fails_at_the_end_raises_if_there_was_no_text():
    """An error event ends a stream without raising there: `begin` finds out by asking for the response."""
    stream = ScriptedStream(None, failure=RateLimitError("slow down", status=429, retry_after=7))
    with pytest.raises(RateLimitError):
        ServerSentEvents(stream).begin()


def test_begin_waits_no_longer_than_the_heartbeat(caplog):
    """A stream that stays silent begins with a comment; its failure comes as an event then, and is logged."""
    stream = ScriptedStream()
    events = ServerSentEvents(stream, heartbeat=0.01).begin()
    stream.queue.put(TurnInterrupted("cut"))
    body = b"".join(events)
    assert body.startswith(b":")
    assert frames(body) == [
        ("failed", {"code": "cut_off", "message": "The answer was cut off. Please try again."}),
    ]
    assert "TurnInterrupted: cut" in caplog.text


def test_text_before_a_failure_is_not_lost():
    """What came before a failure goes out before it, though both were waiting."""
    stream = ScriptedStream(delta("par"), delta("tial"), TurnInterrupted("cut"))
    events = ServerSentEvents(stream)
    wait_until(lambda: not readers(), what="everything read")
    assert [name for name, _ in frames(b"".join(events.begin()))] == ["delta", "delta", "failed"]


@pytest.mark.parametrize("debug", [False, True])
def test_the_hint_is_for_developers(debug):
    """What went wrong inside is sent only where the application is debugged."""
    stream = ScriptedStream(delta("x"), RuntimeError("the database is at 10.0.0.3"))
    body = b"".join(ServerSentEvents(stream, debug=debug))
    assert (b"10.0.0.3" in body) is debug
    assert frames(body)[-1][1]["code"] == "internal"


def test_a_describer_of_ones_own():
    """The caller chooses what the browser gets; None leaves an event out."""
    stream = ScriptedStream(delta("a"), delta("b"), None)
    described = ServerSentEvents(
        stream, describe=lambda event: ("t", {"d": event.delta}) if event.delta == "b" else None
    )
    assert [name for name, _ in frames(b"".join(described))] == ["t", "done"]


def test_a_describer_that_fails_ends_the_stream():
    """A bug in it is told and logged, and the response abandoned."""

    def describe(event):
        raise ZeroDivisionError

    stream = ScriptedStream(delta("a"))
    assert [name for name, _ in frames(b"".join(ServerSentEvents(stream, describe=describe)))] == ["failed"]
    assert stream.closed.is_set()


@pytest.mark.parametrize(
    ("event", "described"),
    [
        ({"type": "response.refusal.delta", "delta": "No."}, ("refusal", {"text": "No."})),
        ({"type": "response.output_text.delta"}, None),
        ({"type": "response.some_day", "delta": "x"}, None),
    ],
    ids=["refusal", "misfit", "unknown"],
)
def test_what_is_described(event, described):
    """A refusal is told as one; what does not fit its type, or is of a type from the future, is left out."""
    fields = {"item_id": "i", "output_index": 0, "content_index": 0, "sequence_number": 1}
    assert text_events(parse_event(json.dumps({**event, **fields}), "responses")) == described


def test_instructions_do_not_leak():
    """The event that begins a response repeats the instructions; it is not sent."""
    created = {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "instructions": "secret"}}
    stream = ScriptedStream(parse_event(json.dumps(created), "responses"), None)
    assert b"secret" not in b"".join(ServerSentEvents(stream))


def test_bad_input_found_late_is_told_in_its_words():
    """The message of `BadInput` is made for visitors."""
    stream = ScriptedStream(delta("x"), BadInput("Ask something shorter."))
    assert frames(b"".join(ServerSentEvents(stream)))[-1][1]["message"] == "Ask something shorter."
