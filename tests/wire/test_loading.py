"""When the catalogue loads, and who may load it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import realtime_sync.wire

PACKAGE = Path(realtime_sync.wire.__file__).resolve().parent.parent

FIRST_USE_BY_MANY = """
import json, sys, threading
from realtime_sync import wire
kind, registry = sys.argv[1:]
assert not [name for name in sys.modules if name.startswith("realtime_sync.types.r")]
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
message = json.dumps({"type": kind, "response": {"output": [{"type": "message", "role": "user"}]}})
events = []
def use():
    barrier.wait(30)
    events.append(wire.parse_event(message, registry))
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(events) == 8
assert len({type(event) for event in events}) == 1
assert len({type(event.response.output[0]) for event in events}) == 1
assert all(event == events[0] and event.to_dict() == json.loads(message) for event in events)
print(type(events[0]).__name__)
"""


@pytest.mark.parametrize(
    ("kind", "registry", "name"),
    [
        ("response.done", "realtime", "ResponseDoneEvent"),
        ("response.completed", "responses", "ResponseCompletedEvent"),
    ],
)
def test_many_threads_may_use_the_catalogue_first(kind, registry, name) -> None:
    """Threads that decode the very first event at once all get the same, from the same classes."""
    command = [sys.executable, "-W", "error", "-c", FIRST_USE_BY_MANY, kind, registry]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [name]


def loaded_by(code: str) -> set[str]:
    """Return the parts of this library, and cattrs, that a fresh process has loaded after a piece of code."""
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return {name for name in done.stdout.split() if name == "cattrs" or name.startswith("realtime_sync.")}


def test_importing_the_library_loads_next_to_nothing() -> None:
    """Errors and options; what else is exported loads when it is asked for."""
    parts = {name.split(".")[1] for name in loaded_by("import realtime_sync")}
    assert {"config", "errors"} <= parts
    assert not {"client", "realtime", "session", "transport", "wire", "types"} & parts


def test_a_client_loads_no_catalogue_and_no_converter() -> None:
    """What only decoding needs waits for the first message: it is most of what starting could cost."""
    loaded = loaded_by("from realtime_sync import Client, RealtimeSession")
    assert "realtime_sync.wire" in loaded
    assert (
        not {"cattrs", *(f"realtime_sync.types.{name}" for name in ("realtime", "translation", "responses"))} & loaded
    )


def test_what_is_exported_is_there_without_an_import_of_its_own() -> None:
    """Names load by attribute as they do by import, and always the same object; a wrong name is an AttributeError."""
    code = (
        "import realtime_sync as r; assert {'Client', 'types', 'ServerError'} <= {*dir(r)};"
        "assert r.types.realtime.ResponseDoneEvent; assert r.Client is r.Client; assert not hasattr(r, 'Cleint')"
    )
    assert "realtime_sync.types.realtime" in loaded_by(code)


@pytest.mark.parametrize("registry", ["realtime", "translation", "responses"])
def test_a_catalogue_loads_no_other(registry) -> None:
    """Who speaks one API pays for one."""
    code = (
        "import sys; from realtime_sync import wire; wire.event_decoder(sys.argv[1]);"
        "print(*(n for n in ('realtime', 'translation', 'responses') if f'realtime_sync.types.{n}' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, registry], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == [registry]


def test_one_module_calls_cattrs() -> None:
    """The converter is built in one place, so that all threads share one that never changes."""
    callers = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "cattrs" for name in names):
                callers.append(path.relative_to(PACKAGE).as_posix())
    assert callers == ["wire/_converter.py"]
