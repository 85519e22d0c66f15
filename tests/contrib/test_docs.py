"""The page about web applications runs as it stands."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

from realtime_sync.contrib import _problem
from realtime_sync.contrib._site import Settings

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")


def test_the_code_for_flask_runs():
    """The visitor is remembered, and the answer streamed."""
    pytest.importorskip("flask", reason="flask is not installed")
    block = re.search(r"## Flask\n\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Your name is Ada.\nevent: delta\n")
    assert "event: done" in done.stdout


@pytest.mark.parametrize("name", ["flask", "django"])
def test_a_missing_framework_is_named(name):
    """Without it the import says what to install."""
    code = f"import importlib.util as u; u.find_spec = lambda *_: None; import realtime_sync.contrib.{name}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert f"pip install 'realtime-sync[{name}]'" in done.stderr


def test_every_status_is_on_the_page():
    """The table of failures has every code that a visitor may get, beside its status."""
    told = [
        each
        for each in vars(_problem).values()
        if isinstance(each, tuple) and len(each) == 3 and isinstance(each[0], int)
    ]
    assert len(told) == 11
    for status, code, _ in told:
        assert re.search(rf"\| {status} \|[^|]*`{code}`", PAGE), code


def test_every_setting_is_on_the_page():
    """The table of the setting has each of its keys."""
    for name in Settings.__attrs_attrs__:
        assert f"\n| `{name.name}` |" in PAGE
