"""When the next piece may go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import G711_ULAW, PCM16_24K, Pacer
from realtime_sync.errors import ConfigurationError


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self):
        return self.now


def test_real_time():
    """A sender that waits as it is told sends a second a second."""
    clock = Clock()
    pacer = Pacer(PCM16_24K, clock=clock)
    for number in range(50):
        wait = pacer.wait_for(number * 4800)
        assert wait == pytest.approx(0.1 if number else 0)
        clock.now += wait
    assert clock.now == pytest.approx(1000 + 4.9)


@pytest.mark.parametrize(("pace", "seconds"), [(2.0, 0.5), (0.5, 2.0), (100, 0.01)])
def test_other_paces(pace, seconds):
    """Twice the pace is half the time."""
    clock = Clock()
    pacer = Pacer(G711_ULAW, pace, clock=clock)
    assert pacer.wait_for(0) == 0
    assert pacer.wait_for(8000) == pytest.approx(seconds)


def test_a_late_sender_catches_up():
    """A delay within the burst is made good: the end comes when it was due."""
    clock = Clock()
    pacer = Pacer(PCM16_24K, clock=clock)
    pacer.wait_for(0)
    clock.now += 0.25
    assert pacer.wait_for(4800) == 0, "due 150 ms ago"
    assert pacer.wait_for(9600) == 0, "due 50 ms ago"
    assert pacer.wait_for(14400) == pytest.approx(0.05)


def test_a_very_late_sender_does_not_flood():
    """After a long delay no more goes at once than the burst, and the rest keeps its pace."""
    clock = Clock()
    pacer = Pacer(PCM16_24K, clock=clock)
    pacer.wait_for(0)
    clock.now += 60
    sent = 4800
    while (wait := pacer.wait_for(sent)) == 0:
        sent += 960
    assert PCM16_24K.seconds(sent - 4800) == pytest.approx(0.2, abs=0.021)
    assert wait == pytest.approx(0.02, abs=1e-6)


@settings(max_examples=30)
@given(
    pace=st.sampled_from([0.5, 1.0, 3.0]),
    steps=st.lists(st.tuples(st.integers(1, 20), st.floats(0, 1)), min_size=1, max_size=30),
)
def test_never_faster_than_the_pace(pace, steps):
    """Whatever the delays, between any two pieces no more goes than the pace allows and the burst."""
    clock = Clock()
    pacer = Pacer(G711_ULAW, pace, clock=clock)
    sent, log = 0, []
    for length, delay in steps:
        clock.now += pacer.wait_for(sent)
        log.append((clock.now, sent))
        sent += length * 80
        clock.now += delay
    for i, (began, before) in enumerate(log):
        for then, later in log[i:]:
            assert G711_ULAW.seconds(later - before) <= (then - began) * pace + 0.2 + 1e-6


@pytest.mark.parametrize(
    "wrong", [{"pace": 0}, {"pace": -1}, {"pace": float("inf")}, {"pace": float("nan")}, {"burst": -0.1}]
)
def test_paces_that_cannot_be(wrong):
    """A pace is positive."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Pacer(PCM16_24K, **wrong)
