"""Stand-ins and helpers for the tests of `realtime_sync.contrib`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import defaultdict
from contextlib import suppress
from queue import SimpleQueue
from types import SimpleNamespace

from realtime_sync.errors import PoolTimeout
from realtime_sync.server import LocalServer, answer_by_rules
from realtime_sync.wire import parse_event

__all__ = ["GONE", "GatedServer", "MemoryStore", "ScriptedStream", "delta", "fill", "frames", "signed_webhook"]

GONE = object()


def delta(text):
    """Return the event of a piece of text."""
    fields = {"item_id": "i", "output_index": 0, "content_index": 0, "sequence_number": 1}
    return parse_event(json.dumps({"type": "response.output_text.delta", "delta": text, **fields}), "responses")


def frames(body):
    """Return [(event, data)] of server-sent events; comments are left out."""
    text = body.decode() if isinstance(body, bytes) else body
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


class ScriptedStream:
    """A stream that gives what is put into it: events, exceptions, or None for its end. `close` ends it."""

    def __init__(self, *script, result=None, failure=None):
        self.queue = SimpleQueue()
        self.closed = threading.Event()
        self.result = result or SimpleNamespace(id="resp_1", status="completed")
        self.failure = failure
        for each in script:
            self.queue.put(each)

    def __iter__(self):
        return self

    def __next__(self):
        came = self.queue.get()
        if came is None or came is GONE:
            raise StopIteration
        if isinstance(came, BaseException):
            raise came
        return came

    def response(self):
        if self.failure is not None:
            raise self.failure
        return self.result

    def close(self):
        self.closed.set()
        self.queue.put(GONE)


class MemoryStore:
    """A store in a dict."""

    def __init__(self):
        self.kept = {}

    def get(self, key):
        return self.kept.get(key)

    def set(self, key, value):
        self.kept[key] = value


class GatedServer:
    """A local server that answers what begins with "Wait" piece by piece, each when `let` is called; else by rules."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.gates = defaultdict(SimpleQueue)
        self.server = LocalServer(responder=self._answer)

    def _answer(self, request):
        return self._pieces(self.gates[request.text]) if request.text.startswith("Wait") else answer_by_rules(request)

    def _pieces(self, gate):
        for piece in self.pieces:
            gate.get(timeout=60)
            yield piece

    def let(self, count=1, *, text="Wait"):
        """Let so many pieces of the answers to a text go."""
        for _ in range(count):
            self.gates[text].put(None)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        for text in tuple(self.gates):
            self.let(100, text=text)
        self.server.close()


def fill(pool, text="Wait"):
    """Take all sixteen places of a pool with one connection; return the streams."""
    streams = []
    while len(streams) < 16:
        with suppress(PoolTimeout):  # While it is still being dialled, or the server's lanes are not known yet.
            streams.append(pool.stream(input=text))
    return streams


def signed_webhook(secret, event):
    """Return the body and the headers of a webhook that is signed now."""
    name, body = "wh_1", json.dumps(event).encode()
    stamp = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
    return body, {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
