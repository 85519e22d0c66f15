"""What to do about a request of a conversation that failed: a table, as a decision."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from realtime_sync.config import RetryPolicy
from realtime_sync.errors import (
    ConnectError,
    ConnectionClosed,
    HandshakeRejected,
    ProxyError,
    ResponseFailed,
    ServerError,
    StatusError,
    TurnInterrupted,
)

__all__ = ["NOT_FOUND", "Decision", "Failure", "Step", "Tries", "decide", "is_repeatable"]

NOT_FOUND = "previous_response_not_found"
_CONNECTION_OVER = frozenset({"websocket_connection_limit_reached", "websocket_stream_limit_reached"})
_BUSY = frozenset({"server_is_overloaded", "rate_limit_exceeded", "slow_down"})
_NAMELESS = "server_error"
_TOO_MANY_REQUESTS = 429
_UNAUTHORIZED = 401
_ENCRYPTED = "reasoning.encrypted_content"
_SERVER_STATUSES = range(500, 600)
_RUN_BY_CLIENT = frozenset({"function", "custom"})


class Step(enum.Enum):
    """How to go on after a failure."""

    IN_FULL = "send everything, on the same connection"
    REDIAL = "send everything, on a new connection"
    OVER_HTTP = "send everything, over HTTP, and stay there"
    WAIT = "wait, and send it again"
    WITHOUT_ENCRYPTED = "send it again without asking for encrypted reasoning"
    GIVE_UP = "raise the error"


@frozen(kw_only=True)
class Failure:
    """A request that failed, and what is known of it.

    Attributes:
        error: why.
        began: whether an event of its response arrived.
        produced: whether the response held anything yet.
        is_delta: whether it named a response to go on from.
        is_repeatable: whether nothing outside the response can have happened: see `is_repeatable`.
        asks_for_encrypted: whether it asked for encrypted reasoning though its caller did not.
        over_http: whether it went over HTTP.
    """

    error: BaseException
    began: bool = False
    produced: bool = False
    is_delta: bool = False
    is_repeatable: bool = True
    asks_for_encrypted: bool = False
    over_http: bool = False


@frozen(kw_only=True)
class Tries:
    """What has been done about one request so far: how often each step was taken."""

    taken: Mapping[Step, int] = field(factory=dict)
    lost: int = 0
    """How often it went out again although the server may have had it."""

    def count(self, step: Step) -> int:
        return self.taken.get(step, 0)

    def after(self, decision: Decision) -> Tries:
        """Return the tries with another one."""
        taken = {**self.taken, decision.step: self.count(decision.step) + 1}
        return Tries(taken=taken, lost=self.lost + decision.repeats)


@frozen
class Decision:
    """What to do.

    Attributes:
        delay: seconds to wait first.
        repeats: whether the server may then get the request a second time.
    """

    step: Step
    delay: float = 0.0
    repeats: bool = False


GIVE_UP = Decision(Step.GIVE_UP)


def is_repeatable(body: Mapping[str, Any]) -> bool:
    """Tell whether a request leaves no trace but its response: nothing stored, no tool that the server runs."""
    if body.get("store") is not False or body.get("conversation") is not None:
        return False
    return all(_kind_of(each) in _RUN_BY_CLIENT for each in body.get("tools") or ())


def _kind_of(tool: Any) -> Any:
    return tool.get("type") if isinstance(tool, Mapping) else getattr(tool, "type", None)


def decide(failure: Failure, tries: Tries, policy: RetryPolicy, *, fallback: str | None) -> Decision:
    """Return what to do about a failure: what the first row of the table says that knows it.

    Args:
        failure: what is known of it.
        tries: what has been done about the same request before.
        policy: how often to wait (`connect_retries`) and to dial (`reconnect_retries`), and for how long to wait.
        fallback: "http": where no WebSocket can be had, HTTP will do.
    """
    if isinstance(failure.error, ConnectError):
        return _not_connected(failure, fallback)
    if isinstance(failure.error, ConnectionClosed):
        return _lost(failure, tries, policy)
    if isinstance(failure.error, ServerError | ResponseFailed | StatusError):
        rows = (row(failure, tries, policy) for row in _ROWS)
        return next((each for each in rows if each is not None), GIVE_UP)
    return GIVE_UP


def _not_connected(failure: Failure, fallback: str | None) -> Decision:
    """No connection came about; who dialled has tried again, as the policy says."""
    error = failure.error
    if failure.over_http or fallback != "http":
        return GIVE_UP
    refused = isinstance(error, HandshakeRejected) and error.status in {_UNAUTHORIZED, _TOO_MANY_REQUESTS}
    if refused or (isinstance(error, ProxyError) and error.status is None):
        return GIVE_UP  # Whom the server or the proxy does not want comes no further over HTTP.
    return Decision(Step.OVER_HTTP)


def _lost(failure: Failure, tries: Tries, policy: RetryPolicy) -> Decision:
    """The connection ended with the request open: before it was sent, after that, or in the middle of the response."""
    error = failure.error
    if failure.over_http or failure.began or tries.count(Step.REDIAL) >= policy.reconnect_retries:
        return GIVE_UP
    if getattr(error, "replay_safe", False):
        return Decision(Step.REDIAL)
    if isinstance(error, TurnInterrupted) and failure.is_repeatable and not tries.lost:
        return Decision(Step.REDIAL, repeats=True)
    return GIVE_UP


def _forgotten(failure: Failure, tries: Tries, _: RetryPolicy) -> Decision | None:
    """The server does not know the response that the request goes on from (any more)."""
    known = _particulars(failure.error)[0] == NOT_FOUND and failure.is_delta
    return Decision(Step.IN_FULL) if known and not tries.count(Step.IN_FULL) else None


def _connection_over(failure: Failure, tries: Tries, policy: RetryPolicy) -> Decision | None:
    """The connection begins nothing any more; nothing ran."""
    is_over = _particulars(failure.error)[0] in _CONNECTION_OVER
    return Decision(Step.REDIAL) if is_over and tries.count(Step.REDIAL) < policy.reconnect_retries else None


def _unwanted(failure: Failure, tries: Tries, _: RetryPolicy) -> Decision | None:
    """The model has no reasoning that could be encrypted, and the caller did not ask for it."""
    if not failure.asks_for_encrypted or failure.produced or tries.count(Step.WITHOUT_ENCRYPTED):
        return None
    param = _particulars(failure.error)[1] or ""
    named = param.startswith("include") or _ENCRYPTED in str(failure.error)
    return Decision(Step.WITHOUT_ENCRYPTED) if named else None


def _busy(failure: Failure, tries: Tries, policy: RetryPolicy) -> Decision | None:
    """The server has too much to do, or this client has asked too much, and nothing was produced."""
    error = failure.error
    if failure.produced or (failure.over_http and isinstance(error, StatusError)):
        return None  # What is below `responses` has tried again already.
    code, _, status = _particulars(error)
    is_busy = code in _BUSY or status == _TOO_MANY_REQUESTS or status in _SERVER_STATUSES or _is_nameless(error)
    return _wait(error, tries, policy) if is_busy else None


_ROWS = (_forgotten, _connection_over, _unwanted, _busy)


def _wait(error: BaseException, tries: Tries, policy: RetryPolicy) -> Decision:
    attempt = tries.count(Step.WAIT) + 1
    asked = _retry_after(error)
    if attempt > policy.connect_retries or (asked or 0.0) > policy.max_retry_after:
        return GIVE_UP
    return Decision(Step.WAIT, policy.delay(attempt, retry_after=asked))


def _particulars(error: BaseException) -> tuple[str | None, str | None, int | None]:
    """Return code, param and status of an error, as far as it has them."""
    told: Any = getattr(error.response, "error", None) if isinstance(error, ResponseFailed) else error
    status = getattr(error, "status", None) or _part(getattr(error, "event", None), "status")
    return getattr(told, "code", None), getattr(told, "param", None), status if isinstance(status, int) else None


def _part(value: Any, *names: str) -> Any:
    """Return what is in an event under these names, of a class or as it came; None if there is nothing."""
    for name in names:
        raw = value if isinstance(value, Mapping) else getattr(value, "raw", None)
        value = raw.get(name) if isinstance(raw, Mapping) else getattr(value, name, None)
    return value


def _is_nameless(error: BaseException) -> bool:
    """Tell whether a server failed without saying how."""
    code = _particulars(error)[0]
    kind = getattr(error, "type", None)
    return code == _NAMELESS or (kind == _NAMELESS and code is None)


def _retry_after(error: BaseException) -> float | None:
    """Return the seconds that the server asks to wait."""
    told = getattr(error, "retry_after", None)
    if isinstance(told, int | float):
        return float(told)
    headers = _part(getattr(error, "event", None), "error", "headers")
    lower = {str(name).lower(): value for name, value in headers.items()} if isinstance(headers, Mapping) else {}
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(lower[name]) * scale
        except (KeyError, TypeError, ValueError):
            continue
        if 0 <= seconds < math.inf:
            return seconds
    return None
