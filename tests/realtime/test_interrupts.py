"""Ctrl-C at every point of every call that waits or sends: nothing stays locked, counted, registered or in doubt."""

from __future__ import annotations

import contextlib
import json

import pytest

from realtime_sync import Client
from realtime_sync.errors import ReceiveTimeout, RequestTimeout
from tests.support.interrupting import interrupted_everywhere
from tests.support.peer import CLOSE, TEXT, echo, frame
from tests.support.waiting import run_in_thread, wait_until

pytestmark = pytest.mark.raises_anywhere

MOMENT = 0.0005
UPDATE = {"type": "session.update", "session": {}}

CALLS = {
    "receive": lambda rt: rt.receive(timeout=MOMENT),
    "wait_for": lambda rt: rt.wait_for("response.done", timeout=MOMENT),
    "request": lambda rt: rt.request(UPDATE, timeout=MOMENT),
    "request by id": lambda rt: rt.conversation.item.retrieve("item_1", wait=True, timeout=MOMENT),
    "subscription": lambda rt: rt.subscribe("response.done").get(timeout=MOMENT),
    "wait_closed": lambda rt: rt.wait_closed(MOMENT),
    "dispatch_events": lambda rt: rt.dispatch_events(MOMENT),
    "turns": lambda rt: next(rt.turns(timeout=MOMENT)),
    "ask": lambda rt: rt.ask("x", timeout=MOMENT),
    "on and off": lambda rt: rt.on("response.done", print).cancel(),
    "stats": lambda rt: rt.stats,
}


@pytest.fixture
def rt(make_peer):
    """A session with a peer that sends back what it gets."""
    peer = make_peer(echo)
    client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k")
    with client.realtime.connect(model="m") as session:
        yield session


def left_behind(core):
    """Name what an interrupted call must not leave in the core of a session. (The callbacks' own thread, once there is one, may wait.)"""
    waiting = [each for each in core.acknowledgements._by_event_id.values() if each.waited_for]
    left = {
        "lock": core.lock.locked(),
        "waits": core.flow.waits,
        "waiters for the end": core.end_waiters,
        "takers": core.mailbox._waiters,
        "guests": core.callbacks.ordinary._guests,
        "waiters for callbacks": () if core.callbacks.ordinary.wanted else core.callbacks.ordinary._waiters,
        "a running callback": core.callbacks.ordinary._holder,
        "claimants": core.api.book.slot._claimants,
        "requests": waiting,
    }
    return {name for name, each in left.items() if each}


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupted_call_leaves_nothing(rt, name):
    """Wherever the interrupt comes, nobody waits afterwards, and the session works."""
    left = {}
    call = CALLS[name]
    with contextlib.suppress(ReceiveTimeout, RequestTimeout):
        call(rt)  # The first loads what the others use.
    for point in interrupted_everywhere(lambda: call(rt), ReceiveTimeout, RequestTimeout):
        if found := left_behind(rt._core):
            left[point] = found
    assert left == {}
    marker = rt.send({"type": "still.usable"})
    while rt.receive(timeout=10).to_dict()["event_id"] != marker:
        pass


def test_what_an_interrupted_send_leaves_is_what_was_sent(make_peer):
    """Exactly the events that went out hold a place in the line of those that await an answer."""
    received = []

    def script(link):
        link.upgrade()
        while (got := link.read_frame()).opcode != CLOSE:
            received.append(json.loads(got.payload))
        link.write(frame(CLOSE, got.payload[:2]))
        link.drop()

    peer = make_peer(script)
    client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k")
    with client.realtime.connect(model="m") as rt:
        core = rt._core
        rt.send(UPDATE)
        for _ in interrupted_everywhere(lambda: rt.send(UPDATE)):
            pass
        last = rt.send(UPDATE)
        wait_until(lambda: received and received[-1]["event_id"] == last)
        [line] = core.acknowledgements._lines.values()
        assert [each.event_id for each in line.entries] == [each["event_id"] for each in received]
        assert not line.in_doubt
        assert rt.stats.events_sent == len(received)


def test_a_guest_interrupted_while_leaving_hands_the_callbacks_over(make_peer):
    """Wherever the interrupt comes, a callback that waits is run by the callbacks thread or was run before."""
    peer = make_peer()
    client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k", options={"close_timeout": 0.1})
    with client.realtime.connect(model="m") as rt:
        link = peer.link()
        seen = []
        rt.on("x.y", seen.append)
        wait_until(lambda: rt._core.callbacks.ordinary.thread is not None)
        for sent in interrupted_everywhere(lambda: rt.dispatch_events(MOMENT)):
            link.write(frame(TEXT, b'{"type": "x.y"}'))
            wait_until(lambda: len(seen) == sent)  # noqa: B023  (called at once)
    assert run_in_thread(rt.wait_closed, 0).result()
