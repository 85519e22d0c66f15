"""The Responses API over plain HTTP: bodies, streams, stored responses, and what faults do to them."""

import contextlib
import http.client
import json
import socket
import threading
import time

import pytest
import requests

from realtime_sync.server import Fault, Reply
from realtime_sync.server._problem import Problem
from tests.server.support import Gates, read_to_the_end, text_of

KEYS = {"message", "type", "param", "code"}


def post(server, path="", *, stream=False, **body):
    """Post to the Responses API; a create has a model, and is streamed only if asked for."""
    body = body if path else {"model": "m", **body, **({"stream": True} if stream else {})}
    return requests.post(f"{server.base_url}/responses{path}", json=body, timeout=10, stream=stream)


def events_of(body):
    """Return the events of a stream, checking how it is framed."""
    *blocks, rest = body.decode().split("\n\n")
    assert rest == ""
    events = []
    for block in blocks:
        event, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert event == f"event: {events[-1]['type']}"
    return events


def test_a_body(serve):
    """A create returns the response, with a request id; the journal has what was sent."""
    server = serve()
    answer = post(server, input="say hi", user="me")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["x-request-id"].startswith("req_")
    assert (text_of(answer.json()), answer.json()["user"]) == ("hi", "me")
    received = server.wait_received("POST /v1/responses")
    assert (received["body"], received.connection) == ({"model": "m", "input": "say hi", "user": "me"}, -1)


def test_a_stream(serve):
    """A stream is framed exactly, numbered, and ends after the terminal event."""
    answer = post(serve(), input="say hi", stream=True)
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    events = events_of(answer.content)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert "obfuscation" not in answer.text


def test_text_that_is_hard_to_frame(serve):
    """Line ends and characters of any kind come through; what has no UTF-8 is a question mark."""
    text = "a\r\nb\n\nc\u2028d\x85 data: é \N{GRINNING FACE} \ud800"
    events = events_of(post(serve(responder=lambda _: text), stream=True).content)
    assert text_of(events[-1]["response"]) == text.replace("\ud800", "?")


def test_a_stored_response(serve):
    """A response can be retrieved, continued and deleted; one that was not stored cannot."""
    server = serve()
    url = f"{server.base_url}/responses"
    first = post(server, input="my name is Ada").json()
    assert requests.get(f"{url}/{first['id']}", timeout=10).json() == first
    second = post(server, input="what is my name?", previous_response_id=first["id"], store=False).json()
    assert text_of(second) == "Your name is Ada."
    deleted = requests.delete(f"{url}/{first['id']}", timeout=10).json()
    assert deleted == {"id": first["id"], "object": "response", "deleted": True}
    refused = post(server, input="x", previous_response_id=first["id"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "previous_response_not_found")
    for method, path in (
        ("GET", first["id"]),
        ("GET", second["id"]),
        ("GET", f"{second['id']}?stream=true"),
        ("GET", f"{second['id']}/input_items"),
        ("DELETE", first["id"]),
        ("POST", f"{first['id']}/cancel"),
    ):
        answer = requests.request(method, f"{url}/{path}", timeout=10)
        assert (answer.status_code, answer.json()["error"].keys()) == (404, KEYS)


def test_both_ways_share_what_is_stored(serve, responses):
    """A response made over a WebSocket is continued over HTTP, and the other way round."""
    server = serve()
    peer = responses(server)
    first = peer.answer("my name is Ada")
    second = post(server, input="what is my name?", previous_response_id=first["id"]).json()
    assert text_of(second) == "Your name is Ada."
    assert text_of(peer.answer("what did I say?", previous_response_id=second["id"])) == 'You said: "what is my name?"'


def test_pages_of_input_items(serve):
    """Input items come newest first, page by page."""
    server = serve()
    items = [{"role": "user", "content": str(number)} for number in range(5)]
    url = f"{server.base_url}/responses/{post(server, input=items).json()['id']}/input_items"

    def page(**query):
        return requests.get(url, params=query, timeout=10).json()

    def texts(found):
        return "".join(item["content"][0]["text"] for item in found["data"])

    first = page(limit=2)
    assert (texts(first), first["has_more"], first["object"]) == ("43", True, "list")
    second = page(limit=2, after=first["last_id"])
    assert (texts(second), second["has_more"]) == ("21", True)
    last = page(after=second["last_id"])
    assert (texts(last), last["has_more"], last["first_id"] == last["last_id"]) == ("0", False, True)
    assert texts(page(order="asc")) == "01234"
    assert page(after=last["last_id"])["data"] == []
    for query in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"order": "up"}, {"after": "none"}):
        assert page(**query)["error"]["param"] == next(iter(query))


def test_counting_and_compacting(serve):
    """Both take an input or a stored response, and say what is missing."""
    server = serve()
    first = post(server, input="my name is Ada").json()
    assert post(server, "/input_tokens", input="one two").json() == {
        "object": "response.input_tokens",
        "input_tokens": 2,
    }
    longer = post(server, "/input_tokens", previous_response_id=first["id"], input="one two").json()
    assert longer["input_tokens"] > 10
    window = post(server, "/compact", model="m", previous_response_id=first["id"], input="I am tired").json()
    assert (window["object"], [item["type"] for item in window["output"]]) == (
        "response.compaction",
        ["message", "message", "compaction"],
    )
    assert window["usage"]["input_tokens"] > 10
    told = post(server, input=[*window["output"], {"role": "user", "content": "what is my name?"}]).json()
    assert text_of(told) == "Your name is Ada."
    assert post(server, "/compact", model="m").json()["error"]["param"] == "input"
    assert post(server, "/compact", input="x").json()["error"]["param"] == "model"


def test_a_background_response(serve):
    """It runs on without its client, is followed from any event, and can be cancelled until it is over."""
    gates = Gates()
    server = serve(responder=gates)
    url = f"{server.base_url}/responses"
    created = post(server, input="one", background=True).json()
    assert (created["status"], created["background"]) == ("in_progress", True)
    assert requests.get(f"{url}/{created['id']}", timeout=10).json()["status"] == "in_progress"
    gates.open("one")
    query = {"stream": "true", "starting_after": "2"}
    events = events_of(requests.get(f"{url}/{created['id']}", params=query, timeout=10).content)
    assert (events[0]["sequence_number"], events[-1]["type"]) == (3, "response.completed")
    assert text_of(requests.get(f"{url}/{created['id']}", timeout=10).json()) == "begun done one"
    again = requests.get(f"{url}/{created['id']}", params={"stream": "true"}, timeout=10).content
    kinds = [event["type"] for event in events_of(again)]
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert requests.post(f"{url}/{created['id']}/cancel", timeout=10).json()["status"] == "completed"


def test_cancelling_in_the_background(serve):
    """A cancelled response keeps what it had, cannot be continued, and is still there."""
    gates = Gates()
    server = serve(responder=gates)
    url = f"{server.base_url}/responses"
    with post(server, input="one", background=True, stream=True) as answer:
        lines = answer.iter_lines()
        created = json.loads(next(line for line in lines if line.startswith(b"data"))[6:])["response"]
        assert next(line for line in lines if line == b"event: response.output_text.delta")
        cancelled = requests.post(f"{url}/{created['id']}/cancel", timeout=10).json()
        assert b"event: response.completed" not in list(lines)
    gates.open("one")
    assert (cancelled["status"], text_of(cancelled)) == ("cancelled", "begun ")
    assert requests.get(f"{url}/{created['id']}", timeout=10).json()["status"] == "cancelled"
    assert post(server, previous_response_id=created["id"]).json()["error"]["code"] == "previous_response_not_found"
    assert requests.delete(f"{url}/{created['id']}", timeout=10).json()["deleted"]


def test_cancelling_before_anything_was_said(serve):
    """A response can be cancelled while its responder still thinks."""
    server = serve(responder=lambda _: Reply(text="late", delay=60), time_scale=1)
    url = f"{server.base_url}/responses/{post(server, input='one', background=True).json()['id']}"
    cancelled = requests.post(url + "/cancel", timeout=10).json()
    assert (cancelled["status"], cancelled["output"]) == ("cancelled", [])


def test_only_background_responses_are_cancelled(serve):
    """A response that ran for its client cannot be cancelled or streamed again."""
    server = serve()
    url = f"{server.base_url}/responses/{post(server, input='hi').json()['id']}"
    for answer in (requests.post(url + "/cancel", timeout=10), requests.get(url + "?stream=true", timeout=10)):
        assert (answer.status_code, "background" in answer.json()["error"]["message"]) == (400, True)


def test_a_client_that_goes_away(serve):
    """A response ends with the client that it streams to."""
    stopped = threading.Event()

    def responder(_):
        try:
            while True:
                yield "x" * 50_000
        finally:
            stopped.set()

    with post(serve(responder=responder), stream=True) as answer:
        next(answer.iter_lines())
    assert stopped.wait(10)


def test_closing_the_server_ends_what_runs(serve):
    """A create that waits for its response ends with the server, and a server that closes begins none."""
    asked = threading.Event()
    server = serve(responder=lambda _: asked.set() or Reply(text="late", delay=60), time_scale=1)
    outcome = []

    def client():
        try:
            outcome.append(post(server, input="one").status_code)
        except requests.RequestException as error:
            outcome.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    assert asked.wait(10)
    server.close()
    thread.join(10)
    # The connection may be shut down before the answer is out.
    assert outcome[0] == 503 or isinstance(outcome[0], requests.RequestException)
    with pytest.raises(Problem, match="shutting down"):
        server._desk.create({"model": "m"})


def test_a_responder_that_outlives_its_server(serve, caplog, monkeypatch):
    """A responder that blocks does not keep the server from closing: it is left behind, and that is said."""
    monkeypatch.setattr("realtime_sync.server.responses._runs._JOIN_SECONDS", 0.02)
    gates = Gates(lambda _: (None,))
    server = serve(responder=gates)
    post(server, input="one", background=True)
    server.close()
    assert "still running" in caplog.text
    gates.open("one")


def test_a_create_without_a_responder(serve):
    """What needs no responder is over at once, in the background too."""
    server = serve()
    items = [{"role": "user", "content": "x"}, {"type": "compaction_trigger"}]
    created = post(server, input=items, background=True).json()
    assert (created["status"], [item["type"] for item in created["output"]]) == ("completed", ["compaction"])
    refused = post(server, input="x", background=True, store=False)
    assert refused.json()["error"]["param"] == "background"


def test_what_is_kept_is_bounded(serve, monkeypatch):
    """The oldest stored responses, background events and client secrets go when there are too many."""
    monkeypatch.setattr("realtime_sync.server.responses._store._MAX_RECORDS", 2)
    monkeypatch.setattr("realtime_sync.server.responses._runs._MAX_KEPT", 1)
    monkeypatch.setattr("realtime_sync.server._secrets._MAX_SECRETS", 1)
    server = serve(api_key="right")
    key = {"Authorization": "Bearer right"}
    body = {"model": "m", "input": "hi", "background": True}
    url = f"{server.base_url}/responses"
    ids = []
    for _ in range(3):
        ids.append(requests.post(url, json=body, headers=key, timeout=10).json()["id"])
        requests.get(f"{url}/{ids[-1]}?stream=true", headers=key, timeout=10)
    found = [requests.get(f"{url}/{each}", headers=key, timeout=10).status_code for each in ids]
    assert found == [404, 200, 200]
    streams = [requests.get(f"{url}/{each}?stream=true", headers=key, timeout=10).status_code for each in ids]
    assert streams == [404, 400, 200]
    secrets = [
        requests.post(server.base_url + "/realtime/client_secrets", headers=key, timeout=10).json()["value"]
        for _ in range(2)
    ]
    assert [post_status(server, {"Authorization": f"Bearer {each}"}) for each in secrets] == [401, 200]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"\xff", b'{"a": NaN}', b"[" * 2000])
def test_bodies_that_are_no_requests(serve, body):
    """A body that is no JSON object is refused."""
    answer = requests.post(serve().base_url + "/responses", data=body, timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_keys_are_wanted(serve):
    """Without the key there is no response."""
    answer = post(serve(api_key="right"), input="hi")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "rate_limit_exceeded"),
        (503, "server_is_overloaded"),
        (500, "rejected_by_fault"),
        (400, "rejected_by_fault"),
    ],
)
@pytest.mark.parametrize("at", ["response.create", "sent"])
def test_rejections(serve, at, status, code):
    """A fault rejects one request with any status and a time to come back; the next one works."""
    server = serve(faults=Fault(at=at, do="reject", status=status, seconds=1.5, reason="slow down"))
    answer = post(server, input="hi")
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "1.5")
    assert (answer.json()["error"]["code"], answer.json()["error"]["message"]) == (code, "slow down")
    assert post(server, input="hi").status_code == 200


@pytest.mark.parametrize("at", ["received", "POST /v1/responses", "sent", "response.completed"])
@pytest.mark.parametrize("do", ["drop", "garbage", "cut", "close", "swallow"])
def test_answers_that_do_not_come(serve, at, do):
    """The connection ends without a whole answer; the next request is answered."""
    server = serve(faults=Fault(at=at, do=do))
    with pytest.raises(requests.RequestException):
        post(server, input="hi")
    assert post(server, input="hi").status_code == 200


@pytest.mark.parametrize("at", ["received", "sent"])
def test_an_answer_that_is_no_json(serve, at):
    """An answer can be something else than JSON."""
    answer = post(serve(faults=Fault(at=at, do="bad_json")), input="hi")
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("do", ["drop", "cut", "garbage"])
def test_a_stream_that_breaks(serve, do):
    """A stream ends in its midst, without its proper end."""
    server = serve(faults=Fault(at="response.output_text.delta", nth=2, do=do))
    received = b""
    with post(server, input="say one two three", stream=True) as answer, pytest.raises(requests.RequestException):
        for chunk in answer.iter_content(None):
            received += chunk
    whole, _, rest = received.rpartition(b"\n\n")
    assert events_of(whole + b"\n\n")[-1]["delta"] == "one"
    assert (bool(rest), b"\xff" in rest) == (do != "drop", do == "garbage")


def test_a_stream_that_stops_early(serve):
    """A stream can end properly as HTTP, without its last event."""
    server = serve(faults=Fault(at="response.completed", do="close"))
    assert events_of(post(server, input="hi", stream=True).content)[-1]["type"] == "response.output_item.done"


def test_events_that_are_spoilt(serve):
    """An event can be missing, be no JSON, or come late; the others come."""
    at = "response.output_text.delta"
    faults = [
        Fault(at=at, do="swallow"),
        Fault(at=at, nth=2, do="delay", seconds=0.01),
        Fault(at=at, nth=3, do="bad_json"),
    ]
    lines = post(serve(faults=faults), input="say one two three", stream=True).text.split("\n")
    data = [lines[number + 1] for number, line in enumerate(lines) if line == f"event: {at}"]
    assert json.loads(data[0].removeprefix("data: "))["delta"] == " two"
    assert data[1:] == ['data: {"type": "half of a']
    assert "event: response.completed" in lines


def test_an_error_in_a_stream(serve):
    """An error event of a stream is flat, takes the number of the event it replaces, and is the last one."""
    server = serve(faults=Fault(at="response.output_text.delta", do="reject", status=429, reason="slow down"))
    events = events_of(post(server, input="hi", stream=True).content)
    assert events[-1] == {
        "type": "error",
        "sequence_number": len(events) - 1,
        "code": "rate_limit_exceeded",
        "message": "slow down",
        "param": None,
    }


@pytest.mark.parametrize("at", ["received", "sent"])
def test_a_stall_lasts_until_the_server_closes(serve, at):
    """A stalled request ends with the server."""
    server = serve(faults=Fault(at=at, do="stall"))
    outcome = []

    def client():
        try:
            outcome.append(post(server, input="hi").status_code)
        except requests.RequestException as error:
            outcome.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    while not server.faults.fired():
        thread.join(0.01)
    assert not outcome
    server.close()
    thread.join(10)
    assert isinstance(outcome[0], requests.RequestException)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"session": {"type": "transcription"}}, "session.type"),
        ({"session": {"type": "realtime", "model": 5}}, "session.model"),
        ({"session": {"type": "realtime", "voice": "x"}}, "session.voice"),
        ({"expires_after": {"seconds": 5}}, "expires_after.seconds"),
        ({"session": 5}, "session"),
        ({"other": 1}, "other"),
    ],
)
def test_client_secrets_that_are_refused(serve, body, param):
    """What is wrong with the request for a secret is said."""
    answer = requests.post(serve().base_url + "/realtime/client_secrets", json=body, timeout=10)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_a_client_secret_ends(serve, dial, monkeypatch):
    """A secret opens sessions until its time is over."""
    server = serve(api_key="right")
    key = {"Authorization": "Bearer right"}
    secret = requests.post(server.base_url + "/realtime/client_secrets", headers=key, timeout=10).json()
    own = {"Authorization": f"Bearer {secret['value']}"}
    dial(server, additional_headers=own)
    assert post_status(server, own) == 200
    now = time.monotonic()
    monkeypatch.setattr("realtime_sync.server._secrets.time.monotonic", lambda: now + 601)
    assert post_status(server, own) == 401


def post_status(server, headers):
    """Return the status of a create with these headers."""
    body = {"model": "m", "input": "hi"}
    return requests.post(server.base_url + "/responses", json=body, headers=headers, timeout=10).status_code


def test_connections_are_kept(serve):
    """One connection serves many requests, streams and errors among them, until the client or the server ends it."""
    server = serve()
    with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=10)) as client:
        client.connect()
        sock = client.sock
        for body, status in (({"stream": True}, 200), ({}, 200), ({"top_p": 5}, 400), ({}, 200)):
            client.request("POST", "/v1/responses", json.dumps({"model": "m", "input": "hi", **body}))
            answer = client.getresponse()
            assert (answer.status, client.sock is sock) == (status, True)
            assert answer.read()
        client.request("GET", "/v1/responses/none", headers={"Connection": "close"})
        assert client.getresponse().read()
        assert client.sock is None


def test_the_end_of_a_body_that_old_clients_read(serve):
    """For HTTP/1.0 a stream is not cut into chunks, and ends with the connection."""
    body = b'{"model": "m", "input": "hi", "stream": true}'
    server = serve()
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall(b"POST /v1/responses HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        head, _, answer = read_to_the_end(sock).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert events_of(answer)[-1]["type"] == "response.completed"


def test_a_body_in_chunks(serve):
    """A request may send its body in chunks."""
    body = iter([b'{"model": "m", ', b'"input": "say hi"}'])
    answer = requests.post(serve().base_url + "/responses", data=body, timeout=10)
    assert text_of(answer.json()) == "hi"
