"""From what goes wrong with an HTTP request to the error for the caller.

No error of ours is chained to one of `requests`, or holds one: those carry the request with its headers, and print the
URL with its query, where the key may be.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from typing import Final

import requests
import urllib3.exceptions

from realtime_sync.errors import (
    ClosedError,
    ConnectError,
    ConnectTimeout,
    ProxyError,
    RealtimeSyncError,
    RemoteProtocolError,
    RequestTimeout,
    StatusError,
    status_error,
)
from realtime_sync.transport import Request, api_error, retry_after

__all__ = ["FAILURES", "cause_of", "failed", "not_connected", "refused"]

FAILURES: Final = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
"""All that `requests`, and what is below it, raises for a connection."""
_MAX_REDIRECT: Final = 400
_SERVER: Final = 500
_ADVICE: Final = {
    401: "check the API key (OPENAI_API_KEY): it is missing, wrong or expired",
    403: "this key may not do that here: check project, organisation, region and model access",
    404: "it is not there: check the id, the base URL and the model",
    429: "too many requests, or the quota is used up: wait, or check the plan",
}


def refused(what: str, request: Request, status: int, headers: Mapping[str, str], body: str) -> StatusError:
    """Return the error for an answer whose status is no success; `body` is what has come of it."""
    text = request.redact(body)
    details = api_error(text)
    if status < _MAX_REDIRECT:
        advice = "redirects are not followed: use the final address as the base URL"
    else:
        advice = _ADVICE.get(status, "the server has a problem: try again later" if status >= _SERVER else "")
    shown = {name: request.redact(value) for name, value in headers.items() if name != "set-cookie"}
    said = details.get("message") or ("" if details or _is_markup(shown) else text.strip()[:200])
    parts = [f"{what} was refused with status {status}", said, advice]
    message = ": ".join(part.rstrip(".") for part in parts if part)
    if shown.get("x-request-id"):
        message += f" (request {shown['x-request-id']})"
    return status_error(
        message,
        status=status,
        code=details.get("code"),
        param=details.get("param"),
        body=text,
        headers=shown,
        retry_after=retry_after(shown),
    )


def _is_markup(headers: Mapping[str, str]) -> bool:
    return "html" in headers.get("content-type", "") or "xml" in headers.get("content-type", "")


def not_connected(what: str, request: Request, error: BaseException) -> RealtimeSyncError | None:
    """Return the error if a session of the caller's own got no connection; None if the request may have gone out."""
    found = _chain(error)
    message = f"{what}: {request.address} cannot be reached: {_text(error, request)}"
    for each in found:
        if isinstance(each, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError):
            return ProxyError(message)
        if isinstance(each, requests.exceptions.SSLError | ssl.SSLCertVerificationError):
            return ConnectError(message, transient=False)
        if isinstance(each, urllib3.exceptions.NewConnectionError):
            # It is a ConnectTimeoutError by its class, whatever was the matter.
            return ConnectError(message)
        if isinstance(each, requests.ConnectTimeout | urllib3.exceptions.ConnectTimeoutError):
            return ConnectTimeout(f"connecting to {request.address} took too long")
        if isinstance(each, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            return ConnectError(f"{what}: the session given as http_session cannot send it", transient=False)
    return None


def failed(what: str, request: Request, error: BaseException) -> RealtimeSyncError:
    """Return the error for a request that went out, or may have, and whose answer did not come whole."""
    found = _chain(error)
    if any(isinstance(each, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError) for each in found):
        return RequestTimeout(f"{what} was not answered in time")
    text = _text(error, request)
    if any(_is_nonsense(each) for each in found):
        return RemoteProtocolError(f"{what} was answered with what is no HTTP: {text}")
    return ClosedError(f"the connection was lost before {what} was answered: {text}")


def _is_nonsense(error: BaseException) -> bool:
    if isinstance(error, http.client.HTTPException):
        return not isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected)
    return isinstance(error, urllib3.exceptions.DecodeError)


def cause_of(error: BaseException) -> BaseException | None:
    """Return what was wrong with the socket, if something was: the one error that knows nothing of the request."""
    for each in _chain(error):
        if isinstance(each, OSError) and not isinstance(each, requests.RequestException):
            return each
    return None


def _text(error: BaseException, request: Request) -> str:
    cause = cause_of(error)
    innermost = cause if cause is not None else _chain(error)[-1]
    if isinstance(innermost, requests.RequestException | urllib3.exceptions.HTTPError):
        return type(innermost).__name__  # Its text may hold the URL.
    return request.redact(str(innermost)[:200]) or type(innermost).__name__


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and all that it came from, outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return found
