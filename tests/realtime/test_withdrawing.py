"""Consumers that are gone: cancelled callbacks, used ones, waits that were cut short."""

from __future__ import annotations

import gc
import threading

import pytest

from realtime_sync.errors import LocalProtocolError
from realtime_sync.session._observers import ObserverIndex
from tests.support.waiting import wait_until


@pytest.mark.parametrize("how", ["on", "once"])
def test_off_reaches_a_callback_whose_event_already_waits(connect, how):
    """A handler taken off before its call begins is not called, even for an event that was routed to it."""
    rt, peer = connect()
    gate, entered, calls, ended = threading.Event(), threading.Event(), [], []

    def block(event):
        entered.set()
        gate.wait(10)

    rt.on("x.block", block)
    rt.on("x.end", ended.append)
    handler = calls.append
    getattr(rt, how)("x.late", handler)
    for name in ("x.block", "x.late", "x.end"):
        peer.send(name)
    wait_until(lambda: entered.is_set() and rt.stats.callbacks_waiting == 2)
    rt.off("x.late", handler)
    gate.set()
    wait_until(lambda: ended)
    assert not calls


@pytest.mark.parametrize("which", ["a used once", "close"])
def test_a_callback_that_gets_no_events_does_not_keep_the_reader_from_pausing(connect, which):
    """Neither a once that had its event nor a handler of "close" is a consumer that could starve."""
    rt, peer = connect(options={"max_queue": (10, 2)})
    called = []
    if which == "close":
        rt.on("close", called.append)
    else:
        rt.once("x.first", called.append)
    peer.send("x.first")
    assert rt.receive(timeout=10).type == "x.first"
    if which != "close":
        wait_until(lambda: called)
    for _ in range(50):
        peer.send("x.more")
    wait_until(lambda: rt._core.flow.paused)
    assert [rt.receive(timeout=10).type for _ in range(50)] == ["x.more"] * 50


def test_a_wait_for_cut_short_while_leaving_is_forgotten(connect, monkeypatch):
    """Ctrl-C while wait_for takes its subscription down leaves no queue that fills for ever."""
    rt, peer = connect()

    remove = ObserverIndex.remove_queue

    def cut_short(self, queue):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        remove(self, queue)  # The reader, which no signal handler interrupts.

    with monkeypatch.context() as patch:
        patch.setattr(ObserverIndex, "remove_queue", cut_short)
        with pytest.raises(KeyboardInterrupt):
            rt.wait_for("x.*", timeout=0.01)
    gc.collect()
    peer.send("x.y")
    assert rt.receive(timeout=10).type == "x.y"
    wait_until(lambda: rt._core.observers.empty)


def test_a_callback_cut_short_in_dispatch_events_gives_the_callbacks_back(connect):
    """Ctrl-C inside a callback leaves dispatch_events, and the callbacks thread runs the next ones."""
    rt, peer = connect()
    threads = []

    def handler(event):
        threads.append(threading.current_thread())
        if len(threads) == 1:
            raise KeyboardInterrupt

    rt.on("x.y", handler)
    with pytest.raises(KeyboardInterrupt):
        peer_then_dispatch(rt, peer, threads)
    peer.send("x.y")
    wait_until(lambda: len(threads) == 2)
    assert threads == [threading.current_thread(), rt._core.callbacks.ordinary.thread]


def peer_then_dispatch(rt, peer, threads):
    """Dispatch here, with an event that comes once this thread is the one that dispatches."""

    def send_when_here():
        wait_until(lambda: rt._core.callbacks.ordinary._guests)
        peer.send("x.y")

    sender = threading.Thread(target=send_when_here)
    sender.start()
    try:
        rt.dispatch_events(timeout=10)
    finally:
        sender.join()


def test_dispatch_events_from_an_urgent_callback_is_refused(connect):
    """It would take the place of another thread's callbacks from inside a callback."""
    rt, peer = connect()
    errors = []

    def handler(event):
        with pytest.raises(LocalProtocolError) as caught:
            rt.dispatch_events(timeout=0.1)
        errors.append(caught.value)

    rt.on("x.y", handler, urgent=True)
    peer.send("x.y")
    wait_until(lambda: errors)
