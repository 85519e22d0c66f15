"""Which request an event belongs to, and which request may go out: each rule by itself, without threads."""

from __future__ import annotations

import pytest

from realtime_sync.errors import ClosedError, ConnectionRetiring, LocalProtocolError, ServerError
from realtime_sync.responses._book import DRAIN_SECONDS, MAX_DRAINING, PATIENCE_SECONDS
from realtime_sync.responses._call import Phase
from realtime_sync.responses._lanes import REST_SECONDS
from realtime_sync.session import DISCARD, Deadline
from tests.responses.lane_support import MAILBOX, Bench

UNSTORED = {"store": False}


def lanes_of(calls):
    return [call.stream_id for call in calls]


def sent(*calls):
    return [call.is_sent for call in calls]


# -- lanes ------------------------------------------------------------------------------------------------------------


def test_each_request_has_a_lane_of_its_own():
    """Names that were never used go first, and each lane's events reach its own request."""
    bench = Bench()
    calls = bench.asked(4)
    assert lanes_of(calls) == ["rts-0", "rts-1", "rts-2", "rts-3"]
    for call in reversed(calls):
        assert bench.begin(call) is call
    for call in calls:
        assert bench.delta(call.stream_id) is call
        assert bench.end(call) is call
        assert call.queue.ended


def test_sixteen_at_a_time_first_come_first_served():
    """The others wait in line, and each end lets one go."""
    bench = Bench()
    calls = bench.asked(20)
    assert sent(*calls) == [True] * 16 + [False] * 4
    bench.answer(calls[7])
    assert sent(*calls[16:]) == [True, False, False, False]
    bench.refuse(calls[3])
    assert sent(*calls[16:]) == [True, True, False, False]


def test_what_is_sent_by_hand_counts():
    """A create that a caller sends himself takes one of the sixteen, and its events are the mailbox's."""
    bench = Bench()
    raw = bench.by_hand("mine")
    calls = bench.asked(16)
    assert sent(*calls) == [True] * 15 + [False]
    assert bench.begin(raw, "resp_raw") == MAILBOX
    assert bench.tell("response.completed", "mine", response={"id": "resp_raw"}) == MAILBOX
    assert sent(calls[15]) == [True]


def test_creates_by_hand_may_be_sent_ahead():
    """Several on one lane are answered in order; one of ours waits for all of them."""
    bench = Bench()
    first, second = bench.by_hand("a"), bench.by_hand("a")
    ours = bench.ask(lane="a")
    assert sent(ours) == [False]
    bench.begin(first, "r1")
    assert (first.response_id, second.response_id) == ("r1", None)
    bench.end(first)
    assert sent(ours) == [False]
    bench.begin(second, "r2")
    bench.end(second)
    assert sent(ours) == [True]


def test_after_32_names_the_lane_that_rested_longest():
    """Names are never given back, so they are used again: first where nothing is lost, then the one used least recently."""
    bench = Bench()
    stored = [bench.ask(store=n in (4, 5)) for n in range(16)]
    bench.answer(*stored)
    bench.answer(*bench.asked(16, **UNSTORED))
    again = bench.asked(3, **UNSTORED)
    assert lanes_of(again) == ["rts-4", "rts-5", "rts-0"]
    assert len(bench.book.lanes.lanes) == 33


def full(bench):
    """Have 32 threads get a response each, which only the lanes remember; return their ids."""
    return [bench.answer(bench.ask(thread=n, **UNSTORED)) for n in range(32)]


def test_what_only_a_lane_remembers_is_kept_for_who_got_it():
    """For a moment, in which the line waits; who goes on from there does not, nor, with nobody in line, who does not go on."""
    bench = Bench()
    ids = full(bench)
    elsewhere = bench.ask(thread=5, **UNSTORED)
    assert lanes_of([elsewhere]) == ["rts-5"]
    first, second = bench.ask(thread=98, **UNSTORED), bench.ask(thread=99, **UNSTORED)
    goes_on = bench.ask(ids[0], thread=0, **UNSTORED)
    assert lanes_of([goes_on]) == ["rts-0"]
    bench.look_again(REST_SECONDS / 2)
    behind = bench.ask(thread=7, **UNSTORED)
    assert sent(first, second, behind) == [False, False, False]
    bench.look_again(REST_SECONDS / 2)
    assert lanes_of([first, second, behind]) == ["rts-1", "rts-2", "rts-3"]


def test_nothing_is_kept_where_nobody_goes_on():
    """Once the responses of all lanes were lost and nobody cared, until somebody does."""
    bench = Bench()
    full(bench)
    waiting = [bench.ask(thread=100 + n, **UNSTORED) for n in range(32)]
    bench.look_again(REST_SECONDS)
    bench.answer(*waiting[:16])
    bench.answer(*waiting[16:])
    ids = [bench.answer(bench.ask(thread=200 + n, **UNSTORED)) for n in range(40)]
    with pytest.raises(ServerError):
        raise bench.ask(ids[0], thread=200, **UNSTORED).refusal
    assert sent(bench.ask(thread=300, **UNSTORED)) == [False]


def test_names_of_callers_count_and_are_never_lent():
    """A lane that a caller named runs that caller's requests only, and leaves one less to lend."""
    bench = Bench()
    table = bench.book.lanes
    for n in range(31):
        assert table.reserve(f"mine-{n}") == f"mine-{n}"
    assert table.reserve("mine-3") == "mine-3"
    one, other = bench.asked(2)
    assert (lanes_of([one]), sent(other)) == (["rts-0"], [False])
    mine = bench.ask(lane="mine-3")
    assert lanes_of([mine]) == ["mine-3"]
    assert bench.begin(mine) is mine
    with pytest.raises(LocalProtocolError, match="32 lanes already"):
        table.reserve("mine-32")
    bench.answer(one)
    assert lanes_of([other]) == ["rts-0"]


def test_when_all_names_are_used_a_fork_gets_one_that_was_lent():
    """One that is idle and alone remembers nothing, and not that of its own source."""
    bench = Bench()
    for n in range(32):
        bench.answer(bench.ask(store=n != 7))
    table = bench.book.lanes
    source = bench.calls[7].response_ids[-1]
    assert [table.reserve(None, beside=source) for _ in range(2)] == ["rts-0", "rts-1"]
    assert bench.ask("resp_1").stream_id == "rts-0"  # It still remembers, while nothing else runs there.
    assert bench.ask().stream_id not in {"rts-0", "rts-1"}
    lanes = [table.reserve(None, beside=source) for _ in range(28)]
    assert "rts-7" not in lanes
    with pytest.raises(LocalProtocolError, match="32 lanes"):
        table.reserve(None, beside=source)


@pytest.mark.parametrize("knows_lanes", [True, False])
def test_a_response_that_goes_on_after_an_error_is_nobodys(knows_lanes):
    """The error may have been about a steer: what ends then is not the next request of the lane."""
    bench = Bench(knows_lanes=knows_lanes)
    lane = bench.book.lanes.reserve("mine")
    first = bench.ask(lane=lane)
    bench.begin(first, "resp_a")
    assert bench.refuse(first, lane=False) is first
    second = bench.ask(lane=lane)
    for kind in ("response.in_progress", "response.completed", "response.completed"):
        assert bench.tell_of(second, kind, "resp_a") == MAILBOX
    assert bench.begin(second, "resp_b") is second
    assert bench.end(second) is second
    assert second.response_ids == ["resp_b"]


def test_a_server_without_lanes_does_not_count_their_names():
    """They are names only."""
    bench = Bench(knows_lanes=False)
    names = {bench.book.lanes.reserve(None) for _ in range(20)} | {
        bench.book.lanes.reserve(f"mine-{n}") for n in range(20)
    }
    names |= {bench.book.lanes.reserve(None) for _ in range(5)}
    assert len(names) == 45


def test_without_a_name_left_to_lend_the_default_lane_serves():
    """All names are taken by callers: the default lane has none and does not count."""
    bench = Bench()
    for n in range(32):
        bench.book.lanes.reserve(f"mine-{n}")
    one, other = bench.asked(2)
    assert [one.is_sent, one.stream_id, other.is_sent] == [True, None, False]
    assert bench.begin(one) is one
    bench.end(one)
    assert other.is_sent


@pytest.mark.parametrize("name", ["", "with space", "ü", "a" * 257, 5, "rts-0", "rts-31"])
def test_bad_names(name):
    """A name that the API does not take, or that is the library's own, is refused."""
    with pytest.raises(LocalProtocolError, match=r"lane|name"):
        Bench().book.lanes.reserve(name)


def test_too_many_names_for_the_server():
    """A server that counts more names than we do gets the request again, on a lane that it knows."""
    bench = Bench()
    known = bench.answer(bench.ask())
    refused = bench.ask()
    assert bench.refuse(refused, "websocket_stream_limit_reached", param="stream_id") is DISCARD
    ((data, call),) = bench.submitted
    assert (call, data["stream_id"]) == (refused, "rts-0")
    bench.book.sent(data, refused)
    assert bench.begin(refused) is refused
    assert bench.book.lanes.home(known) is None
    assert not bench.ask().is_sent


# -- going on ---------------------------------------------------------------------------------------------------------


def test_a_continuation_runs_where_its_response_is():
    """previous_response_id routes to the lane that remembers it."""
    bench = Bench()
    calls = bench.asked(3)
    bench.answer(*calls)
    assert bench.ask(calls[1].response_id).stream_id == "rts-1"


def test_a_continuation_waits_for_its_response():
    """It may be asked for while the response runs, and goes out at its end."""
    bench = Bench()
    first = bench.ask(**UNSTORED)
    bench.begin(first)
    second = bench.ask(first.response_id, **UNSTORED)
    assert not second.is_sent
    bench.end(first)
    assert second.stream_id == "rts-0"


def test_a_waiting_continuation_holds_up_nobody_and_keeps_its_lane():
    """Others overtake it, but none takes the lane that it needs."""
    bench = Bench()
    bench.answer(*bench.asked(16, **UNSTORED))
    bench.answer(*bench.asked(16, **UNSTORED))
    busy = bench.ask(**UNSTORED)
    assert busy.stream_id == "rts-0"
    bench.begin(busy)
    waits = bench.ask(busy.response_id, **UNSTORED)
    fresh = bench.ask(**UNSTORED)
    assert (waits.is_sent, fresh.stream_id) == (False, "rts-1")
    bench.end(busy)
    assert waits.stream_id == "rts-0"


def test_a_stored_response_goes_on_anywhere_once_its_lane_has_gone_on():
    """The server has it in storage."""
    bench = Bench()
    first = bench.answer(bench.ask())
    bench.begin(bench.ask(first))
    assert bench.ask(first).stream_id == "rts-1"
    assert bench.ask("resp_from_elsewhere").stream_id == "rts-2"


def test_what_is_forgotten_is_refused_before_it_is_sent():
    """An id that was not stored, and whose lane has gone on, is remembered nowhere."""
    bench = Bench()
    first = bench.answer(bench.ask(**UNSTORED))
    bench.begin(bench.ask(first, **UNSTORED))
    late = bench.ask(first, **UNSTORED)
    assert not late.is_sent
    assert isinstance(late.refusal, ServerError)
    assert (late.refusal.code, late.refusal.replay_safe) == ("previous_response_not_found", True)


def test_what_is_forgotten_while_it_is_waited_for_is_refused():
    """The same when the lane goes on between asking and sending."""
    bench = Bench()
    first = bench.answer(bench.ask(**UNSTORED))
    going = bench.ask(first, **UNSTORED)
    late = bench.ask(first, **UNSTORED)
    assert (late.is_sent, late.refusal) == (False, None)
    bench.begin(going)
    bench.end(going)
    assert late.refusal.code == "previous_response_not_found"


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("by", ["error", "response.failed"])
def test_a_continuation_that_fails_forgets_what_it_went_on_from(by, begun):
    """On the same lane a failure evicts the response before."""
    bench = Bench()
    first = bench.answer(bench.ask(**UNSTORED))
    second = bench.ask(first, **UNSTORED)
    if begun or by != "error":
        bench.begin(second)
    if by == "error":
        bench.refuse(second)
    else:
        bench.end(second, by)
    assert bench.ask(first, **UNSTORED).refusal.code == "previous_response_not_found"
    assert bench.ask(second.response_id, **UNSTORED).refusal is None or begun or by != "error"


def test_a_refused_fork_leaves_what_it_went_on_from():
    """On another lane it evicts nothing; nor does a refused request that went on from nothing."""
    bench = Bench()
    first = bench.answer(bench.ask(**UNSTORED))
    bench.refuse(bench.ask(first, fork=True, **UNSTORED))
    bench.refuse(bench.ask(lane="rts-0"))
    assert bench.ask(first, **UNSTORED).stream_id == "rts-0"


# -- forks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("until", ["in_progress", "completed", "error", "left"])
def test_a_fork_holds_back_the_lane_that_it_leaves(until):
    """What goes on there waits until the fork has begun, ended, or given up."""
    bench = Bench()
    first = bench.answer(bench.ask(**UNSTORED))
    fork = bench.ask(first, fork=True, **UNSTORED)
    assert fork.stream_id == "rts-1"
    goes_on = bench.ask(first, **UNSTORED)
    bench.begin(fork, "resp_f") if until not in ("error", "left") else None
    assert not goes_on.is_sent
    if until == "in_progress":
        bench.begin(fork, "resp_f", "response.in_progress")
    elif until == "completed":
        bench.end(fork)
    elif until == "error":
        bench.refuse(fork)
    else:
        fork.phase = Phase.GRANTED  # As if it had not been sent yet.
        bench.book.abandon(fork)
        bench.send(goes_on)
    assert goes_on.stream_id == "rts-0"


def test_a_fork_in_line_holds_back_too():
    """It was asked for first, so what comes later on the lane waits, although the fork itself has no lane yet."""
    bench = Bench()
    first = bench.answer(bench.ask(**UNSTORED))
    others = bench.asked(16)
    fork, goes_on = bench.ask(first, fork=True, **UNSTORED), bench.ask(first, **UNSTORED)
    bench.answer(others[0])
    assert sent(fork, goes_on) == [True, False]
    bench.answer(others[1])
    assert sent(goes_on) == [False]
    bench.begin(fork, "resp_f", "response.in_progress")
    assert sent(goes_on) == [True]


def test_a_fork_on_its_way_holds_back_who_asked_before_it():
    """They waited for something else, so the fork went first: until it has begun, what it leaves must not go on."""
    bench = Bench()
    first, source = bench.answer(bench.ask(lane="yours", **UNSTORED)), bench.ask(**UNSTORED)
    bench.begin(source)
    earlier = bench.ask(source.response_id, "yours", **UNSTORED)
    fork = bench.ask(first, fork=True, **UNSTORED)
    assert sent(earlier, fork) == [False, True]
    bench.end(source)
    assert not earlier.is_sent
    bench.begin(fork, "resp_f", "response.in_progress")
    assert earlier.is_sent


def test_a_lane_of_choice_makes_a_fork():
    """Going on elsewhere than where the response is holds that lane back just so."""
    bench = Bench()
    first = bench.answer(bench.ask(**UNSTORED))
    fork = bench.ask(first, "critic", **UNSTORED)
    goes_on = bench.ask(first, **UNSTORED)
    assert (fork.stream_id, goes_on.is_sent) == ("critic", False)


def test_forks_across_do_not_wait_for_each_other():
    """A fork waits for those only that were asked for before it."""
    bench = Bench()
    one, other = bench.answer(bench.ask(lane="a")), bench.answer(bench.ask(lane="b"))
    onto_b, onto_a = bench.ask(one, "b"), bench.ask(other, "a")
    assert sent(onto_b, onto_a) == [True, False]
    bench.begin(onto_b, "resp_x", "response.in_progress")
    assert sent(onto_a) == [True]


def test_a_fork_waits_for_the_end_of_what_it_forks():
    """A response that runs can be gone on from when it has ended."""
    bench = Bench()
    first = bench.ask()
    bench.begin(first)
    fork = bench.ask(first.response_id, fork=True)
    assert not fork.is_sent
    bench.end(first)
    assert fork.stream_id == "rts-1"


# -- whether there are lanes ------------------------------------------------------------------------------------------


def test_lanes_are_proved_before_they_are_used_at_once():
    """One request runs at a time until an event of a named lane names it."""
    bench = Bench(knows_lanes=None)
    calls = bench.asked(3)
    assert (sent(*calls), bench.proofs) == ([True, False, False], [])
    bench.begin(calls[0])
    assert (sent(*calls), bench.proofs) == ([True] * 3, [True])


def test_an_error_that_names_the_lane_proves_lanes_too():
    """A refusal frees the lane anyway; and what comes next shows whether there are lanes."""
    bench = Bench(knows_lanes=None)
    calls = bench.asked(3)
    bench.refuse(calls[0])
    assert sent(*calls) == [False, True, False]
    bench.begin(calls[1])
    assert sent(*calls) == [False, True, True]


def test_a_server_that_names_no_lane_has_none():
    """Its events belong to the one request that runs; the others follow one by one, without stream_id."""
    bench = Bench(knows_lanes=None)
    calls = bench.asked(3)
    assert calls[0].stream_id == "rts-0"
    for call in calls:
        assert sent(*calls).count(True) == 1
        response = {"id": f"of {id(call)}"}
        assert bench.tell("response.created", response=response) is call
        assert bench.delta(None) is call
        assert bench.tell("response.completed", response=response) is call
    assert (lanes_of(calls), bench.proofs) == (["rts-0", None, None], [False])


@pytest.mark.parametrize("known", [None, True])
@pytest.mark.parametrize("told", [{"param": "stream_id"}, {"message": "Unknown parameter: 'stream_id'."}])
def test_a_server_that_refuses_the_name_gets_the_request_again(told, known):
    """Without stream_id, once; the caller sees nothing of it."""
    bench = Bench(knows_lanes=known)
    call = bench.ask(input="x")
    assert bench.refuse(call, "unknown_parameter", lane=False, **told) is DISCARD
    ((data, again),) = bench.submitted
    assert (again, data) == (call, {"type": "response.create", "input": "x"})
    bench.book.sent(data, call)
    assert bench.proofs == [False]
    assert bench.refuse(call, "unknown_parameter", **told) is call
    assert call.error is not None


def test_a_refused_name_on_a_server_with_lanes_is_the_callers_affair():
    """Where lanes are proved on this connection, an error about stream_id is an error."""
    bench = Bench(knows_lanes=None)
    bench.answer(bench.ask())
    call = bench.ask()
    assert bench.refuse(call, "bad", param="stream_id") is call


@pytest.mark.parametrize("known", [None, True])
def test_a_late_successor_on_the_default_lane_proves_nothing(known):
    """What nobody expects there any more is not the answer to a request on a named lane, sent before or after."""
    bench = Bench(knows_lanes=known)
    default, call = bench.ask(lane=None), bench.ask()
    bench.begin(default)
    bench.steer(default)
    bench.end(default)
    bench.pass_time(PATIENCE_SECONDS)
    assert bench.begin(default, "late") == MAILBOX
    assert bench.proofs == []
    assert isinstance(bench.ask().refusal, ConnectionRetiring)
    assert isinstance(call.refusal, ConnectionRetiring) or bench.begin(call) is call


def test_an_old_proof_that_does_not_hold():
    """What was sent at once to a server that has no lanes any more runs in order; the rest goes one by one."""
    bench = Bench(knows_lanes=True)
    calls = bench.asked(3)
    for n, call in enumerate(calls):
        assert bench.tell("response.created", response={"id": f"r{n}"}) is call
        assert bench.tell("response.completed", response={"id": f"r{n}"}) is call
    assert bench.proofs == [False]
    one, other = bench.asked(2)
    assert ([one.is_sent, one.stream_id], other.is_sent) == ([True, None], False)


def test_a_server_that_does_one_thing_at_a_time():
    """A request that came too early is made again when the one before it has ended."""
    bench = Bench(knows_lanes=True)
    first, second = bench.asked(2)
    assert bench.tell("response.created", response={"id": "r1"}) is first
    assert bench.refuse(code="response_already_in_flight") is DISCARD
    assert bench.submitted == []
    assert bench.tell("response.completed", response={"id": "r1"}) is first
    assert [call for _, call in bench.submitted] == [second]
    assert bench.tell("response.created", response={"id": "r2"}) is second


def test_an_error_is_not_held_against_a_request_that_was_made_again_since():
    """Another error has answered what it may have answered."""
    bench = Bench(knows_lanes=True)
    first, second = bench.asked(2)
    assert bench.refuse() is MAILBOX
    bench.begin(first)
    bench.refuse(second, code="response_already_in_flight")
    assert (second.phase, second.again) == (Phase.WAITING, True)
    bench.pass_time(PATIENCE_SECONDS + 1)
    bench.end(first)
    bench.pass_time(0.0)
    assert (second.phase, second.suspect) == (Phase.SENT, None)


@pytest.mark.parametrize("reason", ["retired", "forgotten"])
def test_a_request_that_cannot_be_made_again_fails(reason):
    """Whoever asked waits for its events already, and is told there."""
    bench = Bench(knows_lanes=True)
    previous = bench.answer(bench.ask(**UNSTORED))
    bench.begin(bench.ask())
    second = bench.ask(previous)
    bench.refuse(code="response_already_in_flight", lane=False)
    assert (second.phase, second.queue.ended) == (Phase.WAITING, False)
    told = []
    second.watchers.append(lambda: told.append("steerer"))
    if reason == "retired":
        bench.book.retire("old")
    else:
        lose(bench)
        bench.book.resumed()
    with pytest.raises(ConnectionRetiring if reason == "retired" else ServerError, match="nothing was sent"):
        second.queue.take(Deadline(0))
    assert (second.phase, told) == (Phase.OVER, ["steerer"])


def test_without_lanes_only_the_newest_response_is_remembered():
    """Two conversations on one lane forget each other's."""
    bench = Bench(knows_lanes=False)
    one = bench.answer(bench.ask(lane="a", **UNSTORED))
    other = bench.answer(bench.ask(lane="b", **UNSTORED))
    assert bench.ask(one, lane="a", **UNSTORED).refusal.code == "previous_response_not_found"
    assert bench.ask(other, lane="b", **UNSTORED).is_sent
    assert (bench.book.lanes.heads["a"], bench.book.lanes.heads["b"]) == (one, other)


# -- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_on_a_lane_is_its_requests():
    """It ends that request alone."""
    bench = Bench()
    one, other = bench.asked(2)
    bench.begin(other)
    assert bench.refuse(other) is other
    assert (one.phase, other.phase) == (Phase.SENT, Phase.OVER)
    assert bench.refuse(other) == MAILBOX


def test_an_error_without_a_lane_is_the_default_lanes():
    """There its name would be missing anyway."""
    bench = Bench()
    others = bench.asked(2)
    default = bench.ask(lane=None)
    bench.begin(default)
    assert bench.refuse() is default
    assert sent(*others) == [True, True]


def test_else_of_the_only_request():
    """Whether or not it has begun."""
    bench = Bench()
    call = bench.ask()
    bench.begin(call)
    assert bench.refuse() is call


def test_else_of_the_only_one_without_an_answer():
    """Those that run were accepted."""
    bench = Bench()
    calls = bench.asked(3)
    bench.begin(calls[0])
    bench.begin(calls[2])
    assert bench.refuse() is calls[1]


def test_else_it_is_held_against_those_that_stay_without_an_answer():
    """They fail with it if nothing comes in 10 s; their lanes are not used again. The error itself is nobody's."""
    bench = Bench()
    one, two, runs = bench.asked(3)
    bench.begin(runs)
    assert bench.refuse(code="vague") == MAILBOX
    bench.begin(one)
    bench.pass_time(PATIENCE_SECONDS - 0.1)
    assert two.is_sent
    bench.pass_time(0.2)
    assert (two.phase, two.error.error.code, one.phase) == (Phase.OVER, "vague", Phase.RUNNING)
    assert bench.begin(two, "late") == MAILBOX
    with pytest.raises(LocalProtocolError, match="use another lane"):
        raise bench.ask(lane=two.stream_id).refusal


def test_nobody_waits_for_an_answer():
    """An error when all run, or nothing does, is the mailbox's."""
    bench = Bench()
    assert bench.refuse() == MAILBOX
    for call in bench.asked(2):
        bench.begin(call)
    assert bench.refuse() == MAILBOX


@pytest.mark.parametrize(
    "error",
    [
        {"status": 400, "error": {"type": "t", "code": "c", "message": "m"}},
        {"code": "c", "message": "m", "param": None, "sequence_number": 3},
        {"error": "not an object"},
    ],
)
def test_the_forms_of_an_error(error):
    """Nested, flat, or of no known form: the request ends with it."""
    bench = Bench()
    call = bench.ask()
    assert bench.tell("error", call.stream_id, **error) is call
    assert call.queue.ended


# -- the server's limit -----------------------------------------------------------------------------------------------


def test_the_connections_limit():
    """The request that ran into it fails, what waits is refused, nothing new goes out, what runs goes on."""
    bench = Bench()
    calls = bench.asked(16)
    waits = bench.ask()
    bench.begin(calls[0])
    assert bench.refuse(calls[1], "websocket_connection_limit_reached") is calls[1]
    assert isinstance(waits.refusal, ConnectionRetiring)
    assert waits.refusal.replay_safe
    assert waits.refusal.server_error.error.code == "websocket_connection_limit_reached"
    assert isinstance(bench.ask().refusal, ConnectionRetiring)
    assert bench.end(calls[0]) is calls[0]


def test_the_limit_told_to_nobody():
    """Without a lane it is never held against what runs."""
    bench = Bench()
    call = bench.ask()
    bench.begin(call)
    assert bench.refuse(code="websocket_connection_limit_reached") == MAILBOX
    assert bench.end(call) is call
    assert bench.ask().refusal is not None


# -- steering ---------------------------------------------------------------------------------------------------------


def steered(bench):
    """A running request with an accepted steer."""
    call = bench.ask()
    bench.begin(call)
    bench.steer(call)
    assert accepted(bench, call, "st_1") is call
    return call


def accepted(bench, call, steer_id):
    steer = {"id": steer_id, "previous_response_id": call.response_id}
    return bench.tell("response.steer.accepted", call.stream_id, steer=steer)


def failed(bench, call, response_id, **steer):
    error = {"type": "invalid_request_error", "code": "response_not_active", "message": "no"}
    told = {"previous_response_id": response_id, "input": "more", **steer}
    return bench.tell("response.steer.failed", call.stream_id, steer=told, error=error)


@pytest.mark.parametrize("reason", [{"reason": "steered"}, None])
def test_a_steered_turn_ends_with_its_successor(reason):
    """Whether the steer cut the response short or came at its end; the next request waits for that."""
    bench = Bench()
    call = steered(bench)
    first = call.response_id
    kind = "response.incomplete" if reason else "response.completed"
    assert bench.end(call, kind, incomplete_details=reason) is call
    following = bench.ask(first)
    assert not call.queue.ended
    assert bench.begin(call, "resp_b") is call
    assert bench.delta(call.stream_id) is call
    assert bench.end(call) is call
    assert (call.queue.ended, call.response_ids[-1], call.steer_unknown) == (True, "resp_b", False)
    assert following.is_sent


def test_a_steered_successor_can_be_steered():
    """By its own id; the turn goes on to the response that takes the last one up."""
    bench = Bench()
    call = steered(bench)
    bench.end(call)
    bench.begin(call, "resp_b")
    bench.steer(call)
    accepted(bench, call, "st_2")
    bench.end(call)
    assert not call.queue.ended
    bench.begin(call, "resp_c")
    bench.end(call)
    assert call.queue.ended


def test_a_steer_that_waits_for_tools():
    """The turn ends with what is asked for, and its lane is kept for the successor as long as others are free."""
    bench = Bench()
    call = steered(bench)
    bench.end(call)
    stubs = [{"type": "function_call_output", "call_id": "c1", "name": "f"}]
    steer = {"id": "st_1", "previous_response_id": call.response_ids[-1]}
    assert not call.queue.ended
    assert bench.tell("response.steer.pending", call.stream_id, steer=steer, reason="r", required_input=stubs) is call
    assert (call.queue.ended, call.pending_input[0].call_id) == (True, "c1")
    bench.answer(*bench.asked(15))
    bench.answer(*bench.asked(16))
    assert bench.ask().stream_id == "rts-1"
    assert bench.ask(call.response_ids[-1]).stream_id == "rts-0"


@pytest.mark.parametrize("when", ["before the end", "after the end"])
@pytest.mark.parametrize("with_id", [True, False])
def test_a_steer_that_fails(when, with_id):
    """The turn ends with the response that it has; the event, which gives the input back, is the turn's."""
    bench = Bench()
    call = bench.ask()
    bench.begin(call)
    first = call.response_id
    bench.steer(call)
    if with_id:
        accepted(bench, call, "st_1")
    steer = {"id": "st_1"} if with_id else {}
    if when == "before the end":
        assert failed(bench, call, first, **steer) is call
        bench.end(call)
    else:
        bench.end(call)
        assert not call.queue.ended
        assert failed(bench, call, first, **steer) is call
    assert call.queue.ended
    assert failed(bench, call, first) == MAILBOX


def test_one_steer_fails_and_another_is_taken_up():
    """Each is told by its own id."""
    bench = Bench()
    call = steered(bench)
    first = call.response_id
    bench.steer(call)
    failed(bench, call, first)
    bench.end(call)
    assert not call.queue.ended
    bench.begin(call, "resp_b")
    bench.end(call)
    assert call.queue.ended


def test_a_steer_without_an_answer():
    """After 10 s the turn ends all the same; the lane may still bring the successor, and is nobody's any more."""
    bench = Bench()
    call = bench.ask(**UNSTORED)
    bench.begin(call)
    bench.steer(call)
    bench.end(call)
    waits = bench.ask(call.response_id, **UNSTORED)
    bench.pass_time(PATIENCE_SECONDS)
    assert (call.queue.ended, call.steer_unknown) == (True, True)
    assert waits.refusal.code == "previous_response_not_found"
    assert bench.begin(call, "successor") == MAILBOX
    assert bench.delta(call.stream_id) == MAILBOX
    assert bench.ask().stream_id == "rts-1"


def test_a_response_that_was_steered_by_nobody_known_here():
    """Its end says so, and its successor belongs to the turn."""
    bench = Bench()
    call = bench.ask()
    bench.begin(call)
    bench.end(call, "response.incomplete", incomplete_details={"reason": "steered"})
    assert bench.begin(call, "resp_b") is call
    bench.end(call)
    assert call.queue.ended


def test_a_steer_that_only_its_answer_told_of():
    """It counts like one that was sent here."""
    bench = Bench()
    call = bench.ask()
    bench.begin(call)
    accepted(bench, call, "st_9")
    bench.end(call)
    assert not call.queue.ended


def test_a_steer_for_nothing_is_nobodys():
    """Its failure is the mailbox's."""
    bench = Bench()
    call = bench.ask()
    assert failed(bench, call, "resp_unknown") == MAILBOX
    assert bench.begin(call) is call


def test_a_successor_that_fails_by_an_error():
    """The error is the turn's."""
    bench = Bench()
    call = steered(bench)
    bench.end(call)
    assert bench.refuse(call) is call
    assert call.queue.ended


# -- leaving ----------------------------------------------------------------------------------------------------------


def test_a_request_that_is_left_drains():
    """Nobody gets the rest of it, and its lane is free at its end."""
    bench = Bench()
    calls = bench.asked(16)
    waits = bench.ask()
    bench.begin(calls[0])
    bench.book.abandon(calls[0])
    bench.book.abandon(calls[0])
    assert calls[0].queue.ended
    assert bench.delta(calls[0].stream_id) is DISCARD
    assert not waits.is_sent
    assert bench.end(calls[0]) is DISCARD
    assert waits.is_sent


def test_a_request_that_is_left_before_it_was_sent():
    """It leaves the line, or gives its lane to the next."""
    bench = Bench()
    calls = bench.asked(16)
    one, two, three = bench.asked(3)
    bench.book.abandon(one)
    calls[0].phase = Phase.GRANTED  # As if it had not been sent yet.
    bench.book.abandon(calls[0])
    bench.send(two)
    assert sent(one, two, three) == [False, True, False]


def test_too_many_drains_retire_the_connection():
    """More than 8 that nobody waits for are a server that does not answer."""
    bench = Bench()
    calls = bench.asked(MAX_DRAINING + 1)
    for call in calls[:-1]:
        bench.book.abandon(call)
    assert bench.ask().is_sent
    bench.book.abandon(calls[-1])
    assert isinstance(bench.ask().refusal, ConnectionRetiring)


def test_a_drain_that_takes_too_long_retires_the_connection():
    """After 600 s."""
    bench = Bench()
    bench.book.abandon(bench.ask())
    bench.pass_time(DRAIN_SECONDS)
    assert bench.ask().is_sent
    bench.pass_time(1)
    assert isinstance(bench.ask().refusal, ConnectionRetiring)


# -- nobody's ---------------------------------------------------------------------------------------------------------


def test_what_belongs_to_nobody_is_the_mailboxs():
    """Events of a lane without a request, or before its response began, never reach the next request there."""
    bench = Bench()
    call = bench.ask()
    assert bench.delta("rts-0") == MAILBOX
    assert bench.delta("never-used") == MAILBOX
    assert bench.delta(None) == MAILBOX
    assert bench.tell("undreamt.of") == MAILBOX
    bench.begin(call)
    assert bench.begin(call, "another") == MAILBOX
    assert bench.tell_of(call, "response.completed", "another") == MAILBOX
    bench.end(call)
    assert bench.delta("rts-0") == MAILBOX
    assert bench.end(call) == MAILBOX


def test_events_of_unknown_types_and_forms_go_by_their_lane():
    """What is newer than this library, or does not fit, is the request's all the same."""
    bench = Bench()
    call = bench.ask()
    assert bench.tell("response.created", "rts-0", response={"id": "r", "output": 5}) is call
    assert bench.tell("response.dreamt", "rts-0", a=1) is call
    assert bench.tell("response.completed", "rts-0", response={"id": "r", "output": 5}) is call
    assert call.queue.ended


def test_a_response_of_which_only_the_end_comes():
    """Some servers tell of a short one so."""
    bench = Bench()
    call = bench.ask()
    assert bench.tell_of(call, "response.completed", "r1") is call
    assert bench.ask("r1").stream_id == call.stream_id


def test_when_every_lane_is_retired():
    """The connection takes nothing more: there is nothing left to lend."""
    bench = Bench()
    for n in range(31):
        bench.book.lanes.reserve(f"mine-{n}")
    for _ in range(2):
        call = bench.ask()
        bench.begin(call)
        bench.steer(call)
        bench.end(call)
        bench.pass_time(PATIENCE_SECONDS)
    assert isinstance(bench.ask().refusal, ConnectionRetiring)


def test_without_lanes_an_uncertain_end_retires_the_connection():
    """There is no other lane to go on with."""
    bench = Bench(knows_lanes=False)
    call = bench.ask()
    bench.begin(call)
    bench.steer(call)
    bench.end(call)
    bench.pass_time(PATIENCE_SECONDS)
    assert isinstance(bench.ask().refusal, ConnectionRetiring)


def test_noting_twice_what_was_sent_changes_nothing():
    """An interrupt may have it done again."""
    bench = Bench()
    call = bench.ask()
    bench.book.sent(bench.book.message(call), call)
    data = {"type": "response.create", "stream_id": "a"}
    bench.book.sent(data, None)
    bench.book.sent(data, None)
    assert len(bench.book.active) == 2
    bench.begin(call)
    steer = {"type": "response.steer", "previous_response_id": call.response_id, "input": "x"}
    bench.book.sent(steer, None)
    bench.book.sent(steer, None)
    assert len(call.steers) == 1
    assert bench.book.lanes.lanes["rts-0"].calls == [call]


def test_the_end_wakes_everybody():
    """Who waits for a lane, and who waits for a response to begin."""
    bench = Bench()
    calls = bench.asked(17)
    woken = []
    calls[16].wake = lambda: woken.append("lane")
    calls[0].watchers.append(lambda: woken.append("beginning"))
    bench.book.end()
    assert sorted(woken) == ["beginning", "lane"]


def test_whether_anything_is_open():
    """What is drained, or was sent by hand, is nothing that a close would cut short."""
    bench = Bench()
    bench.by_hand()
    assert not bench.book.has_open
    call = bench.ask()
    assert bench.book.has_open
    bench.book.abandon(call)
    assert not bench.book.has_open


# -- another connection -----------------------------------------------------------------------------------------------


def lose(bench, *unseen):
    """Lose the connection, on which these requests were not written."""
    bench.book.lost(unseen, lambda: ClosedError("lost"))


def test_what_has_a_lane_keeps_it_over_a_loss():
    """It was not written, or is just being sent; what the server may have seen is over."""
    bench = Bench()
    written, unwritten, granted = bench.ask(), bench.ask(), bench.ask()
    granted.phase = Phase.GRANTED
    lose(bench, unwritten)
    assert [call.phase for call in (written, unwritten, granted)] == [Phase.OVER, Phase.GRANTED, Phase.GRANTED]
    assert [call.seen for call in (written, unwritten, granted)] == [True, False, False]
    assert list(bench.book.lanes.lanes) == [None, "rts-1", "rts-2"]
    late = bench.ask()
    assert late.phase is Phase.WAITING
    bench.book.resumed()
    assert late.lane.name == "rts-0"
    bench.send(unwritten)
    assert bench.answer(unwritten) == "resp_1"
    assert unwritten.queue.ended


def test_what_waits_for_a_connection_survives_the_loss_of_the_next_one():
    """It was not queued there, so no server can have seen it."""
    bench = Bench()
    unwritten = bench.ask()
    lose(bench, unwritten)
    bench.book.resumed()
    lose(bench)
    assert (unwritten.phase, unwritten.seen, unwritten.number) == (Phase.GRANTED, False, None)


def test_an_error_of_a_lost_connection_is_not_held_against_what_goes_out_later():
    """It may have answered any of several requests there, but none that no server had."""
    bench = Bench()
    unwritten = bench.asked(2)[1]
    assert bench.refuse() is MAILBOX
    lose(bench, unwritten)
    bench.book.resumed()
    bench.send(unwritten)
    bench.pass_time(PATIENCE_SECONDS + 1)
    assert (unwritten.phase, unwritten.suspect) == (Phase.SENT, None)


def test_what_is_left_while_it_waits_for_a_connection_is_over():
    """It is not sent any more, so there is nothing to drain, and its lane is free."""
    bench = Bench()
    unwritten = bench.ask()
    lose(bench, unwritten)
    bench.book.abandon(unwritten)
    assert (unwritten.phase, bench.book.active) == (Phase.OVER, {})


def test_what_nobody_waits_for_does_not_go_out_after_a_loss():
    """Left before it was written: it is over."""
    bench = Bench()
    left = bench.ask()
    bench.book.abandon(left)
    lose(bench, left)
    assert (left.phase, bench.book.active) == (Phase.OVER, {})


def test_what_was_to_be_sent_again_goes_out_on_the_new_connection():
    """Its turn had come, and the reader had not sent it yet."""
    bench = Bench(knows_lanes=None)
    call = bench.ask(lane="mine")
    bench.refuse(call, code="bad", lane=False, param="stream_id")
    assert call.again
    lose(bench)
    assert call.phase is Phase.WAITING
    bench.submitted.clear()
    bench.book.resumed()
    assert [again for _, again in bench.submitted] == [call]


def test_a_new_connection_has_its_own_names():
    """Those that callers chose stay theirs; what the last server counted is forgotten."""
    bench = Bench()
    table = bench.book.lanes
    mine, forked = table.reserve("mine"), table.reserve(None)
    bench.answer(*bench.asked(3))
    table.close_names()
    assert len(table.lanes) == 33
    lose(bench)
    assert list(table.lanes) == [None, mine, forked]
    bench.book.resumed()
    assert bench.ask().stream_id == "rts-1"
    assert bench.ask(lane=mine).stream_id == "mine"
