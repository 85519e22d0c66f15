"""What views use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from realtime_sync.contrib._memory import COOKIE_BYTES, RememberedConversation, SessionStore, Store, visitor_of
from realtime_sync.contrib._problem import Problem
from realtime_sync.contrib._sse import SSE_HEADERS, Describe, Stream, text_events
from realtime_sync.errors import ConfigurationError, RealtimeSyncError

if TYPE_CHECKING:
    from realtime_sync.client import Client
    from realtime_sync.contrib._site import Site
    from realtime_sync.responses import ResponsesPool

__all__ = [
    "ProblemMiddleware",
    "client",
    "client_secret",
    "conversation",
    "pool",
    "problem_response",
    "session_store",
    "site",
    "stream_response",
    "webhook",
]


def site() -> Site:
    """Return what this process has. Any thread.

    Raises:
        ConfigurationError: the application is not installed.
    """
    try:
        config = apps.get_app_config("realtime_sync")
    except LookupError:
        msg = 'add "realtime_sync.contrib.django" to INSTALLED_APPS'
        raise ConfigurationError(msg) from None
    found: Site = config.site
    return found


def client() -> Client:
    """Return the client of this process. Any thread."""
    return site().client


def pool() -> ResponsesPool:
    """Return the pool of this process. Any thread."""
    return site().pool


def stream_response(
    stream: Stream, *, heartbeat: float | None = None, describe: Describe = text_events
) -> StreamingHttpResponse:
    """Return a response that sends a stream as server-sent events, as `ServerSentEvents` has them.

    It begins with the first text, or after `heartbeat` seconds; what fails before raises, and so becomes a status.

    Args:
        stream: of the pool, of a conversation…; left at once when the browser goes.
        heartbeat: seconds; None: as set.
        describe: what the browser gets of each event.
    """
    events = site().events(stream, heartbeat=heartbeat, describe=describe)
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=dict(SSE_HEADERS))


def conversation(
    request: HttpRequest,
    key: str | None = None,
    *,
    store: Store | None = None,
    max_bytes: int | None = None,
    **parameters: Any,
) -> RememberedConversation:
    """Return the visitor's conversation, which goes on where the last request left it.

    Args:
        request: knows the session.
        key: whose; None: of this visitor, known by the session.
        store: what keeps it: a cache, an object with `get` and `set`; None: the session.
        max_bytes: the longest text to store; None: as the store says.
        parameters: those of ``pool.conversation``: model, instructions, tools…
    """
    owner = visitor_of(request.session) if key is None else key
    kept_in = session_store(request) if store is None else store
    return site().conversation(owner, kept_in, max_bytes=max_bytes, **parameters)


def session_store(request: HttpRequest) -> SessionStore:
    """Return a store in the visitor's session: of any length and while streaming, unless the session is a cookie."""
    session = request.session
    if settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        return SessionStore(session, max_bytes=COOKIE_BYTES)
    if session.session_key is None:
        session.create()  # So that its cookie goes out with the headers, before there is anything to store.
    return SessionStore(session, while_streaming=True)


def client_secret(**parameters: Any) -> JsonResponse:
    """Return a response with a key for the browser's own Realtime session: see `Site.client_secret`."""
    return JsonResponse(site().client_secret(**parameters), headers={"Cache-Control": "no-store"})


def webhook(view: Callable[..., HttpResponse] | None = None, *, secret: str | None = None) -> Any:
    """Wrap a view, so that it gets a webhook's event, and only of webhooks whose signature is right.

    Args:
        view: takes the request, the event, then what the URL has. Others get status 400. POST only, without a CSRF
            token: the signature is what proves the sender.
        secret: None: the client's.
    """
    if view is None:
        return functools.partial(webhook, secret=secret)

    @csrf_exempt
    @require_POST
    @functools.wraps(view)
    def checked(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        try:
            event = site().webhook(request.body, request.headers, secret)
        except RealtimeSyncError as error:
            return problem_response(error)
        return view(request, event, *args, **named)

    return checked


def problem_response(error: RealtimeSyncError) -> JsonResponse:
    """Return what the visitor is told about an error, as JSON; the log gets the rest."""
    problem = Problem.of(error)
    problem.log(error)
    return JsonResponse(problem.to_dict(debug=settings.DEBUG), status=problem.status, headers=problem.headers)


class ProblemMiddleware:
    """Turns the errors of this library that leave a view into statuses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take the rest of the chain."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer with the status of an error, if it is one of this library's."""
        del request
        return problem_response(exception) if isinstance(exception, RealtimeSyncError) else None
