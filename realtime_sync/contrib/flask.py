"""For Flask: one pool a process, answers as server-sent events, conversations per visitor, client secrets, webhooks.

    rts = RealtimeSync()

    def create_app():
        app = Flask(__name__)
        app.config["REALTIME_SYNC"] = {"pool": {"model": "gpt-5.5", "max_connections": 4}}
        rts.init_app(app)
        return app

    @app.post("/ask")
    def ask():
        return rts.stream_response(rts.pool.stream(input=request.form["text"]))

Nothing is dialled before the first request, so that a server may fork before or after the application is made.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from realtime_sync.contrib._memory import COOKIE_BYTES, RememberedConversation, SessionStore, Store, visitor_of
from realtime_sync.contrib._problem import Problem
from realtime_sync.contrib._site import Settings, Site
from realtime_sync.contrib._sse import SSE_HEADERS, Describe, Stream, text_events
from realtime_sync.errors import ConfigurationError, MissingExtra, RealtimeSyncError

if importlib.util.find_spec("flask") is None:
    raise MissingExtra("flask", "realtime_sync.contrib.flask")

from flask import Flask, Response, current_app, json, request, session, stream_with_context
from flask.sessions import SecureCookieSession

if TYPE_CHECKING:
    from realtime_sync.client import Client
    from realtime_sync.responses import ResponsesPool

__all__ = ["RealtimeSync"]

_NAME = "realtime_sync"

View = TypeVar("View", bound=Callable[..., Any])


class RealtimeSync:
    """The extension. One object serves any number of applications; each has a pool of its own in each process.

    Threads: any; everything but `init_app` needs the context of an application.
    """

    def __init__(self, app: Flask | None = None) -> None:
        """Take an application, or none: then `init_app` does."""
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add to an application: its setting ``REALTIME_SYNC`` is read, and errors of this library get statuses.

        Raises:
            ConfigurationError: the setting cannot be.
        """

        def secrets() -> list[str | bytes]:
            return [each for each in (app.secret_key, *(app.config.get("SECRET_KEY_FALLBACKS") or ())) if each]

        settings = Settings.of(app.config.get("REALTIME_SYNC"))
        app.extensions[_NAME] = Site(settings=settings, secrets=secrets, debug=lambda: app.debug)
        app.register_error_handler(RealtimeSyncError, problem_response)

    @property
    def site(self) -> Site:
        """What the current application has.

        Raises:
            ConfigurationError: `init_app` was not called for it.
        """
        site = current_app.extensions.get(_NAME)
        if site is None:
            msg = "this application has no RealtimeSync: call init_app(app) where it is made"
            raise ConfigurationError(msg)
        return site  # type: ignore[no-any-return]

    @property
    def client(self) -> Client:
        """The client of the current application."""
        return self.site.client

    @property
    def pool(self) -> ResponsesPool:
        """The pool of the current application in this process."""
        return self.site.pool

    def stream_response(
        self, stream: Stream, *, heartbeat: float | None = None, describe: Describe = text_events
    ) -> Response:
        """Return a response that sends a stream as server-sent events, as `ServerSentEvents` has them.

        It begins with the first text, or after `heartbeat` seconds; what fails before raises, and so becomes a status.

        Args:
            stream: of the pool, of a conversation…; left at once when the browser goes.
            heartbeat: seconds; None: as set.
            describe: what the browser gets of each event.
        """
        events = self.site.events(stream, heartbeat=heartbeat, describe=describe)
        # With the context: the end of a stream may write to a database that the application knows.
        body = stream_with_context(events)
        return Response(body, mimetype="text/event-stream", headers=dict(SSE_HEADERS))

    def conversation(
        self, key: str | None = None, *, store: Store | None = None, max_bytes: int | None = None, **parameters: Any
    ) -> RememberedConversation:
        """Return the visitor's conversation, which goes on where the last request left it.

        Args:
            key: whose; None: of this visitor, known by the session.
            store: what keeps it; None: the session, which has room for a few turns and cannot remember streams.
            max_bytes: the longest text to store; None: as the store says.
            parameters: those of ``pool.conversation``: model, instructions, tools…
        """
        owner = visitor_of(session) if key is None else key
        return self.site.conversation(owner, store or session_store(), max_bytes=max_bytes, **parameters)

    def client_secret(self, **parameters: Any) -> Response:
        """Return a response with a key for the browser's own Realtime session: see `Site.client_secret`."""
        body = json.dumps(self.site.client_secret(**parameters))
        return Response(body, mimetype="application/json", headers={"Cache-Control": "no-store"})

    def webhook(self, view: View | None = None, *, secret: str | None = None) -> Any:
        """Wrap a view, so that it gets a webhook's event first, and only of webhooks whose signature is right.

        Args:
            view: takes the event, then what the URL has. Others get status 400.
            secret: None: the client's.
        """
        if view is None:
            return functools.partial(self.webhook, secret=secret)

        @functools.wraps(view)
        def checked(*args: Any, **named: Any) -> Any:
            event = self.site.webhook(request.get_data(), list(request.headers), secret)
            return current_app.ensure_sync(view)(event, *args, **named)

        return checked


def session_store() -> SessionStore:
    """Return a store for conversations that fit into the visitor's session."""
    in_cookie = isinstance(session._get_current_object(), SecureCookieSession)  # type: ignore[attr-defined]  # noqa: SLF001
    return SessionStore(session, max_bytes=COOKIE_BYTES if in_cookie else None)


def problem_response(error: RealtimeSyncError) -> Response:
    """Return what the visitor is told about an error, as JSON; the log gets the rest."""
    problem = Problem.of(error)
    problem.log(error)
    body = json.dumps(problem.to_dict(debug=current_app.debug))
    return Response(body, status=problem.status, mimetype="application/json", headers=problem.headers)
