"""A stream of a response as server-sent events, with a heartbeat, and an end when the browser has gone.

A thread of its own reads the stream (`rts-sse-N`), so that the thread of the web server can write a comment while
nothing comes: that keeps proxies from hanging up, and is how a web server finds out that nobody listens any more.
The format is that of the HTML standard, section 9.2 (checked November 2026).
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import define, field, frozen

from realtime_sync.contrib._problem import Problem
from realtime_sync.session import ClosesOnExit
from realtime_sync.types import UnknownEvent

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SSE_HEADERS", "Describe", "ServerSentEvents", "Stream", "frame", "text_events"]

SSE_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # nginx would gather the pieces
}

HEARTBEAT: Final = 15.0
"""Seconds; proxies hang up on silence, most of them after 30 s or 60 s."""

_ALIVE: Final = b": still here\n\n"
_AHEAD: Final = 256
"""Events that are read before the browser has taken the ones before."""

_numbers = itertools.count(1)

Describe = Callable[[Any], "tuple[str, Mapping[str, Any]] | None"]
"""Turns an event of the API into the name and the data of what the browser gets; None: nothing."""


class Stream(Protocol):
    """What can be sent: a `ResponseStream`, a `ConversationStream`, a stream over HTTP or of a pool."""

    def __iter__(self) -> Iterator[Any]: ...

    def response(self) -> Any:
        """Return the response after its end; raises for one that failed."""
        ...

    def close(self) -> None:
        """Leave; any thread, while another iterates."""
        ...


def text_events(event: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Describe the text of the answer, and a refusal, and nothing else: the rest has instructions and tools in it."""
    if isinstance(event, UnknownEvent):
        return None
    if event.type == "response.output_text.delta":
        return "delta", {"text": event.delta}
    if event.type == "response.refusal.delta":
        return "refusal", {"text": event.delta}
    return None


def frame(name: str, data: Mapping[str, Any]) -> bytes:
    """Return one server-sent event: its name, and its data as JSON.

    In ASCII: a piece of text may end in the middle of a pair of surrogates, which only an escape can carry.
    """
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


@frozen
class _Ended:
    """The last that the reading thread says."""

    error: BaseException | None = None


@define(eq=False)
class _Hand:
    """What the two threads share. Only queues and a flag that changes once, so there is no lock.

    Attributes:
        events: those that came, then `_Ended`; None: the one that takes them closed the stream.
        room: one item for every event that may be read ahead.
        wanted: false once nobody takes them any more.
    """

    events: SimpleQueue[Any] = field(factory=SimpleQueue)
    room: SimpleQueue[None] = field(factory=SimpleQueue)
    wanted: bool = True


class ServerSentEvents(ClosesOnExit):
    """The bytes of a response: an iterator that a WSGI server takes as a body, and closes.

    Sent are what `describe` makes of the events, then "done" (`id`, `status`) or "failed" (`code`, `message`); a
    comment after every `heartbeat` seconds without any. Closed before its end, which web servers do when a write
    fails, it leaves the stream at once.

    Threads: one that iterates; `close` from any.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        heartbeat: float | None = HEARTBEAT,
        describe: Describe = text_events,
        debug: bool = False,
    ) -> None:
        """Begin to read.

        Args:
            stream: what to send; it is closed at the end.
            heartbeat: seconds; None: no heartbeat, so that a browser that has gone is only noticed by the next event.
            describe: what the browser gets of each event.
            debug: whether "failed" has the hint for developers.
        """
        self._stream = stream
        self._heartbeat = heartbeat
        self._describe = describe
        self._debug = debug
        self._first: list[bytes] = []
        self._ended: _Ended | None = None
        self._over = False
        self._hand = _Hand()
        for _ in range(_AHEAD):
            self._hand.room.put(None)
        # Not a method: the thread keeps the stream alive, but not this, so that dropping this ends both.
        name = f"rts-sse-{next(_numbers)}"
        threading.Thread(target=_read, args=(stream, self._hand), name=name, daemon=True).start()

    def begin(self) -> Self:
        """Wait for the first text, for `heartbeat` seconds at most, so that what fails by then still has a status.

        Raises:
            Exception: what the stream raised; it is closed.
        """
        try:
            self._first.append(self._chunk())
        except BaseException:
            self.close()
            raise
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return what there is to be sent: all that has come, or the heartbeat."""
        if self._first:
            return self._first.pop()
        if self._over:
            self.close()
            raise StopIteration
        try:
            chunk = self._chunk()
        except Exception as error:  # noqa: BLE001  (the status has gone out, so this is how it is told)
            chunk = self._failed(error)
        if not chunk:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Leave the stream, if it has not ended. Any number of times."""
        self._over = True
        self._hand.wanted = False
        self._hand.room.put(None)
        self._hand.events.put(None)
        self._stream.close()

    def __del__(self) -> None:
        """Have the reading thread leave, at the next event: a response was made and never sent."""
        hand = getattr(self, "_hand", None)
        if hand is not None:
            hand.wanted = False
            hand.room.put(None)

    def _chunk(self) -> bytes:
        """Wait for something to send; after the end of the stream: see that it ended well."""
        if self._ended is not None:
            return self._end(self._ended)
        events, frames = self._hand.events, list[bytes]()
        while not frames:
            try:
                came = events.get(timeout=self._heartbeat)
            except Empty:
                return _ALIVE
            while came is not None and not isinstance(came, _Ended):
                self._hand.room.put(None)
                described = self._describe(came)
                if described is not None:
                    frames.append(frame(*described))
                if events.empty():
                    break
                came = events.get()
            if isinstance(came, _Ended):
                self._ended = came
                return b"".join(frames) or self._end(came)
            if came is None:
                break
        return b"".join(frames)

    def _end(self, ended: _Ended) -> bytes:
        if ended.error is not None:
            raise ended.error
        response = self._stream.response()
        self._over = True
        return frame("done", {"id": response.id, "status": response.status})

    def _failed(self, error: Exception) -> bytes:
        """Leave, and tell the browser why."""
        self.close()
        problem = Problem.of(error)
        problem.log(error)
        return frame("failed", problem.to_dict(debug=self._debug)["error"])


def _read(stream: Stream, hand: _Hand) -> None:
    """Hand over the events of a stream, until its end or until nobody wants them."""
    try:
        for event in stream:
            hand.room.get()
            if not hand.wanted:
                break
            hand.events.put(event)
    except BaseException as error:  # noqa: BLE001  (raised again where the events are taken)
        hand.events.put(_Ended(error))
    else:
        hand.events.put(_Ended())
    finally:
        if not hand.wanted:
            stream.close()
