"""Tools under many threads, interruptions and time-outs, against the local server: nothing twice, nothing left, no hang."""

from __future__ import annotations

import itertools
import json
import random
import threading

import pytest

from realtime_sync import Client, ToolContext
from realtime_sync.errors import RequestTimeout
from realtime_sync.server import LocalServer, Reply
from tests.realtime import voice
from tests.support.examples import examples
from tests.support.interrupting import interrupted_at
from tests.support.waiting import run_in_thread, wait_until


def respond(request):
    """Answer ``call N`` with N calls of `work`, their outputs with how many there were, and anything else with itself."""
    newest = request.items[-1]
    if newest["type"] == "function_call_output":
        outputs = list(
            itertools.takewhile(lambda each: each["type"] == "function_call_output", reversed(request.items))
        )
        return f"{len(outputs)} outputs: " + ",".join(each["output"] for each in reversed(outputs))
    word, _, number = request.text.partition(" ")
    if word != "call":
        return f"said {request.text}"
    return [Reply(function_call=("work", {"key": f"{request.text}#{n}"})) for n in range(int(number.split()[0]))]


class Tools:
    """A tool that notes each call, and may take its time or ask on its own session."""

    def __init__(self, seed=0):
        self.random = random.Random(seed)  # noqa: S311
        self.lock = threading.Lock()
        self.ran = []
        self.never = threading.Event()

    def work(self, key: str, context: ToolContext) -> str:
        with self.lock:
            self.ran.append((context.call_id, key))
            choice = self.random.random()
        if choice < 0.3:
            self.never.wait(choice / 30)
        if choice > 0.85 and not context.cancelled:
            return context.session.ask(f"inner {key}", timeout=20).text
        return "ok"


@pytest.fixture
def served():
    """The local server with `respond`; gives a function that opens a session with tools."""
    with LocalServer(responder=respond, time_scale=0) as server:
        sessions = []

        def connect(tools, **arguments):
            client = Client(base_url=server.base_url, api_key="x", timeout=30)
            sessions.append(client.realtime.connect(model="m", modalities=["text"], tools=[tools.work], **arguments))
            return sessions[-1]

        yield server, connect
        for session in sessions:
            session.close()


def outputs_sent(server):
    """Return the call ids of all outputs that the server received, in order."""
    events = [event for event in server.received if event["type"] == "conversation.item.create"]
    return [event["item"]["call_id"] for event in events if event["item"]["type"] == "function_call_output"]


def check(server, tools, rt):
    """Check that no call ran or was answered twice, that every output is of a call that ran, and that rt works."""
    turn = rt.ask("call 2 last", timeout=20)
    assert turn.text.startswith("2 outputs")
    ran = [call_id for call_id, _ in tools.ran]
    assert len(ran) == len(set(ran))
    sent = outputs_sent(server)
    assert len(sent) == len(set(sent))
    assert set(sent) <= set(ran)
    wait_until(lambda: not rt._api.book._all())
    voice.assert_idle(rt)
    executor = rt._api.tools.executor
    wait_until(lambda: not executor._queue and not any(each.job for each in list(executor._workers.values())))
    assert not any(each.waits for each in list(executor._workers.values()))


def test_many_threads_ask_at_once(served):
    """Each gets its own calls' outputs, however the turns interleave; tools ask in between."""
    server, connect = served
    tools = Tools(1)
    rt = connect(tools)

    def asker(number):
        for n in range(6):
            count = 1 + (number + n) % 3
            turn = rt.ask(f"call {count} {number} {n}", timeout=60)
            assert turn.text.startswith(f"{count} outputs"), turn
            assert turn.rounds == 2
            assert turn.function_calls == ()

    for asking in [run_in_thread(asker, number) for number in range(6)]:
        asking.result(90)
    check(server, tools, rt)
    assert len([key for _, key in tools.ran if "last" not in key]) == sum(
        1 + (number + n) % 3 for number in range(6) for n in range(6)
    )


@pytest.mark.parametrize("seed", range(examples(3)))
def test_turns_that_end_in_any_way(served, seed):
    """Asked, left, cancelled, interrupted, dropped, out of time, from several threads: the session works afterwards."""
    server, connect = served
    tools = Tools(seed)
    rt = connect(tools, tool_timeout=0.5)

    def actor(number):
        chance = random.Random(f"{seed} {number}")  # noqa: S311
        for n in range(8):
            text = f"call {chance.randint(1, 3)} {number} {n}"
            how = chance.choice(["ask", "leave", "cancel", "interrupt", "drop", "time out", "unasked"])
            if how == "ask":
                assert rt.ask(text, timeout=60).status in ("completed", "cancelled")
            elif how == "time out":
                with pytest.raises(RequestTimeout):
                    rt.ask(text, timeout=chance.choice([0, 0.002, 0.01]))
                    raise RequestTimeout  # Or it was quick.
            elif how == "unasked":
                item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
                rt.conversation.item.create(item)
                rt.response.create()
            else:
                act(rt, rt.stream(text, timeout=60), how, chance.randint(0, 40))

    for acting in [run_in_thread(actor, number) for number in range(4)]:
        acting.result(90)
    check(server, tools, rt)


def act(rt, stream, how, after):
    """Take so many events of a stream, then end it."""
    for _ in itertools.islice(stream, after):
        pass
    if how == "leave":
        stream.close()
    elif how == "cancel":
        stream.cancel()
        stream.turn()
    elif how == "interrupt":
        rt.interrupt()
        stream.turn()


def test_an_interrupt_anywhere_in_a_turn_with_tools(served):
    """Ctrl-C at any point of asking, running tools and going on leaves a session that works."""
    server, connect = served
    tools = Tools()
    tools.random.random = lambda: 0.5
    rt = connect(tools)
    point, step = 1, 41 if examples(1) == 1 else 1
    while interrupted_at(point, lambda: rt.ask("call 1 x", timeout=20), ()):
        wait_until(lambda: not rt._core.flow.waits)
        point += step
    assert point > 500
    check(server, tools, rt)


def test_the_json_of_the_outputs(served):
    """What arrives at the server is what the tool returned."""
    server, connect = served

    class Json(Tools):
        def work(self, key: str) -> dict:
            return {"key": key, "n": [1, None]}

    rt = connect(Json())
    assert rt.ask("call 1 z").text == '1 outputs: {"key":"call 1 z#0","n":[1,null]}'
    [item] = [event["item"] for event in server.received if event.get("item", {}).get("type") == "function_call_output"]
    assert json.loads(item["output"]) == {"key": "call 1 z#0", "n": [1, None]}
