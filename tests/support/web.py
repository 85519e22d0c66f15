"""A scripted HTTP server, on the raw peer: each request is handed to a script, which answers it or does something odd.

peer = make_peer(web(script))       # script(exchange) for each request, in the thread of its connection
exchange.method, .path, .headers, .body, .json
exchange.reply(200, {"id": "resp_1"}, "X-Header: value")
exchange.begin()                    # the head of a stream of events, in chunks
exchange.event("response.created", response={…}); exchange.chunk(b"anything"); exchange.end()
base_url(peer)
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from tests.support.peer import Link, Peer

__all__ = ["Exchange", "base_url", "completed", "created", "response", "web"]


class Exchange:
    """One request, to be answered on its link."""

    def __init__(self, link: Link) -> None:
        self.link = link
        request = link.read_request()
        self.method = request.raw.split(b" ", 1)[0].decode()
        self.path = request.path
        self.headers = request.headers
        self.body = link._take(int(self.headers.get("content-length", 0)))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def reply(self, status: int = 200, body: Any = None, *headers: str) -> None:
        """Answer whole: text and bytes as they are, anything else as JSON."""
        data = (
            body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        if not any(each.lower().startswith("content-type:") for each in headers):
            headers = (*headers, "Content-Type: application/json")
        self.link.respond(status, *headers, body=data)

    def begin(self, *headers: str, content_type: str = "text/event-stream") -> None:
        """Send the head of an answer in chunks."""
        self.link.respond(200, f"Content-Type: {content_type}", "Transfer-Encoding: chunked", *headers, length=False)

    def chunk(self, data: bytes) -> None:
        """Send one chunk."""
        self.link.write(b"%x\r\n%b\r\n" % (len(data), data))

    def event(self, event_type: str, **fields: Any) -> None:
        """Send one event, as a chunk."""
        data = json.dumps({"type": event_type, **fields})
        self.chunk(f"event: {event_type}\ndata: {data}\n\n".encode())

    def end(self) -> None:
        """End the chunks."""
        self.link.write(b"0\r\n\r\n")


def web(script: Callable[[Exchange], object]) -> Callable[[Link], None]:
    """Return a script for a peer: answer the requests of one connection, one after the other."""

    def serve(link: Link) -> None:
        while True:
            link.request = None
            exchange = Exchange(link)
            script(exchange)
            if link.sock.fileno() < 0:
                return

    return functools.wraps(script)(serve)


def base_url(peer: Peer) -> str:
    """Return what to give a client."""
    return f"http{'s' * peer.url.startswith('wss')}://{peer.host}:{peer.port}/v1"


def response(status: str = "completed", text: str = "", **fields: Any) -> dict[str, Any]:
    """Return a response object with one message."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    return {"id": "resp_1", "object": "response", "status": status, "output": [message] if text else [], **fields}


def created(exchange: Exchange) -> None:
    """Begin a stream and its response, with half a message."""
    exchange.begin()
    exchange.event("response.created", response=response("in_progress"), sequence_number=0)
    exchange.event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta="Hel")


def completed(exchange: Exchange) -> None:
    """Answer with a whole stream."""
    created(exchange)
    exchange.event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta="lo")
    exchange.event("response.completed", response=response(text="Hello"), sequence_number=3)
    exchange.end()
