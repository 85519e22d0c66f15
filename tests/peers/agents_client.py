"""OpenAI's Agents SDK as a client: agents_client.py SCENARIO,… BASE_URL…

Runs the scenarios side by side, each in a session of its own, and prints one JSON line for each.
"""

import array
import asyncio
import json
import math
import sys

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelRawClientMessage, RealtimeModelSendRawMessage

PATIENCE = 30.0
TEXT = {"output_modalities": ["text"], "audio": {"input": {"turn_detection": None}}}


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return "sunny"


AGENT = RealtimeAgent(name="helper", instructions="Be kind.", tools=[get_weather])


async def until(events, wanted):
    """Return the events up to the first for which `wanted` is true; errors end the scenario unless they are it."""
    taken = []
    while True:
        event = await asyncio.wait_for(anext(events), PATIENCE)
        taken.append(event)
        if wanted(event):
            return taken
        if event.type == "error":
            raise AssertionError(event.error)


async def raw_until(events, kind):
    """Return the server event of this type, and all events up to it."""

    def wanted(event):
        return (
            event.type == "raw_model_event"
            and event.data.type == "raw_server_event"
            and event.data.data["type"] == kind
        )

    taken = await until(events, wanted)
    return taken[-1].data.data, taken


async def raw(session, kind, **fields):
    message = RealtimeModelRawClientMessage(type=kind, other_data=fields)
    await session.model.send_event(RealtimeModelSendRawMessage(message=message))


def last_said(session):
    """Return the text of the assistant's last message in the history that the SDK keeps."""
    said = [item for item in session._history if getattr(item, "role", None) == "assistant"]
    return "".join(part.text or "" if part.type == "text" else part.transcript or "" for part in said[-1].content)


async def ask(session, events, text):
    await session.send_message(text)
    response = (await raw_until(events, "response.done"))[0]["response"]
    return response, last_said(session)


def sound(seconds, *, loud=True):
    return array.array(
        "h", (round(9000 * math.sin(n / 9)) if loud else 0 for n in range(int(seconds * 24_000)))
    ).tobytes()


async def text(session, events):
    response, said = await ask(session, events, "say good morning")
    return {"text": said, "status": response["status"]}


async def turns(session, events):
    await ask(session, events, "my name is Ada")
    return (await ask(session, events, "what is my name?"))[1]


async def update(session, events):
    await session.update_agent(RealtimeAgent(name="other", instructions="Be brief."))
    while (await raw_until(events, "session.updated"))[0]["session"]["instructions"] == AGENT.instructions:
        pass
    return "Be brief."


async def error(session, events):
    errors = []
    for kind, event_id in (("response.cancel", "mine"), ("no.such.event", "mine too")):
        await session.model._websocket.send(json.dumps({"type": kind, "event_id": event_id}))
        errors.append((await until(events, lambda event: event.type == "error"))[-1].error)
    return [{"code": each.code, "event_id": each.event_id} for each in errors]


async def cancel(session, events):
    await session.send_message("count to 1000")
    await raw_until(events, "response.output_text.delta")
    await session.model._cancel_response()
    response = (await raw_until(events, "response.done"))[0]["response"]
    return {"status": response["status"], "reason": response["status_details"]["reason"]}


async def function_call(session, events):
    await session.send_message("please get_weather for Paris")
    tool_end = (await until(events, lambda event: event.type == "tool_end"))[-1]
    await raw_until(events, "response.created")
    await raw_until(events, "response.done")
    return {"name": tool_end.tool.name, "arguments": json.loads(tool_end.arguments), "text": last_said(session)}


async def push_to_talk(session, events):
    await session.send_audio(sound(1), commit=True)
    committed, _ = await raw_until(events, "input_audio_buffer.committed")
    added, _ = await raw_until(events, "conversation.item.added")
    await raw(session, "response.create")
    return {"own": added["item"]["id"] == committed["item_id"], **await heard_answer(session, events)}


async def heard_answer(session, events):
    done, taken = await raw_until(events, "response.done")
    audio = sum(len(event.audio.data) for event in taken if event.type == "audio")
    return {"status": done["response"]["status"], "spoken": bool(last_said(session)), "audible": audio > 4_800}


async def voice_detection(session, events):
    await session.send_audio(sound(0.5, loud=False))
    await session.send_audio(sound(1))
    await session.send_audio(sound(1, loud=False))
    started, _ = await raw_until(events, "input_audio_buffer.speech_started")
    stopped, _ = await raw_until(events, "input_audio_buffer.speech_stopped")
    answer = await heard_answer(session, events)
    heard = stopped["audio_end_ms"] - started["audio_start_ms"]
    return {"status": answer["status"], "audible": answer["audible"], "heard": heard}


DETECTION = {"type": "server_vad", "silence_duration_ms": 300}
SCENARIOS = {
    text: TEXT,
    turns: TEXT,
    update: TEXT,
    error: TEXT,
    cancel: TEXT,
    function_call: TEXT,
    push_to_talk: {"audio": {"input": {"turn_detection": None}}},
    voice_detection: {"audio": {"input": {"turn_detection": DETECTION}}},
}


async def play(base_url, scenario, settings):
    """Run one scenario in a session of its own and print what came out."""
    url = base_url.replace("http", "ws", 1) + "/realtime?model=gpt-realtime"
    config = {"url": url, "api_key": "any", "initial_model_settings": {"model_name": "gpt-realtime", **settings}}
    try:
        async with await RealtimeRunner(AGENT).run(model_config=config) as session:
            outcome = {"result": await scenario(session, aiter(session))}
    except Exception as error:
        outcome = {"failed": repr(error)}
    print(json.dumps({"at": base_url, "scenario": scenario.__name__, **outcome}), flush=True)


async def main(names, base_urls):
    set_tracing_disabled(True)
    chosen = {scenario: settings for scenario, settings in SCENARIOS.items() if scenario.__name__ in names}
    await asyncio.gather(*(play(url, *scenario) for url in base_urls for scenario in chosen.items()))


asyncio.run(main(sys.argv[1].split(","), sys.argv[2:]))
