"""What decoding costs: JSON text to typed event, beside the JSON parse alone and a hand-written constructor.

Run: ``python benchmarks/decode.py [repeats]``. Each figure is the best of the repeats, in nanoseconds a message.
Rows are measured in turn, repeat by repeat, so that a busy moment of the machine hits all of them.
"""

from __future__ import annotations

import json
import platform
import sys
import timeit
from collections.abc import Callable
from typing import Any

import attrs

from realtime_sync.wire import encode_event, event_decoder
from realtime_sync.wire import json as wire_json


@attrs.frozen(kw_only=True)
class ByHand:
    """What one would write for one event without a library."""

    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


def by_hand(text: str) -> ByHand:
    """Parse and construct with the standard library and attrs alone."""
    raw = json.loads(text)
    return ByHand(
        event_id=raw["event_id"],
        response_id=raw["response_id"],
        item_id=raw["item_id"],
        output_index=raw["output_index"],
        content_index=raw["content_index"],
        delta=raw["delta"],
    )


def delta(kind: str, payload: str) -> str:
    """Return a delta event as the API sends it."""
    return json.dumps(
        {
            "type": f"response.{kind}.delta",
            "event_id": "event_CCXGRxsAimPAs8kS2Wc7Z",
            "response_id": "resp_CCXGQ4e1ht4cOraEYcuR2",
            "item_id": "item_CCXGQbrSvLQtSLsCPBj9q",
            "output_index": 0,
            "content_index": 0,
            "delta": payload,
        }
    )


DONE = json.dumps(
    {
        "type": "response.done",
        "event_id": "event_CCXHxcMy86rrKhBLDdqCh",
        "response": {
            "object": "realtime.response",
            "id": "resp_CCXHw0UJld10EzIUXQCNh",
            "status": "completed",
            "status_details": None,
            "output": [
                {
                    "id": "item_CCXHwGjjDUfOXbiySlK7i",
                    "object": "realtime.item",
                    "type": "message",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Hello, how can I help? " * 8}],
                }
            ],
            "conversation_id": "conv_CCXHsurMKcaVxIZvaCI5m",
            "output_modalities": ["text"],
            "max_output_tokens": "inf",
            "usage": {
                "total_tokens": 253,
                "input_tokens": 132,
                "output_tokens": 121,
                "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "cached_tokens": 64},
                "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
            },
            "metadata": {"token": "abc"},
        },
    }
)


def with_stdlib() -> Callable[[str | bytes], Any]:
    """Return a decoder that was built as if orjson were not installed."""
    kept = wire_json.read, wire_json.settle
    wire_json.read, wire_json.settle = wire_json.loads_exactly, wire_json._settle_exact  # noqa: SLF001
    try:
        return event_decoder("realtime")
    finally:
        wire_json.read, wire_json.settle = kept


def table(name: str, rows: dict[str, Callable[[], Any]], number: int, repeats: int) -> None:
    """Measure the rows in turn and print them, with their ratio to the first."""
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(repeats):
        for row, call in rows.items():
            best[row] = min(best[row], timeit.timeit(call, number=number) / number * 1e9)
    base = next(iter(best.values()))
    print(f"\n{name}")
    for row, cost in best.items():
        print(f"  {row:<44}{cost:>9.0f} ns {cost / base:>7.2f}")


def main() -> None:
    """Print one table a kind of message."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    fast = "orjson" if wire_json.orjson is not None else "no orjson"
    print(f"CPython {platform.python_version()}, attrs {attrs.__version__}, {fast}; best of {repeats}")
    decode, plain = event_decoder("realtime"), with_stdlib()
    text, audio = delta("output_text", "Hello there"), delta("output_audio", "QUJD" * 1600)
    unusual = text.replace('"delta"', '"obfuscation": "abcdef", "delta"')
    for name, message, number in (
        (f"text delta, {len(text)} bytes", text, 20_000),
        (f"text delta with an unknown field, {len(unusual)} bytes", unusual, 20_000),
        (f"audio delta, {len(audio)} bytes", audio, 10_000),
    ):
        rows = {
            "json.loads": lambda message=message: json.loads(message),
            "json.loads + hand-written attrs constructor": lambda message=message: by_hand(message),
            "typed event, standard library": lambda message=message: plain(message),
            "typed event": lambda message=message: decode(message),
        }
        table(name, rows, number, repeats)
    rows = {
        "json.loads": lambda: json.loads(DONE),
        "typed event, standard library": lambda: plain(DONE),
        "typed event": lambda: decode(DONE),
    }
    table(f"response.done, {len(DONE)} bytes", rows, 3000, repeats)
    append = {"type": "input_audio_buffer.append", "event_id": "evt_1", "audio": b"\0" * 4800}
    rows = {
        "json.dumps of the finished text": lambda: json.dumps({**append, "audio": "AAAA" * 1600}),
        "encode_event of 4,800 bytes": lambda: encode_event(append),
    }
    table("input_audio_buffer.append, 100 ms", rows, 5000, repeats)


if __name__ == "__main__":
    main()
