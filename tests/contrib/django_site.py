"""A Django project for the tests, in one module: settings, views, addresses."""

# ruff: noqa: E402  (what follows the settings reads them)

from __future__ import annotations

import django
from django.conf import settings

from tests.contrib.support import MemoryStore

WEBHOOK_SECRET = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r"
STORE = MemoryStore()

if not settings.configured:
    settings.configure(
        SECRET_KEY="a secret",
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["django.contrib.sessions", "realtime_sync.contrib.django"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "realtime_sync.contrib.django.ProblemMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
        USE_TZ=True,
    )
    django.setup()

from django.http import HttpResponse, JsonResponse
from django.urls import path

from realtime_sync.contrib import BadInput
from realtime_sync.contrib.django import client_secret, conversation, pool, stream_response, webhook


def ask(request):
    return stream_response(pool().stream(input=request.POST["text"]))


def talk(request):
    return stream_response(conversation(request, model="m").stream(request.POST["text"]))


def keyed(request):
    return stream_response(conversation(request, "ada", model="m").stream(request.POST["text"]))


def chat(request):
    with conversation(request, model="m") as chat:
        text = chat.run(request.POST["text"]).output_text
        return JsonResponse({"text": text, "restarted": str(chat.restarted or "")})


def stored(request):
    with conversation(request, store=STORE, model="m") as chat:
        return HttpResponse(chat.run(request.POST["text"]).output_text)


def secret(request):
    return client_secret(session={"model": "gpt-realtime", "instructions": "hush"})


@webhook
def hook(request, event, place):
    return JsonResponse({"type": event["type"], "place": place, "method": request.method})


@webhook(secret="whsec_b3RoZXI=")
def other_hook(request, event):
    return JsonResponse({"type": event["type"]})


def picky(request):
    raise BadInput("A number, please.")


def broken(request):
    raise ZeroDivisionError


urlpatterns = [
    path("ask", ask),
    path("talk", talk),
    path("keyed", keyed),
    path("chat", chat),
    path("stored", stored),
    path("secret", secret),
    path("hook/<place>", hook),
    path("other-hook", other_hook),
    path("picky", picky),
    path("broken", broken),
]
