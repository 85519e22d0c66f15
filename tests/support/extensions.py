"""A second extension, as different from compression as can be, which shows that the interface is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime_sync.errors import RemoteProtocolError
from realtime_sync.extensions import RSV2, Codec, Extension, Parameters

__all__ = ["Xor", "xor"]


def xor(data: bytes, key: int) -> bytes:
    """Return the data with every byte changed by the key; it undoes itself."""
    return bytes(byte ^ key for byte in data)


class Xor(Extension):
    """Change every byte by a key that the server picks, mark every frame with RSV2, end messages with "." or "?".

    Unlike permessage-deflate it has a bit on every frame, holds back the last byte until it knows what it is, adds
    something for it, and has parameters of its own.
    """

    name = "x-xor"

    def __init__(self, *keys: int) -> None:
        self.keys = keys or (7,)

    def offers(self) -> Sequence[Parameters]:
        return [(("key", str(key)), ("marked", None)) for key in self.keys]

    def accept(self, parameters: Parameters) -> Codec:
        for key in self.keys:
            if parameters == (("key", str(key)),):
                return XorCodec(key)
        msg = "no such key was offered"
        raise ValueError(msg)


class XorCodec(Codec):
    rsv = RSV2

    def __init__(self, key: int) -> None:
        self.key = key
        self._held = b""

    def encode(self, opcode: int, payload: bytes) -> tuple[int, bytes]:  # noqa: ARG002
        return RSV2, xor(payload, self.key) + b"."

    def begin(self, opcode: int, rsv: int) -> bool:
        if not rsv:
            msg = "a frame was not marked with RSV2"
            raise RemoteProtocolError(msg)
        if opcode != 0:
            self._held = b""
        return True

    def decode(self, data: memoryview | bytes) -> Iterator[bytes]:
        data = self._held + bytes(data)
        data, self._held = data[:-1], data[-1:]
        yield xor(data, self.key)

    def end(self, *, is_final: bool) -> Iterator[bytes]:
        if is_final and self._held == b"?":
            yield b" (asked)"
        elif is_final and self._held != b".":
            msg = "a message did not end with its mark"
            raise RemoteProtocolError(msg, code=1007)
