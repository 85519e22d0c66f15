"""Callbacks: order, isolation, dispatching, and the end."""

from __future__ import annotations

import logging
import threading

import pytest

from realtime_sync.errors import LocalProtocolError, SlowConsumer
from realtime_sync.session import CallbackError, Closed, Opened
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until

DELTA = "response.output_text.delta"


class Recorder:
    """A handler that keeps what it was given and who called it."""

    def __init__(self):
        self.events = []
        self.threads = set()

    def __call__(self, event):
        self.events.append(event)
        self.threads.add(threading.current_thread().name)


def test_callbacks_run_in_order_on_one_thread_of_their_own(connect):
    """Every matching event, in the server's order; the mailbox has them too."""
    rt, peer = connect()
    handler = Recorder()
    rt.on(DELTA, handler)
    for n in range(50):
        peer.delta(str(n))
    wait_until(lambda: len(handler.events) == 50)
    assert [event.delta for event in handler.events] == [str(n) for n in range(50)]
    assert len(handler.threads) == 1
    assert next(iter(handler.threads)).startswith("rts-callbacks-")


def test_handlers_given_to_connect_see_the_first_event(connect):
    """They are registered before the first read, and hear of the opening."""
    opened, everything = Recorder(), Recorder()
    _, peer = connect(handlers={"open": opened, "*": everything})
    peer.send("session.created", session=SESSION)
    wait_until(lambda: everything.events)
    assert everything.events[0].type == "session.created"
    assert [type(event) for event in opened.events] == [Opened]


def test_open_on_an_open_session_is_called_once(connect):
    """A late handler for "open" is called at once, and only once."""
    rt, _ = connect()
    wait_until(lambda: rt._core.callbacks.opened)
    late = Recorder()
    rt.on("open", late)
    wait_until(lambda: late.events)
    second = Recorder()
    rt.on("open", second)
    wait_until(lambda: second.events)
    assert len(late.events) == 1


def test_once_and_off_and_cancel(connect):
    """once: one event; off and cancel: no more, also for events already queued."""
    rt, peer = connect()
    once, cancelled, removed, always = Recorder(), Recorder(), Recorder(), Recorder()
    gate = threading.Event()
    rt.on(DELTA, lambda event: gate.wait(10))
    rt.once(DELTA, once)
    registration = rt.on(DELTA, cancelled)
    rt.on(DELTA, removed)
    rt.on(DELTA, always)
    for piece in "abc":
        peer.delta(piece)
    wait_until(lambda: rt.stats.events_received == 3)
    registration.cancel()
    rt.off(DELTA, removed)
    gate.set()
    wait_until(lambda: len(always.events) == 3)
    assert [event.delta for event in once.events] == ["a"]
    assert cancelled.events == []
    assert removed.events == []


def test_on_as_a_decorator_and_both_names_of_a_beta_event(connect):
    """@rt.on returns the function; a handler may use the beta name or the GA name."""
    rt, peer = connect()
    seen = []

    @rt.on("response.text.delta")
    def beta(event):
        seen.append(("beta", event.type, event.wire_type))

    @rt.on(DELTA)
    def current(event):
        seen.append(("ga", event.type, event.wire_type))

    assert callable(beta)
    assert callable(current)
    peer.send("response.text.delta", response_id="r", item_id="i", output_index=0, content_index=0, delta="x")
    wait_until(lambda: len(seen) == 2)
    assert seen == [(name, DELTA, "response.text.delta") for name in ("beta", "ga")]


def test_a_callback_that_raises_is_reported_and_the_next_runs(connect, caplog):
    """To "callback_error" handlers if there are any, else to the log; dispatch goes on."""
    rt, peer = connect()
    after = Recorder()
    boom = ValueError("boom")

    def bad(event):
        raise boom

    rt.on(DELTA, bad)
    rt.on(DELTA, after)
    peer.delta("a")
    wait_until(lambda: after.events)
    wait_until(lambda: "boom" in caplog.text)
    reports = Recorder()
    rt.on("callback_error", reports)
    peer.delta("b")
    wait_until(lambda: reports.events)
    report = reports.events[0]
    assert isinstance(report, CallbackError)
    assert report.error is boom
    assert report.handler is bad
    assert report.event.delta == "b"


def test_a_callback_error_handler_that_raises_is_only_logged(connect, caplog):
    """No endless loop of reports about reports."""
    rt, peer = connect()

    def bad(event):
        raise RuntimeError("inner")

    rt.on("callback_error", bad)
    rt.on(DELTA, bad)
    peer.delta("a")
    wait_until(lambda: "inner" in caplog.text)
    peer.send("session.created", session=SESSION)
    assert rt.wait_for("session.created", timeout=10)


def test_a_callback_that_exits_the_thread_is_reported(connect, caplog):
    """SystemExit in a handler does not end the callbacks thread."""
    rt, peer = connect()
    after = Recorder()

    def leave(event):
        raise SystemExit

    rt.on(DELTA, leave)
    rt.on("session.created", after)
    peer.delta("a")
    peer.send("session.created", session=SESSION)
    wait_until(lambda: after.events)


def test_a_callback_that_blocks_for_ever_hangs_nobody_else(connect, caplog):
    """receive, send and close work beside it; close returns in time and names the thread it leaves."""
    rt, peer = connect()
    gate = threading.Event()
    inside = threading.Event()

    def block(event):
        inside.set()
        gate.wait(60)

    rt.on(DELTA, block)
    peer.delta("a")
    assert inside.wait(10)
    peer.delta("b")
    assert [rt.receive(timeout=10).delta for _ in range(2)] == ["a", "b"]
    rt.send({"type": "still.works"})
    assert peer.receive()["type"] == "still.works"
    closing = run_in_thread(rt.close)
    closing.result()
    assert closing.took < 4
    assert "rts-callbacks" in caplog.text
    gate.set()


def test_callbacks_that_fall_behind_lose_what_waits_and_hear_of_it(connect):
    """Past max_queue_bytes the waiting calls are dropped, counted and reported; dispatch goes on."""
    rt, peer = connect(options={"max_queue_bytes": 3000})
    gate = threading.Event()
    handler, reports = Recorder(), Recorder()

    def slow(event):
        gate.wait(10)
        handler(event)

    rt.on(DELTA, slow)
    rt.on("callback_error", reports)
    for n in range(60):
        peer.delta(str(n))
    wait_until(lambda: rt.stats.callbacks_dropped)
    wait_until(lambda: rt.stats.events_received == 60)
    gate.set()
    wait_until(lambda: reports.events)
    assert isinstance(reports.events[0].error, SlowConsumer)
    wait_until(lambda: handler.events and handler.events[-1].delta == "59")
    assert len(handler.events) < 60 <= len(handler.events) + rt.stats.callbacks_dropped


def test_urgent_callbacks_do_not_queue_behind_others(connect):
    """Barge-in must not wait for a slow handler."""
    rt, peer = connect()
    gate = threading.Event()
    urgent = Recorder()
    rt.on(DELTA, lambda event: gate.wait(10))
    rt.on(DELTA, urgent, urgent=True)
    peer.delta("a")
    peer.delta("b")
    wait_until(lambda: len(urgent.events) == 2)
    assert next(iter(urgent.threads)).startswith("rts-urgent-")
    gate.set()


def test_close_handlers_run_last_and_once(connect):
    """After a remote close every event before it is delivered first."""
    rt, peer = connect()
    seen = []
    rt.on("*", lambda event: seen.append(event.delta))
    rt.on("close", seen.append)
    for n in range(20):
        peer.delta(str(n))
    peer.close(1001, "going away")
    wait_until(lambda: seen and isinstance(seen[-1], Closed))
    assert seen[:-1] == [str(n) for n in range(20)]
    assert (seen[-1].code, seen[-1].reason) == (1001, "going away")


def test_a_local_close_discards_callbacks_not_yet_started(connect):
    """They are counted; "close" is still called."""
    rt, peer = connect()
    gate = threading.Event()
    inside = threading.Event()
    seen = []

    def handler(event):
        inside.set()
        gate.wait(10)
        seen.append(event.delta)

    rt.on(DELTA, handler)
    rt.on("close", lambda event: seen.append("closed"))
    for n in range(10):
        peer.delta(str(n))
    wait_until(lambda: rt.stats.events_received == 10)
    assert inside.wait(10)
    rt.start_close()
    assert rt.wait_closed(10)
    gate.set()
    wait_until(lambda: "closed" in seen)
    assert seen == ["0", "closed"]
    assert rt.stats.callbacks_discarded == 9


def test_a_handler_that_only_listens_never_freezes_the_session(connect):
    """A script with handlers only: the mailbox keeps the newest and the reader goes on."""
    rt, peer = connect(options={"max_queue": 8})
    handler = Recorder()
    rt.on(DELTA, handler)
    for n in range(200):
        peer.delta(str(n))
    wait_until(lambda: len(handler.events) == 200)
    assert rt.stats.mailbox_events == 8


def test_dispatch_events_runs_callbacks_on_the_calling_thread(connect):
    """Until the session ends; the callbacks thread stands back meanwhile, and the order holds."""
    rt, peer = connect()
    handler = Recorder()
    rt.on("*", handler)

    dispatching = run_in_thread(rt.dispatch_events)
    wait_until(lambda: rt._core.callbacks.ordinary._guests)
    for n in range(30):
        peer.delta(str(n))
    peer.close()
    assert dispatching.result() is True
    assert [event.delta for event in handler.events] == [str(n) for n in range(30)]
    assert handler.threads == {"test-call"}


def test_dispatch_events_has_a_time_out_and_hands_back(connect):
    """False at the deadline; afterwards the callbacks thread goes on."""
    rt, peer = connect()
    handler = Recorder()
    rt.on(DELTA, handler)
    assert rt.dispatch_events(timeout=0.05) is False
    peer.delta("a")
    wait_until(lambda: handler.events)
    assert next(iter(handler.threads)).startswith("rts-callbacks-")


def test_dispatch_events_from_a_callback_is_refused(connect):
    """It would wait for itself."""
    rt, peer = connect()
    caught = []

    def handler(event):
        with pytest.raises(LocalProtocolError) as error:
            rt.dispatch_events()
        caught.append(error.value)

    rt.on(DELTA, handler)
    peer.delta("a")
    wait_until(lambda: caught)


def test_closing_inside_dispatch_events_returns(connect):
    """A callback on the dispatching thread may close the session."""
    rt, peer = connect()
    rt.on(DELTA, lambda event: rt.close())
    dispatching = run_in_thread(rt.dispatch_events)
    peer.delta("a")
    assert dispatching.result() is True


def test_a_slow_handler_is_named_once(connect, monkeypatch, caplog):
    """A handler that runs for over 30 s is logged by name."""
    from realtime_sync.session import _dispatcher, _reader

    monkeypatch.setattr(_dispatcher, "SLOW_CALLBACK_SECONDS", 0.0)
    monkeypatch.setattr(_reader, "TICK_SECONDS", 0.01)
    rt, peer = connect()
    gate = threading.Event()

    def dawdle(event):
        gate.wait(10)

    rt.on(DELTA, dawdle)
    with caplog.at_level(logging.WARNING):
        peer.delta("a")
        wait_until(lambda: "dawdle" in caplog.text)
    gate.set()
