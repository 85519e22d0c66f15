"""TLS: the default context, and the handshake within a deadline."""

from __future__ import annotations

import functools
import socket
import ssl

from realtime_sync.errors import ConfigurationError, ConnectError
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._poll import READ, WRITE, wait_for
from realtime_sync.transport._request import Request

__all__ = ["default_context", "start_tls"]


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
        _shake_hands(encrypted, request, deadline)
    except BaseException:
        encrypted.close()
        raise
    return encrypted


def _shake_hands(encrypted: ssl.SSLSocket, request: Request, deadline: Deadline) -> None:
    while (events := _go_on(encrypted, request)) is not None:
        if not wait_for(encrypted.fileno(), events, deadline.remaining()):
            raise request.timed_out(deadline, "the TLS handshake")


def _go_on(encrypted: ssl.SSLSocket, request: Request) -> int | None:
    """Take the handshake as far as it goes without waiting; return what to wait for, None when it is complete."""
    try:
        encrypted.do_handshake()
    except ssl.SSLWantReadError:
        return READ
    except ssl.SSLWantWriteError:
        return WRITE
    except ssl.SSLCertVerificationError as error:
        msg = (
            f"the certificate of {request.address} cannot be trusted: {error.verify_message}; "
            "for a private authority give its certificate as ca_file="
        )
        raise ConnectError(msg) from error
    except OSError as error:
        msg = f"the TLS handshake with {request.address} failed: {error}"
        raise ConnectError(msg) from error
    return None
