"""What happens rarely in a session: a fault of our own, names that are not the server's, what nobody handles."""

from __future__ import annotations

import logging
import threading

import pytest

from realtime_sync import Client
from realtime_sync.errors import ClosedError, LocalProtocolError, ServerError
from realtime_sync.session import _reader
from realtime_sync.session._acknowledgements import error_fields
from realtime_sync.session._context import ClosesOnExit
from tests.support.waiting import run_in_thread, wait_until


@pytest.mark.parametrize("name", ["open", "close", "callback_error", "reconnected"])
def test_events_of_the_library_are_for_callbacks_alone(connect, name):
    """Waiting for one, or subscribing to it, is told instead of never ending."""
    rt, _ = connect()
    for call in (rt.wait_for, rt.subscribe):
        with pytest.raises(LocalProtocolError, match="only callbacks get"):
            call(name)


def test_a_fault_of_the_reader_ends_the_session(connect, monkeypatch, caplog):
    """Everybody is woken with a cause, and the log has the traceback."""
    rt, peer = connect()
    waiting = [run_in_thread(rt.receive), run_in_thread(rt.wait_closed)]
    wait_until(lambda: rt._core.end_waiters)
    monkeypatch.setattr(rt._core.reader, "_decode", lambda message: 1 / 0)
    peer.send("x.y")
    with pytest.raises(ClosedError, match="the reader failed") as caught:
        waiting[0].result()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert waiting[1].result() is True
    assert rt.close_code == 1006
    assert "a bug in realtime_sync" in caplog.text


def test_a_fault_between_two_events_of_a_batch(connect, monkeypatch, caplog):
    """Who was to be woken for the first one still is, gets it, and then the end."""
    rt, _ = connect()
    subscription = rt.subscribe("x.*")
    waiting = run_in_thread(subscription.get)
    wait_until(lambda: subscription._queue._waiters)
    reader, owner = rt._core.reader, rt._core.api.owner_locked
    monkeypatch.setattr(
        type(rt._core.api), "owner_locked", lambda _, entry: owner(entry) if entry[1].type == "x.y" else 1 / 0
    )
    messages = ['{"type": "x.y", "event_id": "1"}', '{"type": "x.z", "event_id": "2"}']
    rt._core.post(lambda: reader.take_in(messages))
    assert waiting.result().type == "x.y"
    with pytest.raises(ClosedError, match="the reader failed"):
        subscription.get()
    assert "a bug in realtime_sync" in caplog.text


def test_callbacks_that_fall_behind_with_nobody_to_hear_of_it(connect, caplog):
    """Without a handler for callback_error the drop is logged, counted, and dispatch goes on."""
    rt, peer = connect(options={"max_queue_bytes": 2000})
    gate, entered, seen = threading.Event(), threading.Event(), []

    def handler(event):
        entered.set()
        assert gate.wait(10)
        seen.append(event.type)

    rt.on("x.y", handler)
    peer.send("x.y")
    assert entered.wait(10)
    for _ in range(50):
        peer.send("x.y", pad="p" * 100)
    wait_until(lambda: "callbacks fell behind" in caplog.text)
    gate.set()
    peer.send("x.y")
    wait_until(lambda: rt.stats.callbacks_waiting == 0 and len(seen) > 1)
    assert rt.stats.callbacks_dropped > 0
    assert len(seen) < 52


def test_a_long_pause_is_logged_once(connect, monkeypatch, caplog):
    """A long pause is logged, once."""
    monkeypatch.setattr(_reader, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(_reader, "PAUSE_LOG_SECONDS", 0.05)
    caplog.set_level(logging.WARNING)
    rt, peer = connect(options={"max_queue": 10})
    for _ in range(30):
        peer.send("x.y")
    wait_until(lambda: "reading is paused" in caplog.text)
    before = rt._core.flow.paused_since
    wait_until(lambda: rt.stats.paused_seconds > 0.15)
    assert rt._core.flow.paused_since == before
    assert caplog.text.count("reading is paused") == 1


def test_the_librarys_own_events_wait_for_room(connect, monkeypatch):
    """A cancel that finds no room goes out when there is some, in order, and before the connection ends or never."""
    rt, peer = connect()
    connection = type(rt._core.connection)
    offer, refused = connection.offer, []

    def no_room(self, outgoing):
        refused.append(outgoing)
        return False

    with monkeypatch.context() as patch:
        patch.setattr(connection, "offer", no_room)
        for number in range(2):
            rt._core.submit(rt._core.complete({"type": "response.cancel", "response_id": f"resp_{number}"}))
        wait_until(lambda: len(refused) > 2)
        assert len(rt._core.reader.unsent) == 2
    assert connection.offer is offer
    assert [peer.receive()["response_id"] for _ in range(2)] == ["resp_0", "resp_1"]
    assert rt.stats.events_sent == 2


def test_a_context_manager_has_a_close_of_its_own():
    """The class that only gives the `with` says so."""
    with pytest.raises(NotImplementedError), ClosesOnExit():
        pass


@pytest.mark.parametrize("kind", ["error", "response.error"])
def test_a_server_that_quotes_the_key(scripted, caplog, kind):
    """It shows neither in the exception, nor in the event, nor in a log; all else is as the server said it."""
    client = Client(base_url=scripted.base_url, api_key="sk-very-secret")
    said = {"type": "invalid_request_error", "code": "c", "message": "no: sk-very-secret, Bearer sk-very-secret"}
    with client.realtime.connect(model="m") as rt:
        peer = scripted.accept()
        asking = run_in_thread(rt.request, {"type": "conversation.item.delete", "item_id": "i", "event_id": "e_1"})
        peer.receive()
        peer.send("error", error={**said, "event_id": "e_1"})
        error = pytest.raises(ServerError, asking.result).value
        peer.send(kind, error={**said, "param": "second"})
        while error_fields(told := rt.receive(10))["param"] != "second":
            pass
        assert error_fields(told)["message"] == "no: [redacted], [redacted]"
    assert "no: [redacted], [redacted] (code c" in str(error)
    assert "very-secret" not in f"{error!r} {error.event} {told} {caplog.text}"
