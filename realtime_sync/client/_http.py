"""HTTP requests of one client: addressed, signed, and tried again where that does no harm."""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, cast, final
from urllib.parse import quote

from attrs import evolve, field, frozen

from realtime_sync.client._endpoint import merge_headers
from realtime_sync.config import NOT_GIVEN, NotGiven, Retrying, seconds_or
from realtime_sync.errors import (
    ClosedError,
    ConnectError,
    DecodeError,
    LocalProtocolError,
    RealtimeSyncError,
    StatusError,
)
from realtime_sync.session import Deadline
from realtime_sync.types import WireObject
from realtime_sync.wire import json, parse_object, plain_object

if TYPE_CHECKING:
    import requests

    from realtime_sync.client._client import Client
    from realtime_sync.http import Answer, HttpClient

__all__ = [
    "OPTION_NAMES",
    "Call",
    "CallOptions",
    "HttpCaller",
    "Repeats",
    "body_of",
    "call_options",
    "listed",
    "path_of",
]

logger = logging.getLogger("realtime_sync.http")

_W = TypeVar("_W", bound=WireObject)
_REFUSALS: Final = frozenset({408, 409, 429, 503})
"""Statuses that say that nothing was done."""


class CallOptions(TypedDict, total=False):
    """What every HTTP verb takes beside its own keywords, under the official SDK's names."""

    extra_headers: Mapping[str, str] | None
    """Replace headers of the same names."""
    extra_query: Mapping[str, Any] | None
    extra_body: Mapping[str, Any] | None
    """Fields that this library does not know, or that shall replace those it sends."""
    timeout: float | None | NotGiven
    """Seconds for the whole, retries and streaming included; None: no limit. Left out: the client's."""


OPTION_NAMES: Final = frozenset(CallOptions.__annotations__)


class Repeats(enum.Enum):
    """When a request may be made again after one that may have reached the server."""

    ALWAYS = enum.auto()
    """It changes nothing, or nothing more when it comes twice: also after a lost connection."""
    ANSWERED = enum.auto()
    """After an answer with a status that may pass, but not when nobody knows what became of it."""
    REFUSED = enum.auto()
    """Only after a status that says that nothing was done."""


@frozen(kw_only=True)
class Call:
    """One call of a verb.

    Attributes:
        path: below the base URL, which messages show.
        query: of the verb; `extra_query` and `extra_headers` are its caller's, and a retry hook may replace them.
        body: JSON, or None for none; `content` is (content type, body) for anything else.
        accept: the content type that is wanted.
    """

    method: str
    path: str
    repeats: Repeats
    query: Mapping[str, Any] = field(factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content: tuple[str, bytes] | None = field(default=None, repr=False)
    accept: str = "application/json"
    extra_query: Mapping[str, Any] = field(factory=dict, repr=False)
    extra_headers: Mapping[str, str] = field(factory=dict, repr=False)
    timeout: float | None | NotGiven = NOT_GIVEN

    @property
    def what(self) -> str:
        """What messages call it."""
        return f"{self.method} {self.path}"

    def with_options(self, options: CallOptions) -> Call:
        """Return the call with the options of its caller, but for `extra_body`, which goes into the body."""
        return evolve(
            self,
            extra_query=options.get("extra_query") or {},
            extra_headers=options.get("extra_headers") or {},
            timeout=options.get("timeout", NOT_GIVEN),
        )


def call_options(given: Mapping[str, Any], function: str) -> CallOptions:
    """Return the options among keywords that should be nothing else.

    Raises:
        TypeError: one of them is something else.
        LocalProtocolError: one that is a mapping is none.
    """
    for name, value in given.items():
        if name not in OPTION_NAMES:
            msg = (
                f"{function}() got an unexpected keyword argument {name!r} (what is not known here goes in extra_body)"
            )
            raise TypeError(msg)
        if name != "timeout" and value is not None and not isinstance(value, Mapping):
            msg = f"{name} is a mapping, or None; got {type(value).__name__}"
            raise LocalProtocolError(msg)
    return cast("CallOptions", dict(given))


def body_of(fields: Mapping[str, Any], options: CallOptions) -> dict[str, Any]:
    """Return the JSON body for the keywords that were given, with `extra_body` laid over it.

    Raises:
        LocalProtocolError: a value cannot be sent.
    """
    given = {name: value for name, value in fields.items() if value is not NOT_GIVEN}
    return plain_object({**given, **(options.get("extra_body") or {})})


def listed(values: Any, name: str) -> Any:
    """Return values as JSON can have them; text, and what was not given, as it is.

    Raises:
        LocalProtocolError: they are no list of anything.
    """
    if isinstance(values, str | NotGiven):
        return values
    if isinstance(values, Mapping | bytes | bytearray | memoryview) or not isinstance(values, Iterable):
        msg = f"{name}: expected a list, got {type(values).__name__}"
        raise LocalProtocolError(msg)
    return tuple(values)


def path_of(*parts: str) -> str:
    """Return a path of parts, of which those that users give are percent-encoded.

    Raises:
        LocalProtocolError: a part is empty, no text, or would lead elsewhere.
    """
    for part in parts:
        if not isinstance(part, str) or not part.strip("."):
            msg = f"an id must be a text with something in it; got {part!r}"
            raise LocalProtocolError(msg)
    return "".join(f"/{quote(part, safe='')}" for part in parts)


@final
class HttpCaller:
    """Makes the HTTP requests of one client. Any thread; no lock: see `Client`."""

    def __init__(self, client: Client, session: requests.Session | None) -> None:
        self._client = client
        self._session = session
        self._made: dict[str, HttpClient] = {}

    def object(self, call: Call, cls: type[_W]) -> _W:
        """Make a call, and return the object that it is answered with.

        Raises:
            DecodeError: the answer is something else; otherwise as `open` and `Answer.read`.
        """
        answer = self.open(call)
        body = answer.read(self._client.options.max_size)
        try:
            return parse_object(body, cls)
        except DecodeError as error:
            failure = DecodeError(
                f"{call.what} was answered with something else: {error.message}",
                raw=answer.redact(body.decode("utf-8", "replace")),
            )
        raise failure

    def body(self, call: Call) -> bytes:
        """Make a call, and return the body of its answer."""
        return self.open(call).read(self._client.options.max_size)

    def open(self, call: Call) -> Answer:
        """Make a call, again where the client's policy says so and it does no harm, all before its deadline.

        A wait that would not end before the deadline does not begin: the last error is raised at once instead.

        Raises:
            ConfigurationError: something given cannot work, or a key is needed and missing.
            ConnectError: no connection came about.
            StatusError: the server refused.
            ClosedError: the connection was lost before the answer.
            RequestTimeout: the deadline passed.
            RemoteProtocolError: what answers is no HTTP.
            LocalProtocolError: the client was closed.
        """
        policy = self._client.retry
        retries = policy.connect_retries
        deadline = Deadline(seconds_or("timeout", call.timeout, self._client.timeout))
        for attempt in range(1, retries + 2):
            failure, answer = self._attempt(call, deadline)
            if answer is not None:
                return answer
            assert failure is not None  # noqa: S101  (one of the two is there)
            delay = policy.delay(attempt, retry_after=getattr(failure, "retry_after", None))
            left = deadline.remaining()
            if attempt > retries or not self._may_repeat(call, failure) or (left is not None and delay >= left):
                raise failure
            changes = policy.consult(
                Retrying(
                    attempt=attempt,
                    max_attempts=retries,
                    delay=delay,
                    error=failure,
                    extra_query=call.extra_query,
                    extra_headers=call.extra_headers,
                )
            )
            if changes.get("abort"):
                raise failure
            call = evolve(
                call,
                extra_query=changes.get("extra_query", call.extra_query),
                extra_headers=changes.get("extra_headers", call.extra_headers),
            )
            logger.debug("%s: again in %.2f s, after %s", call.what, delay, type(failure).__name__)
            self._client.pause(delay)
        raise AssertionError  # pragma: no cover  # the last round returns or raises

    def close(self) -> None:
        """End what runs. The client is marked closed before."""
        for each in tuple(self._made.values()):
            each.close()

    def _attempt(self, call: Call, deadline: Deadline) -> tuple[RealtimeSyncError | None, Answer | None]:
        try:
            answer = self._http().open(self._message(call), deadline)
        except (ConnectError, StatusError, ClosedError) as error:
            return error, None
        logger.debug("%s: %d (request %s)", call.what, answer.status, answer.request_id)
        return None, answer

    def _may_repeat(self, call: Call, error: RealtimeSyncError) -> bool:
        if isinstance(error, ClosedError):
            return call.repeats is Repeats.ALWAYS
        harmless = (
            not isinstance(error, StatusError)
            or call.repeats is not Repeats.REFUSED
            or error.status in _REFUSALS
            or error.headers.get("x-should-retry", "").lower() == "true"
        )
        return harmless and self._client.retry.retries(error)

    def _message(self, call: Call) -> Any:
        from realtime_sync.http import HttpRequest  # noqa: PLC0415  (loads requests)

        endpoint, options = self._client.endpoint, self._client.options
        url = endpoint.http_url(call.path, {**call.query, **call.extra_query})
        headers = {"Accept": call.accept}
        content_type, body = call.content or ("application/json", None)
        if call.body is not None:
            body = json.write(call.body)
        if body is not None:
            headers["Content-Type"] = content_type
        if call.accept != "text/event-stream":
            headers["Accept-Encoding"] = "gzip, deflate"
        # A key that is a function is asked here, for every attempt.
        signed = endpoint.request_headers(url, merge_headers(options.headers, call.extra_headers))
        return HttpRequest(
            method=call.method, url=url, headers=merge_headers(headers, signed), body=body, what=call.what
        )

    def _http(self) -> HttpClient:
        from realtime_sync.http import HttpClient  # noqa: PLC0415  (loads requests)

        self._client.check_open()
        # Of two threads that come here at once, both get the first one's.
        made = self._made.setdefault("http", HttpClient(self._client.options, self._session))
        if not self._client.is_open:
            made.close()
        return made
