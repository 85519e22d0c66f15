"""``realtime-sync demo``: a conversation of several turns over one session, streamed to the screen."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from realtime_sync.client import Client
from realtime_sync.errors import MissingExtra
from realtime_sync.realtime import RealtimeSession, Turn

__all__ = ["demo"]

SCRIPT = (
    "Hello! My name is Ada.",
    "What is 6 times 7?",
    "What is my name?",
)


TEXT_WIDTH = 30


@frozen
class _Row:
    """What one turn took."""

    text: str
    first_token: float | None
    seconds: float
    events: int
    received: int
    sent: int


def demo(options: argparse.Namespace) -> int:
    """Hold the conversation that the command line asks for."""
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(_client(options, stack))
        session = stack.enter_context(client.realtime.connect(model=options.model, modalities=("text",)))
        rows = [_converse(session, text, options.timeout) for text in _texts(options.text)]
    _print_table(rows)
    return 0


def _client(options: argparse.Namespace, stack: contextlib.ExitStack) -> Client:
    if options.real:
        client = Client()
        print(f"Talking to {client!r}, model {options.model}.\n")
        return client
    if options.base_url:
        print(f"Talking to the server you named, model {options.model}.\n")
        return Client(base_url=options.base_url)
    try:
        from realtime_sync.server import LocalServer
    except ImportError as error:
        raise MissingExtra("demo", "the demo's local server") from error
    server = stack.enter_context(LocalServer())
    print(f"Talking to the local server in this process, at {server.base_url}.")
    print("There is no model in it: a few rules write its answers. Use --real for the real thing.\n")
    # A key of its own: the user's real one has no business here, nor has a proxy.
    return Client(base_url=server.base_url, api_key="local", options={"proxy": None})


def _texts(arguments: list[str]) -> Iterator[str]:
    """Yield the turns: the arguments; else the lines piped in; else a script, and then what the user types."""
    if arguments:
        yield from arguments
        return
    if sys.stdin is not None and not sys.stdin.isatty():
        lines = [line.strip() for line in sys.stdin if line.strip()]
        yield from lines or SCRIPT
        return
    yield from SCRIPT
    if sys.stdin is not None:
        print("Your turn (an empty line ends the demo).")
        while True:
            try:
                text = input("you> ").strip()
            except EOFError:
                print()
                return
            if not text:
                return
            yield text


def _converse(session: RealtimeSession, text: str, timeout: float) -> _Row:
    print(f"you> {text}")
    print("bot> ", end="", flush=True)
    before = session.stats
    start = time.monotonic()
    events = 0
    with session.stream(text, timeout=timeout) as stream:
        for event in stream:
            events += 1
            delta = _visible(event)
            if delta:
                print(delta, end="", flush=True)
        turn: Turn = stream.turn()
    seconds = time.monotonic() - start
    after = session.stats
    if turn.status != "completed":
        print(f" [{turn.status}]", end="")
    print("\n")
    return _Row(
        text,
        turn.timings.first_token,
        seconds,
        events,
        after.bytes_received - before.bytes_received,
        after.bytes_sent - before.bytes_sent,
    )


def _visible(event: Any) -> str:
    if event.type in ("response.output_text.delta", "response.output_audio_transcript.delta"):
        return str(event.delta)
    return ""


def _print_table(rows: list[_Row]) -> None:
    if not rows:
        return
    print(f"{'turn':<{TEXT_WIDTH}} {'first token':>12} {'turn time':>10} {'events':>7} {'received':>9} {'sent':>7}")
    for row in rows:
        text = row.text if len(row.text) <= TEXT_WIDTH else row.text[: TEXT_WIDTH - 3] + "..."
        first = "-" if row.first_token is None else f"{row.first_token * 1000:.1f} ms"
        spent = f"{row.seconds * 1000:>7.1f} ms {row.events:>7} {row.received:>7} B {row.sent:>5} B"
        print(f"{text:<{TEXT_WIDTH}} {first:>12} {spent}")
