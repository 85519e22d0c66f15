"""The example projects under gunicorn, with threads and with greenlets; their own tests.

The other two combinations are those of `test_browser`.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
import requests

pytest.importorskip("flask", reason="flask is not installed")
pytest.importorskip("django", reason="Django is not installed")
pytest.importorskip("gunicorn", reason="gunicorn is not installed")

from tests.contrib.sites import EXAMPLES, Visitor, project_environment, serving, workers_of
from tests.contrib.support import GatedServer, frames
from tests.support.waiting import run_in_thread, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork")

THREADS = ("--workers", "2", "--threads", "8", "--preload")
GREENLETS = ("--workers", "1", "--worker-class", "gevent")
NAMES = ["Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal"]

needs_gevent = pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")


@pytest.mark.parametrize(
    ("project", "how"),
    [
        pytest.param("flask_app", THREADS, id="flask-threads"),
        pytest.param("django_app", GREENLETS, id="django-gevent", marks=needs_gevent),
    ],
)
def test_a_site(project, how, tmp_path):
    """Visitors are answered and remembered whichever worker answers; those who go, and workers that die, harm nobody."""
    with (
        GatedServer(*(f"{n} " for n in range(8))) as gated,
        serving(project, tmp_path, gated.server.base_url, *how) as site,
        ExitStack() as stack,
    ):
        visitors = [stack.enter_context(Visitor(site)) for _ in NAMES]
        many_visitors(gated, visitors)
        a_visitor_goes(gated, *visitors[:2])
        the_workers_die(gated, site, visitors[0])


def many_visitors(gated, visitors):
    """All at the same time, over at most as many connections as two workers may have."""
    greeted = [
        run_in_thread(visitor.answer, f"My name is {name}.") for visitor, name in zip(visitors, NAMES, strict=True)
    ]
    assert all(f"meet you, {name}." in each.result(40) for each, name in zip(greeted, NAMES, strict=True))
    asked = [run_in_thread(visitor.answer, "What is my name?") for visitor in visitors]
    assert [each.result(40) for each in asked] == [f"Your name is {name}." for name in NAMES]
    assert len(gated.server.handshakes) <= 2 * 4


def a_visitor_goes(gated, leaving, staying):
    """A page closed in mid-answer: the answer that another visitor gets at the same time is whole."""
    gated.let(1, text="Wait 1")
    gated.let(1, text="Wait 2")
    responses = [visitor.ask(text, stream=True) for visitor, text in ((leaving, "Wait 1"), (staying, "Wait 2"))]
    bodies = [response.iter_content(None) for response in responses]
    assert frames(next(bodies[0]))[0][0] == "delta"
    responses[0].close()
    gated.let(8, text="Wait 1")
    gated.let(8, text="Wait 2")
    assert frames(b"".join(bodies[1]))[-1][0] == "done"


def the_workers_die(gated, site, visitor):
    """Killed in mid-answer: the visitor's answer is cut off; the next one comes, and what was said before is known."""
    gated.let(1, text="Wait 3")
    response = visitor.ask("Wait 3", stream=True)
    body = response.iter_content(None)
    next(body)
    killed = workers_of(site)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(requests.RequestException):
        b"".join(body)
    wait_until(lambda: len(set(workers_of(site)) - set(killed)) == len(killed), timeout=30, what="new workers")
    assert visitor.answer("What is my name?") == "Your name is Ada."
    visitor.reload()
    assert visitor.page.count("What is my name?") == 2
    assert "Wait 1" not in visitor.page
    assert "Wait 3" not in visitor.page


def test_without_a_key(tmp_path):
    """Then a local server answers, and the page and the log say so."""
    with serving("flask_app", tmp_path, None, "--threads", "4") as site, Visitor(site) as visitor:
        assert "there is no model behind it" in visitor.page
        assert visitor.answer("say hi") == "hi"
        assert any("OPENAI_API_KEY is not set" in line for line in site.lines)


@pytest.mark.parametrize(
    ("project", "command"),
    [("flask_app", ["-m", "unittest"]), ("django_app", ["manage.py", "test"])],
)
def test_their_own_tests(project, command, tmp_path):
    """The tests that come with a project pass, with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=EXAMPLES / project,
        env=project_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stderr


def test_the_pages_are_the_same():
    """Both projects show the same page: one script, one style, one way to choose who answers."""
    for one, other in (
        ("flask_app/static/chat.js", "django_app/chat/static/chat/chat.js"),
        ("flask_app/static/chat.css", "django_app/chat/static/chat/chat.css"),
        ("flask_app/assistant.py", "django_app/chat/assistant.py"),
    ):
        assert pathlib.Path(EXAMPLES, one).read_text() == pathlib.Path(EXAMPLES, other).read_text()
