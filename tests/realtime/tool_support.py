"""Tools for tests, and the server's side of their calls."""

from __future__ import annotations

import json
import threading
from typing import Any

from realtime_sync import ToolContext

__all__ = ["Work", "call_item", "calls", "outputs"]


class Work:
    """Tools, and when they run."""

    def __init__(self):
        self.gate = threading.Event()
        self.inside = threading.Semaphore(0)
        self.contexts = []

    def add(self, a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    def wait(self, n: int, context: ToolContext) -> int:
        """Wait to be let go."""
        self.contexts.append(context)
        self.inside.release()
        self.gate.wait(20)
        return n

    def entered(self, times=1):
        for _ in range(times):
            assert self.inside.acquire(timeout=10)


def call_item(name: str, number: int | str, **arguments: Any) -> dict:
    """Return a finished function call; its call id is ``call_NUMBER``."""
    return {
        "id": f"item_call_{number}",
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": name,
        "arguments": json.dumps(arguments),
    }


def calls(
    peer, create: dict | None, *items: dict, response_id: str = "resp_1", status="completed", output=True
) -> None:
    """Answer a create (None: nobody asked) with function calls. `output`: the terminal event repeats them."""
    metadata = (create or {}).get("response", {}).get("metadata")
    response = {"object": "realtime.response", "id": response_id, "metadata": metadata, "output": []}
    peer.send("response.created", response={**response, "status": "in_progress"})
    for index, item in enumerate(items):
        unfinished = {**item, "status": "in_progress", "arguments": ""}
        peer.send("response.output_item.added", response_id=response_id, output_index=index, item=unfinished)
        peer.send("response.output_item.done", response_id=response_id, output_index=index, item=item)
    peer.send("response.done", response={**response, "status": status, "output": list(items) if output else None})


def outputs(peer, number: int = 1) -> list[dict]:
    """Take the next events, which are to be so many outputs of calls; acknowledge and return them."""
    taken = []
    for _ in range(number):
        event = peer.receive()
        assert event["type"] == "conversation.item.create", event
        assert event["item"]["type"] == "function_call_output"
        taken.append(event["item"])
        peer.send("conversation.item.added", item={**event["item"], "object": "realtime.item", "status": "completed"})
    return taken
