"""The official Python SDK as a client, unchanged."""

import threading

import pytest
from websockets.exceptions import InvalidStatus

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
