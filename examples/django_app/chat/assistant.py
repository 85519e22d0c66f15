"""Who answers: OpenAI where there is a key, another server where its address is set, else a local one of our own."""

import atexit
import logging
import os

from realtime_sync import Client

MODEL = os.environ.get("CHAT_MODEL", "gpt-5.5")
INSTRUCTIONS = "You are a friendly assistant on a small web page. Answer briefly, in plain text."


def is_local() -> bool:
    """Tell whether answers come from the local server, which has rules instead of a model."""
    return not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))


def make_client() -> Client:
    """Make the client of this process. Called when the first visitor asks something."""
    if not is_local():
        return Client()
    from realtime_sync.server import LocalServer

    server = LocalServer().start()
    atexit.register(server.close)
    logging.getLogger(__name__).warning(
        "OPENAI_API_KEY is not set: a local server answers, by rules, at %s", server.base_url
    )
    return Client(base_url=server.base_url, api_key="local")
