"""What the environment says about a connection: proxy and authorities, by the rules of `requests`.

One answer for both protocols: `settle` is asked with the URL of a WebSocket or of an HTTP request, and what comes back
holds plain values, so that nobody behind it looks at the environment again.
"""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from realtime_sync.config import ConnectionOptions, Proxy
from realtime_sync.errors import ConfigurationError

__all__ = ["settle"]

_HTTP_SCHEMES: Final = {"ws": "http", "wss": "https"}
_CA_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The first two are those of `requests`; the others are what OpenSSL reads and the official SDK honours."""


def settle(url: str, options: ConnectionOptions) -> ConnectionOptions:
    """Return the options for a connection to `url` with nothing left to the environment.

    ``proxy="auto"`` becomes a URL or None: a ``wss`` URL has the proxy of its ``https`` twin, ``ws`` that of ``http``.
    A `ca_file` that was left out becomes that of the environment, or the list that comes with `requests`, unless there
    is an `ssl_context`, or nothing to encrypt. Any thread; no I/O but a look whether the file is there.

    Raises:
        ConfigurationError: a variable names a proxy or a file that cannot be used.
    """
    changes: dict[str, str | None] = {}
    twin = _http_twin(url)
    if options.proxy == "auto":
        changes["proxy"] = _environment_proxy(twin)
    proxy = changes.get("proxy", options.proxy)
    encrypts = twin.startswith("https:") or (proxy is not None and Proxy.parse(proxy).scheme == "https")
    if encrypts and options.ssl_context is None and options.ca_file is None:
        changes["ca_file"] = _authorities()
    return ConnectionOptions.of(changes).over(options)


def _http_twin(url: str) -> str:
    """Return the URL as `requests` would have to be asked for it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme=_HTTP_SCHEMES.get(parts.scheme.lower(), parts.scheme.lower())))


def _environment_proxy(url: str) -> str | None:
    # Without any proxy there is nothing to decide, and `requests` takes a tenth of a second to load.
    if not urllib.request.getproxies():
        return None
    from requests.utils import get_environ_proxies, select_proxy  # noqa: PLC0415  (loads when it is needed)

    found = select_proxy(url, get_environ_proxies(url))
    if not found:
        return None
    try:
        Proxy.parse(found)
    except ConfigurationError as error:
        msg = f"the proxy for {urlsplit(url).scheme} in the environment cannot be used: {error}"
        raise ConfigurationError(msg) from None
    return found


def _authorities() -> str:
    for name in _CA_VARIABLES:
        path = os.environ.get(name)
        if not path:
            continue
        if not Path(path).exists():
            msg = f"{name} names {path!r}, which does not exist"
            raise ConfigurationError(msg)
        return path
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415  (loads when it is needed)

    return DEFAULT_CA_BUNDLE_PATH
