"""The line in which the turns of a conversation wait."""

from __future__ import annotations

from realtime_sync.responses import _conversation_queue
from realtime_sync.responses._conversation_queue import Turn, TurnQueue
from realtime_sync.session import Deadline
from tests.support.waiting import run_in_thread, wait_until


def test_one_at_a_time_under_many_threads():
    """Twenty threads, each with the turn fifty times: never two at once, and everybody gets it."""
    queue, inside, most = TurnQueue(), [], []

    def work():
        for _ in range(50):
            turn = Turn()
            assert queue.enter(turn, Deadline(30))
            inside.append(turn)
            most.append(len(inside))
            inside.remove(turn)
            queue.leave(turn)

    threads = [run_in_thread(work) for _ in range(20)]
    for each in threads:
        each.result()
    assert most == [1] * 1000
    assert not queue.is_busy


def test_a_waiter_that_gives_up_is_not_served():
    """Its place goes to the next."""
    queue, first, late = TurnQueue(), Turn(), Turn()
    assert queue.enter(first, Deadline(None))
    assert not queue.enter(Turn(), Deadline(0.001))
    assert not queue.enter(Turn(), Deadline(0))
    waiting = run_in_thread(queue.enter, late, Deadline(30))
    wait_until(lambda: len(queue._line) == 2)
    queue.leave(first)
    queue.leave(first)
    assert waiting.result()


def test_a_wake_up_that_was_lost_is_made_up_for(monkeypatch):
    """An interrupt between leaving and waking: the waiter looks by itself."""
    monkeypatch.setattr(_conversation_queue, "_LOOK_AGAIN", 0.02)
    queue, first, second = TurnQueue(), Turn(), Turn()
    queue.enter(first, Deadline(None))
    waiting = run_in_thread(queue.enter, second, Deadline(30))
    wait_until(lambda: len(queue._line) == 2)
    queue._line.popleft()
    assert waiting.result()


def test_closing_ends_every_wait():
    """Those that wait and those that come later get nothing."""
    queue, first, later = TurnQueue(), Turn(), Turn()
    queue.enter(first, Deadline(None))
    waiting = [run_in_thread(queue.enter, Turn(), Deadline(None)) for _ in range(3)]
    wait_until(lambda: len(queue._line) == 4)
    queue.close()
    assert [each.result() for each in waiting] == [False] * 3
    assert not queue.enter(later, Deadline(None))


def test_a_holder_that_is_no_more_has_no_turn(monkeypatch):
    """Its end gives the turn back, even where nothing tells so."""
    monkeypatch.setattr(_conversation_queue, "_LOOK_AGAIN", 0.02)
    queue, second = TurnQueue(), Turn()
    queue.enter(Turn(), Deadline(None))
    assert not queue.is_busy
    assert queue.enter(second, Deadline(0))
    gone = Turn()
    waiting = run_in_thread(queue.enter, gone, Deadline(30))
    wait_until(lambda: len(queue._line) == 2)
    queue._line[0].holder = lambda: None
    assert waiting.result()


def test_a_place_that_is_gone_is_no_matter():
    """Two that clear up at once: the second finds nothing to do, and a place that is gone is never the first."""
    queue, holder = TurnQueue(), Turn()
    queue.enter(holder, Deadline(None))
    [place] = queue._line
    queue._give_up(place)
    queue._give_up(place)
    assert not queue._is_first(place)
