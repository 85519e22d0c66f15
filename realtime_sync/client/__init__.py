"""One object that makes sessions."""

from realtime_sync.client._client import Client

__all__ = ["Client"]
