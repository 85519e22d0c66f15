"""What must not be taken for a lost connection: a slow callback, a long silence."""

from __future__ import annotations

import time

from realtime_sync import Client
from tests.support.peer import CLOSE, PING, PONG, TEXT, Link, frame
from tests.support.waiting import run_in_thread, wait_until

LIMITS = {"ping_interval": 0.02, "ping_timeout": 0.2, "close_timeout": 0.2}
LONGER = 0.25
"""Seconds: more than the limits together."""


def test_neither_a_slow_callback_nor_a_silent_server_is_dead(make_peer):
    """While a callback blocks and a thread waits in receive(), pings go on, and both limits may pass many times."""
    pings = []

    def answer_pings_only(link: Link) -> None:
        link.upgrade()
        link.write(frame(TEXT, b'{"type": "session.created", "event_id": "e", "session": {}}'))
        while (got := link.read_frame()).opcode != CLOSE:
            if got.opcode == PING:
                pings.append(time.monotonic())
                link.write(frame(PONG, got.payload))
            else:
                link.write(frame(TEXT, b'{"type": "late", "event_id": "l"}'))
        link.write(frame(CLOSE, got.payload[:2]))
        link.drop()

    peer = make_peer(answer_pings_only)
    client = Client(base_url=f"http://127.0.0.1:{peer.port}/v1", api_key="k", options=LIMITS)
    ended = []

    def block(_event) -> None:
        wait_until(lambda: pings and pings[-1] - pings[0] > LONGER)
        ended.append(rt.closed)

    with client.realtime.connect(model="m", handlers={"session.created": block}) as rt:
        assert rt.receive(5).type == "session.created"
        waiting = run_in_thread(rt.receive, 10)
        wait_until(lambda: ended)
        assert ended == [False]
        rt.send({"type": "x"})
        assert waiting.result().type == "late"
