"""Closing, forgetting, forking and interrupting a session that has no connection just now."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import warnings

import attrs
import pytest

from realtime_sync import Client
from realtime_sync.errors import ClosedOK, ForkedError, RequestTimeout
from tests.support.interrupting import Interrupted
from tests.support.reconnecting import QUICK, gap, item
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until

SLOW = {"reconnect": True, "initial_delay": 60.0, "max_delay": 60.0, "jitter": False, "deadline": None}
SOON = 1.0


@pytest.fixture
def in_phase(scripted):
    """Bring a session into a phase of its outage; returns it. Does not keep it alive."""
    client = Client(base_url=scripted.base_url, api_key="k", timeout=30, options={"close_timeout": 0.2})

    def connect(**arguments):
        # Its thread is there before the outage: while the reader dials, it starts none.
        rt = client.realtime.connect(model="m", handlers={"response.done": print}, **arguments)
        return rt, scripted.accept()

    def in_phase(phase):
        if phase == "pausing":
            rt, peer = connect(retry=SLOW)
            peer.drop()
            wait_until(lambda: rt._core.generation)
        elif phase == "upgrading":
            rt, peer = connect(retry=QUICK)
            scripted.gate.clear()
            peer.drop()
            wait_until(lambda: len(scripted.requests) == 2)
        elif phase == "restoring":
            rt, peer = connect(retry=QUICK)
            rt.session.update({"instructions": "x"})
            event = peer.receive()
            peer.send("session.updated", session={**SESSION, **event["session"]})
            rt.wait_for("session.updated", 10)
            peer.drop()
            scripted.accept().receive("session.update")
        else:  # flushing
            rt, peer = connect(retry=QUICK, options={"write_limit": None, "sockopt": ((1, 7, 8192),)})
            with gap(scripted, rt, peer):
                for _ in range(300):
                    rt.send({"type": "x.fill", "pad": "x" * 50_000})
            assert rt.receive(10).type == "reconnected"
        return rt

    yield in_phase
    scripted.gate.set()
    client.close()


PHASES = ["pausing", "upgrading", "restoring"]


@pytest.mark.parametrize("phase", PHASES)
def test_close_in_every_phase(in_phase, phase, caplog):
    """From another thread: at once; receivers get ClosedOK, "close" is called once and "reconnected" never."""
    rt = in_phase(phase)
    heard = []
    for name in ("reconnected", "close"):
        rt.on(name, heard.append)
    receiving = run_in_thread(list, rt)
    asking = run_in_thread(rt.ask, "never")
    wait_until(lambda: rt._core.holder.ledger.held)
    with caplog.at_level(logging.WARNING):
        closing = run_in_thread(rt.close, 4001, "done")
        closing.result(5)
    assert closing.took < SOON
    assert receiving.result(5) == [] or phase == "restoring"
    with pytest.raises(ClosedOK):
        raise asking.thread and caught(asking)
    assert [event.type for event in heard] == ["close"]
    assert (rt.close_code, rt.close_reason) == (4001, "done")
    assert not rt._core.reader.thread.is_alive()
    if phase != "restoring":
        assert "2 events were not sent" in caplog.text


def caught(call):
    """Return what a call raised, or its cause: a turn says that it was interrupted."""
    try:
        call.result(5)
    except ClosedOK as error:
        return error
    except Exception as error:
        return ClosedOK(str(error)) if getattr(error, "closed_by", "") == "local" else error
    return AssertionError("it returned")


def test_close_while_what_waited_goes_out(in_phase):
    """Within close_timeout, whatever the peer takes."""
    rt = in_phase("flushing")
    closing = run_in_thread(rt.close)
    closing.result(5)
    assert rt.closed
    assert closing.took < 1.5


@pytest.mark.parametrize("phase", PHASES)
def test_close_from_a_callback(in_phase, phase):
    """A handler closes its own session, which has no connection."""
    rt = in_phase(phase)
    rt.on("open", lambda _: rt.close())
    assert rt.wait_closed(5)
    wait_until(lambda: not rt._core.reader.thread.is_alive())


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
@pytest.mark.parametrize("phase", PHASES)
def test_close_from_a_signal_handler(in_phase, phase):
    """On top of a sender that is inside the session's lock, too."""
    rt = in_phase(phase)
    before = signal.signal(signal.SIGUSR1, lambda *_: rt.close())
    try:
        with rt._core.lock:
            threading.Timer(0, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            wait_until(lambda: rt._core.closing)
        assert rt.wait_closed(5)
    finally:
        signal.signal(signal.SIGUSR1, before)


def forget(sessions):
    sessions.clear()
    gc.collect()


@pytest.mark.parametrize("phase", PHASES)
def test_a_session_that_is_dropped_ends(in_phase, phase):
    """Nobody refers to it any more: it warns and closes, and no thread stays."""
    opened = [in_phase(phase)]
    core = opened[0]._core
    with pytest.warns(ResourceWarning, match="without close"):
        forget(opened)
    wait_until(lambda: core.finished)
    core.reader.thread.join(5)
    assert not core.reader.thread.is_alive()


def test_close_while_tcp_connects(connect, scripted):
    """The dial has no answer at all: a full backlog stands in for a black hole."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
            fillers.append(filler)
        rt, peer = connect(retry=QUICK)
        dialler = rt._core.recovery._redial
        dialler.endpoint = attrs.evolve(dialler.endpoint, base_url=f"http://127.0.0.1:{hole.getsockname()[1]}/v1")
        peer.drop()
        wait_until(lambda: rt._core.recovery._dialling is not None)
        closing = run_in_thread(rt.close)
        closing.result(5)
        assert closing.took < SOON
        assert not rt._core.reader.thread.is_alive()
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("where", ["hook", "key"])
def test_close_does_not_wait_for_the_user_s_functions(scripted, where):
    """A hook or key function that hangs: close returns, everybody wakes, and what it returns later is not used."""
    entered, leave = threading.Event(), threading.Event()

    def hang(*_):
        if scripted.requests:
            entered.set()
            leave.wait(20)
        return None if where == "hook" else "k"

    client = Client(base_url=scripted.base_url, api_key=hang if where == "key" else "k")
    retry = {**QUICK, "on_retry": hang} if where == "hook" else QUICK
    rt = client.realtime.connect(model="m", retry=retry)
    heard = []
    rt.on("close", heard.append)
    scripted.accept().drop()
    receiving = run_in_thread(list, rt)
    assert entered.wait(10)
    closing = run_in_thread(rt.close)
    closing.result(5)
    assert closing.took < SOON
    assert receiving.result(5) == []
    assert [event.type for event in heard] == ["close"]
    assert rt.closed
    leave.set()
    rt._core.reader.thread.join(10)
    assert not rt._core.reader.thread.is_alive()
    assert len(scripted.requests) == 1
    assert len(heard) == 1


def test_sending_while_a_gap_is_being_closed(connect, scripted):
    """What cannot be sent any more is refused, not accepted and forgotten."""
    rt, peer = connect(retry=SLOW)
    peer.drop()
    wait_until(lambda: rt._core.generation)
    rt._core.closing = True  # As `close` does first.
    with pytest.raises(ClosedOK):
        rt.send({"type": "x.late"})


def test_closing_the_client_ends_the_gap(scripted):
    """Like any session of it."""
    client = Client(base_url=scripted.base_url, api_key="k")
    rt = client.realtime.connect(model="m", retry=SLOW)
    scripted.accept().drop()
    wait_until(lambda: rt._core.generation)
    client.close()
    assert rt.closed


def test_a_script_that_ends_in_a_gap_ends(scripted):
    """At once and without a word, though the next attempt is a minute away."""
    script = f"""
        import threading
        from realtime_sync import Client
        lost = threading.Event()
        rt = Client(base_url={scripted.base_url!r}, api_key="k").realtime.connect(
            model="m", retry={SLOW!r}, handlers={{"reconnecting": lambda _: lost.set()}})
        print("open", flush=True)
        lost.wait(20)
        print("lost", flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        scripted.accept().drop()
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "open\nlost\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("phase", PHASES)
def test_a_fork_in_a_gap(in_phase, scripted, phase):
    """The child's copy is dead and ends at once; the parent goes on to reconnect."""
    rt = in_phase(phase)
    with rt._core.lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 warns of any fork beside threads.
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            code = 1
            try:
                rt.send({"type": "x.child"})
            except ForkedError:
                rt.close()
                code = 0
            finally:
                os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    if phase == "upgrading":
        rt.send({"type": "x.parent"})
        scripted.gate.set()
        assert scripted.accept().receive()["type"] == "x.parent"
    rt.close()


# An interrupt that hits a finalizer or a callback of the garbage collector can be raised nowhere.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.raises_anywhere
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timer")
def test_interrupts_at_any_time_in_a_gap(connect, scripted):
    """A blocked sender, a request and a turn are cut short again and again; then all goes on as if nothing had been."""
    rt, peer = connect(retry=QUICK, options={"write_limit": (4000, 1000)})

    def interrupt(*_):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with gap(scripted, rt, peer):
            calls = (
                lambda: rt.send({"type": "x.cut", "pad": "x" * 500}),
                lambda: rt.request(item("x"), timeout=0.5),
                lambda: rt.ask("x", timeout=0.5),
            )
            for n in range(120):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0002 + (n % 40) * 0.00005)
                    calls[n % 3]()
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except (Interrupted, RequestTimeout):  # The latter where the interrupt could be raised nowhere.
                    signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            ledger = rt._core.holder.ledger
            with rt._core.lock:
                assert ledger.bytes == sum(len(each.outgoing) for each in ledger.held)
                held = [each.event_id for each in ledger.held if each.claim is None]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    new = scripted.accept()
    last = run_in_thread(rt.send, {"type": "x.last"})
    came = []
    while (event := new.receive())["type"] != "x.last":
        came.append(event["event_id"])
    last.result()
    assert [each for each in came if each in set(held)] == held
    assert len(set(came)) == len(came)
    asking = run_in_thread(rt.ask, "still there?")
    new.answer("yes", response_id="resp_99")
    assert asking.result().text == "yes"
