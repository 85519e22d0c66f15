"""A session whose connection is replaced: what goes on, what is told, what is counted."""

from __future__ import annotations

import pytest
from websockets.exceptions import ConnectionClosed

from realtime_sync.errors import ClosedError
from tests.support.reconnecting import QUICK, gap, item
from tests.support.waiting import run_in_thread, wait_until

UPDATE = {"type": "session.update", "session": {"type": "realtime", "instructions": "be brief"}}


def test_iteration_goes_on_across_the_gap_with_a_marker_between(connect, scripted):
    """What came before the loss, then "reconnected", then what the new server says, in one loop."""
    rt, peer = connect(retry=QUICK)
    peer.send("x.before")
    peer.drop()
    scripted.accept().send("x.after")
    events = []
    for event in rt.events(timeout=10):
        events.append(event)
        if event.type == "x.after":
            break
    assert [event.type for event in events] == ["x.before", "reconnected", "x.after"]
    marker = events[1]
    assert (marker.attempt, marker.wire_type) == (1, "reconnected")
    assert (marker.restored_items, marker.unsent, marker.unconfirmed) == ((), (), ())


def test_a_receiver_and_a_waiter_wait_across_the_gap(connect, scripted):
    """A thread in receive, one in wait_for and one in a subscription are not woken by the loss, but by their event."""
    rt, peer = connect(retry=QUICK)
    subscription = rt.subscribe("x.*")
    waiting = run_in_thread(rt.wait_for, "x.wanted", 20)
    getting = run_in_thread(subscription.get, 20)
    wait_until(lambda: len(rt._core.flow.waits) >= 2)
    with gap(scripted, rt, peer):
        assert not waiting.done()
        assert not getting.done()
    scripted.accept().send("x.wanted")
    assert waiting.result().type == "x.wanted"
    assert getting.result().type == "x.wanted"
    assert rt.receive(10).type == "reconnected"
    assert rt.receive(10).type == "x.wanted"
    subscription.close()


def test_what_callbacks_hear_and_in_which_order(connect, scripted):
    """Each attempt is announced, then the new connection; "open" and "close" come once, first and last."""
    heard = []
    handlers = dict.fromkeys(("open", "reconnecting", "reconnected", "close", "x.before", "x.after"), heard.append)
    rt, peer = connect(retry=QUICK, handlers=handlers)
    peer.send("x.before")
    scripted.refusals.append((503, {}))
    wait_until(lambda: len(heard) == 2)
    peer.drop()
    scripted.accept().send("x.after")
    wait_until(lambda: len(heard) == 6)
    rt.close()
    types = [event.type for event in heard]
    assert types == ["open", "x.before", "reconnecting", "reconnecting", "reconnected", "x.after", "close"]
    first, second, back = heard[2:5]
    assert [(each.attempt, each.max_attempts, each.close_code) for each in (first, second)] == [
        (1, 5, 1006),
        (2, 5, 1006),
    ]
    assert isinstance(first.error, ClosedError)
    assert second.error.status == 503
    assert back.attempt == 2


def test_a_handler_registered_in_the_gap_hears_of_the_end_of_it(connect, scripted):
    """Its thread is started although the reader has no connection to be woken by."""
    rt, peer = connect(retry={"reconnect": True, "initial_delay": 60.0, "jitter": False})
    heard = []
    peer.drop()
    wait_until(lambda: rt._core.generation)
    rt.on("open", heard.append)
    wait_until(lambda: heard)
    assert rt.closed is False


def test_a_new_session_is_greeted_before_anything_is_sent(connect, scripted):
    """With a server that sends session.created, restoring waits for it, so that nothing is given to one that kicks."""
    rt, peer = connect(retry=QUICK)
    peer.send("session.created", session={"type": "realtime", "id": "sess_old"})
    rt.wait_for("session.created", 10)
    with gap(scripted, rt, peer):
        rt.send(item("kept"))
    kicking = scripted.accept()
    kicking.close(1011)
    new = scripted.accept()
    new.send("session.created", session={"type": "realtime", "id": "sess_new"})
    assert new.receive()["item"]["content"][0]["text"] == "kept"
    wait_until(lambda: rt.session.id == "sess_new")
    with pytest.raises(ConnectionClosed):
        kicking.receive()
