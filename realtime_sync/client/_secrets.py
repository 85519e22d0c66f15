"""``client.realtime.client_secrets``: keys for browsers and other programs that shall not know the real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.client._http import Call, Repeats, body_of, call_options
from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import LocalProtocolError
from realtime_sync.types import WireObject

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Unpack

    from realtime_sync.client._client import Client
    from realtime_sync.client._http import CallOptions
    from realtime_sync.types import realtime as wire
    from realtime_sync.types import translation

    Map: TypeAlias = Mapping[str, Any]

__all__ = ["ClientSecretsResource", "TranslationClientSecretsResource", "TranslationsResource"]


class ClientSecretsResource:
    """Makes keys that start Realtime sessions until they expire. Any thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        *,
        expires_after: wire.ClientSecretExpiresAfter | Map | NotGiven = NOT_GIVEN,
        session: wire.SessionConfig | Map | NotGiven = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> wire.ClientSecretCreateResponse:
        """Make a key; its `value` is the ``api_key`` of whoever connects with it, for any number of sessions.

        Args:
            expires_after: ``{"anchor": "created_at", "seconds": 10 to 7200}``; the server's default is 600.
            session: the configuration of those sessions; its ``type`` is "realtime" unless it says otherwise.
            options: see `HttpResponses`. A header ``OpenAI-Safety-Identifier`` among `extra_headers` names your user.

        Raises:
            BadRequestError: the server does not take the configuration. For the others see `HttpResponses`; a lost
                connection is not tried again, since a key may have been made.
        """
        from realtime_sync.types.realtime import ClientSecretCreateResponse  # noqa: PLC0415  (loads on first use)

        if isinstance(session, Mapping):
            session = {"type": "realtime", **session}
        call = _creation("/realtime/client_secrets", {"expires_after": expires_after, "session": session}, options)
        return self._client.http.object(call, ClientSecretCreateResponse)


class TranslationsResource:
    """What there is for sessions that translate. Any thread."""

    def __init__(self, client: Client) -> None:
        self.client_secrets = TranslationClientSecretsResource(client)


class TranslationClientSecretsResource:
    """Makes keys that start sessions which translate. Any thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        *,
        session: translation.RealtimeTranslationSessionCreateRequest | Map,
        expires_after: translation.RealtimeTranslationClientSecretCreateRequestExpiresAfter
        | Map
        | NotGiven = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> translation.RealtimeTranslationClientSecretCreateResponse:
        """Make a key, as `ClientSecretsResource.create`; `session` has at least the model."""
        from realtime_sync.types.translation import (  # noqa: PLC0415  (loads on first use)
            RealtimeTranslationClientSecretCreateResponse,
        )

        fields = {"expires_after": expires_after, "session": session}
        call = _creation("/realtime/translations/client_secrets", fields, options)
        return self._client.http.object(call, RealtimeTranslationClientSecretCreateResponse)


def _creation(path: str, fields: Mapping[str, Any], options: Mapping[str, Any]) -> Call:
    checked = call_options(options, "create")
    for name, value in fields.items():
        if not isinstance(value, Mapping | WireObject | NotGiven):
            msg = f"{name}: expected an object, got {type(value).__name__}"
            raise LocalProtocolError(msg)
    call = Call(method="POST", path=path, body=body_of(fields, checked), repeats=Repeats.REFUSED)
    return call.with_options(checked)
