"""What users are shown of lanes: the page's first example and the example program."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

from realtime_sync import Client
from realtime_sync.server import LocalServer

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_page_begins_with_code_that_runs(capsys, monkeypatch):
    """As it stands, against the local server."""
    text = (ROOT / "docs" / "responses.md").read_text(encoding="utf-8")
    code = re.search(r"(?m)^(?:    .*\n|\n(?=    ))+", text)[0]
    with LocalServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "local")
        exec("\n".join(line[4:] for line in code.splitlines()), {"Client": Client})  # noqa: S102  # our own page
    assert "Your name is Ada." in capsys.readouterr().out


def test_the_example_runs():
    """Each thread has its own conversation, and the fork knows what its lane knew."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "parallel_lanes.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert {line.partition(": ")[2] for line in lines[:4]} == {
        f"Your name is {name}." for name in ("Ada", "Grace", "Emmy", "Mary")
    }
    assert lines[4:] == ["critic: Your name is Hedy.", "planner: Your name is Hedy."]
