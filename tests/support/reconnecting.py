"""Sessions that reconnect, and outages that last as long as a test wants."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from realtime_sync.errors import ConnectionClosed, RequestTimeout
from tests.support.scripted import SESSION, Peer, ScriptedServer
from tests.support.waiting import wait_until

__all__ = ["QUICK", "acknowledge_last", "drain", "gap", "item", "said", "serve_restoration"]

QUICK = {"reconnect": True, "initial_delay": 0.0}
"""A policy that dials again at once."""


def item(text: str, item_id: str | None = None, role: str = "user", **fields) -> dict:
    """Return the event that adds a message."""
    part = {"type": "output_text" if role == "assistant" else "input_text", "text": text}
    message = {"type": "message", "role": role, "content": [part]}
    return {"type": "conversation.item.create", "item": {**message, **({"id": item_id} if item_id else {})}, **fields}


def acknowledge_last(rt, timeout: float = 60) -> None:
    """Have the server acknowledge an item, however often a connection is lost before it does: it has all that came before."""
    end = time.monotonic() + timeout
    while True:
        try:
            rt.request(item("last"), timeout=30)
        except (ConnectionClosed, RequestTimeout):
            if time.monotonic() > end or rt.closed:
                raise
        else:
            return


def said(event: dict) -> str:
    """Return the text of an item that a client created."""
    return event["item"]["content"][0]["text"]


@contextlib.contextmanager
def gap(server: ScriptedServer, rt, peer: Peer, *, code: int | None = None) -> Iterator[None]:
    """Lose the connection; there is no other one before the end of the block."""
    server.gate.clear()
    before = rt._core.generation
    if code is None:
        peer.drop()
    else:
        peer.close(code)
    wait_until(lambda: rt._core.generation > before, what="the loss")
    try:
        yield
    finally:
        server.gate.set()


def serve_restoration(peer: Peer, until: str | None = None, refuse: tuple[str, ...] = ()) -> list[dict]:
    """Answer updates and items, except the items to refuse; return what came, up to the first event of type `until`.

    Without `until`: up to the first event that is neither, which is returned as the last one.
    """
    came = []
    while True:
        event = peer.receive()
        came.append(event)
        if event["type"] == until:
            return came
        if event["type"] == "session.update":
            peer.send("session.updated", session={**SESSION, **event["session"]})
        elif event["type"] == "conversation.item.create":
            if event["item"].get("id") in refuse:
                peer.error(event["event_id"])
            else:
                peer.send("conversation.item.added", item={**event["item"], "status": "completed"})
        else:
            return came


def drain(rt) -> list[str]:
    """Return the types of the events that wait in the mailbox."""
    types = []
    while rt.stats.mailbox_events:
        types.append(rt.receive(timeout=0).type)
    return types
