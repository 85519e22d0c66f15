"""What a scripted server says and hears in a voice turn."""

from __future__ import annotations

import base64
import threading

from tests.support.scripted import SESSION

SPEECH = bytes(range(1, 251)) * 48
"""A quarter of a second of PCM16 at 24 kHz; it need not sound like anything."""
PCM = {"type": "audio/pcm", "rate": 24000}
VAD = {"type": "server_vad", "silence_duration_ms": 100}


def session(detection=VAD, *, transcription=None, input_format=PCM, output_format=PCM, **fields):
    """Return a session as servers of today show it; VAD by default, None for push to talk."""
    heard = {"format": input_format, "turn_detection": detection, "transcription": transcription}
    audio = {"input": heard, "output": {"format": output_format, "voice": "marin"}}
    return {**SESSION, "output_modalities": ["audio"], "audio": audio, **fields}


def greet(rt, peer, *arguments, **fields):
    """Send session.created and take it out."""
    told = session(*arguments, **fields)
    peer.send("session.created", session=told)
    assert rt.receive(timeout=10).type == "session.created"
    return peer


def listen(peer, kind=None):
    """Read appends up to the first other event, which has to be of this type; return their audio and the event."""
    audio = b""
    while True:
        event = peer.receive()
        if event["type"] != "input_audio_buffer.append":
            assert kind in (None, event["type"]), event
            return audio, event
        audio += base64.b64decode(event["audio"])


def hear(peer, size):
    """Read appends until so many bytes came; return them."""
    audio = b""
    while len(audio) < size:
        event = peer.receive()
        assert event["type"] == "input_audio_buffer.append", event
        audio += base64.b64decode(event["audio"])
    return audio


def start_speech(peer, item_id="said_1"):
    """Say that speech began."""
    peer.send("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)


def commit(peer, item_id="said_1"):
    """Say that the user's audio became an item."""
    peer.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
    part = {"type": "input_audio", "transcript": None}
    item = {"id": item_id, "type": "message", "role": "user", "status": "completed", "content": [part]}
    peer.send("conversation.item.added", previous_item_id=None, item=item)


def end_speech(peer, item_id="said_1"):
    """Say that speech ended, and what came of it."""
    peer.send("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=250)
    commit(peer, item_id)


def begin(peer, response_id="resp_1", metadata=None, **fields):
    """Begin a response that speaks."""
    response = {"object": "realtime.response", "id": response_id, "metadata": metadata, "output": [], **fields}
    peer.send("response.created", response={**response, "status": "in_progress"})
    item = {"id": f"item_of_{response_id}", "type": "message", "role": "assistant", "status": "in_progress"}
    peer.send("response.output_item.added", response_id=response_id, output_index=0, item={**item, "content": []})


def say(peer, audio=b"", text="", response_id="resp_1", *, item_id=None, content_index=0):
    """Send a piece of a response: its audio, its transcript, or both."""
    place = {
        "response_id": response_id,
        "item_id": item_id or f"item_of_{response_id}",
        "output_index": 0,
        "content_index": content_index,
    }
    if text:
        peer.send("response.output_audio_transcript.delta", **place, delta=text)
    if audio:
        peer.send("response.output_audio.delta", **place, delta=base64.b64encode(audio).decode())


def finish(peer, response_id="resp_1", status="completed", reason=None, **fields):
    """End a response."""
    details = {"type": status, "reason": reason} if reason else None
    response = {"object": "realtime.response", "id": response_id, "metadata": None, "output": []}
    peer.send("response.done", response={**response, "status": status, "status_details": details, **fields})


def speak(peer, audio=b"", text="", response_id="resp_1", metadata=None, **fields):
    """Send a whole response."""
    begin(peer, response_id, metadata)
    say(peer, audio, text, response_id)
    finish(peer, response_id, **fields)


def transcript(peer, text="what I said", item_id="said_1"):
    """Send the end of a transcript of the user's audio; None: it failed."""
    place = {"item_id": item_id, "content_index": 0}
    kind = "conversation.item.input_audio_transcription."
    if text is None:
        peer.send(f"{kind}failed", **place, error={"type": "e", "code": "c", "message": "m"})
    else:
        peer.send(f"{kind}completed", **place, transcript=text, usage={"type": "duration", "seconds": 1})


def metadata_of(create):
    """Return the metadata to echo."""
    return create.get("response", {}).get("metadata")


class Microphone:
    """A live source whose pieces a test gives; `asked_by` has the thread of each question."""

    def __init__(self):
        self._pieces = []
        self._there = threading.Semaphore(0)
        self._asked = threading.Semaphore(0)
        self.asked_by = []

    def give(self, piece):
        """Let the source have one more piece; None ends it, an exception is raised by it."""
        self._pieces.append(piece)
        self._there.release()

    def wait_asked(self):
        """Wait until the next question."""
        assert self._asked.acquire(timeout=10)

    def __iter__(self):
        return self

    def __next__(self):
        self.asked_by.append(threading.current_thread())
        self._asked.release()
        assert self._there.acquire(timeout=10)
        piece = self._pieces.pop(0)
        if piece is None:
            raise StopIteration
        if isinstance(piece, BaseException):
            raise piece
        return piece() if callable(piece) else piece


def assert_idle(rt):
    """Check that nothing of any turn is left."""
    book = rt._api.book
    assert book.slot.holder is None
    assert book.slot.occupant is None
    assert book.input.floor.holder is None
    assert book.input.speaker is None
    left = (
        book.routes.responses,
        book.routes.items,
        book.routes.events,
        book.routes.tokens,
        book.creates.entries,
        book._silenced,
    )
    assert not any(left), left
    assert not book.input._commits
    assert not book.input._clears
    assert rt._core.flow.consumers <= set(rt._core.callbacks.both)
    assert not rt._core.flow.waits
