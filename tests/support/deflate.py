"""The server's side of permessage-deflate, written from RFC 7692 and independent of the library's own."""

from __future__ import annotations

import zlib

__all__ = ["Deflater", "Inflater"]


class Deflater:
    """Compress messages as a server with that window does. Of 8 bits: nothing is compressed at all.

    `knows` is what it refers back to without ever having sent it.
    """

    def __init__(self, bits: int = 15, *, keeps: bool = True, knows: bytes = b"") -> None:
        self.bits, self.keeps = bits, keeps
        self._state = zlib.compressobj(6, zlib.DEFLATED, -bits, zdict=knows) if knows else None

    def deflate(self, payload: bytes) -> bytes:
        if self.bits == 8:
            return b"".join(stored(payload[at : at + 60_000]) for at in range(0, len(payload), 60_000)) + b"\x00"
        state = self._state or zlib.compressobj(6, zlib.DEFLATED, -self.bits)
        self._state = state if self.keeps else None
        data = state.compress(payload) + state.flush(zlib.Z_SYNC_FLUSH)
        return data[:-4] or b"\x00"


def stored(payload: bytes) -> bytes:
    """Return a block without compression (RFC 1951 section 3.2.4)."""
    size = len(payload)
    return b"\x00" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + payload


class Inflater:
    """Decompress messages with a window of exactly the agreed size: what refers further back fails.

    `step` is how many bytes to take at a time. Within one step zlib looks back into its own output, further than the
    window, and so more than 1 is quicker and less strict.
    """

    def __init__(self, bits: int = 15, *, keeps: bool = True, step: int = 1) -> None:
        self.bits, self.keeps, self.step = bits, keeps, step
        self._state = None

    def inflate(self, payload: bytes) -> bytes:
        state = self._state or zlib.decompressobj(-self.bits)
        self._state = state if self.keeps else None
        data, pieces = payload + b"\x00\x00\xff\xff", []
        while data or (pieces and pieces[-1]):
            pieces.append(state.decompress(data, self.step))
            data = state.unconsumed_tail
        return b"".join(pieces)
