"""What a scripted server says about requests of the Responses API."""

from __future__ import annotations

__all__ = ["answer", "begin", "delta", "end", "error", "item", "open_item", "send"]


def send(peer, create, kind, **fields):
    """Send an event on the lane of a request."""
    named = {"stream_id": create["stream_id"]} if "stream_id" in create else {}
    peer.send(kind, **named, **fields)


def begin(peer, create, response_id="resp_1", kind="response.created"):
    """Let a response begin."""
    send(peer, create, kind, response={"id": response_id, "status": "in_progress", "output": []})


def open_item(peer, create):
    """Let a message begin."""
    empty = {**item(""), "status": "in_progress", "content": []}
    send(peer, create, "response.output_item.added", output_index=0, item=empty)


def delta(peer, create, text):
    """Send a piece of text."""
    send(peer, create, "response.output_text.delta", output_index=0, content_index=0, item_id="msg_1", delta=text)


def item(text):
    """A message of the model."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}


def end(peer, create, response_id="resp_1", *, text="", kind="response.completed", **response):
    """Let a response end."""
    status = kind.rpartition(".")[2]
    whole = {"id": response_id, "status": status, "output": [item(text)] if text else [], **response}
    send(peer, create, kind, response=whole)


def answer(peer, create, *pieces, response_id="resp_1", kind="response.completed", **response):
    """Answer a request."""
    begin(peer, create, response_id)
    if pieces:
        open_item(peer, create)
    for piece in pieces:
        delta(peer, create, piece)
    end(peer, create, response_id, text="".join(pieces), kind=kind, **response)


def error(peer, create, code="bad", *, status=400, **more):
    """Send an error, on the lane of a request or on none."""
    body = {"type": "invalid_request_error", "code": code, "message": f"no good: {code}", **more}
    send(peer, create, "error", status=status, error=body)
