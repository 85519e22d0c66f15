"""A second reading of RFC 6455 section 5, as plain as can be, to compare the library's parser with."""

from __future__ import annotations

import codecs

__all__ = ["judge"]


def judge(data: bytes, max_size: int) -> tuple[list[str | bytes], list[tuple[int, bytes]], set[int | None]]:
    """Return the messages and control frames (opcode, payload) of a stream, and the close codes its fault may have.

    None stands for no fault. There is a choice when a text is impossible already and its frame is not complete.
    """
    messages, controls = [], []
    try:
        for opcode, content in events(data, max_size):
            if opcode < 8:
                messages.append(content)
                continue
            controls.append((opcode, content))
            if opcode == 8:
                break
    except Fault as fault:
        return messages, controls, set(fault.args)
    return messages, controls, {None}


class Fault(Exception):
    pass


def need(condition: object, code: int = 1002) -> None:
    if not condition:
        raise Fault(code)


def events(data: bytes, max_size: int):
    """Yield (opcode, content) of what is complete; raise the first fault."""
    kind, message, decoder = None, b"", None
    while len(data) >= 2:
        fin, rsv, opcode = data[0] >> 7, data[0] >> 4 & 7, data[0] & 15
        need(data[1] < 128)
        extra = {126: 2, 127: 8}.get(data[1], 0)
        if len(data) < 2 + extra:
            return
        size = int.from_bytes(data[2 : 2 + extra], "big") if extra else data[1]
        need(extra != 2 or size >= 126)
        need(extra != 8 or 65536 <= size < 2**63)
        need(rsv == 0)
        need(opcode in (0, 1, 2, 8, 9, 10))
        if opcode >= 8:
            need(fin)
            need(size < 126)
        else:
            need((opcode == 0) == (kind is not None))
            need(len(message) + size <= max_size, 1009)
        payload = data[2 + extra : 2 + extra + size]
        if len(payload) < size:
            if opcode == 1 or (opcode == 0 and kind == 1):
                decode(payload, decoder if opcode == 0 else make_decoder(), False, 1007, None)
            return
        data = data[2 + extra + size :]
        if opcode >= 8:
            check_close(opcode, payload)
            yield opcode, payload
            continue
        if opcode:
            kind, message, decoder = opcode, b"", make_decoder()
        message += payload
        if kind == 1:
            decode(payload, decoder, bool(fin), 1007)
        if fin:
            yield kind, message.decode() if kind == 1 else message
            kind, message = None, b""


make_decoder = codecs.getincrementaldecoder("utf-8")


def decode(payload, decoder, final: bool, *codes: int | None) -> None:
    try:
        decoder.decode(payload, final)
    except UnicodeDecodeError:
        raise Fault(*codes) from None


def check_close(opcode: int, payload: bytes) -> None:
    if opcode != 8 or not payload:
        return
    need(len(payload) >= 2)
    code = int.from_bytes(payload[:2], "big")
    need(code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code < 5000)
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise Fault(1007) from None
