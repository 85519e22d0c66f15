"""Fixtures for all tests, and the check that nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from hypothesis import settings

from tests.support import proxies
from tests.support.examples import examples
from tests.support.peer import Link, Peer

AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PATIENCE = 3.0
"""Seconds for what is ending to end."""

_DESCRIPTORS = "/proc/self/fd"

# A shell lets what it runs in the background ignore Ctrl-C, and every child with it; tests send that signal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("tests", max_examples=examples(40), deadline=None)
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that interrupt at any point away from coverage, whose own locks they would leave locked.

    And let their interrupts be lost in the standard library's weak sets: those are told in Python, wherever the thread
    is, of what they held, and nothing can be raised from there.
    """
    reason = "an exception from a signal handler, inside coverage's own code, would hang the run"
    lost = "ignore:Exception ignored in. <function WeakSet:pytest.PytestUnraisableExceptionWarning"
    for item in items:
        if item.get_closest_marker("raises_anywhere"):
            item.add_marker(pytest.mark.filterwarnings(lost))
            if "coverage" in sys.modules:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """Take what all tests share out of the garbage collector's sight, which halves the time of every collection."""
    gc.collect()
    gc.freeze()


def _sockets() -> set[tuple[str, str]]:
    """Return (descriptor, inode) of every socket and eventfd of this process; nothing where there is no /proc."""
    found = set()
    # Twice a test: by os.path, which is ten times as fast as pathlib here.
    for name in os.listdir(_DESCRIPTORS) if os.path.isdir(_DESCRIPTORS) else ():  # noqa: PTH112, PTH208
        try:
            target = os.readlink(f"{_DESCRIPTORS}/{name}")  # noqa: PTH115
        except OSError:
            continue
        if target.startswith("socket:") or "eventfd" in target:
            found.add((name, target))
    return found


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread or a socket. (Unhandled exceptions in threads are warnings, and so errors.)"""
    threads, sockets = set(threading.enumerate()), _sockets()
    yield
    end = time.monotonic() + _PATIENCE
    never = threading.Event()
    collected = False
    while True:
        left = [thread for thread in threading.enumerate() if thread not in threads]
        open_still = _sockets() - sockets
        if not left and not open_still:
            return
        if time.monotonic() > end:
            break
        if not collected:
            gc.collect()
            collected = True
        never.wait(0.01)
    pytest.fail(f"left behind: threads {[thread.name for thread in left]}, sockets {sorted(open_still)}")


@pytest.fixture(autouse=True)
def no_strange_callbacks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep Hypothesis' own callback of the collector out of tests whose exceptions may come anywhere, in there too."""
    if not request.node.get_closest_marker("raises_anywhere"):
        yield
        return
    callbacks = gc.callbacks.copy()
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith("OPENAI_") or name.lower().endswith("_proxy") or name in AUTHORITIES:
            monkeypatch.delenv(name)


@dataclass(frozen=True)
class Certificates:
    """A private authority and a certificate of it for localhost and 127.0.0.1."""

    server_context: ssl.SSLContext
    client_context: ssl.SSLContext
    ca_file: str
    cert_file: str
    key_file: str


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make certificates once a run."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1", "::1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    return Certificates(server, client, str(folder / "ca.pem"), str(folder / "cert.pem"), str(folder / "key.pem"))


@pytest.fixture
def make_peer() -> Iterator[Callable[..., Peer]]:
    """Make raw peers that are closed with the test: ``make_peer(script, tls=tls.server_context)``."""
    peers: list[Peer] = []

    def make(script: Callable[[Link], object] = Link.upgrade, **kwargs: object) -> Peer:
        peers.append(Peer(script, **kwargs))
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def peer(make_peer: Callable[..., Peer]) -> Peer:
    """Give a raw peer that upgrades whoever connects."""
    return make_peer()


# Real proxy programs


@pytest.fixture(scope="session")
def http_proxy(tmp_path_factory):
    with proxies.http_proxy(tmp_path_factory.mktemp("http"), "--basic-auth", ":".join(proxies.USER)) as port:
        yield f"http://{proxies.LOGIN}@127.0.0.1:{port}"


@pytest.fixture(scope="session")
def https_proxy(tmp_path_factory, tls):
    files = ("--cert-file", tls.cert_file, "--key-file", tls.key_file)
    with proxies.http_proxy(tmp_path_factory.mktemp("https"), *files) as port:
        yield f"https://localhost:{port}"


@pytest.fixture(scope="session")
def socks_ports():
    with proxies.pproxy() as ports:
        yield ports


@pytest.fixture(scope="session")
def socks5_proxy(socks_ports):
    return f"socks5://127.0.0.1:{socks_ports[0]}"


@pytest.fixture(scope="session")
def socks5h_proxy(socks_ports):
    return f"socks5h://user:secret@127.0.0.1:{socks_ports[1]}"


@pytest.fixture(scope="session")
def microsocks_proxy():
    with proxies.microsocks() as port:
        if port is None:
            pytest.skip("microsocks is not installed")
        yield f"socks5h://{proxies.LOGIN}@127.0.0.1:{port}"


@pytest.fixture(params=["http", "https", "socks5", "socks5h", "microsocks"])
def proxy(request):
    """Each kind of proxy in turn."""
    return request.getfixturevalue(f"{request.param}_proxy")
