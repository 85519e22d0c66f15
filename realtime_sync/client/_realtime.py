"""``client.realtime``: opening Realtime sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.client._calls import CallsResource
from realtime_sync.client._connecting import checked_handlers, limited, one_of, opening
from realtime_sync.client._dialler import Dialler
from realtime_sync.client._endpoint import Endpoint
from realtime_sync.client._retrying import reconnecting_policy
from realtime_sync.client._secrets import ClientSecretsResource, TranslationsResource
from realtime_sync.config import ConnectionOptions, RetryChanges, Retrying, RetryPolicy
from realtime_sync.errors import ConfigurationError
from realtime_sync.realtime import RealtimeApi, RealtimeSession, fields_of, name_of_tool, part_of
from realtime_sync.session import Core, Deadline
from realtime_sync.tools import MAX_TOOL_ROUNDS, TOOL_TIMEOUT, Toolbox
from realtime_sync.types import WireObject

if TYPE_CHECKING:
    from realtime_sync.client._client import Client

__all__ = ["RealtimeResource"]

_MODALITIES = ("text", "audio")


class RealtimeResource:
    """Opens Realtime sessions for one client. Any thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def client_secrets(self) -> ClientSecretsResource:
        """Keys that start sessions until they expire."""
        return ClientSecretsResource(self._client)

    @property
    def calls(self) -> CallsResource:
        """Calls by WebRTC and SIP."""
        return CallsResource(self._client)

    @property
    def translations(self) -> TranslationsResource:
        """Keys for sessions that translate."""
        return TranslationsResource(self._client)

    def connect(
        self,
        *,
        model: str | None = None,
        session: Any = None,
        call_id: str | None = None,
        intent: str | None = None,
        modalities: Iterable[str] | None = None,
        tools: Iterable[Callable[..., Any] | Mapping[str, Any] | WireObject] = (),
        tool_timeout: float | None = TOOL_TIMEOUT,
        max_tool_rounds: int = MAX_TOOL_ROUNDS,
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
    ) -> RealtimeSession:
        """Dial, and return the open session. ``with`` on it only closes.

        Args:
            model: the model of a new session (on Azure left out: the deployment). Exactly one of `model`, `call_id` and
                `intent` is needed.
            session: the configuration to send at once (a session class or a dict; `type` is filled in). The call
                then returns after session.updated, and an error about it closes the session and is raised.
            call_id: control a running WebRTC or SIP call instead.
            intent: "transcription" opens a transcription session instead.
            modalities: ("text",) or ("audio",): short for ``session={"output_modalities": …}``.
            tools: functions that the model may call, which the library then does (see `RealtimeSession.tool`), beside
                what `session` lists in ``tools``; definitions of other tools (dicts, classes) just join that list.
            tool_timeout: seconds for one call of a function, after which the model is told that there is no result.
                None: no limit.
            max_tool_rounds: how often in one turn calls are answered before they are left to the caller.
            handlers: callbacks by event name, registered before the first event is read.
            extra_query, extra_headers: added to the upgrade request; a header replaces one of the same name.
            options: how the connection is made and kept, laid over the client's options field by field.
            websocket_connection_options: the official SDK's name for `options`.
            retry: when and how often to dial again, laid over the client's policy field by field.
            max_retries, initial_delay, max_delay, on_reconnecting: the official SDK's names for the retries (of
                connecting and of reconnecting), the delays and the hook of `retry`; as there, the hook turns
                reconnecting on.
            max_queue_size: the official SDK's name for the `write_limit` of `options`, in bytes.

        Raises:
            ConfigurationError: something given cannot work, or a key is needed and missing; nothing was sent.
            ConnectError: the server could not be reached (`ConnectTimeout`: in `open_timeout` seconds, all retries
                included), or refused (`HandshakeRejected`, also an `AuthenticationError`, `NotFoundError`… by status).
            LocalProtocolError: the client was closed, meanwhile perhaps.
            ToolError: one of `tools` cannot be a tool; nothing was sent.
            ServerError: the server refused `session`, or a tool.
            RequestTimeout: it did not answer to `session` within what `open_timeout` leaves.
        """
        client = self._client
        client.check_open()
        merged = limited(one_of(options, websocket_connection_options), max_queue_size).over(client.options)
        policy = reconnecting_policy(
            retry, max_retries, initial_delay=initial_delay, max_delay=max_delay, on_reconnecting=on_reconnecting
        ).over(client.retry)
        toolbox = Toolbox(timeout=tool_timeout, max_rounds=max_tool_rounds)
        others = toolbox.sort(tools, name_of_tool, beside=part_of(session, "tools") or ())
        config = _session_config(session, modalities, toolbox.merged(others, name_of_tool), intent)
        callbacks = checked_handlers(handlers or {})
        dialler = Dialler(
            endpoint=client.endpoint,
            path="/realtime",
            options=merged,
            policy=policy,
            query=_query(model, call_id, intent, client.endpoint),
            extra_query=extra_query or {},
            extra_headers=extra_headers or {},
            pause=client.pause,
        )
        deadline = Deadline(merged.open_timeout)
        api = RealtimeApi(is_call=call_id is not None, tools=toolbox)
        core = Core(connection=dialler.connect(deadline), options=merged, api=api)
        if policy.reconnect:
            core.reconnects_with(dialler, api.reconnects(policy.resume, policy.resume_max_items))
        opened = RealtimeSession(core, api, client.timeout)
        with opening(client, core, opened, callbacks):
            if config:
                opened.session.update(config, wait=True, timeout=deadline.remaining())
        return opened


def _query(model: str | None, call_id: str | None, intent: str | None, endpoint: Endpoint) -> dict[str, str]:
    if model is None and call_id is None and intent is None:
        model = endpoint.default_model
    given = {name: value for name, value in (("model", model), ("call_id", call_id), ("intent", intent)) if value}
    if len(given) != 1:
        what = "none" if not given else " and ".join(given)
        msg = f"connect needs exactly one of model, call_id and intent; {what} was given"
        raise ConfigurationError(msg)
    if model:
        return {endpoint.model_parameter: model}
    return given


def _session_config(
    session: Any, modalities: Iterable[str] | None, tools: list[Any], intent: str | None
) -> dict[str, Any]:
    config = fields_of(session, "session") if session is not None else {}
    if tools:
        if intent == "transcription":
            msg = "a transcription session has no responses, so that no tool can ever be called"
            raise ConfigurationError(msg)
        config["tools"] = tools
    if modalities is not None:
        chosen = [modalities] if isinstance(modalities, str) else list(modalities)
        if len(chosen) != 1 or chosen[0] not in _MODALITIES:
            msg = f'modalities must be ("text",) or ("audio",): the API takes exactly one; got {chosen!r}'
            raise ConfigurationError(msg)
        if "output_modalities" in config:
            msg = "modalities and session['output_modalities'] were both given: they mean the same"
            raise ConfigurationError(msg)
        config["output_modalities"] = chosen
    if config:
        config.setdefault("type", "transcription" if intent == "transcription" else "realtime")
    return config
