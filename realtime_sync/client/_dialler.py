"""Dialling a client's server: once, or again as its `RetryPolicy` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from realtime_sync.client._endpoint import Endpoint, merge_headers
from realtime_sync.config import ConnectionOptions, Retrying, RetryPolicy
from realtime_sync.errors import ConnectError
from realtime_sync.http import settle
from realtime_sync.session import Deadline
from realtime_sync.transport import Connection
from realtime_sync.transport import connect as connect_once

__all__ = ["Dialler"]


@define(eq=False, kw_only=True)
class Dialler:
    """Makes the connections of one session, each with a key fetched anew. One thread at a time.

    Attributes:
        endpoint: the server and its credentials.
        path: of the API below the base URL.
        options: with nothing left out; what they leave to the environment is looked up for every connection.
        policy: when to dial again.
        query: the parameters that the API asks for.
        extra_query, extra_headers: the caller's own; a retry hook may replace them.
        pause: waits that many seconds, or raises because nobody wants the connection any more.
    """

    endpoint: Endpoint
    path: str
    options: ConnectionOptions
    policy: RetryPolicy
    query: Mapping[str, Any]
    extra_query: Mapping[str, Any] = field(repr=False)
    extra_headers: Mapping[str, str] = field(repr=False)
    pause: Callable[[float], None] = field(repr=False)

    def connect(self, deadline: Deadline) -> Connection:
        """Dial until it works, as often as the policy's `connect_retries` allow, all before the deadline.

        A wait that would not end before the deadline does not begin: the last error is raised at once instead.

        Raises:
            ConfigurationError: something given cannot work, or a key is needed and missing.
            ConnectError: the last attempt's; no (further) retry was allowed, or the time is over.
        """
        retries = self.policy.connect_retries
        for attempt in range(1, retries + 2):
            try:
                return self.dial(deadline)
            except ConnectError as error:
                delay = self.policy.delay(attempt, retry_after=getattr(error, "retry_after", None))
                left = deadline.remaining()
                if attempt > retries or not self.policy.retries(error) or (left is not None and delay >= left):
                    raise
                if not self.announce(
                    Retrying(
                        attempt=attempt,
                        max_attempts=retries,
                        delay=delay,
                        error=error,
                        extra_query=self.extra_query,
                        extra_headers=self.extra_headers,
                    )
                ):
                    raise
            # Outside of the handler, so that an interrupt or a close is not chained to an error that was dealt with.
            self.pause(delay)
        raise AssertionError  # pragma: no cover  # the last round returns or raises

    def dial(self, deadline: Deadline) -> Connection:
        """Dial once."""
        return self.prepare()(deadline)

    def prepare(self) -> Callable[[Deadline], Connection]:
        """Fetch the key, and return what dials once with it."""
        url = self.endpoint.websocket_url(self.path, {**self.query, **self.extra_query})
        headers = self.endpoint.request_headers(url, merge_headers(self.options.headers, self.extra_headers))

        def dial(deadline: Deadline) -> Connection:
            return connect_once(url, options=settle(url, self.options), headers=headers, deadline=deadline)

        return dial

    def announce(self, retrying: Retrying) -> bool:
        """Tell the policy's hook, and take over what it changes; False: it wants no further attempt.

        Raises:
            ConfigurationError: the hook returned something else than it may.
        """
        changes = self.policy.consult(retrying)
        self.extra_query = changes.get("extra_query", self.extra_query)
        self.extra_headers = changes.get("extra_headers", self.extra_headers)
        return not changes.get("abort", False)
