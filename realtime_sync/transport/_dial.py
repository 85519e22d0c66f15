"""From a host name to a connected socket, within one deadline."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, final

from realtime_sync.errors import ConfigurationError
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._poll import READ, WRITE, Poller
from realtime_sync.transport._request import is_literal, is_loopback
from realtime_sync.transport._waiting import Waiter

__all__ = ["AddressInfo", "Resolve", "dial", "look_up"]

AddressInfo = tuple[int, int, int, str, Any]
"""One row of `socket.getaddrinfo`: family, type, protocol, canonical name, address."""
Resolve = Callable[[str, int], Iterable[AddressInfo]]
"""Takes a host and a port, returns where to connect to."""
SocketOptions = tuple[tuple[Any, ...], ...]
"""Arguments of ``setsockopt`` calls."""

_STAGGER = 0.25
"""Seconds an address has for itself before the next one is tried beside it (RFC 8305)."""
_KEEP_ALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def dial(hop: Hop, addresses: list[AddressInfo], deadline: Deadline, sockopt: SocketOptions) -> socket.socket:
    """Return a connected, non-blocking socket to the first of some addresses that answers.

    Raises:
        ConnectTimeout: the deadline passed.
        ConnectError: no address accepted the connection.
        ConfigurationError: a socket option cannot be set.
    """
    race = _Race(hop, deadline, sockopt, _interleave(addresses))
    try:
        return race.run()
    finally:
        race.give_up()


def _resolve(host: str, port: int) -> Iterable[AddressInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def look_up(hop: Hop, deadline: Deadline, resolve: Resolve | None) -> list[AddressInfo]:
    """Return the addresses of a host, one at least.

    It happens in a thread, as nothing else can be given a deadline; a literal address needs none.

    Raises:
        ConnectTimeout: the deadline passed.
        ConnectError: the name is unknown.
    """
    find = resolve or _resolve
    if is_loopback(hop.host) or is_literal(hop.host):
        return _found(hop, functools.partial(find, hop.host, hop.port))
    outcome: list[Callable[[], Iterable[AddressInfo]]] = []
    done = Waiter()

    def run() -> None:
        try:
            rows = list(find(hop.host, hop.port))
            outcome.append(lambda: rows)
        except Exception as error:  # noqa: BLE001  # raised again by whoever waits
            outcome.append(functools.partial(_raise, error))
        finally:
            done.wake()

    # A daemon: a name server that never answers must not keep the process.
    threading.Thread(target=run, name="rts-resolver", daemon=True).start()
    if not done.wait(deadline.remaining()):
        raise hop.timed_out(deadline, "the name lookup")
    return _found(hop, outcome.pop())


def _raise(error: BaseException) -> Iterable[AddressInfo]:
    raise error


def _found(hop: Hop, resolve: Callable[[], Iterable[AddressInfo]]) -> list[AddressInfo]:
    owner = "the proxy " * hop.is_proxy + hop.host
    try:
        rows = list(resolve())
    except (OSError, UnicodeError) as error:
        msg = f"cannot find the address of {owner}: {error}"
        # Only this code says that the name server, and not the name, is the trouble.
        raise hop.failed(msg, transient=getattr(error, "errno", None) == socket.EAI_AGAIN) from error
    if not rows:
        msg = f"{owner} has no address"
        raise hop.failed(msg, transient=False)
    return rows


def _interleave(rows: list[AddressInfo]) -> list[AddressInfo]:
    """Alternate the families, beginning with the first one, so that one broken family costs one stagger."""
    families = {row[0]: [each for each in rows if each[0] == row[0]] for row in rows}
    lanes = itertools.zip_longest(*families.values())
    return [row for lane in lanes for row in lane if row is not None]


@final
class _Race:
    """Connect to several addresses, `_STAGGER` seconds apart, sooner when one fails; the first that succeeds wins."""

    def __init__(self, hop: Hop, deadline: Deadline, sockopt: SocketOptions, addresses: list[AddressInfo]) -> None:
        self._hop = hop
        self._deadline = deadline
        self._sockopt = sockopt
        self._waiting = addresses
        self._tried = f"{len(addresses)} address{'es' * (len(addresses) > 1)}"
        self._running: dict[int, socket.socket] = {}
        self._failures: list[OSError] = []

    def run(self) -> socket.socket:
        next_start = time.monotonic()
        while self._waiting or self._running:
            if self._deadline.passed():
                raise self._hop.timed_out(self._deadline, f"TCP to {self._tried}")
            if self._waiting and (not self._running or time.monotonic() >= next_start):
                self._start(self._waiting.pop(0))
                next_start = time.monotonic() + _STAGGER
                continue
            connected = self._wait(next_start)
            if connected is not None:
                return connected
        reasons = "; ".join(dict.fromkeys(str(failure) for failure in self._failures))
        msg = f"cannot connect to {self._hop.name} ({self._tried} tried): {reasons}"
        raise self._hop.failed(msg) from self._failures[-1]

    def give_up(self) -> None:
        for sock in self._running.values():
            sock.close()

    def _wait(self, next_start: float) -> socket.socket | None:
        poller = Poller()
        for fd in self._running:
            poller.watch(fd, WRITE)
        waker = self._deadline.waker
        if waker is not None:
            poller.watch(waker.fd, READ)
        until = min(next_start, self._deadline.at) if self._waiting else self._deadline.at
        ready = poller.wait(None if until == math.inf else max(0.0, until - time.monotonic()))
        for fd in [fd for fd, _ in ready if fd in self._running]:
            code = self._running[fd].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                return self._running.pop(fd)
            self._failures.append(OSError(code, os.strerror(code)))
            self._running.pop(fd).close()
        return None

    def _start(self, row: AddressInfo) -> None:
        try:
            sock = socket.socket(row[0], row[1], row[2])
        except OSError as error:  # A family this machine does not have.
            self._failures.append(error)
            return
        try:
            self._set_up(sock)
            with contextlib.suppress(BlockingIOError):  # It is under way then.
                sock.connect(row[4])
        except OSError as error:
            self._failures.append(error)
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            self._running[sock.fileno()] = sock

    def _set_up(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        for option in self._sockopt:
            try:
                sock.setsockopt(*option)
            except (OSError, TypeError) as error:
                msg = f"the socket option {option!r} cannot be set: {error}"
                raise ConfigurationError(msg) from error
