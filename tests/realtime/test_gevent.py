"""Under gevent's monkey patching, in a process of its own: threads are greenlets there."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from realtime_sync.server import LocalServer

pytest.importorskip("gevent", reason="gevent is not installed")

SCRIPT = """
from gevent import monkey
monkey.patch_all()
import json, sys, threading
import gevent
from realtime_sync import Client
from realtime_sync.errors import ConnectionClosed, ReceiveTimeout

client = Client(base_url=sys.argv[1], api_key="k", timeout=30, options={"ca_file": sys.argv[2] or None})
told = {}
with client.realtime.connect(model="m", modalities=["text"]) as rt:
    done = []
    rt.on("response.done", done.append)
    questions = [gevent.spawn(rt.ask, f"What is {n} plus 1?") for n in range(5)]
    gevent.joinall(questions, raise_error=True)
    told["answers"] = [each.value.text for each in questions]
    told["answered"] = rt.request({"type": "session.update", "session": {"type": "realtime"}}).type
    while True:
        try:
            rt.receive(timeout=0)
        except ReceiveTimeout:
            break
    # Whoever waits lets the others run.
    rounds = []
    def count():
        while True:
            rounds.append(1)
            gevent.sleep(0)
    counting = gevent.spawn(count)
    try:
        rt.receive(timeout=0.2)
    except ReceiveTimeout:
        told["rounds"] = len(rounds)
    counting.kill()
    waiting = gevent.spawn(lambda: [event.type for event in rt])
    gevent.sleep(0)
told["iterated"] = waiting.get(timeout=10)
told["handled"] = len(done)
told["threads"] = [thread.name for thread in threading.enumerate() if thread.name.startswith("rts-")]
print(json.dumps(told))
"""


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_greenlets_share_a_session(secure, tls):
    """Five greenlets ask at once, callbacks run, a wait lets others run, and a close ends all of it."""
    with LocalServer(tls=tls.server_context if secure else None) as server:
        ca_file = str(tls.ca_file) if secure else ""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SCRIPT), server.base_url, ca_file],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [f"{n} plus 1 is {n + 1}." in answer for n, answer in enumerate(told["answers"])] == [True] * 5
    assert told["answered"] == "session.updated"
    assert told["rounds"] > 5
    assert told["iterated"] == []
    assert told["handled"] == 5
    assert told["threads"] == []
