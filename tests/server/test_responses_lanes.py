"""Lanes: order on one, concurrency over several, their limits, and what each remembers."""

import pytest

from tests.server.support import DirectResponses, Gates, text_of, types

MISSING = "previous_response_not_found"


def test_a_lane_is_first_come_first_served(serve, responses):
    """Creates that were sent ahead on one lane are answered one after the other, in order."""
    peer = responses(serve())
    for number in range(5):
        peer.create(f"say {number}", stream_id="a")
    for number in range(5):
        events = peer.end_of("a")
        assert text_of(events[-1]["response"]) == str(number)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert {event["response"]["id"] for event in events if "response" in event} == {events[-1]["response"]["id"]}


def test_lanes_run_at_once(serve, responses):
    """A response does not wait for one on another lane; the default lane's events carry no stream_id."""
    gates = Gates()
    peer = responses(serve(responder=gates))
    peer.create("one", stream_id="a")
    peer.create("two", stream_id="b")
    peer.create("three")
    begun = []
    while len(begun) < 3:
        event = peer.next()
        if event["type"] == "response.output_text.delta":
            begun.append(event.get("stream_id"))
    assert set(begun) == {"a", "b", None}
    for lane, name in (("b", "two"), (None, "three"), ("a", "one")):
        gates.open(name)
        assert text_of(peer.end_of(lane)[-1]["response"]) == f"begun done {name}"


def test_sixteen_run_at_once(serve, responses):
    """The seventeenth response of a connection begins when one of sixteen has ended."""
    gates = Gates()
    peer = responses(serve(responder=gates))
    for number in range(17):
        peer.create(str(number), stream_id=f"lane-{number}")
    begun = []
    while len(begun) < 16:
        event = peer.next()
        if event["type"] == "response.output_text.delta":
            begun.append(event["stream_id"])
    peer.send({"type": "nonsense"})
    assert peer.next()["type"] == "error"
    gates.open("3")
    events = peer.until("response.created")
    assert events[-1]["stream_id"] == "lane-16"
    assert "response.completed" in types(events)
    gates.open(*map(str, range(17)))
    ended = {event["stream_id"] for _ in range(16) for event in peer.until("response.completed")[-1:]}
    assert len(ended) == 16


def test_thirty_two_names(serve, responses):
    """A connection may use 32 names; the default lane does not count, and known names stay usable."""
    peer = responses(serve())
    for number in range(32):
        peer.answer("hi", stream_id=f"lane-{number}")
    refused = peer.refusal("hi", stream_id="one-more")
    assert (refused["error"]["code"], refused["stream_id"]) == ("websocket_stream_limit_reached", "one-more")
    peer.answer("hi")
    peer.answer("hi", stream_id="lane-7")


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 257, 7, None, ["a"], "a\n"])
def test_an_invalid_name(serve, responses, name):
    """A stream id that is none is refused, and the connection goes on."""
    peer = responses(serve())
    assert peer.refusal("hi", stream_id=name)["error"]["code"] == "invalid_stream_id"
    peer.answer("hi", stream_id="x" * 256)


def test_errors_keep_their_place(serve, responses):
    """A create that is refused is answered when its turn comes, not before."""
    peer = responses(serve())
    peer.create("say one", stream_id="a")
    peer.create("say two", stream_id="a", max_output_tokens=1)
    peer.create("say three", stream_id="a")
    assert text_of(peer.end_of("a")[-1]["response"]) == "one"
    (refused,) = peer.end_of("a")
    assert (refused["status"], refused["error"]["param"]) == (400, "max_output_tokens")
    assert text_of(peer.end_of("a")[-1]["response"]) == "three"


def test_the_cache_keeps_the_newest_response_of_a_lane(serve, responses):
    """Without storing, the lane's newest response can be continued, an older one cannot."""
    peer = responses(serve())
    first = peer.answer("my name is Ada", store=False)
    second = peer.answer("hi", store=False, previous_response_id=first["id"])
    refused = peer.refusal("hi", store=False, previous_response_id=first["id"])
    assert (refused["status"], refused["error"]["code"]) == (400, MISSING)
    told = peer.answer("what is my name?", store=False, previous_response_id=second["id"])
    assert text_of(told) == "Your name is Ada."


def test_stored_responses_are_reloaded(serve, responses):
    """With storing, any response can be continued, from another connection too."""
    server = serve()
    peer = responses(server)
    first = peer.answer("my name is Ada")
    peer.answer("hi", previous_response_id=first["id"])
    for other in (peer, responses(server)):
        told = other.answer("what is my name?", previous_response_id=first["id"])
        assert text_of(told) == "Your name is Ada."


def test_the_cache_belongs_to_the_connection(serve, responses):
    """What was not stored is unknown to another connection."""
    server = serve()
    first = responses(server).answer("hi", store=False)
    assert responses(server).refusal("hi", previous_response_id=first["id"])["error"]["code"] == MISSING


def test_a_failed_continuation_evicts_its_parent(serve, responses):
    """After a 4xx on the same lane, the response that it named is gone from the cache, not from storage."""
    peer = responses(serve())
    for stored in (False, True):
        first = peer.answer("hi", store=stored)
        peer.refusal("hi", previous_response_id=first["id"], top_p=2)
        peer.create("hi", previous_response_id=first["id"])
        last = peer.end_of()[-1]
        assert last["type"] == ("response.completed" if stored else "error")
        assert stored or last["error"]["code"] == MISSING


def test_a_response_that_fails_evicts_its_parent(serve, responses):
    """A generation that fails ends the chain too; one that named no parent leaves the lane's memory alone."""

    def responder(request):
        if request.text == "fail":
            raise ValueError
        return "fine"

    peer = responses(serve(responder=responder))
    first = peer.answer("hi", store=False)
    failed = peer.answer("fail", store=False)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
    peer.refusal("hi", previous_response_id=failed["id"])
    assert peer.answer("fail", store=False, previous_response_id=first["id"])["status"] == "failed"
    assert peer.refusal("hi", previous_response_id=first["id"])["error"]["code"] == MISSING


def test_a_fork(serve, responses):
    """Another lane continues from a lane's newest response, and both go on; a fork that fails takes nothing away."""
    peer = responses(serve())
    first = peer.answer("my name is Ada", store=False, stream_id="a")
    peer.refusal("hi", store=False, stream_id="b", previous_response_id=first["id"], top_p=2)
    fork = peer.answer("my name is Bob", store=False, stream_id="b", previous_response_id=first["id"])
    source = peer.answer("what is my name?", store=False, stream_id="a", previous_response_id=first["id"])
    assert text_of(source) == "Your name is Ada."
    told = peer.answer("what is my name?", store=False, stream_id="b", previous_response_id=fork["id"])
    assert text_of(told) == "Your name is Bob."


def test_a_fork_that_comes_too_late(serve, responses):
    """Once the source lane has advanced, what was not stored cannot be forked any more."""
    gates = Gates(lambda text: (None, text) if text == "wait" else (text,))
    peer = responses(serve(responder=gates))
    first = peer.answer("hi", store=False, stream_id="a")
    peer.create("wait", store=False, stream_id="a", previous_response_id=first["id"])
    peer.until("response.in_progress")
    assert peer.refusal("hi", stream_id="b", previous_response_id=first["id"])["error"]["code"] == MISSING
    gates.open("wait")
    peer.end_of("a")


def test_a_lane_starts_afresh_without_a_previous_response(serve, responses):
    """Only previous_response_id makes a chain: the lane alone does not."""
    peer = responses(serve())
    peer.answer("my name is Ada", stream_id="a")
    assert "not told me" in text_of(peer.answer("what is my name?", stream_id="a"))


def test_an_idle_connection_ends_after_its_time(serve, responses):
    """The sixty minutes are scaled; a connection that does nothing then is told why it ends."""
    peer = responses(serve(time_scale=0.05 / 3600))
    event = peer.next()
    assert (event["error"]["code"], "stream_id" in event) == ("websocket_connection_limit_reached", False)
    assert peer.end().rcvd.code == 1001


def test_a_busy_connection_finishes_what_runs_after_its_time():
    """What waits or comes then is refused; the connection ends with the response that runs."""
    gates = Gates()
    with DirectResponses(responder=gates, time_scale=1) as direct:
        direct.create("one", stream_id="a")
        direct.create("two", stream_id="a")
        direct.until("response.output_text.delta")
        direct.session._expires = 0.0
        assert direct.session.on_timer() is None
        direct.create("three")
        (refused,) = direct.sent
        assert (refused["error"]["code"], "stream_id" in refused) == ("websocket_connection_limit_reached", False)
        assert direct.closed_with is None
        gates.open("one")
        events = direct.until("response.completed")
        errors = [(event["error"]["code"], event.get("stream_id")) for event in events if event["type"] == "error"]
        code = "websocket_connection_limit_reached"
        assert errors == [(code, None), (code, "a"), (code, None)]
        assert direct.closed_with[0] == 1001


def test_only_the_newest_responses_are_known(monkeypatch):
    """A connection forgets where its oldest responses ran."""
    monkeypatch.setattr("realtime_sync.server.responses._lanes.MAX_KNOWN", 1)
    with DirectResponses() as direct:
        ended = []
        for _ in range(2):
            direct.create("one")
            ended.append(direct.until("response.completed")[-1]["response"]["id"])
        for response_id in ended:
            direct.send({"type": "response.steer", "previous_response_id": response_id, "input": "x"})
        assert [event["error"]["code"] for event in direct.sent] == ["response_not_found", "response_already_completed"]


def test_a_responder_that_outlives_its_connection(caplog, monkeypatch):
    """A responder that blocks does not keep a connection from ending: it is left behind, and that is said."""
    monkeypatch.setattr("realtime_sync.server.responses._connection._JOIN_SECONDS", 0.02)
    gates = Gates()
    with DirectResponses(responder=gates) as direct:
        direct.create("one")
        direct.until("response.output_text.delta")
    assert "still running" in caplog.text
    gates.open("one")
