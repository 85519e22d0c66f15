"""HTTP requests of a client: what goes out, when it goes out again, and what comes of a refusal."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from realtime_sync import Client
from realtime_sync.client._http import Call, Repeats
from realtime_sync.errors import (
    BadRequestError,
    ClosedError,
    ConfigurationError,
    ConnectError,
    DecodeError,
    InternalServerError,
    LocalProtocolError,
    NotFoundError,
    RateLimitError,
    RequestTimeout,
    TurnInterrupted,
)
from tests.support.waiting import run_in_thread, wait_until
from tests.support.web import base_url, response, web

QUICK = {"initial_delay": 0.01, "max_delay": 0.02}
UNSTORED = {"model": "m", "input": "hi", "store": False}


class Refusing:
    """A script that answers the first requests with some statuses, or drops them (None), and those after in full."""

    def __init__(self, *statuses, headers=(), body=None):
        self.statuses = list(statuses)
        self.headers = headers
        self.body = body if body is not None else response(text="fine")
        self.seen = []
        self.times = []

    def __call__(self, exchange):
        self.seen.append(exchange)
        self.times.append(time.monotonic())
        status = self.statuses.pop(0) if self.statuses else 200
        if status is None:
            exchange.link.drop()
        elif status == 200:
            exchange.reply(200, self.body)
        else:
            exchange.reply(status, {"error": {"message": "no", "type": "t"}}, *self.headers)


@pytest.fixture
def make_client(make_peer):
    """Make clients of a server with a script: ``make_client(script, **settings)``."""
    made = []

    def make(script, **settings):
        peer = make_peer(web(script))
        made.append(Client(**{"base_url": base_url(peer), "api_key": "sk-key-of-ours", "retry": QUICK, **settings}))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_what_goes_out(make_client):
    """Method, path, key, organisation, the client's and the caller's headers and query, and the body as given."""
    script = Refusing()
    client = make_client(
        script,
        organization="org",
        default_headers={"X-Client": "1", "X-Both": "client"},
        default_query={"q": "1"},
        options={"headers": {"X-Options": "1"}, "user_agent": "mine/1"},
    )
    client.responses.create(
        model="m",
        input="hi",
        temperature=1.0,
        top_p=0.5,
        metadata=None,
        extra_headers={"x-both": "call"},
        extra_query={"r": True},
        extra_body={"new": [1]},
    )
    exchange = script.seen[0]
    assert (exchange.method, exchange.path) == ("POST", "/v1/responses?q=1&r=true")
    expected = {
        "authorization": "Bearer sk-key-of-ours",
        "openai-organization": "org",
        "x-client": "1",
        "x-both": "call",
        "x-options": "1",
        "user-agent": "mine/1",
        "content-type": "application/json",
        "accept": "application/json",
    }
    assert expected.items() <= exchange.headers.items()
    assert exchange.headers["host"] == client.endpoint.base_url.split("/")[2]
    assert exchange.json == {"model": "m", "input": "hi", "temperature": 1, "top_p": 0.5, "metadata": None, "new": [1]}
    assert b'"temperature":1,' in exchange.body


def test_a_function_for_a_key_is_asked_every_time(make_client):
    """For retries as well."""
    keys = iter(["one", "two", "three"])
    script = Refusing(503, 429)
    make_client(script, api_key=lambda: next(keys)).responses.create(**UNSTORED)
    assert [each.headers["authorization"] for each in script.seen] == ["Bearer one", "Bearer two", "Bearer three"]


def test_a_key_is_needed_for_openai_only(make_client):
    """There the call says so before anything is sent."""
    script = Refusing()
    make_client(script, api_key=None).responses.create(**UNSTORED)
    assert "authorization" not in script.seen[0].headers
    with Client() as client, pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        client.responses.create(**UNSTORED)


def test_the_deployment_is_the_model_on_azure(make_peer):
    """Where a call names none; the key has its own header."""
    script = Refusing()
    peer = make_peer(web(script))
    with Client.azure(endpoint=f"http://127.0.0.1:{peer.port}", deployment="mine", api_key="k") as client:
        client.responses.create(input="hi")
        client.responses.create(input="hi", model="other")
    assert [each.json["model"] for each in script.seen] == ["mine", "other"]
    assert script.seen[0].headers["api-key"] == "k"
    assert script.seen[0].path == "/openai/v1/responses"


# Again


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(make_client, status):
    """Twice by default."""
    script = Refusing(status, status)
    assert make_client(script).responses.create(model="m", input="hi").output_text == "fine"
    assert len(script.seen) == 3


def test_the_last_error_is_raised(make_client):
    """After the last attempt; with max_retries=0 that is the first."""
    script = Refusing(*[503] * 9)
    with pytest.raises(InternalServerError):
        make_client(script, retry={**QUICK, "connect_retries": 1}).responses.create(**UNSTORED)
    assert len(script.seen) == 2
    with pytest.raises(InternalServerError):
        make_client(script, max_retries=0, retry=None).responses.create(**UNSTORED)
    assert len(script.seen) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
def test_what_does_not_pass_is_not_tried_again(make_client, status):
    """One request, one error."""
    script = Refusing(status)
    with pytest.raises(Exception, match=f"status {status}"):
        make_client(script).responses.create(**UNSTORED)
    assert len(script.seen) == 1


@pytest.mark.parametrize(("status", "wish", "attempts"), [(400, "true", 2), (503, "false", 1)])
def test_the_server_decides(make_client, status, wish, attempts):
    """`x-should-retry` has the last word."""
    script = Refusing(status, headers=(f"x-should-retry: {wish}",))
    client = make_client(script)
    if attempts == 1:
        with pytest.raises(InternalServerError):
            client.responses.create(**UNSTORED)
    else:
        client.responses.create(**UNSTORED)
    assert len(script.seen) == attempts


@pytest.mark.parametrize("header", ["Retry-After: 0.15", "Retry-After-Ms: 150"])
def test_retry_after_is_honoured(make_client, header):
    """It is the least that is waited."""
    script = Refusing(429, headers=(header,))
    make_client(script).responses.create(**UNSTORED)
    assert script.times[1] - script.times[0] >= 0.14


@pytest.mark.parametrize(("wish", "timeout"), [("9", 5), ("3600", None)])
def test_too_long_a_wait_does_not_begin(make_client, wish, timeout):
    """Neither beyond the time-out of the call nor beyond the policy's limit."""
    script = Refusing(429, headers=(f"Retry-After: {wish}",))
    start = time.monotonic()
    with pytest.raises(RateLimitError) as caught:
        make_client(script).responses.create(**UNSTORED, timeout=timeout)
    assert time.monotonic() - start < 3
    assert caught.value.retry_after == float(wish)


def test_all_attempts_share_the_time_out(make_client):
    """A second attempt that stalls gets what the first one left."""
    ended = threading.Event()

    def script(exchange):
        if not ended.is_set():
            ended.set()
            exchange.reply(503, "")
        else:
            exchange.link.stall()

    start = time.monotonic()
    with pytest.raises(RequestTimeout, match=r"0\.25 s"):
        make_client(script, timeout=0.25).responses.create(**UNSTORED)
    assert 0.2 < time.monotonic() - start < 3
    assert ended.is_set()


@pytest.mark.parametrize(
    ("request_", "attempts"),
    [
        ({"store": False}, 2),
        ({"store": False, "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}]}, 2),
        ({}, 1),
        ({"store": None}, 1),
        ({"store": False, "tools": [{"type": "web_search"}]}, 1),
        ({"store": False, "conversation": "conv_1"}, 1),
        ({"store": False, "background": True}, 1),
    ],
)
def test_a_lost_request_is_repeated_if_that_does_no_harm(make_client, request_, attempts):
    """Only if nothing outside the response can have happened; else the error says that nobody knows."""
    script = Refusing(None)
    client = make_client(script)
    if attempts == 2:
        assert client.responses.create(model="m", input="hi", **request_).output_text == "fine"
    else:
        with pytest.raises(TurnInterrupted) as caught:
            client.responses.create(model="m", input="hi", **request_)
        assert not caught.value.replay_safe
        assert caught.value.closed_by == "lost"
    assert len(script.seen) == attempts


VERBS = {
    "retrieve": (lambda client: client.responses.retrieve("resp_1"), Repeats.ALWAYS),
    "input_items": (lambda client: list(client.responses.input_items("resp_1")), Repeats.ALWAYS),
    "input_tokens": (lambda client: client.responses.input_tokens(input="x"), Repeats.ALWAYS),
    "compact": (lambda client: client.responses.compact(model="m", input="x"), Repeats.ALWAYS),
    "delete": (lambda client: client.responses.delete("resp_1"), Repeats.ALWAYS),
    "cancel": (lambda client: client.responses.cancel("resp_1"), Repeats.ALWAYS),
    "client_secrets": (lambda client: client.realtime.client_secrets.create(), Repeats.REFUSED),
    "calls.create": (lambda client: client.realtime.calls.create(sdp="v=0"), Repeats.REFUSED),
    "calls.accept": (lambda client: client.realtime.calls.accept("rtc_1"), Repeats.REFUSED),
    "calls.reject": (lambda client: client.realtime.calls.reject("rtc_1"), Repeats.REFUSED),
    "calls.refer": (lambda client: client.realtime.calls.refer("rtc_1", target_uri="tel:1"), Repeats.REFUSED),
    "calls.hangup": (lambda client: client.realtime.calls.hangup("rtc_1"), Repeats.REFUSED),
}


@pytest.mark.parametrize("name", VERBS)
def test_which_verbs_are_repeated(make_client, name):
    """What makes or ends something is not repeated while nobody knows whether it did."""
    verb, repeats = VERBS[name]
    again = repeats is Repeats.ALWAYS
    for status, expected in ((429, 2), (503, 2), (500, 1 + again), (None, 1 + again)):
        script = Refusing(status, body={})
        client = make_client(script)
        if expected == 1:
            with pytest.raises((InternalServerError, ClosedError)):
                verb(client)
        else:
            verb(client)
        assert len(script.seen) == expected, status


def test_no_connection_is_always_tried_again(make_client, make_peer):
    """Nothing was sent, whatever the request."""
    told = []
    client = make_client(Refusing(), retry={**QUICK, "on_retry": lambda retrying: told.append(retrying.error)})
    peer = make_peer()
    peer.close()
    dead = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", retry=client.retry)
    with dead, pytest.raises(ConnectError):
        dead.realtime.calls.hangup("rtc_1")
    assert len(told) == 2


def test_the_hook_may_change_or_abort(make_client):
    """As when connecting."""
    told = []

    def on_retry(retrying):
        told.append((retrying.attempt, retrying.max_attempts, retrying.error.status))
        return {"extra_headers": {"X-Try": "2"}, "extra_query": {"t": 2}} if retrying.attempt == 1 else {"abort": True}

    script = Refusing(503, 503, 503)
    client = make_client(script, retry={**QUICK, "on_retry": on_retry})
    with pytest.raises(InternalServerError):
        client.responses.retrieve("r", include=["a"], extra_headers={"X-Try": "1"}, extra_query={"t": 1})
    assert [each.headers["x-try"] for each in script.seen] == ["1", "2"]
    assert [each.path.partition("?")[2] for each in script.seen] == ["include%5B%5D=a&t=1", "include%5B%5D=a&t=2"]
    assert told == [(1, 2, 503), (2, 2, 503)]


def test_closing_the_client_ends_the_wait(make_client):
    """Between two attempts, too."""
    script = Refusing(*[503] * 9)
    client = make_client(script, retry={"initial_delay": 60, "jitter": False, "max_delay": 60})
    running = run_in_thread(client.responses.create, **UNSTORED, timeout=None)
    wait_until(lambda: client._pauses, what="the wait")
    client.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        running.result(5)
    with pytest.raises(LocalProtocolError, match="closed"):
        client.responses.create(**UNSTORED)


@pytest.mark.raises_anywhere
def test_ctrl_c_ends_a_request(make_client):
    """At once, and the client goes on."""
    waiting = threading.Event()

    def script(exchange):
        if not waiting.is_set():
            waiting.set()
            exchange.link.read_eof()
        else:
            exchange.reply(200, response(text="fine"))

    client = make_client(script)

    def interrupt():
        waiting.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        client.responses.create(**UNSTORED)
    helper.join()
    assert client.responses.create(**UNSTORED).output_text == "fine"


# What comes


@pytest.mark.parametrize(
    "body", ["<html>hello sk-key-of-ours</html>", "", "[]", '{"id": 5}', '{"output": [', '{"usage": "much"}'], ids=str
)
def test_an_answer_that_is_none(make_client, body):
    """HTML, nothing, other JSON, half of it, wrong fields: a `DecodeError` with what came."""
    client = make_client(lambda exchange: exchange.reply(200, body))
    with pytest.raises(DecodeError) as caught:
        client.responses.create(**UNSTORED)
    assert caught.value.raw == body.replace("sk-key-of-ours", "[redacted]")


def test_refusals_are_typed(make_client):
    """With all that the server said."""
    body = {"error": {"message": "bad input", "type": "invalid_request_error", "param": "input", "code": "invalid"}}
    client = make_client(lambda exchange: exchange.reply(400, body, "x-request-id: req_7"))
    with pytest.raises(BadRequestError, match="POST /responses was refused with status 400: bad input") as caught:
        client.responses.create(**UNSTORED)
    error = caught.value
    assert (error.code, error.param, error.request_id) == ("invalid", "input", "req_7")


@pytest.mark.parametrize("bad", ["", ".", "..", None, 5])
def test_ids_lead_nowhere_else(make_client, bad):
    """An empty one would list, and dots would leave the folder; anything else is encoded."""
    script = Refusing(404)
    client = make_client(script)
    with pytest.raises(LocalProtocolError, match="id"):
        client.responses.retrieve(bad)
    with pytest.raises(NotFoundError):
        client.responses.retrieve("a/../b?c")
    assert [each.path for each in script.seen] == ["/v1/responses/a%2F..%2Fb%3Fc"]


@pytest.mark.parametrize("name", VERBS)
def test_unknown_keywords_are_refused(make_client, name):
    """As Python does; nothing is sent."""
    script = Refusing()
    client = make_client(script)
    verb = {"client_secrets": client.realtime.client_secrets.create}.get(name)
    verb = verb or getattr(client.realtime.calls if "." in name else client.responses, name.rpartition(".")[2])
    with pytest.raises(TypeError, match="nonsense"):
        verb(
            **{"calls.create": {"sdp": "v"}, "calls.refer": {"target_uri": "tel:1"}, "compact": {"model": "m"}}.get(
                name, {}
            ),
            **(
                {}
                if name in ("input_tokens", "compact", "client_secrets", "calls.create")
                else {"call_id" if "." in name else "response_id": "x"}
            ),
            nonsense=1,
        )
    assert script.seen == []


def test_the_client_makes_its_connections_once(make_client):
    """Threads that come first at the same time share one pool."""
    client = make_client(Refusing())
    start = threading.Barrier(6)

    def call():
        start.wait(10)
        return client.responses.create(**UNSTORED).output_text

    assert [each.result() for each in [run_in_thread(call) for _ in range(6)]] == ["fine"] * 6
    assert len(client.http._made) == 1


@pytest.mark.parametrize("first", [True, False], ids=["first request", "later request"])
def test_a_close_that_comes_in_between(make_client, monkeypatch, first):
    """A client that is closed while a request of it begins sends nothing more."""
    script = Refusing()
    client = make_client(script)
    if not first:
        client.responses.create(**UNSTORED)
    client.close()
    monkeypatch.setattr(client, "check_open", lambda: None)  # It was looked at just before.
    with pytest.raises(LocalProtocolError, match="closed"):
        client.responses.create(**UNSTORED)
    assert len(script.seen) == (not first)


def test_calls_show_no_secrets():
    """Their repr has neither headers nor body."""
    call = Call(
        method="GET",
        path="/x",
        repeats=Repeats.ALWAYS,
        extra_headers={"A": "sk-1"},
        body={"k": "sk-2"},
        query={"a": "sk-3"},
    )
    assert "sk-" not in repr(call)
