"""Connecting: look up, dial, encrypt, upgrade, all within one deadline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_sync.config import ConnectionOptions
from realtime_sync.transport._connection import Connection
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._dial import Resolve, dial
from realtime_sync.transport._handshake import upgrade
from realtime_sync.transport._request import Request
from realtime_sync.transport._stream import Stream
from realtime_sync.transport._tls import default_context, start_tls

__all__ = ["connect"]


def connect(
    url: str,
    *,
    options: ConnectionOptions | Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    resolve: Resolve | None = None,
) -> Connection:
    """Open a WebSocket connection.

    Args:
        url: ``wss://…`` or ``ws://…``.
        options: limits, time-outs and TLS; a mapping works as well.
        headers: request headers, laid over ``options.headers``.
        resolve: takes a host and a port and returns rows like those of `socket.getaddrinfo`, which is the default.

    Raises:
        ConfigurationError: the URL, a header or an option cannot work, or credentials would go out unencrypted.
        HandshakeRejected: the server answered the upgrade with an HTTP error or a redirect; it is
            also the `StatusError` of its status, such as `AuthenticationError`.
        ConnectTimeout: all of it together took longer than ``options.open_timeout``.
        ConnectError: the name is unknown, nothing answers, the certificate is not to be trusted, …
    """
    options = ConnectionOptions.of(options)
    request = Request.build(url, options, headers)
    context = (options.ssl_context or default_context(options.ca_file)) if request.is_secure else None
    deadline = Deadline(options.open_timeout)
    sock = dial(request, deadline, options.sockopt, resolve)
    try:
        if context is not None:
            sock = start_tls(sock, context, request, deadline)
        stream = Stream(sock)
        upgraded = upgrade(stream, request, deadline)
        return Connection(
            stream,
            options=options,
            response_headers=upgraded.headers,
            subprotocol=upgraded.subprotocol,
            received=upgraded.rest,
            codec=upgraded.codec,
        )
    except BaseException:
        sock.close()
        raise
