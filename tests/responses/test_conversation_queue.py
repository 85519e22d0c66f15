"""The line in which the turns of a conversation wait."""

from __future__ import annotations

from realtime_sync.responses._conversation_queue import Ticket, TurnQueue
from realtime_sync.session import Deadline
from tests.support.waiting import run_in_thread, wait_until


def test_one_at_a_time_under_many_threads():
    """Twenty threads, each with the turn fifty times: never two at once, and everybody gets it."""
    queue, inside, most = TurnQueue(), [], []

    def work():
        for _ in range(50):
            ticket = Ticket()
            assert queue.enter(ticket, Deadline(30))
            inside.append(ticket)
            most.append(len(inside))
            inside.remove(ticket)
            queue.leave(ticket)

    threads = [run_in_thread(work) for _ in range(20)]
    for each in threads:
        each.result()
    assert most == [1] * 1000
    assert not queue.is_busy


def test_a_waiter_that_gives_up_is_not_served():
    """Its place goes to the next."""
    queue, first, late = TurnQueue(), Ticket(), Ticket()
    assert queue.enter(first, Deadline(None))
    assert not queue.enter(Ticket(), Deadline(0.001))
    assert not queue.enter(Ticket(), Deadline(0))
    waiting = run_in_thread(queue.enter, late, Deadline(30))
    wait_until(lambda: len(queue._line) == 2)
    queue.leave(first)
    queue.leave(first)
    assert waiting.result()


def test_a_wake_up_that_was_lost_is_made_up_for():
    """An interrupt between leaving and waking: the waiter looks by itself."""
    queue, first, second = TurnQueue(), Ticket(), Ticket()
    queue.enter(first, Deadline(None))
    waiting = run_in_thread(queue.enter, second, Deadline(30))
    wait_until(lambda: len(queue._line) == 2)
    queue._line.remove(first)
    assert waiting.result()


def test_closing_ends_every_wait():
    """Those that wait and those that come later get nothing."""
    queue = TurnQueue()
    queue.enter(Ticket(), Deadline(None))
    waiting = [run_in_thread(queue.enter, Ticket(), Deadline(None)) for _ in range(3)]
    wait_until(lambda: len(queue._line) == 4)
    queue.close()
    assert [each.result() for each in waiting] == [False] * 3
    assert not queue.enter(Ticket(), Deadline(None))
