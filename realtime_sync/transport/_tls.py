"""TLS: the default context, and the handshake within a deadline."""

from __future__ import annotations

import functools
import socket
import ssl
from pathlib import Path
from typing import Final

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ConfigurationError, ConnectError
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._poll import READ, WRITE, wait_for
from realtime_sync.transport._tls_socket import TlsSocket

__all__ = ["default_context", "start_tls", "tls_context", "wants_client_certificate"]

_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64
_DATED: Final = "check this machine's clock; if it is right, whoever runs the server has to renew the certificate"
_MISNAMED: Final = "connect to a name that the certificate is for; if the URL is right, this may not be that server"
_UNKNOWN: Final = (
    "if it comes from a private authority, or from a proxy that looks into connections, give that authority's "
    "certificate as ca_file= or in REQUESTS_CA_BUNDLE"
)
_ADVICE: Final = {_EXPIRED: _DATED, _NOT_YET: _DATED, _OTHER_NAME: _MISNAMED, _OTHER_ADDRESS: _MISNAMED}
"""By the verify codes of OpenSSL's x509_vfy.h."""


def tls_context(options: ConnectionOptions, *, for_proxy: bool = False) -> ssl.SSLContext:
    """Return the TLS context that options ask for: the client certificate is not for a proxy. Any thread.

    Raises:
        ConfigurationError: as for `default_context`.
    """
    if options.ssl_context is not None:
        return options.ssl_context
    return default_context(options.ca_file, None if for_proxy else options.client_cert)


def default_context(ca_file: str | None, client_cert: tuple[str, ...] | None = None) -> ssl.SSLContext:
    """Return the TLS context for some authorities (None: the system's) and a client certificate.

    It is built once, since that takes 0.1 s, and anew when one of the files has changed. Any thread.

    Raises:
        ConfigurationError: a file cannot be read, or does not hold what it should.
    """
    return _context(ca_file, client_cert, tuple(map(_stamp, (ca_file, *(client_cert or ())[:2]))))


def _stamp(path: str | None) -> int:
    try:
        return 0 if path is None else Path(path).stat().st_mtime_ns
    except OSError:
        return 0  # Whoever opens it says what is wrong.


@functools.lru_cache(maxsize=16)
def _context(ca_file: str | None, client_cert: tuple[str, ...] | None, _stamps: tuple[int, ...]) -> ssl.SSLContext:
    try:
        if ca_file is not None and Path(ca_file).is_dir():
            context = ssl.create_default_context(capath=ca_file)
        else:
            context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = f"ca_file {ca_file!r} cannot be used: {error}"
        raise ConfigurationError(msg) from error
    context.set_alpn_protocols(["http/1.1"])
    if client_cert is not None:
        certificate, key, password = (*client_cert, None, None)[:3]
        try:
            # A password, though none be needed: without one OpenSSL asks for it on the terminal.
            context.load_cert_chain(str(certificate), key, password or "")
        except (OSError, ssl.SSLError, ValueError) as error:
            msg = f"client_cert {certificate!r} cannot be used (missing, no PEM, another key, wrong password?): {error}"
            raise ConfigurationError(msg) from None
    return context


def start_tls(sock: socket.socket | TlsSocket, context: ssl.SSLContext, hop: Hop, deadline: Deadline) -> TlsSocket:
    """Encrypt a connected, non-blocking socket, whose ownership passes to the result.

    Raises:
        ConnectTimeout: the deadline passed.
        ConnectError: the handshake failed, or the certificate is not to be trusted.
    """
    try:
        hop.host.encode("idna")  # As the ssl module will do, too late to leave the socket in good hands.
    except UnicodeError as error:
        msg = f"{hop.host!r} is no name that a certificate can be for: {error}"
        raise hop.failed(msg, transient=False) from None
    encrypted = TlsSocket(sock, context, hop.host)
    try:
        _shake_hands(encrypted, hop, deadline)
    except BaseException:
        encrypted.close()
        raise
    return encrypted


def wants_client_certificate(error: BaseException) -> bool:
    """Tell whether a TLS error is how a server asks for a client certificate: with TLS 1.3 after the handshake."""
    reason = getattr(error, "reason", None) or ""
    return "CERTIFICATE_REQUIRED" in reason or "ALERT_HANDSHAKE_FAILURE" in reason


def _shake_hands(encrypted: TlsSocket, hop: Hop, deadline: Deadline) -> None:
    while (events := _go_on(encrypted, hop)) is not None:
        if not wait_for(encrypted.fileno(), events, deadline):
            raise hop.timed_out(deadline, "the TLS handshake")


def _go_on(encrypted: TlsSocket, hop: Hop) -> int | None:
    """Take the handshake as far as it goes without waiting; return what to wait for, None when it is complete."""
    try:
        encrypted.do_handshake()
    except ssl.SSLWantReadError:
        return READ
    except BlockingIOError:
        return WRITE
    except ssl.SSLCertVerificationError as error:
        advice = _ADVICE.get(error.verify_code, _UNKNOWN)
        msg = f"the certificate of {hop.name} cannot be trusted: {error.verify_message}; {advice}"
        raise hop.failed(msg, transient=False) from error
    except OSError as error:
        raise _failure(error, hop) from error
    return None


def _failure(error: OSError, hop: Hop) -> ConnectError:
    advice, transient = "", not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError)
    reason = getattr(error, "reason", None) or ""
    if wants_client_certificate(error):
        advice = "; it may want a client certificate (client_cert=), or nothing that both sides speak was found"
    elif reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        advice = "; what answers there does not speak TLS: check scheme and port"
    elif isinstance(error, ssl.SSLEOFError | ConnectionError):
        advice = "; it hung up: a firewall, or a server for other names, may do that"
    return hop.failed(f"the TLS handshake with {hop.name} failed: {error}{advice}", transient=transient)
