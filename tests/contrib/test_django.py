"""The application for Django."""

from __future__ import annotations

import itertools
import threading

import pytest

pytest.importorskip("django", reason="Django is not installed")

from tests.contrib import django_site  # noqa: I001  (configures Django, before anything of it is used)
from django.apps import apps
from django.core.cache import cache
from django.test import Client as Browser
from django.test import override_settings

from realtime_sync.contrib.django import client, site
from realtime_sync.errors import ConfigurationError
from realtime_sync.server import LocalServer
from tests.contrib.support import GatedServer, fill, frames, signed_webhook
from tests.support.waiting import wait_until

COOKIES = "django.contrib.sessions.backends.signed_cookies"
QUICK = {"initial_delay": 0.001, "max_delay": 0.002}


@pytest.fixture(autouse=True)
def nothing_stored():
    cache.clear()
    django_site.STORE.kept.clear()


@pytest.fixture
def use():
    """Have the site talk to a server, until the end of the test, which closes the pool."""
    enabled = []

    def use(server=None, *, pool=None, settings=None, **client):
        arguments = {
            "max_retries": 0,
            "timeout": 20,
            "retry": QUICK,
            "webhook_secret": django_site.WEBHOOK_SECRET,
            **client,
        }
        if server is not None:
            arguments |= {"base_url": server.base_url, "api_key": "k"}
        site = {"client": arguments, "pool": {"model": "m", **(pool or {})}}
        enabled.append(override_settings(REALTIME_SYNC=site, **(settings or {})))
        enabled[-1].enable()

    yield use
    for each in reversed(enabled):
        each.disable()


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server


def post(path, text="Hello", browser=None):
    return (browser or Browser()).post(path, {"text": text})


def text_of(response):
    told = frames(response.getvalue())
    assert told[-1][0] == "done", told
    return "".join(data["text"] for name, data in told if name == "delta")


def code_of(response):
    return response.status_code, response.json()["error"]["code"]


def test_an_answer_is_streamed(use, server):
    """It comes as server-sent events that nobody on the way stores, changes or gathers."""
    use(server)
    response = post("/ask", "say hello there")
    assert text_of(response) == "hello there"
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"


def test_nothing_happens_before_the_first_request(use, server):
    """Setting up makes nothing, and making the client no thread and no connection."""
    before = set(threading.enumerate())
    use(server)
    assert site()._made == {}
    assert client().is_open
    assert set(threading.enumerate()) == before
    assert server.handshakes == []


def test_the_browser_goes(use):
    """The response is left at once and not remembered; the next visitor is answered on the same connection."""
    with GatedServer("one ", "two ", "three") as gated:
        use(gated.server)
        gated.let()
        browser = Browser()
        response = post("/talk", "Wait", browser=browser)
        assert frames(next(iter(response))) == [("delta", {"text": "one "})]
        response.close()
        wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("rts-sse-")], what="the end")
        assert not [name for name in browser.session.keys() if "conversation" in name]  # noqa: SIM118  (no dict)
        gated.let(5)
        assert text_of(post("/ask", "Wait")) == "one two three"
        assert len(gated.server.handshakes) == 1


@pytest.mark.parametrize("debug", [False, True])
def test_without_a_key(use, caplog, debug):
    """Status 500; the hint is in the log, and in the answer only where the site is debugged."""
    use()
    with override_settings(DEBUG=debug):
        response = post("/ask")
    assert code_of(response) == (500, "not_configured")
    assert ("OPENAI_API_KEY" in response.content.decode()) is debug
    assert "OPENAI_API_KEY" in caplog.text


def test_down_and_back(use):
    """While the server is down visitors are told so and when to come back; when it is back, so is the site."""
    with LocalServer() as server:
        port = server.port
        use(server)
    response = post("/ask")
    assert code_of(response) == (503, "unreachable")
    assert int(response.headers["Retry-After"]) >= 1
    with LocalServer(port=port):
        wait_until(lambda: post("/ask").status_code == 200, what="the recovery")
        assert text_of(post("/ask", "say back")) == "back"


def test_the_pool_is_full(use):
    """Who finds no place in time is told to come back; who has one keeps it."""
    with GatedServer("one ", "two") as gated:
        use(gated.server, pool={"max_connections": 1, "acquire_timeout": 0.05})
        streams = fill(site().pool)
        response = post("/ask")
        assert code_of(response) == (503, "busy")
        assert "Retry-After" in response.headers
        gated.let(32)
        assert {stream.response().output_text for stream in streams} == {"one two"}


def test_other_failures_are_djangos(use):
    """The middleware leaves alone what is no error of this library."""
    use()
    assert code_of(post("/picky")) == (400, "bad_input")
    with pytest.raises(ZeroDivisionError):
        post("/broken")


@pytest.mark.parametrize("path", ["/chat", "/stored"])
def test_the_visitor_is_remembered(use, server, path):
    """By the session, or by a store that the view gives; another browser is another visitor."""
    use(server)
    browser = Browser()
    post(path, "My name is Ada.", browser)
    assert "Your name is Ada." in post(path, "What is my name?", browser).content.decode()
    assert "not told me" in post(path, "What is my name?").content.decode()


@pytest.mark.parametrize("path", ["/talk", "/keyed"])
def test_a_session_on_the_server_remembers_streams(use, server, path):
    """What was streamed, to a visitor without a cookie yet, is known in the next request."""
    use(server)
    browser = Browser()
    assert "Ada" in text_of(post(path, "My name is Ada.", browser))
    assert text_of(post(path, "What is my name?", browser)) == "Your name is Ada."


def test_a_session_in_a_cookie(use, server, caplog):
    """It remembers a few turns, says when it is full, and refuses what is streamed."""
    use(server, settings={"SESSION_ENGINE": COOKIES})
    browser = Browser()
    post("/chat", "My name is Ada.", browser)
    assert post("/chat", "What is my name?", browser).json()["text"] == "Your name is Ada."
    long = "Hello " + "".join(str(n * n * 7919) for n in range(1500))
    assert code_of(post("/chat", long, browser)) == (507, "conversation_full")
    assert post("/chat", "What is my name?", browser).json()["text"] == "Your name is Ada."
    assert code_of(post("/talk", "Hello", browser)) == (500, "not_configured")
    assert "store=" in caplog.text


@pytest.mark.parametrize("stored", ["nonsense", "1.AAAA.AAAA", 7])
def test_a_forged_state(use, server, stored):
    """It is said, and the visitor begins anew."""
    use(server)
    browser = Browser()
    post("/chat", "My name is Ada.", browser)
    session = browser.session
    name = next(each for each in session.keys() if "conversation" in each)  # noqa: SIM118  (no dict)
    session[name] = stored
    session.save()
    told = post("/chat", "What is my name?", browser).json()
    assert "not told me" in told["text"]
    assert told["restarted"]


def test_a_secret_for_the_browser(use, server):
    """It has the key and its end, and nothing of the session; nobody stores it."""
    use(server)
    response = post("/secret")
    assert response.json().keys() == {"value", "expires_at"}
    assert response.headers["Cache-Control"] == "no-store"


def test_webhooks(use):
    """The view gets the event of those that are signed, by POST and without a CSRF token; others get a status."""
    use()
    browser = Browser(enforce_csrf_checks=True)

    def send(event, spoil=b"", method=browser.post):
        body, headers = signed_webhook(django_site.WEBHOOK_SECRET, event)
        return method("/hook/here", data=body + spoil, content_type="application/json", headers=headers)

    assert send({"type": "x"}).json() == {"type": "x", "place": "here", "method": "POST"}
    assert code_of(send({"type": "x"}, b" ")) == (400, "bad_signature")
    assert code_of(send([1])) == (400, "bad_input")
    assert send({"type": "x"}, method=browser.put).status_code == 405
    body, headers = signed_webhook("whsec_b3RoZXI=", {"type": "y"})
    sent = browser.post("/other-hook", data=body, content_type="application/json", headers=headers)
    assert sent.json() == {"type": "y"}


def test_a_setting_that_cannot_be(use):
    """It is found when Django is set up, and named; the one before stays."""
    config = apps.get_app_config("realtime_sync")
    before = config.site
    with (
        pytest.raises(ConfigurationError, match="REALTIME_SYNC has no pol"),
        override_settings(REALTIME_SYNC={"pol": 1}),
    ):
        pass
    assert config.site is before or config.site.settings == before.settings


def test_not_installed(monkeypatch):
    """The error says where to add it."""
    monkeypatch.setattr(apps, "app_configs", {})
    with pytest.raises(ConfigurationError, match="INSTALLED_APPS"):
        site()


def test_sites_are_numbered(use, server):
    """Overriding the setting makes another site and closes the one before."""
    sites = []
    for _ in itertools.repeat(None, 2):
        use(server)
        sites.append(site())
        text_of(post("/ask"))
    assert sites[0] is not sites[1]
    assert len(server.handshakes) == 2
