"""``client.responses``: the Responses API, in WebSocket mode and over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.client._connecting import checked_handlers, limited, one_of, opening
from realtime_sync.client._conversations import Conversations
from realtime_sync.client._dialler import Dialler
from realtime_sync.client._http_responses import HttpResponses
from realtime_sync.client._pools import Pools
from realtime_sync.client._retrying import reconnecting_policy
from realtime_sync.config import NOT_GIVEN, ConnectionOptions, NotGiven, RetryChanges, Retrying, RetryPolicy, seconds_or
from realtime_sync.errors import ConfigurationError
from realtime_sync.session import Core, Deadline

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from realtime_sync.responses import CreateDefaults, ResponsesConnection

__all__ = ["ResponsesResource"]


class ResponsesResource(Conversations, Pools, HttpResponses):
    """The Responses API for one client: connections, pools, conversations, and the verbs over HTTP. Any thread."""

    def connect(
        self,
        model: str | None = None,
        *,
        timeout: float | None | NotGiven = NOT_GIVEN,
        handlers: Mapping[str, Callable[[Any], object]] | None = None,
        extra_query: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        options: ConnectionOptions | Mapping[str, Any] | None = None,
        websocket_connection_options: ConnectionOptions | Mapping[str, Any] | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        max_retries: int | None = None,
        initial_delay: float | None = None,
        max_delay: float | None = None,
        on_reconnecting: Callable[[Retrying], RetryChanges | None] | None = None,
        max_queue_size: int | None = None,
        **defaults: Unpack[CreateDefaults],
    ) -> ResponsesConnection:
        """Dial, and return the open connection. ``with`` on it only closes.

        Args:
            model: of requests that name none. (On Azure left out: the deployment.)
            timeout: seconds for requests that say nothing else, in all; left out: the client's `timeout`.
            handlers: callbacks by event name, registered before the first event is read.
            extra_query, extra_headers: added to the upgrade request; a header replaces one of the same name.
            options: how the connection is made and kept, laid over the client's options field by field.
            websocket_connection_options: the official SDK's name for `options`.
            retry: when and how often to dial again, laid over the client's policy field by field. With `reconnect` a
                lost connection is replaced; what its lanes remembered is gone, and requests that the server may have
                seen fail. There is nothing to `resume`: a conversation keeps the history and asks again by itself.
            max_retries, initial_delay, max_delay, on_reconnecting: the official SDK's names for the retries (of
                connecting and of reconnecting), the delays and the hook of `retry`; as there, the hook turns
                reconnecting on.
            max_queue_size: the official SDK's name for the `write_limit` of `options`, in bytes.
            defaults: what holds for requests that say nothing else: see `CreateDefaults`.

        Raises:
            ConfigurationError: something given cannot work, or a key is needed and missing; nothing was sent.
            ConnectError: the server could not be reached (`ConnectTimeout`: in `open_timeout` seconds, all retries
                included), or refused (`HandshakeRejected`, also an `AuthenticationError`, `NotFoundError`… by status).
            LocalProtocolError: the client was closed, meanwhile perhaps; or a default cannot be sent.
            TypeError: there is no such keyword.
        """
        from realtime_sync.responses import ResponsesApi, ResponsesConnection, create_body  # noqa: PLC0415  (on first use)

        client = self._client
        client.check_open()
        merged = limited(one_of(options, websocket_connection_options), max_queue_size).over(client.options)
        policy = reconnecting_policy(
            retry, max_retries, initial_delay=initial_delay, max_delay=max_delay, on_reconnecting=on_reconnecting
        ).over(client.retry)
        if policy.reconnect and "resume" in RetryPolicy.of(retry).given:
            msg = "a Responses connection has nothing to resume: a conversation has, client.responses.conversation(…)"
            raise ConfigurationError(msg)
        default_timeout = seconds_or("timeout", timeout, client.timeout)
        model = model or client.endpoint.default_model
        given = {**({} if model is None else {"model": model}), **defaults}
        body = create_body(given, function="connect")
        callbacks = checked_handlers(handlers or {})
        dialler = Dialler(
            endpoint=client.endpoint,
            path="/responses",
            options=merged,
            policy=policy,
            query={},
            extra_query=extra_query or {},
            extra_headers=extra_headers or {},
            pause=client.pause,
        )
        api = ResponsesApi(client.endpoint.websocket_base_url or client.endpoint.base_url)
        core = Core(connection=dialler.connect(Deadline(merged.open_timeout)), options=merged, api=api)
        if policy.reconnect:
            core.reconnects_with(dialler, api.reconnects())
        opened = ResponsesConnection(core, api, default_timeout, body)
        with opening(client, core, opened, callbacks):
            return opened
