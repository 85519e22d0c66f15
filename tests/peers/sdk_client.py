"""The official Python SDK's asynchronous connection as a client: sdk_client.py SCENARIO,… BASE_URL…

Runs the scenarios side by side, each in a session of its own, and prints one JSON line for each.
"""

import array
import asyncio
import base64
import json
import math
import sys

from openai import AsyncOpenAI

PATIENCE = 30.0
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def until(connection, kind, taken=None):
    """Return the next event of this type; errors end the scenario unless they are what it waits for."""
    while True:
        event = await asyncio.wait_for(connection.recv(), PATIENCE)
        if taken is not None:
            taken.append(event)
        if event.type == kind:
            return event
        if event.type == "error":
            raise AssertionError(event.error)


async def configure(connection, **session):
    await connection.session.update(session={"type": "realtime", **session})
    return (await until(connection, "session.updated")).session


async def say(connection, text):
    content = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    await connection.response.create()


async def answer(connection):
    """Read a whole response: it, its text or transcript, its audio."""
    taken = []
    response = (await until(connection, "response.done", taken)).response
    kinds = ("response.output_text.delta", "response.output_audio_transcript.delta")
    text = "".join(event.delta for event in taken if event.type in kinds)
    audio = b"".join(base64.b64decode(e.delta) for e in taken if e.type == "response.output_audio.delta")
    return response, text, audio


async def speak(connection, seconds, *, loud=True):
    samples = array.array("h", (round(9000 * math.sin(n / 9)) if loud else 0 for n in range(int(seconds * 24_000))))
    await connection.input_audio_buffer.append(audio=base64.b64encode(samples.tobytes()).decode())


async def text(connection):
    await configure(connection, output_modalities=["text"])
    await say(connection, "say good morning")
    response, said, _ = await answer(connection)
    return {"text": said, "status": response.status}


async def turns(connection):
    await configure(connection, output_modalities=["text"])
    await say(connection, "my name is Ada")
    await answer(connection)
    await say(connection, "what is my name?")
    return (await answer(connection))[1]


async def update(connection):
    await configure(connection, output_modalities=["text"], instructions="Be brief.")
    return (await configure(connection, max_output_tokens=4)).instructions


async def error(connection):
    await connection.response.cancel(event_id="mine")
    await connection.send({"type": "no.such.event", "event_id": "mine too"})
    errors = [(await until(connection, "error")).error for _ in range(2)]
    return [{"code": each.code, "event_id": each.event_id} for each in errors]


async def cancel(connection):
    await configure(connection, output_modalities=["text"])
    await say(connection, "count to 1000")
    delta = await until(connection, "response.output_text.delta")
    await connection.response.cancel(response_id=delta.response_id)
    response, _, _ = await answer(connection)
    return {"status": response.status, "reason": response.status_details.reason}


async def function_call(connection):
    await configure(connection, output_modalities=["text"], tools=[TOOL], tool_choice="auto")
    await say(connection, "please get_weather for Paris")
    (call,) = (await answer(connection))[0].output
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    await connection.conversation.item.create(item=output)
    await connection.response.create()
    said = (await answer(connection))[1]
    return {"name": call.name, "arguments": json.loads(call.arguments), "text": said}


async def push_to_talk(connection):
    await configure(connection, audio={"input": {"turn_detection": None}})
    await speak(connection, 1)
    await connection.input_audio_buffer.commit()
    committed = await until(connection, "input_audio_buffer.committed")
    added = await until(connection, "conversation.item.added")
    await connection.response.create()
    response, said, audio = await answer(connection)
    return {
        "own": added.item.id == committed.item_id,
        "status": response.status,
        "spoken": bool(said),
        "audible": len(audio) > 4_800,
    }


async def voice_detection(connection):
    detection = {"type": "server_vad", "silence_duration_ms": 300}
    await configure(connection, audio={"input": {"turn_detection": detection}})
    await speak(connection, 0.5, loud=False)
    await speak(connection, 1)
    await speak(connection, 1, loud=False)
    started = await until(connection, "input_audio_buffer.speech_started")
    stopped = await until(connection, "input_audio_buffer.speech_stopped")
    response, _, audio = await answer(connection)
    heard = stopped.audio_end_ms - started.audio_start_ms
    return {"status": response.status, "audible": len(audio) > 4_800, "heard": heard}


SCENARIOS = (text, turns, update, error, cancel, function_call, push_to_talk, voice_detection)


async def play(base_url, scenario):
    """Run one scenario in a session of its own and print what came out."""
    try:
        async with (
            AsyncOpenAI(base_url=base_url, api_key="any") as client,
            client.realtime.connect(model="gpt-realtime") as connection,
        ):
            await until(connection, "session.created")
            outcome = {"result": await scenario(connection)}
    except Exception as error:
        outcome = {"failed": repr(error)}
    print(json.dumps({"at": base_url, "scenario": scenario.__name__, **outcome}), flush=True)


async def main(names, base_urls):
    chosen = [each for each in SCENARIOS if each.__name__ in names]
    await asyncio.gather(*(play(url, scenario) for url in base_urls for scenario in chosen))


asyncio.run(main(sys.argv[1].split(","), sys.argv[2:]))
