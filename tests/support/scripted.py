"""A server whose every event a test decides: built on the `websockets` package, so that both ends are not ours."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

SESSION = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "output_modalities": ["text"]}


class Peer:
    """One accepted connection, seen from the server."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.done = threading.Event()
        self._n = 0

    def send(self, event_type: str, **fields) -> None:
        """Send an event; it gets an id."""
        self._n += 1
        self.connection.send(json.dumps({"type": event_type, "event_id": f"event_{self._n}", **fields}))

    def send_text(self, text: str | bytes) -> None:
        """Send a message as it is."""
        self.connection.send(text)

    def receive(self, event_type: str | None = None, timeout: float = 10) -> dict:
        """Return the next event from the client; with a type, skip the others."""
        while True:
            event = json.loads(self.connection.recv(timeout=timeout))
            if event_type in (None, event["type"]):
                return event

    def error(self, event_id: str | None, code: str = "invalid_value", message: str = "no good") -> None:
        """Send an error that names one of the client's events."""
        details = {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": None,
            "event_id": event_id,
        }
        self.send("error", error=details)

    def answer(self, *pieces: str, response_id: str = "resp_1", echo: bool = True, finish: bool = True) -> dict:
        """Take a turn's item and create, and answer them; returns the create."""
        item = self.receive("conversation.item.create")["item"]
        create = self.receive("response.create")
        self.send("conversation.item.added", item={**item, "object": "realtime.item", "status": "completed"})
        self.respond(create, *pieces, response_id=response_id, echo=echo, finish=finish)
        return create

    def respond(self, create: dict, *pieces: str, response_id: str = "resp_1", echo: bool = True, finish=True) -> None:
        """Answer a create with a text response."""
        metadata = create.get("response", {}).get("metadata") if echo else None
        response = {"object": "realtime.response", "id": response_id, "metadata": metadata, "output": []}
        self.send("response.created", response={**response, "status": "in_progress"})
        item = {
            "id": f"item_of_{response_id}",
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        self.send("response.output_item.added", response_id=response_id, output_index=0, item=item)
        for piece in pieces:
            self.delta(piece, response_id)
        if finish:
            self.finish("".join(pieces), response_id, metadata)

    def delta(self, piece: str, response_id: str = "resp_1") -> None:
        """Send a piece of text."""
        self.send(
            "response.output_text.delta",
            response_id=response_id,
            item_id=f"item_of_{response_id}",
            output_index=0,
            content_index=0,
            delta=piece,
        )

    def finish(
        self, text: str = "", response_id: str = "resp_1", metadata=None, status: str = "completed", **details
    ) -> None:
        """Send the terminal event of a response."""
        content = [{"type": "output_text", "text": text}]
        item = {
            "id": f"item_of_{response_id}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
        response = {
            "object": "realtime.response",
            "id": response_id,
            "metadata": metadata,
            "status": status,
            "output": [item],
        }
        self.send("response.done", response={**response, **details})

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in order."""
        self.connection.close(code, reason)

    def drop(self) -> None:
        """Vanish without a close frame."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)


class ScriptedServer:
    """Accepts connections and hands them to the test as `Peer` objects.

    While `gate` is clear, an upgrade request gets no answer. `refusals` are (status, headers) for the next ones;
    `requests` are all there were.
    """

    def __init__(self, **tls) -> None:
        self._closed = False
        self.gate = threading.Event()
        self.gate.set()
        self.refusals: deque[tuple[int, dict[str, str]]] = deque()
        self.requests: list[Request] = []
        self._accepted: queue.Queue[Peer] = queue.Queue()
        self._peers: list[Peer] = []
        self._server = serve(
            self._handle,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            ping_interval=None,
            max_size=None,
            close_timeout=2,
            **tls,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="scripted-server")
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}/v1"

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        self.gate.wait()
        if not self.refusals:
            return None
        status, headers = self.refusals.popleft()
        response = connection.respond(status, "no")
        response.headers.update(headers)
        return response

    def _handle(self, connection: ServerConnection) -> None:
        peer = Peer(connection)
        self._peers.append(peer)
        if self._closed:  # `close` has looked at the list already, or is about to.
            peer.done.set()
        self._accepted.put(peer)
        peer.done.wait()

    def accept(self, timeout: float = 10) -> Peer:
        """Return the next connection."""
        return self._accepted.get(timeout=timeout)

    def close(self) -> None:
        """End everything."""
        self._closed = True
        self.gate.set()
        for peer in self._peers:
            peer.done.set()
            try:
                peer.drop()
            except (OSError, ConnectionClosed):
                continue
        self._server.shutdown()
        self._thread.join()
        for peer in self._peers:
            peer.connection.recv_events_thread.join(10)
            peer.connection.socket.close()
