"""Real proxy programs, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tests.support.waiting import wait_until

__all__ = ["LOGIN", "USER", "http_proxy", "microsocks", "pproxy", "tinyproxy"]

USER = ("us er", "p@ss:wörd%/?#")
"""A user name and a password with everything that needs percent-encoding."""
LOGIN = ":".join(quote(part, safe="") for part in USER)
"""The same for a URL."""


@contextlib.contextmanager
def _running(*argv: str) -> Iterator[None]:
    null = subprocess.DEVNULL
    process = subprocess.Popen(argv, stdout=null, stderr=null, stdin=null, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # Its workers too; an orderly end takes some of them seconds.
        process.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def http_proxy(folder: Path, *arguments: str) -> Iterator[int]:
    """Run `proxy.py` (PyPI); yields its port."""
    port_file = folder / "port"
    argv = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", str(port_file)]
    with _running(*argv, "--num-workers", "1", "--num-acceptors", "1", "--log-level", "CRITICAL", *arguments):
        wait_until(lambda: port_file.exists() and port_file.read_text().strip(), 30, what="the proxy's port")
        yield int(port_file.read_text())


@contextlib.contextmanager
def pproxy() -> Iterator[tuple[int, int]]:
    """Run `pproxy` (PyPI) as a SOCKS5 proxy; yields the ports without and with a log-in as "user" and "secret"."""
    plain, guarded = _free_port(), _free_port()
    listen = ["-l", f"socks5://127.0.0.1:{plain}", "-l", f"socks5://127.0.0.1:{guarded}#user:secret"]
    # By default a log-in is good for a month for everybody at that address.
    with _running(sys.executable, "-m", "pproxy", "--auth", "0", *listen):
        wait_until(lambda: _answers(plain) and _answers(guarded), 30, what="the proxy")
        yield plain, guarded


@contextlib.contextmanager
def microsocks() -> Iterator[int | None]:
    """Run `microsocks` (Debian) with `USER`; yields its port, or None where it is not installed."""
    program = shutil.which("microsocks")
    if program is None:
        yield None
        return
    port = _free_port()
    with _running(program, "-i", "127.0.0.1", "-p", str(port), "-u", USER[0], "-P", USER[1]):
        wait_until(lambda: _answers(port), 30, what="the proxy")
        yield port


@contextlib.contextmanager
def tinyproxy(folder: Path) -> Iterator[int | None]:
    """Run `tinyproxy` (Debian), which allows CONNECT to port 443 only; yields its port, or None where it is missing."""
    program = shutil.which("tinyproxy")
    if program is None:
        yield None
        return
    port = _free_port()
    config = folder / "tinyproxy.conf"
    config.write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nConnectPort 443\n")
    with _running(program, "-d", "-c", str(config)):
        wait_until(lambda: _answers(port), 30, what="the proxy")
        yield port
