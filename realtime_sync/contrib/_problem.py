"""What a visitor is told when something fails: a status, a sentence, and when to try again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from attrs import field, frozen

from realtime_sync import errors
from realtime_sync.contrib._sealing import StateTooLarge

__all__ = ["BadInput", "Problem"]

logger = logging.getLogger("realtime_sync.contrib")

_RETRY_AFTER: Final = 5.0
"""Seconds to wait where the server did not say how long."""

_BAD_REQUEST, _UNPROCESSABLE, _TOO_MANY, _FIRST_OF_SERVER = 400, 422, 429, 500


class BadInput(errors.RealtimeSyncError, ValueError):
    """What a visitor sent cannot be used. The message is shown to the visitor."""


@frozen(kw_only=True)
class Problem:
    """A failure as the visitor of a page gets it.

    Attributes:
        status: of the HTTP response.
        code: one word for programs.
        message: a sentence for people; nothing in it tells about the inside of the site.
        hint: what went wrong and what to do, for whoever runs the site; it goes to the log, and to the visitor only
            where the application is being debugged.
        retry_after: seconds after which trying again makes sense; None: it does not.
    """

    status: int
    code: str
    message: str
    hint: str = field(default="", repr=False)
    retry_after: float | None = None

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """Return what to tell about an exception; one that is no error of this library is "internal"."""
        status, code, message = next(
            (told for kinds, told in _TABLE if isinstance(error, kinds)), _internal_or_upstream(error)
        )
        retry_after = None
        if status in _RETRIABLE:
            retry_after = getattr(error, "retry_after", None) or _RETRY_AFTER
        shown = str(error) if isinstance(error, BadInput) else message
        return cls(
            status=status,
            code=code,
            message=shown,
            hint=f"{type(error).__name__}: {error}",
            retry_after=retry_after,
        )

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response: it is not to be cached, and says when to come back."""
        headers = {"Cache-Control": "no-store"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, ceil(self.retry_after)))
        return headers

    def to_dict(self, *, debug: bool = False) -> dict[str, Any]:
        """Return the body of the response as JSON values; with the hint if `debug`."""
        told: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.retry_after is not None:
            told["retry_after"] = self.retry_after
        if debug:
            told["hint"] = self.hint
        return {"error": told}

    def log(self, error: BaseException) -> None:
        """Tell whoever runs the site: as an error what only they can change, else as a warning or less."""
        if self.status == _FIRST_OF_SERVER:
            logger.error("%s (status %d)", self.hint, self.status, exc_info=error)
        elif self.status > _FIRST_OF_SERVER:
            logger.warning("%s (status %d)", self.hint, self.status)
        else:
            logger.info("%s (status %d)", self.hint, self.status)


_Told = tuple[int, str, str]

_NOT_SET_UP: Final[_Told] = (500, "not_configured", "The assistant is not set up correctly on this site.")
_BUSY: Final[_Told] = (503, "busy", "Too many people are asking at the moment. Please try again shortly.")
_STOPPING: Final[_Told] = (503, "restarting", "The site is being restarted. Please try again shortly.")
_DOWN: Final[_Told] = (503, "unreachable", "The assistant cannot be reached at the moment. Please try again shortly.")
_UPSTREAM: Final[_Told] = (502, "upstream_failed", "The assistant could not answer. Please try again.")
_CUT_OFF: Final[_Told] = (502, "cut_off", "The answer was cut off. Please try again.")
_SLOW: Final[_Told] = (504, "too_slow", "The assistant took too long to answer.")
_BAD_INPUT: Final[_Told] = (400, "bad_input", "This cannot be sent to the assistant.")
_BAD_WEBHOOK: Final[_Told] = (400, "bad_signature", "The webhook's signature is not right.")
_FULL: Final[_Told] = (507, "conversation_full", "This conversation has become too long. Please start a new one.")
_INTERNAL: Final[_Told] = (500, "internal", "Something went wrong on this site.")

_RETRIABLE: Final = frozenset({503})

# The first line that fits counts, so what is special stands above what it is a kind of.
_TABLE: tuple[tuple[tuple[type[BaseException], ...], _Told], ...] = (
    ((BadInput,), _BAD_INPUT),
    ((StateTooLarge,), _FULL),
    ((errors.InvalidWebhookSignatureError,), _BAD_WEBHOOK),
    ((errors.PoolTimeout,), _BUSY),
    ((errors.PoolClosed, errors.ConnectionRetiring), _STOPPING),
    ((errors.AuthenticationError, errors.PermissionDeniedError, errors.ConfigurationError), _NOT_SET_UP),
    ((errors.RateLimitError,), _BUSY),
    ((errors.RequestTimeout, errors.SendTimeout, errors.ReceiveTimeout, errors.ConnectTimeout), _SLOW),
)


def _internal_or_upstream(error: BaseException) -> _Told:
    """Tell apart what is not a matter of the class alone."""
    told = _INTERNAL
    if isinstance(error, errors.HandshakeRejected):
        told = _DOWN if error.transient else _UPSTREAM
    elif isinstance(error, errors.ConnectError):
        told = _DOWN
    elif isinstance(error, errors.StatusError | errors.ServerError):
        told = _by_status(error.status, error.type if isinstance(error, errors.ServerError) else None)
    elif isinstance(error, errors.ConnectionClosed):
        told = _CUT_OFF
    elif isinstance(error, errors.LocalProtocolError):
        told = _BAD_INPUT
    elif isinstance(error, errors.ResponseFailed):
        told = _BUSY if _code_of(error.response) == "rate_limit_exceeded" else _UPSTREAM
    elif isinstance(error, errors.DecodeError | errors.RemoteProtocolError | errors.OutputInvalid):
        told = _UPSTREAM
    return told


def _by_status(status: int | None, kind: str | None) -> _Told:
    if status in {_BAD_REQUEST, _UNPROCESSABLE} or (status is None and kind == "invalid_request_error"):
        return _BAD_INPUT
    return _BUSY if status in {_TOO_MANY, 503} else _UPSTREAM


def _code_of(response: Any) -> Any:
    failure = getattr(response, "error", None)
    return failure.get("code") if isinstance(failure, Mapping) else getattr(failure, "code", None)
