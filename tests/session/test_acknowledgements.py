"""Which answer belongs to which request."""

from __future__ import annotations

from types import SimpleNamespace as Event

import pytest

from realtime_sync.errors import AcknowledgementUnknown, ClosedError, ServerError
from realtime_sync.session import _acknowledgements as module
from realtime_sync.session._acknowledgements import Acknowledgements, Rule

RULES = {
    "update": Rule(("updated",)),
    "create": Rule(("added", "created"), lambda data: data.get("id"), lambda event: event.id),
    "start": Rule((), lambda data: data["event_id"]),
    "stop": Rule(("stopped",), lambda data: data.get("id"), lambda event: event.id, shared=True),
}


def make():
    return Acknowledgements(RULES)


def send(acknowledgements, kind, number, *, waited_for=True, **fields):
    return acknowledgements.register({"type": kind, "event_id": f"e{number}", **fields}, waited_for=waited_for)


def error(event_id):
    return Event(type="error", error=Event(type="invalid", code="bad", message="no", param=None, event_id=event_id))


def test_order_decides_where_answers_name_nothing():
    """The first answer is for the first event, whoever sent it."""
    acks = make()
    silent = send(acks, "update", 1, waited_for=False)
    waited = send(acks, "update", 2)
    first, second = Event(type="updated"), Event(type="updated")
    acks.answered(first)
    assert silent.answer is first
    assert not waited.done
    acks.answered(second)
    assert waited.answer is second


def test_an_id_decides_where_there_is_one():
    """Answers with ids find their request in any order, and an answer for nobody is ignored."""
    acks = make()
    one, two = send(acks, "create", 1, id="a"), send(acks, "create", 2, id="b")
    acks.answered(Event(type="added", id="zzz"))
    acks.answered(Event(type="created", id="b"))
    assert two.done
    assert not one.done
    acks.answered(Event(type="added", id="a"))
    assert one.done


def test_events_matched_by_id_are_kept_only_if_awaited():
    """A script that only sends leaves nothing behind."""
    acks = make()
    assert send(acks, "create", 1, waited_for=False, id="a") is None
    assert not acks._by_event_id


def test_an_error_removes_exactly_the_event_it_names():
    """The refused one is raised to its caller; the other keeps its place."""
    acks = make()
    one, two = send(acks, "update", 1), send(acks, "update", 2)
    assert acks.refused("e1", error("e1"))
    assert isinstance(one.error, ServerError)
    assert one.error.event_id == "e1"
    acks.answered(Event(type="updated"))
    assert two.answer is not None
    assert not acks.refused("unknown", error("unknown"))


def test_a_timed_out_request_swallows_its_late_answer():
    """The tombstone keeps the next request from getting an answer that is not its own."""
    acks = make()
    late = send(acks, "update", 1)
    late.waited_for = False
    fresh = send(acks, "update", 2)
    acks.answered(Event(type="updated", n=1))
    assert not fresh.done
    acks.answered(Event(type="updated", n=2))
    assert fresh.answer.n == 2


def test_a_timed_out_request_by_id_swallows_its_late_answer():
    """Two requests about one thing: the late answer to the first is not for the second, nor for anything else."""
    acks = make()
    late, other = send(acks, "create", 1, id="a"), send(acks, "create", 2, id="b")
    late.waited_for = False
    fresh = send(acks, "create", 3, id="a")
    acks.answered(Event(type="added", id="a", n=1))
    assert not fresh.done
    acks.answered(Event(type="added", id="a", n=2))
    assert fresh.answer.n == 2
    assert not other.done


def test_a_nameless_error_may_have_answered_a_tombstone():
    """After one, the next answer with the id is the next request's: the server may have refused the first."""
    acks = make()
    send(acks, "create", 1, id="a").waited_for = False
    acks.unattributed_error(object())
    fresh = send(acks, "create", 2, id="a")
    acks.answered(Event(type="added", id="a"))
    assert fresh.answer is not None


def test_tombstones_by_id_go_when_they_are_old_or_too_many(monkeypatch):
    """A server that never answers costs a bounded number of entries, and after a while no answer."""
    monkeypatch.setattr(module, "MAX_PENDING", 10)
    acks = make()
    for number in range(30):
        send(acks, "create", number, id="a").waited_for = False
    assert list(acks._by_event_id) == [f"e{number}" for number in range(20, 30)]
    for pending in acks._by_event_id.values():
        pending.sent_at -= module.TOMBSTONE_SECONDS + 1
    fresh = send(acks, "create", 30, id="a")
    acks.answered(Event(type="added", id="a"))
    assert fresh.answer is not None


def test_an_answer_that_tells_a_state_is_for_everybody():
    """What was stopped is stopped for all who asked for it, also for those who named nothing."""
    acks = make()
    send(acks, "stop", 1).waited_for = False
    one, two, any_one, other = (send(acks, "stop", 2 + n, id=name) for n, name in enumerate(["a", "a", None, "b"]))
    acks.answered(Event(type="stopped", id="a"))
    assert [each.done for each in (one, two, any_one, other)] == [True, True, True, False]
    assert list(acks._by_event_id) == ["e5"]


def test_an_old_tombstone_goes():
    """A peer that never answers does not shift every later answer for ever."""
    acks = make()
    late = send(acks, "update", 1)
    late.waited_for = False
    late.sent_at -= module.TOMBSTONE_SECONDS + 1
    fresh = send(acks, "update", 2)
    acks.answered(Event(type="updated"))
    assert fresh.done


def test_doubt_ends_in_acknowledgement_unknown_never_in_a_guess():
    """After an error that names nothing, with two waiting, an answer could be for either."""
    acks = make()
    one, two = send(acks, "update", 1), send(acks, "update", 2)
    acks.unattributed_error(object())
    acks.answered(Event(type="updated"))
    assert isinstance(one.error, AcknowledgementUnknown)
    assert isinstance(two.error, AcknowledgementUnknown)
    # The answers that may still come are swallowed, and then the doubt is over.
    acks.answered(Event(type="updated"))
    fresh = send(acks, "update", 3)
    acks.answered(Event(type="updated", n=3))
    assert fresh.answer.n == 3


def test_one_waiting_alone_is_never_in_doubt():
    """With one request outstanding its answer cannot be anybody else's."""
    acks = make()
    one = send(acks, "update", 1)
    acks.unattributed_error(object())
    acks.answered(Event(type="updated"))
    assert one.answer is not None


def test_an_error_that_names_nothing_is_kept_as_a_suspect():
    """Whoever waits in vain can say what came meanwhile: the first such error, and none from before."""
    acks = make()
    acks.unattributed_error("before")
    waiting = send(acks, "update", 1)
    acks.unattributed_error("the first")
    acks.unattributed_error("the second")
    assert (waiting.suspect, waiting.done) == ("the first", False)


def test_the_line_is_bounded(monkeypatch):
    """A peer that never answers cannot make the list grow without limit."""
    monkeypatch.setattr(module, "MAX_PENDING", 10)
    acks = make()
    for number in range(100):
        send(acks, "update", number, waited_for=False)
    assert len(acks._by_event_id) == 10


def test_the_end_fails_everybody():
    """Each waiter gets an error of its own."""
    acks = make()
    one, two = send(acks, "update", 1), send(acks, "create", 2, id="x")
    acks.end(lambda: ClosedError("gone"))
    assert isinstance(one.error, ClosedError)
    assert isinstance(two.error, ClosedError)
    assert one.error is not two.error


def test_an_answer_attributed_by_the_api():
    """Where neither order nor a rule's id decides, the API tells the event id."""
    acks = make()
    start = send(acks, "start", 1)
    acks.confirmed("e1", Event(type="whatever"))
    acks.confirmed("e2", Event(type="whatever"))
    assert start.answer.type == "whatever"


@pytest.mark.parametrize("kind", ["append", "unheard.of"])
def test_events_without_a_rule_are_not_kept(kind):
    """Events that are never acknowledged cost nothing."""
    assert send(make(), kind, 1) is None
