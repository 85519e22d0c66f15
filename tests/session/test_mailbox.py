"""The mailbox in its three moods, and when the reader pauses for it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import ClosedOK, SlowConsumer
from realtime_sync.session._flow import Flow
from realtime_sync.session._mailbox import UNATTENDED_MAX_BYTES, Mailbox
from realtime_sync.session._queue import Empty, EventQueue
from realtime_sync.transport import Deadline
from tests.support.waiting import run_in_thread

NOW = Deadline(0)


def make_mailbox(high=8, low=2, max_bytes=100):
    flow = Flow(wake=lambda: None)
    return Mailbox(
        session_lock=threading.Lock(),
        flow=flow,
        high_mark=high,
        low_mark=low,
        max_bytes=max_bytes,
        counts_as_wait=False,
    )


def put(mailbox, *numbers, size=1):
    with mailbox._session_lock:
        for number in numbers:
            mailbox.put_locked((number, f"event {number}", size))


def pause(mailbox):
    with mailbox._session_lock:
        return mailbox._flow.update_locked(mailbox.is_full)


def take(mailbox):
    """Receive, as a session does."""
    mailbox.attend()
    return mailbox.take_routed() or mailbox.take(NOW)


def drain(mailbox):
    numbers = []
    while True:
        try:
            numbers.append(take(mailbox)[0])
        except Empty:
            return numbers


def test_untouched_mailbox_keeps_everything_and_pauses_at_the_high_mark():
    """A script that begins to receive late has lost nothing."""
    mailbox = make_mailbox()
    put(mailbox, *range(7))
    assert not pause(mailbox)
    put(mailbox, 7)
    assert pause(mailbox)
    assert drain(mailbox) == list(range(8))


def test_reading_resumes_only_at_the_low_mark():
    """Between the marks a paused reader stays paused, so that it is not switched at every event."""
    mailbox = make_mailbox()
    put(mailbox, *range(8))
    assert pause(mailbox)
    for _ in range(5):
        take(mailbox)
    assert pause(mailbox)
    take(mailbox)
    assert not pause(mailbox)


def test_unattended_mailbox_is_a_ring_that_never_pauses():
    """With only turns or callbacks in use, the newest events stay and the reader goes on."""
    mailbox = make_mailbox()
    with mailbox._session_lock:
        mailbox.other_consumer_opened_locked()
    put(mailbox, *range(100))
    assert not pause(mailbox)
    assert mailbox.dropped == 92
    assert drain(mailbox) == list(range(92, 100))


def test_unattended_mailbox_is_bounded_in_bytes():
    """Few but large events cannot fill the memory of a script that never receives."""
    mailbox = make_mailbox(max_bytes=None)
    with mailbox._session_lock:
        mailbox.other_consumer_opened_locked()
    put(mailbox, *range(7), size=UNATTENDED_MAX_BYTES // 3)
    assert mailbox.bytes <= UNATTENDED_MAX_BYTES


def test_becoming_unattended_drops_the_old_ones_and_resumes():
    """Opening a turn on a full, untouched mailbox lets the reader go on."""
    woken = []
    mailbox = make_mailbox()
    mailbox._flow._wake = lambda: woken.append(True)
    put(mailbox, *range(20))
    assert pause(mailbox)
    with mailbox._session_lock:
        mailbox.other_consumer_opened_locked()
    assert woken
    assert not pause(mailbox)


def test_an_observer_never_makes_a_lossless_loop_lossy():
    """Once received from, a mailbox drops nothing silently, whatever else is opened."""
    mailbox = make_mailbox()
    put(mailbox, 0)
    take(mailbox)
    with mailbox._session_lock:
        mailbox.other_consumer_opened_locked()
    put(mailbox, *range(1, 60))
    assert drain(mailbox) == list(range(1, 60))


def test_overflow_of_an_attended_mailbox_is_told_once_at_the_gap():
    """When pausing was not allowed for too long, the oldest go, receive() says so once, and goes on."""
    mailbox = make_mailbox(max_bytes=10)
    put(mailbox, 0)
    take(mailbox)
    put(mailbox, *range(1, 15))
    error = pytest.raises(SlowConsumer, take, mailbox).value
    assert error.dropped == 4
    assert drain(mailbox) == list(range(5, 15))


def test_a_waiting_thread_keeps_the_reader_reading():
    """While anybody waits inside the library, pausing could deadlock with the peer."""
    mailbox = make_mailbox()
    put(mailbox, *range(8))
    token = object()
    mailbox._flow.begin_wait(token)
    assert not pause(mailbox)
    mailbox._flow.waits.discard(token)
    assert pause(mailbox)


def test_a_hungry_consumer_keeps_the_reader_reading():
    """Another consumer below its low mark must not starve because the mailbox is full."""
    mailbox = make_mailbox()
    other = EventQueue(session_lock=mailbox._session_lock, flow=mailbox._flow, low_mark=0)
    mailbox._flow.consumers.add(other)
    mailbox.attended = True
    put(mailbox, *range(8))
    assert not pause(mailbox)
    with mailbox._session_lock:
        other.put_locked((1, "x", 1))
    assert pause(mailbox)


def test_emptied_between_the_look_and_the_pause():
    """A mailbox found full that is emptied before the pause is on: nobody would end that pause."""
    mailbox = make_mailbox()
    put(mailbox, *range(8))
    looks = []

    def is_full():
        looks.append(mailbox.is_full())
        if len(looks) == 1:
            run_in_thread(drain, mailbox).result()
        return looks[-1]

    assert not mailbox._flow.update_locked(is_full)
    assert looks == [True, False]


def test_dropped_between_two_steps_of_receiving():
    """The gap is told before what comes after it, whenever it came to be."""
    mailbox = make_mailbox(max_bytes=4)
    put(mailbox, 0, 1, 2)
    assert take(mailbox)[0] == 0
    put(mailbox, *range(3, 9))
    with pytest.raises(SlowConsumer, match="4"):
        take(mailbox)
    assert drain(mailbox) == [5, 6, 7, 8]


@given(st.lists(st.sampled_from(["put", "take", "open"]), max_size=60), st.booleans())
def test_any_interleaving_keeps_order_and_accounts_for_every_event(steps, end):
    """Whatever happens, events come out in order, and what did not come out was counted as dropped."""
    mailbox = make_mailbox(high=4, low=1, max_bytes=6)
    sent, got, dropped = 0, [], 0
    for step in steps:
        if step == "put":
            put(mailbox, sent)
            sent += 1
        elif step == "open":
            with mailbox._session_lock:
                mailbox.other_consumer_opened_locked()
        else:
            try:
                got.append(take(mailbox)[0])
            except Empty:
                pass
            except SlowConsumer as error:
                dropped += error.dropped
    if end:
        with mailbox._session_lock:
            mailbox.end_locked(lambda: ClosedOK("over"))
    while True:
        try:
            got.append(take(mailbox)[0])
        except SlowConsumer as error:
            dropped += error.dropped
        except (Empty, ClosedOK):
            break
    assert got == sorted(got)
    assert len(set(got)) == len(got)
    assert len(got) + mailbox.dropped == sent
    assert dropped <= mailbox.dropped
