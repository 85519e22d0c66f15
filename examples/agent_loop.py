"""An agent: the model calls functions until it knows enough; only what is new is sent in each round.

python examples/agent_loop.py            with the local server, no key needed
python examples/agent_loop.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import sys

from realtime_sync import Client, ToolContext, ToolError

STOCK = {"apples": 12, "pears": 0, "plums": 3}


def list_fruit() -> list[str]:
    """Say which kinds of fruit the shop has."""
    return list(STOCK)


def get_stock(fruit: str) -> int:
    """Say how many pieces of a fruit are in stock.

    Args:
        fruit: a kind of fruit, as list_fruit names it.
    """
    if fruit not in STOCK:
        raise ToolError(f"we do not sell {fruit}")  # what the model is told; of another exception it would hear, too
    return STOCK[fruit]


def place_order(fruit: str, pieces: int, context: ToolContext) -> str:
    """Order pieces of a fruit."""
    print(f"  (ordering {pieces} {fruit}, {context.deadline.remaining():.0f} s left)")
    STOCK[fruit] -= pieces
    return "ordered"


def replay(calls):
    """Return a responder for the local server that makes these calls, one a round, and then sums up."""
    from realtime_sync.server import Reply

    def responder(request):
        done = [item for item in request.items if item["type"] == "function_call_output"]
        if len(done) < len(calls):
            return Reply(function_call=calls[len(done)])
        return f"I made {len(done)} calls; the last one said: {done[-1]['output']}"

    return responder


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            calls = [
                ("list_fruit", {}),
                ("get_stock", {"fruit": "bananas"}),
                ("get_stock", {"fruit": "plums"}),
                ("place_order", {"fruit": "plums", "pieces": 2}),
            ]
            server = stack.enter_context(LocalServer(responder=replay(calls)))
            client = Client(base_url=server.base_url, api_key="local")

        tools = [list_fruit, get_stock, place_order]
        with client.responses.conversation("gpt-5.5", tools=tools, instructions="You buy fruit.") as chat:
            print(chat.run("Buy two of the fruit that there is least of, but some.").output_text)

            for item in chat.history:
                said = item.get("output") or item.get("arguments") or item.get("content")
                print(
                    f"  {item['type']:20} {item.get('name', '')} {said if isinstance(said, str) else said[0]['text']}"
                )
            print(
                f"{chat.stats.full} request in full, {chat.stats.delta} with what was new; {chat.usage.total_tokens} tokens"
            )


if __name__ == "__main__":
    main()
