"""A Responses connection that is replaced when it is lost: what fails, what goes on, what is told."""

from __future__ import annotations

import itertools
import json

import pytest

from realtime_sync import Client, RetryPolicy
from realtime_sync.errors import (
    ConfigurationError,
    LocalProtocolError,
    ReconnectFailed,
    RequestTimeout,
    ServerError,
    TurnInterrupted,
)
from realtime_sync.responses._proof import Proofs
from realtime_sync.server import Fault, LocalServer
from tests.responses.live_support import answer, begin, delta, end
from tests.support.peer import CLOSE, Peer, frame
from tests.support.reconnecting import QUICK, gap
from tests.support.waiting import run_in_thread, wait_until

UNSTORED = {"input": "x", "store": False}


def in_line(conn, count):
    """Wait until so many requests wait for a lane."""
    wait_until(lambda: conn.lanes.waiting == count)


def test_what_was_on_its_way_fails_and_the_next_request_goes_out(lanes, scripted):
    """A response cut off tells what had arrived; the connection is used on as if nothing had happened."""
    conn, peer = lanes(retry=QUICK)
    begun, sent = run_in_thread(conn.create, input="one"), None
    create = peer.receive()
    begin(peer, create)
    delta(peer, create, "half")
    wait_until(lambda: any(call.response_id for call in conn._api.book.active))
    sent = run_in_thread(conn.create, input="two")
    peer.receive()
    peer.drop()
    again = scripted.accept()
    cut, unknown = (pytest.raises(TurnInterrupted, each.result).value for each in (begun, sent))
    assert cut.partial.output_text == "half"
    assert unknown.partial is None
    assert (cut.replay_safe, unknown.replay_safe) == (False, False)
    asking = run_in_thread(conn.create, input="three")
    create = again.receive()
    assert (create["input"], create["stream_id"]) == ("three", "rts-0")
    answer(again, create, "ok")
    assert asking.result().output_text == "ok"
    assert conn.receive(10).type == "reconnected"
    assert not conn._api.book.active


def test_what_asks_in_the_gap_waits_for_the_new_connection(lanes, scripted):
    """In line, by the rules of lanes; leaving the line says that nothing was sent."""
    conn, peer = lanes(retry=QUICK)
    with gap(scripted, conn, peer):
        asking = [run_in_thread(conn.create, input=text) for text in ("a", "b")]
        in_line(conn, 2)
        impatient = pytest.raises(RequestTimeout, conn.create, input="c", timeout=0.01).value
        assert impatient.replay_safe
    again = scripted.accept()
    for create in (again.receive(), again.receive()):
        answer(again, create, create["input"].upper())
    assert sorted(each.result().output_text for each in asking) == ["A", "B"]


def test_what_waited_for_a_lane_goes_on_waiting(lanes, scripted):
    """A request behind another one is none of those that were lost."""
    conn, peer = lanes(retry=QUICK)
    lane = conn.lane("mine")
    first = run_in_thread(lane.create, input="first")
    peer.receive()
    second = run_in_thread(lane.create, input="second")
    in_line(conn, 1)
    peer.drop()
    again = scripted.accept()
    with pytest.raises(TurnInterrupted):
        first.result()
    create = again.receive()
    assert (create["input"], create["stream_id"]) == ("second", "mine")
    answer(again, create, "ok")
    assert second.result().output_text == "ok"


class Raw:
    """The server's end of a connection that takes nothing unless it is asked to."""

    def __init__(self, link):
        self.link = link

    def receive(self):
        return json.loads(self.link.read_data().text)

    def send(self, kind, **fields):
        self.link.send(json.dumps({"type": kind, **fields}))


def test_what_could_not_be_written_goes_out_on_the_new_connection(peer):
    """The server cannot have seen it, so it is sent there, once, on the lane that it had."""
    base_url = f"http://{peer.host}:{peer.port}/v1"
    Proofs.note(base_url, lanes=True)
    client = Client(base_url=base_url, api_key="k")
    with client.responses.connect(model="m", retry=QUICK, options={"write_limit": None}) as conn:
        link = peer.link()
        big = run_in_thread(conn.create, input="x" * 20_000_000)
        wait_until(lambda: conn.stats.send_backlog_bytes > 0)
        small = run_in_thread(conn.create, input="small")
        wait_until(lambda: sum(call.is_sent for call in conn._api.book.active) == 2)
        link.reset()
        again = Raw(peer.link())
        creates = [again.receive(), again.receive()]
        assert [(len(each["input"]), each["stream_id"]) for each in creates] == [(20_000_000, "rts-0"), (5, "rts-1")]
        for create in creates:
            answer(again, create, create["input"][:1], response_id=f"resp_{create['stream_id']}")
        assert (big.result().output_text, small.result().output_text) == ("x", "s")
        again.link.drop()


def test_what_could_not_be_written_outlives_a_connection_that_is_over_at_once():
    """It was not queued there either: it goes out on the one after that."""
    trailing = itertools.chain([b"", frame(CLOSE, (1012).to_bytes(2, "big"))], itertools.repeat(b""))
    with Peer(lambda link: link.upgrade(trailing=next(trailing))) as peer:
        client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k")
        policy = {**QUICK, "max_delay": 0.0}
        with client.responses.connect(model="m", retry=policy, options={"write_limit": None}) as conn:
            link = peer.link()
            asking = run_in_thread(conn.create, input="x" * 20_000_000)
            wait_until(lambda: conn.stats.send_backlog_bytes > 0)
            link.reset()
            peer.link().drop()
            again = Raw(peer.link())
            create = again.receive()
            assert len(create["input"]) == 20_000_000
            answer(again, create, "x")
            assert asking.result().output_text == "x"
            again.link.drop()


def test_nothing_is_remembered_on_the_new_connection(lanes, scripted):
    """An unstored response is known to be gone without asking; a stored one is the server's to find."""
    conn, peer = lanes(retry=QUICK)
    for response_id, store in (("resp_1", False), ("resp_2", True)):
        asking = run_in_thread(conn.create, input="x", store=store)
        answer(peer, peer.receive(), "ok", response_id=response_id)
        asking.result()
    assert conn.lanes.holds("resp_1")
    peer.drop()
    again = scripted.accept()
    assert conn.receive(10).type == "reconnected"
    assert not conn.lanes.holds("resp_1")
    gone = pytest.raises(ServerError, conn.create, input="y", previous_response_id="resp_1").value
    assert (gone.code, gone.replay_safe) == ("previous_response_not_found", True)
    asking = run_in_thread(conn.create, input="y", previous_response_id="resp_2")
    create = again.receive()
    assert create["previous_response_id"] == "resp_2"
    answer(again, create, "found", response_id="resp_3")
    assert asking.result().output_text == "found"


def test_a_conversation_over_it_sends_everything_again(lanes, scripted):
    """It keeps the history itself, so that the loss costs one full request."""
    conn, peer = lanes(retry=QUICK)
    chat = Client(base_url=scripted.base_url, api_key="k").responses.conversation(via=conn)
    asking = run_in_thread(chat.create, "one")
    answer(peer, peer.receive(), "1", response_id="resp_1")
    asking.result()
    peer.drop()
    again = scripted.accept()
    assert conn.receive(10).type == "reconnected"
    asking = run_in_thread(chat.create, "two")
    create = again.receive()
    assert "previous_response_id" not in create
    assert [each["role"] for each in create["input"]] == ["user", "assistant", "user"]
    answer(again, create, "2", response_id="resp_2")
    assert asking.result().output_text == "2"
    assert (chat.stats.full, chat.stats.delta, chat.stats.recoveries) == (2, 0, {})


def test_what_was_sent_by_hand(lanes, scripted):
    """In the gap it waits; what is for a response that ran, or goes on from one that is gone, is told as unsent."""
    conn, peer = lanes(retry=QUICK)
    asking = run_in_thread(conn.create, **UNSTORED)
    answer(peer, peer.receive(), "ok", response_id="resp_1")
    asking.result()
    with gap(scripted, conn, peer):
        conn.response.create(input="fine")
        conn.response.create(input="goes on", previous_response_id="resp_1")
        conn.response.steer(previous_response_id="resp_1", input="more")
    again = scripted.accept()
    assert again.receive()["input"] == "fine"
    marker = conn.receive(10)
    assert [each["type"] for each in marker.unsent] == ["response.create", "response.steer"]
    answer(again, {}, "by hand", response_id="resp_2")
    types = [conn.receive(10).type for _ in range(4)]
    assert types[0] == "response.created"
    assert not marker.unconfirmed


def test_steering_what_was_lost(lanes, scripted):
    """The stream is over, so there is nothing to steer."""
    conn, peer = lanes(retry=QUICK)
    stream = conn.stream(input="x")
    begin(peer, peer.receive())
    assert next(stream).type == "response.created"
    peer.drop()
    scripted.accept()
    with pytest.raises(TurnInterrupted):
        next(stream)
    with pytest.raises(LocalProtocolError, match="nothing to steer"):
        stream.steer("more")


def test_giving_up_tells_everybody(lanes, scripted):
    """Who waits in line learns that nothing was sent, and what the connection was lost for."""
    conn, peer = lanes(retry=RetryPolicy(reconnect=True, reconnect_retries=2, initial_delay=0.0))
    scripted.refusals += [(503, {}), (503, {})]
    waiting = run_in_thread(conn.create, input="x")
    create = peer.receive()
    begin(peer, create)
    peer.drop()
    with pytest.raises(TurnInterrupted) as cut:
        waiting.result()
    assert not cut.value.replay_safe
    failed = pytest.raises(ReconnectFailed, conn.create, input="late").value
    assert (failed.attempts, failed.replay_safe) == (2, True)
    assert failed.__cause__.status == 503


def test_a_loss_after_a_loss_is_not_safe_to_repeat(lanes, scripted):
    """What the first connection may have told the server stays told, whatever the last one wrote."""
    conn, peer = lanes(retry=RetryPolicy(reconnect=True, reconnect_retries=2, initial_delay=0.0))
    stream = conn.stream(input="x")
    peer.receive()
    peer.drop()
    again = scripted.accept()
    assert conn.receive(10).type == "reconnected"
    scripted.refusals += [(401, {})]
    again.drop()
    assert conn.wait_closed(10)
    assert not pytest.raises(TurnInterrupted, next, stream).value.replay_safe


def test_the_servers_limit_on_the_connection(lanes, scripted):
    """It ends with the connection, and the next one takes requests again."""
    conn, peer = lanes(retry=QUICK)
    error = {"type": "invalid_request_error", "code": "websocket_connection_limit_reached", "message": "60 minutes"}
    peer.send("error", status=400, error=error)
    wait_until(lambda: conn.lanes.retiring)
    peer.close(1001, "limit")
    again = scripted.accept()
    wait_until(lambda: not conn._api.book.away and not conn.lanes.retiring)
    asking = run_in_thread(conn.create, input="x")
    answer(again, again.receive(), "ok")
    assert asking.result().output_text == "ok"


def test_attempts_are_counted_afresh_after_an_answer(lanes, scripted):
    """A server that greets and hangs up is not called for ever; one that answers is a good one."""
    conn, peer = lanes(retry=RetryPolicy(reconnect=True, reconnect_retries=1, initial_delay=0.0))
    for number in range(3):
        asking = run_in_thread(conn.create, input="x")
        create = peer.receive()
        begin(peer, create, f"resp_{number}")
        end(peer, create, f"resp_{number}", text="ok")
        assert asking.result().output_text == "ok"
        peer.drop()
        peer = scripted.accept()
        assert conn.receive(10).attempt == 1
    peer.drop()
    assert conn.wait_closed(10)
    with pytest.raises(ReconnectFailed):
        conn.create(input="x")


def test_the_official_names(lanes, scripted):
    """on_reconnecting turns reconnecting on, is told of each attempt, and may abort."""
    told = []
    conn, peer = lanes(
        on_reconnecting=lambda retrying: told.append(retrying.close_code), initial_delay=0, max_retries=3
    )
    peer.close(1012, "restart")
    again = scripted.accept()
    assert conn.receive(10).type == "reconnected"
    assert told == [1012]
    asking = run_in_thread(conn.create, input="x")
    answer(again, again.receive(), "ok")
    assert asking.result().output_text == "ok"


def test_there_is_nothing_to_resume(lanes):
    """Asking for it says what does."""
    with pytest.raises(ConfigurationError, match="nothing to resume: a conversation has"):
        lanes(retry={"reconnect": True, "resume": "conversation"})


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_over_a_connection_that_keeps_breaking(seed):
    """Each request is answered with its own answer or cut off, none reaches the server twice, and all of them end."""
    faults = [
        Fault(at="response.output_text.delta", do="drop", probability=0.03, seed=seed),
        Fault(at="response.create", do="cut", probability=0.03, seed=seed),
    ]
    with LocalServer(time_scale=0, responder=lambda request: request.text, faults=faults) as server:
        client = Client(base_url=server.base_url, api_key="k", timeout=30)
        policy = {**QUICK, "reconnect_retries": 1000, "deadline": None}
        with client.responses.connect(model="m", retry=policy) as conn:

            def ask(thread):
                outcomes = []
                for number in range(15):
                    text = f"{thread} asks {number}"
                    try:
                        answered = conn.create(input=text).output_text
                    except TurnInterrupted as error:
                        outcomes.append((text, error.replay_safe))
                    else:
                        assert answered == text
                return outcomes

            threads = [run_in_thread(ask, thread) for thread in range(8)]
            outcomes = [each for thread in threads for each in thread.result(60)]
            assert not conn._api.book.active
        asked = [each["input"] for each in server.received if each["type"] == "response.create"]
    assert outcomes, "nothing was lost at all"
    assert len(asked) == len(set(asked)), "a request reached the server twice"
    cut = {text for text, _ in outcomes}
    assert {f"{thread} asks {number}" for thread in range(8) for number in range(15)} - cut <= set(asked)
    assert not {text for text, is_safe in outcomes if is_safe} & set(asked)
