"""WebSocket frames (RFC 6455 section 5), without sockets, threads or clocks: bytes in, messages out; and back.

Only this module knows what a frame looks like. The codec of an agreed extension is asked about each data frame, and
decodes payloads on their way into a message; what it makes of outgoing ones is given to `build_frame`.
"""

from __future__ import annotations

import codecs
import enum
import math
from collections.abc import Iterable
from typing import Final, final

from attrs import frozen

from realtime_sync.errors import RemoteProtocolError
from realtime_sync.extensions import Codec
from realtime_sync.transport._masking import mask, new_key

__all__ = ["Control", "FrameParser", "Opcode", "build_close", "build_frame", "unbuild_frame"]


class Opcode(enum.IntEnum):
    """What a frame is (RFC 6455 section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@frozen
class Control:
    """A control frame that arrived."""

    opcode: Opcode
    payload: bytes = b""
    """Of a ping or pong."""
    code: int = 1005
    """Of a close frame; 1005 when it had none."""
    reason: str = ""
    """Of a close frame."""


_FIN = 0x80
_WHOLE_TEXT: Final = _FIN | 1
_SHORT: Final = 126
_LONG: Final = 127
_MAX_CONTROL: Final = 125
_SMALLEST = 8 * 1024
_LARGEST = 256 * 1024


@final
class FrameParser:
    """Turn the bytes a server sends into messages.

    The reading thread asks for `space`, lets the kernel write into it and calls `parse`. The buffer starts
    at 8 KB, doubles to 256 KB while reads fill it, and `shrink` gives it back: a large one is resident at
    once, and most connections are idle most of the time. A frame that does not fit the buffer is collected
    aside, as are the fragments of a message, in linear time.

    After a close frame or a fault everything further is thrown away. Not for two threads at once.

    Args:
        max_size: bytes of the largest message to accept, checked from the header on, or piece by piece while a codec
            decodes; None: no limit.
        codec: of the agreed extensions; None: there are none.

    Attributes:
        controls: control frames that arrived, oldest first; the caller takes them out.
        fault: what the peer did wrong, once it did. The messages before it are handed out first.
        is_large: whether the buffer has grown, so that `shrink` may give memory back.
    """

    __slots__ = (
        "_buffer",
        "_codec",
        "_decoding",
        "_done",
        "_end",
        "_filled",
        "_final",
        "_max_size",
        "_message",
        "_opcode",
        "_remaining",
        "_reserved",
        "_start",
        "_utf8_tail",
        "_view",
        "_waited",
        "controls",
        "fault",
        "is_large",
    )

    def __init__(self, max_size: int | None = None, codec: Codec | None = None) -> None:
        self._max_size = math.inf if max_size is None else max_size
        self._codec = codec
        self._reserved = 0x70 if codec is None else 0x70 & ~codec.rsv  # bits that no data frame may have
        self._decoding: Codec | None = None  # of the current frame
        self._buffer = bytearray(_SMALLEST)
        self._view = memoryview(self._buffer)
        self._start = 0  # of what is not parsed yet
        self._end = 0  # of what has arrived
        self._filled = False
        self._message = bytearray()  # what has come of a message that is not complete
        self._opcode: Opcode | None = None  # of that message
        self._utf8_tail = b""  # an incomplete character at its end
        self._remaining = 0  # bytes to come of a frame that is collected aside
        self._final = True  # whether that frame is the last of its message
        self._waited = False  # whether the last read ended inside a frame that is waited for
        self._done = False
        self.controls: list[Control] = []
        self.fault: RemoteProtocolError | None = None
        self.is_large = False

    def space(self) -> memoryview:
        """Return where the next bytes go; never empty."""
        if self._filled and len(self._buffer) < _LARGEST:
            self._new_buffer(len(self._buffer) * 2)
        elif self._start and len(self._buffer) - self._end < len(self._buffer) // 4:
            waiting = self._end - self._start
            self._view[:waiting] = self._view[self._start : self._end]
            self._start, self._end = 0, waiting
        self._filled = False
        return self._view[self._end :]

    def shrink(self) -> None:
        """Go back to a small buffer if nothing waits in it."""
        if self.is_large and self._start == self._end:
            self._new_buffer(_SMALLEST)

    def parse(self, count: int) -> list[str | bytes]:
        """Parse `count` bytes that were put into `space`; return the messages they complete, in order."""
        end = self._end + count
        self._filled = end == len(self._buffer)
        position = end
        messages: list[str | bytes] = []
        if not self._done:
            try:
                position = self._start
                if self._opcode is None and self._codec is None:
                    position = self._whole_texts(messages, position, end)
                if position < end:
                    position = self._parse(messages, position, end)
                else:
                    self._waited = False
            except RemoteProtocolError as fault:
                self.fault = fault
                self._done = True
            except UnicodeDecodeError as error:
                self.fault = RemoteProtocolError("a text message was not valid UTF-8", code=1007)
                self.fault.__cause__ = error
                self._done = True
            except Exception as error:
                if self._codec is None:
                    raise
                self.fault = RemoteProtocolError(f"an extension failed ({type(error).__name__})", code=1011)
                self.fault.__cause__ = error
                self._done = True
        if self._done:
            position = end
            self._message = bytearray()
        if position == end:
            self._start = self._end = 0
        else:
            self._start, self._end = position, end
        return messages

    def feed(self, data: bytes) -> list[str | bytes]:
        """Parse bytes from somewhere else than `space`."""
        messages: list[str | bytes] = []
        rest = memoryview(data)
        while rest:
            space = self.space()
            count = min(len(space), len(rest))
            space[:count] = rest[:count]
            messages += self.parse(count)
            rest = rest[count:]
        return messages

    def _parse(self, messages: list[str | bytes], at: int, end: int) -> int:
        """Parse the buffer from `at` to `end`, add what is complete to `messages`, return where it stopped."""
        begin, waited, self._waited = self._start, self._waited, False
        while not self._done:
            if self._remaining:
                at = self._collect(messages, at, end)
            if self._opcode is None and self._codec is None:
                at = self._whole_texts(messages, at, end)
            body = at + 2
            if body > end:
                break
            first, size = self._buffer[at], self._buffer[at + 1]
            if size >= _SHORT:
                # 126 and 127 announce 2 and 8 bytes of length; the rest has the mask bit, refused below.
                body += 2 if size == _SHORT else 8 if size == _LONG else 0
                if body > end:
                    break
                size = self._long_size(size, self._view[at + 2 : body])
            opcode = self._check_first(first, size)
            stop = body + size
            if stop > end and self._waits_for(opcode, stop - at, again=waited and at == begin):
                break
            if opcode >= Opcode.CLOSE:
                self._control(opcode, bytes(self._view[body:stop]))
                at = stop
            else:
                self._begin(opcode, first, size)
                at = body
                if not size:
                    self._end_frame(messages)
        return at

    def _waits_for(self, opcode: Opcode, size: int, *, again: bool) -> bool:
        """Tell whether the rest of a frame is waited for before its payload is looked at.

        Taking it as it comes costs a little more. A codec is shown every frame at once, as it knows which ones grow; a
        frame for which an earlier read was not enough either is looked at for bad UTF-8, to fail early.
        """
        if opcode < Opcode.CLOSE and (self._codec is not None or size > len(self._buffer) or again):
            return False
        self._waited = True
        return True

    def _whole_texts(self, messages: list[str | bytes], at: int, end: int) -> int:
        """Hand out the unfragmented texts of up to 64 KB that begin at `at` and are complete: nearly all there is."""
        buffer, view, limit, append = self._buffer, self._view, self._max_size, messages.append
        last = end - 4
        while at < last and buffer[at] == _WHOLE_TEXT:
            size = buffer[at + 1]
            if size < _SHORT:
                body = at + 2
            elif size == _SHORT:
                size = buffer[at + 2] << 8 | buffer[at + 3]
                if size < _SHORT:
                    break
                body = at + 4
            else:
                break
            stop = body + size
            if stop > end or size > limit:
                break
            append(str(view[body:stop], "utf-8"))
            at = stop
        return at

    @staticmethod
    def _long_size(marker: int, octets: memoryview) -> int:
        if marker > _LONG:
            msg = "the server masked a frame, which only a client may do"
            raise RemoteProtocolError(msg)
        size = int.from_bytes(octets, "big")
        if size < _SHORT or (marker == _LONG and size < 2**16) or size >= 2**63:
            msg = "a frame's length was not encoded in the shortest way, or is impossible"
            raise RemoteProtocolError(msg)
        return size

    def _check_first(self, first: int, size: int) -> Opcode:
        """Check a frame's first byte and its size, which must be known from the header on."""
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            msg = f"a frame had the reserved opcode {first & 0x0F}"
            raise RemoteProtocolError(msg) from None
        if first & (self._reserved if opcode < Opcode.CLOSE else 0x70):
            msg = "a frame had a reserved bit set that no extension was agreed on for"
            raise RemoteProtocolError(msg)
        if opcode >= Opcode.CLOSE:
            if size > _MAX_CONTROL or not first & _FIN:
                msg = f"a {opcode.name.lower()} frame was fragmented or longer than 125 bytes"
                raise RemoteProtocolError(msg)
        elif (opcode is Opcode.CONTINUATION) == (self._opcode is None):
            what = "a continuation of nothing" if self._opcode is None else "a new message inside a fragmented one"
            msg = f"a frame was {what}"
            raise RemoteProtocolError(msg)
        elif self._codec is None:
            self._check_size(size)
        return opcode

    def _check_size(self, more: int) -> None:
        """Check that a message may have `more` bytes than it has."""
        if len(self._message) + more > self._max_size:
            msg = f"a message of more than max_size ({self._max_size} bytes) was coming"
            raise RemoteProtocolError(msg, code=1009)

    def _begin(self, opcode: Opcode, first: int, size: int) -> None:
        if self._codec is not None:
            self._decoding = self._codec if self._codec.begin(opcode, first & self._codec.rsv) else None
            if self._decoding is None:
                self._check_size(size)
        if opcode is not Opcode.CONTINUATION:
            self._opcode = opcode
        self._final = bool(first & _FIN)
        self._remaining = size

    def _collect(self, messages: list[str | bytes], at: int, end: int) -> int:
        """Put what is there of the current frame's payload aside; return where that ends."""
        stop = min(end, at + self._remaining)
        piece = self._view[at:stop]
        if self._decoding is None:
            self._add(piece)
        else:
            self._add_decoded(self._decoding.decode(piece))
        self._remaining -= stop - at
        if not self._remaining:
            self._end_frame(messages)
        return stop

    def _add_decoded(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._check_size(len(piece))
            self._add(piece)

    def _add(self, piece: memoryview | bytes) -> None:
        """Add to the current message."""
        if self._opcode is Opcode.TEXT:
            # Decoded only to fail early; once more, in one go, when the message is complete.
            text = self._utf8_tail + bytes(piece) if self._utf8_tail else piece
            used = codecs.utf_8_decode(text, "strict", False)[1]  # noqa: FBT003
            self._utf8_tail = bytes(text[used:])
        self._message += piece

    def _end_frame(self, messages: list[str | bytes]) -> None:
        if self._decoding is not None:
            self._add_decoded(self._decoding.end(is_final=self._final))
        if not self._final:
            return
        if self._utf8_tail:
            msg = "a text message ended inside a character"
            raise RemoteProtocolError(msg, code=1007)
        messages.append(str(self._message, "utf-8") if self._opcode is Opcode.TEXT else bytes(self._message))
        self._message = bytearray()
        self._opcode = None

    def _control(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is not Opcode.CLOSE:
            self.controls.append(Control(opcode, payload))
            return
        if not payload:
            self.controls.append(Control(opcode))
        else:
            code = int.from_bytes(payload[:2], "big")
            if len(payload) == 1 or not _may_arrive(code):
                msg = "a close frame had a code that must not be sent, or half of one"
                raise RemoteProtocolError(msg)
            self.controls.append(Control(opcode, code=code, reason=str(payload[2:], "utf-8")))
        self._done = True

    def _new_buffer(self, size: int) -> None:
        old = self._view[self._start : self._end]
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._view[: len(old)] = old
        self._start, self._end = 0, len(old)
        self.is_large = size > _SMALLEST


def _may_arrive(code: int) -> bool:
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in (1004, 1005, 1006))  # noqa: PLR2004


def build_frame(opcode: int, payload: bytes, *, rsv: int = 0) -> bytes:
    """Return one masked frame, ready to be written, with the reserved bits `rsv` set."""
    size = len(payload)
    first = _FIN | rsv | opcode
    key = new_key()
    if size < _SHORT:
        head = bytes((first, 0x80 | size))
    elif size < 2**16:
        head = bytes((first, 0x80 | _SHORT, size >> 8, size & 0xFF))
    else:
        head = bytes((first, 0x80 | _LONG)) + size.to_bytes(8, "big")
    return head + key + mask(payload, key)


def unbuild_frame(frame: bytes) -> tuple[int, bytes]:
    """Return opcode and payload of a frame that `build_frame` made without reserved bits."""
    size = frame[1] & 0x7F
    key_at = 2 if size < _SHORT else 4 if size == _SHORT else 10
    return frame[0] & 0x0F, mask(frame[key_at + 4 :], frame[key_at : key_at + 4])


def build_close(code: int, reason: str = "") -> bytes:
    """Return a close frame; code 1005 makes one without a code."""
    payload = b"" if code == 1005 else code.to_bytes(2, "big") + reason.encode()  # noqa: PLR2004
    return build_frame(Opcode.CLOSE, payload)
