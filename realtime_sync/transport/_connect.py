"""Connecting: look up, dial, pass the proxy, encrypt, upgrade, all within one deadline."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any, final

from realtime_sync.config import ConnectionOptions, Proxy
from realtime_sync.errors import ConfigurationError
from realtime_sync.transport._connection import Connection
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._dial import Resolve, dial, look_up
from realtime_sync.transport._environment import choose_proxy
from realtime_sync.transport._handshake import upgrade
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._request import Request, is_loopback
from realtime_sync.transport._steps import Report, Steps
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tls import start_tls, tls_context
from realtime_sync.transport._tls_socket import TlsSocket
from realtime_sync.transport._tunnel import open_tunnel

__all__ = ["connect", "open_stream"]


def connect(
    url: str,
    *,
    options: ConnectionOptions | Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    resolve: Resolve | None = None,
    deadline: Deadline | None = None,
    on_step: Report | None = None,
) -> Connection:
    """Open a WebSocket connection.

    Args:
        url: ``wss://…`` or ``ws://…``.
        options: limits, time-outs, proxy and TLS; a mapping works as well. What is left to the environment follows the
            standard library: the proxy that `urllib.request` would use, and the authorities that OpenSSL trusts.
        headers: request headers, laid over ``options.headers``.
        resolve: takes a host and a port and returns rows like those of `socket.getaddrinfo`, which is the default.
        deadline: replaces ``options.open_timeout``, for several attempts that share one.
        on_step: is told of each step as it ends; what it raises ends the attempt.

    Raises:
        ConfigurationError: the URL, a header or an option cannot work, or credentials would go out unencrypted.
        HandshakeRejected: the server answered the upgrade with an HTTP error or a redirect; it is
            also the `StatusError` of its status, such as `AuthenticationError`.
        ProxyError: the proxy cannot be reached, or does not connect to the server.
        ConnectTimeout: all of it together took longer than ``options.open_timeout``.
        ConnectError: the name is unknown, nothing answers, the certificate is not to be trusted, …
    """
    options = ConnectionOptions.of(options)
    request = Request.build(url, options, headers)
    route = _Route(request, options, resolve, deadline or Deadline(options.open_timeout), Steps(on_step))
    try:
        route.reach()
        with route.steps.step("upgrade") as step:
            stream = Stream(route.sock)
            upgraded = upgrade(stream, request, route.deadline)
            step.detail = f"subprotocol {upgraded.subprotocol}" if upgraded.subprotocol else ""
        return Connection(
            stream,
            options=options,
            response_headers=upgraded.headers,
            subprotocol=upgraded.subprotocol,
            received=upgraded.rest,
            codec=upgraded.codec,
            secrets=request.secrets,
        )
    except BaseException:
        route.close()
        raise


def open_stream(request: Request, options: ConnectionOptions, deadline: Deadline) -> Stream:
    """Connect as `connect` does, through proxy and TLS, and stop before the upgrade: HTTP goes the same way.

    Raises:
        ConfigurationError, ProxyError, ConnectTimeout, ConnectError: as `connect`.
    """
    route = _Route(request, options, None, deadline, Steps(None))
    try:
        route.reach()
        return Stream(route.sock)
    except BaseException:
        route.close()
        raise


@final
class _Route:
    """The way to one server: straight, or through a proxy. One thread.

    Attributes:
        sock: the connection as far as it has come; `close` closes it.
    """

    sock: socket.socket | TlsSocket

    def __init__(
        self, request: Request, options: ConnectionOptions, resolve: Resolve | None, deadline: Deadline, steps: Steps
    ) -> None:
        self.deadline = deadline
        self.steps = steps
        self._request = request
        self._options = options
        self._resolve = resolve
        self._proxy = choose_proxy(options.proxy, request)
        if self._proxy is not None:
            _check_secrets(self._proxy, request, options)
        # Before anything is dialled: it may find that a file cannot be used.
        self._context = tls_context(options) if request.is_secure else None
        proxy_is_secure = self._proxy is not None and self._proxy.scheme == "https"
        self._proxy_context = tls_context(options, for_proxy=True) if proxy_is_secure else None

    def reach(self) -> None:
        """Make `sock` a connection to the server, encrypted if it is to be."""
        if self._proxy is not None:
            self._through(self._proxy)
        else:
            self._dial(self._request.hop)
        if self._context is not None:
            self._encrypt("tls", self._context, self._request.hop)

    def close(self) -> None:
        """Close what there is. May be called again."""
        if hasattr(self, "sock"):
            self.sock.close()

    def _through(self, proxy: Proxy) -> None:
        hop = Hop(proxy.host, proxy.port, is_proxy=True)
        self._dial(hop)
        if self._proxy_context is not None:
            self._encrypt("proxy tls", self._proxy_context, hop)
        with self.steps.step("proxy") as step:
            open_tunnel(Stream(self.sock), proxy, self._request, self.deadline, self._literal_addresses)
            step.detail = f"{proxy} connects to {self._request.address}"

    def _dial(self, hop: Hop) -> None:
        with self.steps.step("lookup") as step:
            addresses = look_up(hop, self.deadline, self._resolve)
            step.detail = f"{hop.host}: {', '.join(dict.fromkeys(str(row[4][0]) for row in addresses))}"
        with self.steps.step("tcp") as step:
            sock = self.sock = dial(hop, addresses, self.deadline, self._options.sockopt)
            host, port = sock.getpeername()[:2]
            step.detail = Hop(host, port).address

    def _encrypt(self, name: str, context: ssl.SSLContext, hop: Hop) -> None:
        with self.steps.step(name) as step:
            encrypted = self.sock = start_tls(self.sock, context, hop, self.deadline)
            step.detail = _describe(encrypted)

    def _literal_addresses(self) -> list[str]:
        return [str(row[4][0]) for row in look_up(self._request.hop, self.deadline, self._resolve)]


def _check_secrets(proxy: Proxy, request: Request, options: ConnectionOptions) -> None:
    """Refuse what `Request` allows: credentials in the clear to this machine, if they would pass another one."""
    if request.secrets and not request.is_secure and not options.allow_insecure and not is_loopback(proxy.host):
        msg = (
            f"refusing to send credentials unencrypted through the proxy {proxy.address}: use TLS, or no proxy for "
            f"{request.host} (proxy=None, or NO_PROXY in the environment)"
        )
        raise ConfigurationError(msg)


def _describe(encrypted: TlsSocket) -> str:
    """Say what was agreed on, and whose certificate it is until when."""
    tls = encrypted.inner
    certificate: Any = tls.getpeercert() or {}
    names = [value for kind, value in certificate.get("subjectAltName", ())]
    issuer = dict(pair for group in certificate.get("issuer", ()) for pair in group)
    parts = [
        f"{tls.version()}, {(tls.cipher() or ('',))[0]}",
        f"certificate for {', '.join(names)}" if names else "",
        f"issued by {issuer.get('organizationName') or issuer.get('commonName') or 'nobody named'}" if issuer else "",
        f"valid until {certificate['notAfter']}" if "notAfter" in certificate else "",
    ]
    return "; ".join(part for part in parts if part)
