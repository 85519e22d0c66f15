"""Peers for the local server's tests that are not our own client, and small helpers."""

from __future__ import annotations

import collections
import contextlib
import json
from typing import TYPE_CHECKING

import pytest
from attrs import define
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection


UPGRADE = (
    b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
"""A valid upgrade request."""


@define(eq=False)
class Peer:
    """A raw WebSocket client that speaks in dicts."""

    ws: ClientConnection

    def send(self, *events):
        for event in events:
            self.ws.send(json.dumps(event))

    def next(self):
        return json.loads(self.ws.recv(timeout=10))

    def until(self, kind):
        """Return the events up to and including the first of this type."""
        events = []
        while not events or events[-1]["type"] != kind:
            events.append(self.next())
        return events

    def end(self):
        """Read to the end of the connection and return how it ended."""
        with pytest.raises(ConnectionClosed) as closed:
            collections.deque(iter(self.next, None), maxlen=0)
        return closed.value

    def error(self, event):
        """Send an event and return the error body that answers it."""
        self.send(event)
        answer = self.next()
        assert answer["type"] == "error", answer
        return answer["error"]

    def say(self, text, **response):
        """Send a user message and ask for a response, written unless said otherwise."""
        self.send(user(text), {"type": "response.create", "response": {"output_modalities": ["text"], **response}})

    def ask(self, text, **response):
        """Do a whole turn; return the response of `response.done`."""
        self.say(text, **response)
        done = self.until("response.done")[-1]["response"]
        self.until("rate_limits.updated")
        return done


def user(text, **item):
    """Return the event that creates a user message."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content, **item}}


def text_of(response):
    """Return the text of a response's messages, or what they say."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] if "text" in part else part["transcript"] for part in parts)


def read_to_the_end(sock):
    """Return everything that still comes; a reset is an end too."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(65536):
            received += data
    return received
