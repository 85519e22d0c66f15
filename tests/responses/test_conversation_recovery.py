"""The table of what is done about a failed request, row by row."""

from __future__ import annotations

import json

import pytest

from realtime_sync import RetryPolicy
from realtime_sync.errors import (
    BadRequestError,
    ClosedError,
    ConfigurationError,
    ConnectError,
    ProxyError,
    RateLimitError,
    RequestTimeout,
    ResponseFailed,
    ServerError,
    TurnInterrupted,
    handshake_rejected,
)
from realtime_sync.responses._recovery import Decision, Failure, Step, Tries, decide, is_repeatable
from realtime_sync.types.responses import Response, ResponseError
from realtime_sync.wire import parse_event

POLICY = RetryPolicy(connect_retries=2, reconnect_retries=2, jitter=False, initial_delay=1.0, max_retry_after=60.0)
FULL, REDIAL, HTTP, WAIT = Step.IN_FULL, Step.REDIAL, Step.OVER_HTTP, Step.WAIT
UNSENT = TurnInterrupted(replay_safe=True)
SENT = TurnInterrupted(replay_safe=False)
ENCRYPTED = ServerError(code="invalid_value", param="include[0]")


def server_error(code=None, *, kind=None, status=None, headers=None):
    error = {"type": kind, "code": code, "message": "m", "headers": headers or {}}
    event = parse_event(json.dumps({"type": "error", "status": status, "error": error}), "responses")
    return ServerError("m", code=code, type=kind, event=event)


def failed(code):
    return ResponseFailed(response=Response(status="failed", error=ResponseError(code=code, message="m")))


def step(error, *, tries=None, fallback=None, **known):
    return decide(Failure(error=error, **known), tries or Tries(), POLICY, fallback=fallback).step


def tried(*steps, lost=0):
    tries = Tries(lost=lost)
    for each in steps:
        tries = tries.after(Decision(each))
    return tries


NOT_FOUND = server_error("previous_response_not_found", status=400)
TOO_OLD = server_error("websocket_connection_limit_reached", status=400)
NO_LANES = server_error("websocket_stream_limit_reached", status=400)

ROWS = [
    ("forgotten", NOT_FOUND, {"is_delta": True}, FULL),
    (
        "forgotten over HTTP",
        BadRequestError(status=400, code=NOT_FOUND.code),
        {"is_delta": True, "over_http": True},
        FULL,
    ),
    ("forgotten, but nothing was named", NOT_FOUND, {"is_delta": False}, Step.GIVE_UP),
    ("forgotten again", NOT_FOUND, {"is_delta": True, "tries": tried(FULL)}, Step.GIVE_UP),
    ("60 minutes are over", TOO_OLD, {}, REDIAL),
    ("too many lanes", NO_LANES, {}, REDIAL),
    ("new connections are over at once", TOO_OLD, {"tries": tried(REDIAL, REDIAL)}, Step.GIVE_UP),
    ("lost before it was sent", UNSENT, {"is_repeatable": False}, REDIAL),
    ("lost before it was sent, often", UNSENT, {"tries": tried(REDIAL, REDIAL)}, Step.GIVE_UP),
    ("closed when it was to be sent", ClosedError(replay_safe=True), {}, REDIAL),
    ("lost after it was sent", SENT, {}, REDIAL),
    ("lost after it was sent, twice", SENT, {"tries": tried(REDIAL, lost=1)}, Step.GIVE_UP),
    ("lost after it was sent, with traces", SENT, {"is_repeatable": False}, Step.GIVE_UP),
    ("lost after its first event", SENT, {"began": True}, Step.GIVE_UP),
    ("cut off over HTTP", SENT, {"over_http": True}, Step.GIVE_UP),
    ("refused by the network", ConnectError(), {"fallback": "http"}, HTTP),
    ("refused, and no fallback", ConnectError(), {}, Step.GIVE_UP),
    ("refused over HTTP too", ConnectError(), {"fallback": "http", "over_http": True}, Step.GIVE_UP),
    ("no WebSockets here", handshake_rejected("no", status=426), {"fallback": "http"}, HTTP),
    ("a wrong key", handshake_rejected("no", status=401), {"fallback": "http"}, Step.GIVE_UP),
    ("the proxy allows no tunnel", ProxyError(status=403), {"fallback": "http"}, HTTP),
    ("no proxy", ProxyError(), {"fallback": "http"}, Step.GIVE_UP),
    ("rate limit", server_error("rate_limit_exceeded", status=429), {}, WAIT),
    ("rate limit, by its status", server_error(status=429), {}, WAIT),
    ("overload", server_error("server_is_overloaded"), {}, WAIT),
    ("a server's fault", server_error(kind="server_error"), {}, WAIT),
    ("a server's fault, by its status", server_error("x", status=503), {}, WAIT),
    ("a failed response", failed("rate_limit_exceeded"), {"began": True}, WAIT),
    ("a failed response with something in it", failed("server_error"), {"began": True, "produced": True}, Step.GIVE_UP),
    ("busy for long", server_error(status=429), {"tries": tried(WAIT, WAIT)}, Step.GIVE_UP),
    ("busy over HTTP", RateLimitError(status=429), {"over_http": True}, Step.GIVE_UP),
    ("busy over HTTP, in the stream", server_error("server_is_overloaded"), {"over_http": True}, WAIT),
    ("no encrypted reasoning", ENCRYPTED, {"asks_for_encrypted": True}, Step.WITHOUT_ENCRYPTED),
    ("the caller's own include", ENCRYPTED, {}, Step.GIVE_UP),
    (
        "no encrypted reasoning, said twice",
        ENCRYPTED,
        {"asks_for_encrypted": True, "tries": tried(Step.WITHOUT_ENCRYPTED)},
        Step.GIVE_UP,
    ),
    ("a wrong request", server_error("invalid_value", status=400), {"is_delta": True}, Step.GIVE_UP),
    ("a failed response of another kind", failed("invalid_prompt"), {}, Step.GIVE_UP),
    ("no time left", RequestTimeout(), {}, Step.GIVE_UP),
    ("a wrong option", ConfigurationError("x"), {"fallback": "http"}, Step.GIVE_UP),
]


@pytest.mark.parametrize(("error", "known", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_row(error, known, expected):
    """One failure, one step."""
    assert step(error, **known) is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 1.0),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, 1.0),
        ({"retry-after": "-3"}, 1.0),
        ({"retry-after": "0.2"}, 1.0),
    ],
)
def test_the_wait_is_what_the_server_asks_for_or_longer(headers, seconds):
    """Retry-After in either unit, if it can be read and is longer than the policy's own delay."""
    error = server_error("rate_limit_exceeded", status=429, headers=headers)
    assert decide(Failure(error=error), Tries(), POLICY, fallback=None) == Decision(WAIT, seconds)


def test_a_server_that_asks_for_too_long_a_wait_is_not_asked_again():
    """Longer than `max_retry_after` is an answer too."""
    error = server_error("rate_limit_exceeded", status=429, headers={"retry-after": "61"})
    assert step(error) is Step.GIVE_UP


def test_waits_grow_and_what_may_go_out_twice_is_counted():
    """The second wait is twice as long; a request that the server may have had goes out once more only."""
    busy = server_error("server_is_overloaded")
    assert decide(Failure(error=busy), tried(WAIT), POLICY, fallback=None).delay == 2.0
    again = decide(Failure(error=SENT), Tries(), POLICY, fallback=None)
    assert again.repeats
    assert Tries().after(again).lost == 1
    assert not decide(Failure(error=UNSENT), Tries(), POLICY, fallback=None).repeats


@pytest.mark.parametrize(
    ("body", "repeatable"),
    [
        ({"store": False}, True),
        ({"store": False, "tools": [{"type": "function"}, {"type": "custom"}]}, True),
        ({"store": False, "conversation": None}, True),
        ({}, False),
        ({"store": None}, False),
        ({"store": True}, False),
        ({"store": False, "conversation": "conv_1"}, False),
        ({"store": False, "tools": [{"type": "function"}, {"type": "web_search"}]}, False),
        ({"store": False, "tools": ["?"]}, False),
    ],
)
def test_what_leaves_no_trace(body, repeatable):
    """Not stored, in no conversation of the server's, and no tool but the client's own."""
    assert is_repeatable(body) is repeatable
