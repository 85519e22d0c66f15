"""Where the peers are, and how they are run: as programs of their own, so that nothing of theirs is loaded here.

`.ci/peers/install` installs them and prints the variables to set:

PEERS_NODE          a Node.js that is new enough (else the `node` on the path)
PEERS_NODE_MODULES  the folder with the npm packages
PEERS_PYTHON        the interpreter with the packages from PyPI
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSTALL = "set up by .ci/peers/install"


def node(package: str) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment for a script that needs this npm package, or skip."""
    program = os.environ.get("PEERS_NODE") or shutil.which("node")
    modules = os.environ.get("PEERS_NODE_MODULES")
    if program is None:
        pytest.skip(f"no Node.js: PEERS_NODE is not {INSTALL}")
    if modules is None or not Path(modules, package).is_dir():
        pytest.skip(f"no npm package {package}: PEERS_NODE_MODULES is not {INSTALL}")
    return [program], {"PEERS_NODE_MODULES": modules}


def python(package: str) -> list[str]:
    """Return the command for a script that needs this package from PyPI, or skip."""
    program = os.environ.get("PEERS_PYTHON")
    if program is None:
        pytest.skip(f"no {package}: PEERS_PYTHON is not {INSTALL}")
    return [program]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a peer: no settings of whoever runs the tests, no proxy, no warnings as errors."""
    kept = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **extra}


def run(command: list[str], env: Mapping[str, str], *, timeout: float = 30.0) -> Any:
    """Run a program to its end and return the JSON of the last line that it printed."""
    done = subprocess.run(
        command, env=environment(env), capture_output=True, text=True, timeout=timeout, check=False, cwd=HERE
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path) -> Iterator[Any]:
    """Run a server that prints one JSON line when it is ready, yields it, and ends the server by its standard input."""
    with log.open("w+") as errors:
        process = subprocess.Popen(
            command,
            env=environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=HERE,
        )
        with process:
            ready = process.stdout.readline()
            if not ready:
                process.wait(10)
                errors.seek(0)
                pytest.fail(f"{command[-1]} did not start: {errors.read()[-2000:]}")
            try:
                yield json.loads(ready)
            finally:
                process.stdin.close()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
