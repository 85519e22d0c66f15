"""The official Python SDK as a client, unchanged."""

import base64
import json
import threading

import pytest
from websockets.exceptions import InvalidStatus

from realtime_sync.server import speak_by_tone
from tests.server.support import voice

openai = pytest.importorskip("openai", reason="the official SDK is not installed: pip install 'openai[realtime]'")

TEXT = {"type": "realtime", "output_modalities": ["text"]}


@pytest.fixture
def sdk(serve):
    """Make SDK clients that are closed with the test."""
    clients = []

    def make(server, **options):
        client = openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0, **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def say(connection, text):
    content = [{"type": "input_text", "text": text}]
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    connection.response.create(response={"output_modalities": ["text"]})


def answer(connection):
    text = ""
    for event in connection:
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.done":
            return text, event.response
        elif event.type == "error":
            raise AssertionError(event.error)
    raise AssertionError("the connection ended first")


def test_a_text_conversation(serve, sdk):
    """The SDK updates the session and has a conversation of several turns."""
    with sdk(serve()).realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(session=TEXT)
        say(connection, "my name is Ada")
        assert "Ada" in answer(connection)[0]
        say(connection, "what is my name?")
        text, response = answer(connection)
        assert text == "Your name is Ada."
        assert response.status == "completed"
        assert response.usage.output_tokens > 0
        assert response.output[0].content[0].text == text


def test_over_tls(serve, sdk, tls):
    """The SDK works over TLS."""
    server = serve(tls=(tls.cert_file, tls.key_file))
    with sdk(server).realtime.connect(
        model="m", websocket_connection_options={"ssl": tls.client_context}
    ) as connection:
        assert connection.recv().type == "session.created"
        content = [{"type": "input_text", "text": "say secure"}]
        connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        assert connection.recv().type == "conversation.item.added"
        assert connection.recv().type == "conversation.item.done"
        connection.response.create(response={"output_modalities": ["text"]})
        assert answer(connection)[0] == "secure"


def test_errors_cancel_and_items(serve, sdk):
    """The SDK's verbs for errors, cancelling and items get the events that they wait for."""
    with sdk(serve(time_scale=1)).realtime.connect(model="m") as connection:
        assert connection.recv().type == "session.created"
        connection.response.cancel(event_id="mine")
        error = connection.recv().error
        assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")
        say(connection, "count to 1000")
        for event in connection:
            if event.type == "response.output_text.delta":
                connection.response.cancel(response_id=event.response_id)
                break
        _, response = answer(connection)
        assert (response.status, response.status_details.reason) == ("cancelled", "client_cancelled")
        assert response.output[0].status == "incomplete"
        assert connection.recv().type == "rate_limits.updated"
        connection.conversation.item.retrieve(item_id=response.output[0].id)
        assert connection.recv().item.status == "incomplete"
        connection.conversation.item.delete(item_id=response.output[0].id)
        assert connection.recv().item_id == response.output[0].id
        connection.conversation.item.truncate(item_id="none", content_index=0, audio_end_ms=0)
        assert connection.recv().error.code == "item_truncate_invalid_item_id"
        connection.input_audio_buffer.clear()
        assert connection.recv().type == "input_audio_buffer.cleared"


def until(connection, kind):
    """Return the SDK's events up to the first of this type."""
    events = []
    while not events or events[-1].type != kind:
        events.append(connection.recv())
        assert events[-1].type == kind or events[-1].type != "error", events[-1]
    return events


def speak(connection, audio):
    for start in range(0, len(audio), 4800):
        connection.input_audio_buffer.append(audio=base64.b64encode(audio[start : start + 4800]).decode())


def heard(events):
    deltas = [base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta"]
    return b"".join(deltas)


def test_push_to_talk(serve, sdk):
    """The SDK sends audio, commits it and asks for a spoken answer, a turn at a time."""
    with sdk(serve(transcriber=lambda _: "say one two")).realtime.connect(model="m") as connection:
        audio = {"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-transcribe"}}}
        connection.session.update(session={"type": "realtime", "audio": audio})
        assert until(connection, "session.updated")[-1].session.audio.input.turn_detection is None
        for _ in range(2):
            speak(connection, voice(0.5))
            connection.input_audio_buffer.commit()
            committed = until(connection, "input_audio_buffer.committed")[-1]
            added = until(connection, "conversation.item.done")[-1]
            assert added.item.id == committed.item_id
            connection.response.create()
            events = until(connection, "response.done")
            assert heard(events) == speak_by_tone("one two", "alloy", 1.0).data
            response = events[-1].response
            assert response.output[0].content[0].transcript == "one two"
            assert response.usage.output_token_details.audio_tokens > 0


def test_voice_detection_barge_in_and_truncation(serve, sdk):
    """The SDK speaks, is answered, interrupts the answer, and truncates it to what was heard."""
    with sdk(serve(time_scale=1, transcriber=lambda _: "count to 1000")).realtime.connect(model="m") as connection:
        audio = {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}}
        connection.session.update(session={"type": "realtime", "audio": audio})
        speak(connection, voice(0.5) + bytes(9600))
        events = until(connection, "response.output_audio.delta")
        started = next(event for event in events if event.type == "input_audio_buffer.speech_started")
        stopped = next(event for event in events if event.type == "input_audio_buffer.speech_stopped")
        assert (started.audio_start_ms, stopped.audio_end_ms) == (0, 700)
        speak(connection, voice(0.3))
        assert until(connection, "input_audio_buffer.speech_started")[-1].audio_start_ms == 700
        done = until(connection, "response.done")[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
        item = events[-1].item_id
        connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=50)
        assert until(connection, "conversation.item.truncated")[-1].audio_end_ms == 50
        connection.conversation.item.retrieve(item_id=item)
        part = until(connection, "conversation.item.retrieved")[-1].item.content[0]
        assert (len(base64.b64decode(part.audio)), part.transcript) == (2400, None)


def test_a_function_call(serve, sdk):
    """The SDK declares a function, is asked to call it, and gets the answer that uses its output."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "name": "get_weather", "description": "Tells the weather.", "parameters": parameters}
    with sdk(serve()).realtime.connect(model="m") as connection:
        connection.session.update(session={**TEXT, "tools": [tool], "tool_choice": "auto"})
        say(connection, "How is the weather in Oslo?")
        events = until(connection, "response.done")
        arguments = next(event for event in events if event.type == "response.function_call_arguments.done")
        (call,) = events[-1].response.output
        assert (call.type, call.name, call.call_id) == ("function_call", "get_weather", arguments.call_id)
        assert json.loads(call.arguments) == {"city": "Oslo"}
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        connection.conversation.item.create(item=output)
        connection.response.create()
        assert answer(connection)[0] == "get_weather answered: sunny"


def test_callbacks(serve, sdk):
    """The SDK's own dispatch loop works, and ends when the server closes."""
    server = serve()
    done = threading.Event()
    with sdk(server).realtime.connect(model="m") as connection:
        connection.on("response.done", lambda _: done.set())
        connection.on("response.output_text.delta", lambda _: None)
        thread = threading.Thread(target=connection.dispatch_events)
        thread.start()
        say(connection, "hello")
        assert done.wait(10)
        server.close()
        thread.join(10)
        assert not thread.is_alive()


def test_a_wrong_key(serve, sdk):
    """The SDK reports a refused key, over HTTP in its own exception."""
    client = sdk(serve(api_key="right"))
    with pytest.raises(InvalidStatus) as refused:
        client.realtime.connect(model="m").enter()
    assert refused.value.response.status_code == 401
    with pytest.raises(openai.AuthenticationError, match="API key"):
        client.models.list()


def test_twenty_parallel_sessions(serve, sdk):
    """Twenty SDK connections have their turns at the same time."""
    client = sdk(serve(time_scale=0.2))
    results = []

    def talk(number):
        with client.realtime.connect(model="m") as connection:
            say(connection, f"say number {number}")
            results.append(answer(connection)[0] == f"number {number}")

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [True] * 20
