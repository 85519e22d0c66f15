"""A line of events matched by order that can no longer be trusted, and how it recovers."""

from __future__ import annotations

from types import SimpleNamespace as Event

from realtime_sync.errors import ClosedError
from realtime_sync.session import _acknowledgements as module
from realtime_sync.session._acknowledgements import Acknowledgements, Rule


def make():
    return Acknowledgements({"update": Rule(("updated",))})


def send(acknowledgements, event_id):
    return acknowledgements.register({"type": "update", "event_id": event_id}, waited_for=True)


def answer(acknowledgements):
    acknowledgements.answered(Event(type="updated"))


def test_doubt_lapses_however_often_new_events_join():
    """Requests that come faster than a tombstone ages do not keep the line in doubt for ever."""
    acks = make()
    send(acks, "a")
    send(acks, "b")
    acks.unattributed_error(object())
    answer(acks)
    outcomes = []
    for number in range(4):
        for line in acks._lines.values():
            for pending in line.entries:
                pending.sent_at -= module.TOMBSTONE_SECONDS * 2 / 3
        fresh = send(acks, f"n{number}")
        answer(acks)
        assert fresh.done
        outcomes.append(fresh.answer is not None)
    assert outcomes == [False, True, True, True]


def test_the_end_reaches_an_event_whose_id_was_used_again():
    """Both of two events with one id end, although only one can be found by it."""
    acks = make()
    pending = [send(acks, "same"), send(acks, "same")]
    acks.end(lambda: ClosedError("gone"))
    assert all(isinstance(each.error, ClosedError) for each in pending)
