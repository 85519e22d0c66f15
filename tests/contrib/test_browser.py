"""The example projects in a real browser."""

from __future__ import annotations

import importlib.util
import sys

import pytest

pytest.importorskip("flask", reason="flask is not installed")
pytest.importorskip("django", reason="Django is not installed")
pytest.importorskip("gunicorn", reason="gunicorn is not installed")

from tests.contrib.chromium import PROGRAM, chromium
from tests.contrib.sites import serving
from tests.contrib.support import GatedServer

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork"),
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed"),
]

NEWEST = "document.querySelector('main').lastElementChild"


WORKERS = {
    "flask_app": ("--worker-class", "gevent") if importlib.util.find_spec("gevent") else ("--threads", "8"),
    "django_app": ("--threads", "8"),
}


@pytest.mark.parametrize("project", ["flask_app", "django_app"])
def test_a_visit(project, tmp_path):
    """Type, see the answer grow, stop one, reload, and find what was said; begin anew, and find nothing."""
    with (
        GatedServer("The sea ", "goes up ", "and down.") as gated,
        serving(project, tmp_path, gated.server.base_url, *WORKERS[project]) as site,
        chromium(tmp_path / "profile") as page,
    ):
        page.open(site.url)
        page.type("My name is Ada.")
        page.wait(
            f"{NEWEST}.textContent.startsWith('Nice to meet you, Ada.') && !{NEWEST}.className.includes('coming')"
        )

        # Grows: each state of the answer is seen before the next piece is let go.
        page.type("Wait, what are tides?")
        for text in ("The sea ", "The sea goes up "):
            gated.let(text="Wait, what are tides?")
            page.wait(f"{NEWEST}.textContent === {text!r} && {NEWEST}.className.includes('coming')")
        page.screenshot(tmp_path / "growing.png")
        gated.let(text="Wait, what are tides?")
        page.wait(f"{NEWEST}.textContent === 'The sea goes up and down.' && !{NEWEST}.className.includes('coming')")

        # Stopped: not remembered.
        page.type("Wait for nothing")
        gated.let(text="Wait for nothing")
        page.wait(f"{NEWEST}.textContent === 'The sea '")
        page.run("document.getElementById('stop').click()")
        page.wait(f"{NEWEST}.textContent === 'Stopped; this is not remembered.'")

        page.reload()
        assert page.texts("main .user") == ["My name is Ada.", "Wait, what are tides?"]
        assert page.texts("main .assistant")[1] == "The sea goes up and down."
        page.type("What is my name?")
        page.wait(f"{NEWEST}.textContent === 'Your name is Ada.' && !{NEWEST}.className.includes('coming')")
        page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 10_000

        # While the server is down the page says so, in the words made for visitors.
        gated.server.close()
        page.type("Hello?")
        page.wait(f"{NEWEST}.className === 'note' && {NEWEST}.textContent.includes('Please try again')")

        page.run("document.querySelector('button.quiet').click()")
        page.wait("document.querySelector('main .user') === null && document.getElementById('hint') !== null")
