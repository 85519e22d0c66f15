"""Functions that the model may call: registered once, answered by the library.

python examples/tools.py            with the local server, no key needed
python examples/tools.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import enum
import sys
from typing import Annotated

import attrs

from realtime_sync import Client, ToolContext, tool

STOCK = {"apples": 12, "pears": 0}


class Fruit(enum.Enum):
    """What there is."""

    APPLES = "apples"
    PEARS = "pears"


@attrs.frozen
class Order:
    """What is wanted."""

    fruit: Fruit
    pieces: Annotated[int, "how many, at least 1"] = 1


@tool
def get_stock(fruit: Fruit) -> dict:
    """How many pieces of a fruit are in stock.

    Args:
        fruit: the kind of fruit.
    """
    print("  (get_stock is called)")
    return {"fruit": fruit, "pieces": STOCK[fruit.value]}


@tool(timeout=10)
def place_order(order: Order, context: ToolContext) -> str:
    """Order fruit."""
    print(f"  (place_order is called: {order}, {context.deadline.remaining():.0f} s left)")
    if order.pieces > STOCK[order.fruit.value]:
        raise ValueError("there is not that much")  # the model is told, and may say so
    STOCK[order.fruit.value] -= order.pieces
    return f"{order.pieces} {order.fruit.value} are on their way"


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")

        with client.realtime.connect(model="gpt-realtime", modalities=["text"], tools=[get_stock, place_order]) as rt:
            # Calls, results and the answer that follows are one turn.
            turn = rt.ask("Use get_stock: are there any apples?")
            print(turn.text, f"[{turn.rounds} responses]")

            # As a stream: the events of all responses, one after the other.
            with rt.stream('Please place_order {"order": {"fruit": "apples", "pieces": 3}}') as stream:
                for piece in stream.text():
                    print(piece, end="", flush=True)
                print()

            # On an open session.
            @rt.tool
            def get_weekday() -> str:
                """Say which day it is in the shop."""
                return "Monday"

            print(rt.ask("Use get_weekday, please.").text)


if __name__ == "__main__":
    main()
