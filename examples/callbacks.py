"""Handlers only: the main thread just waits until it is stopped (Ctrl-C).

python examples/callbacks.py             with the local server, no key needed
python examples/callbacks.py --real      with OpenAI, using OPENAI_API_KEY
python examples/callbacks.py --turns 2   stop after two answers
"""

import argparse
import contextlib
import itertools

from realtime_sync import Client

QUESTIONS = ["Hello!", "What is 2 plus 3?", "Count to 5", "What did I say before?"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--turns", type=int, help="stop after this many answers (default: go on until Ctrl-C)")
    options = parser.parse_args()

    with contextlib.ExitStack() as stack:
        if options.real:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")
        rt = stack.enter_context(client.realtime.connect(model="gpt-realtime", modalities=["text"]))
        questions = itertools.islice(itertools.cycle(QUESTIONS), options.turns)

        def ask_next() -> None:
            text = next(questions, None)
            if text is None:
                rt.close()  # A handler may close its own session.
                return
            print("you>", text)
            message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
            rt.conversation.item.create(message)
            rt.response.create()

        @rt.on("response.output_text.delta")
        def show(event) -> None:
            print(event.delta, end="", flush=True)

        @rt.on("response.done")
        def finish(event) -> None:
            print()
            ask_next()

        @rt.on("error")
        def complain(event) -> None:
            print("the server says:", event.error.message)

        @rt.on("close")
        def goodbye(event) -> None:
            print("closed with code", event.code)

        ask_next()
        try:
            rt.wait_closed()
        except KeyboardInterrupt:
            print("\nstopping")


if __name__ == "__main__":
    main()
