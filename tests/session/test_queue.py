"""The queue of one consumer."""

from __future__ import annotations

import threading

import pytest

from realtime_sync.errors import ClosedOK, SlowConsumer
from realtime_sync.session._flow import Flow
from realtime_sync.session._queue import Empty, EventQueue
from realtime_sync.transport import Deadline
from tests.support.waiting import run_in_thread, wait_until

NOW = Deadline(0)


def make_queue(**settings):
    lock = threading.Lock()
    return EventQueue(session_lock=lock, flow=Flow(wake=lambda: None), **settings)


def put(queue, *numbers, size=1):
    with queue._session_lock:
        for number in numbers:
            queue.put_locked((number, f"event {number}", size))


def start_takers(queue, count):
    """Have so many threads take until the end; return what each of them gets, and the threads."""
    taken: list[list[int]] = [[] for _ in range(count)]

    def consume(mine):
        while True:
            try:
                mine.append(queue.take(Deadline(None))[0])
            except StopIteration:
                return

    return taken, [run_in_thread(consume, mine) for mine in taken]


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
    with queue._session_lock:
        queue.end_locked(lambda: ClosedOK("over"))
    put(queue, 2)
    assert queue.take(NOW)[0] == 1
    first = pytest.raises(ClosedOK, queue.take, NOW).value
    second = pytest.raises(ClosedOK, queue.take, NOW).value
    assert first is not second


def test_an_orderly_end_stops():
    """An end without an error raises StopIteration."""
    queue = make_queue()
    with queue._session_lock:
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
    taken, takers = start_takers(queue, 4)
    for number in range(2000):
        put(queue, number)
    with queue._session_lock:
        queue.end_locked(lambda: None)
    for taker in takers:
        taker.result()
    assert sorted(number for mine in taken for number in mine) == list(range(2000))
    assert all(mine == sorted(mine) for mine in taken)


def test_what_is_being_routed_is_not_taken_yet():
    """Nobody may act on an event before all is noted that it means: that is when the session's lock is let go of."""
    queue = make_queue()
    taking = run_in_thread(queue.take, Deadline(None))
    wait_until(lambda: queue._waiters)
    with queue._session_lock:
        queue.put_locked((1, "x", 1))
        assert not queue._waiters
        assert queue.take_routed() is None
        assert not taking.done()
    assert taking.result() == (1, "x", 1)


def test_what_was_routed_is_taken_without_the_session():
    """Many consumers do not queue up for the session's lock with the reader, each event anew."""
    queue = make_queue()
    put(queue, 1, 2, 3)
    assert queue.take(NOW)[0] == 1
    with queue._session_lock:
        queue.put_locked((4, "x", 1))
        assert [queue.take(NOW)[0] for _ in range(2)] == [2, 3]
        assert queue.take_routed() is None
    assert queue.take(NOW)[0] == 4


def test_removing_what_may_be_taken_already():
    """An event that nobody wants any more reaches nobody, though it was routed."""
    queue = make_queue()
    put(queue, 1, 2, 3, 4)
    queue.take(NOW)
    with queue._session_lock:
        queue.remove_locked(lambda event: event in ("event 2", "event 3"))
    assert (queue.bytes, len(queue)) == (1, 1)
    assert queue.take(NOW)[0] == 4


def test_takers_and_removers_at_once():
    """What several threads take while others remove comes once, in order, and is accounted for."""
    queue = make_queue()
    taken, takers = start_takers(queue, 3)

    def remove():
        with queue._session_lock:
            queue.remove_locked(lambda event: event.endswith("7"))

    for start in range(0, 3000, 10):
        put(queue, *range(start, start + 10))
        remove()
    with queue._session_lock:
        queue.end_locked(lambda: None)
    for taker in takers:
        taker.result()
    got = sorted(number for mine in taken for number in mine)
    assert [number for number in got if number % 10 != 7] == [n for n in range(3000) if n % 10 != 7]
    assert len(got) == len(set(got))
    assert all(mine == sorted(mine) for mine in taken)
    assert (queue.bytes, len(queue)) == (0, 0)


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
    queue = EventQueue(session_lock=lock, flow=flow, low_mark=1)
    put(queue, 1, 2, 3)
    flow.paused = True
    queue.take(NOW)
    assert not woken
    queue.take(NOW)
    assert woken
