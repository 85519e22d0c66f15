"""What decoding costs: JSON text to typed event, beside the JSON parse, a constructor by hand, and the official SDK.

Run: ``python benchmarks/decode.py [repeats]``. Each figure is the best of the repeats, in nanoseconds of CPU time a
message; beside it its ratio to the first row. CPU time and the best of many short batches, because a busy machine
takes time and caches away for longer than a batch: by the wall clock and in long batches the same two rows were once
4 and once 24 per cent apart. Rows are measured in turn, batch by batch. The official SDK's rows need `openai`; it is its
own function for messages, as its connections call it. At the end: what importing and the first use of a catalogue
cost, the median of fresh processes, in milliseconds of CPU time, with compiled bytecode as installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from typing import Any

import attrs

from realtime_sync.wire import encode_event, event_decoder
from realtime_sync.wire import json as wire_json

BATCHES = 20


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


RESPONSES_DELTA = json.dumps(
    {
        "type": "response.output_text.delta",
        "sequence_number": 17,
        "item_id": "msg_68d3c1a2f0",
        "output_index": 0,
        "content_index": 0,
        "delta": "Hello there",
        "logprobs": [],
        "obfuscation": "Zk3pQ9aB",
    }
)

COMPLETED = json.dumps(
    {
        "type": "response.completed",
        "sequence_number": 42,
        "response": {
            "id": "resp_68d3c1a2f0",
            "object": "response",
            "created_at": 1790000000,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "model": "gpt-5.5",
            "output": [
                {
                    "id": "msg_68d3c1a2f0",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": "Hello! " * 20, "annotations": [], "logprobs": []}],
                }
            ],
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
            "top_p": 1.0,
            "reasoning": {"effort": None, "summary": None},
            "text": {"format": {"type": "text"}},
            "usage": {
                "input_tokens": 36,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 87,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 123,
            },
        },
    }
)


def official(kind: str) -> Callable[[str], Any] | None:
    """Return the official SDK's function from message to event, as its connections call it; None without the SDK."""
    if importlib.util.find_spec("openai") is None:
        return None
    from openai._models import construct_type_unchecked
    from openai.types.realtime import RealtimeServerEvent
    from openai.types.responses import ResponsesServerEvent

    event: Any = RealtimeServerEvent if kind == "realtime" else ResponsesServerEvent
    return lambda text: construct_type_unchecked(value=json.loads(text), type_=event)


def with_stdlib(registry: str) -> Callable[[str | bytes], Any]:
    """Return a decoder that was built as if orjson were not installed."""
    kept = wire_json.read, wire_json.settle
    wire_json.read, wire_json.settle = wire_json.loads_exactly, wire_json._settle_exact  # noqa: SLF001
    try:
        return event_decoder(registry)
    finally:
        wire_json.read, wire_json.settle = kept


def table(name: str, rows: dict[str, Callable[[], Any]], number: int, repeats: int) -> None:
    """Measure the rows in turn and print them, with their ratio to the first."""
    best = dict.fromkeys(rows, float("inf"))
    batch = number // BATCHES
    for _ in range(repeats * BATCHES):
        for row, call in rows.items():
            seconds = timeit.timeit(call, number=batch, timer=time.process_time)
            best[row] = min(best[row], seconds / batch * 1e9)
    base = next(iter(best.values()))
    print(f"\n{name}")
    for row, cost in best.items():
        print(f"  {row:<44}{cost:>9.0f} ns {cost / base:>7.2f}")


def main() -> None:
    """Print one table a kind of message."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    fast = "orjson" if wire_json.orjson is not None else "no orjson"
    print(f"CPython {platform.python_version()}, attrs {attrs.__version__}, {fast}; best of {repeats}")
    realtime_rows(repeats)
    responses_rows(repeats)
    encode_rows(repeats)
    fresh_processes(repeats)


def beside(message: str, registry: str) -> dict[str, Callable[[], Any]]:
    """Return the rows for a message: the JSON parse, ours with either reader, the official SDK."""
    decode, plain, sdk = event_decoder(registry), with_stdlib(registry), official(registry)
    rows: dict[str, Callable[[], Any]] = {
        "json.loads": lambda: json.loads(message),
        "typed event, standard library": lambda: plain(message),
    }
    if wire_json.orjson is not None:
        rows["orjson.loads"] = lambda: wire_json.orjson.loads(message)
        rows["typed event, orjson"] = lambda: decode(message)
    if sdk is not None:
        rows["the official SDK"] = lambda: sdk(message)
    return rows


def realtime_rows(repeats: int) -> None:
    """Measure events of the Realtime API."""
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
            **beside(message, "realtime"),
        }
        table(name, rows, number, repeats)
    table(f"response.done, {len(DONE)} bytes", beside(DONE, "realtime"), 3000, repeats)


def responses_rows(repeats: int) -> None:
    """Measure events of the Responses API."""
    for name, message, number in (
        ("Responses: text delta", RESPONSES_DELTA, 20_000),
        ("Responses: response.completed", COMPLETED, 2000),
    ):
        table(f"{name}, {len(message)} bytes", beside(message, "responses"), number, repeats)


def encode_rows(repeats: int) -> None:
    """Measure what is sent most."""
    append = {"type": "input_audio_buffer.append", "event_id": "evt_1", "audio": b"\0" * 4800}
    rows = {
        "json.dumps of the finished text": lambda: json.dumps({**append, "audio": "AAAA" * 1600}),
        "encode_event of 4,800 bytes": lambda: encode_event(append),
    }
    table("input_audio_buffer.append, 100 ms", rows, 5000, repeats)


DEPENDENCIES = "import websocket, attrs, cattrs, requests"
# What is timed, and what has been run in the process before.
STARTS = {
    "the four dependencies": ("", DEPENDENCIES),
    "the four dependencies and realtime_sync": ("", f"{DEPENDENCIES}; import realtime_sync"),
    "the four dependencies and its Client": ("", f"{DEPENDENCIES}; from realtime_sync import Client"),
    "realtime_sync's Client alone": ("", "from realtime_sync import Client"),
    **{
        f"first use of {name}, after that": (
            "from realtime_sync import Client",
            f"from realtime_sync.wire import parse_event; parse_event({text!r}, {name!r})",
        )
        for name, text in (("realtime", DONE), ("translation", '{"type":"session.closed"}'), ("responses", COMPLETED))
    },
}


def fresh_processes(repeats: int) -> None:
    """Print what starting costs; the first round only compiles."""
    costs: dict[str, list[float]] = {name: [] for name in STARTS}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for repeat in range(repeats + 1):
            for name, (before, code) in STARTS.items():
                script = f"{before}\nimport time; t = time.process_time(); {code}; print(time.process_time() - t)"
                command = [sys.executable, "-c", script]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
                if repeat:
                    costs[name].append(float(done.stdout) * 1e3)
    print("\nfresh processes")
    base = statistics.median(next(iter(costs.values())))
    for name, times in costs.items():
        median = statistics.median(times)
        print(f"  {name:<44}{median:>9.1f} ms {median / base:>7.2f}")


if __name__ == "__main__":
    main()
