"""When the catalogue loads, and who may load it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import realtime_sync.wire

PACKAGE = Path(realtime_sync.wire.__file__).resolve().parent.parent

FIRST_USE_BY_MANY = """
import json, sys, threading
from realtime_sync import wire
assert "realtime_sync.types.realtime" not in sys.modules
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
message = json.dumps({"type": "response.done", "response": {"output": [{"type": "message", "role": "user"}]}})
events = []
def use():
    barrier.wait(30)
    events.append(wire.parse_event(message, "realtime"))
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


def test_many_threads_may_use_the_catalogue_first() -> None:
    """Threads that decode the very first event at once all get the same, from the same classes."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_USE_BY_MANY], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["ResponseDoneEvent"]


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
