"""The ledger: what no server can have seen stays, in order, within its limits, whatever interrupts its owner."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.session._ledger import Held, Ledger
from realtime_sync.transport import Waiter
from tests.support.interrupting import interrupted_everywhere


def make(marks=(100, 25)):
    return Ledger(marks, lambda code: code == 1006)


def held(name, size=10):
    return Held({"event_id": name}, b"x" * size, None, None)


def names(ledger):
    return [each.event_id for each in ledger.held]


def test_only_what_was_not_written_comes_back():
    """By the numbers of the messages, among which others were on the wire; in front of what was held meanwhile."""
    ledger = make()
    for name, number in (("a", 0), ("b", 2), ("c", 5), ("d", 6)):  # 1, 3 and 4 were the library's own.
        ledger.queued_locked(held(name), number, 0)
    ledger.holding = True
    ledger.hold_locked(held("e"))
    assert [each.event_id for each in ledger.lost_locked(5)] == ["c", "d"]
    assert names(ledger) == ["c", "d", "e"]
    assert [each.is_old for each in ledger.held] == [True, True, False]
    assert ledger.bytes == 30


def test_a_second_loss_before_all_went_out_again():
    """What was queued on the second connection and not written goes back in front of what had not been queued yet."""
    ledger = make()
    ledger.queued_locked(held("a"), 0, 0)
    ledger.lost_locked(0)
    ledger.hold_locked(held("b"))
    again = ledger.held[0]
    ledger.pop_locked()
    ledger.queued_locked(again, 7, 7)
    ledger.lost_locked(7)
    assert names(ledger) == ["a", "b"]
    assert ledger.bytes == 20


def test_what_comes_back_counts_for_the_limit():
    """A backlog of the lost connection fills the ledger as well, so that memory stays within one limit."""
    ledger = make(marks=(15, 5))
    for number in range(2):
        ledger.queued_locked(held(str(number)), number, 0)
    ledger.lost_locked(0)
    assert not ledger.hold_locked(held("late"))


def test_room_wakes_those_who_wait_for_it():
    """At the low mark, not before; and nobody waits while there is room."""
    ledger = make(marks=(30, 10))
    ledger.holding = True
    for name in "abc":
        assert ledger.hold_locked(held(name))
    waiter = Waiter()
    assert ledger.wait_locked(waiter)
    ledger.pop_locked()
    assert not waiter.wait(0)
    ledger.pop_locked()
    assert waiter.wait(0)
    assert not ledger.wait_locked(Waiter())


def test_a_waiter_that_left_is_not_woken():
    """It gave up, and its wake-up is nobody's."""
    ledger = make(marks=(5, 5))
    ledger.holding = True
    ledger.hold_locked(held("a"))
    gone, there = Waiter(), Waiter()
    ledger.wait_locked(gone)
    ledger.wait_locked(there)
    ledger.leave_locked(gone)
    ledger.leave_locked(gone)
    ledger.wake_locked()
    assert (gone.wait(0), there.wait(0)) == (False, True)


def test_withdrawing():
    """Takes exactly that event, once, and gives its room back."""
    ledger = make()
    ledger.holding = True
    for name in "abc":
        ledger.hold_locked(held(name))
    assert ledger.withdraw_locked("b")
    assert not ledger.withdraw_locked("b")
    assert names(ledger) == ["a", "c"]
    assert ledger.bytes == 20


def test_without_limit_everything_is_held():
    """write_limit None."""
    ledger = make(marks=None)
    ledger.holding = True
    for _ in range(50):
        assert ledger.hold_locked(held("x", 1000))
    assert not ledger.wait_locked(Waiter())


@pytest.mark.raises_anywhere
def test_holding_interrupted_at_every_point_keeps_the_account():
    """The event is held or it is not; the bytes say the same."""
    ledger = make(marks=(10_000, 100))
    ledger.holding = True
    event = held("x")
    for _ in interrupted_everywhere(lambda: ledger.hold_locked(event)):
        assert ledger.bytes == 10 * len(ledger.held)


steps = st.lists(st.sampled_from(["send", "write", "lose", "back", "flush"]), max_size=60)


@given(steps)
def test_nothing_is_lost_doubled_or_reordered(steps):
    """Whatever happens when: what was written is a prefix, each event goes to the wire once unless it never left."""
    ledger = make(marks=None)
    number = sent = written = 0
    queued: deque[str] = deque()
    seen = []
    for step in steps:
        if step == "send":
            event = held(str(sent))
            sent += 1
            if ledger.holding:
                ledger.hold_locked(event)
            else:
                ledger.queued_locked(event, number, written)
                queued.append(event.event_id)
                number += 1
        elif step == "write" and queued:
            seen.append(queued.popleft())
            written += 1
        elif step == "lose":
            ledger.lost_locked(written)
            queued.clear()
            number = written = 0
        elif step == "back" and ledger.held:
            event = ledger.held[0]
            ledger.pop_locked()
            ledger.queued_locked(event, number, written)
            queued.append(event.event_id)
            number += 1
        elif step == "flush" and not ledger.held:
            ledger.holding = False
    assert seen == [str(each) for each in range(len(seen))]
    assert [*queued, *names(ledger)] == [str(each) for each in range(len(seen), sent)]
    assert ledger.bytes == 10 * len(ledger.held)
