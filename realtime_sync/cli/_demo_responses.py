"""The demo's Responses part: two lanes on one socket, a conversation with a tool, and what of it was sent."""

from __future__ import annotations

import json
import queue
import threading
from typing import TYPE_CHECKING

from attrs import frozen

from realtime_sync.cli._demo_function import QUESTION, get_weekday
from realtime_sync.cli._table import TEXT_WIDTH
from realtime_sync.client import Client
from realtime_sync.errors import HandshakeRejected

if TYPE_CHECKING:
    from realtime_sync.responses import Conversation, ResponsesConnection

__all__ = ["show_responses"]

LANES = {"counting": "Please count to 12.", "sums": "What is 123 * 456?"}
TURNS = ("My name is Ada.", QUESTION, "What is my name?")


@frozen
class Sent:
    """What one turn of a conversation sent.

    Attributes:
        text: what it was.
        full, delta: how many of its requests held everything, and how many only what was new.
        size: bytes of all of them.
        history: bytes of the conversation after it: what one request in full would hold by then.
    """

    text: str
    full: int
    delta: int
    size: int
    history: int


def show_responses(client: Client, model: str, timeout: float) -> None:
    """Talk to the Responses API over one WebSocket, if the server has that."""
    try:
        connection = client.responses.connect(model=model)
    except HandshakeRejected as error:
        print(f"This server has no Responses API over WebSocket ({error.status}).\n")
        return
    with connection:
        _two_lanes(connection, timeout)
        with client.responses.conversation(via=connection, tools=[get_weekday]) as chat:
            _print_sent([_turn(connection, chat, text, timeout) for text in TURNS])


def _two_lanes(connection: ResponsesConnection, timeout: float) -> None:
    """Ask twice at once, and print the pieces of both answers as they come."""
    pieces: queue.SimpleQueue[tuple[str, str | BaseException | None]] = queue.SimpleQueue()

    def ask(name: str, text: str) -> None:
        failure: BaseException | None = None
        try:
            with connection.stream(input=text, store=False, timeout=timeout) as stream:
                for piece in stream.text():
                    pieces.put((name, piece))
        except BaseException as error:  # noqa: BLE001  (raised by who waits for it)
            failure = error
        pieces.put((name, failure))

    print("Two requests at once, on one WebSocket:")
    for name, text in LANES.items():
        print(f"you> [{name}] {text}")
    for lane in LANES.items():
        threading.Thread(target=ask, args=lane, daemon=True).start()
    answers = dict.fromkeys(LANES, "")
    running = set(LANES)
    arrived: list[str] = []
    while running:
        name, piece = pieces.get()
        if isinstance(piece, BaseException):
            raise piece
        if piece is None:
            running.discard(name)
        else:
            answers[name] += piece
            arrived.append(name[0])
    print(f"     the pieces came in this order: {''.join(arrived)}")
    for name, answer in answers.items():
        print(f"bot> [{name}] {answer}")
    print()


def _turn(connection: ResponsesConnection, chat: Conversation, text: str, timeout: float) -> Sent:
    """Hold one turn; the model may call the tool."""
    print(f"you> {text}")
    before, size = chat.stats, connection.stats.bytes_sent
    print(f"bot> {chat.run(text, timeout=timeout).output_text}\n")
    after = chat.stats
    return Sent(
        text,
        after.full - before.full,
        after.delta - before.delta,
        connection.stats.bytes_sent - size,
        len(json.dumps(chat.history, separators=(",", ":"))),
    )


def _print_sent(turns: list[Sent]) -> None:
    """Print what was sent of the conversation, beside how long it is."""
    head = f"{'turn of the conversation':<{TEXT_WIDTH}} {'in full':>8} {'as delta':>9} {'sent':>9} {'history':>9}"
    print(head)
    for each in turns:
        text = each.text if len(each.text) <= TEXT_WIDTH else each.text[: TEXT_WIDTH - 3] + "..."
        sizes = f"{each.size:>7} B {each.history:>7} B"
        print(f"{text:<{TEXT_WIDTH}} {each.full:>8} {each.delta:>9} {sizes}")
    print()
