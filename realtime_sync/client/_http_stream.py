"""One response over HTTP, as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from realtime_sync.errors import (
    ConnectionClosed,
    DecodeError,
    LocalProtocolError,
    RemoteProtocolError,
    RequestTimeout,
    ResponseFailed,
    TurnInterrupted,
)
from realtime_sync.http import SseParser
from realtime_sync.responses._events import ENDS, ERRORS, request_error
from realtime_sync.responses._result import ResultBuilder
from realtime_sync.session import QUOTING, ClosesOnExit, without_secrets
from realtime_sync.types import UndecodableEvent, UnknownEvent
from realtime_sync.wire import event_decoder, json

if TYPE_CHECKING:
    from typing_extensions import Self

    from realtime_sync.http import Answer, ServerSentEvent
    from realtime_sync.types.responses import Response, ServerEvent

__all__ = ["HttpResponseStream", "checked", "interrupted"]

_DONE: Final = "[DONE]"
_TEXT: Final = "response.output_text.delta"
_ERROR: Final = "error"
_EXCERPT: Final = 64 * 1024


class HttpResponseStream(ClosesOnExit):
    """One running response, over HTTP: iterate over its events, or over `text()`; `response()` gives the result.

    The events, results and errors are those of a stream over a WebSocket. A context manager: leaving it early closes
    the HTTP connection, which ends the response unless it runs in the background. Dropped, it does the same.

    Threads: one consumer at a time; `close` from any.
    """

    def __init__(self, answer: Answer, max_size: int | None) -> None:
        self._answer = answer
        self._pieces = answer.pieces()
        self._parser = SseParser(max_size)
        self._decode = event_decoder("responses")
        self._waiting: deque[ServerSentEvent] = deque()
        self._builder = ResultBuilder()
        self._failure: RequestTimeout | TurnInterrupted | None = None
        self._is_over = False
        self._closed = False
        content_type = answer.headers.get("content-type", "text/event-stream")
        if "text/event-stream" not in content_type.lower():
            raise self._no_stream(content_type)

    @property
    def request_id(self) -> str | None:
        """The server's id of the HTTP request, for its support."""
        return self._answer.request_id

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ServerEvent:
        """Return the next event; never raises for a status.

        Raises:
            RequestTimeout: the call's time is up; the connection is closed.
            TurnInterrupted: the connection ended before the response did.
            RemoteProtocolError: an event is larger than `max_size`.
        """
        while True:
            if self._is_over:
                self.close()
            if self._closed:
                raise StopIteration
            while self._waiting:
                sent = self._waiting.popleft()
                if sent.data == _DONE:
                    self._failure = self._cut("the server said that it was done, and not how the response ended")
                    self._answer.close()
                    break
                return self._event(sent)  # type: ignore[no-any-return]  # of this API's registry
            self._fetch()

    def text(self) -> Iterator[str]:
        """Iterate over the pieces of text as they arrive."""
        for event in self:
            if event.type == _TEXT and not isinstance(event, UnknownEvent):
                yield event.delta

    def response(self) -> Response:
        """Wait for the end of the response and return it, also what was iterated over before.

        Completed and incomplete responses return: see `Response.status`.

        Raises:
            ResponseFailed: it ended with status "failed".
            ServerError: the server sent an error instead.
            DecodeError: its last event could not be understood.
            LocalProtocolError: the stream was closed before its end; otherwise as iterating.
        """
        for _ in self:
            pass
        if self._builder.error is not None:
            raise request_error(self._builder.error)
        if self._builder.misfit is not None:
            raise self._builder.misfit
        if self._builder.final is None:
            msg = "this stream was closed before its response ended"
            raise LocalProtocolError(msg)
        return checked(self._builder.final)

    get_final_response = response

    def close(self) -> None:
        """Leave: close the HTTP answer, and with it, if the response is not over, the connection. Any thread."""
        self._closed = True
        if self._is_over:
            self._answer.finish()
        else:
            self._answer.close()

    abandon = close

    def _event(self, sent: ServerSentEvent) -> Any:
        event = self._read(sent)
        if event.type in QUOTING:
            event = without_secrets(
                event, sent.data, self._answer.redact, lambda text: self._read(evolve(sent, data=text))
            )
        self._builder.add(event)
        self._is_over = event.type in ENDS or event.type in ERRORS
        return event

    def _read(self, sent: ServerSentEvent) -> Any:
        event = self._decode(sent.data)
        return self._decode(_with_type(sent)) if isinstance(event, UndecodableEvent) else event

    def _fetch(self) -> None:
        """Wait for more to come."""
        if self._failure is None:
            try:
                piece = next(self._pieces, b"")
                if piece:
                    self._waiting.extend(self._parser.feed(piece))
                    return
            except RequestTimeout as error:
                self._failure = RequestTimeout(error.message, partial=self._builder.partial())
            except RemoteProtocolError:
                self._answer.close()
                raise
            except ConnectionClosed as error:
                if self._closed:
                    return
                self._failure = self._cut(error.message, error.closed_by)
                self._failure.__cause__ = error.__cause__
            else:
                where = "between two events" if self._parser.is_idle else "in the midst of an event"
                self._failure = self._cut(f"the stream ended {where}")
            self._answer.close()
        # Whoever asks again hears the same.
        raise self._failure from self._failure.__cause__

    def _cut(self, why: str, closed_by: str = "lost") -> TurnInterrupted:
        return interrupted(why, closed_by, self._builder.partial())

    def _no_stream(self, content_type: str) -> DecodeError:
        """Read a little of what came instead of events, and return the error with it."""
        body = bytearray()
        with suppress(RequestTimeout, ConnectionClosed):
            for piece in self._pieces:
                body += piece
                if len(body) >= _EXCERPT:
                    break
        self._answer.close()
        msg = f"the server answered with {content_type} instead of a stream of events"
        return DecodeError(msg, raw=self._answer.redact(bytes(body[:_EXCERPT]).decode("utf-8", "replace")))


def _with_type(sent: ServerSentEvent) -> str:
    """Return an event's data with the type that stands beside it in the stream, or that its error shows."""
    try:
        data = json.loads(sent.data)
    except (ValueError, RecursionError):
        return json.dumps({"type": _ERROR, "message": sent.data}) if sent.event == _ERROR else sent.data
    if isinstance(data, dict) and "type" not in data and (sent.event or "error" in data):
        return json.dumps({"type": sent.event or _ERROR, **data})
    return sent.data


def interrupted(why: str, closed_by: str, partial: Response | None = None) -> TurnInterrupted:
    """Return the error for a response whose end did not come."""
    code = 1000 if closed_by == "local" else 1006
    return TurnInterrupted(f"the response was cut off: {why}", partial=partial, code=code, closed_by=closed_by)


def checked(response: Response) -> Response:
    """Return a response, unless it failed.

    Raises:
        ResponseFailed: its status is "failed", or it is nothing but an error.
    """
    # Some servers send nothing but an error, with a status of HTTP that says that all is well.
    if response.status != "failed" and (response.error is None or response.status is not None):
        return response
    error = response.error
    what = (error and (error.message or error.code or error.type)) or "no reason was given"
    msg = f"response {response.id} failed: {what}"
    raise ResponseFailed(msg, response=response)
