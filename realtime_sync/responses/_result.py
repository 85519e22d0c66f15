"""What has arrived of a request: its responses, put together from its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realtime_sync.responses._events import BEGINNINGS, ENDS, ERRORS, response_id_of
from realtime_sync.responses._so_far import ResponseSoFar

if TYPE_CHECKING:
    from realtime_sync.errors import DecodeError
    from realtime_sync.types.responses import Response

__all__ = ["ResultBuilder"]


class ResultBuilder:
    """Collects the events of one request: one response, and one more for every steer that took effect.

    One thread at a time.
    """

    def __init__(self) -> None:
        self.responses: list[Response] = []
        """Those that have ended."""
        self.error: Any = None
        """The error event that ended the request."""
        self._newest = ResponseSoFar()
        self._newest_id: str | None = None

    def add(self, event: Any) -> None:
        """Take the next event."""
        kind = event.type
        if kind in ERRORS:
            self.error = event
            return
        if kind in BEGINNINGS and response_id_of(event) != self._newest_id:
            self._newest, self._newest_id = ResponseSoFar(), response_id_of(event)
        self._newest.add(event)
        if kind in ENDS and self._newest.final is not None:
            self.responses.append(self._newest.final)

    @property
    def final(self) -> Response | None:
        """The newest response that has ended, or None."""
        return self.responses[-1] if self.responses else None

    @property
    def misfit(self) -> DecodeError | None:
        """Why the last event of the newest response cannot be read, if it cannot."""
        return self._newest.misfit

    def partial(self) -> Response | None:
        """Return what there is of the newest response; None: nothing has come."""
        return self._newest.response() or self.final
