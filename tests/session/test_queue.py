"""The queue of one consumer."""

from __future__ import annotations

import threading

import pytest

from realtime_sync.errors import ClosedOK, SlowConsumer
from realtime_sync.session._flow import Flow
from realtime_sync.session._queue import Empty, EventQueue
from realtime_sync.transport import Deadline

NOW = Deadline(0)


def make_queue(**settings):
    lock = threading.Lock()
    return EventQueue(lock=lock, flow=Flow(wake=lambda: None), **settings)


def put(queue, *numbers, size=1):
    with queue._lock:
        for number in numbers:
            queue.put_locked((number, f"event {number}", size))


def test_entries_come_out_in_order():
    """What goes in first comes out first."""
    queue = make_queue()
    put(queue, 1, 2, 3)
    assert [queue.take(NOW)[0] for _ in range(3)] == [1, 2, 3]


def test_nothing_in_time_is_empty():
    """A time-out of 0 does not wait."""
    with pytest.raises(Empty):
        make_queue().take(NOW)


def test_an_end_comes_after_what_waits():
    """The end is raised only when everything before it was handed out, and again each time."""
    queue = make_queue()
    put(queue, 1)
    with queue._lock:
        queue.end_locked(lambda: ClosedOK("over"))
    put(queue, 2)
    assert queue.take(NOW)[0] == 1
    first = pytest.raises(ClosedOK, queue.take, NOW).value
    second = pytest.raises(ClosedOK, queue.take, NOW).value
    assert first is not second


def test_an_orderly_end_stops():
    """An end without an error raises StopIteration."""
    queue = make_queue()
    with queue._lock:
        queue.end_locked(lambda: None)
    with pytest.raises(StopIteration):
        queue.take(NOW)


def test_overflow_fails_this_consumer_alone():
    """Past max_bytes the queue empties, counts and ends with SlowConsumer."""
    queue = make_queue(max_bytes=10)
    put(queue, 1, 2, size=5)
    put(queue, 3, size=1)
    error = pytest.raises(SlowConsumer, queue.take, NOW).value
    assert error.dropped == 3
    assert queue.dropped == 3


def test_one_entry_may_be_larger_than_the_limit():
    """A single large event is delivered, not refused for ever."""
    queue = make_queue(max_bytes=10)
    put(queue, 1, size=100)
    assert queue.take(NOW)[0] == 1


def test_many_takers_share_without_loss_or_duplicates():
    """Several threads taking at once see every entry exactly once, and all of them wake at the end."""
    queue = make_queue()
    taken: list[list[int]] = [[] for _ in range(4)]

    def consume(mine):
        while True:
            try:
                mine.append(queue.take(Deadline(None))[0])
            except StopIteration:
                return

    threads = [threading.Thread(target=consume, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for number in range(2000):
        put(queue, number)
    with queue._lock:
        queue.end_locked(lambda: None)
    for thread in threads:
        thread.join(30)
    assert sorted(number for mine in taken for number in mine) == list(range(2000))
    assert all(mine == sorted(mine) for mine in taken)


def test_a_wake_up_lost_to_an_interrupt_passes_on(monkeypatch):
    """A taker interrupted after it was woken hands the entry's wake-up to the next taker."""
    queue = make_queue()
    entered = threading.Semaphore(0)
    interrupted = threading.Event()
    from realtime_sync.session import _queue as module

    class Interrupted(module.Waiter):
        def wait(self, timeout):
            entered.release()
            woken = super().wait(timeout)
            if threading.current_thread().name == "victim":
                interrupted.set()
                raise KeyboardInterrupt
            return woken

    monkeypatch.setattr(module, "Waiter", Interrupted)
    got = []

    def victim():
        with pytest.raises(KeyboardInterrupt):
            queue.take(Deadline(None))

    threads = [threading.Thread(target=victim, name="victim")]
    threads[0].start()
    entered.acquire()
    threads.append(threading.Thread(target=lambda: got.append(queue.take(Deadline(30)))))
    threads[1].start()
    entered.acquire()
    put(queue, 7)
    for thread in threads:
        thread.join(30)
    assert interrupted.is_set()
    assert [entry[0] for entry in got] == [7]
    assert not queue._waiters


def test_taking_down_to_the_low_mark_wakes_a_paused_reader():
    """The reader is woken when a consumer becomes hungry while it is paused."""
    woken = []
    lock = threading.Lock()
    flow = Flow(wake=lambda: woken.append(True))
    queue = EventQueue(lock=lock, flow=flow, low_mark=1)
    put(queue, 1, 2, 3)
    flow.paused = True
    queue.take(NOW)
    assert not woken
    assert queue.take(NOW)
    assert not woken or len(queue) <= 1
    queue.take(NOW)
    assert woken
