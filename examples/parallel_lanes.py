"""Several conversations at once on one connection: lanes, a fork, and what runs where.

python examples/parallel_lanes.py            with the local server, no key needed
python examples/parallel_lanes.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor

from realtime_sync import Client

NAMES = ["Ada", "Grace", "Emmy", "Mary"]


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")
        conn = stack.enter_context(client.responses.connect(model="gpt-5.5", store=False))

        def introduce(name):
            """Two turns of a conversation; the second goes on from the first, on the same lane."""
            first = conn.create(input=f"My name is {name}.")
            with conn.stream(input="What is my name?", previous_response_id=first.id) as stream:
                return stream.lane, stream.response().output_text

        with ThreadPoolExecutor() as pool:
            for lane, answer in pool.map(introduce, NAMES):
                print(f"{lane}: {answer}")

        # A lane of our own, and another one that goes on from the same response.
        planner = conn.lane("planner")
        plan = planner.create(input="My name is Hedy. Plan a party.")
        critic = planner.fork("critic")
        print("critic:", critic.create(input="What is my name, and what is wrong with the plan?").output_text)
        print("planner:", planner.create(input="What is my name?", previous_response_id=plan.id).output_text)


if __name__ == "__main__":
    main()
