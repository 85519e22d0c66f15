"""The HTTP companions of a session: keys for browsers, calls by WebRTC and SIP."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.types._base import UnknownObject, WireObject, as_tuple
from realtime_sync.types._common import Timestamp
from realtime_sync.types.realtime._requests import RealtimeSessionCreateRequest, SessionConfig
from realtime_sync.types.realtime._session import (
    RealtimeSessionCreateResponse,
    RealtimeTranscriptionSessionCreateResponse,
)

__all__ = [
    "CallAcceptParams",
    "CallCreateParams",
    "CallReferParams",
    "CallRejectParams",
    "ClientSecretCreateParams",
    "ClientSecretCreateParamsExpiresAfter",
    "ClientSecretCreateParamsSession",
    "ClientSecretCreateResponse",
    "ClientSecretCreateResponseSession",
    "ClientSecretExpiresAfter",
    "RealtimeCallCreateRequest",
    "RealtimeCallReferRequest",
    "RealtimeCallRejectRequest",
    "RealtimeCreateClientSecretRequest",
    "RealtimeCreateClientSecretRequestExpiresAfter",
    "WebhookRealtimeCallIncoming",
    "WebhookRealtimeCallIncomingData",
    "WebhookRealtimeCallIncomingDataSipHeadersItem",
]


_Map: TypeAlias = Mapping[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class ClientSecretExpiresAfter(WireObject):
    """How long a key is good for."""

    anchor: str | NotGiven = NOT_GIVEN
    """``created_at``."""
    seconds: int | NotGiven = NOT_GIVEN
    """10 to 7200; the server's default is 600."""


@frozen(kw_only=True, eq=False, repr=False)
class ClientSecretCreateParams(WireObject):
    """The body of a request for a key."""

    expires_after: ClientSecretExpiresAfter | _Map | NotGiven = NOT_GIVEN
    session: SessionConfig | _Map | NotGiven = NOT_GIVEN


ClientSecretCreateResponseSession: TypeAlias = (
    RealtimeSessionCreateResponse | RealtimeTranscriptionSessionCreateResponse | UnknownObject
)
"""The session that a key is for, told by ``type``."""


@frozen(kw_only=True, eq=False, repr=False)
class ClientSecretCreateResponse(WireObject):
    """A key that starts sessions until it expires."""

    expires_at: Timestamp | None = None
    session: ClientSecretCreateResponseSession | None = None
    value: str | None = field(default=None, repr=False)
    """The key."""


@frozen(kw_only=True, eq=False, repr=False)
class CallCreateParams(WireObject):
    """The body of a request to begin a WebRTC call."""

    sdp: str
    """The offer."""
    session: RealtimeSessionCreateRequest | _Map | NotGiven = NOT_GIVEN


@frozen(kw_only=True, eq=False, repr=False)
class CallReferParams(WireObject):
    """The body of a request to pass a call on."""

    target_uri: str
    """``tel:`` or ``sip:``."""


@frozen(kw_only=True, eq=False, repr=False)
class CallRejectParams(WireObject):
    """The body of a request to turn a call down."""

    status_code: int | NotGiven = NOT_GIVEN
    """The SIP status; the server's default is 603."""


@frozen(kw_only=True, eq=False, repr=False)
class WebhookRealtimeCallIncomingDataSipHeadersItem(WireObject):
    """A header of a SIP invitation."""

    name: str | None = None
    value: str | None = field(default=None, repr=False)


@frozen(kw_only=True, eq=False, repr=False)
class WebhookRealtimeCallIncomingData(WireObject):
    """A call that came in."""

    call_id: str | None = None
    sip_headers: tuple[WebhookRealtimeCallIncomingDataSipHeadersItem, ...] | None = field(
        default=None, converter=as_tuple
    )


@frozen(kw_only=True, eq=False, repr=False)
class WebhookRealtimeCallIncoming(WireObject):
    """The webhook that announces a call."""

    type: str | None = None
    id: str | None = None
    object: str | None = None
    created_at: Timestamp | None = None
    data: WebhookRealtimeCallIncomingData | None = None


# The official SDK has a name for each place where one of these can stand.
ClientSecretCreateParamsExpiresAfter: TypeAlias = ClientSecretExpiresAfter
RealtimeCreateClientSecretRequestExpiresAfter: TypeAlias = ClientSecretExpiresAfter
RealtimeCallCreateRequest: TypeAlias = CallCreateParams
RealtimeCallReferRequest: TypeAlias = CallReferParams
RealtimeCallRejectRequest: TypeAlias = CallRejectParams
CallAcceptParams: TypeAlias = RealtimeSessionCreateRequest
ClientSecretCreateParamsSession: TypeAlias = SessionConfig
RealtimeCreateClientSecretRequest: TypeAlias = ClientSecretCreateParams
