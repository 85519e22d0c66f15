"""The page about audio."""

from __future__ import annotations

import pathlib
import re

from realtime_sync import audio

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "audio.md"


def test_the_code_of_the_docs_runs(tmp_path, monkeypatch):
    """Every block of the page runs as it stands."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102  (the documented code is what is tested)


def test_everything_public_is_described():
    """The page names whatever the package exports."""
    text = PAGE.read_text(encoding="utf-8")
    for name in audio.__all__:
        assert getattr(audio, name).__doc__
        assert name in text or name in {"AudioSource", "Position"}
