"""From a host name to a connected, encrypted socket, within one deadline."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from realtime_sync.errors import ConfigurationError, ConnectError, ConnectTimeout
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._poll import READ, WRITE, Poller, wait_for
from realtime_sync.transport._request import Request, is_loopback
from realtime_sync.transport._role import wait_on

__all__ = ["AddressInfo", "Resolve", "default_context", "dial", "start_tls", "timed_out"]

AddressInfo = tuple[int, int, int, str, Any]
"""One row of `socket.getaddrinfo`: family, type, protocol, canonical name, address."""
Resolve = Callable[[str, int], Iterable[AddressInfo]]
"""Takes a host and a port, returns where to connect to."""

_STAGGER = 0.25
"""Seconds an address has for itself before the next one is tried beside it (RFC 8305)."""
_KEEP_ALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def timed_out(request: Request, deadline: Deadline, what: str) -> ConnectTimeout:
    """Return the error for a deadline that passed while `what` went on."""
    return ConnectTimeout(
        f"connecting to {request.address} took longer than {deadline.seconds:g} s: {what} was under way"
    )


def _resolve(host: str, port: int) -> Iterable[AddressInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def dial(
    request: Request, deadline: Deadline, sockopt: tuple[tuple[Any, ...], ...], resolve: Resolve | None
) -> socket.socket:
    """Return a connected, non-blocking socket to the first address that answers.

    Raises:
        ConnectTimeout: the deadline passed.
        ConnectError: the name is unknown, or no address accepted the connection.
    """
    addresses = _interleave(_look_up(request, deadline, resolve or _resolve))
    pending: dict[int, socket.socket] = {}
    failures: list[OSError] = []
    try:
        return _race(request, deadline, addresses, sockopt, pending, failures)
    finally:
        for sock in pending.values():
            sock.close()


def _look_up(request: Request, deadline: Deadline, resolve: Resolve) -> list[AddressInfo]:
    """Look a name up in a thread, as nothing else can be given a deadline; a literal address needs none."""
    if is_loopback(request.host) or _is_literal(request.host):
        return _found(request, functools.partial(resolve, request.host, request.port))
    outcome: list[Callable[[], Iterable[AddressInfo]]] = []
    done = threading.Lock()
    done.acquire()

    def look_up() -> None:
        try:
            rows = list(resolve(request.host, request.port))
            outcome.append(lambda: rows)
        except Exception as error:
            outcome.append(functools.partial(_raise, error))
        finally:
            done.release()

    # A daemon: a name server that never answers must not keep the process.
    threading.Thread(target=look_up, name="rts-resolver", daemon=True).start()
    if not wait_on(done, deadline):
        raise timed_out(request, deadline, "the name lookup")
    return _found(request, outcome.pop())


def _raise(error: BaseException) -> Iterable[AddressInfo]:
    raise error


def _found(request: Request, resolve: Callable[[], Iterable[AddressInfo]]) -> list[AddressInfo]:
    try:
        rows = list(resolve())
    except (OSError, UnicodeError) as error:
        msg = f"cannot find the address of {request.host}: {error}"
        raise ConnectError(msg) from error
    if not rows:
        msg = f"{request.host} has no address"
        raise ConnectError(msg)
    return rows


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _interleave(rows: list[AddressInfo]) -> list[AddressInfo]:
    """Alternate the families, beginning with the first one, so that one broken family costs one stagger."""
    families = {row[0]: [each for each in rows if each[0] == row[0]] for row in rows}
    lanes = itertools.zip_longest(*families.values())
    return [row for lane in lanes for row in lane if row is not None]


def _race(
    request: Request,
    deadline: Deadline,
    addresses: list[AddressInfo],
    sockopt: tuple[tuple[Any, ...], ...],
    pending: dict[int, socket.socket],
    failures: list[OSError],
) -> socket.socket:
    """Start a connection every `_STAGGER` seconds, sooner when one fails; return the first that succeeds."""
    waiting = list(addresses)
    next_start = time.monotonic()
    while waiting or pending:
        if deadline.passed():
            raise timed_out(request, deadline, f"TCP to {len(addresses)} address{'es' * (len(addresses) > 1)}")
        if waiting and (not pending or time.monotonic() >= next_start):
            _start(waiting.pop(0), sockopt, pending, failures)
            next_start = time.monotonic() + _STAGGER
            continue
        poller = Poller()
        for fd in pending:
            poller.watch(fd, WRITE)
        left = deadline.remaining()
        if waiting:
            left = min(next_start - time.monotonic(), left if left is not None else _STAGGER)
        for fd, _ in poller.wait(None if left is None else max(0.0, left)):
            sock = pending.pop(fd)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                return sock
            failures.append(OSError(code, os.strerror(code)))
            sock.close()
    tried = "; ".join(dict.fromkeys(str(failure) for failure in failures))
    msg = f"cannot connect to {request.address} ({len(addresses)} address{'es' * (len(addresses) > 1)} tried): {tried}"
    raise ConnectError(msg) from failures[-1]


def _start(
    row: AddressInfo,
    sockopt: tuple[tuple[Any, ...], ...],
    pending: dict[int, socket.socket],
    failures: list[OSError],
) -> None:
    try:
        sock = socket.socket(row[0], row[1], row[2])
    except OSError as error:  # A family this machine does not have.
        failures.append(error)
        return
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        _apply(sock, sockopt)
        try:
            sock.connect(row[4])
        except BlockingIOError:
            pass  # Under way.
    except OSError as error:
        failures.append(error)
        sock.close()
    except BaseException:
        sock.close()
        raise
    else:
        pending[sock.fileno()] = sock


def _apply(sock: socket.socket, sockopt: tuple[tuple[Any, ...], ...]) -> None:
    for option in sockopt:
        try:
            sock.setsockopt(*option)
        except (OSError, TypeError) as error:
            msg = f"the socket option {option!r} cannot be set: {error}"
            raise ConfigurationError(msg) from error


@functools.lru_cache(maxsize=16)
def default_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the TLS context for a file of authorities (None: the system's), built once: it takes 0.1 s.

    Raises:
        ConfigurationError: the file cannot be read, or is no list of certificates.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = f"ca_file {ca_file!r} cannot be used: {error}"
        raise ConfigurationError(msg) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def start_tls(sock: socket.socket, context: ssl.SSLContext, request: Request, deadline: Deadline) -> ssl.SSLSocket:
    """Encrypt a connected, non-blocking socket, whose ownership passes to the result.

    Raises:
        ConnectTimeout: the deadline passed.
        ConnectError: the handshake failed, or the certificate is not to be trusted.
    """
    encrypted = context.wrap_socket(sock, server_hostname=request.host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                encrypted.do_handshake()
            except ssl.SSLWantReadError:
                events = READ
            except ssl.SSLWantWriteError:
                events = WRITE
            else:
                return encrypted
            if not wait_for(encrypted.fileno(), events, deadline.remaining()):
                raise timed_out(request, deadline, "the TLS handshake")
    except ssl.SSLCertVerificationError as error:
        encrypted.close()
        msg = (
            f"the certificate of {request.address} cannot be trusted: {error.verify_message}; "
            "for a private authority give its certificate as ca_file="
        )
        raise ConnectError(msg) from error
    except OSError as error:
        encrypted.close()
        msg = f"the TLS handshake with {request.address} failed: {error}"
        raise ConnectError(msg) from error
    except BaseException:
        encrypted.close()
        raise
