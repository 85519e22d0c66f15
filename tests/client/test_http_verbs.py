"""Every verb over HTTP: what it sends, and what the local server makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from realtime_sync import Client
from realtime_sync.errors import (
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    LocalProtocolError,
    NotFoundError,
    RateLimitError,
    ResponseFailed,
    TurnInterrupted,
)
from realtime_sync.server import Fault, LocalServer
from realtime_sync.types.responses import (
    CompactedResponse,
    Response,
    ResponseCompactionItem,
    ResponseFunctionToolCall,
    ResponseInputItem,
)
from tests.support.web import base_url, response, web

QUICK = {"initial_delay": 0.01, "max_delay": 0.02}


@pytest.fixture
def server():
    """A local server without pauses, which wants a key."""
    with LocalServer(time_scale=0, api_key="sk-local") as server:
        yield server


@pytest.fixture
def client(server):
    """A client for it."""
    with Client(base_url=server.base_url, api_key="sk-local", retry=QUICK, timeout=20) as client:
        yield client


@pytest.fixture
def recorder(make_peer):
    """A client of a server that notes requests and answers with what the test puts into `answers`."""
    seen, answers = [], []

    def script(exchange):
        seen.append(exchange)
        status, body, *headers = answers.pop(0) if answers else (200, {})
        exchange.reply(status, body, *headers)

    with Client(base_url=base_url(make_peer(web(script))), api_key="sk-key", max_retries=0) as client:
        client.seen, client.answers = seen, answers
        yield client


# The Responses API


def test_a_chain_of_responses(client):
    """Each goes on from the one before; what was stored can be read again, and deleted."""
    first = client.responses.create(model="m", input="My name is Ada.")
    assert isinstance(first, Response)
    second = client.responses.create(
        model="m", input=[{"role": "user", "content": "What is my name?"}], previous_response_id=first.id
    )
    assert "Ada" in second.output_text
    assert client.responses.retrieve(second.id) == second
    client.responses.delete(second.id)
    with pytest.raises(NotFoundError, match=second.id):
        client.responses.retrieve(second.id)


def test_a_stream_is_that_of_the_websocket(client):
    """The same request has the same events either way, and the same text."""
    with client.responses.stream(model="m", input="what is 6 * 7") as stream:
        over_http = [each.type for each in stream]
        text = stream.response().output_text
    with client.responses.connect(model="m") as connection, connection.stream(input="what is 6 * 7") as stream:
        assert [each.type for each in stream] == over_http
        assert stream.response().output_text == text
    assert "42" in text


def test_function_calls(client):
    """Tools go out as classes or dicts; their calls come back typed."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    weather = {"type": "function", "name": "get_weather", "parameters": parameters, "strict": False}
    answer = client.responses.create(
        model="m", input="What is the weather in Paris?", tools=[weather], tool_choice="required"
    )
    (call,) = answer.function_calls
    assert isinstance(call, ResponseFunctionToolCall)
    assert isinstance(call.parsed_arguments(), dict)
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    assert (
        client.responses.create(model="m", input=[output], previous_response_id=answer.id, tools=[weather]).status
        == "completed"
    )


def test_background_responses():
    """They can be looked at, streamed from any place, and cancelled; others cannot."""
    answers = iter(["word " * 20_000, "hi"])
    with (
        LocalServer(responder=lambda request: next(answers)) as slow,
        Client(base_url=slow.base_url, timeout=20) as client,
    ):
        started = client.responses.stream(model="m", input="count to 100", background=True)
        for event in started:
            if event.type == "response.output_text.delta":
                break
        response_id, number = client.responses.retrieve(started_id(started)).id, event.sequence_number
        started.close()
        with client.responses.retrieve(response_id, stream=True, starting_after=number - 1) as again:
            assert next(again).sequence_number == number
        with client.responses.stream(response_id=response_id, starting_after=number) as again:
            assert next(again).sequence_number == number + 1
            assert client.responses.cancel(response_id).status == "cancelled"
        assert client.responses.retrieve(response_id).status == "cancelled"
        plain = client.responses.create(model="m", input="hi")
        with pytest.raises(BadRequestError, match="background"):
            client.responses.cancel(plain.id)


def started_id(stream):
    """Return the id of a stream's response, which runs."""
    return stream._builder.partial().id


def test_input_items_of_all_pages(client):
    """Iterating asks for page after page, in either order, from any place."""
    items = [{"role": "user", "content": f"message {number}"} for number in range(7)]
    answer = client.responses.create(model="m", input=items)
    ascending = client.responses.input_items(answer.id, limit=3, order="asc")
    found = [item.content[0].text for item in ascending]
    assert found == [f"message {number}" for number in range(7)]
    assert [len(page.data) for page in ascending.pages()] == [3, 3, 1]
    descending = list(client.responses.input_items.list(answer.id, limit=100))
    assert [item.content[0].text for item in descending] == found[::-1]
    after = list(client.responses.input_items(answer.id, after=descending[4].id))
    assert [item.content[0].text for item in after] == ["message 1", "message 0"]


def test_pages_that_lead_nowhere_end(recorder):
    """A server that says that there is more, and not where, or the same place again, is not asked for ever."""
    page = {"object": "list", "data": [], "has_more": True}
    for last in ([None], ["a", "a"], [""]):
        recorder.answers += [(200, {**page, "last_id": each}) for each in last]
        assert list(recorder.responses.input_items("resp_1")) == []
        assert recorder.answers == []


def test_input_items_ask_for(recorder):
    """Lists in the query as the API has them; nothing is asked before iterating."""
    pages = recorder.responses.input_items(
        "resp_1", include=["a", "b"], limit=5, order="asc", after="x", extra_query={"q": 1}
    )
    assert recorder.seen == []
    list(pages), list(pages)
    assert [each.path for each in recorder.seen] == [
        "/v1/responses/resp_1/input_items?after=x&include%5B%5D=a&include%5B%5D=b&limit=5&order=asc&q=1"
    ] * 2
    recorder.responses.retrieve("resp_1", include=("a",), include_obfuscation=False)
    assert recorder.seen[-1].path == "/v1/responses/resp_1?include%5B%5D=a&include_obfuscation=false"


def test_tokens_and_compaction(client):
    """What is counted is a number, what is compacted is the input of a new chain."""
    assert client.responses.input_tokens(model="m", input="one two three").input_tokens == 3
    assert (
        client.responses.input_tokens.count(model="m", input=[{"role": "user", "content": "one two"}]).input_tokens > 0
    )
    window = client.responses.compact(model="m", input="My name is Ada.")
    assert isinstance(window, CompactedResponse)
    assert isinstance(window.output[-1], ResponseCompactionItem)
    chain = client.responses.create(model="m", input=[*window.output, {"role": "user", "content": "What is my name?"}])
    assert "Ada" in chain.output_text
    assert ResponseInputItem is not None


def test_what_these_send(recorder):
    """Only what was given, null where None was given, extra_body over the rest."""
    recorder.responses.compact(
        model=None, input={"role": "user", "content": "x"}, instructions=None, extra_body={"new": 1}
    )
    recorder.responses.input_tokens(input="x", tools=iter([{"type": "web_search"}]), conversation=None)
    recorder.responses.cancel("resp_1")
    assert recorder.seen[0].json == {
        "model": None,
        "input": [{"role": "user", "content": "x"}],
        "instructions": None,
        "new": 1,
    }
    assert recorder.seen[1].json == {"input": "x", "tools": [{"type": "web_search"}], "conversation": None}
    assert recorder.seen[2].body == b""
    assert "content-type" not in recorder.seen[2].headers


@pytest.mark.parametrize(
    ("verb", "keywords"),
    [
        ("retrieve", {"response_id": "r", "starting_after": 3}),
        ("retrieve", {"response_id": "r", "extra_body": {"a": 1}}),
        ("retrieve", {"response_id": "r", "include": "a"}),
        ("create", {"input": object()}),
        ("create", {"previous_response_id": "r", "conversation": "c"}),
        ("create", {"extra_body": 5}),
        ("compact", {"model": "m", "extra_body": 5}),
        ("create", {"input": "x", "extra_headers": "X: 1"}),
        ("retrieve", {"response_id": "r", "extra_query": [("a", 1)]}),
        ("compact", {"model": "m", "input": [{"a": {1, 2}}]}),
        ("compact", {"model": "m", "instructions": float("nan")}),
        ("compact", {"model": "m", "input": b"text"}),
        ("compact", {"model": "m", "input": 5}),
        ("input_tokens", {"model": "m", "input": bytearray(b"text")}),
        ("input_tokens", {"model": "m", "tools": 5}),
        ("input_tokens", {"model": "m", "tools": {"type": "function"}}),
        ("create", {"input": "x", "extra_body": {"stream": True}}),
        ("stream", {"input": "x", "starting_after": 3}),
        ("stream", {"response_id": "r", "model": "m"}),
    ],
)
def test_bad_input_is_refused(recorder, verb, keywords):
    """With a clear error, and nothing is sent."""
    with pytest.raises(LocalProtocolError):
        getattr(recorder.responses, verb)(**keywords)
    assert recorder.seen == []


@pytest.mark.parametrize("field", ["session", "expires_after"])
def test_what_secrets_are_for_is_an_object(recorder, field):
    """Anything else would go out as it is, and be refused by the server at best."""
    for bad in (5, "text", None, [1]):
        with pytest.raises(LocalProtocolError, match=f"{field}: expected an object"):
            recorder.realtime.client_secrets.create(**{field: bad})
    with pytest.raises(LocalProtocolError, match="tools: expected a list, got int"):
        recorder.realtime.calls.accept("rtc_1", tools=5)
    assert recorder.seen == []


def test_the_official_keywords_of_background_mode(recorder):
    """They go out over HTTP, which has that mode; whole numbers as such."""
    recorder.responses.create(input="x", background=True, background_options={"a": 1}, max_output_tokens=100.0)
    body = recorder.seen[0].json
    assert (body["background_options"], repr(body["max_output_tokens"])) == ({"a": 1}, "100")


def test_an_error_in_disguise(recorder):
    """A server that answers 200 with nothing but an error has not made a response."""
    recorder.answers.append((200, {"error": {"message": "out of cheese"}}))
    with pytest.raises(ResponseFailed, match="out of cheese"):
        recorder.responses.create(input="x")


@pytest.mark.parametrize("timeout", [-1, "5", True])
def test_bad_time_outs_are_refused(recorder, timeout):
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="timeout"):
        recorder.responses.create(input="x", timeout=timeout)
    assert recorder.seen == []


# Faults of the local server


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(at="POST /v1/responses", do="reject", status=429, probability=1.0), RateLimitError),
        (Fault(at="POST /v1/responses", do="reject", status=503, probability=1.0), InternalServerError),
        (Fault(at="POST /v1/responses", do="drop", probability=1.0), TurnInterrupted),
        (Fault(at="response.completed", do="cut", probability=1.0), TurnInterrupted),
    ],
)
@pytest.mark.parametrize("verb", ["create", "stream"])
def test_faults(server, client, fault, error, verb):
    """Have the same errors for a whole answer and for a stream."""
    server.faults.add(fault)

    def call():
        result = getattr(client.responses, verb)(model="m", input="hi")
        return result.response() if verb == "stream" else result

    with pytest.raises(error):
        call()
    assert server.faults.fired() == (3 if fault.do == "reject" else 1)


def test_faults_that_pass(server, client):
    """Nobody notices."""
    server.faults.add(Fault(at="POST /v1/responses", do="reject", status=503))
    server.faults.add(Fault(at="POST /v1/responses", do="drop", nth=2))
    assert client.responses.create(model="m", input="what is 6 * 7", store=False).output_text.endswith("42.")
    assert server.faults.fired() == 2


def test_many_threads(client):
    """Whole answers and streams from many threads, none gets another's."""
    wrong = []

    def work(number):
        for each in range(4):
            question = f"what is {number} * {each}"
            if each % 2:
                text = client.responses.create(model="m", input=question).output_text
            else:
                text = "".join(client.responses.stream(model="m", input=question).text())
            if not text.endswith(f" is {number * each}."):
                wrong.append((question, text))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []


# Client secrets and calls


def test_client_secrets(server, client):
    """The key that comes opens a session with its configuration; it is kept out of the repr."""
    made = client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session={"model": "gpt-realtime", "instructions": "Be brief.", "output_modalities": ["text"]},
    )
    assert made.session.instructions == "Be brief."
    assert made.value not in repr(made)
    with Client(base_url=server.base_url, api_key=made.value) as browser, browser.realtime.connect(model="m") as rt:
        assert rt.wait_for("session.created", timeout=5).session.instructions == "Be brief."
    with pytest.raises(BadRequestError):
        client.realtime.client_secrets.create(expires_after={"anchor": "created_at", "seconds": 1})


def test_secrets_for_translations(recorder):
    """Have a path of their own, and an object of their own."""
    recorder.answers.append((200, {"value": "ek_1", "expires_at": 5, "session": {"type": "translation", "model": "m"}}))
    made = recorder.realtime.translations.client_secrets.create(session={"model": "m"})
    assert (made.value, made.session.model) == ("ek_1", "m")
    assert recorder.seen[0].path == "/v1/realtime/translations/client_secrets"
    assert recorder.seen[0].json == {"session": {"model": "m"}}


def test_a_webrtc_call(recorder):
    """The offer goes alone, or with a session as parts of a form; answer and id come back."""
    answer = (201, "v=0 answer", "Content-Type: application/sdp", "Location: /v1/realtime/calls/rtc_1")
    recorder.answers += [answer, answer[:3]]
    call = recorder.realtime.calls.create(sdp="v=0 offer", session={"model": "gpt-realtime", "instructions": "ž"})
    assert (call.sdp, call.call_id) == ("v=0 answer", "rtc_1")
    assert recorder.realtime.calls.create(sdp="v=0 offer").call_id is None
    form, plain = recorder.seen
    assert form.headers["accept"] == "application/sdp"
    kind, _, boundary = form.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    parts = [part.split(b"\r\n\r\n", 1) for part in form.body.split(b"--" + boundary.encode())[1:-1]]
    assert [b'name="sdp"' in parts[0][0], b'name="session"' in parts[1][0]] == [True, True]
    assert parts[0][1] == b"v=0 offer\r\n"
    assert json.loads(parts[1][1]) == {"type": "realtime", "model": "gpt-realtime", "instructions": "ž"}
    assert (plain.headers["content-type"], plain.body) == ("application/sdp", b"v=0 offer")
    for bad in ({"sdp": ""}, {"sdp": b"v=0"}, {"sdp": "v", "extra_body": {"a": 1}}):
        with pytest.raises(LocalProtocolError):
            recorder.realtime.calls.create(**bad)


def test_sip_calls(recorder):
    """Each verb has its path; answers without a body will do."""
    recorder.answers += [(200, "")] * 5
    calls = recorder.realtime.calls
    calls.accept("rtc_1", model="gpt-realtime", instructions="hi", tools=iter([]), tracing=None, extra_body={"new": 1})
    calls.reject("rtc_1", status_code=486)
    calls.reject("rtc_1")
    calls.refer("rtc_1", target_uri="tel:+1")
    calls.hangup("rtc/1")
    assert [(each.path, each.body and each.json) for each in recorder.seen] == [
        (
            "/v1/realtime/calls/rtc_1/accept",
            {"type": "realtime", "instructions": "hi", "model": "gpt-realtime", "tools": [], "tracing": None, "new": 1},
        ),
        ("/v1/realtime/calls/rtc_1/reject", {"status_code": 486}),
        ("/v1/realtime/calls/rtc_1/reject", b""),
        ("/v1/realtime/calls/rtc_1/refer", {"target_uri": "tel:+1"}),
        ("/v1/realtime/calls/rtc%2F1/hangup", b""),
    ]


def test_requests_load_only_when_needed(tmp_path):
    """Neither importing `Client`, nor making one, nor looking at its verbs loads requests or an event catalogue."""
    code = (
        "import sys; from realtime_sync import Client; c = Client(api_key='k'); c.responses.create; c.webhooks;"
        "c.realtime.calls; c.responses.input_items; c.close();"
        "print([n for n in ('requests', 'urllib3', 'realtime_sync.types.responses', 'cattrs') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_users_session_serves_the_verbs(server):
    """`http_session` is used instead of connections of our own, and left open."""
    import requests

    with requests.Session() as session:
        sent = []
        session.hooks["response"].append(lambda answer, **_: sent.append(answer.request.path_url))
        with Client(base_url=server.base_url, api_key="sk-local", http_session=session) as client:
            answer = client.responses.create(model="m", input="what is 6 * 7")
            assert "".join(client.responses.stream(model="m", input="what is 6 * 7").text()) == answer.output_text
        assert sent == ["/v1/responses"] * 2
        key = {"Authorization": "Bearer sk-local"}
        assert session.get(f"{server.base_url}/responses/{answer.id}", headers=key).json()["id"] == answer.id


def test_an_answer_is_a_response(recorder):
    """Unknown fields are kept; the object is that of the WebSocket."""
    recorder.answers.append((200, response(text="hi", sparkle=1)))
    answer = recorder.responses.create(input="x")
    assert answer.extra == {"sparkle": 1}
    assert answer.to_dict() == response(text="hi", sparkle=1)
