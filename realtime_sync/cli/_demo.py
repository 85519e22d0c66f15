"""``realtime-sync demo``: text, voice, a function call and the Responses API, shown as they happen."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator

from realtime_sync.cli import _demo_function, _demo_responses, _demo_voice
from realtime_sync.cli._table import Row, Stopwatch, print_table
from realtime_sync.client import Client
from realtime_sync.errors import ConfigurationError, MissingExtra
from realtime_sync.realtime import RealtimeSession

__all__ = ["demo"]

SCRIPT = (
    "Hello! My name is Ada.",
    "What is 6 times 7?",
    "What is my name?",
)


def demo(options: argparse.Namespace) -> int:
    """Show what the command line asks for: the user's own turns, or a tour of all there is."""
    rows: list[Row] = []
    _check_output(options.output)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(_client(options, stack))
        texts = None if options.wav and not options.text else _own_texts(options.text)
        tour = texts is None and not options.wav
        if texts is not None or tour:
            with client.realtime.connect(model=options.model, modalities=("text",)) as session:
                rows += [_converse(session, text, options.timeout) for text in texts or SCRIPT]
                if tour:
                    rows += _demo_function.call_a_function(session, options.timeout)
        if options.wav or tour:
            rows.append(_demo_voice.speak(client, options))
        if tour:
            _demo_responses.show_responses(client, options.responses_model, options.timeout)
        if tour and sys.stdin is not None and sys.stdin.isatty():
            with client.realtime.connect(model=options.model, modalities=("text",)) as session:
                rows += [_converse(session, text, options.timeout, echo=False) for text in _typed()]
    print_table(rows)
    return 0


def _client(options: argparse.Namespace, stack: contextlib.ExitStack) -> Client:
    if options.real:
        return _announced(Client(), options)
    if options.base_url is not None:
        if not options.base_url.strip():
            msg = "--base-url is empty: name a server, or leave it out for the local one"
            raise ConfigurationError(msg)
        return _announced(Client(base_url=options.base_url), options)
    try:
        from realtime_sync.server import LocalServer
    except ImportError as error:
        raise MissingExtra("demo", "the demo's local server") from error
    server = stack.enter_context(LocalServer())
    print(f"Talking to the local server in this process, at {server.base_url}.")
    print("There is no model in it: a few rules write its answers. Use --real for the real thing.\n")
    # A key of its own: the user's real one has no business here, nor has a proxy.
    return Client(base_url=server.base_url, api_key="local", options={"proxy": None})


def _announced(client: Client, options: argparse.Namespace) -> Client:
    print(f"Talking to {client.endpoint.public_base_url}, model {options.model}.\n")
    return client


def _check_output(path: str) -> None:
    """Find out now, not after the spoken turn, that its answer cannot be written."""
    folder = os.path.dirname(path) or "."  # noqa: PTH120  (as it was typed)
    exists = os.path.exists(path)  # noqa: PTH110
    if os.path.isdir(path) or not os.access(path if exists else folder, os.W_OK):  # noqa: PTH112
        msg = f"cannot write the spoken answer to {path!r}: name another file with --output"
        raise ConfigurationError(msg)


def _own_texts(arguments: list[str]) -> list[str] | None:
    """Return the user's own turns: the arguments, else the lines piped in; None if there are none."""
    if arguments:
        return arguments
    if sys.stdin is not None and not sys.stdin.isatty():
        return [line.strip() for line in sys.stdin if line.strip()] or None
    return None


def _typed() -> Iterator[str]:
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


def _converse(session: RealtimeSession, text: str, timeout: float, *, echo: bool = True) -> Row:
    """Hold one turn in text, printed as it arrives; without `echo` where the terminal shows what was typed."""
    if echo:
        print(f"you> {text}")
    print("bot> ", end="", flush=True)
    watch = Stopwatch(session, text)
    with session.stream(text, timeout=timeout) as stream:
        for event in stream:
            watch.events += 1
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
        turn = stream.turn()
    if turn.status != "completed":
        print(f" [{turn.status}]", end="")
    print("\n")
    return watch.row(turn.timings.first_token)
