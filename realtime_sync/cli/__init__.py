"""The command line: ``python -m realtime_sync`` or ``realtime-sync``."""

from realtime_sync.cli._main import main

__all__ = ["main"]
