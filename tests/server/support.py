"""Peers for the local server's tests that are not our own client, and small helpers."""

from __future__ import annotations

import base64
import collections
import contextlib
import json
import math
import queue
import struct
import threading
from typing import TYPE_CHECKING

import pytest
from attrs import define
from websockets.exceptions import ConnectionClosed

from realtime_sync.audio import PCM16_24K, convert
from realtime_sync.server import Faults, Handshake, speak_by_tone
from realtime_sync.server._backend import Backend
from realtime_sync.server.realtime._session import RealtimeSession
from realtime_sync.server.responses._connection import ResponsesConnection
from realtime_sync.server.responses._store import Store

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

    def error_of(self, event):
        """The same while a response runs: other events may come first."""
        self.send(event)
        return self.until("error")[-1]["error"]

    def say(self, text, **response):
        """Send a user message and ask for a response, written unless said otherwise."""
        self.send(user(text), {"type": "response.create", "response": {"output_modalities": ["text"], **response}})

    def ask(self, text, **response):
        """Do a whole turn; return the response of `response.done`."""
        self.say(text, **response)
        done = self.until("response.done")[-1]["response"]
        self.until("rate_limits.updated")
        return done


BETA = "responses_multi_agent=v1"
"""The header that a client of `response.inject` sends."""
TERMINAL = frozenset({"response.completed", "response.failed", "response.incomplete", "error"})
"""What ends a response of the Responses API."""


class Lanes(Peer):
    """A raw client of the Responses API's WebSocket."""

    def create(self, text, /, **params):
        """Ask for a response."""
        self.send({"type": "response.create", "model": "m", "input": text, **params})

    def end_of(self, lane=None):
        """Return the events of a lane up to the last one of its response; those of other lanes are thrown away."""
        events = []
        while not events or events[-1]["type"] not in TERMINAL:
            event = self.next()
            if event.get("stream_id") == lane:
                events.append(event)
        return events

    def answer(self, text, /, **params):
        """Do a whole turn; return its response."""
        self.create(text, **params)
        last = self.end_of(params.get("stream_id"))[-1]
        assert "response" in last, last
        return last["response"]

    def refusal(self, text, /, **params):
        """Ask for a response that is refused; return the error event."""
        self.create(text, **params)
        event = self.next()
        assert event["type"] == "error", event
        return event


class Gates:
    """A responder whose answers wait, each until the test lets it go on; the text of a request names its gate."""

    def __init__(self, answer=None):
        self._answer = answer or (lambda text: ("begun ", None, f"done {text}"))
        self._gates = collections.defaultdict(threading.Event)

    def __call__(self, request):
        for part in self._answer(request.text):
            if part is None:
                assert self._gates[request.text].wait(20)
            else:
                yield part

    def open(self, *names):
        """Let these answers go on."""
        for name in names:
            self._gates[name].set()


class Direct:
    """A session without a network: the test is its connection's thread."""

    is_open = True

    def __init__(self, **options):
        defaults = {
            "responder": lambda _: "",
            "speaker": speak_by_tone,
            "transcriber": lambda _: "",
            "speech_pace": 5.0,
            "faults": Faults(),
            "time_scale": 0,
        }
        self.backend = Backend(**{**defaults, **options})
        self.sent = []
        self._posted = queue.SimpleQueue()
        self.closed_with = None
        self.session = self._session(Handshake(connection=0, path="/", headers={"openai-beta": BETA}))

    def _session(self, handshake):
        return RealtimeSession.start(self, handshake, backend=self.backend, model="m")

    def __enter__(self):
        self.session.on_open()
        return self

    def __exit__(self, *_):
        self.session.on_close()

    # for the session

    def send(self, *events):
        """Take an event from the session (text, and a fault), or hand events to it (dicts)."""
        if isinstance(events[0], str):
            assert events[1] is None
            self.sent.append(json.loads(events[0]))
            return
        for event in events:
            self.session.on_message(json.dumps(event))

    def post(self, act):
        self._posted.put(act)

    def close(self, code, reason):
        self.closed_with = (code, reason)

    # for the test

    def work(self):
        """Do the next thing that a worker posts."""
        self.session.on_post(self._posted.get(timeout=10))

    def until(self, kind):
        """Let the workers go on until an event of this type was sent; return all sent since this was last asked."""
        while not any(event["type"] == kind for event in self.sent):
            self.work()
        events, self.sent = self.sent, []
        return events


class DirectResponses(Direct):
    """The same with a connection of the Responses API."""

    def _session(self, handshake):
        return ResponsesConnection.start(self, handshake, backend=self.backend, store=Store())

    def create(self, text, /, **params):
        """Ask for a response."""
        self.send({"type": "response.create", "model": "m", "input": text, **params})


def user(text, **item):
    """Return the event that creates a user message."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content, **item}}


def update(audio_input=None, audio_output=None, **session):
    """Return a session.update; the first two are merged below audio."""
    audio = {"input": audio_input, "output": audio_output}
    audio = {direction: fields for direction, fields in audio.items() if fields is not None}
    session = {**session, **({"audio": audio} if audio else {})}
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def append(audio, chunk=4800):
    """Return the events that append audio in chunks."""
    chunks = (audio[start : start + chunk] for start in range(0, len(audio), chunk))
    return [{"type": "input_audio_buffer.append", "audio": base64.b64encode(each).decode()} for each in chunks]


def voice(seconds, audio_format=PCM16_24K):
    """Return a tone as loud as speech."""
    sines = (round(8000 * math.sin(2 * math.pi * 200 * n / 24000)) for n in range(120))
    period = struct.pack("<120h", *sines)
    pcm = (period * (1 + int(seconds * 200)))[: PCM16_24K.size(seconds)]
    return convert(pcm, PCM16_24K, audio_format)


def audio_of(events):
    """Return the audio in the events."""
    return b"".join(decoded(event["delta"]) for event in events if event["type"] == "response.output_audio.delta")


def decoded(text):
    """Return the bytes behind base64 text."""
    return base64.b64decode(text)


def types(events):
    """Return the types of events, deltas of one kind in a row counted once."""
    found = [event["type"] for event in events]
    return [each for n, each in enumerate(found) if not each.endswith("delta") or each not in found[n - 1 : n]]


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
