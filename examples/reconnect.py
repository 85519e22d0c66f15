"""A session that outlives its connection.

python examples/reconnect.py            with the local server, which drops the connection once; no key needed
python examples/reconnect.py --real     with OpenAI, using OPENAI_API_KEY (pull the plug yourself)
"""

import contextlib
import sys

from realtime_sync import Client, RetryPolicy
from realtime_sync.errors import ReconnectFailed, TurnInterrupted


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import Fault, LocalServer

            # At the end of the second answer the server is gone, without a word.
            fault = Fault(at="response.output_text.done", do="drop", nth=2)
            server = stack.enter_context(LocalServer(faults=fault))
            client = Client(base_url=server.base_url, api_key="local")

        retry = RetryPolicy(reconnect=True, resume="conversation")
        rt = stack.enter_context(client.realtime.connect(model="gpt-realtime", modalities=["text"], retry=retry))

        @rt.on("reconnecting")
        def on_reconnecting(event) -> None:
            print(f"  … {event.error}; attempt {event.attempt} of {event.max_attempts} in {event.delay:.1f} s")

        @rt.on("reconnected")
        def on_reconnected(event) -> None:
            print(f"  … back, with {len(event.restored_items)} items of the conversation")

        try:
            for text in ("Hello! My name is Ada.", "What is 6 times 7?", "What is my name?"):
                print(text)
                try:
                    turn = rt.ask(text)
                except TurnInterrupted as cut:
                    # The server may have seen it, so whether to ask again is ours to say. Here it does no harm.
                    print(f"  … cut off after {cut.partial.text!r}")
                    turn = rt.ask(text)
                print(">", turn.text)
        except ReconnectFailed as error:
            print(f"gave up after {error.attempts} attempts; not sent: {len(error.unsent)}")


if __name__ == "__main__":
    main()
