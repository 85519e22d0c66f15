"""Answers as instances of your own classes, and a conversation that is kept as JSON in between.

python examples/structured_output.py            with the local server, no key needed
python examples/structured_output.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import enum
import json
import sys
from typing import Annotated

import attrs

from realtime_sync import Client, OutputInvalid, OutputRefused


class Mood(enum.Enum):
    """How a text sounds."""

    GOOD = "good"
    BAD = "bad"
    MIXED = "mixed"


@attrs.frozen
class Review:
    """What a review of a restaurant says."""

    mood: Mood
    dishes: list[str]
    stars: Annotated[int, "1 to 5"]
    would_return: bool | None = None


TEXT = "The soup was cold, the pie was wonderful, and the waiter sang. Three stars."


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            answers = iter(
                [
                    '{"mood": "mixed", "dishes": ["soup", "pie"], "stars": 3, "would_return": null}',
                    '{"mood": "good", "dishes": ["pie"], "stars": 5, "would_return": true}',
                    "I would rather talk about the weather.",
                ]
            )
            server = stack.enter_context(LocalServer(responder=lambda _: next(answers)))
            client = Client(base_url=server.base_url, api_key="local")

        with client.responses.conversation("gpt-5.5", instructions="You read reviews.") as chat:
            review = chat.create(TEXT, parse=Review)
            print(review)
            kept = json.dumps(chat.to_dict())

        # Later, in another process perhaps: it goes on from there.
        with client.responses.conversation(state=json.loads(kept)) as chat:
            with chat.stream("And without the soup?", parse=Review) as stream:
                for piece in stream.text():
                    print(piece, end="", flush=True)
                print("\n" + str(stream.result()))

            try:
                print(chat.create("And the weather?", parse=Review))
            except OutputRefused as error:
                print("refused:", error.refusal)
            except OutputInvalid as error:
                print("no review:", error.text)


if __name__ == "__main__":
    main()
