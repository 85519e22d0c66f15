"""What the benchmarks share: the peer, the clients, one process for each measurement, and tables.

A benchmark script is two programs. Run by hand it starts the peer, and for every single measurement a fresh process
that runs the script again with ``--job``: so one library can be measured with and without its optional accelerators,
and no client inherits another's memory, threads or caches. Where measurements are short, each client has one process
(`Worker`), and all take turns.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib.metadata
import importlib.util
import json
import operator
import os
import platform
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from attrs import asdict, frozen

if TYPE_CHECKING:
    from typing_extensions import Self

HERE = Path(__file__).parent
sys.path.insert(1, str(HERE.parent))  # Measure the library beside this folder, whatever else is installed.

ACCELERATORS = ("orjson", "wsaccel", "wsaccel.utf8validator", "wsaccel.xormask")
JOB_TIMEOUT = 600.0
BUSY_LOAD = 0.5
BUSY = " (something else is running here: do not trust the figures)"


# -- clients ------------------------------------------------------------------------------------------------------


@frozen
class Row:
    """A line of a table: a client, with or without the accelerators that are optional for it."""

    label: str
    client: str
    fast: bool = False

    @property
    def missing(self) -> str | None:
        """The first module that this row needs and that is not installed."""
        needed = {
            "realtime_sync": "cattrs",
            "websocket_client": "websocket",
            "official": "openai",
            "requests_fresh": "requests",
        }
        modules = [needed.get(self.client, self.client), *(ACCELERATORS[:2] if self.fast else ())]
        if self.client == "official":
            modules.append("websockets")
        return next((name for name in modules if name != "raw" and importlib.util.find_spec(name) is None), None)


RAW = Row("raw recv_into", "raw")
OURS = Row("realtime_sync", "realtime_sync")
OURS_FAST = Row("realtime_sync[fast]", "realtime_sync", fast=True)
BARE = Row("websocket-client", "websocket_client")
BARE_FAST = Row("websocket-client + wsaccel", "websocket_client", fast=True)
WEBSOCKETS = Row("websockets (sync)", "websockets")
OFFICIAL = Row("openai[realtime]", "official")


@frozen
class Target:
    """Where a client connects: a port on this machine, the authority to trust (None: ws), and what the peer shall do."""

    port: int
    ca_file: str | None
    query: dict[str, Any]

    @property
    def base_url(self) -> str:
        """The base URL as OpenAI's clients take it."""
        return f"{'https' if self.ca_file else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def url(self) -> str:
        """The WebSocket URL as WebSocket clients take it."""
        scheme = "wss" if self.ca_file else "ws"
        return f"{scheme}://127.0.0.1:{self.port}/v1/realtime?{urlencode({'model': 'm', **self.query})}"

    @property
    def context(self) -> ssl.SSLContext | None:
        """A TLS context that trusts the peer; None for ws."""
        return ssl.create_default_context(cafile=self.ca_file) if self.ca_file else None


def open_realtime_sync(target: Target, *, context: ssl.SSLContext | None = None) -> Any:
    """Open a session of this library, with default options."""
    trust = {"ssl_context": context} if context else {"ca_file": target.ca_file} if target.ca_file else {}
    client = _realtime_sync_client(target.base_url)
    return client.realtime.connect(model="m", extra_query=target.query, options=trust)


@functools.cache
def _realtime_sync_client(base_url: str) -> Any:
    from realtime_sync import Client

    return Client(base_url=base_url, api_key="x")


def open_official(target: Target, *, context: ssl.SSLContext | None = None) -> Any:
    """Open a connection of the official SDK, with default options."""
    trust = {"ssl": context or target.context} if target.ca_file else {}
    realtime = _official_client(target.base_url).realtime
    return realtime.connect(model="m", extra_query=target.query, websocket_connection_options=trust).enter()


@functools.cache
def _official_client(base_url: str) -> Any:
    from openai import OpenAI

    return OpenAI(base_url=base_url, api_key="x")


def open_websocket_client(target: Target, *, context: ssl.SSLContext | None = None) -> Any:
    """Open a bare websocket-client connection, with default options."""
    import websocket

    trust = {"context": context or target.context} if target.ca_file else {}
    return websocket.create_connection(target.url, sslopt=trust)


def open_websockets(target: Target, *, context: ssl.SSLContext | None = None) -> Any:
    """Open a connection of `websockets`' threading client, with default options."""
    from websockets.sync.client import connect

    return connect(target.url, ssl=context or target.context)


def open_raw(target: Target, *, context: ssl.SSLContext | None = None) -> Any:
    """Open a socket and do the upgrade on it by hand."""
    import socket

    sock = socket.create_connection(("127.0.0.1", target.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tls = context or target.context
    if tls is not None:
        sock = tls.wrap_socket(sock, server_hostname="127.0.0.1")
    path = target.url.partition(f":{target.port}")[2]
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # Byte by byte: what follows belongs to the measurement.
        head += sock.recv(1)
    return sock


def masked(event: dict[str, Any]) -> bytes:
    """Return an event as a client's frame, with a mask of zeros, for the raw socket."""
    payload = json.dumps(event).encode()
    if len(payload) >= 126:
        msg = "the raw client only sends small messages"
        raise ValueError(msg)
    return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload


# -- the peer -----------------------------------------------------------------------------------------------------


class _Process:
    """A process that ends with its standard input. A context manager that ends it."""

    process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Peer(_Process):
    """The peer's process, and where it listens. A context manager that ends it."""

    def __init__(self, pem: str | None, ca_file: str | None) -> None:
        command = [sys.executable, str(HERE / "_peer.py"), *(["--tls", pem] if pem else [])]
        self.ca_file = ca_file
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.port = int(self.read_line())

    def read_line(self) -> str:
        """Return the next line that the peer prints.

        Raises:
            EOFError: the peer died.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            msg = "the peer died; run _peer.py by hand to see why"
            raise EOFError(msg)
        return line

    def target(self, **query: Any) -> dict[str, Any]:
        """Return a `Target` for a job, as JSON can carry it."""
        return {"port": self.port, "ca_file": self.ca_file, "query": query}


@contextlib.contextmanager
def peers(*schemes: str) -> Iterator[dict[str, Peer]]:
    """Start a peer for each scheme ("ws", "wss"); yield them by scheme."""
    with contextlib.ExitStack() as stack:
        pem, ca_file = None, None
        if "wss" in schemes:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            pem, ca_file = _certificate(Path(folder))
        yield {
            scheme: stack.enter_context(Peer(pem, ca_file) if scheme == "wss" else Peer(None, None))
            for scheme in schemes
        }


def _certificate(folder: Path) -> tuple[str, str]:
    """Make an authority and a certificate for 127.0.0.1; return the files for the peer and for the clients."""
    import trustme

    authority = trustme.CA()
    pem, ca_file = folder / "peer.pem", folder / "ca.pem"
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    authority.cert_pem.write_to_path(ca_file)
    return str(pem), str(ca_file)


# -- one process a measurement ------------------------------------------------------------------------------------


def measure(script: str, row: Row, **job: Any) -> dict[str, Any]:
    """Run `script` for one job in a fresh process, and return what its `work` returned.

    Raises:
        RuntimeError: it failed; the message holds what it printed.
    """
    text = json.dumps({"row": asdict(row), **job})
    done = subprocess.run(
        [sys.executable, script, "--job", text],
        capture_output=True,
        text=True,
        check=False,
        timeout=JOB_TIMEOUT,
        env=environment(),
    )
    if done.returncode:
        msg = f"{row.label} failed:\n{done.stdout}{done.stderr}"
        raise RuntimeError(msg)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


class Worker(_Process):
    """A process for one row that measures again and again, one batch when it is told to. A context manager that ends it.

    So clients can take turns every few milliseconds: what a machine shared with others does in the meantime meets all.
    """

    def __init__(self, script: str, row: Row, **job: Any) -> None:
        text = json.dumps({"row": asdict(row), **job})
        self.row = row
        self.process = subprocess.Popen(
            [sys.executable, script, "--job", text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def batch(self) -> dict[str, Any]:
        """Have one batch measured.

        Raises:
            RuntimeError: the process failed; it has printed why.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # Then there is no line to read either.
            self.process.stdin.write("batch\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            msg = f"{self.row.label} failed"
            raise RuntimeError(msg)
        result: dict[str, Any] = json.loads(line)
        return result


def serve_batches(batch: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Be a `Worker`'s process: measure a batch for each line on standard input; return the last one, of nobody's."""
    for _ in sys.stdin:
        print(json.dumps(batch()), flush=True)
    return {}


def run(main: Callable[[], None], work: Callable[[Row, dict[str, Any]], dict[str, Any]]) -> None:
    """Be the benchmark, or, after ``--job``, one measurement of it."""
    if sys.argv[1:2] != ["--job"]:
        main()
        return
    job = json.loads(sys.argv[2])
    row = Row(**job.pop("row"))
    if not row.fast:
        for name in ACCELERATORS:
            sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails, as if it were not there
    print(json.dumps(work(row, job)), flush=True)


def installed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that can be measured here; say which cannot."""
    for row in rows:
        if row.missing:
            print(f"skipped: {row.label} ({row.missing} is not installed)")
    return [row for row in rows if not row.missing]


def environment() -> dict[str, str]:
    """Return the environment without proxies, which would stand between a client and the peer."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


# -- output -------------------------------------------------------------------------------------------------------


def print_header(title: str, options: Mapping[str, Any], *, versions: Sequence[str] = ()) -> None:
    """Print what is measured, with which versions (of these packages, too), where and how."""
    print(title)
    print("options: " + ", ".join(f"{name} {value}" for name, value in options.items()))
    print("versions: " + ", ".join(_versions(versions)))
    print(f"machine: {platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} CPUs")
    if hasattr(os, "getloadavg"):  # Windows has none.
        load = os.getloadavg()[0]
        print(f"load of the last minute: {load:.2f}{BUSY if load > BUSY_LOAD else ''}")
    print(flush=True)


def _versions(more: Sequence[str]) -> Iterator[str]:
    yield f"{platform.python_implementation()} {platform.python_version()}"
    yield ssl.OPENSSL_VERSION.partition(" ")[0] + " " + ssl.OPENSSL_VERSION.split(" ")[1]
    scope: dict[str, str] = {}
    exec((HERE.parent / "realtime_sync" / "_version.py").read_text(), scope)  # noqa: S102 (our own file)
    yield f"realtime_sync {scope['__version__']}"
    for name in ("websocket-client", "websockets", "openai", "attrs", "cattrs", "orjson", "wsaccel", *more):
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} absent"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column to the left, the others to the right."""
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    for line in (head, ["-" * width for width in widths], *rows):
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join([line[0].ljust(widths[0]), *cells[1:]]).rstrip())
    print(flush=True)


def times(values: Sequence[float], base: Sequence[float] | None) -> float | None:
    """Return how many times `base` the values are: the median over the rounds, each compared with its own round.

    So a machine that is slower for some rounds slows both sides of a ratio. None: one of them was not measured.
    """
    return statistics.median(map(operator.truediv, values, base)) if values and base else None


def print_verdict(budget: str, measured: str, *, met: bool | None) -> None:
    """Say whether a budget is met. None: the measurement does not count."""
    verdict = {True: "met", False: "MISSED", None: "void"}[met]
    print(f"{verdict:6}  {budget}: {measured}", flush=True)
