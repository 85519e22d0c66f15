"""The API's verbs, as they go over the wire, and against the local server."""

from __future__ import annotations

import base64

import pytest

from realtime_sync import Client
from realtime_sync.errors import LocalProtocolError, RequestTimeout, ServerError
from realtime_sync.realtime import _resources
from realtime_sync.server import LocalServer
from realtime_sync.types import realtime as types
from tests.support.scripted import SESSION
from tests.support.waiting import run_in_thread, wait_until

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (
            lambda rt: rt.session.update({"voice": None}),
            {"type": "session.update", "session": {"type": "realtime", "voice": None}},
        ),
        (
            lambda rt: rt.session.update(session={"type": "transcription"}),
            {"type": "session.update", "session": {"type": "transcription"}},
        ),
        (
            lambda rt: rt.conversation.item.create(item={**USER, "id": "i"}, previous_item_id="root"),
            {"type": "conversation.item.create", "item": {**USER, "id": "i"}, "previous_item_id": "root"},
        ),
        (
            lambda rt: rt.conversation.item.create({**USER, "id": "i"}, previous_item_id=None),
            {"type": "conversation.item.create", "item": {**USER, "id": "i"}, "previous_item_id": None},
        ),
        (lambda rt: rt.conversation.item.retrieve(item_id="i"), {"type": "conversation.item.retrieve", "item_id": "i"}),
        (lambda rt: rt.conversation.item.delete(item_id="i"), {"type": "conversation.item.delete", "item_id": "i"}),
        (
            lambda rt: rt.conversation.item.truncate(item_id="i", audio_end_ms=5, content_index=0),
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 5},
        ),
        (lambda rt: rt.input_audio_buffer.commit(), {"type": "input_audio_buffer.commit"}),
        (lambda rt: rt.input_audio_buffer.clear(), {"type": "input_audio_buffer.clear"}),
        (lambda rt: rt.output_audio_buffer.clear(), {"type": "output_audio_buffer.clear"}),
        (lambda rt: rt.response.create(), {"type": "response.create"}),
        (
            lambda rt: rt.response.create(response={"instructions": "x"}),
            {"type": "response.create", "response": {"instructions": "x"}},
        ),
        (lambda rt: rt.response.cancel(), {"type": "response.cancel"}),
        (lambda rt: rt.response.cancel(response_id="r"), {"type": "response.cancel", "response_id": "r"}),
        (lambda rt: rt.response.create(extra_body={"new": 1}), {"type": "response.create", "new": 1}),
        (lambda rt: rt.response.create(event_id="mine"), {"type": "response.create", "event_id": "mine"}),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_verbs_on_the_wire(connect, call, sent):
    """Each verb sends one event with exactly what was given, and returns its event id."""
    rt, peer = connect()
    event_id = call(rt)
    received = peer.receive()
    assert received.pop("event_id") == event_id
    sent = dict(sent)
    assert sent.pop("event_id", event_id) == event_id
    assert received == sent


def test_classes_go_out_as_their_fields(connect):
    """Items, sessions and whole events as objects of `types.realtime`."""
    rt, peer = connect()
    content = types.RealtimeConversationItemUserMessageContent(type="input_text", text="hi")
    item = types.RealtimeConversationItemUserMessage(content=[content])
    rt.conversation.item.create(item)
    assert peer.receive()["item"]["content"] == [{"type": "input_text", "text": "hi"}]
    rt.send(types.ResponseCreateEvent())
    assert peer.receive()["type"] == "response.create"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_append_takes_anything_like_bytes(connect, kind):
    """It goes out as base64 text."""
    rt, peer = connect()
    rt.input_audio_buffer.append(kind(b"\1\2\3\4"))
    rt.input_audio_buffer.append(audio="AQIDBA==")
    assert [base64.b64decode(peer.receive()["audio"]) for _ in range(2)] == [b"\1\2\3\4"] * 2


@pytest.mark.parametrize("as_text", [False, True])
def test_append_splits_what_is_over_the_limit(connect, monkeypatch, as_text):
    """Several events, whose audio put together is what was given."""
    monkeypatch.setattr(_resources, "MAX_APPEND_BYTES", 30)
    rt, peer = connect()
    audio = bytes(range(100))
    last = rt.input_audio_buffer.append(base64.b64encode(audio).decode() if as_text else audio, event_id="last")
    events = [peer.receive() for _ in range(4)]
    assert b"".join(base64.b64decode(event["audio"]) for event in events) == audio
    assert events[-1]["event_id"] == last == "last"


@pytest.mark.parametrize("wrong", [5, None, "not base64!", ["x"]])
def test_append_refuses_what_is_no_audio(connect, wrong):
    """A clear error before anything is sent."""
    rt, _ = connect()
    with pytest.raises(LocalProtocolError, match="audio"):
        rt.input_audio_buffer.append(wrong)


@pytest.mark.parametrize("wrong", [5, "text", None])
def test_objects_must_be_objects(connect, wrong):
    """A session, item or response that is neither a mapping nor a class."""
    rt, _ = connect()
    for call in (rt.session.update, rt.conversation.item.create, rt.response.create):
        with pytest.raises(LocalProtocolError):
            call(wrong)


def test_a_timeout_without_wait_is_refused(connect):
    """No parameter is accepted and ignored."""
    rt, _ = connect()
    with pytest.raises(LocalProtocolError, match="wait=True"):
        rt.session.update({}, timeout=5)
    with pytest.raises(RequestTimeout):
        rt.session.update({}, wait=True, timeout=0.01)


def test_request_completes_what_is_needed_to_tell_the_answer(connect):
    """An item without an id gets one, a cancel without an id names the active response."""
    rt, peer = connect()
    made = run_in_thread(rt.request, {"type": "conversation.item.create", "item": USER})
    item = peer.receive()["item"]
    assert item["id"]
    peer.send("conversation.item.created", item=item)
    assert made.result().type == "conversation.item.created"
    rt.response.create()
    peer.respond(peer.receive(), finish=False, response_id="running")
    wait_until(lambda: rt._api.book.active_response_id == "running")
    cancelled = run_in_thread(rt.response.cancel, wait=True)
    assert peer.receive()["response_id"] == "running"
    peer.finish(response_id="running", status="cancelled")
    assert cancelled.result().response.status == "cancelled"


def test_the_effective_session(connect):
    """What the server last told, None before."""
    rt, peer = connect()
    assert (rt.session.current, rt.session.id, rt.session.expires_at) == (None, None, None)
    peer.send("session.created", session=SESSION)
    rt.receive(timeout=10)
    assert rt.session.current.output_modalities == ("text",)


@pytest.fixture
def live():
    """A session to the local server."""
    with LocalServer(time_scale=0) as server:
        client = Client(base_url=server.base_url, api_key="k")
        with client.realtime.connect(model="gpt-realtime", modalities=["text"]) as rt:
            yield rt


def test_every_acknowledged_verb_against_the_local_server(live):
    """wait=True returns the event that acknowledges, or raises the server's error."""
    assert live.session.update({"instructions": "x"}, wait=True).session.instructions == "x"
    item = live.conversation.item.create(USER, wait=True).item
    assert live.conversation.item.retrieve(item.id, wait=True).item.id == item.id
    assert live.conversation.item.delete(item.id, wait=True).item_id == item.id
    with pytest.raises(ServerError):
        live.conversation.item.delete(item.id, wait=True)
    with pytest.raises(ServerError):
        live.conversation.item.truncate("nothing", audio_end_ms=0, wait=True)
    live.input_audio_buffer.append(bytes(9600))
    assert live.input_audio_buffer.clear(wait=True).type == "input_audio_buffer.cleared"
    with pytest.raises(ServerError):
        live.input_audio_buffer.commit(wait=True)
    live.input_audio_buffer.append(bytes(9600))
    assert live.input_audio_buffer.commit(wait=True).item_id
    assert live.response.create(wait=True).response.status == "in_progress"
    live.wait_for("response.done", timeout=10)
    with pytest.raises(ServerError):
        live.response.cancel(wait=True)
    assert live.ask("Hello").status == "completed"


def test_cancel_against_the_local_server():
    """A long answer is cut: status cancelled, with what had arrived."""
    with (
        LocalServer() as server,
        Client(base_url=server.base_url, api_key="k").realtime.connect(model="m", modalities=["text"]) as rt,
    ):
        with rt.stream("Count to 500") as stream:
            next(stream.text())
            stream.cancel()
            turn = stream.turn()
        assert turn.status == "cancelled"
        assert turn.text
        assert rt.ask("Hello").status == "completed"
