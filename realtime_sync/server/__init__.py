"""A threaded server on loopback that speaks OpenAI's Realtime and Responses APIs, for tests, demos and a quick start.

    with LocalServer() as server:
        client = OpenAI(base_url=server.base_url, api_key="any")

Its answers come from a small rule-based responder, or from yours: ``LocalServer(responder=fn)``. There is no
model. What it hears and how it speaks are stand-ins as well, which ``transcriber=`` and ``speaker=`` replace.
"""

from __future__ import annotations

import importlib.util

from realtime_sync.errors import MissingExtra

for _package in ("flask", "websockets"):
    try:
        _found = importlib.util.find_spec(_package)
    except ValueError:
        _found = None
    if _found is None:
        raise MissingExtra("server", "the local server")

from realtime_sync.server._faults import Fault, Faults  # noqa: E402 - after the check
from realtime_sync.server._journal import Handshake, ReceivedEvent  # noqa: E402
from realtime_sync.server._local import LocalServer, serve  # noqa: E402
from realtime_sync.server._reply import Answer, Reply, Responder, ResponderRequest  # noqa: E402
from realtime_sync.server._rules import answer_by_rules  # noqa: E402
from realtime_sync.server._speaker import Speaker, speak_by_espeak, speak_by_tone  # noqa: E402
from realtime_sync.server._transcriber import Transcriber, transcribe_by_likeness  # noqa: E402

__all__ = [
    "Answer",
    "Fault",
    "Faults",
    "Handshake",
    "LocalServer",
    "ReceivedEvent",
    "Reply",
    "Responder",
    "ResponderRequest",
    "Speaker",
    "Transcriber",
    "answer_by_rules",
    "serve",
    "speak_by_espeak",
    "speak_by_tone",
    "transcribe_by_likeness",
]
