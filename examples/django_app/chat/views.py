"""The pages: one to talk on, one that answers, one that begins anew."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from chat import assistant
from chat.models import Memories
from realtime_sync.contrib import BadInput, RememberedConversation
from realtime_sync.contrib.django import conversation, stream_response

LONGEST = 4000


def conversation_of(request: HttpRequest) -> RememberedConversation:
    """Return the visitor's conversation."""
    return conversation(request, store=Memories(), model=assistant.MODEL, instructions=assistant.INSTRUCTIONS)


@require_GET
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    """Show what was said so far."""
    with conversation_of(request) as chat:
        turns = list(said(chat.conversation.history))
        told = {"turns": turns, "restarted": chat.restarted, "is_local": assistant.is_local()}
        return render(request, "chat/index.html", told)


@require_POST
def ask(request: HttpRequest) -> StreamingHttpResponse:
    """Answer as the answer comes."""
    text = request.POST.get("text", "").strip()
    if not 0 < len(text) <= LONGEST:
        raise BadInput(f"Please ask something, in {LONGEST:,} characters at most.")
    return stream_response(conversation_of(request).stream(text))


@require_POST
def forget(request: HttpRequest) -> HttpResponse:
    """Begin anew."""
    with conversation_of(request) as chat:
        chat.forget()
    return redirect("page")


def said(history):
    """Yield (who, text) of a conversation's messages, oldest first."""
    for item in history:
        if item["type"] == "message":
            content = item["content"]
            parts = content if isinstance(content, list) else [{"text": content}]
            yield item["role"], "".join(part.get("text", "") for part in parts)
