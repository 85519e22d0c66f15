"""For Django: one pool a process, answers as server-sent events, conversations per visitor, client secrets, webhooks.

    INSTALLED_APPS = [..., "realtime_sync.contrib.django"]
    MIDDLEWARE = [..., "realtime_sync.contrib.django.ProblemMiddleware"]
    REALTIME_SYNC = {"pool": {"model": "gpt-5.5", "max_connections": 4}}

    from realtime_sync.contrib.django import pool, stream_response

    @require_POST
    def ask(request):
        return stream_response(pool().stream(input=request.POST["text"]))

Under WSGI. Nothing is dialled before the first request, so that a server may fork before or after the setup.
"""

import importlib.util

from realtime_sync.errors import MissingExtra

if importlib.util.find_spec("django") is None:
    raise MissingExtra("django", "realtime_sync.contrib.django")

from realtime_sync.contrib.django._views import (
    ProblemMiddleware,
    client,
    client_secret,
    conversation,
    pool,
    problem_response,
    session_store,
    site,
    stream_response,
    webhook,
)

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
