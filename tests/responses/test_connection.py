"""A connection to the Responses API: requests, their results and their errors, and the verbs by hand."""

from __future__ import annotations

import gc
import threading
import time

import pytest

from realtime_sync import NOT_GIVEN, Client, Lane, ResponsesConnection, ResponseStream
from realtime_sync.errors import (
    ClosedError,
    ConfigurationError,
    ConnectionClosed,
    ConnectionRetiring,
    LocalProtocolError,
    RequestTimeout,
    ResponseFailed,
    ServerError,
    TurnInterrupted,
)
from realtime_sync.responses._proof import Proofs
from realtime_sync.types.responses import ResponseCreateEvent, user_text
from tests.responses.live_support import answer, begin, delta, end, error, item, open_item, send
from tests.support.waiting import run_in_thread, wait_until


def test_a_request_and_its_answer(lanes):
    """What is sent is the request on a lane, without an id of ours; what returns is the response."""
    conn, peer = lanes(store=False, instructions="be brief")
    asking = run_in_thread(conn.create, input="hello", instructions=None)
    create = peer.receive()
    assert create == {
        "type": "response.create",
        "model": "m",
        "store": False,
        "instructions": None,
        "input": "hello",
        "stream_id": "rts-0",
    }
    answer(peer, create, "hi", " there", response_id="resp_7")
    response = asking.result()
    assert (response.id, response.status, response.output_text) == ("resp_7", "completed", "hi there")


def test_the_public_names(lanes):
    """Connections, lanes and streams are of the classes that the package exports."""
    conn, peer = lanes()
    assert isinstance(conn, ResponsesConnection)
    assert isinstance(conn.lane("a"), Lane)
    with conn.stream(input="x") as stream:
        assert isinstance(stream, ResponseStream)
        answer(peer, peer.receive(), "x")
        assert stream.response().output_text == "x"


def test_an_incomplete_response_returns(lanes):
    """Its status says so."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    answer(peer, peer.receive(), "cut", kind="response.incomplete", incomplete_details={"reason": "max_output_tokens"})
    response = asking.result()
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_a_failed_response_raises(lanes):
    """With the server's reason and the response."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    failure = {"code": "server_error", "message": "the model fell over"}
    answer(peer, peer.receive(), kind="response.failed", error=failure)
    with pytest.raises(ResponseFailed, match="the model fell over") as failed:
        asking.result()
    assert failed.value.response.error.code == "server_error"


def test_an_error_event_raises(lanes):
    """With everything that it says: code, param, status, and when to try again."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    error(peer, peer.receive(), "rate_limit_exceeded", status=429, param="input", headers={"Retry-After": "1.5"})
    with pytest.raises(ServerError, match="no good") as caught:
        asking.result()
    raised = caught.value
    assert (raised.code, raised.param, raised.status, raised.retry_after) == ("rate_limit_exceeded", "input", 429, 1.5)
    assert (raised.type, raised.replay_safe, raised.event.stream_id) == ("invalid_request_error", False, "rts-0")


def test_a_flat_error_event_raises_the_same(lanes):
    """As proxies and older servers send it."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    peer.send("error", stream_id=peer.receive()["stream_id"], code="bad", message="flat", param="input")
    with pytest.raises(ServerError, match="flat") as caught:
        asking.result()
    assert (caught.value.code, caught.value.param, caught.value.type, caught.value.status) == (
        "bad",
        "input",
        None,
        None,
    )


def test_an_error_event_that_no_page_knows(lanes):
    """A text instead of an object, and `response.error`, end the request at once, with what they say."""
    conn, peer = lanes()
    for kind, said in (("error", "out of cheese"), ("response.error", {"message": "out of cheese", "code": "c"})):
        asking = run_in_thread(conn.create, input="x")
        create = peer.receive()
        begin(peer, create, response_id=f"resp_{kind}")
        send(peer, create, kind, error=said)
        with pytest.raises(ServerError, match="out of cheese"):
            asking.result()
    assert conn.lanes.in_flight == 0


def test_a_last_event_that_cannot_be_read(lanes):
    """It ends the request, and says what did not fit."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    create = peer.receive()
    begin(peer, create)
    peer.send("response.completed", stream_id=create["stream_id"], response={"id": "resp_1", "output": 5})
    with pytest.raises(Exception, match="output") as caught:
        asking.result()
    assert type(caught.value).__name__ == "DecodeError"


def test_output_that_is_told_once(lanes):
    """A server that leaves the items out of the last event has them taken from the events before."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    create = peer.receive()
    begin(peer, create)
    peer.send("response.output_item.done", stream_id=create["stream_id"], output_index=0, item=item("told once"))
    end(peer, create, output=[])
    assert asking.result().output_text == "told once"


@pytest.mark.parametrize("how", ["drop", "close"])
def test_a_lost_connection_interrupts(lanes, how):
    """What had arrived is kept; the server had the request, so that it is not safe to repeat."""
    conn, peer = lanes()
    with conn.stream(input="x") as stream:
        create = peer.receive()
        begin(peer, create)
        open_item(peer, create)
        delta(peer, create, "half an ")
        delta(peer, create, "answer")
        pieces = stream.text()
        assert [next(pieces), next(pieces)] == ["half an ", "answer"]
        peer.drop() if how == "drop" else peer.close(1011, "oops")
        with pytest.raises(TurnInterrupted) as caught:
            stream.response()
    assert caught.value.partial.output_text == "half an answer"
    assert caught.value.code == (1006 if how == "drop" else 1011)
    assert caught.value.replay_safe is False


def test_lost_before_anything_came(lanes):
    """Sent, and nothing came of it: partial is None, and whether it ran is not known."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    peer.receive()
    peer.drop()
    with pytest.raises(TurnInterrupted) as caught:
        asking.result()
    assert (caught.value.partial, caught.value.replay_safe) == (None, False)


def test_lost_while_waiting_for_a_lane(lanes):
    """Nothing of it was sent."""
    conn, peer = lanes(known=False)
    first = run_in_thread(conn.create, input="x")
    peer.receive()
    second = run_in_thread(conn.create, input="y")
    wait_until(lambda: conn.lanes.waiting == 1)
    peer.drop()
    with pytest.raises(TurnInterrupted):
        first.result()
    with pytest.raises(ClosedError) as caught:
        second.result()
    assert caught.value.replay_safe is True
    with pytest.raises(ConnectionClosed) as caught:
        conn.create(input="z")
    assert caught.value.replay_safe is True


def test_a_message_that_was_not_written_was_not_sent(peer):
    """The kernel took only a part of it: the server cannot have seen the request."""
    client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k")
    with client.responses.connect(model="m") as conn:
        link = peer.link()
        with conn.stream(input="x" * 20_000_000) as stream:
            assert conn.stats.send_backlog_bytes > 0
            link.drop()
            with pytest.raises(ConnectionClosed) as caught:
                stream.response()
    assert caught.value.replay_safe is True


@pytest.mark.parametrize("fields", [{"temperature": 0.7}, {"top_p": 0.5, "temperature": 1.0}])
def test_a_silent_close_after_a_fraction_is_explained(lanes, fields):
    """Some servers close without a word on such a number."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x", **fields)
    create = peer.receive()
    assert {name: create[name] for name in fields} == fields
    peer.close(1000)
    with pytest.raises(TurnInterrupted, match=f"may be {next(iter(fields))}: .*fraction"):
        asking.result()


def test_a_silent_close_after_whole_numbers_is_just_a_close(lanes):
    """There is nothing to explain."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x", temperature=1.0)
    assert repr(peer.receive()["temperature"]) == "1"
    peer.close(1000)
    with pytest.raises(TurnInterrupted, match="code 1000") as caught:
        asking.result()
    assert "fraction" not in str(caught.value)


def test_time_runs_out_while_it_runs(lanes):
    """What arrived is kept; the rest is drained, and the lane serves again at its end."""
    conn, peer = lanes()
    with pytest.raises(RequestTimeout, match="still running") as caught, conn.stream(input="x", timeout=0.6) as stream:
        create = peer.receive()
        begin(peer, create)
        open_item(peer, create)
        delta(peer, create, "so far")
        stream.response()
    assert caught.value.partial.output_text == "so far"
    assert caught.value.replay_safe is False
    assert conn.lanes.in_flight == 1
    end(peer, create)
    wait_until(lambda: conn.lanes.in_flight == 0)
    with pytest.raises(RequestTimeout, match="had not begun"):
        conn.create(input="x", timeout=0.3)


def test_time_runs_out_in_line(lanes):
    """Nothing was sent, and the one behind is served."""
    conn, peer = lanes(known=False)
    first = run_in_thread(conn.create, input="1")
    create = peer.receive()
    with pytest.raises(RequestTimeout, match="nothing of it was sent") as caught:
        conn.create(input="2", timeout=0)
    assert caught.value.replay_safe is True
    third = run_in_thread(conn.create, input="3")
    answer(peer, create, "one")
    assert first.result().output_text == "one"
    create = peer.receive()
    assert create["input"] == "3"
    answer(peer, create, "three", response_id="resp_3")
    assert third.result().output_text == "three"


def test_the_default_time_is_the_connections_then_the_clients(scripted):
    """None is no limit."""
    client = Client(base_url=scripted.base_url, api_key="k", timeout=0)
    with client.responses.connect(model="m") as conn, pytest.raises(RequestTimeout):
        conn.create(input="x")
    with client.responses.connect(model="m", timeout=0.01) as conn, pytest.raises(RequestTimeout):
        conn.create(input="x")
    with client.responses.connect(model="m", timeout=0) as conn:
        asking = run_in_thread(conn.create, input="x", timeout=None)
        peers = [scripted.accept() for _ in range(3)]
        answer(peers[-1], peers[-1].receive(), "x")
        assert asking.result().output_text == "x"


def test_what_cannot_be_sent(lanes):
    """Nothing goes out, and the connection stays usable."""
    conn, peer = lanes()
    with pytest.raises(TypeError, match="'temprature'; did you mean 'temperature'"):
        conn.create(input="x", temprature=1)
    for bad in ({"input": object()}, {"stream": True}, {"background": True}, {"extra_body": {"background": True}}):
        with pytest.raises(LocalProtocolError):
            conn.create(**bad)
    with pytest.raises(LocalProtocolError, match="stream cannot be given"):
        conn.send({"type": "response.create"}, extra_body={"stream": True})
    with pytest.raises(LocalProtocolError, match=r"ask for a lane, conn\.lane"):
        conn.create(input="x", extra_body={"stream_id": "mine"})
    with pytest.raises(TypeError, match=r"warm_up\(\) .*'generate'"):
        conn.warm_up(input="x", generate=True)
    for timeout in (-1, "5", float("nan"), True):
        with pytest.raises(ConfigurationError, match="timeout must be a number of seconds"):
            conn.create(input="x", timeout=timeout)
    with pytest.raises(LocalProtocolError, match="no field 'background'"):
        conn.send({"type": "response.create", "background": True})
    asking = run_in_thread(conn.create, input="fine")
    create = peer.receive()
    assert create["input"] == "fine"
    answer(peer, create, "ok")
    assert asking.result().output_text == "ok"


def test_defaults_that_cannot_work(scripted):
    """They are refused before dialling."""
    client = Client(base_url=scripted.base_url, api_key="k")
    with pytest.raises(TypeError, match=r"connect\(\) .*'modle'; did you mean 'model'"):
        client.responses.connect(modle="m")
    with pytest.raises(LocalProtocolError, match="store: expected"):
        client.responses.connect(model="m", store="no")
    with pytest.raises(ConfigurationError, match="timeout must be a number"):
        client.responses.connect(model="m", timeout="5")
    assert scripted.requests == []


def test_one_origin_takes_the_place_of_the_other(lanes):
    """A default conversation gives way to a previous_response_id, as a call knows better; not to none."""
    conn, peer = lanes(conversation="conv_1")
    for nothing in (None, NOT_GIVEN):
        asking = run_in_thread(conn.create, input="x", previous_response_id=nothing)
        create = peer.receive()
        assert create["conversation"] == "conv_1"
        answer(peer, create)
        asking.result()
    first = run_in_thread(conn.create, input="x", previous_response_id="resp_0")
    create = peer.receive()
    assert (create.get("conversation"), create["previous_response_id"]) == (None, "resp_0")
    answer(peer, create)
    first.result()
    second = run_in_thread(conn.create, input="x")
    create = peer.receive()
    assert create["conversation"] == "conv_1"
    answer(peer, create, response_id="resp_2")
    second.result()


def test_the_verbs_by_hand(lanes):
    """Sent and not waited for; what comes of them is in the mailbox, and observers see it."""
    conn, peer = lanes(instructions="i")
    conn.response.create(input=[user_text("hello")], stream_id="mine", generate=False, extra_body={"new": 1})
    create = peer.receive()
    assert create == {
        "type": "response.create",
        "model": "m",
        "instructions": "i",
        "input": [{"type": "message", "role": "user", "content": "hello"}],
        "stream_id": "mine",
        "generate": False,
        "new": 1,
    }
    begin(peer, create)
    assert conn.receive(timeout=10).type == "response.created"
    conn.response.steer(previous_response_id="resp_1", input="more")
    assert peer.receive() == {"type": "response.steer", "previous_response_id": "resp_1", "input": "more"}
    conn.inject("resp_1", [{"type": "function_call_output", "call_id": "c", "output": "x"}])
    assert peer.receive()["type"] == "response.inject"
    assert conn.send(ResponseCreateEvent(model="m", temperature=1.0)) == ""
    create = peer.receive()
    assert (create["model"], repr(create["temperature"])) == ("m", "1")
    assert "event_id" not in create


def test_nothing_is_acknowledged(lanes):
    """request() says so instead of waiting for ever."""
    conn, _ = lanes()
    with pytest.raises(LocalProtocolError, match=r"does not acknowledge response.create: use send"):
        conn.request({"type": "response.create"})


def test_a_warm_up(lanes):
    """generate: false; the id to go on from is returned."""
    conn, peer = lanes()
    warming = run_in_thread(conn.warm_up, instructions="i")
    create = peer.receive()
    assert create["generate"] is False
    answer(peer, create, response_id="resp_warm")
    assert warming.result() == "resp_warm"
    asking = run_in_thread(conn.create, input="x", previous_response_id="resp_warm")
    create = peer.receive()
    assert (create["stream_id"], create.get("generate")) == ("rts-0", None)
    answer(peer, create, response_id="resp_2")
    asking.result()


def test_observers_see_owned_events(lanes):
    """Callbacks, subscriptions and wait_for; receive() does not."""
    conn, peer = lanes()
    seen = []
    conn.on("response.*", lambda event: seen.append(event.type))
    with conn.subscribe("response.completed") as completed:
        asking = run_in_thread(conn.create, input="x")
        answer(peer, peer.receive(), "x")
        asking.result()
        assert completed.get(timeout=10).response.output_text == "x"
    conn.response.create(input="y")
    begin(peer, peer.receive(), "resp_own")
    assert conn.receive(timeout=10).response.id == "resp_own"
    wait_until(lambda: seen[-1:] == ["response.created"])
    assert seen.count("response.completed") == 1


def test_the_state_of_the_lanes(lanes):
    """What a pool asks: what runs, what waits, what is free, and what the server remembers here."""
    conn, peer = lanes(store=False)
    table = conn.lanes
    assert (table.known, table.in_flight, table.waiting, table.free, table.retiring) == (True, 0, 0, 16, False)
    first = run_in_thread(conn.create, input="x")
    create = peer.receive()
    begin(peer, create, "resp_a")
    wait_until(lambda: table.holds("resp_a"))
    assert (table.in_flight, table.free, table.is_busy("resp_a")) == (1, 15, True)
    end(peer, create, "resp_a")
    first.result()
    assert (table.holds("resp_a"), table.is_busy("resp_a"), table.holds("resp_b")) == (True, False, False)
    table.retire("old")
    wait_until(lambda: table.retiring)
    assert table.free == 0
    with pytest.raises(ConnectionRetiring, match="open another connection: old"):
        conn.create(input="x")


def test_a_request_with_a_lane_of_choice(lanes):
    """The default lane, a named one, or a fork beside what goes on."""
    conn, peer = lanes()
    name = conn.lane("mine").name
    for lane, fork, sent in ((None, False, None), (name, False, "mine"), (name, True, "mine")):
        with conn.lanes.start({"input": "x"}, 10, lane=lane, fork=fork) as stream:
            create = peer.receive()
            assert create.get("stream_id") == stream.lane == sent
            answer(peer, create, response_id=f"resp_{lane}_{fork}")
            stream.response()
    with conn.lanes.start({"input": "x", "previous_response_id": "resp_None_False"}, 10, fork=True):
        create = peer.receive()
        assert create["stream_id"] == "rts-0"
        answer(peer, create, response_id="resp_f")


def test_a_server_without_lanes(lanes):
    """The name is refused once, then everything goes out one by one without it; the next connection knows."""
    conn, peer = lanes(known=None)
    asking = [run_in_thread(conn.create, input=str(n)) for n in range(4)]
    create = peer.receive()
    assert create["stream_id"] == "rts-0"
    error(peer, {}, "unknown_parameter", param="stream_id")
    for n in range(4):
        create = peer.receive()
        assert "stream_id" not in create
        answer(peer, create, create["input"], response_id=f"resp_{n}")
    assert [each.result().output_text for each in asking] == ["0", "1", "2", "3"]
    assert Proofs.of(conn._api._server) is False
    other, peer = lanes(known=None)
    one = run_in_thread(other.create, input="x")
    create = peer.receive()
    assert "stream_id" not in create
    answer(peer, create, "y")
    assert one.result().output_text == "y"


def test_a_connection_that_reaches_its_limit(lanes):
    """The request fails so that it can be repeated elsewhere; what runs goes on."""
    conn, peer = lanes()
    runs = run_in_thread(conn.create, input="1")
    first = peer.receive()
    begin(peer, first)
    fails = run_in_thread(conn.create, input="2")
    error(peer, peer.receive(), "websocket_connection_limit_reached")
    with pytest.raises(ServerError, match="websocket_connection_limit_reached"):
        fails.result()
    with pytest.raises(ConnectionRetiring) as caught:
        conn.create(input="3")
    assert caught.value.server_error.error.code == "websocket_connection_limit_reached"
    end(peer, first, text="fine")
    assert runs.result().output_text == "fine"


def test_an_error_that_stays_unclear(lanes, monkeypatch):
    """Requests without any event after an error that named no lane fail with it, in time."""
    monkeypatch.setattr("realtime_sync.responses._book.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("realtime_sync.session._reader.TICK_SECONDS", 0.01)
    conn, peer = lanes()
    asking = [run_in_thread(conn.create, input=str(n)) for n in range(2)]
    [peer.receive() for _ in asking]
    error(peer, {}, "vague")
    for each in asking:
        with pytest.raises(ServerError, match=r"vague.*may have answered this request"):
            each.result()
    assert conn.receive(timeout=10).error.code == "vague"


def test_closing_ends_requests(lanes):
    """Whoever waits is told at once."""
    conn, peer = lanes()
    asking = run_in_thread(conn.create, input="x")
    peer.receive()
    conn.start_close()
    with pytest.raises(TurnInterrupted) as caught:
        asking.result()
    assert caught.value.closed_by == "local"


def test_an_abandoned_connection_is_collected(lanes):
    """A stream and a lane do not keep what nobody needs: dropped, the request is left."""
    conn, peer = lanes()
    stream = conn.stream(input="x")
    create = peer.receive()
    begin(peer, create)
    wait_until(lambda: stream.id == "resp_1")
    call = stream._call
    stream = None
    gc.collect()
    wait_until(lambda: call.drains_since is not None)
    end(peer, create)
    wait_until(lambda: conn.lanes.in_flight == 0)


def test_many_threads_on_one_connection(local):
    """Each gets its own answer, however many there are."""
    conn, _ = local({"responder": lambda request: f"re: {request.text}"})
    answers = {}

    def ask(n):
        first = conn.create(input=f"q{n}", store=False)
        answers[n] = first.output_text

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == {n: f"re: q{n}" for n in range(40)}
    assert not conn._core.flow.consumers
    assert conn.lanes.in_flight == conn.lanes.waiting == 0


@pytest.mark.parametrize("in_step", [True, False])
def test_64_interleaved_chains_that_nothing_stores(local, in_step):
    """The server is never asked for what it has forgotten: that is known here, and goes out in full again.

    Chains that do not wait for each other are kept as long as they take to go on.
    """
    conn, server = local({"responder": lambda request: " | ".join(text for _, text in request.messages)}, store=False)
    barrier = threading.Barrier(64)
    results, forgotten = {}, []

    def chain(n):
        barrier.wait()
        first = conn.create(input=f"a{n}")
        if in_step:
            barrier.wait()  # Twice as many chains as there are lanes: half of them must be forgotten.
        again = [{"role": "user", "content": f"b{n}"}]
        try:
            second = conn.create(input=again, previous_response_id=first.id)
        except ServerError as error:
            forgotten.append(error)
            second = conn.create(input=[{"role": "user", "content": f"a{n}"}, *first.output, *again])
        results[n] = second.output_text

    threads = [threading.Thread(target=chain, args=(n,)) for n in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {n: f"a{n} | a{n} | b{n}" for n in range(64)}
    assert conn.wait_closed(0) is False
    assert all(error.replay_safe for error in forgotten)
    assert bool(forgotten) is in_step
    assert any(each.get("previous_response_id") for each in server.received)


def test_closing_takes_no_time(lanes):
    """Against a peer that never answers, with requests under way."""
    conn, _ = lanes(options={"close_timeout": 0.2})
    streams = [conn.stream(input=str(n)) for n in range(3)]
    began = time.monotonic()
    conn.close()
    assert time.monotonic() - began < 1.2
    for stream in streams:
        with pytest.raises(TurnInterrupted):
            stream.response()
