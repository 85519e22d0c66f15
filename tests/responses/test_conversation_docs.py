"""The page about conversations, and the examples, run as they stand."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run an example as a program of its own would; returns what it printed."""

    def run(name):
        monkeypatch.setattr(sys, "argv", [name])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_the_code_on_the_page_runs(capsys):
    """The name is remembered, the tool's answer told, and three of four requests were short."""
    [block] = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "conversations.md").read_text(encoding="utf-8"), re.DOTALL
    )
    exec(compile(block, "conversations.md", "exec"), {"__name__": "page"})  # noqa: S102  (our own page)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Your name is Ada."
    assert '"pieces":12' in lines[1]
    assert lines[2] == "1 3"


def test_the_agent(run):
    """Four calls, one of them a mistake that the model is told of, in five requests."""
    said = run("agent_loop.py")
    assert "we do not sell bananas" in said
    assert "I made 4 calls; the last one said: ordered" in said
    assert "1 request in full, 4 with what was new" in said


def test_structured_output(run):
    """Two instances, one of them streamed in a restored conversation, and an answer that is none."""
    said = run("structured_output.py")
    assert "Review(mood=<Mood.MIXED: 'mixed'>, dishes=['soup', 'pie'], stars=3, would_return=None)" in said
    assert "would_return=True)" in said
    assert "no review: I would rather talk about the weather." in said
