"""What compression costs and saves: CPU time and bytes a message, sent and received, against none.

Text deltas, audio deltas (base64 of noise, which is the worst case: only its six bits of eight can be saved), and large
repetitive documents; no sockets. Sending is encoding, framing and masking; receiving is parsing and decoding. Each figure
is the best of the repeats. At the end: what a connection holds in memory for it.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable

import _common
import _peer

from realtime_sync.transport import PerMessageDeflate
from realtime_sync.transport._frames import FrameParser, build_frame

TEXT = 1
SETTINGS = {
    "none": None,
    'compression="deflate"': PerMessageDeflate(),
    "no context takeover": PerMessageDeflate(client_no_context_takeover=True, server_no_context_takeover=True),
    "window 15, level 6": PerMessageDeflate(client_max_window_bits=15, level=6, mem_level=8),
}


def messages(kind: str) -> list[bytes]:
    """Return many different messages of a kind."""
    if kind == "document":
        tool = {"type": "function", "name": "f", "description": "Look it up.", "parameters": {"type": "object"}}
        items = [{"id": number, "role": "user", "content": f"question {number}"} for number in range(400)]
        return [
            json.dumps({"type": "response.create", "input": items, "tools": [tool] * 20, "n": n}).encode()
            for n in range(20)
        ]
    return [_peer.encode(_peer.delta(kind, number)) for number in range(400)]


def best(call: Callable[[], object], repeats: int) -> float:
    """Return the least CPU time of a call, in seconds."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


def answer(setting: PerMessageDeflate) -> tuple[tuple[str, None], ...]:
    """Return what a server answers that has no wishes of its own."""
    return (("server_no_context_takeover", None),) if setting.server_no_context_takeover else ()


def send(setting: PerMessageDeflate | None, batch: list[bytes]) -> list[bytes]:
    """Return the frames of messages, as a fresh connection writes them."""
    if setting is None:
        return [build_frame(TEXT, message) for message in batch]
    codec = setting.accept(answer(setting))
    frames = []
    for message in batch:
        rsv, payload = codec.encode(TEXT, message)
        frames.append(build_frame(TEXT, payload, rsv=rsv))
    return frames


def served(setting: PerMessageDeflate | None, batch: list[bytes]) -> bytes:
    """Return the stream of a server that sends the messages under these settings."""
    if setting is None:
        return b"".join(map(_peer.frame, batch))
    stream, deflater = b"", None
    for message in batch:
        if deflater is None or setting.server_no_context_takeover:
            deflater = zlib.compressobj(setting.level, zlib.DEFLATED, -15)
        data = deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
        plain = _peer.frame(data[:-4])
        stream += bytes([plain[0] | 0x40]) + plain[1:]
    return stream


def receive(setting: PerMessageDeflate | None, stream: bytes, count: int) -> None:
    """Parse a stream as a fresh connection does."""
    codec = setting.accept(answer(setting)) if setting is not None else None
    assert len(FrameParser(2**26, codec).feed(stream)) == count


def memory(setting: PerMessageDeflate | None, batch: list[bytes]) -> float:
    """Return the KB that a connection's codec holds after messages both ways; Python's own objects, and zlib's."""
    if setting is None:
        return 0.0
    stream = served(setting, batch)
    tracemalloc.start()
    codec = setting.accept(answer(setting))
    for message in batch:
        codec.encode(TEXT, message)
    parser = FrameParser(None, codec)
    parser.feed(stream)
    parser.shrink()
    held = tracemalloc.get_traced_memory()[0] / 1024
    tracemalloc.stop()
    return held


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="the best of so many (7)")
    options = parser.parse_args()
    _common.print_header("permessage-deflate: CPU time and bytes a message", {"repeats": options.repeats})
    for kind in ("text", "audio", "document"):
        batch = messages(kind)
        print(f"{kind}: {sum(map(len, batch)) / len(batch):,.0f} bytes a message")
        rows = [[name, *figures(setting, batch, options.repeats)] for name, setting in SETTINGS.items()]
        _common.print_table(["settings", "send µs", "receive µs", "sent %", "received %", "holds KB"], rows)


def figures(setting: PerMessageDeflate | None, batch: list[bytes], repeats: int) -> list[str]:
    """Measure one row."""
    count, size = len(batch), sum(map(len, batch))
    stream = served(setting, batch)
    sending = best(lambda: send(setting, batch), repeats)
    receiving = best(lambda: receive(setting, stream, count), repeats)
    out = sum(map(len, send(setting, batch)))
    row = (sending / count * 1e6, receiving / count * 1e6, 100 * out / size, 100 * len(stream) / size)
    return [*(f"{figure:.1f}" for figure in row), f"{memory(setting, batch[:20]):.0f}"]


if __name__ == "__main__":
    main()
