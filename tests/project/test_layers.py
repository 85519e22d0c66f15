"""The shape of the project: imports point down, exports agree, the README's code runs."""

from __future__ import annotations

import ast
import functools
import importlib
import pathlib
import re
import subprocess
import sys

import pytest

import realtime_sync
from realtime_sync import errors

PACKAGE = pathlib.Path(realtime_sync.__file__).parent
ROOT = pathlib.Path(__file__).resolve().parents[2]

LAYERS = [
    {"__main__"},  # the door to the command line
    {"cli"},
    {"batch", "testing", "contrib"},
    {"server"},
    {"client"},
    {"realtime", "responses"},
    {"tools", "audio", "http"},
    {"session"},
    {"recording", "transport"},
    {"wire"},
    {"types"},
    {"config", "errors", "extensions", "_version"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
SERVER_MAY_USE = {"server", "wire", "types", "audio", "errors", "_version"}


def modules():
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


def part_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@functools.cache
def imports_of(path):
    """Every module name that a file imports, inside functions too; not what only a type checker reads."""
    return tuple(_imports_of(path))


def _imports_of(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides its layer"
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    """No module imports from its own line of the list (another part) or from above."""
    mine = part_of(path)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "realtime_sync" or len(parts) < 2 or parts[1] not in LEVEL or parts[1] == mine:
            continue
        assert LEVEL[parts[1]] > LEVEL[mine] or {mine, parts[1]} <= LAYERS[-1], f"{mine} imports {name}"
        if mine == "server":
            assert parts[1] in SERVER_MAY_USE, f"the server imports {name}"


def test_one_module_each_imports_websocket_and_cattrs():
    """websocket-client is known to the transport only, cattrs to one module of the wire."""
    users = {"websocket": set(), "cattrs": set(), "requests": set(), "asyncio": set()}
    for path in modules():
        for name in imports_of(path):
            if name.split(".")[0] in users:
                users[name.split(".")[0]].add(str(path.relative_to(PACKAGE)))
    assert {part_of(PACKAGE / each) for each in users["websocket"]} == {"transport"}
    assert len(users["websocket"]) == 1
    assert {part_of(PACKAGE / each) for each in users["requests"]} == {"http"}
    assert users["cattrs"] == {"wire/_converter.py"}
    assert not users["asyncio"]


def test_exports_are_sorted_and_there():
    """__all__ lists what is there, once; every error is in it."""
    names = realtime_sync.__all__
    assert len(set(names)) == len(names)
    for name in names:
        assert hasattr(realtime_sync, name)
    public = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert public <= set(names)


def test_the_drawing_of_the_error_tree_is_right():
    """The docstring of `errors` draws exactly the public classes, each below its base."""
    drawn = {}
    stack = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^    ([│├└─ ]*)(\w+)", line)
        if match and hasattr(errors, match[2]):
            depth = len(match[1]) // 4
            del stack[depth:]
            drawn[match[2]] = stack[-1] if stack else None
            stack.append(match[2])
    for name, base in drawn.items():
        cls = getattr(errors, name)
        assert cls.__bases__[0].__name__ == (base or "Exception"), name
        assert (
            "TimeoutError" in next(line for line in errors.__doc__.splitlines() if re.search(rf"\b{name}\b", line))
        ) == issubclass(cls, TimeoutError)
    public = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert set(drawn) == public


def test_importing_the_package_loads_no_catalogue():
    """`import realtime_sync` is cheap: event classes load on first use, the server and requests not at all."""
    code = "import sys, realtime_sync; print([n for n in ('realtime_sync.types.realtime', 'realtime_sync.server', 'requests', 'flask') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.strip() == "[]"


def test_every_module_imports_alone():
    """No module depends on another having been imported first."""
    names = [".".join(["realtime_sync", *path.relative_to(PACKAGE).with_suffix("").parts]) for path in modules()]
    for name in names:
        if not name.endswith("__main__"):
            found = importlib.import_module(name.removesuffix(".__init__"))
            assert found.__name__ == name.removesuffix(".__init__")


def test_the_readme_code_runs():
    """Each Python block of the README runs as it stands."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        assert "Ada" in done.stdout


def test_the_readme_commands():
    """The sections "Run it" and "Test it" have exactly one fenced sh block each."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for heading in ("Run it", "Test it"):
        section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        assert section.count("```") == 2
        assert "```sh\n" in section


@pytest.mark.parametrize(
    ("example", "arguments", "needle"),
    [("quickstart.py", [], "Ada"), ("callbacks.py", ["--turns", "2"], "closed with code 1000")],
)
def test_the_examples_run(example, arguments, needle):
    """With the local server, without a key."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / example), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert needle in done.stdout
