"""The end of a session: bad codes, "close" handlers, forks, dropped sessions, signals."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import warnings

import pytest

from realtime_sync import Client
from realtime_sync.errors import ClosedError, ClosedOK, ConnectionClosed, LocalProtocolError
from realtime_sync.realtime import RealtimeSession
from tests.support.peer import CLOSE, TEXT, frame
from tests.support.waiting import run_in_thread, wait_until


@pytest.fixture
def on_signal():
    """Handle SIGUSR1 with a function for one test."""
    before = signal.getsignal(signal.SIGUSR1)

    def on_signal(function):
        signal.signal(signal.SIGUSR1, lambda *_: function())

    yield on_signal
    signal.signal(signal.SIGUSR1, before)


needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")


def drop(sessions):
    """Forget sessions; the exception that one of them raised may hold it in a cycle."""
    sessions.clear()
    gc.collect()


def test_close_handlers_have_run_when_close_returns(connect):
    """close() waits for its "close" handlers, also where the callbacks thread had never started."""
    for _ in range(10):
        rt, peer = connect()
        ran = []
        rt.on("close", ran.append)
        rt.close()
        assert [event.type for event in ran] == ["close"]
        assert not rt._core.callbacks.ordinary.thread.is_alive()
        peer.done.set()


def test_a_refusal_in_the_upgrade_s_own_packet_is_explained(make_peer):
    """Whoever sends before the reader has routed what came before the close still learns what the server said."""
    body = json.dumps(
        {"type": "error", "event_id": "e", "error": {"type": "t", "code": "sunset", "message": "no more"}}
    )
    refusal = frame(TEXT, body.encode()) + frame(CLOSE, (4000).to_bytes(2, "big"))

    def refuse(link):
        link.upgrade(trailing=refusal)
        link.read_eof()

    peer = make_peer(refuse)
    client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k", options={"close_timeout": 0.05})
    for _ in range(5):
        with pytest.raises(ClosedError) as closed:
            client.realtime.connect(model="m", modalities=["text"])
        assert closed.value.code == 4000
        assert closed.value.server_error.error.code == "sunset"


@pytest.mark.parametrize("code", [99, 1005, 1006, 5000])
def test_a_code_that_may_not_be_sent_is_refused_and_nothing_closes(connect, code):
    """A close code that no endpoint may send raises LocalProtocolError, and the session goes on."""
    rt, peer = connect()
    with pytest.raises(LocalProtocolError):
        rt.close(code=code)
    rt.send({"type": "x.alive"})
    assert peer.receive()["type"] == "x.alive"
    rt.close(code=4000, reason="done")
    assert (rt.close_code, rt.close_reason) == (4000, "done")


def test_a_session_dropped_after_a_refused_close_still_ends(connect, scripted):
    """A close that raised does not keep a forgotten session's thread and socket alive."""
    client = Client(base_url=scripted.base_url, api_key="k")
    opened = [client.realtime.connect(model="m")]
    scripted.accept()
    core = opened[0]._core
    with pytest.raises(LocalProtocolError):
        opened[0].close(code=99)
    try:
        with pytest.warns(ResourceWarning, match="close"):
            drop(opened)
        wait_until(lambda: core.finished)
    finally:
        core.close(1000, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_cancelling_a_callback_in_a_forked_child_does_not_hang(connect):
    """Even if another thread of the parent held the session's lock at the fork."""
    rt, _ = connect()
    registration = rt.on("x.y", print)
    with rt._core.lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of any fork beside threads.
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            try:
                registration.cancel()
            finally:
                os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@needs_signals
def test_client_close_on_top_of_itself(scripted, monkeypatch, on_signal):
    """A signal handler may close a client whose close() it has just broken into."""
    client = Client(base_url=scripted.base_url, api_key="k")
    sessions = [client.realtime.connect(model="m") for _ in range(2)]
    start_close = RealtimeSession.start_close
    nested = []

    def start(self, *arguments):
        if not nested:
            nested.append(True)
            signal.raise_signal(signal.SIGUSR1)
        start_close(self, *arguments)

    monkeypatch.setattr(RealtimeSession, "start_close", start)
    on_signal(client.close)
    client.close()
    assert nested
    assert all(session.closed for session in sessions)


@needs_signals
def test_client_close_in_a_signal_handler_ends_a_connect(make_peer, on_signal):
    """It closes the session that connect() is still opening, and connect() raises."""

    def signal_in_the_middle(link):
        link.upgrade()
        link.read_data()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        link.finish()

    peer = make_peer(signal_in_the_middle)
    client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k")
    on_signal(client.close)
    with pytest.raises(ConnectionClosed):
        client.realtime.connect(model="m", session={"instructions": "x"})
    with pytest.raises(LocalProtocolError, match="closed"):
        client.realtime.connect(model="m")


def test_a_session_opened_while_its_client_closes_is_closed(scripted, monkeypatch):
    """A connect() that lost the race against close() leaves no session behind."""
    client = Client(base_url=scripted.base_url, api_key="k")
    adopt = Client.adopt

    def late(self, session):
        self.close()
        adopt(self, session)

    monkeypatch.setattr(Client, "adopt", late)
    with pytest.raises(LocalProtocolError, match="closed"):
        client.realtime.connect(model="m")


def test_a_close_from_a_close_handler_returns(connect):
    """A "close" handler may close again; nobody waits for themselves."""
    rt, _ = connect()
    ran = []

    def handler(event):
        rt.close()
        ran.append(event)

    rt.on("close", handler)
    run_in_thread(rt.close).result()
    assert ran
    with pytest.raises(ClosedOK):
        rt.receive()
