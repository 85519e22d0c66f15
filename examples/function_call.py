"""Let the model call a Python function, by hand: take the call, send the result, ask for the rest of the answer.

Registered functions spare you all that: see tools.py.

python examples/function_call.py            with the local server
python examples/function_call.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import sys

from realtime_sync import Client
from realtime_sync.types.realtime import function_result

STOCK = {"apples": 12, "pears": 0}
TOOLS = [
    {
        "type": "function",
        "name": "get_stock",
        "description": "How many pieces of a fruit are in stock.",
        "parameters": {
            "type": "object",
            "properties": {"fruit": {"type": "string", "enum": ["apples", "pears"]}},
            "required": ["fruit"],
        },
    }
]


def get_stock(fruit: str) -> dict:
    return {"fruit": fruit, "pieces": STOCK[fruit]}


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")

        with client.realtime.connect(model="gpt-realtime", modalities=["text"], session={"tools": TOOLS}) as rt:
            turn = rt.ask("Use get_stock: are there any apples?")
            while turn.function_calls:
                for call in turn.function_calls:
                    arguments = call.parsed_arguments()
                    print("the model calls", call.name, arguments)
                    rt.conversation.item.create(function_result(call, get_stock(**arguments)))
                turn = rt.ask()  # nothing new from the user: only go on
            print(turn.text)


if __name__ == "__main__":
    main()
