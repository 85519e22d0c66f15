"""The pages about the client and the transport have every setting, and their code runs."""

from __future__ import annotations

import inspect
import pathlib
import re

import attrs
import pytest

from realtime_sync import Client, ConnectionOptions, RetryPolicy

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def _fields(options):
    return [each.alias for each in attrs.fields(options) if not each.name.startswith("_")]


def _arguments(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("client.md", _arguments(Client)),
        ("client.md", _arguments(Client.azure)),
        ("client.md", _arguments(Client(base_url="http://127.0.0.1:9/v1").realtime.connect)),
        ("client.md", _fields(RetryPolicy)),
        ("transport.md", _fields(ConnectionOptions)),
    ],
    ids=["Client", "azure", "connect", "RetryPolicy", "ConnectionOptions"],
)
def test_every_setting_is_on_its_page(page, names):
    """By its name, as code."""
    text = (DOCS / page).read_text(encoding="utf-8")
    assert names
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


def test_the_retry_policys_defaults_are_as_told():
    """The numbers of the table are those of the code."""
    policy, text = RetryPolicy(), (DOCS / "client.md").read_text(encoding="utf-8")
    for name in ("connect_retries", "reconnect", "jitter"):
        assert f"| `{name}` | {getattr(policy, name)} |" in text
    assert f"| `reconnect_retries`, `deadline` | {policy.reconnect_retries}, {policy.deadline:g} s |" in text
    assert f"| `initial_delay`, `max_delay` | {policy.initial_delay:g} s, {policy.max_delay:g} s |" in text
    assert f"| `max_retry_after` | {policy.max_retry_after:g} s |" in text
    assert f"| `close_codes` | {', '.join(map(str, sorted(policy.close_codes)))} |" in text
    assert f'| `resume`, `resume_max_items` | "{policy.resume}", {policy.resume_max_items} |' in text


def test_the_page_runs(capsys):
    """Its block in Python prints what it says."""
    block = re.search(r"```python\n(.*?)```", (DOCS / "client.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block[1], "client.md", "exec"), {"__name__": "page"})  # noqa: S102  (our own page)
    assert capsys.readouterr().out == "Be brief.\n"
