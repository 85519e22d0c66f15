"""permessage-deflate (RFC 7692): messages compressed one by one, with a memory of the earlier ones if both sides like.

Corrupt data closes the connection with 1007, as it is the data that makes no sense and not the framing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, final

from attrs import Attribute, field, frozen

from realtime_sync.errors import ConfigurationError, RemoteProtocolError
from realtime_sync.extensions import RSV1, Codec, Extension, Parameters

__all__ = ["PerMessageDeflate"]

_TAIL: Final = b"\x00\x00\xff\xff"
"""Ends what a sync flush writes; left out on the wire (RFC 7692 section 7.2.1)."""
_CHUNK: Final = 64 * 1024
"""Bytes inflated at a time: so far may a message go beyond `max_size` before it is refused."""
_SLICE: Final = 16 * 1024
"""Bytes of input at a time: zlib copies what it did not get to, so a large input would be copied very often."""
_CONTINUATION: Final = 0
_MOST_BITS: Final = 15
_SMALLEST_DEFLATE: Final = 9
"""zlib refuses to write a raw stream with a window of 256 bytes. With one of 512 it never refers back further than 250
(the window less its look-ahead of 262), so what it writes fits the smaller window as well."""


def _bits_or_none(_: object, attribute: Attribute[int | None], value: object) -> None:
    if value is not None and not _is_within(value, 8, _MOST_BITS):
        msg = f"{attribute.name} must be a whole number from 8 to 15, or None; got {value!r}"
        raise ConfigurationError(msg)


def _within(least: int, most: int) -> Callable[[object, Attribute[int], object], None]:
    def check(_: object, attribute: Attribute[int], value: object) -> None:
        if not _is_within(value, least, most):
            msg = f"{attribute.name} must be a whole number from {least} to {most}; got {value!r}"
            raise ConfigurationError(msg)

    return check


def _is_within(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _flag(_: object, attribute: Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        msg = f"{attribute.name} must be True or False; got {value!r}"
        raise ConfigurationError(msg)


@final
@frozen(kw_only=True)
class PerMessageDeflate(Extension):
    """Compression of messages in both directions, if the server agrees.

    The defaults are what ``compression="deflate"`` means. A connection that uses it holds about 100 KB more: 45 KB for
    inflating, and for deflating ``2 ** (client_max_window_bits + 2) + 2 ** (mem_level + 9)`` bytes.

    Raises:
        ConfigurationError: a value that cannot work.
    """

    name = "permessage-deflate"

    server_no_context_takeover: bool = field(default=False, validator=_flag)
    """Ask the server to forget each message after sending it: less memory here, larger messages."""
    client_no_context_takeover: bool = field(default=False, validator=_flag)
    """Forget each message after sending it: less memory on both sides, larger messages."""
    server_max_window_bits: int | None = field(default=None, validator=_bits_or_none)
    """Ask the server to look back at most ``2 ** bits`` bytes, 8 to 15. None: do not ask."""
    client_max_window_bits: int = field(default=13, validator=_within(8, _MOST_BITS))
    """Look back at most ``2 ** bits`` bytes, 8 to 15; the server may ask for less."""
    level: int = field(default=1, validator=_within(1, 9))
    """1 (fast) to 9 (small). Events are short and alike, so that more than 1 gains little."""
    mem_level: int = field(default=5, validator=_within(1, 9))
    """Memory of the deflater besides its window: ``2 ** (mem_level + 9)`` bytes; 1 to 9."""
    min_size: int = field(default=64, validator=_within(1, 2**31))
    """Bytes from which on a message is compressed. RFC 7692 section 6 leaves the choice to the sender, and what is left
    out of so short a message does not pay for the time: it fits one packet either way."""

    def offers(self) -> Sequence[Parameters]:
        """Return one offer; a server that cannot meet it declines, and messages go uncompressed."""
        asked: list[tuple[str, str | None]] = []
        if self.server_no_context_takeover:
            asked.append(("server_no_context_takeover", None))
        if self.client_no_context_takeover:
            asked.append(("client_no_context_takeover", None))
        if self.server_max_window_bits is not None:
            asked.append(("server_max_window_bits", str(self.server_max_window_bits)))
        # The name alone, as browsers offer it: it lets the server choose, and using less needs nobody's leave. Servers
        # that are set to more than a number given here refuse the upgrade (seen with ws 8).
        asked.append(("client_max_window_bits", None))
        return (tuple(asked),)

    def accept(self, parameters: Parameters) -> Codec:
        """Return the codec for what the server agreed to.

        Raises:
            ValueError: a parameter is unknown, given twice, has no legal value, or does not answer the offer.
        """
        agreed: dict[str, int] = {}
        for name, value in parameters:
            if name in agreed:
                msg = f"{name} was given twice"
                raise ValueError(msg)
            agreed[name] = _read(name, value)
        self._check(agreed)
        return _Deflate(
            deflater=_DeflateSettings(
                level=self.level,
                bits=min(agreed.get("client_max_window_bits", _MOST_BITS), self.client_max_window_bits),
                mem_level=self.mem_level,
                min_size=self.min_size,
                keeps=not (self.client_no_context_takeover or "client_no_context_takeover" in agreed),
            ),
            inflate_bits=agreed.get("server_max_window_bits", _MOST_BITS),
            keeps_inflater="server_no_context_takeover" not in agreed,
        )

    def _check(self, agreed: dict[str, int]) -> None:
        """Check that legal parameters answer what was offered (RFC 7692 section 7.1)."""
        if self.server_no_context_takeover and "server_no_context_takeover" not in agreed:
            msg = "server_no_context_takeover was asked for and is missing"
            raise ValueError(msg)
        if self.server_max_window_bits is not None:
            bits = agreed.get("server_max_window_bits")
            if bits is None:
                msg = "server_max_window_bits was asked for and is missing"
                raise ValueError(msg)
            if bits > self.server_max_window_bits:
                msg = f"server_max_window_bits is larger than the {self.server_max_window_bits} that were asked for"
                raise ValueError(msg)


def _read(name: str, value: str | None) -> int:
    """Return the value of a response parameter; 1 for one that has none."""
    if name in ("server_no_context_takeover", "client_no_context_takeover"):
        if value is not None:
            msg = f"{name} takes no value"
            raise ValueError(msg)
        return 1
    if name not in ("server_max_window_bits", "client_max_window_bits"):
        msg = "a parameter is unknown"
        raise ValueError(msg)
    if value not in ("8", "9", "10", "11", "12", "13", "14", "15"):
        msg = f"{name} must be a number from 8 to 15"
        raise ValueError(msg)
    return int(value)


@frozen(kw_only=True)
class _DeflateSettings:
    """How this side compresses on one connection."""

    level: int
    bits: int
    mem_level: int
    min_size: int
    keeps: bool

    def make(self) -> Any:  # zlib does not export the type of its compressors.
        bits = max(self.bits, _SMALLEST_DEFLATE)
        return zlib.compressobj(self.level, zlib.DEFLATED, -bits, self.mem_level)


@final
class _Deflate(Codec):
    """The compressor and the decompressor of one connection, each made when it is first needed."""

    __slots__ = ("_deflater", "_inflate_bits", "_inflater", "_is_compressed", "_keeps_inflater", "_settings")

    rsv = RSV1

    def __init__(self, *, deflater: _DeflateSettings, inflate_bits: int, keeps_inflater: bool) -> None:
        self._settings = deflater
        self._inflate_bits = inflate_bits
        self._keeps_inflater = keeps_inflater
        self._deflater: Any = None
        self._inflater: Any = None
        self._is_compressed = False  # the message that is coming

    def encode(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        """Compress a message, unless it is too short or (where nothing is remembered) does not get shorter."""
        del opcode
        settings = self._settings
        if len(payload) < settings.min_size:
            return 0, payload
        deflater = self._deflater or settings.make()
        data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
        if settings.keeps:
            # It refers back to this message from now on, so that it has to be sent like this.
            self._deflater = deflater
        elif len(data) - len(_TAIL) >= len(payload):
            return 0, payload
        return RSV1, data[: -len(_TAIL)]

    def begin(self, opcode: int, rsv: int) -> bool:
        """Take RSV1 on a message's first frame for "compressed"; it means nothing anywhere else (section 6)."""
        if opcode != _CONTINUATION:
            self._is_compressed = bool(rsv)
        elif rsv:
            msg = "a continuation frame had the bit that marks a compressed message, which belongs on its first frame"
            raise RemoteProtocolError(msg)
        return self._is_compressed

    def decode(self, data: memoryview | bytes) -> Iterator[bytes]:
        """Inflate, 64 KB at a time."""
        for at in range(0, len(data), _SLICE):
            yield from self._inflate(data[at : at + _SLICE])

    def end(self, *, is_final: bool) -> Iterator[bytes]:
        """Put back what the sender left out at the end of a message."""
        # Without an inflater the sender's stream has ended with the message, and nothing was left out.
        if is_final and self._inflater is not None and self._is_compressed:
            yield from self._inflate(_TAIL)
            if not self._keeps_inflater:
                self._inflater = None

    def _inflate(self, data: memoryview | bytes) -> Iterator[bytes]:
        more = True
        while more:
            inflater = self._inflater or self._make_inflater()
            try:
                piece = inflater.decompress(data, _CHUNK)
            except zlib.error as error:
                msg = "a compressed message was corrupt"
                raise RemoteProtocolError(msg, code=1007) from error
            if inflater.eof:
                # The sender ended its stream, as it may (section 7.2.3.4), and what follows begins another.
                data, self._inflater = inflater.unused_data, None
                more = bool(data)
            else:
                data = inflater.unconsumed_tail
                # A full chunk may have more behind it even when all the input is taken in.
                more = bool(data) or len(piece) == _CHUNK
            if piece:
                yield piece

    def _make_inflater(self) -> Any:
        self._inflater = zlib.decompressobj(-max(self._inflate_bits, _SMALLEST_DEFLATE))
        return self._inflater
