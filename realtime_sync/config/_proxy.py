"""The address of a proxy."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from realtime_sync.errors import ConfigurationError

__all__ = ["Proxy"]

_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The schemes that are spoken and their default ports, which are those of `requests`."""


@frozen
class Proxy:
    """Where a proxy is, how it is spoken to, and who we are there. `str` shows it without credentials.

    Attributes:
        scheme: "http", "https" (TLS to the proxy itself), "socks5", or "socks5h" (the proxy looks names up).
        host, port: of the proxy.
        user, password: percent-decoded; None: no credentials.
    """

    scheme: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Take a URL apart; ``host:port`` alone is an http proxy.

        Raises:
            ConfigurationError: it is no proxy URL. The message repeats nothing but the scheme.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit("//"), None, None
        if parts.scheme and parts.scheme not in _PROXY_PORTS:
            msg = f"a proxy URL begins with http://, https://, socks5:// or socks5h://, not {parts.scheme}://"
            raise ConfigurationError(msg)
        if not host or port == 0 or not re.fullmatch(r"[0-9A-Za-z._~:%-]+", host) or parts.path not in ("", "/"):
            msg = "the proxy must look like http://host:port or http://user:password@host:port"
            raise ConfigurationError(msg)
        user = None if parts.username is None else unquote(parts.username)
        password = unquote(parts.password or "")
        return cls(parts.scheme, host, port or _PROXY_PORTS[parts.scheme], user, password)

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS rather than HTTP."""
        return self.scheme.startswith("socks")

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authorization(self) -> str | None:
        """The value of ``Proxy-Authorization`` for an HTTP proxy (RFC 7617, in UTF-8); None without credentials."""
        if self.user is None:
            return None
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}"
