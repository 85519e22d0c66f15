"""`Client`: one object that knows the server and the key, and makes sessions."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.client._endpoint import Endpoint
from realtime_sync.client._http import HttpCaller
from realtime_sync.client._realtime import RealtimeResource
from realtime_sync.client._responses import ResponsesResource
from realtime_sync.client._retrying import retry_policy
from realtime_sync.client._webhooks import WebhooksResource
from realtime_sync.config import NOT_GIVEN, ConnectionOptions, NotGiven, RetryPolicy, seconds_or
from realtime_sync.errors import LocalProtocolError
from realtime_sync.session import ClosesOnExit, Waiter

if TYPE_CHECKING:
    import requests

    from realtime_sync.responses import ResponsesPool
    from realtime_sync.session import Session

__all__ = ["Client"]

DEFAULT_TIMEOUT = 600.0


class Client(ClosesOnExit):
    """A server, a key, and default options; the start of everything.

    A context manager: leaving it closes the sessions it made that are still open. Making one does no I/O and needs
    no key: only a connection to OpenAI or Azure does.

    Threads: any, signal handlers too. No lock: `_sessions` and `_pauses` change by single built-in operations, and
    whoever adds to them looks at `_closed` afterwards, which `close` sets before it looks at either.
    """

    def __init__(
        self,
        *,
        api_key: str | Callable[[], str] | None = None,
        base_url: str | None = None,
        websocket_base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        timeout: float | None | NotGiven = NOT_GIVEN,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, Any] | None = None,
        options: ConnectionOptions | Mapping[str, Any] | None = None,
        max_retries: int | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        http_session: requests.Session | None = None,
        webhook_secret: str | None = None,
    ) -> None:
        """Take the settings; what is None comes from the environment.

        Args:
            api_key: the key (OPENAI_API_KEY), or a function that returns one, called for every connection.
            base_url: of the API (OPENAI_BASE_URL, else https://api.openai.com/v1).
            websocket_base_url: of the WebSocket API where it differs from `base_url`.
            organization, project: ids for the API (OPENAI_ORG_ID, OPENAI_PROJECT_ID).
            timeout: seconds for calls that wait for a result, in total (600 if left out; None: no limit).
            default_headers, default_query: added to every request.
            options: how connections are made and kept.
            max_retries: how often connecting is tried again; short for ``retry={"connect_retries": …}``.
            retry: when and how often to try again.
            http_session: a session of `requests` to make HTTP requests with, one at a time, instead of connections of
                our own; it says itself which proxy and which TLS it uses, and stays open when the client is closed.
            webhook_secret: what webhooks are signed with (OPENAI_WEBHOOK_SECRET), for `webhooks`.

        Raises:
            ConfigurationError: a value cannot work.
        """
        endpoint = Endpoint.from_environment(
            api_key=api_key,
            base_url=base_url,
            websocket_base_url=websocket_base_url,
            organization=organization,
            project=project,
            headers=default_headers,
            query=default_query,
        )
        self._set_up(
            endpoint,
            timeout,
            options,
            retry_policy(retry, connect_retries=max_retries),
            http_session=http_session,
            webhook_secret=webhook_secret,
        )

    def _set_up(
        self,
        endpoint: Endpoint,
        timeout: float | None | NotGiven,
        options: ConnectionOptions | Mapping[str, Any] | None,
        retry: RetryPolicy,
        *,
        http_session: requests.Session | None,
        webhook_secret: str | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.timeout = seconds_or("timeout", timeout, DEFAULT_TIMEOUT)
        self.options = ConnectionOptions.of(options)
        self.retry = retry
        self._sessions: dict[int, weakref.ref[Session[Any, Any, Any] | ResponsesPool]] = {}
        self._pauses: dict[int, Waiter] = {}
        self.http = HttpCaller(self, http_session)
        self.webhook_secret = webhook_secret or os.environ.get("OPENAI_WEBHOOK_SECRET")
        self._closed = False

    @classmethod
    def azure(
        cls,
        *,
        endpoint: str,
        deployment: str,
        api_key: str | Callable[[], str] | None = None,
        token_provider: Callable[[], str] | None = None,
        api_version: str | None = None,
        timeout: float | None | NotGiven = NOT_GIVEN,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, Any] | None = None,
        options: ConnectionOptions | Mapping[str, Any] | None = None,
        max_retries: int | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        http_session: requests.Session | None = None,
    ) -> Client:
        """Make a client for an Azure OpenAI resource.

        Args:
            endpoint: e.g. ``https://my-resource.openai.azure.com``.
            deployment: the name of the deployment; used where a call names no model.
            api_key: the resource's key, or a function that returns one.
            token_provider: a function that returns an Entra token, called for every connection, instead of a key.
            api_version: of the preview API, e.g. "2025-04-01-preview". None: the v1 API, which has no versions.
            timeout, default_headers, default_query, options, max_retries, retry, http_session: as for `Client`.

        Raises:
            ConfigurationError: not exactly one of `api_key` and `token_provider`, or a value that cannot work.
        """
        client = cls.__new__(cls)
        resource = Endpoint.azure(
            endpoint=endpoint,
            deployment=deployment,
            api_key=api_key,
            token_provider=token_provider,
            api_version=api_version,
            headers=default_headers,
            query=default_query,
        )
        policy = retry_policy(retry, connect_retries=max_retries)
        client._set_up(resource, timeout, options, policy, http_session=http_session)  # noqa: SLF001  (a second constructor)
        return client

    def __repr__(self) -> str:
        return f"Client(base_url={self.endpoint.public_base_url!r})"

    @property
    def realtime(self) -> RealtimeResource:
        """The Realtime API."""
        return RealtimeResource(self)

    @property
    def responses(self) -> ResponsesResource:
        """The Responses API."""
        return ResponsesResource(self)

    @property
    def webhooks(self) -> WebhooksResource:
        """Webhooks: whether they are true, and what they tell."""
        return WebhooksResource(self)

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""
        return not self._closed

    def check_open(self) -> None:
        """Raise `LocalProtocolError` if the client was closed."""
        if self._closed:
            msg = "this client was closed; make a new one"
            raise LocalProtocolError(msg)

    def adopt(self, session: Session[Any, Any, Any] | ResponsesPool) -> None:
        """Remember a session, or a pool, that this client closes at its own end, without keeping it alive."""
        for key, reference in tuple(self._sessions.items()):
            if reference() is None:
                self._sessions.pop(key, None)
        self._sessions[id(session)] = weakref.ref(session)
        if self._closed:
            session.close()
            self.check_open()

    def pause(self, delay: float) -> None:
        """Wait `delay` seconds; a `close` of the client ends the wait at once.

        Raises:
            LocalProtocolError: the client was closed.
        """
        waiter = Waiter()
        try:
            # In the list before looking at _closed, which `close` sets before it looks at the list.
            self._pauses[id(waiter)] = waiter
            if not self._closed:
                waiter.wait(delay)
        finally:
            self._pauses.pop(id(waiter), None)
        self.check_open()

    def close(self) -> None:
        """Close every session and every HTTP request that is open, and end every wait before a retry.

        Any thread, any number of times.
        """
        self._closed = True
        for waiter in tuple(self._pauses.values()):
            waiter.wake()
        self.http.close()
        sessions = [session for reference in tuple(self._sessions.values()) if (session := reference()) is not None]
        self._sessions = {}
        for session in sessions:
            session.start_close()
        for session in sessions:
            session.close()
