"""What is asked of the server, over HTTP too: URL and request headers, checked before anything is sent."""

from __future__ import annotations

import base64
import ipaddress
import platform
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from attrs import field, frozen

from realtime_sync._version import __version__
from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ConfigurationError
from realtime_sync.extensions import Extension
from realtime_sync.transport._extensions import offer_header, offered
from realtime_sync.transport._hop import Hop

__all__ = ["Request", "is_literal", "is_loopback"]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_IN_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_IN_URL: Final = re.compile(r"[\x00-\x20\x7f]")
_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "transfer-encoding",
        "upgrade",
    }
)
_CREDENTIALS: Final = frozenset({"api-key", "authorization", "cookie", "proxy-authorization", "x-api-key"})
_SECRET_SUBPROTOCOL: Final = "openai-insecure-api-key."  # noqa: S105  # announces a secret, is none
_SHORTEST_SECRET: Final = 6
_WEBSOCKET: Final = ("wss", "ws")
_HTTP: Final = ("https", "http")


@frozen(kw_only=True)
class Request:
    """One request, of an upgrade or of plain HTTP, complete and legal."""

    is_secure: bool
    host: str
    """For the name lookup and the certificate: no brackets, ASCII."""
    port: int
    resource: str = field(repr=False)
    """Path and query, percent-encoded. The query may hold credentials."""
    host_header: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """All headers but `Host` and those of the upgrade itself."""
    subprotocols: tuple[str, ...] = field(repr=False)
    extensions: tuple[Extension, ...] = ()
    """What is offered, for the answer to be checked against."""
    secrets: tuple[str, ...] = field(repr=False)
    """What must not show up in a message, should a server echo it."""

    @classmethod
    def build(cls, url: str, options: ConnectionOptions, headers: Mapping[str, str] | None) -> Request:
        """Check a URL, headers (`headers` over ``options.headers``, whatever the case of their names) and subprotocols.

        Raises:
            ConfigurationError: something cannot work, or would send credentials in the clear.
        """
        return cls._checked(url, options, headers, _WEBSOCKET)

    @classmethod
    def build_http(cls, url: str, options: ConnectionOptions, headers: Mapping[str, str] | None) -> Request:
        """Check the URL and the headers of a plain HTTP request, by the same rules.

        Raises:
            ConfigurationError: something cannot work, or would send credentials in the clear.
        """
        return cls._checked(url, options, headers, _HTTP)

    @classmethod
    def _checked(
        cls, url: str, options: ConnectionOptions, headers: Mapping[str, str] | None, schemes: tuple[str, str]
    ) -> Request:
        _check_str(url, "the URL")
        scheme, host, port, resource, userinfo = _split(url, schemes)
        merged = _merge(options, headers)
        if userinfo is not None:
            merged.setdefault("authorization", ("Authorization", _basic(userinfo)))
        subprotocols = options.subprotocols if schemes is _WEBSOCKET else ()
        _check_subprotocols(subprotocols)
        secrets = _secrets(merged, resource, subprotocols)
        if secrets and scheme != schemes[0] and not is_loopback(host) and not options.allow_insecure:
            msg = (
                f"refusing to send credentials unencrypted to {host}: "
                f"use {schemes[0]}://, or the option allow_insecure=True if the network is yours"
            )
            raise ConfigurationError(msg)
        default_port = port == (443 if scheme == schemes[0] else 80)
        bracketed = f"[{host}]" if ":" in host else host
        _, host_header = merged.pop("host", ("", bracketed if default_port else f"{bracketed}:{port}"))
        if subprotocols:
            merged["sec-websocket-protocol"] = ("Sec-WebSocket-Protocol", ", ".join(subprotocols))
        extensions = offered(options) if schemes is _WEBSOCKET else ()
        if extensions:
            merged["sec-websocket-extensions"] = ("Sec-WebSocket-Extensions", offer_header(extensions))
        return cls(
            is_secure=scheme == schemes[0],
            host=host,
            port=port,
            resource=resource,
            host_header=host_header,
            headers=tuple(merged.values()),
            subprotocols=subprotocols,
            extensions=extensions,
            secrets=secrets,
        )

    @property
    def hop(self) -> Hop:
        """The server as the last machine on the way."""
        return Hop(self.host, self.port)

    @property
    def address(self) -> str:
        """Host and port, for messages and for proxies."""
        return self.hop.address

    def redact(self, text: str) -> str:
        """Return text from the server without any credential of ours that it repeats."""
        return redacted(text, self.secrets)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return text without any of these."""
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return text


def is_loopback(host: str) -> bool:
    """Tell whether a host name or literal address is this machine, without asking a name server."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_literal(host: str) -> bool:
    """Tell whether a host is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_str(value: object, what: str) -> None:
    if not isinstance(value, str):
        msg = f"{what} must be a str, not {type(value).__name__}"
        raise ConfigurationError(msg)


def _split(url: str, schemes: tuple[str, str]) -> tuple[str, str, int, str, str | None]:
    """Return scheme, host, port, resource and user information; no message repeats more than the host."""
    if _BAD_IN_URL.search(url):
        msg = "the URL contains a space, a line break or another control character: percent-encode it"
        raise ConfigurationError(msg)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        msg = "the URL is malformed: its host or port cannot be read"
        raise ConfigurationError(msg) from None
    if parts.scheme not in schemes:
        kind = "a WebSocket" if schemes is _WEBSOCKET else "an HTTP"
        msg = f"{kind} URL begins with {schemes[0]}:// or {schemes[1]}://" + (
            f", not {parts.scheme}://" if parts.scheme in (*_HTTP, *_WEBSOCKET) else ""
        )
        raise ConfigurationError(msg)
    if not host or port == 0:
        msg = "the URL has no host" if not host else "the URL has port 0"
        raise ConfigurationError(msg)
    if parts.fragment:
        msg = f"{'a WebSocket' if schemes is _WEBSOCKET else 'the'} URL has no fragment: percent-encode '#' as %23"
        raise ConfigurationError(msg)
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            msg = f"{host!r} is not a possible host name"
            raise ConfigurationError(msg) from None
    if not re.fullmatch(r"[0-9A-Za-z._~:%-]+", host):
        msg = f"{host!r} is not a possible host name"
        raise ConfigurationError(msg)
    resource = quote(parts.path or "/", safe="/!$&'()*+,;=:@%~") + (
        "?" + quote(parts.query, safe="/?!$&'()*+,;=:@%~[]") if parts.query else ""
    )
    userinfo = parts.netloc.rpartition("@")[0] if "@" in parts.netloc else None
    return parts.scheme, host, port or (443 if parts.scheme == schemes[0] else 80), resource, userinfo


def _basic(userinfo: str) -> str:
    user, _, password = userinfo.partition(":")
    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode("ascii")


def _merge(options: ConnectionOptions, headers: Mapping[str, str] | None) -> dict[str, tuple[str, str]]:
    """Return lower-case name -> (name, value), the later mapping winning."""
    agent = options.user_agent or f"realtime-sync/{__version__} Python/{platform.python_version()}"
    merged = {"user-agent": ("User-Agent", agent)}
    for source in (options.headers, headers or {}):
        for name, value in source.items():
            _check_header(name, value)
            merged[name.lower()] = (name, value)
    _check_header("User-Agent", agent)
    return merged


def _check_header(name: str, value: str) -> None:
    """Refuse what would change the meaning of the request. A message names the header, never its value."""
    _check_str(name, "a header name")
    _check_str(value, f"the value of the header {name}")
    if not _TOKEN.fullmatch(name):
        legal = _TOKEN.match(name)
        msg = f"illegal character in a header name (it begins with {legal.group() if legal else ''!r})"
        raise ConfigurationError(msg)
    if name.lower() in _OURS:
        msg = f"the header {name} belongs to the WebSocket upgrade, or to HTTP itself, and cannot be set"
        raise ConfigurationError(msg)
    if _BAD_IN_VALUE.search(value):
        msg = f"the value of the header {name} contains a line break or another control character"
        raise ConfigurationError(msg)
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        msg = f"the value of the header {name} contains a character outside Latin-1"
        raise ConfigurationError(msg) from None


def _check_subprotocols(subprotocols: tuple[str, ...]) -> None:
    for number, subprotocol in enumerate(subprotocols, 1):
        if not _TOKEN.fullmatch(subprotocol):
            msg = f"subprotocol {number} is empty or contains a character that is not allowed in one"
            raise ConfigurationError(msg)
    if len(set(subprotocols)) != len(subprotocols):
        msg = "a subprotocol is offered twice"
        raise ConfigurationError(msg)


def _secrets(headers: Mapping[str, tuple[str, str]], resource: str, subprotocols: tuple[str, ...]) -> tuple[str, ...]:
    """Return every credential of a request, the longest first."""
    found = {value for name, (_, value) in headers.items() if name in _CREDENTIALS and value.strip()}
    for value in tuple(found):
        found.update(part for part in value.split() if len(part) > _SHORTEST_SECRET)
    query = parse_qsl(resource.partition("?")[2])
    found.update(value for name, value in query if name.lower() in _CREDENTIALS and value)
    for each in subprotocols:
        if each.startswith(_SECRET_SUBPROTOCOL):
            found.update((each, each.removeprefix(_SECRET_SUBPROTOCOL)))
    return tuple(sorted(filter(None, found), key=len, reverse=True))
