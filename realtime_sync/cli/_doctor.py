"""``realtime-sync doctor``: connect step by step, with times, and say in words what is wrong."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from realtime_sync._version import __version__
from realtime_sync.client import Client
from realtime_sync.config import ConnectionOptions, Proxy
from realtime_sync.errors import (
    ConfigurationError,
    ConnectError,
    ConnectionClosed,
    HandshakeRejected,
    ProxyError,
    RealtimeSyncError,
    ReceiveTimeout,
)
from realtime_sync.http import settle
from realtime_sync.transport import Connection, Step, connect

__all__ = ["EXIT_CODES", "doctor"]

EXIT_CODES: Final = {"lookup": 3, "tcp": 4, "proxy": 5, "proxy tls": 5, "tls": 6, "upgrade": 7, "first event": 8}
"""The exit code when a step fails; whatever fails at a proxy counts as "proxy"."""

_HINTS: Final = {
    3: "Is this machine online, and the name right? Where the way out leads through a proxy, set HTTPS_PROXY.",
    4: "Is the port right, and the server up? A firewall may drop connections: then set HTTPS_PROXY, or ask its owner.",
    5: "The proxy comes from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY or the system's settings; NO_PROXY makes exceptions.",
    6: "Authorities come from REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE, else from the list beside requests.",
    7: "Network, proxy and TLS are fine: the server itself answered, and did not want this connection.",
    8: "The connection is fine; what went over it is not.",
}
_SHOWN: Final = frozenset({"model", "deployment", "api-version", "intent", "call_id"})
"""Query parameters that are no secrets."""
_PATIENCE: Final = 5.0
"""Seconds for the first event: some servers send none before they are spoken to."""
_DISTRIBUTIONS: Final = ("websocket-client", "attrs", "cattrs", "requests", "orjson", "wsaccel", "PySocks")


def doctor(arguments: argparse.Namespace) -> int:
    """Connect as `Client` would, and report every step; return 0, or the code of `EXIT_CODES` for what failed.

    Raises:
        ConfigurationError: a URL, option or variable cannot work; nothing was dialled.
    """
    url, headers, no_key = _target(arguments)
    options = ConnectionOptions(open_timeout=arguments.timeout, close_timeout=2.0)
    if arguments.proxy is not None:
        options = ConnectionOptions(proxy=arguments.proxy or None).over(options)
    if arguments.ca_file is not None:
        options = ConnectionOptions(ca_file=arguments.ca_file).over(options)
    settled = settle(url, options)
    _print_plan(url, headers, no_key, settled)
    last: list[Step] = []

    def report(step: Step) -> None:
        last[:] = [step]
        _print_step(step)

    try:
        connection = connect(url, options=settled, headers=headers, on_step=report)
    except ConnectError as error:
        code = 5 if isinstance(error, ProxyError) else EXIT_CODES[last[0].name]
        return _verdict(code, error, no_key)
    return _converse(connection, min(_PATIENCE, arguments.timeout))


def _target(arguments: argparse.Namespace) -> tuple[str, dict[str, str], str]:
    """Return the URL, the headers, and why there is no key, if it is missing where one is needed."""
    given = arguments.url
    is_whole = given is not None and given.lower().startswith(("ws://", "wss://"))
    endpoint = Client(base_url=given).endpoint
    url = given if is_whole else endpoint.websocket_url("/realtime", {"model": arguments.model})
    try:
        return url, endpoint.request_headers(url, {}), ""
    except ConfigurationError as error:  # The network can be looked at all the same.
        return url, {}, str(error)


def _print_plan(url: str, headers: Mapping[str, str], no_key: str, options: ConnectionOptions) -> None:
    versions = []
    for name in _DISTRIBUTIONS:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    proxy = Proxy.parse(options.proxy) if options.proxy else None
    rows = {
        "version": f"realtime-sync {__version__}, Python {platform.python_version()} on {platform.system()}",
        "packages": ", ".join(versions),
        "TLS": ssl.OPENSSL_VERSION,
        "URL": _redacted(url),
        "key": no_key or _key(headers),
        "proxy": "none" if proxy is None else f"{proxy}{', with a log-in' if proxy.user is not None else ''}",
        "authorities": options.ca_file or "not needed",
    }
    for name, value in rows.items():
        print(f"{name:<12} {value}")
    print()


def _key(headers: Mapping[str, str]) -> str:
    if not {name.lower() for name in headers} & {"authorization", "api-key"}:
        return "none"
    return f"from OPENAI_API_KEY, {len(os.environ['OPENAI_API_KEY'])} characters"


def _redacted(url: str) -> str:
    parts = urlsplit(url)
    query = [(name, value if name in _SHOWN else "...") for name, value in parse_qsl(parts.query)]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, urlencode(query), ""))


def _print_step(step: Step) -> None:
    outcome = "ok" if step.error is None else "FAILED"
    print(f"{outcome:<6} {step.name:<12} {step.seconds * 1000:>8.1f} ms  {step.detail}".rstrip(), flush=True)


def _converse(connection: Connection, patience: float) -> int:
    """Wait for the first event, and close."""
    began = time.monotonic()
    failure: RealtimeSyncError | None = None
    detail = ""
    try:
        detail = _describe(connection.receive(patience))
    except ReceiveTimeout:
        detail = f"none within {patience:g} s (some servers send none before they are spoken to)"
    except (ConnectionClosed, _ServerSaid) as error:
        failure = error
    _print_step(Step("first event", time.monotonic() - began, detail, failure))
    began = time.monotonic()
    connection.close()
    if failure is not None:
        return _verdict(EXIT_CODES["first event"], failure, "")
    _print_step(Step("close", time.monotonic() - began, f"code {connection.close_code}"))
    print("\nEverything works.")
    return 0


class _ServerSaid(RealtimeSyncError):
    """The first event is an error event."""


def _describe(message: str | bytes) -> str:
    """Return what a first message is, in words.

    Raises:
        _ServerSaid: it is an error event.
    """
    try:
        event: Any = json.loads(message)
        kind = str(event["type"])
    except (ValueError, LookupError, TypeError):
        return f"{len(message)} characters that are no event"
    if kind == "error":
        details = event.get("error")
        text = details.get("message") or details.get("code") if isinstance(details, dict) else details
        msg = f"the server's first event is an error: {text}"
        raise _ServerSaid(msg)
    return kind


def _verdict(code: int, error: RealtimeSyncError, no_key: str) -> int:
    print(f"\nWhat is wrong: {error}")
    if isinstance(error, HandshakeRejected) and error.request_id:
        print(f"Its request id, for whoever runs it: {error.request_id}")
    if no_key and isinstance(error, HandshakeRejected):
        print(f"The reason: {no_key}")
    print(_HINTS[code])
    return code
