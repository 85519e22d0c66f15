"""``client.responses.pool``: making pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.client._connecting import limited
from realtime_sync.client._retrying import retry_policy
from realtime_sync.config import NOT_GIVEN, ConnectionOptions, NotGiven, RetryPolicy, seconds_or
from realtime_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from realtime_sync.client._client import Client
    from realtime_sync.responses import CreateDefaults, ResponsesPool
    from realtime_sync.responses._pool_link import PoolLink

__all__ = ["Pools"]

ACQUIRE_TIMEOUT = 30.0
IDLE_TIMEOUT = 60.0
ROTATE_AFTER = 50 * 60.0
"""Seconds; the API ends a connection after 60 minutes (API guide, checked November 2026)."""


class Pools:
    """Makes pools for one client. Any thread."""

    _client: Client

    def pool(
        self,
        max_connections: int = 4,
        *,
        model: str | None = None,
        warm: int = 0,
        acquire_timeout: float | None = ACQUIRE_TIMEOUT,
        idle_timeout: float | None = IDLE_TIMEOUT,
        rotate_after: float | None = ROTATE_AFTER,
        timeout: float | None | NotGiven = NOT_GIVEN,
        repeat_lost: bool = False,
        extra_query: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        options: ConnectionOptions | Mapping[str, Any] | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        max_queue_size: int | None = None,
        **defaults: Unpack[CreateDefaults],
    ) -> ResponsesPool:
        """Return a pool of connections that any number of threads share. Nothing is dialled before it is used.

        Args:
            max_connections: how many take requests at a time; one runs up to 16 of them, on a server without lanes
                one. Further ones are opened when all of those have enough to do.
            model: of requests that name none. (On Azure left out: the deployment.)
            warm: how many connections to keep open, used or not, from the first request (or `ResponsesPool.open`) on.
            acquire_timeout: seconds that a request waits for a place; None: as long as its time lasts; 0: not at all.
            idle_timeout: seconds after which a connection that nobody uses is closed; None: never.
            rotate_after: seconds after which, less up to a tenth at random, a connection takes no new request and
                another one takes its place; None: never.
            timeout: seconds for requests that say nothing else, in all; left out: the client's `timeout`.
            repeat_lost: send a request again (once) that was lost with its connection before its first event, even
                where something outside the response may have happened: it is stored, or has tools that the server runs.
                The others are sent again anyway.
            extra_query, extra_headers: added to the upgrade requests.
            options: how connections are made and kept, laid over the client's options field by field.
            retry: when and how often to dial again, laid over the client's policy. One dial at a time; what a failure,
                or the server's Retry-After, asks to wait holds for the whole pool. A request waits for
                `connect_retries` more dials than one, then it fails as the last one did, and so do those that come
                before the next dial is due.
            max_queue_size: the official SDK's name for the `write_limit` of `options`, in bytes.
            defaults: what holds for requests that say nothing else: see `CreateDefaults`.

        Raises:
            ConfigurationError: a value cannot work.
            LocalProtocolError: the client was closed, or a default cannot be sent.
            TypeError: there is no such keyword.
        """
        from realtime_sync.responses import ResponsesPool, create_body  # noqa: PLC0415  (loads on first use)
        from realtime_sync.responses._pool_core import PoolSettings  # noqa: PLC0415  (as above)

        client = self._client
        client.check_open()
        _check_counts(max_connections, warm)
        merged = limited(ConnectionOptions.of(options), max_queue_size).over(client.options)
        policy = retry_policy(retry).over(client.retry)
        model = model or client.endpoint.default_model
        settings = PoolSettings(
            max_connections=max_connections,
            warm=warm,
            acquire_timeout=seconds_or("acquire_timeout", acquire_timeout, ACQUIRE_TIMEOUT),
            idle_timeout=seconds_or("idle_timeout", idle_timeout, IDLE_TIMEOUT),
            rotate_after=seconds_or("rotate_after", rotate_after, ROTATE_AFTER),
            retry=policy,
            connect=_connector(client, merged, policy),
            extra_query=extra_query or {},
            extra_headers=extra_headers or {},
        )
        pool = ResponsesPool(
            settings,
            defaults=create_body({**({} if model is None else {"model": model}), **defaults}, function="pool"),
            timeout=seconds_or("timeout", timeout, client.timeout),
            repeat_lost=repeat_lost,
            converse=client.responses.conversation,
        )
        client.adopt(pool)
        return pool


def _check_counts(max_connections: Any, warm: Any) -> None:
    for name, value, least in (("max_connections", max_connections, 1), ("warm", warm, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            msg = f"{name} must be a whole number, {least} or more; got {value!r}"
            raise ConfigurationError(msg)
    if warm > max_connections:
        msg = f"warm={warm} connections cannot be kept open if there may be {max_connections} (max_connections)"
        raise ConfigurationError(msg)


def _connector(
    client: Client, options: ConnectionOptions, policy: RetryPolicy
) -> Callable[[Mapping[str, Any], Mapping[str, str]], PoolLink]:
    """Return what dials once: when to dial again is the pool's to say, for all requests together."""
    once = RetryPolicy.of({"connect_retries": 0, "reconnect": False}).over(policy)

    def connect(extra_query: Mapping[str, Any], extra_headers: Mapping[str, str]) -> PoolLink:
        from realtime_sync.responses._pool_link import PoolLink  # noqa: PLC0415  (is there by now)

        return PoolLink(
            client.responses.connect(options=options, retry=once, extra_query=extra_query, extra_headers=extra_headers)
        )

    return connect
