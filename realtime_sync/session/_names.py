"""Help with misspelt event names."""

from __future__ import annotations

import difflib
import logging

from realtime_sync.session._local_events import LOCAL_EVENT_TYPES
from realtime_sync.wire import event_names

__all__ = ["warn_if_misspelt"]

logger = logging.getLogger("realtime_sync")


def warn_if_misspelt(registry: str, name: str) -> None:
    """Log a warning if an exact name is no event that this version knows, with the nearest that is.

    Only a warning: a server may send events that are newer than this library.
    """
    if name in ("*", "event") or name.endswith(".*") or name in LOCAL_EVENT_TYPES:
        return
    known = event_names(registry)
    if name in known:
        return
    nearest = difflib.get_close_matches(name, [*known, *LOCAL_EVENT_TYPES], n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    logger.warning("no event called %r is known%s", name, hint)
