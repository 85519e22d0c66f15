"""``client.responses.conversation``: making conversations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from realtime_sync.client._retrying import retry_policy
from realtime_sync.config import NOT_GIVEN, ConnectionOptions, NotGiven, RetryPolicy, seconds_or
from realtime_sync.errors import ConfigurationError
from realtime_sync.tools import MAX_TOOL_ROUNDS, TOOL_TIMEOUT

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from realtime_sync.client._client import Client
    from realtime_sync.responses import Conversation, Lane, ResponsesConnection, ResponsesPool
    from realtime_sync.responses._conversation_routes import ConnectionRoute
    from realtime_sync.responses._conversation_settings import AnyTool, ConversationParameters

__all__ = ["Conversations"]


class Conversations:
    """Makes conversations for one client. Any thread."""

    _client: Client

    def conversation(
        self,
        model: str | None = None,
        *,
        tools: Iterable[AnyTool] = (),
        instructions: str | None = None,
        store: bool | NotGiven = NOT_GIVEN,
        via: ResponsesConnection | ResponsesPool | Lane | None = None,
        state: Mapping[str, Any] | None = None,
        key: str | None = None,
        fallback: Literal["http"] | None = None,
        repeat_lost: bool = False,
        tool_timeout: float | None = TOOL_TIMEOUT,
        max_tool_rounds: int = MAX_TOOL_ROUNDS,
        timeout: float | None | NotGiven = NOT_GIVEN,
        options: ConnectionOptions | Mapping[str, Any] | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        extra_query: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        **parameters: Unpack[ConversationParameters],
    ) -> Conversation:
        """Return a conversation. Nothing is dialled or sent before its first turn.

        Args:
            model: what answers. (On Azure left out: the deployment; with `via`: the connection's.)
            tools: functions that the model may call, and definitions of other tools.
            instructions: for the model, sent with every request.
            store: whether the server keeps the responses (left out: no, or as `state` has it).
            via: an open connection, a lane or a pool to talk over, which stays the caller's. None: a connection of its
                own, dialled when it is needed, and again when it is lost.
            state: what `Conversation.to_dict` gave: the conversation goes on from there.
            key: the caller's name for it; also the ``prompt_cache_key`` if there is no other.
            fallback: "http": where no WebSocket can be had, go on over HTTP for the rest of the conversation.
            repeat_lost: send a request again that was lost after it was sent and before its first event, even where
                something outside the response may have happened: it is stored, or has tools that the server runs.
            tool_timeout: seconds for one call of a tool that has no limit of its own; None: no limit.
            max_tool_rounds: how often `run` answers the model's calls before it leaves them to the caller.
            timeout: seconds for a turn that says nothing else, in all; left out: the client's `timeout`.
            options, retry: laid over the client's, for connections of its own; `retry` for busy servers, too.
            extra_query, extra_headers: added to the requests, those over HTTP too.
            parameters: fields of every request.

        Raises:
            ConfigurationError: something given cannot work; `state` is corrupt.
            ToolError: one of `tools` cannot be a tool.
            LocalProtocolError: the client was closed, or a parameter cannot be sent.
            TypeError: there is no such keyword.
        """
        from realtime_sync.responses import Conversation  # noqa: PLC0415  (loads on first use)
        from realtime_sync.responses._conversation_link import Link  # noqa: PLC0415  (as above)
        from realtime_sync.responses._conversation_routes import route_over  # noqa: PLC0415  (as above)

        client = self._client
        client.check_open()
        if fallback not in {None, "http"}:
            msg = f'fallback is "http" or None; got {fallback!r}'
            raise ConfigurationError(msg)
        policy = retry_policy(retry).over(client.retry)
        web = Web(client, options, policy, extra_query, extra_headers)
        link = Link(via=None if via is None else route_over(via), dial=web.dial, http=web.stream, fallback=fallback)
        if via is None:
            model = model or client.endpoint.default_model
        return Conversation.begin(
            link=link,
            compact=web.compact,
            retry=policy,
            timeout=seconds_or("timeout", timeout, client.timeout),
            model=model,
            needs_model=via is None,
            tools=tools,
            instructions=instructions,
            store=store,
            state=state,
            key=key,
            repeat_lost=repeat_lost,
            tool_timeout=tool_timeout,
            max_tool_rounds=max_tool_rounds,
            parameters=parameters,
        )


class Web:
    """The ways of one conversation to the server. Any thread."""

    def __init__(
        self,
        client: Client,
        options: ConnectionOptions | Mapping[str, Any] | None,
        retry: RetryPolicy,
        extra_query: Mapping[str, Any] | None,
        extra_headers: Mapping[str, str] | None,
    ) -> None:
        self._client = client
        self._options = ConnectionOptions.of(options)
        # A conversation notices the loss of its connection itself, and knows what to send again.
        self._retry = RetryPolicy.of({"reconnect": False}).over(retry)
        self._extra: dict[str, Any] = {"extra_query": extra_query, "extra_headers": extra_headers}

    def dial(self, timeout: float | None) -> ConnectionRoute:
        """Make a connection, within that many seconds (None: as `open_timeout` says)."""
        from realtime_sync.responses._conversation_routes import ConnectionRoute  # noqa: PLC0415  (is there by now)

        longest = self._options.over(self._client.options).open_timeout
        options = self._options
        if timeout is not None and (longest is None or timeout < longest):
            options = ConnectionOptions.of({"open_timeout": timeout}).over(options)
        return ConnectionRoute(self._client.responses.connect(options=options, retry=self._retry, **self._extra))

    def stream(self, body: Mapping[str, Any], timeout: float | None) -> Any:
        """Send a request over HTTP."""
        from realtime_sync.responses._conversation_routes import as_keywords  # noqa: PLC0415  (is there by now)

        return self._client.responses.stream(**as_keywords(body), timeout=timeout, **self._extra)

    def compact(self, **parameters: Any) -> Any:
        """Have a history made shorter."""
        return self._client.responses.compact(**parameters, **self._extra)
