"""The proxy of a connection that is made without `Client`: what the standard library finds in the environment.

`Client` settles the option "auto" itself, by the rules of `requests`, and hands over the answer. Whoever uses the
transport on its own gets the rules of `urllib.request`: the same variables and system settings, but no address ranges
in NO_PROXY.
"""

from __future__ import annotations

import urllib.request

from realtime_sync.config import Proxy
from realtime_sync.transport._request import Request

__all__ = ["choose_proxy"]


def choose_proxy(option: str | None, request: Request) -> Proxy | None:
    """Return the proxy to use, None for none: `option` is a URL, None, or "auto".

    Raises:
        ConfigurationError: the environment holds something that is no proxy URL.
    """
    if option is None:
        return None
    if option != "auto":
        return Proxy.parse(option)
    found = urllib.request.getproxies()
    url = found.get("https" if request.is_secure else "http") or found.get("all")
    if not url or urllib.request.proxy_bypass(request.address):
        return None
    return Proxy.parse(url)
