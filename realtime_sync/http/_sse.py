"""Server-sent events, as the HTML Living Standard (section 9.2, "Parsing an event stream") describes them.

Pure: bytes in, events out. The bytes may be cut anywhere, in the midst of a character or between CR and LF.
"""

from __future__ import annotations

from typing import Final

from attrs import define, field, frozen

from realtime_sync.errors import RemoteProtocolError

__all__ = ["ServerSentEvent", "SseParser"]

_BOM: Final = b"\xef\xbb\xbf"
_TOO_BIG: Final = 1009


@frozen(kw_only=True)
class ServerSentEvent:
    """One event of a stream.

    Attributes:
        data: its lines, joined with line feeds.
        event: its name; "" if it has none.
        id: of the last event that had one, this one included.
    """

    data: str
    event: str = ""
    id: str = ""


@define(eq=False)
class SseParser:
    """Takes the pieces of one stream in order. For one thread at a time.

    Attributes:
        max_size: bytes that one line, or the data of one event, may have; None: no limit.
        retry: milliseconds the server asked clients to wait before they connect again; None: it did not.
    """

    max_size: int | None = None
    retry: int | None = field(init=False, default=None)
    _line: bytearray = field(init=False, factory=bytearray)
    _started: bool = field(init=False, default=False)
    _after_cr: bool = field(init=False, default=False)
    _data: list[str] = field(init=False, factory=list)
    _size: int = field(init=False, default=0)
    _event: str = field(init=False, default="")
    _id: str = field(init=False, default="")

    @property
    def unfinished(self) -> bytes:
        """What came since the last whole line; and b"" does not mean that an event is complete."""
        return bytes(self._line)

    @property
    def is_idle(self) -> bool:
        """Whether the stream ends here without cutting an event, or a line, in two."""
        return not self._line and not self._data and not self._event

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """Return the events that are complete with this piece.

        Raises:
            RemoteProtocolError: a line or an event is larger than `max_size`.
        """
        events: list[ServerSentEvent] = []
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        for part in piece.splitlines(keepends=True):
            # bytes.splitlines knows CR, LF and CRLF, and no other ends of lines.
            text = part.rstrip(b"\r\n") if part[-1:] in (b"\r", b"\n") else part
            self._line += text
            self._check(len(self._line))
            if len(text) == len(part):
                break  # The rest of this line is still to come.
            line, self._line = bytes(self._line), bytearray()
            if not self._started:
                self._started = True
                line = line.removeprefix(_BOM)
            if line:
                self._take(line)
            elif (event := self._dispatch()) is not None:
                events.append(event)
        if piece:
            self._after_cr = piece.endswith(b"\r")
        return events

    def _take(self, line: bytes) -> None:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(line)
            self._check(self._size)
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value[:9])

    def _dispatch(self) -> ServerSentEvent | None:
        data, event = self._data, self._event
        self._data, self._size, self._event = [], 0, ""
        return ServerSentEvent(data="\n".join(data), event=event, id=self._id) if data else None

    def _check(self, size: int) -> None:
        if self.max_size is not None and size > self.max_size:
            msg = f"an event of the stream is larger than max_size ({self.max_size} bytes)"
            raise RemoteProtocolError(msg, code=_TOO_BIG)
