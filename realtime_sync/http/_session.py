"""Sessions of `requests` that reach a server the way a WebSocket does: same proxy, authorities and certificate."""

from __future__ import annotations

import importlib.util
import ssl
from typing import Any

import requests
import requests.adapters

from realtime_sync.config import ConnectionOptions, Proxy
from realtime_sync.errors import MissingExtra
from realtime_sync.transport import tls_context

__all__ = ["new_session"]

_BY_CONTEXT: Any = object()
"""For `Session.verify`: neither True nor a path, for which some versions of `requests` add authorities of their own."""


def new_session(settled: ConnectionOptions) -> requests.Session:
    """Return a session for one server, from options that `settle` returned. For one thread at a time, as all of them.

    It looks at no environment of its own: `requests` would also take a log-in from ``~/.netrc`` for an API key.

    Raises:
        ConfigurationError: a certificate file cannot be used.
        MissingExtra: the proxy speaks SOCKS, which `requests` does not without PySocks.
    """
    proxy = Proxy.parse(settled.proxy) if settled.proxy else None
    if proxy is not None and proxy.is_socks and importlib.util.find_spec("socks") is None:
        raise MissingExtra("socks", "HTTP through a SOCKS proxy")
    session = requests.Session()
    session.trust_env = False
    if settled.proxy:
        url = settled.proxy if "://" in settled.proxy else f"http://{settled.proxy}"
        session.proxies = {"http": url, "https": url}
    session.verify = _BY_CONTEXT
    adapter = _Adapter(tls_context(settled), tls_context(settled, for_proxy=True))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Adapter(requests.adapters.HTTPAdapter):
    """Uses TLS contexts that are complete, where `requests` would add its own authorities to them."""

    def __init__(self, context: ssl.SSLContext, proxy_context: ssl.SSLContext) -> None:
        self._context = context
        self._proxy_context = proxy_context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **keywords)

    def proxy_manager_for(self, proxy: Any, **keywords: Any) -> Any:
        if Proxy.parse(proxy).scheme == "https":
            keywords["proxy_ssl_context"] = self._proxy_context
        return super().proxy_manager_for(proxy, ssl_context=self._context, **keywords)

    def proxy_headers(self, proxy: Any) -> dict[str, str]:
        authorization = Proxy.parse(proxy).authorization
        return {} if authorization is None else {"Proxy-Authorization": authorization}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave everything to the context."""
