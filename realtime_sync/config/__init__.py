"""Frozen options: how a connection is made, kept, bounded and made again."""

from __future__ import annotations

from realtime_sync.config._layered import NOT_GIVEN, NotGiven
from realtime_sync.config._options import ConnectionOptions, seconds_or
from realtime_sync.config._proxy import Proxy
from realtime_sync.config._retry import RetryChanges, Retrying, RetryPolicy

__all__ = [
    "NOT_GIVEN",
    "ConnectionOptions",
    "NotGiven",
    "Proxy",
    "RetryChanges",
    "RetryPolicy",
    "Retrying",
    "seconds_or",
]
