"""What a site has once a process: a client and a pool, made when they are first used, closed at exit."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import Attribute, define, field, fields_dict, frozen

from realtime_sync.client import Client
from realtime_sync.client._responses import ResponsesResource
from realtime_sync.contrib._memory import RememberedConversation, Store
from realtime_sync.contrib._problem import BadInput
from realtime_sync.contrib._sealing import Sealer
from realtime_sync.contrib._sse import HEARTBEAT, Describe, ServerSentEvents, Stream, text_events
from realtime_sync.errors import ConfigurationError, DecodeError
from realtime_sync.responses import CreateDefaults

if TYPE_CHECKING:
    from realtime_sync.responses import ResponsesPool

__all__ = ["Settings", "Site"]


def _client_can_be_made(_: object, __: Attribute[Any], value: Any) -> None:
    if callable(value):
        return
    if not isinstance(value, Mapping):
        msg = f"REALTIME_SYNC['client'] is a dict of arguments for Client, or a function; got {type(value).__name__}"
        raise ConfigurationError(msg)
    try:
        inspect.signature(Client).bind(**value)
    except TypeError as error:
        msg = f"REALTIME_SYNC['client']: {error}"
        raise ConfigurationError(msg) from None


def _pool_can_be_made(_: object, __: Attribute[Any], value: Any) -> None:
    if not isinstance(value, Mapping):
        msg = f"REALTIME_SYNC['pool'] is a dict; got {type(value).__name__}"
        raise ConfigurationError(msg)
    known = inspect.signature(ResponsesResource.pool).parameters.keys() | CreateDefaults.__annotations__.keys()
    unknown = sorted(map(str, value.keys() - known))
    if unknown:
        msg = f"REALTIME_SYNC['pool'] has {', '.join(unknown)}, which no pool knows"
        raise ConfigurationError(msg)


def _is_positive_or_none(_: object, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not (isinstance(value, int | float) and not isinstance(value, bool) and value > 0):
        msg = f"REALTIME_SYNC[{attribute.name!r}] is a number of seconds above 0, or None; got {value!r}"
        raise ConfigurationError(msg)


@frozen(kw_only=True)
class Settings:
    """The setting ``REALTIME_SYNC`` of an application.

    Attributes:
        client: arguments for `Client`, or a function that makes one (`Client.azure`, say), called once a process.
        pool: arguments for ``client.responses.pool``: how many connections, which model.
        heartbeat: seconds between comments in a stream that is silent; None: none.
        max_age: seconds after which a remembered conversation begins anew; None: never.
    """

    client: Mapping[str, Any] | Callable[[], Client] = field(factory=dict, validator=_client_can_be_made, repr=False)
    pool: Mapping[str, Any] = field(factory=dict, validator=_pool_can_be_made)
    heartbeat: float | None = field(default=HEARTBEAT, validator=_is_positive_or_none)
    max_age: float | None = field(default=None, validator=_is_positive_or_none)

    @classmethod
    def of(cls, given: Any) -> Settings:
        """Check what an application has set.

        Raises:
            ConfigurationError: it cannot be; the message names the key.
        """
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            msg = f"REALTIME_SYNC is a dict with {', '.join(fields_dict(cls))}; got {type(given).__name__}"
            raise ConfigurationError(msg)
        unknown = sorted(map(str, given.keys() - fields_dict(cls).keys()))
        if unknown:
            msg = f"REALTIME_SYNC has no {', '.join(unknown)}; there are {', '.join(fields_dict(cls))}"
            raise ConfigurationError(msg)
        return cls(**given)


@define(eq=False, kw_only=True)
class Site:
    """The client and the pool of one application in one process. Making it does nothing yet.

    Threads: any. No lock, so that a fork at any time is harmless: what two threads make at the same time is made
    twice, without a connection, and one of the two is closed.

    Attributes:
        settings: of the application.
        debug: whether visitors may see what went wrong in detail.
    """

    settings: Settings
    secrets: Callable[[], Iterable[str | bytes]] = field(repr=False)
    """Give what signs remembered conversations: the newest first."""
    debug: Callable[[], bool] = field(default=lambda: False, repr=False)
    _made: dict[str, Any] = field(init=False, factory=dict, repr=False)
    _ends: list[weakref.finalize[Any, Any]] = field(init=False, factory=list, repr=False)

    @property
    def client(self) -> Client:
        """The client.

        Raises:
            ConfigurationError: it cannot be made of what is set.
        """
        client: Client = self._once("client", self._make_client)
        return client

    @property
    def pool(self) -> ResponsesPool:
        """The pool; it dials when it is first asked for something, in whichever process that is."""
        pool: ResponsesPool = self._once("pool", lambda: self.client.responses.pool(**self.settings.pool))
        return pool

    def _make_client(self) -> Client:
        given = self.settings.client
        return given() if callable(given) else Client(**given)

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        made = self._made.get(name)
        if made is None:
            new = make()
            made = self._made.setdefault(name, new)
            if made is new:
                # At exit, or when the application is gone.
                self._ends.append(weakref.finalize(self, new.close))
            else:
                new.close()
        return made

    def close(self) -> None:
        """Close the pool and the client, which ends every request. At exit this happens by itself."""
        for end in reversed(self._ends):
            end()

    def events(
        self, stream: Stream, *, heartbeat: float | None = None, describe: Describe = text_events
    ) -> ServerSentEvents:
        """Return a stream as server-sent events, of which the first has come.

        Raises:
            Exception: what failed before it came.
        """
        seconds = heartbeat if heartbeat is not None else self.settings.heartbeat
        return ServerSentEvents(stream, heartbeat=seconds, describe=describe, debug=self.debug()).begin()

    def conversation(
        self, key: str, store: Store, *, max_bytes: int | None = None, **parameters: Any
    ) -> RememberedConversation:
        """Return the conversation that a store has under a key, or a new one, over the pool.

        Raises:
            ConfigurationError: something given cannot work.
        """
        sealer = Sealer(secrets=tuple(self.secrets()), max_age=self.settings.max_age)
        pool = self.pool

        def make(state: Any) -> Any:
            return pool.conversation(key=key, state=state, **parameters)

        return RememberedConversation(make, key=key, store=store, sealer=sealer, max_bytes=max_bytes)

    def client_secret(self, *, safety_identifier: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Make a key for a browser's own Realtime session; return its ``value`` and ``expires_at``, nothing else.

        What else the server answers with has the session's instructions and tools in it.

        Args:
            safety_identifier: names the visitor to the server, in a form that tells nobody who it is.
            parameters: those of ``client.realtime.client_secrets.create``.
        """
        if safety_identifier is not None:
            extra = dict(parameters.get("extra_headers") or {})
            parameters["extra_headers"] = {**extra, "OpenAI-Safety-Identifier": safety_identifier}
        made = self.client.realtime.client_secrets.create(**parameters)
        return {"value": made.value, "expires_at": made.expires_at}

    def webhook(self, payload: bytes, headers: Any, secret: str | None = None) -> Any:
        """Return what a webhook tells, if its signature is right; see ``client.webhooks.unwrap``.

        Raises:
            InvalidWebhookSignatureError: it is not.
            BadInput: it is, and the webhook is no JSON object.
            ConfigurationError: there is no secret.
        """
        try:
            return self.client.webhooks.unwrap(payload, headers, secret=secret)
        except DecodeError as error:
            raise BadInput(error.message) from error
