"""``client.webhooks``: whether a webhook comes from whom it says, and what it tells.

The signature is that of the Standard Webhooks specification, version 1: an HMAC with SHA-256, base64, over the id, the
time and the body with dots between, in the headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``
(checked November 2026).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from realtime_sync.errors import ConfigurationError, DecodeError, InvalidWebhookSignatureError
from realtime_sync.wire import json, parse_object

if TYPE_CHECKING:
    from realtime_sync.client._client import Client
    from realtime_sync.types.realtime import WebhookRealtimeCallIncoming

__all__ = ["WebhooksResource"]

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_TOLERANCE: Final = 300
_CALL: Final = "realtime.call.incoming"


class WebhooksResource:
    """Checks and reads webhooks, in whatever web framework receives them. Any thread; no network."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def unwrap(
        self,
        payload: str | bytes,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        secret: str | None = None,
    ) -> WebhookRealtimeCallIncoming | dict[str, Any]:
        """Return what a webhook tells, if its signature is right: an object for a call that came in, else a dict.

        Args:
            payload: the body of the request, exactly as it came.
            headers: its headers; names in any case.
            secret: of the webhook endpoint, beginning with ``whsec_``; None: the client's.

        Raises:
            InvalidWebhookSignatureError: as `verify_signature`; answer with status 400.
            DecodeError: the payload is right and no JSON object.
            ConfigurationError: there is no secret, or it cannot be one.
        """
        self.verify_signature(payload, headers, secret=secret)
        try:
            event = json.loads_exactly(payload)
        except (ValueError, RecursionError) as error:
            msg = f"the webhook is not JSON: {type(error).__name__}"
            raise DecodeError(msg, raw=payload) from None
        if not isinstance(event, dict):
            msg = "the webhook is not a JSON object"
            raise DecodeError(msg, raw=payload)
        if event.get("type") != _CALL:
            return event
        from realtime_sync.types.realtime import WebhookRealtimeCallIncoming  # noqa: PLC0415  (loads on first use)

        return parse_object(payload, WebhookRealtimeCallIncoming)

    def verify_signature(
        self,
        payload: str | bytes,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        secret: str | None = None,
        tolerance: int = _TOLERANCE,
    ) -> None:
        """Return if a webhook is signed with the secret, and was sent now.

        Args:
            payload, headers, secret: as for `unwrap`.
            tolerance: seconds by which the clocks may differ, and a webhook may have been under way.

        Raises:
            InvalidWebhookSignatureError: it is not, or a header is missing.
            ConfigurationError: there is no secret, or it cannot be one.
        """
        key = _key(secret if secret is not None else self._client.webhook_secret)
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        given = {str(name).lower(): str(value) for name, value in pairs}
        missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not given.get(name)]
        if missing:
            msg = f"the webhook has no header {missing[0]}"
            raise InvalidWebhookSignatureError(msg)
        stamp = given["webhook-timestamp"]
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 20):  # noqa: PLR2004  (2 ** 63 has 19)
            msg = "the webhook's timestamp is no number of seconds"
            raise InvalidWebhookSignatureError(msg)
        age = time.time() - int(stamp)
        if abs(age) > tolerance:
            when = "ago" if age > 0 else "from now"
            msg = f"the webhook was sent {abs(age):.0f} s {when}: it is an old one again, or a clock is wrong"
            raise InvalidWebhookSignatureError(msg)
        body = payload.encode() if isinstance(payload, str) else bytes(payload)
        signed = f"{given['webhook-id']}.{stamp}.".encode() + body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        offered = (part.partition(",") for part in given["webhook-signature"].split())
        # All are compared, whichever fits: how long it takes tells nothing.
        fits = [hmac.compare_digest(expected, value.encode()) for version, _, value in offered if version == _VERSION]
        if not any(fits):
            msg = "the webhook's signature is not that of its payload: it was altered, or the secret is another one"
            raise InvalidWebhookSignatureError(msg)


def _key(secret: str | None) -> bytes:
    if not secret:
        msg = "no webhook secret: set OPENAI_WEBHOOK_SECRET, or pass webhook_secret= to Client or secret= here"
        raise ConfigurationError(msg)
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        msg = f"the webhook secret begins with {_PREFIX} and is not base64 after it"
        raise ConfigurationError(msg) from None
