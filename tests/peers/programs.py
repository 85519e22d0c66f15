"""Where the peers are, and how they are run: as programs of their own, so that nothing of theirs is loaded here.

`.ci/peers/install` installs them and prints the variables to set:

PEERS_NODE          a Node.js that is new enough
PEERS_NODE_MODULES  the folder with the npm packages
PEERS_PYTHON        the interpreter with the packages from PyPI
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def why_no_node(package: str) -> str | None:
    """Return why a script that needs this npm package cannot run, or None."""
    modules = os.environ.get("PEERS_NODE_MODULES")
    if "PEERS_NODE" not in os.environ or modules is None:
        return "PEERS_NODE and PEERS_NODE_MODULES are not set: see .ci/peers/install"
    return None if Path(modules, package).is_dir() else f"{package} is not in {modules}"


def why_no_python() -> str | None:
    """Return why a script that needs packages from PyPI cannot run, or None."""
    return None if "PEERS_PYTHON" in os.environ else "PEERS_PYTHON is not set: see .ci/peers/install"


def command(script: str) -> list[str]:
    """Return how to run a script of this folder."""
    return [os.environ["PEERS_NODE" if script.endswith(".mjs") else "PEERS_PYTHON"], script]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a peer: no settings of whoever runs the tests, no proxy, no warnings as errors."""
    kept = ("PATH", "HOME", "LANG", "PEERS_NODE_MODULES", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, **extra}


def run(arguments: list[str], env: Mapping[str, str], *, timeout: float = 90.0) -> list[Any]:
    """Run a program to its end and return the JSON of each line that it printed."""
    done = subprocess.run(
        arguments, env=environment(env), capture_output=True, text=True, timeout=timeout, check=False, cwd=HERE
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextlib.contextmanager
def running(arguments: list[str], log: Path, *, cwd: Path = HERE) -> Iterator[str]:
    """Run a server that prints one line when it is ready, yield that line, and end the server.

    Its standard input stays open meanwhile: that ends it even if these tests are killed.
    """
    with log.open("w+") as errors:
        process = subprocess.Popen(
            arguments,
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=cwd,
        )
        with process:
            try:
                ready = process.stdout.readline()
                if not ready:
                    process.wait(10)
                    errors.seek(0)
                    pytest.fail(f"{arguments} did not start: {errors.read()[-2000:]}")
                yield ready
            finally:
                process.stdin.close()
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
