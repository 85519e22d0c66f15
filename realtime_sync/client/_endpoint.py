"""Where to connect and what to say there: URLs, headers and keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from attrs import field, frozen

from realtime_sync.errors import ConfigurationError

__all__ = ["Endpoint"]

AUTHORIZATION = "Authorization"
DEFAULT_BASE_URL = "https://api.openai.com/v1"
KEYED_DOMAINS = ("openai.com", "openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com")

_WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_HTTP_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@frozen(kw_only=True)
class Endpoint:
    """A server and the credentials for it.

    Attributes:
        base_url: of the HTTP API, e.g. ``https://api.openai.com/v1``; its query parameters are kept.
        websocket_base_url: of the WebSocket API, if it differs.
        api_key: the key, or a function that returns one and is called again for every connection. None: no key.
        key_header: "Authorization" (the key goes after "Bearer") or another header that holds the key alone.
        model_parameter: what the model's query parameter is called.
        default_model: the model if a call names none.
        headers, query: added to every request.
    """

    base_url: str = field(repr=False)  # its query may hold a key
    websocket_base_url: str | None = field(default=None, repr=False)
    api_key: str | Callable[[], str] | None = field(default=None, repr=False)
    key_header: str = AUTHORIZATION
    model_parameter: str = "model"
    default_model: str | None = None
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    query: Mapping[str, Any] = field(factory=dict, repr=False)

    @classmethod
    def from_environment(
        cls,
        *,
        api_key: str | Callable[[], str] | None,
        base_url: str | None,
        websocket_base_url: str | None,
        organization: str | None,
        project: str | None,
        headers: Mapping[str, str] | None,
        query: Mapping[str, Any] | None,
    ) -> Endpoint:
        """Fill what is None from OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_ORG_ID and OPENAI_PROJECT_ID."""
        merged = {}
        organization = organization or os.environ.get("OPENAI_ORG_ID")
        project = project or os.environ.get("OPENAI_PROJECT_ID")
        if organization:
            merged["OpenAI-Organization"] = organization
        if project:
            merged["OpenAI-Project"] = project
        return cls(
            base_url=base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL,
            websocket_base_url=websocket_base_url,
            api_key=api_key if api_key is not None else os.environ.get("OPENAI_API_KEY") or None,
            headers=merge_headers(merged, headers or {}),
            query=dict(query or {}),
        )

    @classmethod
    def azure(
        cls,
        *,
        endpoint: str,
        deployment: str,
        api_key: str | Callable[[], str] | None,
        token_provider: Callable[[], str] | None,
        api_version: str | None,
        headers: Mapping[str, str] | None,
        query: Mapping[str, Any] | None,
    ) -> Endpoint:
        """Return an Azure OpenAI resource as an endpoint.

        Without `api_version` the v1 API (`/openai/v1/realtime?model=DEPLOYMENT`), with it the preview API
        (`/openai/realtime?api-version=…&deployment=DEPLOYMENT`). Source: Azure OpenAI documentation, November 2026.

        Raises:
            ConfigurationError: not exactly one of `api_key` and `token_provider`.
        """
        if (api_key is None) == (token_provider is None):
            msg = "Azure needs exactly one of api_key and token_provider"
            raise ConfigurationError(msg)
        preview = api_version is not None
        return cls(
            base_url=endpoint.rstrip("/") + ("/openai" if preview else "/openai/v1"),
            api_key=api_key if token_provider is None else token_provider,
            key_header="api-key" if token_provider is None else AUTHORIZATION,
            model_parameter="deployment" if preview else "model",
            default_model=deployment,
            headers=dict(headers or {}),
            query={**({"api-version": api_version} if preview else {}), **(query or {})},
        )

    @property
    def public_base_url(self) -> str:
        """The base URL without what may be secret: the query, and a user name or password."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def websocket_url(self, path: str, query: Mapping[str, Any]) -> str:
        """Return the WebSocket URL of a path, with the base URL's own query, the client's and this call's.

        Raises:
            ConfigurationError: the base URL is no URL of this kind.
        """
        return self._url(self.websocket_base_url or self.base_url, _WEBSOCKET_SCHEMES, path, query)

    def http_url(self, path: str, query: Mapping[str, Any]) -> str:
        """Return the HTTP URL of a path, likewise. A sequence in the query goes out as ``name[]=…`` for each value.

        Raises:
            ConfigurationError: the base URL is no URL of this kind.
        """
        return self._url(self.base_url, _HTTP_SCHEMES, path, query)

    def _url(self, base: str, schemes: Mapping[str, str], path: str, query: Mapping[str, Any]) -> str:
        try:
            parts = urlsplit(base)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            msg = f"the base URL cannot be parsed: {error}"
            raise ConfigurationError(msg) from None
        if "@" in parts.netloc:
            msg = "the base URL holds a user name or password: pass credentials as api_key or in default_headers"
            raise ConfigurationError(msg)
        scheme = schemes.get(parts.scheme.lower())
        if scheme is None or not host:
            msg = "the base URL must look like https://host/v1 (or http, ws, wss)"
            raise ConfigurationError(msg)
        pairs: dict[str, str | list[str]] = dict(parse_qsl(parts.query, keep_blank_values=True))
        pairs.update(_query_pairs({**self.query, **query}))
        return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + path, urlencode(pairs, doseq=True), ""))

    def request_headers(self, url: str, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the headers for a request, fetching the key anew if it is a function.

        Raises:
            ConfigurationError: the server needs a key and there is none.
        """
        headers = dict(self.headers)
        given = {name.lower() for name in (*headers, *extra)}
        key = self.current_key()
        if key and self.key_header.lower() not in given:
            headers[self.key_header] = f"Bearer {key}" if self.key_header == AUTHORIZATION else key
        elif not key and not given & {"authorization", "api-key"} and _needs_key(url):
            msg = "no API key: set OPENAI_API_KEY or pass api_key= to Client"
            raise ConfigurationError(msg)
        return merge_headers(headers, extra)

    def current_key(self) -> str | None:
        """Return the key, calling the function if it is one.

        Raises:
            ConfigurationError: the function did not return a string.
        """
        key: object = self.api_key() if callable(self.api_key) else self.api_key
        if key is not None and not isinstance(key, str):
            msg = f"api_key must be a string or a function that returns one; got {type(key).__name__}"
            raise ConfigurationError(msg)
        return key


def _query_pairs(query: Mapping[str, Any]) -> Iterator[tuple[str, str | list[str]]]:
    for name, value in query.items():
        if isinstance(value, list | tuple):
            yield f"{name}[]", [_query_text(each) for each in value]
        elif value is not None:
            yield name, _query_text(value)


def _query_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _needs_key(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith("." + domain) for domain in KEYED_DOMAINS)


def merge_headers(base: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return `base` with `extra` laid over it; names are compared without case."""
    replaced = {name.lower() for name in extra}
    return {**{name: value for name, value in base.items() if name.lower() not in replaced}, **extra}
