"""Retry policies from what callers write, the official SDK's keywords included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_sync.config import RetryPolicy
from realtime_sync.errors import ConfigurationError

__all__ = ["retry_policy"]


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
