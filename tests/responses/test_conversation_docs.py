"""The page about conversations, and the examples, run as they stand."""

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
    """The name is remembered, the tool's answer told, and three of four requests were short."""
    [block] = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "conversations.md").read_text(encoding="utf-8"), re.DOTALL
    )
    lines = run("-c", block).splitlines()
    assert lines[0] == "Your name is Ada."
    assert '"pieces":12' in lines[1]
    assert lines[2] == "1 3"


def test_the_agent():
    """Four calls, one of them a mistake that the model is told of, in five requests."""
    said = run("examples/agent_loop.py")
    assert "KeyError" in said
    assert "I made 4 calls; the last one said: ordered" in said
    assert "1 request in full, 4 with what was new" in said


def test_structured_output():
    """Two instances, one of them streamed in a restored conversation, and an answer that is none."""
    said = run("examples/structured_output.py")
    assert "Review(mood=<Mood.MIXED: 'mixed'>, dishes=['soup', 'pie'], stars=3, would_return=None)" in said
    assert "would_return=True)" in said
    assert "no review: I would rather talk about the weather." in said
