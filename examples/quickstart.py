"""A conversation in blocking calls.

python examples/quickstart.py            with the local server, no key needed
python examples/quickstart.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import sys

from realtime_sync import Client


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")

        with client.realtime.connect(model="gpt-realtime", modalities=["text"]) as rt:
            # A whole turn in one call.
            turn = rt.ask("Hello! My name is Ada.")
            print(turn.text)

            # The same, piece by piece as it arrives.
            with rt.stream("What is my name?") as stream:
                for piece in stream.text():
                    print(piece, end="", flush=True)
                print()
                print("tokens used:", stream.turn().usage.total_tokens)

            # The API's own events, by hand.
            item = {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is 6 times 7?"}],
            }
            rt.conversation.item.create(item, wait=True)
            rt.response.create()
            done = rt.wait_for("response.done", timeout=30)
            print(done.response.output[0].content[0].text)


if __name__ == "__main__":
    main()
