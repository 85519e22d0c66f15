"""Asking a proxy for a way to the server: HTTP CONNECT (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929).

Done here rather than by websocket-client, which gives the conversation with a proxy neither a deadline as a whole nor
a limit of size, cannot speak TLS to a proxy, and opens a connection of its own for it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final, final

from realtime_sync.config import Proxy
from realtime_sync.errors import TRANSIENT_STATUSES, ConnectError
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._exchange import Exchange, status_of
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._request import Request, is_literal
from realtime_sync.transport._stream import Stream

__all__ = ["LookUp", "open_tunnel"]

LookUp = Callable[[], list[str]]
"""Returns the literal addresses of the server, one at least, for a proxy that is to be told one."""

_LOG_IN: Final = "wants a user name and password: give them as proxy='http://user:password@host:port'"
_NO_SOCKS: Final = "does not speak SOCKS5: check the proxy's scheme and port"
_ADVICE: Final = {
    400: "it did not understand the request: check that it is an HTTP proxy",
    403: "it does not allow connections there: ask whoever runs it, or list the host in NO_PROXY",
    405: "it does not do CONNECT, which WebSockets need",
    501: "it does not do CONNECT, which WebSockets need",
    502: "it cannot reach the server",
    503: "it cannot reach the server, or is overloaded",
    504: "it had no answer from the server in time",
}

_SOCKS: Final = 5
_NO_AUTH, _PASSWORD, _NONE_GOOD = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_MAX_FIELD: Final = 255
_REFUSALS: Final = {
    1: ("the proxy had a general failure", True),
    2: ("its rules do not allow connections there", False),
    3: ("the network there is unreachable", True),
    4: ("the host is unreachable", True),
    5: ("the server refused the connection", True),
    6: ("the connection expired on the way", True),
    7: ("it does not do CONNECT", False),
    8: ("it does not know this type of address: use socks5h:// to give it the name", False),
}


def open_tunnel(stream: Stream, proxy: Proxy, request: Request, deadline: Deadline, look_up: LookUp) -> None:
    """Make a connection to a proxy into one to the server.

    Raises:
        ProxyError: the proxy refused, broke off, or does not speak this protocol.
        ConnectTimeout: the deadline passed.
        ConnectError: `look_up` found no address.
    """
    asking = _Asking(stream, proxy, request, deadline)
    try:
        if proxy.is_socks:
            asking.by_socks(look_up)
        else:
            asking.by_connect()
    except ConnectError:
        raise
    except OSError as error:
        msg = f"the connection to {asking.hop.name} broke: {error}"
        raise asking.hop.failed(msg) from error


@final
class _Asking:
    """One conversation with a proxy. One thread."""

    def __init__(self, stream: Stream, proxy: Proxy, request: Request, deadline: Deadline) -> None:
        self.hop = Hop(proxy.host, proxy.port, is_proxy=True)
        self._proxy = proxy
        self._request = request
        self._deadline = deadline
        self._exchange = Exchange(stream, self.hop, "the request to the proxy")

    # HTTP

    def by_connect(self) -> None:
        """Ask an HTTP proxy."""
        target = self._request.address
        # Of the caller's headers nothing but the User-Agent: the proxy has no business with the others.
        agents = [f"{name}: {value}" for name, value in self._request.headers if name.lower() == "user-agent"]
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *agents]
        if self._proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {self._proxy.authorization}")
        self._exchange.send("\r\n".join([*lines, "", ""]).encode("latin-1"), self._deadline)
        head, rest = self._exchange.read_head(self._deadline)
        status = status_of(head)
        if not status:
            raise self._failed("does not speak HTTP: check the proxy's scheme and port")
        if not 200 <= status < 300:  # noqa: PLR2004
            raise self._refusal(head, status)
        if rest:
            msg = f"sent data of its own into the connection to {target}"
            raise self._failed(msg)

    def _refusal(self, head: bytes, status: int) -> ConnectError:
        advice = _ADVICE.get(status, "")
        if status == 407:  # noqa: PLR2004
            advice = _wrong_credentials(head) if self._proxy.user is not None else f"it {_LOG_IN}"
        message = f"{self.hop.name} refused to connect to {self._request.address} with status {status}"
        transient = status in TRANSIENT_STATUSES and status != 501  # noqa: PLR2004
        return self.hop.failed(": ".join(filter(None, (message, advice))), status=status, transient=transient)

    # SOCKS5

    def by_socks(self, look_up: LookUp) -> None:
        """Ask a SOCKS5 proxy."""
        destination = self._destination(look_up)
        self._greet()
        self._exchange.send(bytes([_SOCKS, 1, 0]) + destination + self._request.port.to_bytes(2, "big"), self._deadline)
        version, code, _, kind = self._exchange.read_exactly(4, self._deadline)
        if version != _SOCKS or (not code and kind not in (_IPV4, _NAME, _IPV6)):
            raise self._failed(_NO_SOCKS)
        if code:
            why, transient = _REFUSALS.get(code, (f"code {code}", False))
            msg = f"did not connect to {self._request.address}: {why}"
            raise self._failed(msg, transient=transient)
        size = {_IPV4: 4, _IPV6: 16}.get(kind) or self._exchange.read_exactly(1, self._deadline)[0]
        self._exchange.read_exactly(size + 2, self._deadline)  # Where the proxy connects from.

    def _greet(self) -> None:
        methods = [_NO_AUTH] if self._proxy.user is None else [_NO_AUTH, _PASSWORD]
        self._exchange.send(bytes([_SOCKS, len(methods), *methods]), self._deadline)
        version, method = self._exchange.read_exactly(2, self._deadline)
        if version != _SOCKS or method not in (*methods, _NONE_GOOD):
            raise self._failed(_NO_SOCKS)
        if method == _NONE_GOOD:
            raise self._failed("accepts no way to log in known here" if len(methods) > 1 else _LOG_IN)
        if method == _PASSWORD:
            self._log_in()

    def _log_in(self) -> None:
        user, password = (self._proxy.user or "").encode(), self._proxy.password.encode()
        if not user or max(len(user), len(password)) > _MAX_FIELD:
            msg = f"speaks SOCKS5, where user name and password have 1 to {_MAX_FIELD} bytes"
            raise self._failed(msg)
        self._exchange.send(bytes([1, len(user)]) + user + bytes([len(password)]) + password, self._deadline)
        if self._exchange.read_exactly(2, self._deadline)[1]:
            raise self._failed("does not accept this user name and password")

    def _destination(self, look_up: LookUp) -> bytes:
        """Return type and address of the server as SOCKS writes them: its name for socks5h, else an address of it."""
        host = self._request.host
        if self._proxy.scheme == "socks5h" and not is_literal(host):
            if len(host) > _MAX_FIELD:
                msg = f"speaks SOCKS5, where a name has at most {_MAX_FIELD} bytes"
                raise self._failed(msg)
            return bytes([_NAME, len(host)]) + host.encode("ascii")
        literals = [host] if is_literal(host) else look_up()
        found = [ipaddress.ip_address(each.partition("%")[0]) for each in literals]
        # Nobody can tell which family the proxy can reach; the old one is the better guess.
        address = min(found, key=lambda each: each.version)
        return bytes([_IPV4 if address.version == 4 else _IPV6]) + address.packed  # noqa: PLR2004

    def _failed(self, what: str, *, transient: bool = False) -> ConnectError:
        return self.hop.failed(f"{self.hop.name} {what}", transient=transient)


def _wrong_credentials(head: bytes) -> str:
    """Say why credentials did not help. Of the proxy's own words only the names of schemes, which are tokens."""
    schemes = re.findall(rb"(?im)^proxy-authenticate:\s*([\w-]+)", head)
    offered = sorted({scheme.decode("ascii") for scheme in schemes})
    if offered and "basic" not in {scheme.lower() for scheme in offered}:
        return f"it wants {' or '.join(offered)}, and only Basic is spoken here"
    return "it does not accept this user name and password (special characters must be percent-encoded in the URL)"
