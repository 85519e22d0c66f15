"""When to dial again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypedDict, cast

from attrs import field, frozen

from realtime_sync.config._layered import Layered, option
from realtime_sync.config._options import required_seconds, seconds
from realtime_sync.errors import (
    TRANSIENT_STATUSES,
    ConfigurationError,
    ConnectError,
    ProxyError,
    RealtimeSyncError,
    StatusError,
)

__all__ = ["RetryChanges", "RetryPolicy", "Retrying"]


class RetryChanges(TypedDict, total=False):
    """What a `RetryPolicy.on_retry` hook may return: all of it optional."""

    extra_query: Mapping[str, Any]
    """Replaces the query parameters that were added to the URL."""
    extra_headers: Mapping[str, str]
    """Replaces the headers that were added to the request."""
    abort: bool
    """True: do not try again; the error is raised."""


_CHANGES = frozenset(RetryChanges.__annotations__)


@frozen(kw_only=True)
class Retrying:
    """What a `RetryPolicy.on_retry` hook is told before another attempt.

    Attributes:
        attempt: which retry this is, counted from 1.
        max_attempts: how many there are at most.
        delay: seconds until then.
        error: why: the `ConnectError` or `StatusError` of the attempt before, or the `ConnectionClosed` of the lost
            connection.
        close_code: of the lost connection; None while connecting for the first time.
        extra_query, extra_headers: as they are now.
    """

    attempt: int
    max_attempts: int
    delay: float
    error: RealtimeSyncError
    close_code: int | None = None
    extra_query: Mapping[str, Any] = field(factory=dict, repr=False)
    extra_headers: Mapping[str, str] = field(factory=dict, repr=False)


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        msg = f"{name} must be a whole number, 0 or more; got {value!r}"
        raise ConfigurationError(msg)
    return value


def _numbers(name: str, value: Any) -> frozenset[int]:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        numbers = list(value)
        if all(isinstance(each, int) and not isinstance(each, bool) for each in numbers):
            return frozenset(numbers)
    msg = f"{name} must be a collection of whole numbers; got {value!r}"
    raise ConfigurationError(msg)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        msg = f"{name} must be True or False; got {value!r}"
        raise ConfigurationError(msg)
    return value


def _hook(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        msg = f"{name} must be callable, or None; got {value!r}"
        raise ConfigurationError(msg)
    return value


def _resume(name: str, value: Any) -> str:
    if value not in ("session", "conversation"):
        msg = f'{name} must be "session" or "conversation"; got {value!r}'
        raise ConfigurationError(msg)
    return cast("str", value)


@frozen(kw_only=True)
class RetryPolicy(Layered):
    """When and how often to dial again. Pure: it decides, others wait and dial.

    Before retry number n there is a wait of at most ``initial_delay * 2 ** (n - 1)`` seconds and at most `max_delay`,
    or what the server asked for with Retry-After if that is longer. A mapping works wherever this class does.
    """

    connect_retries: int = option(2, check=_count)
    """More attempts when connecting fails the first time. All of them, and the waits, share one `open_timeout`. As many
    for an HTTP request, within its own time-out."""
    reconnect: bool = option(default=False, check=_flag)
    """Dial again when an open connection is lost."""
    reconnect_retries: int = option(5, check=_count)
    """Attempts to get a lost connection back."""
    initial_delay: float = option(0.5, check=required_seconds)
    """The longest wait before the first retry; it doubles from one to the next."""
    max_delay: float = option(8.0, check=required_seconds)
    """The longest wait before any retry."""
    jitter: bool = option(default=True, check=_flag)
    """Wait a random part of that, anything from nothing to all, so that many clients do not come back at once."""
    deadline: float | None = option(60.0, check=seconds)
    """Seconds to get a lost connection back in all; None: no limit."""
    max_retry_after: float = option(120.0, check=required_seconds)
    """A server that asks for a longer wait than this is not asked again."""
    close_codes: frozenset[int] = option(frozenset({1001, 1005, 1006, 1011, 1012, 1013, 1015}), check=_numbers)
    """Close codes after which a new connection is likely to work."""
    statuses: frozenset[int] = option(TRANSIENT_STATUSES, check=_numbers, repr=False)
    """HTTP statuses (of a request, an upgrade, a proxy) that are worth another attempt: 408, 409, 429 and all 5xx."""
    on_retry: Callable[[Retrying], RetryChanges | None] | None = option(None, check=_hook, repr=False)
    """Called before each wait; may change query or headers, or abort. Runs on the thread that dials."""
    resume: Literal["session", "conversation"] = option("session", check=_resume)
    """What a new connection gets back: the session's configuration, or the finished items of the conversation too."""
    resume_max_items: int = option(200, check=_count)
    """The newest finished items that "conversation" keeps for it."""

    def delay(
        self, attempt: int, *, retry_after: float | None = None, random: Callable[[], float] = random.random
    ) -> float:
        """Return the seconds to wait before retry `attempt` (from 1); `random` gives a number from 0 to 1."""
        longest = min(self.max_delay, self.initial_delay * 2.0 ** min(attempt - 1, 60))
        return max(longest * random() if self.jitter else longest, retry_after or 0.0)

    def retries(self, error: BaseException) -> bool:
        """Tell whether dialling again, or making an HTTP request again, may help after `error`."""
        if isinstance(error, StatusError):
            wish = error.headers.get("x-should-retry", "").lower()
            allowed = wish == "true" or (wish != "false" and error.status in self.statuses)
            return allowed and (error.retry_after or 0.0) <= self.max_retry_after
        if not isinstance(error, ConnectError):
            return False
        if isinstance(error, ProxyError) and error.status is not None:
            return error.status in self.statuses
        return error.transient

    def consult(self, retrying: Retrying) -> RetryChanges:
        """Tell the hook, if there is one, what is about to happen, and return what it changes.

        Raises:
            ConfigurationError: the hook returned something else than it may.
        """
        changes: Any = self.on_retry(retrying) if self.on_retry is not None else None
        if changes is None:
            return {}
        if not isinstance(changes, Mapping) or not _CHANGES.issuperset(changes):
            msg = f"on_retry must return None or a mapping with any of {', '.join(sorted(_CHANGES))}"
            raise ConfigurationError(msg)
        return cast("RetryChanges", changes)

    def reconnects(self, close_code: int) -> bool:
        """Tell whether a connection that ended with this code is to be replaced."""
        return self.reconnect and close_code in self.close_codes

    @classmethod
    def _kind(cls) -> str:
        return "retry option"
