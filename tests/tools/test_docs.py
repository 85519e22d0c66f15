"""The page about tools, and the example, run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_code_on_the_page_runs():
    """The model calls the function, and tells what it returned."""
    [block] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tools.md").read_text(encoding="utf-8"), re.DOTALL)
    said = run("-c", block)
    assert "'" not in said
    assert '"pieces":12' in said
    assert said.strip().endswith(" 2")


def test_the_example_runs():
    """Registered at first and later, asked and streamed."""
    said = run("examples/tools.py")
    assert '"pieces":12' in said
    assert "[2 responses]" in said
    assert "3 apples are on their way" in said
    assert "get_weekday answered: Monday" in said
