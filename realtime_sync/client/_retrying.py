"""Retry policies from what callers write, the official SDK's keywords included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from realtime_sync.config import RetryChanges, Retrying, RetryPolicy
from realtime_sync.errors import ConfigurationError

__all__ = ["reconnecting_policy", "retry_policy"]


def reconnecting_policy(
    retry: RetryPolicy | Mapping[str, Any] | None,
    max_retries: int | None,
    *,
    initial_delay: float | None,
    max_delay: float | None,
    on_reconnecting: Callable[[Retrying], RetryChanges | None] | None,
) -> RetryPolicy:
    """Return the policy for `retry` with what the official SDK's keywords of a connection say.

    Raises:
        ConfigurationError: as `retry_policy`.
    """
    return retry_policy(
        retry,
        connect_retries=max_retries,
        reconnect_retries=max_retries,
        initial_delay=initial_delay,
        max_delay=max_delay,
        on_retry=on_reconnecting,
        reconnect=True if on_reconnecting is not None else None,
    )


def retry_policy(retry: RetryPolicy | Mapping[str, Any] | None, **short: Any) -> RetryPolicy:
    """Return the policy for `retry` with some of its fields given by keywords of their own, unless those are None.

    Raises:
        ConfigurationError: a value cannot work, or a field is given both ways.
    """
    policy = RetryPolicy.of(retry)
    given = {name: value for name, value in short.items() if value is not None}
    twice = sorted(policy.given & given.keys())
    if twice:
        msg = f"{', '.join(twice)} of retry= and the keyword that is short for it were both given"
        raise ConfigurationError(msg)
    return RetryPolicy(**given).over(policy)
