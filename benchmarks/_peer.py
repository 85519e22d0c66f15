"""The measuring peer: a WebSocket server in a process of its own, which sends bytes built beforehand.

Run as ``_peer.py [--tls PEM]``. The first line it prints is its port; it ends when its standard input does. The query
of a connection's URL says what it does there (`mode`, and the parameters named below):

* ``stream``: waits for one message, then sends `count` events of `kind` (text or audio) and a close frame;
* ``echo``: answers each message with one event, `answer` (see `ANSWERS`);
* ``idle``: says session.created and no more;
* ``silent``: the same, and never answers a close;
* ``responses``: answers each `response.create` with a response of `count` deltas of text, on the lane that it names;
* ``thinking``: the same, each one `delay` seconds after its request, however many there are; a POST of HTTP gets its
  response so too, as one object;
* ``duplex``: sends `rate` numbered events a second for `seconds`, counts what arrives, and prints one line of JSON
  about it when the connection ends, with the connection's `key`.

Threads: one a connection, and only that one touches its socket: a TLS connection is never used by two. Plain sockets
and no WebSocket library, so that the clients under test cannot share a fault, or a cost, with the peer.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import itertools
import json
import random
import select
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
CLOSE_NORMAL = b"\x88\x02\x03\xe8"
TEXT_DELTA = "as slow as the tide, and as sure, then"
CHUNK_BYTES = 2**19
AUDIO_BYTES = 4800
"""100 ms of PCM at 24 kHz: 6.4 KB as base64, as the API sends it."""
VOICE_BYTES = 960
"""20 ms of PCM at 24 kHz, as a telephone sends it."""
GRACE = 15.0
"""Seconds that a duplex connection may outlast its plan."""

REPORTING = threading.Lock()  # One line of output at a time.


def encode(event: dict[str, Any]) -> bytes:
    """Return an event as the compact JSON that the API sends."""
    return json.dumps(event, separators=(",", ":")).encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return one whole frame as a server sends it: unmasked."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 2**16:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def delta(kind: str, number: int, audio_bytes: int = AUDIO_BYTES) -> dict[str, Any]:
    """Return a delta event. Those of one kind differ in number and content, and all have the same size."""
    pcm = random.Random(number).randbytes(audio_bytes)  # noqa: S311 (noise to send, not a secret)
    return {
        "type": f"response.output_{kind}.delta",
        "event_id": f"event_{number:021d}",
        "response_id": "resp_CTVVpCmw1dKW0bq5LQE7a",
        "item_id": "item_CTVVpm3fM2sKzUBuXnmUG",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(pcm).decode() if kind == "audio" else f"{TEXT_DELTA} {number % 10**4:04d}",
    }


@functools.cache
def frames(kind: str) -> tuple[bytes, int]:
    """Return a chunk of many different frames of one kind, and the size of each."""
    size = len(frame(encode(delta(kind, 0))))
    return b"".join(frame(encode(delta(kind, number))) for number in range(CHUNK_BYTES // size)), size


ANSWERS = {
    "echo": frame(encode({"type": "rate_limits.updated", "event_id": f"event_{0:021d}", "rate_limits": []})),
    "acknowledgement": frame(encode({"type": "input_audio_buffer.cleared", "event_id": f"event_{0:021d}"})),
}
CREATED = frame(
    encode(
        {
            "type": "session.created",
            "event_id": f"event_{0:021d}",
            "session": {
                "type": "realtime",
                "object": "realtime.session",
                "id": "sess_CTVVo7tmzLqQs2ouKfJd0",
                "model": "gpt-realtime",
                "output_modalities": ["audio"],
                "instructions": "Be brief, be kind, and speak quickly.",
                "tools": [],
                "tool_choice": "auto",
                "max_output_tokens": "inf",
                "tracing": None,
                "prompt": None,
                "expires_at": 1795000000,
                "audio": {
                    "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": None},
                    "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
                },
                "include": None,
            },
        }
    )
)


class FrameReader:
    """Cut a client's bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Take some bytes, and yield (opcode, mask, masked payload) of each frame that is whole."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 2:
            size, start = buffer[1] & 0x7F, 2
            if size >= 126:
                start = 4 if size == 126 else 10
                if len(buffer) < start:
                    return
                size = int.from_bytes(buffer[2:start], "big")
            end = start + 4 + size
            if len(buffer) < end:
                return
            found = buffer[0] & 0x0F, bytes(buffer[start : start + 4]), bytes(buffer[start + 4 : end])
            del buffer[:end]
            yield found


def unmask(mask: bytes, payload: bytes) -> bytes:
    """Undo a client's masking."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def read_head(sock: socket.socket) -> tuple[str, dict[str, str], bytes]:
    """Read a request; return its first line, its headers, and what came of its body so far."""
    request = b""
    while b"\r\n\r\n" not in request:
        data = sock.recv(4096)
        if not data:
            msg = "the client went away instead of asking"
            raise ConnectionError(msg)
        request += data
    head, _, rest = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}, rest


def query_of(first: str) -> dict[str, str]:
    """Return the query of a request."""
    return dict(parse_qsl(urlsplit(first.split(" ")[1]).query))


def upgrade(sock: socket.socket, first: str, headers: dict[str, str]) -> dict[str, str]:
    """Accept a request, and return its query."""
    digest = hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()  # noqa: S324 (RFC 6455 says so)
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
    return query_of(first)


def converse(sock: socket.socket, on_message: Callable[[bytes, bytes], object]) -> None:
    """Call `on_message` with mask and payload of every message, answer pings and the close, until the client is gone."""
    reader = FrameReader()
    while data := sock.recv(2**16):
        for opcode, mask, payload in reader.feed(data):
            if opcode == TEXT:
                on_message(mask, payload)
            elif opcode == PING:
                sock.sendall(frame(unmask(mask, payload), PONG))
            elif opcode == CLOSE:
                sock.sendall(CLOSE_NORMAL)
                return


def await_frame(sock: socket.socket, reader: FrameReader, wanted: int) -> None:
    """Read until a frame of one kind, or the end of the connection."""
    while data := sock.recv(2**16):
        if any(opcode == wanted for opcode, _, _ in reader.feed(data)):
            return


def stream(sock: socket.socket, query: dict[str, str]) -> None:
    """Send a number of events as fast as the socket takes them, once the client has said anything."""
    count = int(query["count"])
    chunk, size = frames(query["kind"])
    whole, rest = divmod(count, len(chunk) // size)
    reader = FrameReader()
    await_frame(sock, reader, TEXT)
    for _ in range(whole):
        sock.sendall(chunk)
    sock.sendall(chunk[: rest * size])
    sock.sendall(CLOSE_NORMAL)
    await_frame(sock, reader, CLOSE)  # A client that is still reading must not meet a reset.


def echo(sock: socket.socket, query: dict[str, str]) -> None:
    """Answer each message with one event."""
    answer = ANSWERS[query["answer"]]
    converse(sock, lambda *_: sock.sendall(answer))


def idle(sock: socket.socket, query: dict[str, str]) -> None:  # noqa: ARG001
    """Say session.created and no more."""
    sock.sendall(CREATED)
    converse(sock, lambda *_: None)


def silent(sock: socket.socket, query: dict[str, str]) -> None:  # noqa: ARG001
    """Say session.created and answer nothing, a close neither."""
    sock.sendall(CREATED)
    while sock.recv(2**16):
        pass


def whole_response(lane: str | None, count: int) -> dict[str, Any]:
    """Return a response on a lane as it is in the end."""
    text = "".join(f"{TEXT_DELTA} {number:04d}" for number in range(count))
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": f"msg_of_{lane}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {"id": f"resp_of_{lane}", "object": "response", "status": "completed", "model": "m", "output": [item]}


@functools.lru_cache(maxsize=64)
def response_frames(lane: str | None, count: int) -> bytes:
    """Return a whole response on a lane, in frames."""
    whole = whole_response(lane, count)
    [done] = whole["output"]
    item = {**done, "status": "in_progress", "content": []}
    text = done["content"][0]["text"]
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    response = {**whole, "status": "in_progress", "output": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        *(
            {"type": "response.output_text.delta", **place, "delta": f"{TEXT_DELTA} {number:04d}"}
            for number in range(count)
        ),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": whole},
    ]
    named = {} if lane is None else {"stream_id": lane}
    return b"".join(frame(encode({**event, "sequence_number": number, **named})) for number, event in enumerate(events))


def responses(sock: socket.socket, query: dict[str, str]) -> None:
    """Answer every create with a response."""
    count = int(query["count"])

    def answer(mask: bytes, payload: bytes) -> None:
        sock.sendall(response_frames(json.loads(unmask(mask, payload)).get("stream_id"), count))

    converse(sock, answer)


def thinking(sock: socket.socket, query: dict[str, str]) -> None:
    """Answer every create with a response, some time after it came."""
    count, delay = int(query["count"]), float(query["delay"])
    due: deque[tuple[float, str | None]] = deque()
    reader = FrameReader()
    while True:
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending()
        wait = max(0.0, due[0][0] - time.monotonic()) if due else None
        if pending or select.select([sock], [], [], wait)[0]:
            data = sock.recv(2**16)
            for opcode, mask, payload in reader.feed(data):
                if opcode == TEXT:
                    due.append((time.monotonic() + delay, json.loads(unmask(mask, payload)).get("stream_id")))
                elif opcode == CLOSE:
                    sock.sendall(CLOSE_NORMAL)
                    return
            if not data:
                return
        while due and due[0][0] <= time.monotonic():
            sock.sendall(response_frames(due.popleft()[1], count))


def over_http(sock: socket.socket, first: str, headers: dict[str, str], rest: bytes) -> None:
    """Answer every POST with a response, some time after it came."""
    while True:
        query = query_of(first)
        left = int(headers["content-length"]) - len(rest)
        while left > 0:
            left -= len(sock.recv(left))
        time.sleep(float(query["delay"]))
        sock.sendall(http_response(int(query["count"])))
        first, headers, rest = read_head(sock)


@functools.lru_cache
def http_response(count: int) -> bytes:
    """Return the same response as `response_frames`, over HTTP."""
    body = encode(whole_response(None, count))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Duplex:
    """One connection with messages both ways, served by one thread that waits in `select`."""

    def __init__(self, sock: socket.socket, query: dict[str, str]) -> None:
        self.sock = sock
        self.key = query["key"]
        self.interval = 1 / float(query["rate"])
        self.plan = round(float(query["rate"]) * float(query["seconds"]))
        self.sent = 0
        self.numbers: list[int] = []
        self.ended = ""
        self._reader = FrameReader()
        self._outgoing = bytearray()
        self._prefix, self._suffix = _numbered_frame()

    def run(self) -> None:
        """Serve until the client closes, something fails, or time is up; then report."""
        self.sock.setblocking(False)  # noqa: FBT003 (the standard library's signature)
        start = time.monotonic()
        try:
            while not self.ended:
                now = time.monotonic() - start
                if now > self.plan * self.interval + GRACE:
                    self.ended = "time is up"
                due = min(self.plan, int(now / self.interval) + 1)
                while self.sent < due:
                    self._outgoing += b"%s%021d%s" % (self._prefix, self.sent, self._suffix)
                    self.sent += 1
                wants_write = self._write()
                if self._read():
                    pause = self.sent * self.interval - now if self.sent < self.plan else 1.0
                    select.select([self.sock], [self.sock] if wants_write else [], [], max(0.0, pause))
        except OSError as error:
            self.ended = repr(error)
        report = {"key": self.key, "sent": self.sent, "ended": self.ended, **account(self.numbers)}
        with REPORTING:
            print(json.dumps(report), flush=True)

    def _write(self) -> bool:
        """Write what the kernel takes; return whether some is left. Appending to what is left keeps a TLS retry legal."""
        while self._outgoing:
            try:
                # A copy: while OpenSSL holds a view, the buffer could not grow.
                del self._outgoing[: self.sock.send(bytes(self._outgoing))]
            except (BlockingIOError, ssl.SSLWantWriteError):
                return True
            except ssl.SSLWantReadError:
                return False
        return False

    def _read(self) -> bool:
        """Read what has come; return whether there is nothing more for now."""
        try:
            data = self.sock.recv(2**16)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        if not data:
            self.ended = "end of file"
        for opcode, mask, payload in self._reader.feed(data):
            if opcode == TEXT:
                self.numbers.append(int(json.loads(unmask(mask, payload))["event_id"].rpartition("_")[2]))
            elif opcode == PING:
                self._outgoing += frame(unmask(mask, payload), PONG)
            elif opcode == CLOSE:
                self.ended = "closed"
                self._outgoing += CLOSE_NORMAL
                self._write()
        return False


def account(numbers: list[int]) -> dict[str, int]:
    """Return how many different messages arrived, how many twice, and how many after a later one."""
    different = len(set(numbers))
    late = sum(later < earlier for earlier, later in itertools.pairwise(numbers))
    return {"received": different, "repeated": len(numbers) - different, "late": late}


@functools.cache
def _numbered_frame() -> tuple[bytes, bytes]:
    """Return what stands before and after the number in a frame of duplex audio."""
    before, _, after = frame(encode(delta("audio", 0, VOICE_BYTES))).partition(b"%021d" % 0)
    return before, after


def duplex(sock: socket.socket, query: dict[str, str]) -> None:
    """Send numbered events at a rate, count what arrives, and report."""
    Duplex(sock, query).run()


MODES = {
    "stream": stream,
    "echo": echo,
    "idle": idle,
    "silent": silent,
    "responses": responses,
    "thinking": thinking,
    "duplex": duplex,
}


def serve(sock: socket.socket, context: ssl.SSLContext | None) -> None:
    """Serve one connection on a thread of its own."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            sock = context.wrap_socket(sock, server_side=True)
        first, headers, rest = read_head(sock)
        if first.startswith("POST"):
            over_http(sock, first, headers, rest)
            return
        query = upgrade(sock, first, headers)
        MODES[query["mode"]](sock, query)
    except ConnectionError:
        return  # Clients that end without a good-bye, with bytes unread, are part of the measurements.
    finally:
        sock.close()


def accept(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    """Start a thread for every connection, for ever."""
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, context), daemon=True).start()


def main() -> None:
    """Listen until standard input ends."""
    parser = argparse.ArgumentParser(description="The server that the benchmarks measure against.")
    parser.add_argument("--tls", metavar="PEM", help="speak TLS, with the certificate and key in this file")
    pem = parser.parse_args().tls
    context = None
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        # Session tickets arrive while a client with two threads writes its first request, and can break it.
        context.num_tickets = 0
    for kind in ("text", "audio"):
        frames(kind)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
