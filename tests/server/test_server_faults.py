"""Faults: each does what it says, at the point it says."""

import socket
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from realtime_sync.errors import ConfigurationError
from realtime_sync.server import Fault, Faults
from tests.server.support import UPGRADE, read_to_the_end, text_of

DELTA = "response.output_text.delta"


@pytest.mark.parametrize(("do", "bytes_come"), [("drop", False), ("garbage", True)])
@pytest.mark.parametrize("at", ["connect", "upgrade"])
def test_a_connection_that_does_not_come_about(serve, dial, at, do, bytes_come):
    """The first client gets no HTTP answer, the second does."""
    server = serve(faults=Fault(at=at, do=do))
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        if at == "upgrade":
            sock.sendall(UPGRADE)
        answer = read_to_the_end(sock)
    assert (bool(answer), b"HTTP" in answer[:4]) == (bytes_come, False)
    dial(server)
    assert server.faults.fired() == server.faults.fired(at) == 1


def test_half_an_upgrade(serve):
    """A cut upgrade ends in the middle of the answer."""
    server = serve(faults=[Fault(at="upgrade", do="cut")])
    with pytest.raises(InvalidMessage):
        connect(server.websocket_base_url + "/realtime?model=m")


@pytest.mark.parametrize("at", ["connect", "upgrade", "session.created"])
def test_a_stall_lasts_until_the_server_closes(serve, at):
    """A client of a stalled server waits for ever; closing the server ends it."""
    server = serve(faults=Fault(at=at, do="stall"))
    outcome = []

    def client():
        try:
            with connect(server.websocket_base_url + "/realtime?model=m", compression=None, open_timeout=30) as ws:
                ws.recv(timeout=30)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    while not server.faults.fired():
        thread.join(0.01)
    assert not outcome
    server.close()
    thread.join(20)
    assert isinstance(outcome[0], (InvalidMessage, OSError, ConnectionClosed))


@pytest.mark.parametrize("at", ["connect", "upgrade", "session.created", "response.create", DELTA])
def test_a_delay_changes_nothing_else(serve, dial, at):
    """After a delay everything goes on as without it."""
    server = serve(faults=Fault(at=at, do="delay", seconds=0.05))
    assert text_of(dial(server).ask("say one two")) == "one two"
    assert server.faults.fired() == 1


def test_reject_the_upgrade(serve, dial):
    """An upgrade can be refused with any status, and a time to come back."""
    server = serve(
        faults=Fault(at="upgrade", do="reject", status=429, seconds=1.5, reason="slow down", error_code="busy")
    )
    with pytest.raises(InvalidStatus) as refused:
        connect(server.websocket_base_url + "/realtime?model=m")
    response = refused.value.response
    assert b'"busy"' in response.body
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1.5")
    assert b"slow down" in response.body
    dial(server)


@pytest.mark.parametrize("at", ["upgrade", "session.created", "response.create", DELTA])
def test_close_with_a_code(serve, dial, at):
    """The server can close with a code and a reason, at any point after the upgrade."""
    server = serve(faults=Fault(at=at, do="close", code=4321, reason="because"))
    peer = dial(server, greet=False)
    if at not in {"upgrade", "session.created"}:
        peer.say("hello")
    closed = peer.end()
    assert (closed.rcvd.code, closed.rcvd.reason) == (4321, "because")


@pytest.mark.parametrize("at", ["session.created", "response.create", DELTA])
@pytest.mark.parametrize("do", ["drop", "cut"])
def test_losing_the_connection(serve, dial, at, do):
    """A dropped connection ends without a close frame; a cut one in the middle of a frame."""
    server = serve(faults=Fault(at=at, do=do))
    peer = dial(server, greet=False)
    if at != "session.created":
        peer.say("hello")
    closed = peer.end()
    assert closed.rcvd is None


def test_garbage_in_place_of_a_frame(serve, dial):
    """Bytes that are no frame make the peer fail the connection."""
    peer = dial(serve(faults=Fault(at=DELTA, do="garbage")))
    peer.say("hello")
    closed = peer.end()
    assert closed.sent.code == 1002


def test_a_text_that_is_no_json(serve, dial):
    """One event is replaced by half of one; the session goes on."""
    peer = dial(serve(faults=Fault(at="session.updated", do="bad_json")))
    update = {"type": "session.update", "session": {"type": "realtime"}}
    peer.send(update)
    with pytest.raises(ValueError):
        peer.next()
    peer.send(update)
    assert peer.next()["type"] == "session.updated"


def test_swallowing_events(serve, dial):
    """An event can be left out on the way out, or ignored on the way in."""
    faults = [Fault(at="session.created", do="swallow"), Fault(at="response.cancel", do="swallow")]
    peer = dial(serve(faults=faults), greet=False)
    peer.send({"type": "response.cancel", "event_id": "a"}, {"type": "response.cancel", "event_id": "b"})
    assert peer.next()["error"]["event_id"] == "b"


def test_reject_an_event(serve, dial):
    """A received event can be answered by an error, and a sent one replaced by one."""
    faults = [Fault(at="session.update", do="reject", reason="no"), Fault(at="session.updated", do="reject")]
    peer = dial(serve(faults=faults))
    update = {"type": "session.update", "event_id": "mine", "session": {"type": "realtime"}}
    error = peer.error(update)
    assert (error["type"], error["code"], error["message"]) == ("server_error", "rejected_by_fault", "no")
    assert error["event_id"] == "mine"
    assert peer.error(update)["event_id"] is None
    peer.send(update)
    assert peer.next()["type"] == "session.updated"


def test_the_nth_time_over_all_connections(serve, dial):
    """A fault fires at the nth passing only, whoever passes."""
    server = serve(faults=Fault(at="session.created", do="swallow", nth=2))
    dial(server)
    skipped = dial(server, greet=False)
    dial(server)
    skipped.send({"type": "response.cancel"})
    assert skipped.next()["type"] == "error"
    assert server.faults.fired("session.created") == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seeded_chance_repeats_itself(seed):
    """The same seed gives the same faults; without a chance nothing fires, with certainty everything does."""
    point = "response.done"

    def run(**options):
        faults = Faults(Fault(at=point, do="swallow", seed=seed, **options))
        return [faults.take("sent", point) is not None for _ in range(200)]

    assert run(probability=0.3) == run(probability=0.3)
    assert 30 < sum(run(probability=0.3)) < 90
    assert sum(run(probability=0)) == 0
    assert run(probability=1, nth=3) == [False, False, *[True] * 198]
    assert sum(run(nth=5)) == 1


def test_faults_can_be_shared(serve, dial):
    """Two servers may share their faults, and so the counts."""
    faults = Faults(Fault(at="session.created", do="swallow", nth=2))
    dial(serve(faults=faults))
    dial(serve(faults=faults), greet=False).send({"type": "response.cancel"})
    assert faults.fired() == 1


def test_any_event_of_a_direction(serve, dial):
    """The points "sent" and "received" stand for every event of that direction."""
    server = serve(faults=[Fault(at="sent", do="swallow", nth=2), Fault(at="received", do="swallow", nth=2)])
    peer = dial(server)
    peer.send({"type": "response.cancel"}, {"type": "response.cancel"}, {"type": "response.cancel", "event_id": "c"})
    assert peer.next()["error"]["event_id"] == "c"


@pytest.mark.parametrize(
    "options",
    [
        {"do": "explode"},
        {"do": "drop", "nth": 0},
        {"do": "drop", "probability": 2},
        {"do": "delay", "seconds": -1},
        {"do": "reject", "at": "connect"},
        {"do": "swallow", "at": "upgrade"},
    ],
)
def test_faults_that_cannot_be(options):
    """A fault that could never happen is refused when it is made."""
    with pytest.raises(ConfigurationError):
        Fault(**{"at": "response.done", **options})
