"""The example projects, served by gunicorn in processes of their own."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import requests

from tests.contrib.support import frames

__all__ = ["EXAMPLES", "Visitor", "project_environment", "serving", "workers_of"]

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
WSGI = {"flask_app": "app:create_app()", "django_app": "chatsite.wsgi"}


def project_environment(folder, base_url=None):
    """Return the environment of a project whose database is in a folder, with this tree's library if there is one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "DJANGO_"))}
    environment |= {"CHAT_DATABASE": str(folder / "chat.sqlite3"), "PYTHONDONTWRITEBYTECODE": "1"}
    if (ROOT / "realtime_sync").is_dir():
        environment["PYTHONPATH"] = str(ROOT)
    if base_url is not None:
        environment |= {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "k"}
    return environment


class Site:
    """A site that gunicorn serves."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.url = None
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, name="test-gunicorn", daemon=True)
        self._reader.start()

    def wait(self):
        """Wait until it listens."""
        assert self._listening.wait(60), self.log
        assert self.url, self.log

    @property
    def log(self):
        return "\n".join(self.lines)

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            found = re.search(r"Listening at: (http://[\d.]+:\d+)", line)
            if found:
                self.url = found[1]
                self._listening.set()
        self._listening.set()

    def stop(self):
        """End it as an operator does; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._reader.join(10)
            self.process.stderr.close()
        return code


def _without_control():
    """Return the argument that keeps newer versions of gunicorn from sharing a control socket between tests."""
    from gunicorn.config import KNOWN_SETTINGS

    argument = "--no-control-socket"
    return [argument] if any(argument in (setting.cli or ()) for setting in KNOWN_SETTINGS) else []


@contextmanager
def serving(project, folder, base_url, *arguments):
    """Serve a project; at the end see that gunicorn and its workers ended when they were asked to."""
    environment = project_environment(folder, base_url)
    if project == "django_app":
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=EXAMPLES / project, env=environment, check=True, timeout=60)
    options = ["--bind", "127.0.0.1:0", "--graceful-timeout", "5", *_without_control()]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *options, *arguments, WSGI[project]],
        cwd=EXAMPLES / project,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    site = Site(process)
    try:
        site.wait()
        yield site
    except BaseException:
        print(site.log)
        raise
    finally:
        code = site.stop()
    assert code == 0, site.log


def workers_of(site):
    """Return the process ids of a site's workers."""
    listed = pathlib.Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text()
    return [int(each) for each in listed.split()]


class Visitor:
    """A browser without JavaScript: it keeps cookies."""

    def __init__(self, site):
        self._site = site
        self._session = requests.Session()
        self._session.trust_env = False
        self.reload()

    def reload(self):
        """Get the page; it is in `page` then."""
        self.page = self._session.get(self._site.url + "/", timeout=60).text

    def ask(self, text, **options):
        """Return the response to a question."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page)
        form = {"text": text} | ({"csrfmiddlewaretoken": token[1]} if token else {})
        return self._session.post(self._site.url + "/ask", data=form, timeout=60, **options)

    def answer(self, text):
        """Return the text of a whole answer."""
        response = self.ask(text)
        assert response.status_code == 200, response.text
        told = frames(response.content)
        assert told[-1][0] == "done", told
        return "".join(data["text"] for name, data in told if name == "delta")

    def close(self):
        self._session.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
