"""Waits that an exception from a signal handler ends: nothing of them may stay behind."""

from __future__ import annotations

import threading

import pytest

from realtime_sync.session import _dispatcher, _queue
from realtime_sync.session._dispatcher import Call, Dispatcher
from realtime_sync.session._flow import Flow
from realtime_sync.session._observers import Registration
from realtime_sync.session._queue import EventQueue
from realtime_sync.transport import Deadline, Waiter
from tests.support.interrupting import interrupted_everywhere
from tests.support.waiting import run_in_thread, wait_until

MOMENT = 0.003


class CutShort(Waiter):
    """A waiter that Ctrl-C interrupts."""

    def wait(self, timeout):  # noqa: ARG002  (the signature of `Waiter.wait`)
        raise KeyboardInterrupt


@pytest.fixture
def dispatcher():
    """A dispatcher with a thread, which is ended with the test."""
    made = Dispatcher(
        name="callbacks",
        lock=threading.Lock(),
        flow=Flow(wake=lambda: None),
        max_bytes=None,
        low_mark=0,
        report=lambda error: False,
        listens=lambda: True,
    )
    made.wanted = True
    yield made
    with made._lock:
        made.finish_locked(None)
    if made.thread is not None:
        made.thread.join(10)


def put(dispatcher, handler):
    registration = Registration(name="x", handler=handler, once=False, urgent=False, cancel=lambda each: None)
    with dispatcher._lock:
        dispatcher.put_locked(Call("event", [registration], 1))


def test_a_taker_cut_short_swallows_no_wake_up(monkeypatch):
    """After it, an entry wakes the taker that still waits, and nothing keeps the reader from pausing."""
    flow = Flow(wake=lambda: None)
    queue = EventQueue(session_lock=threading.Lock(), flow=flow)
    with monkeypatch.context() as patch:
        patch.setattr(_queue, "Waiter", CutShort)
        with pytest.raises(KeyboardInterrupt):
            queue.take(Deadline(None))
    assert not flow.waits
    other = run_in_thread(queue.take, Deadline(10))
    wait_until(lambda: queue._waiters)
    with queue._session_lock:
        queue.put_locked((1, "x", 1))
    assert other.result(5) == (1, "x", 1)


class Woken(Waiter):
    """The waiter of a taker for whom an entry comes, while `next_in_line` waits too."""

    queue: EventQueue
    next_in_line: Waiter

    def wait(self, timeout):
        self.queue._waiters[self.next_in_line] = None
        with self.queue._session_lock:
            self.queue.put_locked((1, "x", 1))
        return super().wait(timeout)


@pytest.mark.raises_anywhere
def test_an_interrupted_taker_leaves_its_wake_up_to_the_next(monkeypatch):
    """Wherever the interrupt comes after the entry, that is taken, or somebody else is awake for it."""
    after = []

    def take_one():
        queue = EventQueue(session_lock=threading.Lock(), flow=Flow(wake=lambda: None))
        Woken.queue, Woken.next_in_line = queue, Waiter()
        after.append(queue)
        queue.take(Deadline(10))

    monkeypatch.setattr(_queue, "Waiter", Woken)
    for _ in interrupted_everywhere(take_one):
        if after and after[-1]:
            assert Woken.next_in_line.wait(0)
    assert len(after) > 10


@pytest.mark.raises_anywhere
def test_forgetting_what_waits_interrupted_at_every_point(dispatcher):
    """Nothing else goes with it, and the account of bytes stays right."""
    dispatcher.wanted = False  # No thread runs the calls.
    queue = EventQueue(session_lock=threading.Lock(), flow=Flow(wake=lambda: None))

    def refill():
        with dispatcher._lock, queue._session_lock:
            queue.clear_locked()
            dispatcher.end_locked(discard=True)
            for number in range(4):
                queue.put_locked((number, number, 1))
                dispatcher.put_locked(Call(number, [], 1))

    def forget():
        queue.remove_locked({2}.__contains__)
        dispatcher.remove_locked({2}.__contains__)

    refill()
    for _ in interrupted_everywhere(forget):
        for waiting, size in (
            ([event for _, event, _ in queue._entries], queue.bytes),
            ([call.event for call in dispatcher._calls], dispatcher._bytes),
        ):
            assert waiting in ([0, 1, 2, 3], [0, 1, 3])
            assert size == len(waiting)
        refill()


def test_a_guest_cut_short_while_waiting_gives_the_callbacks_back(dispatcher, monkeypatch):
    """Calls that come after it run on the dispatcher's own thread."""
    with monkeypatch.context() as patch:
        patch.setattr(_dispatcher, "Waiter", CutShort)
        with pytest.raises(KeyboardInterrupt):
            dispatcher.run_here(Deadline(None))
    dispatcher.tend()
    ran = []
    put(dispatcher, ran.append)
    wait_until(lambda: ran)


def test_a_guest_cut_short_in_a_callback_lets_the_next_call_run(dispatcher):
    """The call that raised is over, and the place of the running thread is free."""
    ran = []

    def interrupt(event):
        raise KeyboardInterrupt

    put(dispatcher, interrupt)
    put(dispatcher, ran.append)
    with pytest.raises(KeyboardInterrupt):
        dispatcher.run_here(Deadline(5))
    assert not ran
    assert not dispatcher.is_dispatching_here()
    dispatcher.tend()
    wait_until(lambda: ran)


@pytest.mark.raises_anywhere
def test_an_interrupted_guest_loses_no_callback(dispatcher):
    """Wherever the interrupt comes, a call has begun or still waits, each callback gets it once, and in order."""
    dispatcher.wanted = False  # No other thread runs them.
    first, second = [], []
    registrations = [
        Registration(name="x", handler=each.append, once=False, urgent=False, cancel=print) for each in (first, second)
    ]
    number = 0
    for number in interrupted_everywhere(lambda: dispatcher.run_here(Deadline(MOMENT))):
        assert not dispatcher._holder
        assert not dispatcher._guests
        with dispatcher._lock:
            dispatcher.put_locked(Call(number, registrations.copy(), 1))
    dispatcher.run_here(Deadline(MOMENT))
    assert number > 10
    assert first == second == list(range(1, number + 1))
    assert dispatcher._bytes == 0
