"""The extension for Flask."""

from __future__ import annotations

import base64
import hashlib
import threading

import pytest

pytest.importorskip("flask", reason="flask is not installed")

from flask import Flask, request

from realtime_sync import Client
from realtime_sync.contrib import BadInput
from realtime_sync.contrib.flask import RealtimeSync
from realtime_sync.errors import ConfigurationError
from realtime_sync.server import LocalServer
from tests.contrib.support import GatedServer, MemoryStore, fill, frames, signed_webhook
from tests.support.waiting import run_in_thread, wait_until

WEBHOOK_SECRET = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r"
QUICK = {"initial_delay": 0.001, "max_delay": 0.002}


def add_views(app, rts, store):
    @app.post("/ask")
    def ask():
        return rts.stream_response(rts.pool.stream(input=request.form["text"]))

    @app.post("/talk")
    def talk():
        return rts.stream_response(rts.conversation(store=store).stream(request.form["text"]))

    @app.post("/chat")
    def chat():
        with rts.conversation() as conversation:
            text = conversation.run(request.form["text"]).output_text
            return {"text": text, "restarted": str(conversation.restarted or "")}

    @app.post("/stream-to-cookie")
    def stream_to_cookie():
        return rts.stream_response(rts.conversation().stream("Hello"))

    @app.post("/secret")
    def secret():
        return rts.client_secret(session={"model": "gpt-realtime", "instructions": "hush"}, safety_identifier="ada")

    @app.post("/webhook/<place>")
    @rts.webhook
    def webhook(event, place):
        return {"type": event["type"], "place": place}

    @app.post("/other-webhook")
    @rts.webhook(secret=WEBHOOK_SECRET)
    def other_webhook(event):
        return {"type": event["type"]}

    @app.post("/picky")
    def picky():
        raise BadInput("A number, please.")


@pytest.fixture
def make_app():
    """Make applications whose pools are closed with the test."""
    made = []
    rts = RealtimeSync()

    def make(server=None, *, pool=None, client=None, **config):
        app = Flask("site")
        app.secret_key = "a secret"
        app.config.update(config)
        arguments = {
            "max_retries": 0,
            "timeout": 20,
            "webhook_secret": WEBHOOK_SECRET,
            "retry": QUICK,
            **(client or {}),
        }
        if server is not None:
            arguments |= {"base_url": server.base_url, "api_key": "k"}
        app.config.setdefault("REALTIME_SYNC", {"client": arguments, "pool": {"model": "m", **(pool or {})}})
        rts.init_app(app)
        app.store = MemoryStore()
        add_views(app, rts, app.store)
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions["realtime_sync"].close()


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def ask(app, text="Hello", path="/ask", browser=None):
    return (browser or app.test_client()).post(path, data={"text": text})


def text_of(response):
    assert response.status_code == 200, response.text
    told = frames(response.data)
    assert told[-1][0] == "done", told
    return "".join(data["text"] for name, data in told if name == "delta")


def noise(length):
    """Text that cannot be compressed much."""
    return base64.b64encode(hashlib.shake_256(b"%d" % length).digest(length))[:length].decode()


def code_of(response):
    return response.status_code, response.json["error"]["code"]


# answers


def test_an_answer_is_streamed(make_app, server):
    """It comes as server-sent events that nobody on the way stores, changes or gathers."""
    response = ask(make_app(server), "say hello there")
    assert text_of(response) == "hello there"
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"


def test_nothing_happens_before_the_first_request(make_app, server):
    """Making the application makes nothing, and making its client no thread and no connection."""
    before = set(threading.enumerate())
    app = make_app(server)
    assert app.extensions["realtime_sync"]._made == {}
    with app.app_context():
        assert RealtimeSync().client.is_open
    assert set(threading.enumerate()) == before
    assert server.handshakes == []


def test_requests_share_a_connection(make_app, server):
    """Many requests need one connection, not one each."""
    app = make_app(server)
    assert {text_of(ask(app, "say hi")) for _ in range(5)} == {"hi"}
    assert len(server.handshakes) == 1


def test_each_application_has_its_own(make_app, server):
    """Two applications of one extension share no pool."""
    one, two = make_app(server), make_app(server)
    text_of(ask(one))
    text_of(ask(two))
    assert len(server.handshakes) == 2
    assert one.extensions["realtime_sync"].pool is not two.extensions["realtime_sync"].pool


def test_two_threads_make_one_client(make_app, server):
    """First requests at the same time each make one, and end up with the same; the other is closed."""
    made = []
    both_make = threading.Barrier(2)

    def make_client():
        both_make.wait(10)
        made.append(Client(base_url=server.base_url, api_key="k"))
        return made[-1]

    site = make_app(REALTIME_SYNC={"client": make_client}).extensions["realtime_sync"]
    one, other = [each.result() for each in [run_in_thread(lambda: site.client) for _ in range(2)]]
    assert one is other
    assert sorted(client.is_open for client in made) == [False, True]
    assert one.is_open


def test_a_client_of_ones_own(make_app, server):
    """The setting may be a function, called once."""
    made = []

    def make_client():
        made.append(Client(base_url=server.base_url, api_key="k"))
        return made[-1]

    app = make_app(REALTIME_SYNC={"client": make_client, "pool": {"model": "m"}})
    text_of(ask(app))
    text_of(ask(app))
    assert len(made) == 1


# the browser goes


def test_the_browser_goes_and_nobody_else_notices(make_app):
    """The response is left at once and not remembered; the next visitor is answered on the same connection."""
    with GatedServer("one ", "two ", "three") as gated:
        app = make_app(gated.server)
        gated.let()
        response = app.test_client().post("/talk", data={"text": "Wait"}, buffered=False)
        assert frames(next(response.iter_encoded())) == [("delta", {"text": "one "})]
        response.close()
        wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("rts-sse-")], what="the end")
        gated.let(5)
        assert text_of(ask(app, "Wait")) == "one two three"
        assert app.store.kept == {}
        assert len(gated.server.handshakes) == 1


def test_who_goes_while_waiting_for_a_place(make_app):
    """The browser goes before its question got a place: nothing of it stays in the pool once that is its turn."""
    with GatedServer("one ", "two") as gated:
        app = make_app(gated.server, pool={"max_connections": 1})
        site = app.extensions["realtime_sync"]
        streams = fill(site.pool)
        events = site.events(site.conversation("ada", app.store, model="m").stream("Wait"), heartbeat=0.01)
        assert next(events).startswith(b":")
        events.close()
        gated.let(2 * 17)
        assert {stream.response().output_text for stream in streams} == {"one two"}
        wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("rts-sse-")], what="the end")
        wait_until(lambda: site.pool.stats.in_flight == site.pool.stats.waiting == 0, what="an idle pool")
        assert app.store.kept == {}


def test_many_who_go(make_app):
    """Answers that nobody reads any more do not keep others from theirs, however many there are."""
    with GatedServer("one ", "two") as gated:
        app = make_app(gated.server, pool={"max_connections": 2})
        for n in range(20):
            gated.let(text=f"Wait {n}")
            response = app.test_client().post("/ask", data={"text": f"Wait {n}"}, buffered=False)
            next(response.iter_encoded())
            response.close()
        assert text_of(ask(app, "say still here")) == "still here"


# failures


@pytest.mark.parametrize("debug", [False, True])
def test_without_a_key(make_app, caplog, debug):
    """Status 500; the hint is in the log, and in the answer only where the application is debugged."""
    app = make_app()
    app.debug = debug
    response = ask(app)
    assert code_of(response) == (500, "not_configured")
    assert ("OPENAI_API_KEY" in response.text) is debug
    assert "OPENAI_API_KEY" in caplog.text


def test_a_wrong_key_is_not_the_visitors_fault(make_app):
    """A 401 of the API is a 500 of the site."""
    with LocalServer(api_key="right") as server:
        assert code_of(ask(make_app(server))) == (500, "not_configured")


def test_down_at_the_start_and_later_and_back(make_app):
    """While the server is down visitors are told so and when to come back; when it is back, so is the site."""
    with LocalServer() as server:
        port = server.port
        app = make_app(server)
    response = ask(app)
    assert code_of(response) == (503, "unreachable")
    assert int(response.headers["Retry-After"]) >= 1
    for _ in range(2):
        with LocalServer(port=port):
            wait_until(lambda: ask(app).status_code == 200, what="the recovery")
            assert text_of(ask(app, "say back")) == "back"
        assert ask(app).status_code in {502, 503}


def test_the_pool_is_full(make_app):
    """Who finds no place in time is told to come back; who has one keeps it."""
    with GatedServer("one ", "two") as gated:
        app = make_app(gated.server, pool={"max_connections": 1, "acquire_timeout": 0.05})
        streams = fill(app.extensions["realtime_sync"].pool)
        response = ask(app)
        assert code_of(response) == (503, "busy")
        assert "Retry-After" in response.headers
        gated.let(32)
        assert {stream.response().output_text for stream in streams} == {"one two"}


def test_bad_input_is_the_visitors(make_app, server):
    """What a view refuses is told in the view's words."""
    response = ask(make_app(server), path="/picky")
    assert code_of(response) == (400, "bad_input")
    assert response.json["error"]["message"] == "A number, please."


def test_after_the_close(make_app, server):
    """A site that is shutting down says so."""
    app = make_app(server)
    text_of(ask(app))
    app.extensions["realtime_sync"].close()
    assert code_of(ask(app)) == (503, "restarting")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("yes", "REALTIME_SYNC is a dict with client, pool"),
        ({"pol": {}}, "REALTIME_SYNC has no pol; there are client, pool"),
        ({"client": {"api_kee": "x"}}, r"REALTIME_SYNC\['client'\]: .*api_kee"),
        ({"client": "x"}, r"REALTIME_SYNC\['client'\] is a dict of arguments for Client, or a function; got str"),
        ({"pool": {"max_conections": 1}}, r"REALTIME_SYNC\['pool'\] has max_conections"),
        ({"pool": 4}, r"REALTIME_SYNC\['pool'\] is a dict; got int"),
        ({"heartbeat": 0}, r"REALTIME_SYNC\['heartbeat'\] is a number of seconds above 0, or None; got 0"),
        ({"max_age": True}, r"REALTIME_SYNC\['max_age'\]"),
    ],
)
def test_a_setting_that_cannot_be(setting, message):
    """It is found when the application is made, and named."""
    app = Flask("site")
    app.config["REALTIME_SYNC"] = setting
    with pytest.raises(ConfigurationError, match=message):
        RealtimeSync(app)


def test_without_init_app():
    """The error says what to call."""
    with Flask("site").app_context(), pytest.raises(ConfigurationError, match=r"init_app\(app\)"):
        _ = RealtimeSync().pool


# conversations


def test_the_session_remembers(make_app, server):
    """A few turns fit into the cookie; another browser has its own."""
    app = make_app(server)
    browser = app.test_client()
    ask(app, "My name is Ada.", "/chat", browser)
    assert ask(app, "What is my name?", "/chat", browser).json["text"] == "Your name is Ada."
    assert "not told me" in ask(app, "What is my name?", "/chat").json["text"]


def test_a_store_remembers_streams(make_app, server):
    """What was streamed is known in the next request."""
    app = make_app(server)
    browser = app.test_client()
    text_of(ask(app, "My name is Ada.", "/talk", browser))
    assert text_of(ask(app, "What is my name?", "/talk", browser)) == "Your name is Ada."
    assert len(app.store.kept) == 1


def test_only_what_is_new_goes_out(make_app, server):
    """The next question goes to where the last answer came from, without the history; a page in between costs nothing."""
    app = make_app(server)
    browser = app.test_client()
    text_of(ask(app, "My name is Ada.", "/talk", browser))
    with browser.session_transaction() as session:
        visitor = session["realtime_sync.visitor"]
    with app.test_request_context():
        RealtimeSync().conversation(visitor, store=app.store).close()
    text_of(ask(app, "What is my name?", "/talk", browser))
    pool = app.extensions["realtime_sync"].pool
    assert (pool.stats.full, pool.stats.delta) == (1, 1)


def test_a_forged_state_in_the_session(make_app, server):
    """It is said, and the visitor begins anew."""
    app = make_app(server)
    browser = app.test_client()
    ask(app, "My name is Ada.", "/chat", browser)
    with browser.session_transaction() as session:
        name = next(each for each in session if each.startswith("realtime_sync.conversation."))
        session[name] = session[name][:-4] + "AAAA"
    told = ask(app, "What is my name?", "/chat", browser).json
    assert "not told me" in told["text"]
    assert "altered" in told["restarted"]


def test_a_forged_cookie(make_app, server):
    """A cookie that the application did not sign is a new visitor's."""
    app = make_app(server)
    browser = app.test_client()
    ask(app, "My name is Ada.", "/chat", browser)
    browser.set_cookie("session", "eyJhIjoxfQ.forged.forged")
    assert "not told me" in ask(app, "What is my name?", "/chat", browser).json["text"]


def test_a_session_that_is_full(make_app, server):
    """The visitor is told to begin anew, and the cookie stays one that browsers take."""
    app = make_app(server)
    browser = app.test_client()
    ask(app, "My name is Ada.", "/chat", browser)
    assert code_of(ask(app, f"Hello {noise(4000)}", "/chat", browser)) == (507, "conversation_full")
    assert ask(app, "What is my name?", "/chat", browser).json["text"] == "Your name is Ada."


def test_a_session_that_is_nearly_full_is_still_a_cookie(make_app, server):
    """What is accepted for a cookie fits into one: browsers take 4,096 bytes."""
    app = make_app(server)
    browser = app.test_client()
    sizes = []
    while (response := ask(app, f"Hello {noise(500 + len(sizes))}", "/chat", browser)).status_code == 200:
        sizes.append(len(response.headers["Set-Cookie"]))
    assert response.status_code == 507
    assert 2500 < max(sizes) < 4096


def test_a_cookie_cannot_take_a_stream(make_app, server, caplog):
    """The answer would be forgotten, so it is refused, and the log says what to do."""
    assert code_of(ask(make_app(server), path="/stream-to-cookie")) == (500, "not_configured")
    assert "store=" in caplog.text


def test_without_a_secret_key(make_app, server):
    """Without one nothing is kept that could be forged."""
    app = make_app(server)
    app.secret_key = None
    with app.test_request_context(), pytest.raises(ConfigurationError, match="SECRET_KEY"):
        RealtimeSync().conversation("ada", store=MemoryStore())


# secrets for browsers, webhooks


def test_a_secret_for_the_browser(make_app, server):
    """It has the key and its end, and nothing of the session; nobody stores it."""
    response = make_app(server).test_client().post("/secret")
    assert response.json.keys() == {"value", "expires_at"}
    assert response.json["value"].startswith("ek_")
    assert response.headers["Cache-Control"] == "no-store"


def test_a_webhook(make_app):
    """The view gets the event and what the URL has."""
    body, headers = signed_webhook(WEBHOOK_SECRET, {"type": "response.completed"})
    browser = make_app().test_client()
    assert browser.post("/webhook/here", data=body, headers=headers).json == {
        "type": "response.completed",
        "place": "here",
    }
    assert browser.post("/other-webhook", data=body, headers=headers).json == {"type": "response.completed"}


def test_a_forged_webhook(make_app):
    """One changed byte, or no signature at all: status 400, and the view is not called."""
    body, headers = signed_webhook(WEBHOOK_SECRET, {"type": "response.completed"})
    browser = make_app().test_client()
    assert code_of(browser.post("/webhook/x", data=body + b" ", headers=headers)) == (400, "bad_signature")
    assert code_of(browser.post("/webhook/x", data=body)) == (400, "bad_signature")


def test_a_webhook_that_is_no_object(make_app):
    """Signed, and yet not to be used: status 400."""
    body, headers = signed_webhook(WEBHOOK_SECRET, [1])
    assert code_of(make_app().test_client().post("/webhook/x", data=body, headers=headers)) == (400, "bad_input")


def test_a_webhook_without_a_secret(make_app):
    """Nobody told the site the secret: its own fault."""
    body, headers = signed_webhook(WEBHOOK_SECRET, {"type": "x"})
    app = make_app(client={"webhook_secret": None})
    assert code_of(app.test_client().post("/webhook/x", data=body, headers=headers)) == (500, "not_configured")


def test_views_see_their_context_while_streaming(make_app):
    """What describes events, and what a stream does at its end, has the context of the request."""
    with GatedServer("one ", "two") as gated:
        app = make_app(gated.server)
        seen = []

        def describe(event):
            if event.type == "response.output_text.delta":
                seen.append(request.path)
                return "delta", {"text": event.delta}
            return None

        @app.post("/context")
        def context():
            rts = RealtimeSync()
            return rts.stream_response(rts.pool.stream(input="Wait"), describe=describe)

        gated.let()
        response = app.test_client().post("/context", buffered=False)
        assert seen == ["/context"]
        gated.let()
        assert [name for name, _ in frames(b"".join(response.iter_encoded()))] == ["delta", "delta", "done"]
        assert set(seen) == {"/context"}
