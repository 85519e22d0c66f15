"""Agreeing on extensions: the Sec-WebSocket-Extensions header, both ways, and several codecs as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, final

from realtime_sync.config import ConnectionOptions
from realtime_sync.extensions import Codec, Extension, Parameters
from realtime_sync.transport._deflate import PerMessageDeflate

__all__ = ["agree", "offer_header", "offered", "parse_header"]

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # a pattern, no secret
_QUOTED: Final = r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"'
_PARAMETER: Final = re.compile(rf"[ \t]*;[ \t]*({_TOKEN})(?:[ \t]*=[ \t]*({_TOKEN}|{_QUOTED}))?")
_NAME: Final = re.compile(rf"[ \t]*({_TOKEN})")
_NEXT: Final = re.compile(r"[ \t]*(?:,|$)")
_WHOLE_TOKEN: Final = re.compile(_TOKEN)


def offered(options: ConnectionOptions) -> tuple[Extension, ...]:
    """Return the extensions to offer: those of the options, and what ``compression`` adds to them."""
    deflate = PerMessageDeflate()
    if options.compression is None or any(each.name == deflate.name for each in options.extensions):
        return options.extensions
    return (*options.extensions, deflate)


def offer_header(extensions: Sequence[Extension]) -> str:
    """Return the header value that offers extensions, each alternative on its own, in order of preference."""
    return ", ".join(
        "; ".join([each.name, *(name if value is None else f"{name}={value}" for name, value in parameters)])
        for each in extensions
        for parameters in each.offers()
    )


def parse_header(value: str) -> list[tuple[str, Parameters]]:
    """Take a header value apart (RFC 6455 section 9.1).

    Raises:
        ValueError: it does not follow the grammar.
    """
    found: list[tuple[str, Parameters]] = []
    at = 0
    while at < len(value):
        name = _NAME.match(value, at)
        if name is None:
            # Lists may have empty elements (RFC 9110 section 5.6.1), but a parameter has a name.
            empty = _NEXT.match(value, at)
            if empty is None:
                raise _malformed()
            at = empty.end()
            continue
        at = name.end()
        parameters: list[tuple[str, str | None]] = []
        while parameter := _PARAMETER.match(value, at):
            parameters.append((parameter[1], _unquote(parameter[2])))
            at = parameter.end()
        separator = _NEXT.match(value, at)
        if separator is None:
            raise _malformed()
        at = separator.end()
        found.append((name[1], tuple(parameters)))
    return found


def _unquote(value: str | None) -> str | None:
    if value is None or not value.startswith('"'):
        return value
    plain = re.sub(r"\\(.)", r"\1", value[1:-1])
    if not _WHOLE_TOKEN.fullmatch(plain):
        raise _malformed()  # Quoted or not, a value is a token.
    return plain


def _malformed() -> ValueError:
    return ValueError("its Sec-WebSocket-Extensions header is malformed")


def agree(extensions: Sequence[Extension], header: str | None) -> Codec | None:
    """Return the codec for the extensions that a response's header (None: it has none) accepts; None: no extension.

    Raises:
        ValueError: the response accepts what was not offered, or accepts it in a way that was not.
    """
    by_name = {each.name: each for each in extensions}
    codecs: list[Codec] = []
    for name, parameters in parse_header(header or ""):
        extension = by_name.pop(name, None)
        if extension is None:
            twice = any(each.name == name for each in extensions)
            msg = (
                f"it accepted the WebSocket extension {name} twice"
                if twice
                else "it chose a WebSocket extension that was not offered"
            )
            raise ValueError(msg)
        try:
            codecs.append(extension.accept(parameters))
        except ValueError as error:
            msg = f"it accepted the WebSocket extension {name} in a way that was not offered: {error}"
            raise ValueError(msg) from error
    claimed = 0
    for codec in codecs:
        if claimed & codec.rsv:
            msg = "it accepted two WebSocket extensions that use the same reserved bit"
            raise ValueError(msg)
        claimed |= codec.rsv
    return _Chain(codecs) if len(codecs) > 1 else codecs[0] if codecs else None


@final
class _Chain(Codec):
    """Several codecs as one, in the order of the server's response: messages out pass the first one first."""

    __slots__ = ("_active", "_codecs", "rsv")

    def __init__(self, codecs: Sequence[Codec]) -> None:
        self._codecs = tuple(codecs)
        self._active: tuple[Codec, ...] = ()  # those that decode the current frame, in the order of decoding
        self.rsv = 0
        for codec in codecs:
            self.rsv |= codec.rsv

    def encode(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        bits = 0
        for codec in self._codecs:
            more, payload = codec.encode(opcode, payload)
            bits |= more
        return bits, payload

    def begin(self, opcode: int, rsv: int) -> bool:
        self._active = tuple(codec for codec in reversed(self._codecs) if codec.begin(opcode, rsv & codec.rsv))
        return bool(self._active)

    def decode(self, data: memoryview | bytes) -> Iterator[bytes]:
        return self._from(0, (data,))

    def end(self, *, is_final: bool) -> Iterator[bytes]:
        for index, codec in enumerate(self._active):
            # What one held back still has to pass those that come after it, before they are told of the end.
            yield from self._from(index + 1, codec.end(is_final=is_final))

    def _from(self, index: int, pieces: Iterable[memoryview | bytes]) -> Iterator[bytes]:
        """Pass pieces through the active codecs from `index` on."""
        if index == len(self._active):
            yield from map(bytes, pieces)
            return
        for piece in pieces:
            yield from self._from(index + 1, self._active[index].decode(piece))
